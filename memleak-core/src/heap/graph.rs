//! Who points to whom: blocks are the nodes, words that lead into a block are the edges.
//!
//! May use: `kernel`, `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::heap::containers::View;
use crate::heap::contents::Content;
use crate::heap::instances::Root;

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
}

impl Graph {
    /// The graph of a heap of `blocks` blocks with these edges.
    pub fn new(blocks: usize, edges: Vec<Edge>) -> Graph {
        let block_of = |edge: &Edge| match edge.from {
            Source::Block(block) => Some(block),
            _ => None,
        };
        let (mut edges, outside): (Vec<Edge>, Vec<Edge>) = edges.into_iter().partition(|edge| block_of(edge).is_some());
        edges.sort_by_key(|edge| (block_of(edge), edge.at));
        let mut starts = vec![0; blocks + 1];
        for edge in &edges {
            if let Some(block) = block_of(edge) {
                starts[block as usize + 1] += 1;
            }
        }
        for block in 0..blocks {
            starts[block + 1] += starts[block];
        }
        Graph { edges, starts, outside }
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

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}
