//! What of a program's types a user does not want to see: the insides of containers, locks, cells, channels and smart pointers.
//!
//! [`KNOWN`] is the one table; to add a type, add a row. A row says where what the user put in comes out again. The insides of types that
//! are not in the table are shown as they are: plain fields are never wrong.
//!
//! May use: `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, Types};
use crate::heap::containers::{View, parameter};
use std::rc::Rc;

/// A type whose insides are left out.
pub(super) struct Known {
    /// How the names of its types begin.
    prefix: &'static str,
    pub(super) shape: Shape,
    /// Whether a user has not written this type: it is inside of what was written.
    pub(super) inner: bool,
}

/// What a type is to a user.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// A pointer: with the block that it leads to something new begins.
    Pointer,
    /// It holds values, in itself or in blocks of its own.
    Holds(&'static [Exit]),
}

/// Where a value that the user put in begins.
pub(super) struct Exit {
    /// Below the field with this name; empty for anywhere.
    field: &'static str,
    /// At a value of this generic parameter's type; empty for any type. With `[]` it is the element of that, an array; with `::` it is how the
    /// name of the type begins.
    of: &'static str,
    slot: Slot,
}

/// What to say of the place of a value in its container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing: there is one.
    Only,
    /// Its number.
    Index,
    /// Its number, in a list whose nodes lead to each other: `head`, `next`, and back from `tail` by `prev`.
    Link,
    Key,
    Value,
    Message,
}

const fn exit(of: &'static str, slot: Slot) -> Exit {
    Exit { field: "", of, slot }
}

const fn below(field: &'static str, of: &'static str, slot: Slot) -> Exit {
    Exit { field, of, slot }
}

const fn pointer(prefix: &'static str) -> Known {
    Known { prefix, shape: Shape::Pointer, inner: false }
}

const fn holds(prefix: &'static str, exits: &'static [Exit]) -> Known {
    Known { prefix, shape: Shape::Holds(exits), inner: false }
}

const fn inside(prefix: &'static str, exits: &'static [Exit]) -> Known {
    Known { prefix, shape: Shape::Holds(exits), inner: true }
}

const NOTHING: &[Exit] = &[];
const ONLY: &[Exit] = &[exit("T", Slot::Only)];
const ITEMS: &[Exit] = &[exit("T", Slot::Index)];
const MESSAGES: &[Exit] = &[exit("T", Slot::Message)];
/// The future, or what came of it.
const TASK: &[Exit] = &[exit("T", Slot::Only), exit("core::result::Result<", Slot::Only)];
const BUCKETS: &[Exit] = &[below("__0", "K", Slot::Key), below("__1", "V", Slot::Value)];
const MEMBERS: &[Exit] = &[below("__0", "T", Slot::Key)];
const NODES: &[Exit] = &[below("keys", "K", Slot::Key), below("vals", "V", Slot::Value)];
const VALUES: &[Exit] = &[exit("V", Slot::Index)];
const CACHED: &[Exit] = &[below("value", "V", Slot::Value), exit("K", Slot::Key)];
const ENTRIES: &[Exit] = &[below("key", "K", Slot::Key), below("value", "V", Slot::Value)];

