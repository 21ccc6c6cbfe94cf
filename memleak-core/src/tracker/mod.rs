//! The allocator hook and the live table.
//!
//! May use: `stack`, `kernel`, `address`.

use crate::address::RuntimeAddress;
use crate::stack::StackId;
use std::alloc::System;

/// The allocator that records every block, over `A`.
pub struct Allocator<A = System>(A);

impl Allocator<System> {
    /// Over the system's allocator.
    pub const fn system() -> Self {
        Allocator(System)
    }
}

impl<A> Allocator<A> {
    /// Over `inner`.
    pub const fn new(inner: A) -> Self {
        Allocator(inner)
    }
}

// SAFETY: forwards to `A`.
unsafe impl<A: std::alloc::GlobalAlloc> std::alloc::GlobalAlloc for Allocator<A> {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        // SAFETY: forwarded.
        unsafe { self.0.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: std::alloc::Layout) {
        // SAFETY: forwarded.
        unsafe { self.0.dealloc(p, layout) }
    }
}

/// The name of the environment variable that turns tracking on from the very first allocation of the process.
pub const TRACK: &str = "MEMLEAK_TRACK";

/// Whether this process is being tracked, and if not, why.
pub fn status() -> Status {
    todo!("kernel helper")
}

/// What [`status`] answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Every block is recorded with its stack.
    On,
    /// Tracking was not asked for, or was stopped.
    Off,
    /// memleak's allocator is not the global allocator of this program.
    NotInstalled,
    /// Stacks cannot be captured on this platform.
    Unsupported,
}

/// How a block came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// `alloc`.
    Alloc,
    /// `alloc_zeroed`.
    Zeroed,
    /// `realloc`; the stack is that of the `realloc`.
    Realloc,
}

/// A live block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Where it starts.
    pub address: RuntimeAddress,
    /// Its size in bytes, as asked for.
    pub size: u64,
    /// Where it was allocated.
    pub stack: StackId,
    /// The epoch it was allocated in; see [`next_epoch`].
    pub epoch: u32,
    /// Which call made it.
    pub origin: Origin,
}

/// Starts a new epoch and returns it. Blocks carry the epoch they were allocated in (a `realloc` keeps the block's first epoch).
pub fn next_epoch() -> u32 {
    todo!("kernel helper")
}

/// While it lives, what the current thread allocates and frees is not recorded as new blocks (frees of recorded blocks still are).
pub struct Untracked(());

/// Stops recording what this thread allocates, until the guard is dropped. Guards nest.
pub fn untracked() -> Untracked {
    todo!("kernel helper")
}

/// While it lives, no recorded block can be freed and none can be added: other threads that try wait.
///
/// The holder must be [`untracked`] (it is, while this lives) and must not wait for other threads.
pub struct Frozen(());

/// Stops all allocation traffic of other threads.
pub fn freeze() -> Frozen {
    todo!("kernel helper")
}

impl Frozen {
    /// All live blocks, by address.
    pub fn blocks(&self) -> Vec<Block> {
        todo!("kernel helper")
    }

    /// Appends the bytes of `block`, which must come from this freeze, to `into`.
    pub fn copy(&self, _block: &Block, _into: &mut Vec<u8>) {
        todo!("kernel helper")
    }

    /// Appends `len` bytes of this process's memory at `address` to `into`; nothing if any of them cannot be read.
    pub fn copy_memory(&self, _address: RuntimeAddress, _len: usize, _into: &mut Vec<u8>) -> bool {
        todo!("kernel helper")
    }
}

/// What tracking could not record. Any non-zero figure is a reason not to trust a count of zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Allocations that could not be recorded because the table was full.
    pub blocks: u64,
    /// Blocks whose stack is cut short or missing.
    pub stacks: u64,
}

/// What has been lost since tracking began.
pub fn losses() -> Losses {
    todo!("kernel helper")
}
