//! In place of `linux` on platforms that are not tracked: there is nothing to stop and nothing to read.
//!
//! May use: `tracker`.

use super::{Task, TooSmall};
use crate::tracker::{Census, Frozen, Word};
use std::marker::PhantomData;
use std::ops::Range;

/// See the module for Linux.
#[derive(Debug, Default)]
pub struct Room(());

/// See the module for Linux.
#[derive(Debug)]
pub struct World<'r>(PhantomData<&'r Frozen>);

impl Room {
    /// Makes nothing ready.
    pub fn prepare(&mut self) {}

    /// Stops nothing.
    ///
    /// # Errors
    /// None.
    pub fn stop<'r>(&'r mut self, _frozen: &'r Frozen) -> Result<World<'r>, TooSmall> {
        Ok(World(PhantomData))
    }
}

/// Does the work.
pub fn in_own_frames<R>(work: impl FnOnce() -> R) -> R {
    work()
}

impl World<'_> {
    /// Nothing goes on.
    pub fn resume(&self) {}

    /// None.
    pub fn tasks(&self) -> impl Iterator<Item = Task<'_>> {
        std::iter::empty()
    }

    /// None.
    pub fn not_pointers(&self) -> Option<Range<u64>> {
        None
    }

    /// Finds nothing.
    ///
    /// # Errors
    /// None.
    pub fn search_foreign(&mut self, _census: &Census<'_>) -> Result<(), TooSmall> {
        Ok(())
    }

    /// None.
    pub fn foreign(&self) -> &[Word] {
        &[]
    }

    /// None.
    pub fn segments(&self) -> &[Range<u64>] {
        &[]
    }
}
