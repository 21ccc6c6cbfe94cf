//! The places that a node has for pointers: one of each container. The real nodes and the model's have the same, so that each step does
//! the same to both.

use crate::model::Link;
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};

/// What the containers hold: real pointers, or the model's.
pub trait Pointer: Sized {
    /// `Rc<Node>`.
    type Shared;
    /// `Arc<Node>`.
    type Atomic;
    /// `Box<Node>`.
    type Unique;

    fn into_shared(self) -> Result<Self::Shared, Self>;
    fn into_atomic(self) -> Result<Self::Atomic, Self>;
    fn into_unique(self) -> Result<Self::Unique, Self>;
    fn from_shared(pointer: Self::Shared) -> Self;
    fn from_atomic(pointer: Self::Atomic) -> Self;
    fn from_unique(pointer: Self::Unique) -> Self;
}

/// One of the containers of [`Fields`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    One,
    Boxed,
    Array,
    List,
    Queue,
    Linked,
    Map,
    Tree,
    Shared,
    Atomic,
    Unique,
}

pub const FIELDS: [Field; 11] = [
    Field::One,
    Field::Boxed,
    Field::Array,
    Field::List,
    Field::Queue,
    Field::Linked,
    Field::Map,
    Field::Tree,
    Field::Shared,
    Field::Atomic,
    Field::Unique,
];

/// Places for pointers.
pub struct Fields<P: Pointer> {
    one: Option<P>,
    boxed: Option<Box<P>>,
    array: [Option<P>; 3],
    list: Vec<P>,
    queue: VecDeque<P>,
    linked: LinkedList<P>,
    map: HashMap<u64, P>,
    tree: BTreeMap<u64, P>,
    shared: Vec<P::Shared>,
    atomic: HashMap<u64, P::Atomic>,
    unique: VecDeque<P::Unique>,
}

impl<P: Pointer> Default for Fields<P> {
    fn default() -> Self {
        Fields {
            one: None,
            boxed: None,
            array: [None, None, None],
            list: Vec::new(),
            queue: VecDeque::new(),
            linked: LinkedList::new(),
            map: HashMap::new(),
            tree: BTreeMap::new(),
            shared: Vec::new(),
            atomic: HashMap::new(),
            unique: VecDeque::new(),
        }
    }
}

impl<P: Pointer> Fields<P> {
    /// Puts a pointer in, and gives back what had to make room for it, or the pointer itself if it does not fit.
    pub fn put(&mut self, field: Field, key: u64, pointer: P) -> Option<P> {
        match field {
            Field::One => self.one.replace(pointer),
            Field::Boxed => self.boxed.replace(Box::new(pointer)).map(|boxed| *boxed),
            Field::Array => self.array[key as usize % 3].replace(pointer),
            Field::List => {
                self.list.push(pointer);
                None
            }
            Field::Queue => {
                if key.is_multiple_of(3) {
                    self.queue.push_front(pointer);
                } else {
                    self.queue.push_back(pointer);
                }
                None
            }
            Field::Linked => {
                self.linked.push_back(pointer);
                None
            }
            Field::Map => self.map.insert(key, pointer),
            Field::Tree => self.tree.insert(key, pointer),
            Field::Shared => pointer.into_shared().map(|pointer| self.shared.push(pointer)).err(),
            Field::Atomic => match pointer.into_atomic() {
                Ok(pointer) => self.atomic.insert(key, pointer).map(P::from_atomic),
                Err(pointer) => Some(pointer),
            },
            Field::Unique => pointer.into_unique().map(|pointer| self.unique.push_back(pointer)).err(),
        }
    }

    /// Takes a pointer out, if there is one. What is left of a container still has its bytes.
    pub fn take(&mut self, field: Field, key: u64) -> Option<P> {
        match field {
            Field::One => self.one.take(),
            Field::Boxed => self.boxed.take().map(|boxed| *boxed),
            Field::Array => self.array[key as usize % 3].take(),
            Field::List if key.is_multiple_of(2) => self.list.pop(),
            Field::List if self.list.is_empty() => None,
            Field::List => Some(self.list.remove(key as usize % self.list.len())),
            Field::Queue if key.is_multiple_of(2) => self.queue.pop_front(),
            Field::Queue => self.queue.pop_back(),
            Field::Linked => self.linked.pop_front(),
            Field::Map => self.map.remove(&key),
            Field::Tree => self.tree.remove(&key),
            Field::Shared => self.shared.pop().map(P::from_shared),
            Field::Atomic => self.atomic.remove(&key).map(P::from_atomic),
            Field::Unique => self.unique.pop_front().map(P::from_unique),
        }
    }
}

impl Fields<Link> {
    /// All that is in there.
    pub fn all(&self) -> Vec<Link> {
        let optional = self.one.iter().chain(self.boxed.as_deref()).chain(self.array.iter().flatten());
        let lists = self.list.iter().chain(&self.queue).chain(&self.linked).chain(&self.shared).chain(&self.unique);
        let maps = self.map.values().chain(self.tree.values()).chain(self.atomic.values());
        optional.chain(lists).chain(maps).copied().collect()
    }

    /// Takes all out.
    pub fn drain(&mut self) -> Vec<Link> {
        std::mem::take(self).all()
    }
}
