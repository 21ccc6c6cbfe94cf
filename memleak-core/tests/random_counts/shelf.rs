//! The containers of a program: of every kind that is known here, in each other, in a place of an enum.

use crate::cells::{Counted, Lazy, Raw, Slots, Spare, Tagged};
use crate::keep;
use crate::parts::Part;
use crate::random::Random;
use crate::running::{Called, Once, Running};
use crate::values::Value;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{
    BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque, hash_map, linked_list, vec_deque,
};
use std::hint::black_box;
use std::iter::Peekable;
use std::rc::{self, Rc};
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::sync::{self, Arc, Mutex, OnceLock, RwLock};
use std::{mem, vec};

pub struct Mixed;

/// The kinds of containers, and for each what it is.
macro_rules! shelves {
    ($($name:ident: $of:ty,)*) => {
        pub enum Shelf<T: Value> {
            Nothing,
            $($name($of),)*
        }

        #[derive(Clone, Copy)]
        #[repr(usize)]
        enum Kind {
            $($name,)*
        }

        const KINDS: &[Kind] = &[$(Kind::$name,)*];

        impl<T: Value> Part<T, Mixed> for Shelf<T> {
            fn made_of(value: T, luck: &mut Random) -> Shelf<T> {
                match luck.of(KINDS) {
                    $(Kind::$name => Shelf::$name(<$of as Part<T, _>>::made_of(value, luck)),)*
                }
            }
            fn apart(self, out: &mut Vec<T>) {
                match self {
                    Shelf::Nothing => {}
                    $(Shelf::$name(part) => Part::<T, _>::apart(part, out),)*
                }
            }
            fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
                match self {
                    Shelf::Nothing => {
                        *self = Shelf::made_of(value, luck);
                        None
                    }
                    $(Shelf::$name(part) => Part::<T, _>::put(part, value, luck),)*
                }
            }
            fn fetch(&mut self, luck: &mut Random) -> Option<T> {
                match self {
                    Shelf::Nothing => None,
                    $(Shelf::$name(part) => Part::<T, _>::fetch(part, luck),)*
                }
            }
            fn change(&mut self, luck: &mut Random) {
                match self {
                    Shelf::Nothing => {}
                    $(Shelf::$name(part) => Part::<T, _>::change(part, luck),)*
                }
            }
        }

        impl<T: Value> Shelf<T> {
            pub fn kind(&self) -> &'static str {
                match self {
                    Shelf::Nothing => "nothing",
                    $(Shelf::$name(_) => stringify!($of),)*
                }
            }
        }
    };
}

shelves! {
    Value: T,
    Optional: Option<Option<T>>,
    Fallible: Result<T, String>,
    Tuple: (u8, T, u16),
    Array: [Option<T>; 3],
    Vec: Vec<T>,
    Deque: VecDeque<T>,
    List: LinkedList<T>,
    Heap: BinaryHeap<T>,
    Map: HashMap<u32, T>,
    Set: HashSet<T>,
    Tree: BTreeMap<u32, T>,
    TreeSet: BTreeSet<T>,
    Slice: Box<[T]>,
    RcSlice: Rc<[T]>,
    ArcSlice: Arc<[T]>,
    VecRest: vec::IntoIter<T>,
    DequeRest: vec_deque::IntoIter<T>,
    ListRest: linked_list::IntoIter<T>,
    MapRest: hash_map::IntoIter<u32, T>,
    Peekable: Peekable<vec::IntoIter<T>>,
    Boxed: Box<T>,
    OptionalBox: Option<Box<T>>,
    Rc: Counted<Rc<RefCell<T>>, rc::Weak<RefCell<T>>>,
    Arc: Counted<Arc<Mutex<T>>, sync::Weak<Mutex<T>>>,
    Cell: Cell<Option<T>>,
    Locked: RwLock<Option<T>>,
    OnceLock: OnceLock<T>,
    OnceCell: OnceCell<T>,
    Lazy: Lazy<T>,
    Slots: Slots<T>,
    Spare: Spare<T>,
    Tagged: Tagged<T>,
    Raw: Raw<T>,
    Once: Once<T>,
    Called: Called<T, T>,
    Running: Running<T>,
    Channel: (Sender<T>, Receiver<T>),
    Bounded: (SyncSender<T>, Receiver<T>),
    MapsInVec: Vec<HashMap<u32, T>>,
    VecsInMap: HashMap<u32, Vec<T>>,
    DequesInTree: BTreeMap<u32, VecDeque<T>>,
    BoxesInDeque: VecDeque<Option<Box<T>>>,
    VecInArc: Counted<Arc<Mutex<Vec<T>>>, sync::Weak<Mutex<Vec<T>>>>,
    MapInCell: Box<RefCell<Option<HashMap<u32, T>>>>,
    ListInFuture: Running<Vec<T>>,
    MapInFuture: Running<HashMap<u32, T>>,
    VecInClosure: Once<Vec<T>>,
    DequeInClosure: Called<T, VecDeque<T>>,
    VecInSlots: Slots<Vec<T>>,
    VecInRaw: Raw<Vec<T>>,
    OneInBox: Box<Shelf<T>>,
    ManyInVec: Vec<Shelf<T>>,
    ManyInMap: HashMap<u32, Shelf<T>>,
    OneInRc: Counted<Rc<RefCell<Shelf<T>>>, rc::Weak<RefCell<Shelf<T>>>>,
    OneInFuture: Box<Running<Shelf<T>>>,
    OneInClosure: Once<Shelf<T>>,
    OneInChannel: (Sender<Shelf<T>>, Receiver<Shelf<T>>),
}

// SAFETY: one thread at a time touches what a program makes.
unsafe impl<T: Value> Send for Shelf<T> {}
// SAFETY: as above.
unsafe impl<T: Value> Sync for Shelf<T> {}

impl<T: Value> Shelf<T> {
    /// Puts another shelf with this one into a new one.
    pub fn join(self, other: Shelf<T>, luck: &mut Random) -> Shelf<T> {
        match luck.below(3) {
            0 => Shelf::ManyInVec(vec![self, other]),
            1 => Shelf::ManyInMap(HashMap::from([(1, self), (2, other)])),
            _ => {
                let mut first = self;
                if let Shelf::ManyInVec(shelves) = &mut first {
                    shelves.push(other);
                    return first;
                }
                Shelf::OneInBox(Box::new(Shelf::ManyInVec(vec![other, first])))
            }
        }
    }

    /// Leaves it on the stack of another thread: containers as they are, so that nothing but the stack knows them; others in a box,
    /// because what lies directly on a stack is not counted.
    pub fn park(self) {
        match self {
            Shelf::Vec(container) => keep::park_with(container),
            Shelf::Deque(container) => keep::park_with(container),
            Shelf::Map(container) => keep::park_with(container),
            Shelf::Tree(container) => keep::park_with(container),
            Shelf::VecRest(container) => keep::park_with(container),
            Shelf::MapsInVec(container) => keep::park_with(container),
            other => keep::park_with(Box::new(other)),
        }
    }

    /// Keeps it for ever, with nothing that says what it is. A box that nobody looks at would be optimised away.
    pub fn leak(self) {
        match self {
            Shelf::Vec(values) => mem::forget(black_box(values)),
            Shelf::Map(map) => mem::forget(black_box(map)),
            other => mem::forget(black_box(Box::new(other))),
        }
    }
}
