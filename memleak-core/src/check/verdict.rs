//! What the checks of one test found, as plain data: `check` fills it, `report` words it, tests compare it.
//!
//! Three outcomes, closed: everything expected was seen to hold, something was seen not to, or it could not be told. There is no way
//! from "could not tell" to "passed".

pub use crate::check::growth::Slope;
pub use crate::check::{Bound, Ignore};
use crate::debuginfo::load::LoadError;
use crate::heap::advice::Advice;
use crate::heap::holders::{Counted, Hop};
use crate::query::pattern::PatternError;
use crate::query::predicate::StateError;
pub use crate::query::scene::{Frame, Holder};
use crate::query::subjects::NameError;
use crate::tracker::Losses;
use std::time::Duration;

/// The answer to a test's expectations.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// No expectation is known not to hold, and nothing stood in the way of seeing it.
    Passed(Aside),
    /// At least one expectation does not hold.
    Failed(Failure),
    /// Nothing could be counted, or a count of zero could not be trusted; never empty.
    CouldNotTell(Vec<Obstacle>),
}

/// What does not hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// The expectations that do not hold, in the order of the test.
    pub missed: Vec<Missed>,
    /// The figures that are above their limits.
    pub overruns: Vec<Overrun>,
    /// Unreachable memory; never empty if `missed` and `overruns` are.
    pub lost: Vec<LostGroup>,
    /// What could not be told besides.
    pub untold: Vec<Obstacle>,
    /// What does not decide.
    pub aside: Aside,
    /// How long background work was given to let go before the count.
    pub settled: Duration,
    /// What ended before the second count, and before unreachable memory was looked for.
    pub ended: Ended,
    /// What tracking could not record: the counts may be too low.
    pub losses: Losses,
}

/// What decides nothing, and is not to go unseen.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Aside {
    /// The expectations that would not hold if doubtful instances did live.
    pub doubtful: Vec<Doubtful>,
    /// Leaks that an `ignore` matched, one entry per `ignore`.
    pub ignored: Vec<Ignored>,
    /// Every `ignore` that matched nothing, though what it names is there.
    pub unused_ignores: Vec<Ignore>,
    /// What the list of known leaks has, if it has something of this test.
    pub baseline: Option<AgainstBaseline>,
    /// Memory that the test allocated and that only the stack or a register of a live thread leads to: it counts as reachable.
    pub on_stacks: Vec<OnStack>,
    /// The threads that could not be stopped while memleak looked, by name (empty if one has none).
    pub unstopped_threads: Vec<String>,
}

/// An expectation that holds unless doubtful instances live.
#[derive(Clone, PartialEq, Debug)]
pub struct Doubtful {
    /// The type or pattern as the test has it.
    pub written: String,
    /// How many instances may live.
    pub bound: Bound,
    /// How many live for certain.
    pub certain: u64,
    /// The doubtful ones; never empty.
    pub groups: Vec<Group>,
}

/// Leaks that one `ignore` matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    /// The reason the test gives.
    pub reason: String,
    /// How many instances or leaks.
    pub count: u64,
    /// What they take; of a leak with what only it keeps.
    pub bytes: u64,
}

/// What was found, beside what the list of known leaks has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgainstBaseline {
    /// Its file, as texts have it.
    pub file: String,
    /// How many leaks were found that are known.
    pub known: u64,
    /// The entries of which not all were found.
    pub gone: Vec<Gone>,
    /// How many leaks were written to it, if it was written.
    pub written: Option<u64>,
}

/// Leaks that are known, and are not there any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Where in the file.
    pub line: usize,
    /// Their type, as the file has it.
    pub type_name: String,
    /// How many there were.
    pub listed: u64,
    /// How many there are.
    pub left: u64,
}

/// Memory that only the stack or a register of a live thread leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnStack {
    /// The type of the block that the thread leads to, in full; none if it is not known.
    pub type_name: Option<String>,
    /// How many blocks, with what only they keep.
    pub blocks: u64,
    /// The same in bytes.
    pub bytes: u64,
    /// The thread's name; empty if it has none.
    pub thread: String,
}

