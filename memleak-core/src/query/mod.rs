//! Questions about the heap: patterns over type names, the nearest names for one that matches nothing, copies of the heap and what is in them.
//!
//! May use: `heap`, `debuginfo`, `tracker`, `stack`, `address`.
//!
//! - [`pattern`]: patterns over type names, on top of [`name`], which reads names; [`nearest`] and [`short`] are for texts.
//! - [`subjects`]: from a pattern or a type to the types of the binary, and to their live instances.
//! - [`functions`]: the functions that a pattern may have meant.
//! - [`analyst`]: the thread that copies and reads the heap.
//! - [`scene`]: one look at the heap; [`copy`]: one that is kept.

pub mod analyst;
pub mod copy;
pub mod functions;
mod name;
pub mod nearest;
pub mod pattern;
pub mod scene;
pub mod short;
pub mod subjects;
