//! What the binary's own debug info (DWARF) says: functions with their inlined frames, types, layouts, statics.
//!
//! May use: `kernel`, `address`. Knows nothing of the heap.

pub mod awaits;
pub mod cleanup;
pub mod code;
mod definitions;
mod entries;
pub mod functions;
pub mod layouts;
mod lines;
pub mod load;
pub mod locals;
pub mod names;
mod paths;
mod scan;
pub mod statics;
pub(crate) mod tree;
pub mod types;
mod units;
