//! Runs one leak test: a child process for the body, the relay of its output, the verdict.

use crate::check::Expectation;
#[cfg(feature = "tokio")]
use std::pin::Pin;
use std::process::Termination;
use std::time::Duration;

/// The tokio of this build, so that the expansion can name it whatever the user's crate calls it.
#[cfg(feature = "tokio")]
pub use tokio;

/// A leak test as the attribute describes it. The attribute's expansion is one of these and one call.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `module_path!()` and the function's name: what the test is called where the test thread's name does not say.
    pub path: &'static str,
    /// What must hold of the heap afterwards.
    pub expectations: &'static [Expectation],
    /// How long background work may take to let go; none is the default (see DESIGN.md).
    pub settle: Option<Duration>,
    /// When a test counts as hung; none is the default.
    pub timeout: Option<Duration>,
    /// What to do where the heap cannot be read.
    pub unsupported: Unsupported,
    /// Whether the body is to panic.
    pub should_panic: ShouldPanic,
    /// The runtime of an async body.
    pub runtime: RuntimeOptions,
}

/// What to do on a platform or binary whose heap cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// The test fails and says why.
    Fail,
    /// The body is run, its result counts, and the missing check is said on stderr.
    Skip,
}

/// The `#[should_panic]` of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShouldPanic {
    /// Not there.
    No,
    /// `#[should_panic]`.
    Yes,
    /// `#[should_panic(expected = "…")]`.
    Expected(&'static str),
}

/// As in `#[tokio::test(...)]`.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    flavor: Flavor,
    worker_threads: Option<usize>,
    #[cfg(feature = "tokio")]
    paused: Option<PausedClock>,
}

/// What a test with a paused clock needs of the tokio that the user's own features made: the expansion names both, because they exist
/// only with tokio's `test-util`.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug)]
struct PausedClock {
    pause: fn(&mut tokio::runtime::Builder),
    sleep: fn(Duration) -> Pin<Box<dyn Future<Output = ()>>>,
}

impl RuntimeOptions {
    /// A runtime of this flavor; `worker_threads` is for the multi-thread one.
    pub const fn new(flavor: Flavor, worker_threads: Option<usize>) -> Self {
        RuntimeOptions {
            flavor,
            worker_threads,
            #[cfg(feature = "tokio")]
            paused: None,
        }
    }

    /// `start_paused = true`. `pause` is `|builder| { builder.start_paused(true); }`, `sleep` is `|time| Box::pin(tokio::time::sleep(time))`.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub const fn paused(
        mut self,
        pause: fn(&mut tokio::runtime::Builder),
        sleep: fn(Duration) -> Pin<Box<dyn Future<Output = ()>>>,
    ) -> Self {
        self.paused = Some(PausedClock { pause, sleep });
        self
    }
}

/// Which tokio runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavor {
    /// The default.
    CurrentThread,
    /// `flavor = "multi_thread"`.
    MultiThread,
}

/// Runs a leak test with a synchronous body.
///
/// # Panics
/// Unwinds (after printing why) if the test fails.
pub fn run<T: Termination>(_case: &'static Case, _body: fn() -> T) {
    todo!("runner helper")
}

/// Runs a leak test with an async body.
///
/// # Panics
/// Unwinds (after printing why) if the test fails.
pub fn run_async<T: Termination, F: Future<Output = T> + 'static>(_case: &'static Case, _body: fn() -> F) {
    todo!("runner helper")
}
