//! What the binary's own debug info (DWARF) says: functions with their inlined frames, types, layouts, statics.
//!
//! May use: `kernel`, `address`. Knows nothing of the heap.

pub mod code;
pub mod functions;
pub mod load;
pub mod types;
