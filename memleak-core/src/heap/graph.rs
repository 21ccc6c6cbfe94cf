//! Who points to whom: blocks are the nodes, words that lead into a block are the edges.
//!
//! May use: `kernel`, `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::heap::containers::View;
use crate::heap::contents::Content;
use crate::heap::edges::Edges;
use crate::heap::roots::Root;
use std::cell::OnceCell;

/// What a graph is made from.
#[derive(Clone, Copy)]
pub struct Heap<'a> {
    /// Memory and types.
    pub view: View<'a>,
    /// What each block of the snapshot holds.
    pub contents: &'a [Content],
    /// The statics, and the thread-locals of the snapshot's threads.
    pub roots: &'a [Root],
}

/// Where a pointer was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// In the block with this index in the snapshot.
    Block(u32),
    /// In the static or thread-local with this index in the roots.
    Root(u32),
    /// In writable memory of the executable or a library that no static of the debug info covers.
    Segment,
    /// In thread-local memory of this thread that no thread-local of the debug info covers.
    ThreadMemory(u32),
    /// On the stack of this thread.
    Stack(u32),
    /// In a register of this thread.
    Register(u32),
    /// In memory that another allocator gave out: a C library's, for example.
    Foreign,
}

/// A word that leads into a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// What the word is in.
    pub from: Source,
    /// The word; its thread's number for a register.
    pub at: RuntimeAddress,
    /// The block it leads to.
    pub to: u32,
    /// What the types say of the word.
    pub kind: EdgeKind,
}

/// What the types say of a word that leads into a block; the more is known the smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EdgeKind {
    /// It owns the block alone: `Box`, `Vec` and other containers.
    Owning,
    /// `Rc` or `Arc`: it owns the block together with others.
    Counted,
    /// A reference, a raw pointer, `NonNull`.
    Borrowed,
    /// It is alive, and nothing is known of it: an integer, a part of a union, a word of a block without a type, of a stack.
    Unknown,
    /// A `Weak`: it keeps the block, not the value. It is in the graph for the text; it leads nowhere.
    Weak,
}

/// How far a way from a root can be trusted: that of its worst edge. The smaller the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Trust {
    /// All owning or counted, from a static or thread-local with a name.
    Owned,
    /// Through a reference or a raw pointer.
    Borrowed,
    /// Through a word of which nothing is known, or memory without a name.
    Unknown,
    /// From memory of another allocator.
    Foreign,
    /// From the stack or a register of a live thread.
    Stack,
}

/// All edges of a heap.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By the block they are in.
    edges: Vec<Edge>,
    /// Where each block's edges start; one more than there are blocks.
    starts: Vec<u32>,
    /// Those that are not in a block.
    outside: Vec<Edge>,
    /// Blocks of an `Rc` or `Arc` whose value was dropped; by block.
    dropped: Vec<bool>,
    /// By the block they lead to; made when it is first asked for.
    turned: OnceCell<Turned>,
}

/// The edges by the block they lead to.
#[derive(Clone, Debug)]
struct Turned {
    /// Indices of edges, those outside of the heap behind the others.
    edges: Vec<u32>,
    /// Where each block's begin in the above; one more than there are blocks.
    starts: Vec<u32>,
}

impl Graph {
    /// All live edges of a heap.
    pub fn of(heap: &Heap<'_>) -> Graph {
        let Edges { inside, outside, dropped } = Edges::of(heap);
        Graph::ordered(inside, outside, dropped)
    }

    /// The graph of a heap of `blocks` blocks with these edges.
    pub fn new(blocks: usize, mut edges: Vec<Edge>) -> Graph {
        let order = |edge: &Edge| match edge.from {
            Source::Block(block) => (block, edge.at),
            _ => (u32::MAX, edge.at),
        };
        edges.sort_by_key(order);
        let outside = edges.split_off(edges.partition_point(|edge| matches!(edge.from, Source::Block(_))));
        Graph::ordered(edges, outside, vec![false; blocks])
    }

    /// The graph of edges that are in order: by the block they are in, and by address. One `dropped` per block.
    fn ordered(edges: Vec<Edge>, outside: Vec<Edge>, dropped: Vec<bool>) -> Graph {
        let mut starts = Vec::with_capacity(dropped.len() + 1);
        for (index, edge) in (0..).zip(&edges) {
            if let Source::Block(block) = edge.from {
                while starts.len() <= block as usize {
                    starts.push(index);
                }
            }
        }
        starts.resize(dropped.len() + 1, edges.len() as u32);
        Graph { edges, starts, outside, dropped, turned: OnceCell::new() }
    }

    /// The edges that begin in this block, by address.
    pub fn from_block(&self, block: u32) -> &[Edge] {
        let block = block as usize;
        &self.edges[self.starts[block] as usize..self.starts[block + 1] as usize]
    }

    /// The edges that begin outside of the heap: in statics, on stacks, and so on.
    pub fn from_outside(&self) -> &[Edge] {
        &self.outside
    }

    /// The edges that lead to this block, from the heap first; its own to itself are among them.
    pub fn to_block(&self, block: u32) -> Vec<Edge> {
        let turned = self.turned.get_or_init(|| self.turn());
        let range = turned.starts[block as usize] as usize..turned.starts[block as usize + 1] as usize;
        let edge = |index: &u32| {
            let index = *index as usize;
            *self.edges.get(index).unwrap_or_else(|| &self.outside[index - self.edges.len()])
        };
        turned.edges[range].iter().map(edge).collect()
    }

    fn turn(&self) -> Turned {
        let all = || self.edges.iter().chain(&self.outside);
        // First how many there are for each block, then where the next one goes.
        let mut starts = vec![0u32; self.blocks() + 1];
        for edge in all() {
            starts[edge.to as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut edges = vec![0; sum as usize];
        for (index, edge) in (0..sum).rev().zip(all().rev()) {
            let start = &mut starts[edge.to as usize];
            *start -= 1;
            edges[*start as usize] = index;
        }
        Turned { edges, starts }
    }

    /// How many live `Rc`s or `Arc`s lead to this block, wherever they are.
    pub fn owners_found(&self, block: u32) -> u64 {
        self.to_block(block).iter().filter(|edge| edge.kind == EdgeKind::Counted).count() as u64
    }

    /// Whether this is the block of an `Rc` or `Arc` whose value was dropped, because only `Weak`s are left.
    pub fn dropped(&self, block: u32) -> bool {
        self.dropped[block as usize]
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.dropped.len()
    }
}
