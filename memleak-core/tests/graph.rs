//! The graph of a real heap: each kind of owner of the standard library in a static, and what is dead in its memory.

mod child;

use child::tracked;

use memleak_core::address::RuntimeAddress;
use memleak_core::heap::containers::View;
use memleak_core::heap::graph::{EdgeKind, Graph, Heap, Source, Trust};
use memleak_core::heap::program::Program;
use memleak_core::heap::reach::Reach;
use memleak_core::heap::snapshot::Snapshot;
use memleak_core::tracker::Allocator;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

struct Session {
    _id: u64,
}

fn session(id: u64) -> Box<Session> {
    Box::new(Session { _id: id })
}

struct Seen {
    snapshot: Snapshot,
    graph: Graph,
    reach: Reach,
    roots: Vec<String>,
}

fn look() -> Seen {
    let program = Program::current().unwrap();
    let snapshot = program.snapshot();
    let (contents, roots) = (program.contents(&snapshot), program.roots(&snapshot));
    let view = View { snapshot: &snapshot, types: program.types() };
    let graph = Graph::of(&Heap { view, contents: &contents, roots: &roots });
    let reach = Reach::of(&graph);
    let roots = roots.iter().map(|root| root.name.to_string()).collect();
    Seen { snapshot, graph, reach, roots }
}

impl Seen {
    fn block<T: ?Sized>(&self, value: *const T) -> u32 {
        let block = self.snapshot.block_around(RuntimeAddress(value.addr() as u64));
        block.expect("a value on the heap") as u32
    }

    /// The kinds of the edges that lead to the block of this value.
    fn kinds<T: ?Sized>(&self, value: *const T) -> Vec<EdgeKind> {
        let mut kinds: Vec<_> = self.graph.to_block(self.block(value)).iter().map(|edge| edge.kind).collect();
        kinds.sort_unstable();
        kinds
    }

    fn trust<T: ?Sized>(&self, value: *const T) -> Option<Trust> {
        self.reach.trust(self.block(value))
    }

    /// The static at the beginning of the way to this value.
    fn root<T: ?Sized>(&self, value: *const T) -> &str {
        match self.reach.way_to(self.block(value)).first().map(|edge| edge.from) {
            Some(Source::Root(root)) => &self.roots[root as usize],
            other => panic!("not a static: {other:?}"),
        }
    }
}

/// An address that is found nowhere as it is.
struct Hidden(usize);

fn hide<T>(value: *const T) -> Hidden {
    Hidden(!value.addr())
}

impl Hidden {
    fn address(&self) -> *const u8 {
        std::ptr::without_provenance(!self.0)
    }
}

/// Runs on a thread of its own, which has ended when the heap is looked at: so no stack holds what it made.
fn made<T: Send + 'static>(make: fn() -> T) -> T {
    std::thread::spawn(make).join().unwrap()
}

#[derive(Default)]
struct Owners {
    map: HashMap<u64, Arc<Session>>,
    tree: BTreeMap<u64, Box<Session>>,
    deque: VecDeque<Box<Session>>,
    list: LinkedList<Box<Session>>,
    vec: Vec<Option<Box<Session>>>,
    slice: Box<[Box<Session>]>,
    shared_slice: Option<Arc<[Box<Session>]>>,
    raw: Option<std::ptr::NonNull<Session>>,
}

// SAFETY: the pointer is only looked at.
unsafe impl Send for Owners {}

static LAZY: LazyLock<Mutex<Owners>> = LazyLock::new(Mutex::default);
static ONCE: OnceLock<Box<Session>> = OnceLock::new();

#[test]
fn every_owner_in_a_static_is_certain() {
    tracked("every_owner_in_a_static_is_certain", || {
        let hidden = made(|| {
            let mut owners = LAZY.lock().unwrap();
            let mut hidden = Vec::new();
            let mut new = || {
                let session = session(7);
                hidden.push(hide(&raw const *session));
                session
            };
            for id in 0..30 {
                owners.tree.insert(id, new());
            }
            owners.tree.split_off(&25).into_values().for_each(drop);
            for _ in 0..5 {
                owners.deque.push_back(new());
            }
            owners.deque.rotate_left(3);
            owners.list.extend([new(), new(), new()]);
            owners.vec.extend([Some(new()), None, Some(new())]);
            owners.slice = Box::new([new(), new()]);
            owners.shared_slice = Some([new(), new()].into());
            hidden.drain(25..30);
            assert!(ONCE.set(session(1)).is_ok());
            let arc = Arc::new(Session { _id: 3 });
            owners.raw = Some(std::ptr::NonNull::from(Box::leak(session(4))));
            owners.map.insert(1, Arc::clone(&arc));
            owners.map.insert(2, arc);
            hidden
        });
        let seen = look();
        let owners = LAZY.lock().unwrap();
        for (index, session) in hidden.iter().enumerate() {
            let session = session.address();
            assert_eq!((index, seen.trust(session)), (index, Some(Trust::Owned)));
            assert_eq!((index, seen.kinds(session)), (index, vec![EdgeKind::Owning]));
            assert_eq!(seen.root(session), "graph::LAZY");
        }
        let counted = Arc::as_ptr(&owners.map[&1]);
        assert_eq!(seen.kinds(counted), [EdgeKind::Counted, EdgeKind::Counted]);
        assert_eq!(seen.trust(counted), Some(Trust::Owned));
        assert_eq!(seen.graph.owners_found(seen.block(counted)), 2);
        assert_eq!(seen.trust(owners.raw.unwrap().as_ptr()), Some(Trust::Borrowed));
        let once = &raw const **ONCE.get().unwrap();
        assert_eq!((seen.root(once), seen.trust(once)), ("graph::ONCE", Some(Trust::Owned)));
    });
}

