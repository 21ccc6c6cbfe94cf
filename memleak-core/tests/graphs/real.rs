//! The same in earnest: nodes and pointers of real types, and the places that outlive a graph.

use crate::fields::{Field, Fields, Pointer};
use crate::model::{Form, Kind, Origin, Root};
use memleak_core::tracker;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::{self, Rc};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{self, Arc, Condvar, LazyLock, Mutex};
use std::task::{Context, Waker};
use std::thread;

/// More nodes than a run has.
const NODES: usize = 2_000_000;

static DROPPED: LazyLock<Box<[AtomicBool]>> = LazyLock::new(|| {
    let _own = tracker::untracked();
    (0..NODES).map(|_| AtomicBool::new(false)).collect()
});

/// Whether the node's `Drop` has run.
pub fn was_dropped(id: u32) -> bool {
    DROPPED[id as usize].load(Ordering::Relaxed)
}

/// In each node: says when it is dropped.
pub struct Probe(u32);

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(!DROPPED[self.0 as usize].swap(true, Ordering::Relaxed), "node {} was dropped twice", self.0);
    }
}

pub struct Node {
    _probe: Probe,
    fields: RefCell<Fields<Ptr>>,
}

// SAFETY: one thread at a time touches a graph.
unsafe impl Sync for Node {}

/// What a `dyn` pointer leads to.
pub trait Hold {
    fn with_fields(&self, change: &mut dyn FnMut(&mut Fields<Ptr>));
}

impl Hold for Node {
    fn with_fields(&self, change: &mut dyn FnMut(&mut Fields<Ptr>)) {
        change(&mut self.fields.borrow_mut());
    }
}

/// A node of another type and size.
struct Wide {
    _before: [u64; 5],
    fields: Mutex<Fields<Ptr>>,
    _probe: Probe,
    _name: String,
}

impl Hold for Wide {
    fn with_fields(&self, change: &mut dyn FnMut(&mut Fields<Ptr>)) {
        change(&mut self.fields.lock().unwrap());
    }
}

/// A part of a slice: the first has the probe.
pub struct Element {
    _probe: Option<Probe>,
    _held: Option<Ptr>,
}

type Pinned = Pin<Box<dyn Future<Output = ()>>>;

/// A pointer of any kind.
pub enum Ptr {
    Shared(Rc<Node>),
    Atomic(Arc<Node>),
    Unique(Box<Node>),
    SharedDyn(Rc<dyn Hold>),
    UniqueDyn(Box<dyn Hold>),
    Closure(Box<dyn Fn() -> u32>),
    Future(Pinned),
    Slice(Arc<[Element]>),
    Weak(rc::Weak<Node>),
    AtomicWeak(sync::Weak<Node>),
    WeakDyn(rc::Weak<dyn Hold>),
    Address(*const Node, Origin),
    Number(usize, Origin),
    TaggedLow(usize, Origin),
    TaggedHigh(usize, Origin),
    Manual(ManuallyDrop<Rc<Node>>),
}

// SAFETY: one thread at a time touches a graph.
unsafe impl Send for Ptr {}
// SAFETY: as above.
unsafe impl<P: Pointer> Send for Fields<P> {}

const LOW_TAG: usize = 5;
const HIGH_TAG: usize = 0xbeef << 48;

impl Ptr {
    /// A node with places for pointers.
    pub fn new(kind: Kind, id: u32) -> Ptr {
        let node = || Node { _probe: Probe(id), fields: RefCell::default() };
        let wide = || Wide {
            _before: [u64::from(id); 5],
            fields: Mutex::default(),
            _probe: Probe(id),
            _name: format!("node {id}"),
        };
        match kind {
            Kind::Shared => Ptr::Shared(Rc::new(node())),
            Kind::Atomic => Ptr::Atomic(Arc::new(node())),
            Kind::Unique => Ptr::Unique(Box::new(node())),
            Kind::SharedDyn if id.is_multiple_of(2) => Ptr::SharedDyn(Rc::new(node())),
            Kind::SharedDyn => Ptr::SharedDyn(Rc::new(wide())),
            Kind::UniqueDyn if id.is_multiple_of(2) => Ptr::UniqueDyn(Box::new(node())),
            Kind::UniqueDyn => Ptr::UniqueDyn(Box::new(wide())),
            other => unreachable!("{other:?} is made by `around`"),
        }
    }