/// The types, by the start of their names.
const KNOWN: &[Known] = &[
    // Pointers.
    pointer("&"),
    pointer("*"),
    pointer("alloc::boxed::Box<"),
    pointer("alloc::rc::Rc<"),
    pointer("alloc::rc::Weak<"),
    pointer("alloc::sync::Arc<"),
    pointer("alloc::sync::Weak<"),
    pointer("core::ptr::non_null::NonNull<"),
    pointer("core::ptr::unique::Unique<"),
    pointer("core::sync::atomic::Atomic<*"),
    pointer("core::sync::atomic::AtomicPtr<"),
    pointer("arc_swap::ArcSwapAny<"),
    pointer("bytes::bytes::Bytes"),
    pointer("once_cell::race::once_box::OnceBox<"),
    inside("bytes::bytes::Owned<", &[below("owner", "T", Slot::Only)]),
    inside("alloc::rc::RcBox<", &[below("value", "", Slot::Only)]),
    inside("alloc::rc::RcInner<", &[below("value", "", Slot::Only)]),
    inside("alloc::sync::ArcInner<", &[below("data", "", Slot::Only)]),
    holds("core::pin::Pin<", &[exit("Ptr", Slot::Only)]),
    // One value, or none.
    holds("core::option::Option<", ONLY),
    holds("core::result::Result<", &[exit("T", Slot::Only), exit("E", Slot::Only)]),
    holds("core::cell::Cell<", ONLY),
    holds("core::cell::RefCell<", ONLY),
    holds("core::cell::UnsafeCell<", ONLY),
    holds("core::cell::lazy::LazyCell<", ONLY),
    holds("core::cell::once::OnceCell<", ONLY),
    holds("core::mem::manually_drop::ManuallyDrop<", ONLY),
    holds("core::mem::maybe_uninit::MaybeUninit<", ONLY),
    holds("crossbeam_utils::cache_padded::CachePadded<", ONLY),
    holds("lock_api::mutex::Mutex<", ONLY),
    holds("lock_api::remutex::ReentrantMutex<", ONLY),
    holds("lock_api::rwlock::RwLock<", ONLY),
    holds("once_cell::sync::Lazy<", ONLY),
    holds("once_cell::sync::OnceCell<", ONLY),
    holds("once_cell::unsync::Lazy<", ONLY),
    holds("once_cell::unsync::OnceCell<", ONLY),
    holds("lazy_static::lazy::Lazy<", ONLY),
    holds("std::sync::lazy_lock::LazyLock<", ONLY),
    holds("std::sync::nonpoison::mutex::Mutex<", ONLY),
    holds("std::sync::nonpoison::rwlock::RwLock<", ONLY),
    holds("std::sync::once_lock::OnceLock<", ONLY),
    holds("std::sync::poison::mutex::Mutex<", ONLY),
    holds("std::sync::poison::rwlock::RwLock<", ONLY),
    holds("tokio::sync::mutex::Mutex<", ONLY),
    holds("tokio::sync::once_cell::OnceCell<", ONLY),
    holds("tokio::sync::rwlock::RwLock<", ONLY),
    holds("tokio::sync::set_once::SetOnce<", ONLY),
    holds("thread_local::ThreadLocal<", ONLY),
    inside("core::mem::maybe_dangling::MaybeDangling<", ONLY),
    inside("dashmap::util::SharedValue<", ONLY),
    inside("std::sys::thread_local::native::eager::Storage<", ONLY),
    inside("std::sys::thread_local::native::lazy::Storage<", ONLY),
    inside("futures_util::stream::futures_unordered::task::Task<", &[exit("Fut", Slot::Only)]),
    inside("tokio::runtime::task::core::Cell<", TASK),
    inside("tokio::task::core::Cell<", TASK),
    // Many values.
    holds("alloc::vec::Vec<", ITEMS),
    holds("alloc::vec::into_iter::IntoIter<", ITEMS),
    holds("alloc::collections::binary_heap::BinaryHeap<", ITEMS),
    holds("alloc::collections::linked_list::LinkedList<", &[exit("T", Slot::Link)]),
    holds("alloc::collections::vec_deque::VecDeque<", ITEMS),
    holds("arrayvec::arrayvec::ArrayVec<", &[below("xs", "", Slot::Only)]),
    holds("generational_arena::Arena<", ITEMS),
    holds("slab::Slab<", ITEMS),
    holds("slotmap::basic::SlotMap<", VALUES),
    holds("slotmap::dense::DenseSlotMap<", VALUES),
    holds("slotmap::hop::HopSlotMap<", VALUES),
    holds("slotmap::secondary::SecondaryMap<", VALUES),
    holds("slotmap::sparse_secondary::SparseSecondaryMap<", &[exit("V", Slot::Value)]),
    holds("smallvec::SmallVec<", &[exit("A", Slot::Only), exit("A[]", Slot::Index)]),
    holds("alloc::collections::btree::map::BTreeMap<", NODES),
    holds("alloc::collections::btree::set::BTreeSet<", &[below("keys", "T", Slot::Key)]),
    holds("std::collections::hash::map::HashMap<", BUCKETS),
    holds("std::collections::hash::set::HashSet<", MEMBERS),
    holds("hashbrown::map::HashMap<", BUCKETS),
    holds("hashbrown::set::HashSet<", MEMBERS),
    holds("hashbrown::raw::RawTable<", ONLY),
    holds("hashbrown::raw::inner::RawTable<", ONLY),
    holds("hashbrown::table::HashTable<", ONLY),
    holds("dashmap::DashMap<", BUCKETS),
    holds("dashmap::set::DashSet<", &[below("__0", "K", Slot::Key)]),
    holds("indexmap::map::IndexMap<", ENTRIES),
    holds("indexmap::set::IndexSet<", &[below("key", "T", Slot::Key)]),
    holds("lru::LruCache<", &[below("key", "K", Slot::Key), below("val", "V", Slot::Value)]),
    holds("moka::future::cache::Cache<", CACHED),
    holds("moka::sync::cache::Cache<", CACHED),
    holds("moka::sync::segment::SegmentedCache<", CACHED),
    holds("alloc::string::String", NOTHING),
    // Channels and what wakes.
    holds("std::sync::mpsc::Receiver<", MESSAGES),
    holds("std::sync::mpsc::Sender<", MESSAGES),
    holds("std::sync::mpsc::SyncSender<", MESSAGES),
    holds("std::sync::mpmc::Receiver<", MESSAGES),
    holds("std::sync::mpmc::Sender<", MESSAGES),
    holds("async_channel::Receiver<", MESSAGES),
    holds("async_channel::Sender<", MESSAGES),
    holds("crossbeam_channel::channel::Receiver<", MESSAGES),
    holds("crossbeam_channel::channel::Sender<", MESSAGES),
    holds("crossbeam_deque::deque::Injector<", MESSAGES),
    holds("crossbeam_deque::deque::Stealer<", MESSAGES),
    holds("crossbeam_deque::deque::Worker<", MESSAGES),
    holds("crossbeam_queue::array_queue::ArrayQueue<", MESSAGES),
    holds("crossbeam_queue::seg_queue::SegQueue<", MESSAGES),
    holds("flume::Receiver<", MESSAGES),
    holds("flume::Sender<", MESSAGES),
    holds("futures_channel::mpsc::Receiver<", MESSAGES),
    holds("futures_channel::mpsc::Sender<", MESSAGES),
    holds("futures_channel::mpsc::UnboundedReceiver<", MESSAGES),
    holds("futures_channel::mpsc::UnboundedSender<", MESSAGES),
    holds("futures_channel::oneshot::Receiver<", MESSAGES),
    holds("futures_channel::oneshot::Sender<", MESSAGES),
    holds("tokio::sync::broadcast::Receiver<", MESSAGES),
    holds("tokio::sync::broadcast::Sender<", MESSAGES),
    holds("tokio::sync::mpsc::bounded::Receiver<", MESSAGES),
    holds("tokio::sync::mpsc::bounded::Sender<", MESSAGES),
    holds("tokio::sync::mpsc::unbounded::UnboundedReceiver<", MESSAGES),
    holds("tokio::sync::mpsc::unbounded::UnboundedSender<", MESSAGES),
    holds("tokio::sync::oneshot::Receiver<", MESSAGES),
    holds("tokio::sync::oneshot::Sender<", MESSAGES),
    holds("tokio::sync::watch::Receiver<", ONLY),
    holds("tokio::sync::watch::Sender<", ONLY),
    holds("tokio::sync::notify::Notify", NOTHING),
    inside("std::sync::mpmc::array::Slot<", MESSAGES),
    inside("std::sync::mpmc::list::Block<", MESSAGES),
    inside("tokio::sync::broadcast::Slot<", MESSAGES),
    inside("tokio::sync::mpsc::block::Block<", MESSAGES),
    inside("tokio::sync::mpsc::chan::Chan<", MESSAGES),
    inside("tokio::sync::oneshot::Inner<", MESSAGES),
    inside("tokio::sync::watch::Shared<", ONLY),
    holds("tokio::runtime::task::join::JoinHandle<", TASK),
    holds("tokio::task::join_set::JoinSet<", TASK),
    holds("std::thread::JoinHandle<", ONLY),
    holds("std::thread::join_handle::JoinHandle<", ONLY),
];

