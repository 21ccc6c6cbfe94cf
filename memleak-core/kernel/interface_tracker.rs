//! What the tracking half of the kernel and memleak-core share: one table of functions, and the plain data they take.
//!
//! May use: nothing but `core`.

use core::sync::atomic::AtomicU32;

/// [`Tracker::state`]: nobody has allocated yet; the first allocation decides.
pub const UNDECIDED: u32 = 0;
/// [`Tracker::state`]: nothing is recorded.
pub const OFF: u32 = 1;
/// [`Tracker::state`]: every block is recorded.
pub const ON: u32 = 2;
/// [`Tracker::state`]: nothing is recorded any more, but blocks of memleak's own memory may still come back.
pub const STOPPED: u32 = 3;

/// [`RawBlock::origin`]: `alloc`. Origins start at 1 so that no live entry of the table is all zero.
pub const ALLOC: u32 = 1;
/// [`RawBlock::origin`]: `alloc_zeroed`.
pub const ZEROED: u32 = 2;
/// [`RawBlock::origin`]: `realloc`.
pub const REALLOC: u32 = 3;

/// The environment variable that turns tracking on, as C wants it.
pub const TRACK: &core::ffi::CStr = c"MEMLEAK_TRACK";

/// The environment variable by which a user has leak tests run in the process of the test harness. It turns tracking on as well.
pub const IN_PLACE: &core::ffi::CStr = c"MEMLEAK_IN_PLACE";

/// Epochs are kept in 26 bits of a table entry.
pub const LAST_EPOCH: u32 = (1 << 26) - 1;

/// A live block.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RawBlock {
    pub address: u64,
    pub size: u64,
    pub stack: u32,
    pub epoch: u32,
    pub origin: u32,
    /// Zero if there is no such block.
    pub found: u32,
}

/// Where a thread is, or was.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RawThread {
    /// The address of its thread-local word, which is at the same distance from each thread's thread pointer.
    pub word: u64,
    /// The system's number for it; zero if it has ended.
    pub id: u32,
}

/// Memory to look for pointers in, copied.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawPiece {
    /// Where it was; a multiple of 8.
    pub address: u64,
    /// No smaller word can lead to a block.
    pub lowest: u64,
    /// No larger one.
    pub highest: u64,
}

/// A word that leads to a block.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawWord {
    /// Where it is.
    pub at: u64,
    /// What it says.
    pub value: u64,
}

/// What an `Rc` or `Arc` holds is behind its two counts.
pub const SHARED_COUNTS: u64 = 16;

/// What could not be recorded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RawLosses {
    pub blocks: u64,
    pub stacks: u64,
}

/// Addresses from `start` on, up to `end`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    pub start: u64,
    pub end: u64,
}

/// [`Tracker::watched`]: no block is of this epoch.
pub const NOBODY: u32 = u32::MAX;

/// [`RawPeak::crossing`]: the sum has not been above the limit.
pub const BELOW: u32 = 0;
/// [`RawPeak::crossing`]: it has, and what lived then was kept.
pub const KEPT: u32 = 1;
/// [`RawPeak::crossing`]: it has, and there was no memory for what lived then.
pub const NO_ROOM: u32 = 2;

/// How high the sum of watched blocks has been.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RawPeak {
    pub highest: u64,
    /// One of the above.
    pub crossing: u32,
    /// How many blocks lived when the limit was crossed, watched ones and others.
    pub count: usize,
}

/// What was allocated from one stack.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RawTraffic {
    pub stack: u32,
    pub allocations: u64,
    pub bytes: u64,
}

/// How to get from a frame to its caller, spelt out.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawRule {
    /// 0: nothing is known, 1: there is a caller, 2: there is none.
    pub kind: u32,
    /// Whether the CFA is computed from the frame pointer, or from the stack pointer.
    pub from_fp: bool,
    /// CFA minus the register.
    pub cfa: i64,
    /// The saved frame pointer's place minus the CFA; zero if it is unchanged.
    pub fp: i64,
    /// The return address's place minus the CFA.
    pub ra: i64,
}

