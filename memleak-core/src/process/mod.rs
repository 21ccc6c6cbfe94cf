//! The process seen from inside: its threads, stopped for a moment, and the memory that is not the heap.
//!
//! May use: `tracker`, `stack` (its `Position`), `address`.
//!
//! [`Room::stop`] stops all other threads by a signal; they go on when the [`World`] is dropped.
//!
//! # While the world is stopped
//!
//! A stopped thread may hold any lock: malloc's, the loader's, that of the output, one of memleak's own. So between `stop` and the end of
//! the `World` nothing may allocate, free, ask the loader or print. Memory for the answers is made before; if it turns out to be too
//! small, the threads go on and there is a next try. Files of `/proc` are read with plain system calls.

#[cfg_attr(memleak_supported, path = "linux/mod.rs")]
#[cfg_attr(not(memleak_supported), path = "unsupported.rs")]
mod platform;

pub use platform::{Room, World, in_own_frames};

use crate::stack::walk::Position;
use std::ops::Range;

/// A thread that was there while the world was stopped.
#[derive(Clone, Debug)]
pub struct Task<'w> {
    /// The system's number for it.
    pub id: u32,
    /// Its name as the system knows it: the first 15 bytes.
    pub name: &'w [u8],
    /// Whether it stood still.
    pub stopped: bool,
    /// What its registers held; empty if it did not stop, or if its innermost frames are memleak's own.
    pub registers: &'w [u64],
    /// Where it was; none if it did not stop.
    pub position: Option<Position>,
    /// Its memory.
    pub places: &'w Places,
    /// The part of its stack that has frames of memleak's own ([`in_own_frames`]).
    pub own_frames: Option<Range<u64>>,
}

/// Which memory is a thread's own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// Its stack, from the stack pointer to the end.
    pub stack: Option<Range<u64>>,
    /// Its static thread-locals and what the C library keeps beside them.
    pub thread_locals: Option<Range<u64>>,
    /// Where the executable's block of thread-locals starts.
    pub executables_thread_locals: Option<u64>,
    /// Where it is running, if that is not its own stack.
    pub other_stack: Option<Range<u64>>,
}

impl Places {
    /// All of them.
    pub fn ranges(&self) -> impl Iterator<Item = &Range<u64>> {
        self.stack.iter().chain(&self.thread_locals).chain(&self.other_stack)
    }
}

/// What was made ready was too small: the threads go on, and the next try has more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSmall;
