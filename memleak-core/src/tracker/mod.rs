//! The allocator hook and the live table.
//!
//! May use: `stack`, `kernel`, `address`.
//!
//! The states, the order of events and the lock rules are written above the code that keeps them: `kernel/tracking/hooks.rs`.

mod allocator;
mod freeze;

pub use allocator::Allocator;
pub use freeze::{Census, Crossing, Frozen, Peak, freeze};

use crate::address::RuntimeAddress;
use crate::kernel::MEMLEAK_TRACKER;
use crate::kernel::interface_tracker as kernel;
use crate::stack::StackId;
use std::ffi::CStr;
use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// The name of the environment variable that turns tracking on from the very first allocation of the process.
pub const TRACK: &str = match TRACK_C.to_str() {
    Ok(name) => name,
    Err(_) => panic!("not UTF-8"),
};

/// The same for the C library.
pub const TRACK_C: &CStr = kernel::TRACK;

/// The name of the environment variable by which a user has leak tests run in the process of the test harness. It turns tracking on as well.
pub const IN_PLACE: &str = match kernel::IN_PLACE.to_str() {
    Ok(name) => name,
    Err(_) => panic!("not UTF-8"),
};

/// Turns tracking on from now on, whatever the environment says. Blocks that live already are not recorded.
///
/// For tests and measurements in one process; a leak test is tracked from its first allocation, through [`TRACK`].
pub fn enable() -> Status {
    // SAFETY: no preconditions.
    unsafe { (MEMLEAK_TRACKER.enable)() };
    status()
}

/// Whether this process is being tracked, and if not, why.
pub fn status() -> Status {
    if MEMLEAK_TRACKER.supported == 0 {
        return Status::Unsupported;
    }
    // SAFETY: no preconditions.
    let calls = || unsafe { (MEMLEAK_TRACKER.hook_calls)() };
    let before = calls();
    drop(black_box(Box::new(black_box(0u8))));
    match MEMLEAK_TRACKER.state.load(Ordering::Acquire) {
        kernel::UNDECIDED => Status::NotInstalled,
        kernel::ON if calls() == before => Status::NotInstalled,
        kernel::ON => Status::On,
        _ => Status::Off,
    }
}

/// What [`status`] answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Every block is recorded with its stack.
    On,
    /// Tracking was not asked for, or was stopped (it is in a forked child).
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

impl Block {
    fn new(raw: &kernel::RawBlock) -> Block {
        let origin = match raw.origin {
            kernel::ALLOC => Origin::Alloc,
            kernel::ZEROED => Origin::Zeroed,
            origin => {
                debug_assert_eq!(origin, kernel::REALLOC);
                Origin::Realloc
            }
        };
        let address = RuntimeAddress(raw.address);
        Block { address, size: raw.size, stack: StackId(raw.stack), epoch: raw.epoch, origin }
    }
}

/// Starts a new epoch and returns it. Blocks carry the epoch in which they came to be where they are: a `realloc` makes a new block.
///
/// # Panics
/// After 67 million epochs: more cannot be told apart.
pub fn next_epoch() -> u32 {
    // SAFETY: not in the hook.
    unsafe { (MEMLEAK_TRACKER.refresh_modules)() };
    let epoch = MEMLEAK_TRACKER.epoch.fetch_add(1, Ordering::Relaxed) + 1;
    assert!(epoch <= kernel::LAST_EPOCH, "memleak: too many epochs");
    epoch
}

/// While it lives, what the current thread allocates is not the program's: it comes from [`own_memory`] and is not recorded. (Frees of
/// recorded blocks still are, and a block that is reallocated stays what it is.)
#[derive(Debug)]
pub struct Untracked {
    /// Whether there was anything to undo: without the allocator there is not.
    suspended: bool,
    of_this_thread: PhantomData<*const ()>,
}

/// Whether the allocator was ever called. What asks the kernel decides whether to track, and without the allocator there is nothing to decide.
fn is_called() -> bool {
    MEMLEAK_TRACKER.state.load(Ordering::Acquire) != kernel::UNDECIDED
}

/// Gives this thread memleak's own memory to allocate from, until the guard is dropped. Guards nest.
pub fn untracked() -> Untracked {
    let suspended = is_called();
    if suspended {
        // SAFETY: undone when the guard is dropped, on this thread.
        unsafe { (MEMLEAK_TRACKER.suspend)(1) };
    }
    Untracked { suspended, of_this_thread: PhantomData }
}

