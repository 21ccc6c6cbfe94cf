//! The engine of the `memleak` crate. Use it through `memleak`; nothing here is a promise of its own.
//!
//! A module may use only the modules below it in this list:
//!
//! | room | what it does |
//! |---|---|
//! | [`runner`] | runs one test in a process of its own and relays its verdict |
//! | [`baseline`] | the leaks that are known: what of a verdict a file has |
//! | [`report`] | verdict to text and to data |
//! | [`check`] | expectation to verdict |
//! | [`query`] | patterns over type names; copies of the heap, and what is asked of them |
//! | [`heap`] | frozen copy of the heap, its types, its live instances |
//! | [`debuginfo`] | functions, types and layouts of the running binary |
//! | [`process`] | other threads, stopped for a moment, and the memory that is not the heap |
//! | [`tracker`] | allocator hook and live table |
//! | [`stack`] | capture and interning of call stacks |
//! | `kernel` | the loops that are compiled optimised in every profile |
//! | [`address`] | runtime, file and return addresses |

pub mod address;
pub mod baseline;
pub mod check;
pub mod debuginfo;
pub mod heap;
mod kernel;
pub mod process;
pub mod query;
pub mod report;
pub mod runner;
pub mod stack;
pub mod tracker;
