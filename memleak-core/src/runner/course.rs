//! The course of one test in the process of its body: body, checkpoints, verdict.

use super::body::{Body, Ended as BodyEnd, Fault, catch};
use super::judge::{Judge, Judgement, Seen};
use super::outcome::{Outcome, Report};
#[cfg(feature = "tokio")]
use super::runtime::Driver;
use super::settle::{DEFAULT_SETTLE, settle, sleep};
use super::{Case, Unsupported};
use crate::check::checker::Checkpoint;
use crate::check::verdict::Ended;
use crate::tracker;
use std::env;
use std::panic::Location;
use std::process::ExitCode;
use std::sync::Arc;
#[cfg(feature = "tokio")]
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a runtime may take to shut down. What is left on its threads then cannot be stopped; a test harness would wait for ever.
#[cfg(feature = "tokio")]
const SHUTDOWN: Duration = Duration::from_secs(1);

/// How long work may settle before the second count when the test has failed already: that count only adds a remark.
const SETTLE_FOR_A_REMARK: Duration = Duration::from_millis(20);

/// How far a test has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// The body begins.
    Body,
    /// The body has ended: background work settles, the heap is looked at.
    Settling,
    /// The runtime is being shut down.
    ShuttingDown,
    /// The runtime is down: the heap is looked at again.
    LookingAgain,
}

/// The first look at the heap, or why there was none.
type First = Result<(Seen, Duration), Fault>;

/// Told how far the test has got.
pub(super) type Progress = Arc<dyn Fn(Stage) + Send + Sync>;

/// One test, in the process in which its body runs.
pub(super) struct Course<J> {
    pub(super) case: &'static Case,
    /// The test's name: also that of the thread of its body.
    pub(super) name: String,
    /// Where the test is written.
    pub(super) place: &'static Location<'static>,
    pub(super) judge: Arc<J>,
    pub(super) progress: Progress,
}

impl<J: Judge> Course<J> {
    /// From the body to the verdict.
    pub(super) fn run(self, body: Body) -> Report {
        match body {
            Body::Plain(body) => self.run_plain(body),
            #[cfg(feature = "tokio")]
            Body::OnTokio(body) => self.run_on_tokio(body),
        }
    }

    /// The first look at the heap is taken on the body's thread: its thread-locals are alive, as they are on a server's threads.
    fn run_plain(self, body: Box<dyn FnOnce() -> ExitCode + Send>) -> Report {
        let course = self.clone();
        let thread = self.spawn(move || {
            begin(&*course.judge, &course.progress);
            let ended = catch(body);
            let _own = tracker::untracked();
            course.look(&ended, sleep)
        });
        // The thread has ended: the destructors of its thread-locals have run.
        let Ok(first) = thread.join() else { return died() };
        self.look_again(first, Ended::Thread, Vec::new())
    }

    /// The runtime, the body and the first look at the heap share a thread: a current-thread runtime lives on the thread it began on. The
    /// second look comes after that thread.
    #[cfg(feature = "tokio")]
    fn run_on_tokio(self, body: Box<dyn FnOnce(&tokio::runtime::Runtime) -> ExitCode + Send>) -> Report {
        let (news, from_thread) = mpsc::channel();
        let on_thread = OnTokio { course: self.clone(), news };
        let thread = self.spawn(move || on_thread.run(body));
        let first = match from_thread.recv() {
            Ok(News::Looked(first)) => first,
            Ok(News::NoRuntime(error)) => {
                return Report::of(Outcome::CouldNotTell(format!(
                    "memleak: tokio's runtime could not be built: {error}"
                )));
            }
            Ok(News::Down) | Err(_) => return died(),
        };
        (self.progress)(Stage::ShuttingDown);
        let mut notes = Vec::new();
        if matches!(from_thread.recv_timeout(SHUTDOWN), Err(mpsc::RecvTimeoutError::Timeout)) {
            notes.push(format!(
                "the runtime had not shut down after {SHUTDOWN:?}: a blocking task, or a task that never yields, still runs; under \
                 `#[tokio::test]` this test would hang"
            ));
        } else if thread.join().is_err() {
            return died();
        }
        self.look_again(first, Ended::Runtime, notes)
    }

