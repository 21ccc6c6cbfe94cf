//! The seam between a test's course and what is known of its heap: the runner says when to count and what to do meanwhile.

use crate::check::verdict::Ended;
use std::time::Duration;

/// Counts live instances at the checkpoints of a test, and says what the counts mean.
pub(super) trait Judge: Send + Sync + 'static {
    /// What one look at the heap found.
    type Count: Send + 'static;

    /// The body is about to begin, on this thread.
    fn body_begins(&self);

    /// Looks at the heap as it is now. It is asked again and again while background work settles.
    fn count(&self) -> Self::Count;

    /// Whether waiting may make `count` better: more lives than may, but nothing stood in the way of seeing it.
    fn may_settle(&self, count: &Self::Count) -> bool;

    /// What the counts mean for the test.
    fn conclude(&self, counts: Counts<Self::Count>) -> Judgement;
}

/// The last count at each checkpoint.
#[derive(Debug)]
pub(super) struct Counts<C> {
    /// After the body and the drop of all it owned; its runtime, or its thread if it has none, was alive.
    pub(super) body_ended: C,
    /// How long background work was waited for before it.
    pub(super) settled: Duration,
    /// After that had ended.
    pub(super) afterwards: C,
    /// What had ended.
    pub(super) ended: Ended,
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