/// Where the types of the table, and those inside of them, are defined.
const LIBRARIES: &[&str] = &[
    "alloc",
    "arc_swap",
    "arrayvec",
    "async_channel",
    "bytes",
    "concurrent_queue",
    "core",
    "crossbeam_channel",
    "crossbeam_deque",
    "crossbeam_epoch",
    "crossbeam_queue",
    "crossbeam_utils",
    "dashmap",
    "flume",
    "futures_channel",
    "futures_util",
    "generational_arena",
    "hashbrown",
    "indexmap",
    "lazy_static",
    "lock_api",
    "lru",
    "moka",
    "once_cell",
    "parking_lot",
    "parking_lot_core",
    "slab",
    "slotmap",
    "smallvec",
    "std",
    "thread_local",
    "tokio",
    "triomphe",
];

/// The row of a type.
pub(super) fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| name.starts_with(known.prefix))
}

/// Whether a type of this name is the user's: not a part of one of the libraries in the table, nor of the language.
pub(super) fn is_users(name: &str) -> bool {
    let root = name.split("::").next().filter(|root| root.len() < name.len());
    root.is_some_and(|root| {
        root.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && !root.contains(['<', ' '])
            && !LIBRARIES.contains(&root)
    })
}

/// What a user calls a thread-local or static of this type: without what is only around it.
pub(super) fn written(types: &dyn Types, id: TypeId) -> Rc<Type> {
    let ty = types.get(id);
    match known(&ty.name) {
        Some(known) if known.inner => parameter(&ty, "T").map_or(Rc::clone(&ty), |inner| types.get(inner)),
        _ => ty,
    }
}

