//! From expectations to a verdict. `subjects` finds the types, `tally` and `lost` put alike what is found in a look at the heap, `ignores`
//! knows what is accepted, `standing` compares a count with its bound, `checker` counts and concludes, `verdict` is what it says.
//!
//! May use: `query`, `heap`, `debuginfo`, `tracker`, `stack`, `address`.

pub mod checker;
pub mod ignores;
mod lost;
mod standing;
mod subjects;
mod tally;
pub mod verdict;

pub use crate::query::subjects::Subject;
pub use tally::{doubt, groups};

/// What a test expects of the heap.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// Whose instances are counted.
    pub subject: Subject<'static>,
    /// How many of them may live.
    pub bound: Bound,
}

/// How many instances may live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// No more than this many. `expect_zero` is `AtMost(0)`.
    AtMost(u64),
}

/// What unreachable memory means for a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// Memory that the test allocated and that nothing leads to any more lets it fail.
    Fail,
    /// It is not looked for.
    Allow,
}

/// What instances mean for a test that are only "possibly" live: whether they are cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Possibly {
    /// They are shown, and decide nothing.
    Show,
    /// They count like the certain ones.
    Fail,
}

/// Leaks that are known: neither their instances nor their unreachable memory let a test fail, and its text says how many there were.
///
/// All that is given has to match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ignore {
    /// A pattern for the type: of an instance, or of the unreachable block or cycle that nothing leads to.
    pub ty: Option<&'static str>,
    /// A pattern for a function: one on the stack that allocated it.
    pub function: Option<&'static str>,
    /// What holds it, on any way: a static, thread-local, task, thread, type or field.
    pub held_by: Option<&'static str>,
    /// Why it is accepted.
    pub reason: &'static str,
}
