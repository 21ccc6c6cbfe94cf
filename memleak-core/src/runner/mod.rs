//! Runs one leak test: a child process for the body, the relay of its output, the verdict.
//!
//! May use: `report`, `check` and all below them.
//!
//! ```text
//!                                      warden: between the two, ends what is left of the body     (birth, warden)
//! test fn ─► run ─► start ─┬─ parent: starts the child, relays, listens, judges its end      (parent, relay)
//!                          │     ▲ channel: stages, then the verdict; silence is a failure    (channel, outcome)
//!                          └─ child:  body ─► settle, count ─► runtime down, count ─► verdict (child, course)
//!                                     └── where the body runs ┘                               (inside, runtime, settle, body)
//! ```
//!
//! Which of the two a process is, is told by an environment variable (`role`). What the heap is like is another room's knowledge (`judge`).
//! Where the platform cannot run a child, the body runs in place, and the verdict is that the heap cannot be read.

pub mod attempts;
#[cfg(memleak_supported)]
mod birth;
mod body;
#[cfg(memleak_supported)]
mod channel;
#[cfg(memleak_supported)]
mod child;
mod course;
mod filing;
mod heap_file;
mod heap_judge;
mod inside;
mod judge;
mod name;
mod outcome;
#[cfg(memleak_supported)]
mod parent;
#[cfg(memleak_supported)]
mod relay;
#[cfg(memleak_supported)]
mod role;
mod runtime;
mod settle;
#[cfg(all(test, memleak_supported))]
mod tests;
mod turn;
#[cfg(memleak_supported)]
mod warden;

use crate::check::{Expectation, Ignore, Limits, Possibly, Rounds, Unreachable};
use crate::tracker;
#[cfg(memleak_supported)]
use child::Child;
use course::Course;
pub use course::Test;
use heap_judge::HeapJudge;
use inside::Returns;
use judge::Judge;
#[cfg(not(feature = "tokio"))]
use outcome::Outcome;
use outcome::Report;
#[cfg(memleak_supported)]
use parent::Supervised;
#[cfg(memleak_supported)]
use role::Role;
use std::panic::Location;
#[cfg(feature = "tokio")]
use std::pin::Pin;
use std::process::Termination;
use std::sync::{Arc, Mutex};
use std::time::Duration;
pub use turn::{Turn, take_turn};

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
    /// Whether memory that nothing leads to any more lets the test fail.
    pub unreachable: Unreachable,
    /// Whether instances that are only "possibly" live let the test fail.
    pub possibly: Possibly,
    /// What else it limits.
    pub limits: Limits,
    /// How often the body runs.
    pub rounds: Rounds,
    /// Leaks that are known.
    pub ignores: &'static [Ignore],
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
    /// How the test waits for others.
    pub turn: Turn,
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
    sleep: fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>,
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

    /// Why this asks for more than a single thread without tokio.
    #[cfg(not(feature = "tokio"))]
    fn needs_tokio(&self) -> Option<String> {
        (self.flavor != Flavor::CurrentThread || self.worker_threads.is_some())
            .then(|| "memleak: `flavor` and `worker_threads` need memleak's feature `tokio`".to_owned())
    }

    /// `start_paused = true`. `pause` is `|builder| { builder.start_paused(true); }`, `sleep` is `|time| Box::pin(tokio::time::sleep(time))`.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub const fn paused(
        mut self,
        pause: fn(&mut tokio::runtime::Builder),
        sleep: fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>,
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
#[track_caller]
pub fn run<T: Termination + 'static>(case: &'static Case, body: fn() -> T) {
    let test = move || inside::run(case.path, Returns::REPORTED, body, Some(body));
    start(case, Location::caller(), Box::new(test), HeapJudge::new);
}

/// Runs a leak test with an async body on a runtime of its own.
///
/// # Panics
/// Unwinds (after printing why) if the test fails.
#[track_caller]
pub fn run_async<T: Termination + 'static, F: Future<Output = T> + 'static>(case: &'static Case, body: fn() -> F) {
    #[cfg(not(feature = "tokio"))]
    if let Some(why) = case.runtime.needs_tokio() {
        return Report::of(Outcome::CouldNotTell(why)).conclude();
    }
    start(case, Location::caller(), async_test(case, body), HeapJudge::new);
}

fn async_test<T: Termination + 'static, F: Future<Output = T> + 'static>(case: &'static Case, body: fn() -> F) -> Test {
    Box::new(move || {
        runtime::block_on(&case.runtime, inside::run_async(case.path, Returns::REPORTED, body(), Some(body)))
    })
}

/// Runs a leak test with the function that other attributes have made around the body. It has to call [`inside()`] or [`inside_async`] with the
/// same path.
///
/// # Panics
/// Unwinds (after printing why) if the test fails.
#[track_caller]
pub fn run_around<How>(case: &'static Case, function: impl Around<How>) {
    start(case, Location::caller(), function.test(case), HeapJudge::new);
}