impl Drop for Untracked {
    fn drop(&mut self) {
        if self.suspended {
            // SAFETY: undoes what `untracked` did.
            unsafe { (MEMLEAK_TRACKER.suspend)(-1) };
        }
    }
}

/// Runs the program's code on a thread that is [`untracked`]: what it allocates is recorded, as everywhere else in the program.
pub fn tracked<T>(program: impl FnOnce() -> T) -> T {
    /// Also if the program's code panics.
    struct Again(u32);

    impl Drop for Again {
        fn drop(&mut self) {
            // SAFETY: as many guards as were set aside.
            unsafe { (MEMLEAK_TRACKER.suspend)(self.0.cast_signed()) };
        }
    }

    if !is_called() {
        return program();
    }
    // SAFETY: undone at the end, on this thread.
    let _again = Again(unsafe { (MEMLEAK_TRACKER.suspend)(i32::MIN) });
    program()
}

/// The addresses of memleak's own memory: its tables, and what was allocated by threads while they were [`untracked`] or had a
/// [`freeze()`]. Empty if tracking was never on.
pub fn own_memory() -> Range<RuntimeAddress> {
    let mut raw = kernel::Range::default();
    // SAFETY: `raw` is a place for the answer.
    unsafe { (MEMLEAK_TRACKER.own_memory)(&raw mut raw) };
    RuntimeAddress(raw.start)..RuntimeAddress(raw.end)
}

/// Where a thread is or was, as told when it first came to the allocator.
pub use kernel::RawThread as ThreadPlace;

/// A word in memory that leads to a block.
pub use kernel::RawWord as Word;

/// Replaces `into` by the places of all threads that have come to the allocator, as far as its capacity goes; false if that is too small.
pub fn thread_places(into: &mut Vec<ThreadPlace>) -> bool {
    into.clear();
    let room = into.spare_capacity_mut();
    // SAFETY: there is room for as many as is said.
    let count = unsafe { (MEMLEAK_TRACKER.threads)(room.as_mut_ptr().cast(), room.len()) };
    if count > room.len() {
        return false;
    }
    // SAFETY: so many were written.
    unsafe { into.set_len(count) };
    true
}

/// A word of this process's memory; none if it cannot be read.
pub fn read_word(address: RuntimeAddress) -> Option<u64> {
    let mut word = 0u64;
    freeze::read_own_memory(address.0, (&raw mut word).cast(), size_of::<u64>()).then_some(word)
}

/// What tracking could not record. Any non-zero figure is a reason not to trust a count of zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Allocations that could not be recorded: no memory for the table, or the allocation was made by a signal handler that
    /// interrupted the hook.
    pub blocks: u64,
    /// Blocks that were recorded without a stack.
    pub stacks: u64,
}

/// What has been lost since tracking began.
pub fn losses() -> Losses {
    let mut raw = kernel::RawLosses::default();
    // SAFETY: `raw` is a place for the answer.
    unsafe { (MEMLEAK_TRACKER.losses)(&raw mut raw) };
    Losses { blocks: raw.blocks, stacks: raw.stacks }
}

/// What was allocated from one stack since tracking began, freed or not. A `realloc` counts as an allocation of the new size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// From where.
    pub stack: StackId,
    /// How many times.
    pub allocations: u64,
    /// How many bytes in all.
    pub bytes: u64,
}

/// What was allocated so far, by stack.
pub fn traffic() -> Vec<Traffic> {
    let _untracked = untracked();
    let mut raw: Vec<kernel::RawTraffic> = Vec::new();
    loop {
        // SAFETY: there is room for as many as is said.
        let count = unsafe { (MEMLEAK_TRACKER.traffic)(raw.as_mut_ptr(), raw.len()) };
        if count <= raw.len() {
            raw.truncate(count);
            break;
        }
        raw.resize(count, kernel::RawTraffic::default());
    }
    let each = |raw: &kernel::RawTraffic| Traffic {
        stack: StackId(raw.stack),
        allocations: raw.allocations,
        bytes: raw.bytes,
    };
    raw.iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::{Status, enable, status};

    /// The unit tests of this crate run without the allocator.
    #[test]
    fn a_program_without_the_allocator_is_told_so() {
        let expected = if cfg!(memleak_supported) { Status::NotInstalled } else { Status::Unsupported };
        assert_eq!(status(), expected);
        assert_eq!(enable(), expected);
    }
}
