//! Memory-leak tests.

pub use memleak_macros::{leak_test, leak_test as test};

#[cfg(feature = "global-allocator")]
#[global_allocator]
static ALLOCATOR: memleak_core::tracker::Allocator = memleak_core::tracker::Allocator::system();

#[doc(hidden)]
pub mod __private;

/// The examples of the README are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
