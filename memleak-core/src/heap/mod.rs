//! The frozen copy of the heap, the type of each block, and the instances that live in it.
//!
//! May use: `debuginfo`, `tracker`, `stack`, `address`.
//!
//! - [`snapshot`]: the copy; everything else here reads only it, so tests make heaps up.
//! - [`contents`]: what a block holds, told from the stack that allocated it.
//! - [`containers`]: the one table of what is known of owners: who owns which block, and which elements are live.
//! - [`evidence`]: whether a value that may be stale is one.
//! - [`program`]: the running program, which ties the above to its debug info.
//! - [`instances`]: the search for the live instances of a type.
//! - [`places`]: from a word in memory to the field it is.
//! - [`graph`]: who points to whom.
//! - [`lost`]: what nothing leads to.
//! - [`holders`]: who holds a value, by name.

pub mod containers;
pub mod contents;
pub mod evidence;
pub mod graph;
pub mod holders;
pub mod instances;
pub mod lost;
pub mod places;
pub mod program;
pub mod snapshot;

#[cfg(test)]
mod made_up;
#[cfg(test)]
mod tests;
