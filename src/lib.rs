//! Memory-leak tests.

#[cfg(feature = "global-allocator")]
#[global_allocator]
static ALLOCATOR: memleak_core::tracker::Allocator = memleak_core::tracker::Allocator::system();

/// For the attribute's expansion only.
#[doc(hidden)]
pub mod __private {
    pub use memleak_core::check::{Bound, Expectation, Subject};
    #[cfg(feature = "tokio")]
    pub use memleak_core::runner::tokio;
    pub use memleak_core::runner::{Case, Flavor, RuntimeOptions, ShouldPanic, Unsupported, run, run_async};
}
