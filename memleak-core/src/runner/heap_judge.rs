//! Judges a test by the instances that live in its heap.

use super::Case;
use super::judge::{Judge, Judgement, Seen};
use crate::check::checker::{self, Checker, Checkpoint};
use crate::check::verdict::{Ended, Obstacle, Verdict};
use crate::debuginfo::load::LoadError;
use crate::report::{self, Look};
use crate::tracker;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// What `check` finds at the checkpoints, worded by `report`.
///
/// A thread of its own reads the debug info and the heap: it has much of the debug info ready by the time the body ends, and nothing it
/// does is recorded.
pub(super) struct HeapJudge {
    analyst: Sender<Request>,
    /// Blocks of earlier epochs were there before the body.
    body_epoch: AtomicU32,
}

enum Request {
    Look { checkpoint: Checkpoint, body_epoch: u32, explain: bool, answer: Sender<Seen> },
    Conclude { settled: Duration, ended: Ended, answer: Sender<Judgement> },
}

impl HeapJudge {
    pub(super) fn new(case: &'static Case, color: bool) -> Self {
        let (analyst, requests) = mpsc::channel();
        let work = move || {
            let _untracked = tracker::untracked();
            analyse(case, color, &requests);
        };
        thread::Builder::new().name("memleak".to_owned()).spawn(work).expect("memleak's thread could not be started");
        HeapJudge { analyst, body_epoch: AtomicU32::new(0) }
    }

    fn examine(&self, checkpoint: Checkpoint, explain: bool) -> Seen {
        let body_epoch = self.body_epoch.load(Ordering::Relaxed);
        let seen = self.ask(|answer| Request::Look { checkpoint, body_epoch, explain, answer });
        seen.unwrap_or(Seen::Settled)
    }

    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Option<T> {
        let _untracked = tracker::untracked();
        let (answer, answers) = mpsc::channel();
        self.analyst.send(request(answer)).ok()?;
        answers.recv().ok()
    }
}

impl Judge for HeapJudge {
    fn body_begins(&self) {
        self.body_epoch.store(tracker::next_epoch(), Ordering::Relaxed);
    }

    fn look(&self, checkpoint: Checkpoint) -> Seen {
        self.examine(checkpoint, false)
    }

    fn explain(&self, checkpoint: Checkpoint) -> Seen {
        self.examine(checkpoint, true)
    }

    fn conclude(&self, settled: Duration, ended: Ended) -> Judgement {
        let judgement = self.ask(|answer| Request::Conclude { settled, ended, answer });
        judgement.unwrap_or_else(|| {
            Judgement::CouldNotTell("memleak: reading the heap failed: its thread panicked, as said above".to_owned())
        })
    }
}

/// The analyst's thread: until the judge is gone.
fn analyse(case: &'static Case, color: bool, requests: &Receiver<Request>) {
    let checker = Checker::new(case.expectations, case.unreachable, case.possibly, case.ignores);
    let look = Look::of_test(case.path, color);
    let (mut body_ended, mut afterwards) = (None, None);
    for request in requests {
        match request {
            Request::Look { checkpoint, body_epoch, explain, answer } => {
                let look = if explain { Checker::explain } else { Checker::count };
                let count = checker.as_ref().ok().map(|checker| look(checker, checkpoint, body_epoch));
                let seen = match count.as_ref().zip(checker.as_ref().ok()) {
                    Some((count, checker)) if checker.exceeds(count) => Seen::Unsettled,
                    Some((count, checker)) if checker.doubts(count) => Seen::Doubtful,
                    _ => Seen::Settled,
                };
                match checkpoint {
                    Checkpoint::BodyEnded => body_ended = count,
                    Checkpoint::Afterwards => afterwards = count,
                }
                let _ = answer.send(seen);
            }
            Request::Conclude { settled, ended, answer } => {
                let verdict = match (&checker, body_ended.take(), afterwards.take()) {
                    (Err(obstacles), _, _) => Verdict::CouldNotTell(obstacles.clone()),
                    (Ok(checker), Some(body_ended), Some(afterwards)) => {
                        checker.conclude(&checker::Counts { body_ended, settled, afterwards, ended })
                    }
                    // A look that did not take place is not a clean one.
                    (Ok(_), _, _) => Verdict::CouldNotTell(vec![Obstacle::NotTracked]),
                };
                let _ = answer.send(judgement(&verdict, &look));
            }
        }
    }
}

fn judgement(verdict: &Verdict, look: &Look) -> Judgement {
    let text = report::text(verdict, look);
    match verdict {
        Verdict::Passed(aside) => Judgement::Clean(report::notes(aside, look)),
        Verdict::Failed(_) => Judgement::Unclean(text),
        Verdict::CouldNotTell(obstacles) if obstacles.iter().all(cannot_be_read) => Judgement::Unsupported(text),
        Verdict::CouldNotTell(_) => Judgement::CouldNotTell(text),
    }
}

/// Whether the obstacle is the platform's or the build's, and not a mistake in the test.
fn cannot_be_read(obstacle: &Obstacle) -> bool {
    match obstacle {
        Obstacle::NoStacks => true,
        Obstacle::DebugInfo(error) => !matches!(error, LoadError::Unreadable(_)),
        _ => false,
    }
}
