//! From expectations to a verdict. `subjects` finds the types, `tally` and `lost` put alike what is found in a look at the heap, `ignores`
//! knows what is accepted, `standing` compares a count with its bound, `limits` compares bytes and allocations with theirs: what `spent` says of
//! the body, and the rounds that `growth` looks at. `parts` says what these figures are made of, `holders` asks who holds what is found, `values`
//! reads what leaked values hold, `checker` counts and concludes, `verdict` is what it says.
//!
//! May use: `query`, `heap`, `debuginfo`, `tracker`, `stack`, `address`.

pub mod checker;
pub mod growth;
mod holders;
pub mod ignores;
pub mod limits;
mod lost;
mod parts;
pub mod spent;
mod standing;
mod subjects;
mod tally;
mod values;
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
    /// This many, while the runtime or the thread of the body lives. What either keeps alive may end with it.
    Exactly(u64),
}

impl Bound {
    /// No more than this many.
    pub fn most(self) -> u64 {
        match self {
            Bound::AtMost(most) | Bound::Exactly(most) => most,
        }
    }

    /// No fewer than this many.
    pub fn least(self) -> u64 {
        match self {
            Bound::AtMost(_) => 0,
            Bound::Exactly(least) => least,
        }
    }
}

/// The figures that a test limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many bytes may live of those that were allocated since the body began.
    pub live_bytes: Option<u64>,
    /// How many of them may live at any moment of the body.
    pub peak_bytes: Option<u64>,
    /// How many bytes the body may allocate.
    pub allocated_bytes: Option<u64>,
    /// How many blocks the body may allocate.
    pub allocations: Option<u64>,
    /// How many values of a type the body may allocate.
    pub allocated: &'static [Allocated],
    /// By how many bytes memory may grow in each round after the warm-up, on average.
    pub growth: Option<u64>,
}

impl Limits {
    /// There is no limit.
    pub const NONE: Limits = Limits {
        live_bytes: None,
        peak_bytes: None,
        allocated_bytes: None,
        allocations: None,
        allocated: &[],
        growth: None,
    };

    /// Whether one is about what the body allocates.
    fn traffic(&self) -> bool {
        self.allocated_bytes.is_some() || self.allocations.is_some() || !self.allocated.is_empty()
    }
}

/// How many values of a type the body may allocate.
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    /// Of which.
    pub subject: Subject<'static>,
    /// So many.
    pub most: u64,
}

/// How often the body runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rounds {
    /// So many times, one after the other.
    pub count: u32,
    /// After so many of them growth counts.
    pub warmup: u32,
}

impl Rounds {
    /// The body runs once.
    pub const ONE: Rounds = Rounds { count: 1, warmup: 0 };
}

/// What a test expects of its heap, all together.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Of types.
    pub expectations: &'a [Expectation],
    /// What unreachable memory means.
    pub unreachable: Unreachable,
    /// What doubtful instances mean.
    pub possibly: Possibly,
    /// Of figures.
    pub limits: Limits,
    /// Over how many rounds growth is seen.
    pub rounds: Rounds,
    /// Leaks that are known.
    pub ignores: &'static [Ignore],
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