    /// A node that takes pointers in when it is made.
    pub fn around(kind: Kind, id: u32, first: Option<Ptr>, second: Option<Ptr>) -> Ptr {
        let probe = Probe(id);
        match kind {
            Kind::Closure => {
                let held = (probe, first, second);
                Ptr::Closure(Box::new(move || {
                    let held = &held;
                    held.0.0
                }))
            }
            Kind::Future => {
                let mut future: Pinned = Box::pin(hold(probe, first, second));
                let pending = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
                assert!(pending);
                Ptr::Future(future)
            }
            Kind::Slice => Ptr::Slice(Arc::from([
                Element { _probe: Some(probe), _held: first },
                Element { _probe: None, _held: None },
                Element { _probe: None, _held: second },
            ])),
            other => unreachable!("{other:?} is made by `new`"),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Ptr::Shared(_) => Kind::Shared,
            Ptr::Atomic(_) => Kind::Atomic,
            Ptr::Unique(_) => Kind::Unique,
            Ptr::SharedDyn(_) => Kind::SharedDyn,
            Ptr::UniqueDyn(_) => Kind::UniqueDyn,
            Ptr::Closure(_) => Kind::Closure,
            Ptr::Future(_) => Kind::Future,
            Ptr::Slice(_) => Kind::Slice,
            Ptr::Weak(_) => Kind::Weak,
            Ptr::AtomicWeak(_) => Kind::AtomicWeak,
            Ptr::WeakDyn(_) => Kind::WeakDyn,
            Ptr::Address(_, origin) => Kind::Raw(Form::Pointer, *origin),
            Ptr::Number(_, origin) => Kind::Raw(Form::Number, *origin),
            Ptr::TaggedLow(_, origin) => Kind::Raw(Form::TaggedLow, *origin),
            Ptr::TaggedHigh(_, origin) => Kind::Raw(Form::TaggedHigh, *origin),
            Ptr::Manual(_) => Kind::Manual,
        }
    }

    /// An address in the block of a node that has just been made.
    pub fn address(&self) -> usize {
        match self {
            Ptr::Shared(node) => Rc::as_ptr(node).addr(),
            Ptr::Atomic(node) => Arc::as_ptr(node).addr(),
            Ptr::Unique(node) => (&raw const **node).addr(),
            Ptr::SharedDyn(node) => Rc::as_ptr(node).addr(),
            Ptr::UniqueDyn(node) => (&raw const **node).addr(),
            Ptr::Closure(closure) => (&raw const **closure).addr(),
            Ptr::Future(future) => (&raw const **future).addr(),
            Ptr::Slice(slice) => slice.as_ptr().addr(),
            _ => unreachable!("not how a node is made"),
        }
    }

    /// Changes the fields of the node, if it has any and is there.
    pub fn with_fields(&self, change: &mut dyn FnMut(&mut Fields<Ptr>)) {
        match self {
            Ptr::Shared(node) => node.with_fields(change),
            Ptr::Atomic(node) => node.with_fields(change),
            Ptr::Unique(node) => node.with_fields(change),
            Ptr::SharedDyn(node) => node.with_fields(change),
            Ptr::UniqueDyn(node) => node.with_fields(change),
            _ => {}
        }
    }

    /// One more pointer of this kind, if it can be shared.
    pub fn share(&self) -> Option<Ptr> {
        Some(match self {
            Ptr::Shared(node) => Ptr::Shared(node.clone()),
            Ptr::Atomic(node) => Ptr::Atomic(node.clone()),
            Ptr::SharedDyn(node) => Ptr::SharedDyn(node.clone()),
            Ptr::Slice(slice) => Ptr::Slice(slice.clone()),
            Ptr::Weak(weak) => Ptr::Weak(weak.clone()),
            Ptr::AtomicWeak(weak) => Ptr::AtomicWeak(weak.clone()),
            Ptr::WeakDyn(weak) => Ptr::WeakDyn(weak.clone()),
            _ => return None,
        })
    }

    pub fn downgrade(&self) -> Option<Ptr> {
        Some(match self {
            Ptr::Shared(node) => Ptr::Weak(Rc::downgrade(node)),
            Ptr::Atomic(node) => Ptr::AtomicWeak(Arc::downgrade(node)),
            Ptr::SharedDyn(node) => Ptr::WeakDyn(Rc::downgrade(node)),
            _ => return None,
        })
    }

