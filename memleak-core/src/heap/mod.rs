//! The frozen copy of the heap, the type of each block, and the instances that live in it.
//!
//! May use: `debuginfo`, `process`, `tracker`, `stack`, `kernel` (the search for pointers), `address`.
//!
//! - [`snapshot`]: the copy; everything else here reads only it, so tests make heaps up.
//! - [`contents`]: what a block holds, told from the stack that allocated it.
//! - [`containers`]: the one table of what is known of owners: who owns which block, and which elements are live.
//! - [`evidence`]: whether a value that may be stale is one.
//! - `ownership`: who owns what, as told by all values that certainly live.
//! - [`program`]: the running program, which ties the above to its debug info.
//! - [`roots`]: values outside of the heap.
//! - [`instances`]: the search for the live instances of a type.
//! - [`places`]: from a word in memory to the field it is.
//! - [`words`]: what a word of a value is.
//! - [`reading`]: what the words of each block are, as its best witness says.
//! - [`outside`]: what is where outside of the heap.
//! - [`edges`]: the words that lead into blocks.
//! - [`graph`]: who points to whom.
//! - [`reach`]: what is reachable, and on which way.
//! - [`locals`]: what lies on the stacks of live threads.
//! - [`lost`]: what nothing leads to.
//! - [`cycles`]: which blocks keep each other alive, and what would free them.
//! - [`retained`]: what would be freed without certain blocks.
//! - [`awaits`]: what a future is doing.
//! - [`thread_locals`]: what the standard library keeps thread-locals in.
//! - [`tasks`]: which blocks are tasks of an async runtime.
//! - [`holders`]: who holds a value, by name.
//! - [`naming`]: the words for a way through the graph; `ways` chooses the ways, `folding` says what is left out of one,
//!   `interior` where in a block it runs.
//! - [`advice`]: what to do about it.

pub mod advice;
pub mod awaits;
mod components;
pub mod containers;
pub mod contents;
pub mod cycles;
pub mod edges;
pub mod evidence;
mod folding;
pub mod graph;
pub mod holders;
pub mod instances;
pub mod interior;
pub mod locals;
pub mod lost;
pub mod naming;
pub mod objects;
pub mod outside;
mod ownership;
pub mod places;
pub mod program;
pub mod reach;
pub mod reading;
pub mod retained;
pub mod roots;
pub mod snapshot;
pub mod tasks;
pub mod thread_locals;
mod ways;
pub mod words;

#[cfg(test)]
mod drift_tests;
#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod lost_tests;
#[cfg(test)]
mod made_up;
#[cfg(test)]
mod naming_tests;
#[cfg(test)]
mod reach_tests;
#[cfg(test)]
mod stale_tests;
#[cfg(test)]
mod tasks_tests;
#[cfg(test)]
mod tests;
