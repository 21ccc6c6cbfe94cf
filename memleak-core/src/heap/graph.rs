//! Who points to whom: blocks are the nodes, words that lead into a block are the edges.
//!
//! May use: `kernel`, `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;

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