    /// The first look: the body has ended, what it ran on has not.
    fn look(&self, ended: &BodyEnd, wait: impl FnMut(Duration) -> Duration) -> First {
        (self.progress)(Stage::Settling);
        match ended.fault(self.case.should_panic, self.place) {
            Some(fault) => Err(fault),
            None => Ok(settle(&*self.judge, Checkpoint::BodyEnded, self.settle_limit(), wait)),
        }
    }

    /// The second look, and what both mean.
    fn look_again(&self, first: First, ended: Ended, notes: Vec<String>) -> Report {
        let (seen, settled) = match first {
            Ok(look) => look,
            Err(fault) => return Report { outcome: fault.into(), notes },
        };
        (self.progress)(Stage::LookingAgain);
        let limit = match seen {
            Seen::Unsettled => SETTLE_FOR_A_REMARK,
            Seen::Settled | Seen::Doubtful => self.settle_limit(),
        };
        settle(&*self.judge, Checkpoint::Afterwards, limit, sleep);
        let judgement = self.judge.conclude(settled, ended);
        self.report(judgement, notes)
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // The stack is as large as that of a libtest thread: both go by RUST_MIN_STACK.
        thread::Builder::new().name(self.name.clone()).spawn(work).expect("the thread of the body could not be started")
    }

    fn settle_limit(&self) -> Duration {
        self.case.settle.unwrap_or(DEFAULT_SETTLE)
    }

    fn report(&self, judgement: Judgement, mut notes: Vec<String>) -> Report {
        let outcome = match judgement {
            Judgement::Clean(more) => {
                notes.extend(more);
                Outcome::Passed
            }
            Judgement::Unclean(text) => Outcome::Unclean(text),
            Judgement::Unsupported(text) if may_skip(self.case) => {
                let why = text.lines().next().unwrap_or_default();
                Outcome::Unchecked(format!("memleak: the heap of `{}` was not checked: {why}", self.name))
            }
            Judgement::CouldNotTell(text) | Judgement::Unsupported(text) => Outcome::CouldNotTell(text),
        };
        Report { outcome, notes }
    }
}

impl<J> Clone for Course<J> {
    fn clone(&self) -> Self {
        Course {
            case: self.case,
            name: self.name.clone(),
            place: self.place,
            judge: Arc::clone(&self.judge),
            progress: Arc::clone(&self.progress),
        }
    }
}

/// The body is about to begin, on this thread.
fn begin<J: Judge>(judge: &J, progress: &Progress) {
    let _own = tracker::untracked();
    judge.body_begins();
    progress(Stage::Body);
}

/// What the thread with the runtime tells.
#[cfg(feature = "tokio")]
enum News {
    NoRuntime(std::io::Error),
    /// The first look at the heap, or why there was none.
    Looked(First),
    Down,
}

/// The part of the course that happens on the runtime's thread.
#[cfg(feature = "tokio")]
struct OnTokio<J: Judge> {
    course: Course<J>,
    news: mpsc::Sender<News>,
}

#[cfg(feature = "tokio")]
impl<J: Judge> OnTokio<J> {
    fn run(self, body: Box<dyn FnOnce(&tokio::runtime::Runtime) -> ExitCode + Send>) {
        let OnTokio { course, news } = self;
        let limit = course.settle_limit();
        let mut driver = match Driver::build(&course.case.runtime, limit) {
            Ok(driver) => driver,
            Err(error) => return tell(&news, News::NoRuntime(error)),
        };
        begin(&*course.judge, &course.progress);
        let ended = catch(|| body(driver.runtime()));
        driver.let_begin();
        let _own = tracker::untracked();
        let first = course.look(&ended, |pause| tracker::tracked(|| driver.run_for(pause)));
        tell(&news, News::Looked(first));
        tracker::tracked(|| drop(driver));
        tell(&news, News::Down);
    }
}

/// Nobody listens any more once the shutdown has taken too long.
#[cfg(feature = "tokio")]
fn tell(news: &mpsc::Sender<News>, what: News) {
    let _ = news.send(what);
}

fn died() -> Report {
    Report::of(Outcome::CouldNotTell("memleak: the thread of the test panicked outside of its body".to_owned()))
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Panicked => Outcome::BodyPanicked,
            Fault::Said(text) => Outcome::BodyFailed(text),
        }
    }
}

const UNSUPPORTED: &str = "MEMLEAK_UNSUPPORTED";

fn may_skip(case: &Case) -> bool {
    case.unsupported == Unsupported::Skip || env::var_os(UNSUPPORTED).is_some_and(|value| value == "skip")
}
