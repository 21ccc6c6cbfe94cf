//! Patterns over type names, and the nearest names for one that matches nothing.
//!
//! May use: `heap`, `debuginfo`, `tracker`, `stack`, `address`.

mod name;
pub mod nearest;
pub mod pattern;
pub mod short;
