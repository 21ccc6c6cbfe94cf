//! The allocator hook's part of the kernel, and the door to all of the tracking half.
//!
//! May use: everything else in the kernel but `dies`.
//!
//! # States of the process
//!
//! ```text
//!               first event, MEMLEAK_TRACK set ──────────────┐
//!   UNDECIDED ─► DECIDING ─────────────────────────────────► ON ── fork ─► OFF (in the child, for good)
//!                   │ first event, MEMLEAK_TRACK not set      ▲
//!                   └──► OFF ────────── enable() ─────────────┘
//! ```
//!
//! Other threads wait while one decides. `DECIDING` ends in `OFF` as well if the system lacks what tracking needs.
//!
//! # States of a thread
//!
//! ```text
//!   no record ──first event──► idle ◄──► busy (in the hook)
//!       ▲                       │  ▲
//!       └──── key destructor ◄──┘  └──► in realloc (from before the record is taken out until the new one is in)
//! ```
//!
//! # Rules
//!
//! * Nothing in here allocates from the global allocator, panics, or takes a lock that is not one of ours. The loader is only asked
//!   while deciding and from outside of the hook.
//! * The inner allocator is never called while a thread is busy or holds one of our locks. An event of a busy thread can only come from a
//!   signal handler: an allocation is counted as lost, a free is not looked at.
//! * Order of events: a record is removed before the inner `dealloc`, and inserted after the inner `alloc`. So whoever holds all regions
//!   of the table knows that the recorded blocks are there. A `realloc` has its block in no place for a while: a freeze waits for those
//!   under way and holds off new ones before it takes the regions.
//! * Lock order: `FREEZE` (a word that also holds off reallocs) → `OPENING` → regions → `stacks` → `rule_table` → `threads` → `pool`.
//!   Only a freeze takes more than one region. An ordinary event holds one region and, inside it, at most the pool.
//! * The holder of a freeze goes on using the table as if it held each region. It is untracked, so it adds no blocks but those
//!   that it `realloc`s; what it frees is gone at once, and `block_at` no longer finds it.

use super::super::interface_tracker::*;
use super::lock::{FREEZE, NONE, pause, pause_or_sleep};
use super::modules;
use super::os;
use super::pool;
use super::rule_table;
use super::rules::rule_for;
use super::stacks;
use super::table;
use super::threads::{self, CHUNK, Thread};
use super::unwind::Registers;
use core::arch::naked_asm;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The door of the tracking half.
#[unsafe(no_mangle)]
pub static MEMLEAK_TRACKER: Tracker = Tracker {
    state: AtomicU32::new(UNDECIDED),
    epoch: AtomicU32::new(0),
    supported: 1,
    allocated,
    freeing,
    realloc_begin,
    realloc_end,
    enable,
    suspend,
    hook_calls,
    freeze,
    thaw,
    block_count,
    blocks,
    block_at,
    copy_blocks,
    copy,
    frames,
    losses,
    traffic,
    refresh_modules,
    rule,
    stack_here,
};

/// A state that only this file knows: some thread is deciding right now.
const DECIDING: u32 = 3;

static LOST_BLOCKS: AtomicU64 = AtomicU64::new(0);
static LOST_STACKS: AtomicU64 = AtomicU64::new(0);

fn state() -> u32 {
    MEMLEAK_TRACKER.state.load(Ordering::Acquire)
}

/// Whether to record; decides if nobody has.
#[inline(always)]
fn on() -> bool {
    MEMLEAK_TRACKER.state.load(Ordering::Relaxed) == ON || decide(false)
}

/// Turns tracking on if the environment says so, or anyway; answers whether it is on.
#[cold]
#[inline(never)]
fn decide(anyway: bool) -> bool {
    let state = &MEMLEAK_TRACKER.state;
    let mut tries = 0;
    loop {
        let from = state.load(Ordering::Acquire);
        if from == ON || (from == OFF && !anyway) {
            return from == ON;
        }
        if from != DECIDING && state.compare_exchange(from, DECIDING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            let on = (anyway || os::env_is_set(TRACK)) && prepare();
            state.store(if on { ON } else { OFF }, Ordering::Release);
            return on;
        }
        pause(&mut tries);
    }
}

