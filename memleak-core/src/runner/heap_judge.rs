//! Judges a test by the instances that live in its heap.

use super::Case;
use super::judge::{Counts, Judge, Judgement};
use crate::check::checker::{self, Checker};
use crate::check::verdict::{Obstacle, Verdict};
use crate::debuginfo::load::LoadError;
use crate::report::{self, Look};
use crate::tracker;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// What `check` finds at the checkpoints, worded by `report`.
///
/// A thread of its own reads the debug info and the heap: it has much of the debug info ready by the time the body ends, and nothing it
/// does is recorded.
pub(super) struct HeapJudge {
    analyst: Sender<Request>,
    /// Blocks of earlier epochs were there before the body.
    body_epoch: AtomicU32,
}

/// What one look at the heap found.
pub(super) struct Glance {
    /// None if there was no way to count; the conclusion says why.
    count: Option<checker::Count>,
    exceeds: bool,
}

enum Request {
    Count { body_epoch: u32, answer: Sender<Glance> },
    Conclude { counts: Counts<Glance>, answer: Sender<Judgement> },
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

    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Option<T> {
        let _untracked = tracker::untracked();
        let (answer, answers) = mpsc::channel();
        self.analyst.send(request(answer)).ok()?;
        answers.recv().ok()
    }
}

impl Judge for HeapJudge {
    type Count = Glance;

    fn body_begins(&self) {
        self.body_epoch.store(tracker::next_epoch(), Ordering::Relaxed);
    }

    fn count(&self) -> Glance {
        let body_epoch = self.body_epoch.load(Ordering::Relaxed);
        let glance = self.ask(|answer| Request::Count { body_epoch, answer });
        glance.unwrap_or(Glance { count: None, exceeds: false })
    }

    fn may_settle(&self, glance: &Glance) -> bool {
        glance.exceeds
    }

    fn conclude(&self, counts: Counts<Glance>) -> Judgement {
        let judgement = self.ask(|answer| Request::Conclude { counts, answer });
        judgement.unwrap_or_else(|| {
            Judgement::CouldNotTell("memleak: reading the heap failed: its thread panicked, as said above".to_owned())
        })
    }
}

/// The analyst's thread: until the judge is gone.
fn analyse(case: &'static Case, color: bool, requests: &Receiver<Request>) {
    let checker = Checker::new(case.expectations);
    let look = Look::of_test(case.path, color);
    for request in requests {
        match request {
            Request::Count { body_epoch, answer } => {
                let count = checker.as_ref().ok().map(|checker| checker.count(body_epoch));
                let exceeds =
                    count.as_ref().zip(checker.as_ref().ok()).is_some_and(|(count, checker)| checker.exceeds(count));
                let _ = answer.send(Glance { count, exceeds });
            }
            Request::Conclude { counts, answer } => {
                let verdict = match &checker {
                    Ok(checker) => conclude(checker, counts),
                    Err(obstacles) => Verdict::CouldNotTell(obstacles.clone()),
                };
                let _ = answer.send(judgement(&verdict, &look));
            }
        }
    }
}

fn conclude(checker: &Checker, counts: Counts<Glance>) -> Verdict {
    let Counts { body_ended, settled, afterwards, ended } = counts;
    match (body_ended.count, afterwards.count) {
        (Some(body_ended), Some(afterwards)) => {
            checker.conclude(&checker::Counts { body_ended, settled, afterwards, ended })
        }
        // A look that did not take place is not a clean one.
        _ => Verdict::CouldNotTell(vec![Obstacle::NotTracked]),
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