/// An expectation that does not hold: more or fewer instances live than it says, where possibly live ones may count as well.
#[derive(Clone, PartialEq, Debug)]
pub struct Missed {
    /// The type or pattern as the test has it.
    pub written: String,
    /// How many instances may live.
    pub bound: Bound,
    /// The instances, grouped, doubtful ones too.
    pub groups: Vec<Group>,
    /// What the second count found.
    pub second: SecondCount,
}

impl Missed {
    /// Whether even with the doubtful ones there are too few.
    pub fn too_few(&self) -> bool {
        self.groups.iter().map(|group| group.count).sum::<u64>() < self.bound.least()
    }

    /// Where there are too few, without advice to let go of those that live.
    pub(super) fn with_fitting_advice(mut self) -> Missed {
        if self.too_few() {
            self.groups.iter_mut().for_each(|group| group.advice = None);
        }
        self
    }
}

/// A figure that is above its limit.
#[derive(Clone, PartialEq, Debug)]
pub struct Overrun {
    /// Which.
    pub figure: Figure,
    /// What it is.
    pub measured: u64,
    /// What it may be.
    pub allowed: u64,
    /// What it is made of, the largest first; of growth what was added.
    pub parts: Vec<Part>,
}

/// What a test can limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Bytes that live of those that were allocated since the body began.
    LiveBytes,
    /// The most of them that lived at any moment of the body. Its parts are what lived when the limit was first crossed.
    PeakBytes,
    /// Bytes that the body allocated.
    AllocatedBytes,
    /// Blocks that the body allocated.
    Allocations,
    /// Values of the type that the test calls so, that the body allocated.
    Allocated(&'static str),
    /// Bytes that were added in each round, on average.
    Growth {
        /// How many rounds there were after the warm-up.
        rounds: u64,
    },
}

/// A part of a figure: blocks of one type, allocated by one stack.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// The type of what they hold, in full; none if it is not known.
    pub type_name: Option<String>,
    /// How many.
    pub blocks: u64,
    /// All of them, in bytes.
    pub bytes: u64,
    /// The size of one in bytes, if it is the same for all.
    pub size: Option<u64>,
    /// What they add to the figure.
    pub number: u64,
    /// How many of this type and place live at the end, of those that were allocated since the body began.
    pub left: u64,
    /// The stack that allocated them, innermost first; empty if it is not known.
    pub stack: Vec<Frame>,
    /// How the site grows that they are from, if it is growth.
    pub slope: Option<Slope>,
    /// Who holds them, the most telling first; empty if nobody looked.
    pub holders: Vec<Holder>,
    /// How many holders there are besides.
    pub more_holders: u64,
    /// What to do.
    pub advice: Option<Advice>,
}

/// Instances of one type at one place, all certain or all doubtful for one reason.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// In full, as in `debuginfo::types::Type::name`; `type::variant` where a variant is counted.
    pub type_name: String,
    /// How many.
    pub count: u64,
    /// The size of one instance in bytes.
    pub size: u64,
    /// How many of them lived before the body began.
    pub before: u64,
    /// How many of them are known leaks.
    pub known: u64,
    /// Why they are counted as "possibly" live; none if they live for certain.
    pub doubt: Option<Doubt>,
    /// Where they are.
    pub place: Place,
    /// Who holds them, the most telling first; empty if nobody looked.
    pub holders: Vec<Holder>,
    /// How many holders there are besides.
    pub more_holders: u64,
    /// What would be freed with all of them, in bytes, if that is known: what they own, directly or through others, and nobody else does.
    pub retained: Option<u64>,
    /// What some of them hold, if that was asked for.
    pub values: Vec<String>,
    /// What to do.
    pub advice: Option<Advice>,
}

impl Group {
    /// The container that they may be in, if it could not be read.
    pub fn container_not_understood(&self) -> Option<&str> {
        match &self.doubt {
            Some(Doubt::NotUnderstood(container)) => Some(container),
            _ => None,
        }
    }
}

