//! Questions about the heap: patterns over type names, the nearest names for one that matches nothing, copies of the heap and what is in them.
//!
//! May use: `heap`, `debuginfo`, `tracker`, `stack`, `address`.
//!
//! - [`pattern`]: patterns over type names, on top of [`name`], which reads names; [`nearest`] and [`short`] are for texts. [`state`]: what
//!   the fields of a value have to be; [`predicate`]: whether they are.
//! - [`subjects`]: from a pattern or a type to the types of the binary, and to their live instances.
//! - [`functions`]: the functions that a pattern may have meant.
//! - [`analyst`]: the thread that copies and reads the heap.
//! - [`read`]: values as data.
//! - [`body`]: what the runner tells of the test that runs.
//! - [`scene`]: one look at the heap; [`copy`]: one that is kept, and its objects;
//!   [`held`]: which are held by what; `allocated`: by whom they were allocated; [`traffic`]: what came and went between two;
//!   [`heapsnapshot`]: the heap as a file.

mod allocated;
pub mod analyst;
pub mod body;
pub mod copy;
pub mod functions;
pub mod heapsnapshot;
pub mod held;
mod name;
pub mod nearest;
pub mod pattern;
pub mod predicate;
pub mod read;
pub mod scene;
pub mod short;
pub mod state;
pub mod subjects;
pub mod traffic;