/// The functions of the tracking half. There is one, the static `MEMLEAK_TRACKER`.
#[repr(C)]
pub struct Tracker {
    /// One of the states above. The hook reads it before anything else.
    pub state: AtomicU32,
    /// The epoch that new blocks get.
    pub epoch: AtomicU32,
    /// Blocks of this epoch or later are watched: their sum is kept, and its highest. See [`Tracker::watch`].
    pub watched: AtomicU32,
    /// How many threads are untracked. Only they need [`Tracker::own_alloc`].
    pub untracked: AtomicU32,
    /// 1 if this platform can be tracked.
    pub supported: u32,
    /// Before the inner `alloc`: if this thread is untracked, writes a block of memleak's own memory, or null if there is none, and answers
    /// true. Otherwise the block has to come from the inner allocator.
    pub own_alloc: unsafe extern "C" fn(size: usize, align: usize, zeroed: bool, into: *mut *mut u8) -> bool,
    /// Before anything else of a `realloc`: if the block is of memleak's own memory, writes where it is now, or null, and answers true.
    pub own_realloc:
        unsafe extern "C" fn(address: *mut u8, size: usize, align: usize, new_size: usize, into: *mut *mut u8) -> bool,
    /// After the inner `alloc`: records a block. A null address is ignored.
    pub allocated: unsafe extern "C" fn(address: *mut u8, size: usize, origin: u32),
    /// Before the inner `dealloc`: forgets a block and overwrites it with zeros. True if it was of memleak's own memory: then that was
    /// all.
    pub freeing: unsafe extern "C" fn(address: *mut u8, size: usize, align: usize) -> bool,
    /// Before a `realloc`: takes the record out, if there is one. Must be followed by `realloc_end` on the same thread.
    pub realloc_begin: unsafe extern "C" fn(address: *mut u8, taken: *mut RawBlock),
    /// Copies a block to its new place and overwrites the old one with zeros.
    pub relocate: unsafe extern "C" fn(from: *mut u8, size: usize, into: *mut u8, new_size: usize),
    /// After a `realloc`: records the block where it is now; a null address puts back what was taken.
    pub realloc_end: unsafe extern "C" fn(address: *mut u8, size: usize, taken: *const RawBlock),
    /// Turns tracking on; false if it cannot be.
    pub enable: unsafe extern "C" fn() -> bool,
    /// Raises or lowers the number of untracked guards of this thread, to zero at least; answers what it was.
    pub suspend: unsafe extern "C" fn(by: i32) -> u32,
    /// How many times this thread has entered the hook while tracking was on.
    pub hook_calls: unsafe extern "C" fn() -> u64,
    /// Stops all allocation traffic of other threads; nests.
    pub freeze: unsafe extern "C" fn(),
    /// Ends a freeze of this thread.
    pub thaw: unsafe extern "C" fn(),
    /// While frozen: how many blocks live.
    pub block_count: unsafe extern "C" fn() -> usize,
    /// While frozen: copies at most `room` live blocks to `into`, by address; returns how many.
    pub blocks: unsafe extern "C" fn(into: *mut RawBlock, room: usize) -> usize,
    /// While frozen: the block that starts at `address`.
    pub block_at: unsafe extern "C" fn(address: u64, into: *mut RawBlock),
    /// While frozen: copies the bytes of these live blocks, one behind the other, to `into`, which has room for all of them.
    pub copy_blocks: unsafe extern "C" fn(blocks: *const RawBlock, count: usize, into: *mut u8),
    /// While frozen: writes those of the copied words that lead to the start of a block or to what it would share, at most `room`, and says
    /// how many there are. Words in the given blocks do not count; these are sorted, and the first is the first that ends behind the piece's
    /// start.
    pub search: unsafe extern "C" fn(
        piece: &RawPiece,
        words: *const u64,
        count: usize,
        blocks: *const RawBlock,
        block_count: usize,
        into: *mut RawWord,
        room: usize,
    ) -> usize,
    /// Which threads there are and have been, as far as they have come to the hook: writes at most `room`, and says how many there are.
    pub threads: unsafe extern "C" fn(into: *mut RawThread, room: usize) -> usize,
    /// The addresses of memleak's own memory; empty if tracking was never on.
    pub own_memory: unsafe extern "C" fn(into: *mut Range),
    /// Copies memory that other threads may be writing.
    pub copy: unsafe extern "C" fn(from: *const u8, into: *mut u8, len: usize),
    /// The return addresses of a stack, innermost first: writes at most `room`, returns how many there are. `truncated` is set to
    /// 1 if outer frames were dropped because the stack was too deep.
    pub frames: unsafe extern "C" fn(stack: u32, into: *mut u64, room: usize, truncated: *mut u32) -> usize,
    /// What could not be recorded.
    pub losses: unsafe extern "C" fn(into: *mut RawLosses),
    /// What was allocated so far, by stack: writes at most `room` and returns how many there are.
    pub traffic: unsafe extern "C" fn(into: *mut RawTraffic, room: usize) -> usize,
    /// While frozen: watches blocks of this epoch or later, and none of which was allocated yet; `NOBODY` ends it. When their sum is first above
    /// the limit, what lives then is kept.
    pub watch: unsafe extern "C" fn(epoch: u32, limit: u64),
    /// How high the sum has been since then; and the blocks that were kept, at most `room`.
    pub peak: unsafe extern "C" fn(into: *mut RawPeak, blocks: *mut RawBlock, room: usize),
    /// Looks for modules that were loaded since the last time; not during a freeze of this thread. Never from the hook: it takes the
    /// loader's lock.
    pub refresh_modules: unsafe extern "C" fn(),
    /// The rule of the frame that is at a code address.
    pub rule: unsafe extern "C" fn(address: u64, into: *mut RawRule),
    /// For tests: the stack of the caller; as the hook captures it, or having forgotten the last one.
    pub stack_here: unsafe extern "C" fn(plainly: bool) -> u32,
}
