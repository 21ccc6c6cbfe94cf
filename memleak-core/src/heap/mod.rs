//! The frozen copy of the heap, the type of each block, and the instances that live in it.
//!
//! May use: `debuginfo`, `tracker`, `stack`, `address`.