/// What tracking needs, once per process; false if it can't be had.
fn prepare() -> bool {
    static PREPARED: AtomicU32 = AtomicU32::new(0);
    const FORKED: u32 = 2;
    unsafe extern "C" fn child() {
        after_fork();
        PREPARED.store(FORKED, Ordering::Relaxed);
        MEMLEAK_TRACKER.state.store(OFF, Ordering::Release);
    }
    unsafe extern "C" fn parent() {
        after_fork();
    }
    match PREPARED.load(Ordering::Relaxed) {
        0 => {
            modules::refresh();
            // SAFETY: the three are safe to call around any fork.
            let hooked = unsafe { os::pthread_atfork(Some(before_fork), Some(parent), Some(child)) } == 0;
            let ready = hooked && threads::start();
            PREPARED.store(u32::from(ready), Ordering::Relaxed);
            ready
        }
        prepared => prepared != FORKED,
    }
}

/// Takes every lock, so that the child finds them free and the tables whole.
unsafe extern "C" fn before_fork() {
    // SAFETY: paired with `after_fork` on this thread.
    unsafe { freeze() };
    stacks::lock();
    rule_table::lock();
    threads::lock();
    pool::lock();
}

fn after_fork() {
    pool::unlock();
    threads::unlock();
    rule_table::unlock();
    stacks::unlock();
    // SAFETY: ends the freeze of `before_fork`.
    unsafe { thaw() };
}

/// Puts the caller's frame into the fourth to sixth argument and goes on to the function named.
macro_rules! with_callers_frame {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) $(-> $answer:ty)? => $to:path) => {
        $(#[$doc])*
        #[unsafe(naked)]
        unsafe extern "C" fn $name($($arg: $ty),*) $(-> $answer)? {
            #[cfg(target_arch = "x86_64")]
            naked_asm!(
                ".cfi_startproc",
                "mov rcx, qword ptr [rsp]",
                "lea r8, [rsp + 8]",
                "mov r9, rbp",
                "jmp {to}",
                ".cfi_endproc",
                to = sym $to
            );
            #[cfg(target_arch = "aarch64")]
            naked_asm!(
                ".cfi_startproc",
                "mov x3, x30",
                "mov x4, sp",
                "mov x5, x29",
                "b {to}",
                ".cfi_endproc",
                to = sym $to
            );
        }
    };
}

with_callers_frame!(
    /// See [`Tracker::allocated`].
    allocated(address: *mut u8, size: usize, origin: u32) => allocated_at
);

with_callers_frame!(
    /// See [`Tracker::realloc_end`].
    realloc_end(address: *mut u8, size: usize, taken: *const RawBlock) => realloc_end_at
);

unsafe extern "C" fn allocated_at(address: *mut u8, size: usize, origin: u32, pc: u64, sp: u64, fp: u64) {
    if !on() || address.is_null() {
        return;
    }
    let Some(thread) = threads::current() else {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        return;
    };
    thread.calls.set(thread.calls.get().wrapping_add(1));
    if thread.suspended.get() != 0 {
        return;
    }
    let epoch = MEMLEAK_TRACKER.epoch.load(Ordering::Relaxed);
    record(
        thread,
        RawBlock { address: address as u64, size: size as u64, stack: 0, epoch, origin, found: 1 },
        Registers { pc, sp, fp },
    );
}

/// Captures the stack and inserts the block.
#[inline(always)]
fn record(thread: &Thread, mut block: RawBlock, at: Registers) {
    if thread.busy.replace(true) {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        return;
    }
    // While the stack is captured, the processor gets the entry.
    table::prefetch(block.address);
    // SAFETY: the thread is busy, so nobody else uses its memo.
    block.stack = unsafe { &mut *thread.memo.get() }.capture(at);
    if block.stack == stacks::NONE {
        block.stack = stacks::EMPTY;
        LOST_STACKS.fetch_add(1, Ordering::Relaxed);
    }
    let inserted = table::insert(&block);
    if !thread.count(block.stack, block.size) || !inserted {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
    }
    thread.busy.set(false);
}