/// Memory that nothing leads to any more: leaks with entries of one type, from one place.
#[derive(Clone, PartialEq, Debug)]
pub struct LostGroup {
    /// The type of the entry, the block that nothing leads to, in full; of a cycle that of its first member. None if it is not known.
    pub type_name: Option<String>,
    /// How many leaks are alike.
    pub count: u64,
    /// How many of them are known.
    pub known: u64,
    /// The size of the entry in bytes, if it is the same in all.
    pub size: Option<u64>,
    /// All blocks of all of these leaks: entries, and what only they keep.
    pub blocks: u64,
    /// The same in bytes.
    pub bytes: u64,
    /// The blocks that are not entries, by type, the largest sum of bytes first.
    pub owned: Vec<Owned>,
    /// The stack that allocated the entry, innermost first; empty if it is not known.
    pub stack: Vec<Frame>,
    /// How values keep each other alive.
    pub cycle: Option<Cycle>,
    /// Of an entry that is an `Rc` or `Arc`, or of a member of the cycle: how many owners its count says there are, and how many were found.
    pub owners: Option<Counted>,
    /// If some were not found: the pointers in unreachable memory that may be the missing ones.
    pub suspects: Vec<Suspect>,
    /// What some of the entries hold, if that was asked for.
    pub values: Vec<String>,
    /// What to do.
    pub advice: Option<Advice>,
}

/// A pointer that may be an owner.
#[derive(Clone, PartialEq, Debug)]
pub struct Suspect {
    /// The type of what it is in, in full; none if it is not known.
    pub in_type: Option<String>,
    /// From there to the value.
    pub hops: Vec<Hop>,
}

/// Blocks of one type that a leak keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owned {
    /// In full; none if it is not known.
    pub type_name: Option<String>,
    /// How many.
    pub blocks: u64,
    /// All of them, in bytes.
    pub bytes: u64,
}

/// Values that keep each other alive. Buffers between them are hops of an edge.
#[derive(Clone, PartialEq, Debug)]
pub struct Cycle {
    /// The types of the members, in full and without the `ArcInner` around them; none if one is not known. First the ring, in the order in
    /// which they point to each other: its last points to its first.
    pub members: Vec<Option<String>>,
    /// How many members the ring has; at least one.
    pub ring: usize,
    /// The edges between members. If `certain`, every one that keeps its target alive.
    pub edges: Vec<CycleEdge>,
    /// Whether every edge is known to own its target. If not, the values only may keep each other alive.
    pub certain: bool,
}

