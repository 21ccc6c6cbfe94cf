//! Judges a test by the instances that live in its heap.

use super::Case;
use super::judge::{Judge, Judgement, Seen};
use crate::check::checker::{self, Checker, Checkpoint, Count};
use crate::check::verdict::{Ended, Obstacle, Verdict};
use crate::debuginfo::load::LoadError;
use crate::query::analyst::Kept;
use crate::query::body;
use crate::report::{self, Look};
use crate::tracker;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What `check` finds at the checkpoints, worded by `report`.
///
/// memleak's own thread reads the debug info and the heap: it has much of the debug info ready by the time the body ends, and nothing it
/// does is recorded.
pub(super) struct HeapJudge {
    found: Kept<Found>,
    /// Blocks of earlier epochs were there before the body.
    body_epoch: AtomicU32,
}

/// What memleak's thread knows of the test.
struct Found {
    checker: Result<Checker, Vec<Obstacle>>,
    look: Look,
    body_ended: RefCell<Option<Count>>,
    afterwards: RefCell<Option<Count>>,
}

impl HeapJudge {
    pub(super) fn new(case: &'static Case, color: bool) -> Self {
        let found = Kept::new(move || Found {
            checker: Checker::new(case.expectations, case.unreachable, case.possibly, case.ignores),
            look: Look::of_test(case.path, color),
            body_ended: RefCell::default(),
            afterwards: RefCell::default(),
        });
        HeapJudge { found, body_epoch: AtomicU32::new(0) }
    }

    fn examine(&self, checkpoint: Checkpoint, explain: bool) -> Seen {
        let body_epoch = self.body_epoch.load(Ordering::Relaxed);
        self.found.ask(move |found| found.examine(checkpoint, body_epoch, explain)).unwrap_or(Seen::Settled)
    }
}

impl Judge for HeapJudge {
    fn body_begins(&self) {
        let epoch = tracker::next_epoch();
        self.body_epoch.store(epoch, Ordering::Relaxed);
        body::begins(epoch);
    }

    fn look(&self, checkpoint: Checkpoint) -> Seen {
        self.examine(checkpoint, false)
    }

    fn explain(&self, checkpoint: Checkpoint) -> Seen {
        self.examine(checkpoint, true)
    }

    fn conclude(&self, settled: Duration, ended: Ended) -> Judgement {
        self.found.ask(move |found| found.conclude(settled, ended)).unwrap_or_else(|| {
            Judgement::CouldNotTell("memleak: reading the heap failed: its thread panicked, as said above".to_owned())
        })
    }
}

impl Found {
    fn examine(&self, checkpoint: Checkpoint, body_epoch: u32, explain: bool) -> Seen {
        let count = match checkpoint {
            Checkpoint::BodyEnded => &self.body_ended,
            Checkpoint::Afterwards => &self.afterwards,
        };
        // A look that fails is not to leave the one before it.
        count.take();
        let Ok(checker) = &self.checker else { return Seen::Settled };
        let look = if explain { Checker::explain } else { Checker::count };
        let found = look(checker, checkpoint, body_epoch);
        let seen = if checker.exceeds(&found) {
            Seen::Unsettled
        } else if checker.doubts(&found) {
            Seen::Doubtful
        } else {
            Seen::Settled
        };
        count.replace(Some(found));
        seen
    }

    fn conclude(&self, settled: Duration, ended: Ended) -> Judgement {
        let verdict = match (&self.checker, self.body_ended.take(), self.afterwards.take()) {
            (Err(obstacles), _, _) => Verdict::CouldNotTell(obstacles.clone()),
            (Ok(checker), Some(body_ended), Some(afterwards)) => {
                checker.conclude(&checker::Counts { body_ended, settled, afterwards, ended })
            }
            // A look that did not take place is not a clean one.
            (Ok(_), _, _) => Verdict::CouldNotTell(vec![Obstacle::NotTracked]),
        };
        judgement(&verdict, &self.look)
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
