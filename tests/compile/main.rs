//! What the compiler makes of the attribute: its error texts (`tests/ui`), and that good uses pass in strict and odd crates of every edition
//! (`tests/hygiene`, which also run as tests of their own in edition 2024), and that the examples of the manual do. And what a test says that
//! was built in a way that hides its types.
//!
//! The sources are compiled by cargo, as a user's are, in a workspace generated for them.

mod allocators;
mod builds;
mod coverage;
mod harness;
mod hygiene;
mod manual;
mod project;
mod ui;
