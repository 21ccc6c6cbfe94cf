//! What the attribute's expansion is made of. Not for users.

pub use memleak_core::check::{Allocated, Ignore, Limits, Possibly, Rounds, Subject, Unreachable};
pub use memleak_core::runner::{Case, Flavor, RuntimeOptions, ShouldPanic, Turn, Unsupported};
pub use memleak_core::runner::{inside, inside_again, inside_async, inside_async_again, inside_async_fn};
pub use memleak_core::runner::{run, run_around, run_async, take_turn};

use memleak_core::check::{Bound, Expectation};
#[cfg(feature = "tokio")]
use memleak_core::runner::tokio;
#[cfg(feature = "tokio")]
use std::{pin::Pin, time::Duration};

/// A case with every default.
#[must_use]
pub const fn case(path: &'static str, expectations: &'static [Expectation]) -> Case {
    Case {
        path,
        expectations,
        unreachable: Unreachable::Fail,
        possibly: Possibly::Show,
        limits: Limits::NONE,
        rounds: Rounds::ONE,
        ignores: &[],
        settle: None,
        timeout: None,
        unsupported: Unsupported::Fail,
        should_panic: ShouldPanic::No,
        runtime: RuntimeOptions::new(Flavor::CurrentThread, None),
        turn: Turn::None,
    }
}

/// At most `count` instances.
#[must_use]
pub const fn at_most(count: u64, subject: Subject<'static>) -> Expectation {
    Expectation { subject, bound: Bound::AtMost(count) }
}

/// `count` instances, no more and no fewer.
#[must_use]
pub const fn exactly(count: u64, subject: Subject<'static>) -> Expectation {
    Expectation { subject, bound: Bound::Exactly(count) }
}

/// A type that was written as a path.
#[must_use]
pub const fn sized<T>(written: &'static str) -> Subject<'static> {
    Subject::Path { written, name: core::any::type_name::<T>, size: Some(size_of::<T>()) }
}

/// A trait object that was written as `dyn Trait`.
#[must_use]
pub const fn trait_object<T: ?Sized>(written: &'static str) -> Subject<'static> {
    Subject::Path { written, name: core::any::type_name::<T>, size: None }
}

/// tokio's `sleep`, for a test with a paused clock. This crate does not ask for tokio's feature `time`, but such a test has it, because
/// `test-util` brings it; where it is not there, the stand-in is found, and nothing calls it.
#[cfg(feature = "tokio")]
pub fn sleep(duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    #[allow(unused_imports, reason = "used where the next block does not find tokio's")]
    use without_time::*;
    {
        #[allow(unused_imports, reason = "as above")]
        use tokio::*;
        Box::pin(time::sleep(duration))
    }
}

#[cfg(feature = "tokio")]
#[allow(dead_code, reason = "as above")]
mod without_time {
    pub mod time {
        pub async fn sleep(_: std::time::Duration) {}
    }
}

/// Stands in for tokio's `Builder::start_paused` where the user's tokio does not have it, to say which feature is missing.
pub trait PausedClock {
    /// Found only where tokio's own method is not there.
    fn start_paused(&mut self, _: bool) -> &mut Self
    where
        Self: TestUtil,
    {
        self
    }

    /// Ends the expression, and uses the trait where tokio's own method was found.
    fn done(&mut self) {}
}

impl<T> PausedClock for T {}

/// No type has it.
#[diagnostic::on_unimplemented(
    message = "`start_paused` needs the feature `test-util` of tokio",
    label = "tokio is built without `test-util`",
    note = "add this to Cargo.toml, under `[dev-dependencies]`: tokio = {{ version = \"1\", features = [\"test-util\"] }}"
)]
pub trait TestUtil {}