unsafe extern "C" fn freeing(address: *mut u8) {
    if !on() {
        return;
    }
    if let Some(thread) = threads::current()
        && !thread.busy.replace(true)
    {
        // The inner allocator will look in front of the block: both can be fetched at the same time.
        os::prefetch((address as u64).wrapping_sub(16));
        table::prefetch(address as u64);
        table::remove(address as u64);
        thread.busy.set(false);
    }
}

unsafe extern "C" fn realloc_begin(address: *mut u8, taken: *mut RawBlock) {
    let mut block = RawBlock::default();
    if on()
        && let Some(thread) = threads::current()
        && !thread.busy.get()
    {
        hold_off_freezes(thread);
        thread.busy.set(true);
        block = table::remove(address as u64);
        thread.busy.set(false);
    }
    // SAFETY: the caller passes a place for the answer.
    unsafe { *taken = block };
}

/// Until `reallocating` is zero again, no other thread can freeze.
fn hold_off_freezes(thread: &Thread) {
    let depth = thread.reallocating.load(Ordering::Relaxed);
    let mut tries = 0;
    loop {
        // Either the freezing thread sees this, or this thread sees its word: both are sequentially consistent.
        thread.reallocating.store(depth.wrapping_add(1), Ordering::SeqCst);
        if depth != 0 || FREEZE.load(Ordering::SeqCst) == NONE || table::held_by_me() {
            return;
        }
        thread.reallocating.store(0, Ordering::SeqCst);
        pause_or_sleep(&mut tries);
    }
}

unsafe extern "C" fn realloc_end_at(address: *mut u8, size: usize, taken: *const RawBlock, pc: u64, sp: u64, fp: u64) {
    if !on() {
        return;
    }
    let Some(thread) = threads::current() else {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        return;
    };
    thread.calls.set(thread.calls.get().wrapping_add(1));
    // SAFETY: the caller passes what `realloc_begin` wrote.
    let mut block = unsafe { *taken };
    let known = block.found != 0;
    if address.is_null() {
        if known && !table::insert(&block) {
            LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        }
    } else if known || thread.suspended.get() == 0 {
        if !known {
            block.epoch = MEMLEAK_TRACKER.epoch.load(Ordering::Relaxed);
        }
        block = RawBlock { address: address as u64, size: size as u64, origin: REALLOC, found: 1, ..block };
        record(thread, block, Registers { pc, sp, fp });
    }
    let depth = thread.reallocating.load(Ordering::Relaxed);
    thread.reallocating.store(depth.saturating_sub(1), Ordering::Release);
}

unsafe extern "C" fn enable() -> bool {
    decide(true)
}

unsafe extern "C" fn suspend(by: i32) {
    if on()
        && let Some(thread) = threads::current()
    {
        thread.suspended.set(thread.suspended.get().saturating_add_signed(by));
    }
}

unsafe extern "C" fn hook_calls() -> u64 {
    if state() == ON { threads::current().map_or(0, |thread| thread.calls.get()) } else { 0 }
}

unsafe extern "C" fn freeze() {
    if on()
        && let Some(thread) = threads::current()
    {
        let depth = thread.freezes.get();
        if depth == 0 {
            thread.suspended.set(thread.suspended.get().saturating_add(1));
            let mut tries = 0;
            table::freeze(|| threads::wait_for_reallocs(thread, || pause(&mut tries)));
        }
        thread.freezes.set(depth.saturating_add(1));
    }
}

unsafe extern "C" fn thaw() {
    if let Some(thread) = threads::existing()
        && thread.freezes.get() != 0
    {
        let depth = thread.freezes.get().saturating_sub(1);
        thread.freezes.set(depth);
        if depth == 0 {
            table::thaw();
            thread.suspended.set(thread.suspended.get().saturating_sub(1));
        }
    }
}

unsafe extern "C" fn block_count() -> usize {
    table::count()
}

unsafe extern "C" fn blocks(into: *mut RawBlock, room: usize) -> usize {
    // SAFETY: the caller passes room for that many blocks.
    table::copy(unsafe { core::slice::from_raw_parts_mut(into, room) })
}

unsafe extern "C" fn block_at(address: u64, into: *mut RawBlock) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = table::get(address) };
}

