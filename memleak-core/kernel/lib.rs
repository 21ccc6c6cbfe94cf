//! The loops that must be fast in every profile: stack capture, the live table, the walk over debug info entries, the search
//! for pointers.
//!
//! `no_std`, no allocation, no panic, no dependency. `build.rs` compiles this crate root at full optimisation into one object file; the
//! same files are an ordinary module of memleak-core where that is not possible (Miri). The door are the files `interface_*.rs`, which
//! both sides include: plain `repr(C)` data and one table of functions per part.
#![no_std]

mod dies;
#[allow(dead_code, reason = "some of it only memleak-core uses")]
mod interface_dies;
mod interface_pointers;
mod interface_strings;
pub mod interface_tracker;
mod pointers;
mod strings;
#[cfg_attr(not(memleak_supported), path = "unsupported.rs")]
mod tracking;

pub use tracking::MEMLEAK_TRACKER;
