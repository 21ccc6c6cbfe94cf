//! Judges a test by the instances that live in its heap.

use super::Case;
use super::filing;
use super::heap_file::HeapFile;
use super::judge::{Conclusion, Judge, Judgement, Seen};
use crate::baseline::Baseline;
use crate::check::checker::{self, Checker, Checkpoint, Count};
use crate::check::growth::Round;
use crate::check::limits::Since;
use crate::check::spent::{Begun, Spent};
use crate::check::verdict::{Ended, Obstacle, Verdict};
use crate::check::{Limits, Possibly, Terms};
use crate::debuginfo::load::{LoadError, Program};
use crate::query::analyst::Kept;
use crate::query::body;
use crate::report::{self, Look};
use std::cell::{RefCell, RefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The environment variable that says whether reports have what leaked values hold.
const VALUES: &str = "MEMLEAK_REPORT_VALUES";

/// What `check` finds at the checkpoints, worded by `report`.
///
/// memleak's own thread reads the debug info and the heap: it has much of the debug info ready by the time the body ends, and nothing it
/// does is recorded.
pub(super) struct HeapJudge {
    found: Kept<Found>,
    limits: Limits,
    body: Mutex<Body>,
}

/// What is known of the body where it runs.
#[derive(Default)]
struct Body {
    begun: Begun,
    /// None before it has ended.
    spent: Option<Arc<Spent>>,
}

/// What memleak's thread knows of the test.
struct Found {
    checker: Result<Checker, Vec<Obstacle>>,
    look: Look,
    since: RefCell<Since>,
    baseline: Result<Baseline, Obstacle>,
    possibly: Possibly,
    file: HeapFile,
    body_ended: RefCell<Option<Count>>,
    afterwards: RefCell<Option<Count>>,
}

impl HeapJudge {
    pub(super) fn new(case: &'static Case, color: bool) -> Self {
        let terms = Terms {
            expectations: case.expectations,
            unreachable: case.unreachable,
            possibly: case.possibly,
            limits: case.limits,
            rounds: case.rounds,
            ignores: case.ignores,
        };
        let look = Look::of_test(case.path, color);
        let file = HeapFile::of(case);
        // Before the body may close files that it has not opened. What is wrong with them is said where they are read.
        let _ = Program::open();
        let baseline = Baseline::open(case.path, &look);
        let values = filing::asks_for(VALUES);
        let found = Kept::new(move || {
            let all = baseline.as_ref().is_ok_and(Baseline::asks_for_all);
            Found {
                checker: Checker::new(&terms).map(|checker| checker.explaining_all(all).reading_values(values)),
                look,
                file,
                baseline,
                possibly: case.possibly,
                since: RefCell::default(),
                body_ended: RefCell::default(),
                afterwards: RefCell::default(),
            }
        });
        HeapJudge { found, limits: case.limits, body: Mutex::default() }
    }

    fn examine(&self, checkpoint: Checkpoint, explain: bool) -> Seen {
        let Body { begun, spent } = &*self.body();
        let (body_epoch, spent) = (begun.epoch, spent.clone());
        self.found.ask(move |found| found.examine(checkpoint, (body_epoch, spent), explain)).unwrap_or(Seen::Settled)
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Judge for HeapJudge {
    fn body_begins(&self) {
        let begun = Begun::now(&self.limits);
        body::begins(begun.epoch);
        *self.body() = Body { begun, spent: None };
    }

    fn body_ended(&self) {
        let mut body = self.body();
        body.spent = Some(Arc::new(body.begun.ends(&self.limits)));
    }

    fn round(&self, round: u32) -> Seen {
        let body_epoch = self.body().begun.epoch;
        self.found.ask(move |found| found.round(round, body_epoch)).unwrap_or(Seen::Settled)
    }

    fn look(&self, checkpoint: Checkpoint) -> Seen {
        self.examine(checkpoint, false)
    }

    fn explain(&self, checkpoint: Checkpoint) -> Seen {
        self.examine(checkpoint, true)
    }

    fn conclude(&self, settled: Duration, ended: Ended) -> Conclusion {
        self.found.ask(move |found| found.conclude(settled, ended)).unwrap_or_else(|| {
            Judgement::CouldNotTell("memleak: reading the heap failed: its thread panicked, as said above".to_owned())
                .into()
        })
    }
}

impl Found {
    /// Takes what lives now for the end of this round. As long as that is more than before, it may be about to go.
    fn round(&self, round: u32, body_epoch: u32) -> Seen {
        let mut since = self.since(body_epoch);
        since.rounds.truncate(round as usize - 1);
        let now = Round::count(body_epoch);
        let before = since.rounds.last().map_or(0, Round::bytes);
        let seen = if now.bytes() > before { Seen::Unsettled } else { Seen::Settled };
        since.rounds.push(now);
        seen
    }

    /// What was counted since the body first began. A body that begins anew, because another attribute has it run several times, is
    /// counted from there.
    fn since(&self, body_epoch: u32) -> RefMut<'_, Since> {
        let mut since = self.since.borrow_mut();
        if since.body_epoch != body_epoch {
            *since = Since { body_epoch, ..Since::default() };
        }
        since
    }

    fn examine(&self, checkpoint: Checkpoint, body: (u32, Option<Arc<Spent>>), explain: bool) -> Seen {
        let count = match checkpoint {
            Checkpoint::BodyEnded => &self.body_ended,
            Checkpoint::Afterwards => &self.afterwards,
        };
        // A look that fails is not to leave the one before it.
        count.take();
        let Ok(checker) = &self.checker else { return Seen::Settled };
        let (body_epoch, spent) = body;
        self.since(body_epoch).spent = spent;
        let found = if explain || self.file.always() {
            checker.explain(checkpoint, &self.since(body_epoch), |relations, found| {
                let seen = seen(checker, found, checkpoint);
                if explain || seen == Seen::Settled {
                    self.file.looked(checkpoint, relations, seen == Seen::Unsettled, body_epoch);
                }
            })
        } else {
            checker.count(checkpoint, &self.since(body_epoch))
        };
        let seen = seen(checker, &found, checkpoint);
        count.replace(Some(found));
        seen
    }

    fn conclude(&self, settled: Duration, ended: Ended) -> Conclusion {
        let verdict = match (&self.checker, self.body_ended.take(), self.afterwards.take()) {
            (Err(obstacles), _, _) => Verdict::CouldNotTell(obstacles.clone()),
            (Ok(checker), Some(body_ended), Some(afterwards)) if checker.saw_all(&self.since.borrow()) => {
                checker.conclude(&checker::Counts { body_ended, settled, afterwards, ended })
            }
            // A look that did not take place, or a round that was not seen, is not a clean one.
            (Ok(_), _, _) => Verdict::CouldNotTell(vec![Obstacle::NotTracked]),
        };
        let baseline = match &self.baseline {
            Ok(baseline) => baseline,
            Err(obstacle) => return self.conclusion(&Verdict::CouldNotTell(vec![obstacle.clone()])),
        };
        let verdict = baseline.apply(verdict, self.possibly, &self.look);
        let mut conclusion = self.conclusion(&verdict);
        conclusion.judgement = match conclusion.judgement {
            Judgement::Clean(notes) if baseline.has_to_shrink(&verdict) => Judgement::Unclean(notes.join("\n")),
            judgement => judgement,
        };
        let (said, file) = self.file.conclude(matches!(conclusion.judgement, Judgement::Clean(_)));
        conclusion.findings.heap_file = file;
        match said {
            Some(said) => Conclusion { judgement: conclusion.judgement.and_said(&said), ..conclusion },
            None => conclusion,
        }
    }

    fn conclusion(&self, verdict: &Verdict) -> Conclusion {
        Conclusion { judgement: judgement(verdict, &self.look), findings: report::findings(verdict, &self.look) }
    }
}

fn seen(checker: &Checker, found: &Count, checkpoint: Checkpoint) -> Seen {
    if checker.misses(found, checkpoint) {
        Seen::Unsettled
    } else if checker.doubts(found, checkpoint) {
        Seen::Doubtful
    } else {
        Seen::Settled
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
