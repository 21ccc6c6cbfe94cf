//! Memory that nothing leads to any more: grouped into leaks, each with what it owns, and the cycles among them.
//!
//! May use: `debuginfo` (types only), `address`.

use crate::heap::graph::Edge;

/// One leak: a block or a cycle that nothing leads to, and all that only it keeps.
#[derive(Clone, PartialEq, Debug)]
pub struct Leak {
    /// The block that nothing leads to; for a cycle, its blocks in the order in which they point to each other.
    pub entries: Vec<u32>,
    /// The blocks that are reachable from the entries and not themselves entries. A block that several leaks keep is listed with the first.
    pub owned: Vec<u32>,
    /// All of the above, in bytes.
    pub bytes: u64,
    /// How the entries keep each other alive, if they do.
    pub cycle: Option<Cycle>,
}

/// Blocks that keep each other alive.
#[derive(Clone, PartialEq, Debug)]
pub struct Cycle {
    /// Every edge between two of the blocks that keeps its target alive.
    pub edges: Vec<Edge>,
    /// Indices into `edges`: each of these alone, made a `Weak`, would let the whole cycle be freed, as the strong counts say.
    pub weaken: Vec<usize>,
}
