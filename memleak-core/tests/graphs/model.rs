//! The oracle: what the program does, told a second time with plain numbers. It knows which nodes were dropped, which a root leads to, and
//! which neither: those are lost. It never asks memleak.

use crate::fields::{Fields, Pointer};
use std::collections::HashMap;

/// What kind of pointer a pointer is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `Rc<Node>`
    Shared,
    /// `Arc<Node>`
    Atomic,
    /// `Box<Node>`
    Unique,
    /// `Rc<dyn Hold>`
    SharedDyn,
    /// `Box<dyn Hold>`
    UniqueDyn,
    /// `Box<dyn Fn() -> u32>`
    Closure,
    /// `Pin<Box<dyn Future>>`, suspended
    Future,
    /// `Arc<[Element]>`
    Slice,
    /// `rc::Weak<Node>`
    Weak,
    /// `sync::Weak<Node>`
    AtomicWeak,
    /// `rc::Weak<dyn Hold>`
    WeakDyn,
    /// What `into_raw` gave, as it is or hidden.
    Raw(Form, Origin),
    /// `ManuallyDrop<Rc<Node>>`
    Manual,
}

/// How an address is written down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// `*const Node`
    Pointer,
    /// `usize`
    Number,
    /// `usize` with a tag in its lowest bits
    TaggedLow,
    /// `usize` with a tag in its highest 16 bits
    TaggedHigh,
}

/// What an address was made from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    Shared,
    Atomic,
    Unique,
}

/// A pointer to a node of the model. It has no `Drop`: the model lets go of it by [`Model::let_go`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    pub kind: Kind,
    pub to: usize,
}

impl Link {
    fn if_kind(self, kind: Kind) -> Result<Link, Link> {
        if self.kind == kind { Ok(self) } else { Err(self) }
    }
}

impl Pointer for Link {
    type Shared = Link;
    type Atomic = Link;
    type Unique = Link;

    fn into_shared(self) -> Result<Link, Link> {
        self.if_kind(Kind::Shared)
    }
    fn into_atomic(self) -> Result<Link, Link> {
        self.if_kind(Kind::Atomic)
    }
    fn into_unique(self) -> Result<Link, Link> {
        self.if_kind(Kind::Unique)
    }
    fn from_shared(link: Link) -> Link {
        link
    }
    fn from_atomic(link: Link) -> Link {
        link
    }
    fn from_unique(link: Link) -> Link {
        link
    }
}

/// Where pointers are kept that no node holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Root {
    /// An element of a `Vec` in a static.
    List,
    /// A value of a `HashMap` in a static.
    Map,
    /// A `Box::leak` that a static leads to.
    Leaked,
    /// A pool in a thread-local of a thread that still lives.
    Pool,
}

pub const ROOTS: [Root; 4] = [Root::List, Root::Map, Root::Leaked, Root::Pool];

pub struct Node {
    /// Its number in the whole program.
    pub id: u32,
    pub kind: Kind,
    /// All bits turned over, so that it is no pointer to whoever looks for one.
    pub hidden_address: usize,
    pub fields: Fields<Link>,
    pub captured: Vec<Link>,
    strong: u64,
    weak: u64,
}

/// One graph.
#[derive(Default)]
pub struct Model {
    pub nodes: Vec<Node>,
    pub roots: HashMap<Root, Fields<Link>>,
    /// Addresses in words of a static.
    pub words: Vec<Link>,
    /// Held by a thread that is parked.
    pub parked: Option<Link>,
}

impl Model {
    /// A new node, and the one pointer to it.
    pub fn add(&mut self, id: u32, kind: Kind, address: usize, captured: Vec<Link>) -> Link {
        self.nodes.push(Node {
            id,
            kind,
            hidden_address: !address,
            fields: Fields::default(),
            captured,
            strong: 1,
            weak: 0,
        });
        Link { kind, to: self.nodes.len() - 1 }
    }

    pub fn alive(&self, node: usize) -> bool {
        self.nodes[node].strong > 0
    }

    /// One more pointer of this kind.
    pub fn share(&mut self, link: Link) -> Link {
        let node = &mut self.nodes[link.to];
        *if is_weak(link.kind) { &mut node.weak } else { &mut node.strong } += 1;
        link
    }

    /// What happens when a pointer is dropped.
    pub fn let_go(&mut self, link: Link) {
        let mut links = vec![link];
        while let Some(link) = links.pop() {
            let node = &mut self.nodes[link.to];
            match link.kind {
                Kind::Raw(..) | Kind::Manual => {}
                kind if is_weak(kind) => node.weak -= 1,
                _ => {
                    node.strong -= 1;
                    if node.strong == 0 {
                        links.append(&mut node.fields.drain());
                        links.append(&mut node.captured);
                    }
                }
            }
        }
    }

    /// What is true of each node at the end.
    pub fn fates(&self) -> Vec<Fate> {
        let mut reached = vec![false; self.nodes.len()];
        let mut links: Vec<Link> = self.roots.values().flat_map(Fields::all).collect();
        links.extend(self.words.iter().chain(&self.parked).copied());
        while let Some(link) = links.pop() {
            // A `Weak` keeps the memory of a value that was dropped. It does not keep a value.
            if is_weak(link.kind) == self.alive(link.to) || std::mem::replace(&mut reached[link.to], true) {
                continue;
            }
            links.extend(self.nodes[link.to].fields.all());
            links.extend(&self.nodes[link.to].captured);
        }
        let fate = |(node, reached): (&Node, bool)| match (node.strong > 0, node.weak > 0) {
            (false, false) => Fate::Gone,
            (alive, _) if reached => Fate::Held { alive },
            (alive, _) => Fate::Lost { alive },
        };
        self.nodes.iter().zip(reached).map(fate).collect()
    }
}

/// What became of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Dropped, and its memory freed.
    Gone,
    /// A root leads to it; if it was dropped, then by a `Weak`.
    Held { alive: bool },
    /// Nothing leads to its memory.
    Lost { alive: bool },
}

pub fn is_weak(kind: Kind) -> bool {
    matches!(kind, Kind::Weak | Kind::AtomicWeak | Kind::WeakDyn)
}
