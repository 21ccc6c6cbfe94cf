//! What the checks of one test found, as plain data: `check` fills it, `report` words it, tests compare it.
//!
//! Three outcomes, closed: everything expected was seen to hold, something was seen not to, or it could not be told. There is no way
//! from "could not tell" to "passed".

use crate::debuginfo::code::CodeKind;
use crate::debuginfo::load::LoadError;
use crate::query::pattern::PatternError;
use crate::tracker::Losses;
use std::time::Duration;

/// The answer to a test's expectations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every expectation holds, and nothing stood in the way of seeing it.
    Passed,
    /// At least one expectation does not hold, or may not.
    Failed(Failure),
    /// Nothing could be counted, or a count of zero could not be trusted; never empty.
    CouldNotTell(Vec<Obstacle>),
}

/// The expectations that do not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// In the order of the test's expectations; never empty.
    pub missed: Vec<Missed>,
    /// How long background work was given to let go before the count.
    pub settled: Duration,
    /// What ended before the second count.
    pub ended: Ended,
    /// What tracking could not record: the counts may be too low.
    pub losses: Losses,
}

/// An expectation that does not hold: more instances live, or possibly live, than it allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missed {
    /// The type or pattern as the test has it.
    pub written: String,
    /// How many instances may live.
    pub at_most: u64,
    /// The instances, grouped; the sum of all counts is above `at_most`.
    pub groups: Vec<Group>,
    /// What the second count found.
    pub second: SecondCount,
}

/// Instances of one type at one place, all certain or all doubtful for one reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// In full, as in `debuginfo::types::Type::name`; `type::variant` where a variant is counted.
    pub type_name: String,
    /// How many.
    pub count: u64,
    /// The size of one instance in bytes.
    pub size: u64,
    /// How many of them lived before the body began.
    pub before: u64,
    /// Why they are counted as "possibly" live; none if they live for certain.
    pub doubt: Option<Doubt>,
    /// Where they are.
    pub place: Place,
}

/// Where instances are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In heap blocks that were allocated by one stack.
    Block {
        /// The type of the block that contains them, in full; none when they are whole blocks, or alone in an `Arc` or `Rc`.
        inside: Option<String>,
        /// The stack that allocated the block, innermost first; empty if it is not known.
        stack: Vec<Frame>,
    },
    /// In the static or thread-local of this name.
    Static(String),
}

/// Why it cannot be told whether an instance is live.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Doubt {
    /// Debug info lists it for this suspended future, which may have moved or dropped it before the await.
    Suspended(String),
    /// It was captured by this closure, which may have moved or dropped it: nobody who could still call it was found.
    Captured(String),
    /// It is in memory that need not be initialised: a union, `MaybeUninit`, `ManuallyDrop`.
    MaybeUninit,
    /// It is in a buffer whose owner was not found, and with it how many slots are in use.
    NoOwner,
    /// The bytes of its container, this type, make no sense.
    NotUnderstood(String),
    /// It may be in a block that this function allocated with a layout of its own.
    OwnLayout(String),
}

/// What ended between the two counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The runtime of an async body.
    Runtime,
    /// The thread of a body without a runtime, and with it its thread-locals.
    Thread,
}

/// What the second count found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondCount {
    /// The expectation holds: what lived was let go by that end.
    Clean,
    /// It still does not hold.
    Live {
        /// Certain instances.
        certain: u64,
        /// Doubtful ones.
        possible: u64,
    },
}

/// A function on a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its path as debug info has it.
    pub function: String,
    /// The file, absolute, and the 1-based line; none if not known.
    pub location: Option<(String, u32)>,
    /// Whose code it is.
    pub kind: CodeKind,
}

/// Why nothing could be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// memleak's allocator is not the global allocator of the test binary.
    NotInstalled,
    /// It is, but was not recording.
    NotTracked,
    /// Call stacks cannot be captured on this platform.
    NoStacks,
    /// The debug info of the binary is missing or unreadable.
    DebugInfo(LoadError),
    /// The text of an expectation is not a pattern.
    Pattern {
        /// The text.
        written: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// No type of the binary has this name.
    UnknownName {
        /// As the test has it.
        written: String,
        /// Whether the compiler resolved it (`expect_zero = Session`) or it is a pattern.
        resolved: bool,
        /// Names that are there, the most likely first.
        nearest: Vec<String>,
    },
    /// The count is within bounds, but something was not recorded.
    Losses(Losses),
}
