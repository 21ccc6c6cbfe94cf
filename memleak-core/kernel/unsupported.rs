//! In place of `tracking` on platforms whose stacks cannot be captured: nothing is ever on.
//!
//! May use: `interface_tracker`.

use super::interface_tracker::{
    NOBODY, OFF, Range, RawBlock, RawLosses, RawPeak, RawPiece, RawRule, RawThread, RawTraffic, RawWord, Tracker,
};
use core::sync::atomic::AtomicU32;

/// The door of the tracking half.
#[unsafe(no_mangle)]
pub static MEMLEAK_TRACKER: Tracker = Tracker {
    state: AtomicU32::new(OFF),
    epoch: AtomicU32::new(0),
    watched: AtomicU32::new(NOBODY),
    untracked: AtomicU32::new(0),
    supported: 0,
    own_alloc,
    own_realloc,
    allocated,
    freeing,
    realloc_begin,
    relocate,
    realloc_end,
    enable,
    suspend,
    hook_calls,
    freeze: nothing,
    thaw: nothing,
    block_count,
    blocks,
    block_at,
    copy_blocks,
    search,
    threads,
    own_memory,
    copy,
    frames,
    losses,
    traffic,
    watch,
    peak,
    refresh_modules: nothing,
    rule,
    stack_here,
};

unsafe extern "C" fn own_alloc(_: usize, _: usize, _: bool, _: *mut *mut u8) -> bool {
    false
}
unsafe extern "C" fn own_realloc(_: *mut u8, _: usize, _: usize, _: usize, _: *mut *mut u8) -> bool {
    false
}
unsafe extern "C" fn relocate(_: *mut u8, _: usize, _: *mut u8, _: usize) {}
unsafe extern "C" fn search(
    _: &RawPiece,
    _: *const u64,
    _: usize,
    _: *const RawBlock,
    _: usize,
    _: *mut RawWord,
    _: usize,
) -> usize {
    0
}
unsafe extern "C" fn threads(_: *mut RawThread, _: usize) -> usize {
    0
}
unsafe extern "C" fn own_memory(into: *mut Range) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = Range::default() };
}
unsafe extern "C" fn allocated(_: *mut u8, _: usize, _: u32) {}
unsafe extern "C" fn freeing(_: *mut u8, _: usize, _: usize) -> bool {
    false
}
unsafe extern "C" fn realloc_begin(_: *mut u8, taken: *mut RawBlock) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *taken = RawBlock::default() };
}
unsafe extern "C" fn realloc_end(_: *mut u8, _: usize, _: *const RawBlock) {}
unsafe extern "C" fn enable() -> bool {
    false
}
unsafe extern "C" fn suspend(_: i32) -> u32 {
    0
}
unsafe extern "C" fn hook_calls() -> u64 {
    0
}
unsafe extern "C" fn nothing() {}
unsafe extern "C" fn block_count() -> usize {
    0
}
unsafe extern "C" fn blocks(_: *mut RawBlock, _: usize) -> usize {
    0
}
unsafe extern "C" fn block_at(_: u64, into: *mut RawBlock) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = RawBlock::default() };
}
unsafe extern "C" fn copy_blocks(_: *const RawBlock, _: usize, _: *mut u8) {}
unsafe extern "C" fn copy(from: *const u8, into: *mut u8, len: usize) {
    // SAFETY: the caller passes two ranges of `len` bytes; the second is nobody else's.
    unsafe { core::ptr::copy(from, into, len) };
}
unsafe extern "C" fn frames(_: u32, _: *mut u64, _: usize, truncated: *mut u32) -> usize {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *truncated = 0 };
    0
}
unsafe extern "C" fn losses(into: *mut RawLosses) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = RawLosses::default() };
}
unsafe extern "C" fn traffic(_: *mut RawTraffic, _: usize) -> usize {
    0
}
unsafe extern "C" fn watch(_: u32, _: u64) {}
unsafe extern "C" fn peak(into: *mut RawPeak, _: *mut RawBlock, _: usize) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = RawPeak::default() };
}
unsafe extern "C" fn rule(_: u64, into: *mut RawRule) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = RawRule::default() };
}
unsafe extern "C" fn stack_here(_: bool) -> u32 {
    0
}