unsafe extern "C" fn copy_blocks(blocks: *const RawBlock, count: usize, mut into: *mut u8) {
    // SAFETY: the caller passes so many blocks.
    for block in unsafe { core::slice::from_raw_parts(blocks, count) } {
        // SAFETY: the block lives, and the caller passes room for it.
        unsafe { copy(block.address as *const u8, into, block.size as usize) };
        into = into.wrapping_add(block.size as usize);
    }
}

/// Other threads may be writing what is copied, so it is read in relaxed atomic steps.
unsafe extern "C" fn copy(from: *const u8, into: *mut u8, len: usize) {
    let mut done = 0usize;
    // SAFETY: the caller passes two ranges of `len` bytes; the second is nobody else's.
    unsafe {
        while done < len && from.add(done) as usize & 7 != 0 {
            *into.add(done) = (*from.add(done).cast::<core::sync::atomic::AtomicU8>()).load(Ordering::Relaxed);
            done = done.wrapping_add(1);
        }
        while done.wrapping_add(8) <= len {
            let word = (*from.add(done).cast::<AtomicU64>()).load(Ordering::Relaxed);
            ptr::write_unaligned(into.add(done).cast(), word);
            done = done.wrapping_add(8);
        }
        while done < len {
            *into.add(done) = (*from.add(done).cast::<core::sync::atomic::AtomicU8>()).load(Ordering::Relaxed);
            done = done.wrapping_add(1);
        }
    }
}

unsafe extern "C" fn frames(stack: u32, into: *mut u64, room: usize, truncated: *mut u32) -> usize {
    let mut count = 0usize;
    let mut number = stack;
    while let Some((pc, parent)) = stacks::node(number) {
        if count < room {
            // SAFETY: the caller passes room for that many addresses.
            unsafe { *into.add(count) = pc };
        }
        count = count.wrapping_add(1);
        number = parent;
    }
    // SAFETY: the caller passes a place for the answer.
    unsafe { *truncated = u32::from(number == stacks::TRUNCATED) };
    count
}

unsafe extern "C" fn losses(into: *mut RawLosses) {
    let blocks = LOST_BLOCKS.load(Ordering::Relaxed);
    let stacks = LOST_STACKS.load(Ordering::Relaxed);
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = RawLosses { blocks, stacks } };
}

unsafe extern "C" fn traffic(into: *mut RawTraffic, room: usize) -> usize {
    let mut found = 0usize;
    for chunk in 0..(stacks::end() as usize).div_ceil(CHUNK) {
        let mut sums = [(0u64, 0u64); CHUNK];
        threads::each_counter(chunk, |at, counter| {
            if let Some(sum) = sums.get_mut(at) {
                sum.0 = sum.0.wrapping_add(counter.allocations.load(Ordering::Relaxed));
                sum.1 = sum.1.wrapping_add(counter.bytes.load(Ordering::Relaxed));
            }
        });
        for (at, &(allocations, bytes)) in sums.iter().enumerate().filter(|(_, sum)| sum.0 != 0) {
            if found < room {
                let stack = chunk.wrapping_mul(CHUNK).wrapping_add(at) as u32;
                // SAFETY: the caller passes room for that many.
                unsafe { *into.add(found) = RawTraffic { stack, allocations, bytes } };
            }
            found = found.wrapping_add(1);
        }
    }
    found
}

unsafe extern "C" fn refresh_modules() {
    modules::refresh();
}

unsafe extern "C" fn rule(address: u64, into: *mut RawRule) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = rule_for(address).spelt_out() };
}

with_callers_frame!(
    /// See [`Tracker::stack_here`].
    stack_here(plainly: bool) -> u32 => stack_here_at
);

unsafe extern "C" fn stack_here_at(plainly: bool, _: usize, _: usize, pc: u64, sp: u64, fp: u64) -> u32 {
    let Some(thread) = threads::current() else { return stacks::EMPTY };
    thread.busy.set(true);
    // SAFETY: the thread is busy, so nobody else uses its memo.
    let memo = unsafe { &mut *thread.memo.get() };
    let here = Registers { pc, sp, fp };
    let stack = if plainly { memo.capture_plainly(here) } else { memo.capture(here) };
    thread.busy.set(false);
    stack
}