/// A pointer from one member of a cycle to another.
#[derive(Clone, PartialEq, Debug)]
pub struct CycleEdge {
    /// What has it: an index into the members.
    pub from: usize,
    /// Where it leads.
    pub to: usize,
    /// Through which fields, elements and buffers; never empty.
    pub hops: Vec<Hop>,
    /// If the field of this edge alone, made a `Weak`, would let the whole cycle be freed: its rank among such fields, 0 for the one to choose.
    /// Several edges may be one field.
    pub weaken: Option<usize>,
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
    /// On the stack of a live thread.
    Stack {
        /// The thread's name; empty if it has none.
        thread: String,
        /// The function whose local it is, in full.
        function: String,
    },
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
    /// The bytes of its container, this type, make no sense, or its layout is not known: it may hold none, or any number.
    NotUnderstood(String),
    /// It is listed for a call of this function that a live thread is in, which may have moved or dropped it.
    OnStack(String),
    /// It may be in a block that this function allocated with a layout of its own.
    OwnLayout(String),
    /// Only the stack that allocated its block says what is there, and the build is optimised, which may make a stack name another type.
    Optimised,
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
    /// The text of an expectation or an `ignore` is not a pattern.
    Pattern {
        /// The text.
        written: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// No value of the types that it names can be in the state that it describes.
    State {
        /// As the test has it.
        written: String,
        /// Why not.
        error: StateError,
    },
    /// It says a variant or fields where only types are known.
    NotATypeAlone {
        /// As written.
        written: String,
    },
    /// No function of the binary has this name.
    UnknownFunction {
        /// As written.
        written: String,
        /// Names that are there, the most likely first.
        nearest: Vec<String>,
    },
    /// No static, thread-local, task, thread or type of the binary has this name, or none of the types has the field.
    UnknownHolder {
        /// As written.
        written: String,
        /// Names that are there, the most likely first.
        nearest: Vec<String>,
    },
    /// An `ignore` matched nothing, and cannot match anything.
    Ignore {
        /// Which.
        ignore: Ignore,
        /// What is wrong with a part of it.
        why: Box<Obstacle>,
    },
    /// No type of the binary has this name.
    UnknownName {
        /// As the test has it.
        written: String,
        /// Whether the compiler resolved it (`expect_zero = Session`) or it is a pattern.
        resolved: bool,
        /// Names that are there, the most likely first.
        nearest: Vec<String>,
        /// What a pointer, an array or a slice is of, if that is what was written.
        instead: Option<String>,
    },
    /// The list of known leaks cannot be read or written.
    Baseline {
        /// Its file, as texts have it.
        file: String,
        /// The line at fault.
        line: Option<usize>,
        /// What is wrong.
        wrong: String,
    },
    /// It is not known what is to be done with the list of known leaks: the value of the variable that says it.
    BaselineMode(String),
    /// The count is within bounds, but something was not recorded.
    Losses(Losses),
    /// No certain instance is too many, but this container could not be read, which may hold some.
    NotUnderstood {
        /// The type of the container, in full.
        container: String,
        /// What it may hold, in full.
        holds: String,
        /// Where it is.
        place: Place,
    },
}

impl Obstacle {
    /// What it means that the types called `written` could not be found.
    pub fn of_name(written: &str, error: NameError) -> Obstacle {
        let written = written.to_owned();
        match error {
            NameError::Pattern(error) => Obstacle::Pattern { written, error },
            NameError::Unknown { resolved, nearest, instead } => {
                Obstacle::UnknownName { written, resolved, nearest, instead }
            }
            NameError::State(error) => Obstacle::State { written, error },
            NameError::NotATypeAlone => Obstacle::NotATypeAlone { written },
            NameError::DebugInfo(error) => Obstacle::DebugInfo(error),
        }
    }

    /// What it means that the functions called `written` could not be found.
    pub fn of_function(written: &str, error: NameError) -> Obstacle {
        match error {
            NameError::Unknown { nearest, .. } => Obstacle::UnknownFunction { written: written.to_owned(), nearest },
            error => Obstacle::of_name(written, error),
        }
    }

    /// What it means that nothing called `written` was found that could hold others.
    pub fn of_holder(written: &str, error: NameError) -> Obstacle {
        match error {
            NameError::Unknown { nearest, .. } => Obstacle::UnknownHolder { written: written.to_owned(), nearest },
            error => Obstacle::of_name(written, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(live: u64, bound: Bound) -> Option<Advice> {
        let group = Group {
            type_name: "chat::Session".to_owned(),
            count: live,
            size: 8,
            before: 0,
            known: 0,
            doubt: None,
            place: Place::Static("chat::CURRENT".to_owned()),
            holders: Vec::new(),
            more_holders: 0,
            retained: None,
            values: Vec::new(),
            advice: Some(Advice::Receive),
        };
        let missed = Missed {
            written: "Session".to_owned(),
            bound,
            groups: vec![group],
            second: SecondCount::Live { certain: live, possible: 0 },
        };
        missed.with_fitting_advice().groups[0].advice.clone()
    }

    #[test]
    fn where_too_few_live_nobody_is_told_to_let_go() {
        assert_eq!(advice(3, Bound::Exactly(2)), Some(Advice::Receive));
        assert_eq!(advice(1, Bound::AtMost(0)), Some(Advice::Receive));
        assert_eq!(advice(1, Bound::Exactly(2)), None);
    }
}
