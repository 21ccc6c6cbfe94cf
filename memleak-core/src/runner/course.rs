//! The course of one test in the process of its body: body, checkpoints, verdict.

use super::body::{Fault, PanicMessage, catch};
use super::inside::{Inside, Look, News};
use super::judge::{Conclusion, Judge, Judgement, Seen};
use super::outcome::{Outcome, Report};
use super::settle::{DEFAULT_SETTLE, settle};
use super::{Case, Unsupported};
use crate::check::checker::Checkpoint;
use crate::process::in_own_frames;
use crate::tracker;
use std::env;
use std::panic::Location;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// All that a test does: it runs the body, which calls [`super::inside()`], on whatever it brings for it.
pub type Test = Box<dyn FnOnce() -> ExitCode + Send>;

/// How long a runtime may take to shut down. What is left on its threads then cannot be stopped; a test harness would wait for ever.
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

/// Told how far the test has got.
pub(super) type Progress = Arc<dyn Fn(Stage) + Send + Sync>;

/// One test, in the process in which its body runs.
pub(super) struct Course {
    pub(super) case: &'static Case,
    /// The test's name: also that of the thread of its body.
    pub(super) name: String,
    /// Where the test is written.
    pub(super) place: &'static Location<'static>,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) progress: Progress,
}

/// What the course has heard when nothing more is to come.
struct Heard {
    /// None if no body has run to its end.
    look: Option<Look>,
    /// How it came to its end; none if it did not within [`SHUTDOWN`].
    over: Option<Result<ExitCode, PanicMessage>>,
}

impl Course {
    /// From the body to the verdict.
    ///
    /// All that the test does has a thread of its own. The first look at the heap is taken by the body ([`mod@super::inside`]), the second one here,
    /// when that thread has ended and the destructors of its thread-locals have run.
    pub(super) fn run(self, test: Test) -> Report {
        in_own_frames(|| self.run_elsewhere(test))
    }

    fn run_elsewhere(self, test: Test) -> Report {
        let (news, from_thread) = mpsc::channel();
        let inside = Inside {
            case: self.case,
            place: self.place,
            judge: Arc::clone(&self.judge),
            progress: Arc::clone(&self.progress),
            settle: self.settle_limit(),
            news: news.clone(),
        };
        let _open = inside.open();
        let thread = self.spawn(move || {
            let ended = catch(test);
            let _own = tracker::untracked();
            let _ = news.send(News::Over(ended));
        });
        let heard = self.listen(&from_thread);
        if heard.over.is_some() && thread.join().is_err() {
            return Report::of(Outcome::CouldNotTell("memleak: the thread of the test panicked at its end".to_owned()));
        }
        self.conclude(heard)
    }

    fn listen(&self, from_thread: &Receiver<News>) -> Heard {
        let mut look = None;
        loop {
            let news = match look {
                None => from_thread.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(_) => from_thread.recv_timeout(SHUTDOWN),
            };
            match news {
                Ok(News::Begun) => look = None,
                Ok(News::Looked(first)) => {
                    (self.progress)(Stage::ShuttingDown);
                    look = Some(first);
                }
                Ok(News::Over(ended)) => return Heard { look, over: Some(ended) },
                Err(_) => return Heard { look, over: None },
            }
        }
    }

    /// The second look, and what both mean.
    fn conclude(&self, Heard { look, over }: Heard) -> Report {
        let notes = if over.is_none() { vec![still_runs()] } else { Vec::new() };
        let over = over.as_ref();
        let fault = over.and_then(|ended| Fault::of(ended, self.case.should_panic, self.place));
        let Some(Look { seen, on, body_is_judged }) = look else {
            return Report::of(fault.map_or_else(|| Outcome::CouldNotTell(NOT_RUN.to_owned()), Outcome::from));
        };
        let (seen, settled) = match (seen, fault) {
            (Err(fault), _) | (Ok(_), Some(fault)) => return Report { notes, ..Report::of(fault.into()) },
            (Ok(look), None) => look,
        };
        if seen != Seen::Unsettled && over.is_none() && !body_is_judged {
            return Report::of(Outcome::CouldNotTell(format!("memleak: {}", still_runs())));
        }
        (self.progress)(Stage::LookingAgain);
        let limit = match seen {
            Seen::Unsettled => SETTLE_FOR_A_REMARK,
            Seen::Settled | Seen::Doubtful => self.settle_limit(),
        };
        settle(&*self.judge, Checkpoint::Afterwards, limit);
        let conclusion = self.judge.conclude(settled, on);
        self.report(conclusion, notes)
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // The stack is as large as that of a libtest thread: both go by RUST_MIN_STACK.
        thread::Builder::new().name(self.name.clone()).spawn(work).expect("the thread of the body could not be started")
    }

    fn settle_limit(&self) -> Duration {
        self.case.settle.unwrap_or(DEFAULT_SETTLE)
    }

    fn report(&self, Conclusion { judgement, findings }: Conclusion, mut notes: Vec<String>) -> Report {
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
        Report { outcome, notes, findings }
    }
}

/// What is to be said when no body has run to its end, and nothing else is wrong.
const NOT_RUN: &str = "memleak: the body did not run to its end, so that nothing was checked\n  help: another attribute of the test did not call it, \
                       or gave it up";

fn still_runs() -> String {
    format!(
        "the runtime had not shut down after {SHUTDOWN:?}: a blocking task, or a task that never yields, still runs; under \
         `#[tokio::test]` this test would hang"
    )
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