    pub fn upgrade(&self) -> Option<Ptr> {
        match self {
            Ptr::Weak(weak) => weak.upgrade().map(Ptr::Shared),
            Ptr::AtomicWeak(weak) => weak.upgrade().map(Ptr::Atomic),
            Ptr::WeakDyn(weak) => weak.upgrade().map(Ptr::SharedDyn),
            _ => None,
        }
    }

    /// Gives the ownership up for an address; another kind of pointer stays as it is.
    pub fn into_raw(self, form: Form) -> Ptr {
        let (address, origin) = match self {
            Ptr::Shared(node) => (Rc::into_raw(node), Origin::Shared),
            Ptr::Atomic(node) => (Arc::into_raw(node), Origin::Atomic),
            Ptr::Unique(node) => (Box::into_raw(node).cast_const(), Origin::Unique),
            other => return other,
        };
        match form {
            Form::Pointer => Ptr::Address(address, origin),
            Form::Number => Ptr::Number(address.expose_provenance(), origin),
            Form::TaggedLow => Ptr::TaggedLow(address.expose_provenance() | LOW_TAG, origin),
            Form::TaggedHigh => Ptr::TaggedHigh(address.expose_provenance() | HIGH_TAG, origin),
        }
    }

    /// Takes the ownership back that `into_raw` gave up; another kind of pointer stays as it is.
    pub fn restore(self) -> Ptr {
        let (address, origin) = match self {
            Ptr::Address(address, origin) => (address.addr(), origin),
            Ptr::Number(address, origin) => (address, origin),
            Ptr::TaggedLow(address, origin) => (address & !LOW_TAG, origin),
            Ptr::TaggedHigh(address, origin) => (address & !HIGH_TAG, origin),
            Ptr::Manual(node) => return Ptr::Shared(ManuallyDrop::into_inner(node)),
            other => return other,
        };
        let address = std::ptr::with_exposed_provenance::<Node>(address);
        // SAFETY: `into_raw` made it of a pointer of this kind, and there is no copy of it.
        unsafe {
            match origin {
                Origin::Shared => Ptr::Shared(Rc::from_raw(address)),
                Origin::Atomic => Ptr::Atomic(Arc::from_raw(address)),
                Origin::Unique => Ptr::Unique(Box::from_raw(address.cast_mut())),
            }
        }
    }

    pub fn into_manual(self) -> Ptr {
        match self {
            Ptr::Shared(node) => Ptr::Manual(ManuallyDrop::new(node)),
            other => other,
        }
    }

    /// The address as it is written down.
    fn word(&self) -> Option<usize> {
        match self {
            Ptr::Address(address, _) => Some(address.expose_provenance()),
            Ptr::Number(word, _) | Ptr::TaggedLow(word, _) | Ptr::TaggedHigh(word, _) => Some(*word),
            _ => None,
        }
    }
}

async fn hold(probe: Probe, first: Option<Ptr>, second: Option<Ptr>) {
    std::future::pending::<()>().await;
    black_box(&(&probe, &first, &second));
}

impl Pointer for Ptr {
    type Shared = Rc<Node>;
    type Atomic = Arc<Node>;
    type Unique = Box<Node>;

    fn into_shared(self) -> Result<Rc<Node>, Ptr> {
        if let Ptr::Shared(node) = self { Ok(node) } else { Err(self) }
    }
    fn into_atomic(self) -> Result<Arc<Node>, Ptr> {
        if let Ptr::Atomic(node) = self { Ok(node) } else { Err(self) }
    }
    fn into_unique(self) -> Result<Box<Node>, Ptr> {
        if let Ptr::Unique(node) = self { Ok(node) } else { Err(self) }
    }
    fn from_shared(node: Rc<Node>) -> Ptr {
        Ptr::Shared(node)
    }
    fn from_atomic(node: Arc<Node>) -> Ptr {
        Ptr::Atomic(node)
    }
    fn from_unique(node: Box<Node>) -> Ptr {
        Ptr::Unique(node)
    }
}

static LIST: Mutex<Vec<Fields<Ptr>>> = Mutex::new(Vec::new());
static MAP: LazyLock<Mutex<HashMap<usize, Fields<Ptr>>>> = LazyLock::new(Mutex::default);
static LEAKED: Mutex<Vec<&'static Mutex<Fields<Ptr>>>> = Mutex::new(Vec::new());
thread_local! {
    static POOL: RefCell<HashMap<usize, Fields<Ptr>>> = RefCell::default();
}

