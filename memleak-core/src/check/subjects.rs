//! From what a test wrote to the types of the binary.
//!
//! May use: `query`, `debuginfo`.

use crate::check::verdict::Obstacle;
use crate::check::{Bound, Expectation};
use crate::debuginfo::layouts::TypeTable;
use crate::query::subjects::Subjects;
use std::rc::Rc;

/// The types one expectation is about.
pub(super) struct Resolved {
    /// As the test has it.
    pub(super) written: &'static str,
    /// How many may live.
    pub(super) bound: Bound,
    /// The types.
    pub(super) types: Rc<Subjects>,
}

/// Finds the types of an expectation in the binary.
pub(super) fn resolve(types: &'static TypeTable<'static>, expectation: &Expectation) -> Result<Resolved, Obstacle> {
    let written = expectation.subject.written();
    let types = Subjects::resolve(types, expectation.subject).map_err(|error| Obstacle::of_name(written, error))?;
    Ok(Resolved { written, bound: expectation.bound, types })
}