/// What other attributes may make of the function of a test: one that returns what a test can return, or an async one, which gets a runtime
/// here. `How` tells the two apart.
#[diagnostic::on_unimplemented(
    message = "what the other attributes make of this function is not a test",
    note = "a leak test returns what a test can return, `()` or a `Result`, and takes no arguments but those that another attribute gives it"
)]
pub trait Around<How> {
    /// As what the course runs.
    fn test(self, case: &'static Case) -> Test;
}

impl<F, T> Around<fn() -> T> for F
where
    F: FnOnce() -> T + Send + 'static,
    T: Termination,
{
    fn test(self, _case: &'static Case) -> Test {
        Box::new(move || self().report())
    }
}

impl<F, T> Around<fn(&'static Case) -> T> for F
where
    F: FnOnce() -> T + Send + 'static,
    T: Future<Output: Termination>,
{
    fn test(self, case: &'static Case) -> Test {
        Box::new(move || runtime::block_on(&case.runtime, self()).report())
    }
}

/// Runs the body of a test that other attributes have made a test function of, and looks at the heap when it has ended.
///
/// # Panics
/// As the body does; and if it is not called by [`run_around`].
pub fn inside<T>(path: &'static str, body: impl FnOnce() -> T) -> T {
    inside::run(path, Returns::HANDED_ON, body, None)
}

/// The same for a body that runs several times. Another attribute gets what its last run returns.
///
/// # Panics
/// As [`inside()`] does; and if an earlier run returns a failure.
pub fn inside_again<T: Termination>(path: &'static str, body: fn() -> T) -> T {
    inside::run(path, Returns::LAST_HANDED_ON, body, Some(body))
}

/// The same for an async body. The heap is looked at while the runtime goes on that this is awaited on.
///
/// # Panics
/// When polled, as the body does; and if it is not called by [`run_around`].
pub fn inside_async<F: Future>(path: &'static str, body: F) -> impl Future<Output = F::Output> {
    inside::run_async(path, Returns::HANDED_ON, body, None)
}

/// The same for a body that runs several times. Another attribute gets what its last run returns.
///
/// # Panics
/// As [`inside_async`] does; and if an earlier run returns a failure.
pub fn inside_async_again<F: Future<Output: Termination>>(
    path: &'static str,
    body: fn() -> F,
) -> impl Future<Output = F::Output> {
    inside::run_async(path, Returns::LAST_HANDED_ON, body(), Some(body))
}

/// The same for an async body that uses what is around it.
///
/// # Panics
/// As [`inside_async`].
pub fn inside_async_fn<T>(path: &'static str, body: impl AsyncFnOnce() -> T) -> impl Future<Output = T> {
    inside_async(path, body())
}

/// Makes the judge of a case; the flag says whether its texts may be coloured.
type JudgeFor<J> = fn(&'static Case, bool) -> J;

/// Plays this process's part in the test. In the child it does not return.
#[cfg(memleak_supported)]
#[track_caller]
fn start<J: Judge>(case: &'static Case, place: &'static Location<'static>, test: Test, judge: JudgeFor<J>) {
    match Role::find(case.path) {
        Role::Parent { name } => {
            let test_name = name.clone();
            match case.turn.take(move || parent::supervise(case, &test_name)) {
                Supervised::Ended(mut report) => {
                    filing::file(case, &name, place, &mut report);
                    report.conclude();
                }
                Supervised::NotFound(why) => run_in_place(case, name, place, test, judge, vec![why]),
            }
        }
        Role::InPlace { name } => run_in_place(case, name, place, test, judge, Vec::new()),
        Role::None => {}
        Role::Child { name, colour } => {
            // What the runner needs for itself is not part of the heap that is judged.
            let _own = tracker::untracked();
            let child = Child::begin();
            let course = Course { case, name, place, judge: Arc::new(judge(case, colour)), progress: child.progress() };
            child.end(course.run(test))
        }
        Role::Nested(why) => panic!("{why}"),
    }
}

/// Where no process can be started for a test the heap cannot be read either.
#[cfg(not(memleak_supported))]
fn start<J: Judge>(case: &'static Case, place: &'static Location<'static>, test: Test, judge: JudgeFor<J>) {
    let name = name::of_test(case.path);
    run_in_place(case, name, place, test, judge, Vec::new());
}

/// Runs the body in this process, and judges it as well as that can be done: what others have on the heap counts as if it were the test's.
fn run_in_place<J: Judge>(
    case: &'static Case,
    name: String,
    place: &'static Location<'static>,
    test: Test,
    judge: JudgeFor<J>,
    notes: Vec<String>,
) {
    let test_name = name.clone();
    let run = move || run_alone(case, test_name, place, test, judge, notes);
    let mut report = case.turn.take_in_place(run);
    filing::file(case, &name, place, &mut report);
    report.conclude();
}

fn run_alone<J: Judge>(
    case: &'static Case,
    name: String,
    place: &'static Location<'static>,
    test: Test,
    judge: JudgeFor<J>,
    mut notes: Vec<String>,
) -> Report {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let turn = ONE_AT_A_TIME.lock();
    if tracker::status() == tracker::Status::Off {
        tracker::enable();
        notes.push(format!("what was allocated before the test began is not seen; with {}=1 it is", tracker::IN_PLACE));
    }
    let mut report = {
        let _own = tracker::untracked();
        let course = Course { case, name, place, judge: Arc::new(judge(case, false)), progress: Arc::new(|_| ()) };
        course.run(test)
    };
    drop(turn);
    report.notes.append(&mut notes);
    report
}