/// What is to be done to the fields of a root.
pub enum Request {
    Put(Field, u64, Ptr),
    Take(Field, u64),
    Clear,
}

/// Does it to the root's fields for this graph.
pub fn at_root(root: Root, graph: usize, request: Request) -> Option<Ptr> {
    match root {
        Root::List => {
            let mut list = LIST.lock().unwrap();
            if list.len() <= graph {
                list.resize_with(graph + 1, Fields::default);
            }
            serve(&mut list[graph], request)
        }
        Root::Map => serve(MAP.lock().unwrap().entry(graph).or_default(), request),
        Root::Leaked => {
            let mut leaked = LEAKED.lock().unwrap();
            while leaked.len() <= graph {
                leaked.push(Box::leak(Box::default()));
            }
            serve(&mut leaked[graph].lock().unwrap(), request)
        }
        Root::Pool => KEEPER.ask(graph, request),
    }
}

fn serve(fields: &mut Fields<Ptr>, request: Request) -> Option<Ptr> {
    match request {
        Request::Put(field, key, pointer) => fields.put(field, key, pointer),
        Request::Take(field, key) => fields.take(field, key),
        Request::Clear => {
            *fields = Fields::default();
            None
        }
    }
}

/// A thread that keeps a pool in a thread-local, and does not end.
struct Keeper {
    mail: Mutex<Mail>,
    changed: Condvar,
}

enum Mail {
    Empty,
    Request(usize, Request),
    Answer(Option<Ptr>),
}

static KEEPER: LazyLock<&'static Keeper> = LazyLock::new(|| {
    let keeper: &'static Keeper =
        Box::leak(Box::new(Keeper { mail: Mutex::new(Mail::Empty), changed: Condvar::new() }));
    thread::Builder::new().name("keeper".to_owned()).spawn(|| keeper.run()).unwrap();
    keeper
});

impl Keeper {
    fn ask(&self, graph: usize, request: Request) -> Option<Ptr> {
        let mut mail = self.mail.lock().unwrap();
        *mail = Mail::Request(graph, request);
        self.changed.notify_all();
        let mut mail = self.changed.wait_while(mail, |mail| !matches!(mail, Mail::Answer(_))).unwrap();
        match std::mem::replace(&mut *mail, Mail::Empty) {
            Mail::Answer(answer) => answer,
            _ => unreachable!(),
        }
    }

    fn run(&self) {
        loop {
            self.wait();
            self.answer();
            wipe_stack();
        }
    }

    #[inline(never)]
    fn wait(&self) {
        let mail = self.mail.lock().unwrap();
        drop(self.changed.wait_while(mail, |mail| !matches!(mail, Mail::Request(..))).unwrap());
    }

    #[inline(never)]
    fn answer(&self) {
        let mut mail = self.mail.lock().unwrap();
        if let Mail::Request(graph, request) = std::mem::replace(&mut *mail, Mail::Empty) {
            let answer = POOL.with_borrow_mut(|pool| serve(pool.entry(graph).or_default(), request));
            *mail = Mail::Answer(answer);
            self.changed.notify_all();
        }
    }
}

/// Overwrites what ended functions have left below this frame: slots that are not written yet in a frame that lives would show it.
#[inline(never)]
pub fn wipe_stack() {
    black_box([0u8; 256 * 1024]);
}

const WORDS: usize = 65_536;
static ADDRESSES: [AtomicUsize; WORDS] = [const { AtomicUsize::new(0) }; WORDS];
static USED: AtomicUsize = AtomicUsize::new(0);

/// Writes an address into a word of a static; gives back what has none.
pub fn write_down(pointer: Ptr) -> Option<Ptr> {
    let Some(word) = pointer.word() else { return Some(pointer) };
    ADDRESSES[USED.fetch_add(1, Ordering::Relaxed)].store(word, Ordering::Relaxed);
    None
}

/// Leaves a pointer on the stack of a thread that is parked for good. It is boxed, because the unused bytes of a `Ptr` may be anything, and
/// on a stack all counts.
pub fn park_with(pointer: Ptr) {
    let pointer = Box::new(pointer);
    let parked = Arc::new(sync::Barrier::new(2));
    let other = parked.clone();
    thread::Builder::new()
        .name("parked".to_owned())
        .spawn(move || {
            let pointer = pointer;
            other.wait();
            loop {
                thread::park();
                black_box(&pointer);
            }
        })
        .unwrap();
    parked.wait();
}