/// A container that was entered and not yet left.
pub(super) struct Open {
    /// The ways out: below which field, at a type of which name, and what that place is.
    exits: Vec<(&'static str, Name, Slot)>,
    /// The first field of the current block that is named by an exit.
    below: Option<&'static str>,
    pub(super) pointer: bool,
    /// What it says that its length is.
    len: Option<u64>,
    links: Links,
}

/// How far along a list of nodes the way is.
#[derive(Clone, Copy)]
enum Links {
    /// Not on one yet.
    Start,
    /// At the node with this number.
    Forward(u64),
    /// At the node with this number, counted from the end.
    Backward(u64),
    /// On no list, or to and fro.
    Lost,
}

/// Which types an exit is at.
enum Name {
    Any,
    Is(Rc<str>),
    Begins(&'static str),
}

impl Open {
    /// Enters the value of type `ty` at `address`.
    pub(super) fn new(view: View<'_>, known: &'static Known, ty: &Type, address: RuntimeAddress) -> Open {
        let mut open = Open { exits: Vec::new(), below: None, pointer: false, len: None, links: Links::Start };
        let Shape::Holds(exits) = known.shape else {
            open.pointer = true;
            return open;
        };
        let name = |of: &'static str| match of {
            "" => Some(Name::Any),
            of if of.contains("::") => Some(Name::Begins(of)),
            of => view.parameter_at(ty, of).map(|id| Name::Is(Rc::clone(&view.types.get(id).name))),
        };
        open.exits = exits.iter().filter_map(|exit| Some((exit.field, name(exit.of)?, exit.slot))).collect();
        if exits.iter().any(|exit| exit.slot == Slot::Link) {
            open.len = view.field_number(ty, address, "len");
        }
        open
    }

    /// A field on the way.
    pub(super) fn field(&mut self, name: &str) {
        if self.below.is_none() {
            self.below = self.exits.iter().map(|(field, _, _)| *field).find(|field| *field == name);
        }
        self.links = match (self.links, name) {
            (Links::Start, "head") => Links::Forward(0),
            (Links::Start, "tail") => Links::Backward(0),
            (Links::Forward(number), "next") => Links::Forward(number + 1),
            (Links::Backward(number), "prev") => Links::Backward(number + 1),
            (_, "head" | "tail" | "next" | "prev") => Links::Lost,
            (links, _) => links,
        };
    }

    /// Another block of the same container.
    pub(super) fn block(&mut self) {
        self.below = None;
    }

    /// The number of the node that the way has come to.
    pub(super) fn node(&self) -> Option<u64> {
        match self.links {
            Links::Forward(number) => Some(number),
            Links::Backward(number) => self.len?.checked_sub(number + 1),
            Links::Start | Links::Lost => None,
        }
    }

    /// Whether a value of a type of this name is what the user put in, and if so at what kind of place.
    pub(super) fn left_at(&self, name: &str) -> Option<Slot> {
        let fits = |of: &Name| match of {
            Name::Any => true,
            Name::Is(ty) => **ty == *name,
            Name::Begins(prefix) => name.starts_with(prefix),
        };
        let here = |field: &str| field.is_empty() || self.below == Some(field);
        self.exits.iter().find(|(field, of, _)| here(field) && fits(of)).map(|(_, _, slot)| *slot)
    }
}
