//! From expectations to a verdict. `subjects` finds the types, `checker` counts and concludes, `verdict` is what it says.
//!
//! May use: `query`, `heap`, `debuginfo`, `tracker`, `stack`, `address`.

pub mod checker;
mod subjects;
pub mod verdict;

/// What a test expects of the heap.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// Whose instances are counted.
    pub subject: Subject,
    /// How many of them may live.
    pub bound: Bound,
}

/// The type an expectation is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// Written as a string: a pattern, matched against the types of the binary.
    Pattern(&'static str),
    /// Written as a path, resolved by the compiler.
    Path {
        /// As written, for the text.
        written: &'static str,
        /// `core::any::type_name` of it.
        name: fn() -> &'static str,
        /// `core::mem::size_of` of it, to tell same-named types apart; none if unsized.
        size: Option<usize>,
    },
}

/// How many instances may live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// No more than this many. `expect_zero` is `AtMost(0)`.
    AtMost(u64),
}
