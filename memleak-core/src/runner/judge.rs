//! The seam between a test's course and what is known of its heap: the runner says when to count and what to do meanwhile.

use crate::check::checker::Checkpoint;
use crate::check::verdict::Ended;
use memleak_report::document::Findings;
use std::time::Duration;

/// Looks at the heap at the checkpoints of a test, and says what it saw. The last look at each checkpoint counts.
pub(super) trait Judge: Send + Sync + 'static {
    /// The body is about to begin, on this thread.
    fn body_begins(&self);

    /// The body has ended for the last time.
    fn body_ended(&self) {}

    /// A run of the body has ended, after which it runs again. Says whether waiting may change what is left of it; if it is asked more than
    /// once, the last answer counts.
    fn round(&self, round: u32) -> Seen;

    /// Looks at the heap as it is now; asked again and again while background work settles.
    fn look(&self, checkpoint: Checkpoint) -> Seen;

    /// Looks once more, at what waiting did not change, and finds out why it is as it is.
    fn explain(&self, checkpoint: Checkpoint) -> Seen;

    /// What was seen means for the test. `settled` is how long background work was waited for at the first checkpoint, `ended` what ended
    /// between the two.
    fn conclude(&self, settled: Duration, ended: Ended) -> Conclusion;
}

/// What one look showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// Nothing that waiting may change: all is well, or could not be told.
    Settled,
    /// Nothing that lets the test fail, but not all could be told. Waiting may make that plain.
    Doubtful,
    /// More than there should be. Waiting may change that.
    Unsettled,
}

/// What was seen, and what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Conclusion {
    pub(super) judgement: Judgement,
    /// What was seen as data.
    pub(super) findings: Findings,
}

impl From<Judgement> for Conclusion {
    fn from(judgement: Judgement) -> Self {
        Conclusion { judgement, findings: Findings::default() }
    }
}

/// What the heap says of a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Judgement {
    /// All is as expected; what is worth a line nevertheless, one each.
    Clean(Vec<String>),
    /// It is not; how.
    Unclean(String),
    /// It cannot be told in this test; why.
    CouldNotTell(String),
    /// The heap of this program cannot be read; its first line says why, the others what to do. A test may allow that.
    Unsupported(String),
}

impl Judgement {
    /// With one more line that changes nothing.
    pub(super) fn and_said(self, line: &str) -> Judgement {
        let longer = |text: String| {
            let apart = if text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{apart}memleak: note: {line}\n")
        };
        match self {
            Judgement::Clean(mut notes) => {
                notes.push(line.to_owned());
                Judgement::Clean(notes)
            }
            Judgement::Unclean(text) => Judgement::Unclean(longer(text)),
            Judgement::CouldNotTell(text) => Judgement::CouldNotTell(longer(text)),
            Judgement::Unsupported(text) => Judgement::Unsupported(longer(text)),
        }
    }
}