#[derive(Default)]
#[expect(clippy::vec_box, reason = "each session is to have a block of its own")]
struct Spare {
    vec: Vec<Box<Session>>,
    deque: VecDeque<Box<Session>>,
    map: HashMap<u64, Box<Session>>,
    tree: BTreeMap<u64, Box<Session>>,
    drained: Option<std::vec::IntoIter<Box<Session>>>,
    variant: Option<Result<Box<Session>, u64>>,
    weak: Weak<Session>,
    dropped: Weak<Session>,
}

// SAFETY: the pointers are only looked at.
unsafe impl Send for Spare {}

static SPARE: LazyLock<Mutex<Spare>> = LazyLock::new(Mutex::default);

/// Forgets a session, and says where it is.
#[inline(never)]
fn forget(session: Box<Session>) -> Hidden {
    let hidden = hide(&raw const *session);
    std::mem::forget(session);
    hidden
}

#[test]
fn what_was_taken_out_is_lost_though_its_address_is_still_there() {
    tracked("what_was_taken_out_is_lost_though_its_address_is_still_there", || {
        let hidden = made(|| {
            let spare = &mut *SPARE.lock().unwrap();
            spare.vec.extend([session(1), session(2)]);
            spare.deque.extend([session(1), session(2), session(3)]);
            spare.map.extend([(1, session(1)), (2, session(2))]);
            spare.tree.extend([(1, session(1)), (2, session(2))]);
            spare.drained = Some(vec![session(1), session(2)].into_iter());
            spare.variant = Some(Ok(session(1)));
            let rc = Rc::new(Session { _id: 5 });
            spare.weak = Rc::downgrade(&rc);
            spare.dropped = Rc::downgrade(&Rc::new(Session { _id: 6 }));
            let weak_only = hide(Rc::into_raw(rc));
            let Some(Ok(variant)) = spare.variant.replace(Err(1)) else { unreachable!() };
            vec![
                forget(spare.vec.pop().unwrap()),
                forget(spare.deque.pop_front().unwrap()),
                forget(spare.deque.pop_back().unwrap()),
                forget(spare.map.remove(&1).unwrap()),
                forget(spare.tree.remove(&2).unwrap()),
                forget(spare.drained.as_mut().unwrap().next().unwrap()),
                forget(variant),
                weak_only,
            ]
        });
        let seen = look();
        for (index, session) in hidden.iter().enumerate() {
            let session = session.address();
            assert_eq!((index, seen.trust(session)), (index, None), "{:?}", seen.graph.to_block(seen.block(session)));
        }
        let spare = SPARE.lock().unwrap();
        for kept in [&spare.vec[0], &spare.deque[0], &spare.map[&2], &spare.tree[&1]] {
            assert_eq!(seen.trust(&raw const **kept), Some(Trust::Owned));
        }
        let drained = spare.drained.as_ref().unwrap().as_slice();
        assert_eq!(seen.trust(&raw const *drained[0]), Some(Trust::Owned));
        assert_eq!(seen.trust(spare.dropped.as_ptr()), Some(Trust::Owned), "a Weak keeps the block of a dropped value");
        assert_eq!(seen.kinds(hidden[7].address()), [EdgeKind::Weak]);
    });
}

#[test]
fn what_the_stack_of_a_live_thread_owns() {
    tracked("what_the_stack_of_a_live_thread_owns", || {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let with_capacity = Vec::with_capacity(100);
        let thread = std::thread::spawn(move || {
            // Its closure's block keeps the empty `Vec`: a stale copy, which must not hide what is in there by now.
            let mut sessions: Vec<Box<Session>> = with_capacity;
            sessions.extend([session(1), session(2)]);
            tell.send((hide(&raw const *sessions[0]), hide(sessions.as_ptr()))).unwrap();
            ended.recv().unwrap();
            drop(sessions);
        });
        let (session, buffer) = told.recv().unwrap();
        let seen = look();
        // Or through the closure's block, from what the C library keeps beside the thread's memory.
        for block in [buffer, session] {
            let trust = seen.trust(block.address());
            assert!([Some(Trust::Stack), Some(Trust::Unknown)].contains(&trust), "{trust:?}");
        }
        end.send(()).unwrap();
        thread.join().unwrap();
    });
}

thread_local! {
    static LOCAL: RefCell<Option<Box<Session>>> = const { RefCell::new(None) };
}

#[test]
fn a_thread_local_of_another_thread() {
    tracked("a_thread_local_of_another_thread", || {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            LOCAL.set(Some(session(1)));
            LOCAL.with_borrow(|session| tell.send(hide(&raw const **session.as_ref().unwrap())).unwrap());
            ended.recv().unwrap();
        });
        let session = told.recv().unwrap();
        let seen = look();
        assert_eq!(seen.trust(session.address()), Some(Trust::Owned));
        assert!(seen.root(session.address()).contains("LOCAL"), "{}", seen.root(session.address()));
        end.send(()).unwrap();
        thread.join().unwrap();
    });
}
