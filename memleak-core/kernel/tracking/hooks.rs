//! The allocator hook's part of the kernel, and the door to all of the tracking half.
//!
//! May use: everything else in the kernel but `dies`.
//!
//! # States of the process
//!
//! ```text
//!               first event, told by the environment ────────┐
//!   UNDECIDED ─► DECIDING ─────────────────────────────────► ON ── fork ─► STOPPED (in the child, for good)
//!                   │ first event, not told                   ▲
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
//! A thread is *untracked* while it has untracked guards or holds a freeze, in any of these states.
//!
//! # Where a block is
//!
//! ```text
//!   alloc on a tracked thread ───► inner allocator, recorded ──── dealloc: record out, wiped, inner dealloc
//!                                     │        ▲
//!                                     └────────┘ realloc on any thread: record out, inner alloc, copied, wiped, inner dealloc, record in
//!
//!   alloc on an untracked thread ─► memleak's own memory (pool) ── dealloc: back to the pool
//!                                     │        ▲
//!                                     └────────┘ realloc on any thread
//! ```
//!
//! The address of a block says which of the two it is, whoever frees it. The pool's range of addresses also has all tables of the kernel, so
//! what memleak keeps for itself is never taken for the program's.
//!
//! # The sum of watched blocks
//!
//! ```text
//!   nobody ──watch()──► summed up ──first sum above the limit──► kept ──► freeze of the thread that crossed it: what lives is copied
//!     ▲                    │ ▲                                     │
//!     └── watch(NOBODY) ───┘ └──────────── summed up on ◄──────────┘
//! ```
//!
//! # Rules
//!
//! * Nothing in here allocates from the global allocator, panics, or takes a lock that is not one of ours. The loader is only asked
//!   while deciding and from outside of the hook.
//! * The inner allocator is never called while a thread is busy or holds one of our locks. An event of a busy thread can only come from a
//!   signal handler: an allocation is counted as lost (on an untracked thread it comes from the inner allocator, and is lost as well), a
//!   free is not looked at.
//! * Order of events: a record is removed before the block is wiped and goes to the inner `dealloc`, and inserted after the inner `alloc`. So
//!   whoever holds all regions of the table knows that the recorded blocks are there. A `realloc` has its block in no place for a while: a
//!   freeze waits for those under way and holds off new ones before it takes the regions.
//! * What goes to the inner `dealloc` is zero. A `realloc` is never left to the inner allocator, which would free the old place as it is.
//! * Lock order: a freeze that is coming (it also holds off reallocs) → `OPENING` → regions → `stacks` → `rule_table` → `threads` → `pool`.
//!   An ordinary event holds one of them and, inside it, at most the pool. `modules` has a lock that is taken before all of these, and
//!   only by a thread that holds none.
//! * A freeze takes every one of these locks but that of `modules`. So once it is there, no other thread is inside of the pool, the tree
//!   of stacks or any other part of the kernel: each has come to its end, or waits for the lock. The holder goes on as if it held each lock by
//!   itself: it can allocate and free its own memory, and look things up, wherever other threads are, even if a signal stops them there.
//! * The holder is untracked, so it adds no blocks but those that it `realloc`s; what it frees is gone at once, and `block_at` no longer
//!   finds it. While other threads are stopped by a signal it must neither free nor `realloc` a block that is not memleak's own: one
//!   of them may have the inner allocator's lock.
//! * In the hook, only a thread that has crossed the limit freezes. It does so when it holds nothing any more and is in no realloc: another
//!   freeze that is coming would wait for the end of that, and this thread for the end of that freeze.
//! * Nothing of the program's is held by memleak's own memory alone: the program's code does not run on an untracked thread.

use super::super::interface_tracker::*;
use super::lock::{self, held_by_me, pause, pause_or_sleep};
use super::modules;
use super::os;
use super::outside;
use super::peak;
use super::pool;
use super::rule_table;
use super::rules::rule_for;
use super::stacks;
use super::table;
use super::threads::{self, CHUNK, Thread};
use super::unwind::Registers;
use super::whereabouts;
use super::wipe;
use core::arch::naked_asm;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The door of the tracking half.
#[unsafe(no_mangle)]
pub static MEMLEAK_TRACKER: Tracker = Tracker {
    state: AtomicU32::new(UNDECIDED),
    epoch: AtomicU32::new(0),
    watched: AtomicU32::new(NOBODY),
    untracked: AtomicU32::new(0),
    supported: 1,
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
    freeze,
    thaw,
    block_count,
    blocks,
    block_at,
    copy_blocks,
    search,
    threads: list_threads,
    own_memory,
    copy,
    frames,
    losses,
    traffic,
    watch,
    peak: highest,
    refresh_modules,
    rule,
    stack_here,
};

/// A state that only this file knows: some thread is deciding right now.
const DECIDING: u32 = 4;

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
        if from == ON || from == STOPPED || (from == OFF && !anyway) {
            return from == ON;
        }
        if from != DECIDING && state.compare_exchange(from, DECIDING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            let on = (anyway || os::env_is_set(TRACK) || os::env_is_set(IN_PLACE)) && prepare();
            state.store(if on { ON } else { OFF }, Ordering::Release);
            return on;
        }
        pause(&mut tries);
    }
}

/// What tracking needs, once per process; false if it can't be had.
fn prepare() -> bool {
    static PREPARED: AtomicU32 = AtomicU32::new(0);
    unsafe extern "C" fn child() {
        // SAFETY: `take_every_lock` was called before the fork, by the thread that is the child's only one.
        unsafe { give_every_lock() };
        MEMLEAK_TRACKER.state.store(STOPPED, Ordering::Release);
    }
    // SAFETY: the three are safe to call around any fork.
    let hook = || unsafe { os::pthread_atfork(Some(take_every_lock), Some(give_every_lock), Some(child)) } == 0;
    if PREPARED.load(Ordering::Relaxed) == 0 {
        let ready = pool::reserve() && threads::start() && hook();
        if !ready {
            return false;
        }
        modules::refresh();
        PREPARED.store(1, Ordering::Relaxed);
    }
    true
}

/// A freeze takes every lock; around a fork, so that the child finds them free and the tables whole.
unsafe extern "C" fn take_every_lock() {
    // SAFETY: paired with `give_every_lock` on this thread.
    unsafe { freeze() };
}

unsafe extern "C" fn give_every_lock() {
    // SAFETY: ends the freeze of `take_every_lock`.
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
    let block = RawBlock { address: address as u64, size: size as u64, origin, found: 1, ..RawBlock::default() };
    if record(thread, block, Registers { pc, sp, fp }) {
        keep_what_lives(thread);
    }
}

unsafe extern "C" fn own_alloc(size: usize, align: usize, zeroed: bool, into: *mut *mut u8) -> bool {
    if !on() {
        return false;
    }
    let Some(thread) = threads::current() else { return false };
    if thread.suspended.get() == 0 {
        return false;
    }
    if thread.busy.replace(true) {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        return false;
    }
    thread.calls.set(thread.calls.get().wrapping_add(1));
    let block = pool::take_block(pool::bits(size, align), zeroed);
    thread.busy.set(false);
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = block };
    true
}

/// Gives a block back to the pool, unless this is a signal handler that may have interrupted the pool.
#[cold]
#[inline(never)]
fn own_free(block: *mut u8, size: usize, align: usize) {
    let thread = threads::existing();
    if thread.is_some_and(|thread| thread.busy.replace(true)) {
        return;
    }
    // SAFETY: the block came from `own_alloc` with this size and alignment, and is not used any more.
    unsafe { pool::give(block, pool::bits(size, align)) };
    if let Some(thread) = thread {
        thread.busy.set(false);
    }
}

unsafe extern "C" fn own_realloc(
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
    into: *mut *mut u8,
) -> bool {
    if !pool::owns(block) {
        return false;
    }
    let bits = pool::bits(new_size, align);
    let mut moved = block;
    if bits != pool::bits(size, align) {
        let thread = threads::existing();
        let interrupted = thread.is_some_and(|thread| thread.busy.replace(true));
        moved = if interrupted { ptr::null_mut() } else { pool::take_block(bits, false) };
        if !interrupted && let Some(thread) = thread {
            thread.busy.set(false);
        }
        if !moved.is_null() {
            // SAFETY: both blocks are at least as long as that.
            unsafe { ptr::copy_nonoverlapping(block, moved, if size < new_size { size } else { new_size }) };
            own_free(block, size, align);
        }
    }
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = moved };
    true
}

/// Captures the stack and inserts the block. Whether what lives now is to be kept.
#[inline(always)]
fn record(thread: &Thread, mut block: RawBlock, at: Registers) -> bool {
    if thread.busy.replace(true) {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        return false;
    }
    // While the stack is captured, the processor gets the entry.
    table::prefetch(block.address);
    // SAFETY: the thread is busy, so nobody else uses its memo.
    block.stack = unsafe { &mut *thread.memo.get() }.capture(at);
    if block.stack == stacks::NONE {
        block.stack = stacks::EMPTY;
        LOST_STACKS.fetch_add(1, Ordering::Relaxed);
    }
    let mut keep = false;
    let inserted = table::insert(&block, || {
        let epoch = MEMLEAK_TRACKER.epoch.load(Ordering::Relaxed);
        keep = peak::is_watched(epoch) && peak::add(block.size);
        epoch
    });
    if !thread.count(block.stack, block.size) || !inserted {
        LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
    }
    thread.busy.set(false);
    keep
}

/// Forgets the block at `address` and says what it was.
#[inline(always)]
fn forget(address: *mut u8) -> RawBlock {
    table::remove(address as u64, |block| {
        if peak::is_watched(block.epoch) {
            peak::subtract(block.size);
        }
    })
}

/// The sum of watched blocks was first above its limit.
#[cold]
#[inline(never)]
fn keep_what_lives(thread: &Thread) {
    // In a signal handler that interrupted a realloc, the next allocation will find the same.
    if thread.reallocating.load(Ordering::Relaxed) != 0 || thread.busy.replace(true) {
        return;
    }
    // SAFETY: nothing is held.
    unsafe { freeze() };
    peak::keep();
    // SAFETY: ends the freeze.
    unsafe { thaw() };
    thread.busy.set(false);
}

unsafe extern "C" fn freeing(address: *mut u8, size: usize, align: usize) -> bool {
    if pool::owns(address) {
        own_free(address, size, align);
        return true;
    }
    if !on() {
        return false;
    }
    // The inner allocator will look in front of the block. All of this can be fetched at the same time.
    os::prefetch((address as u64).wrapping_sub(16));
    table::prefetch(address as u64);
    wipe::prefetch(address, size);
    if let Some(thread) = threads::current()
        && !thread.busy.replace(true)
    {
        forget(address);
        thread.busy.set(false);
    }
    // SAFETY: the block is not used any more.
    unsafe { wipe::wipe(address, size) };
    false
}

unsafe extern "C" fn realloc_begin(address: *mut u8, taken: *mut RawBlock) {
    let mut block = RawBlock::default();
    if on()
        && let Some(thread) = threads::current()
        && !thread.busy.get()
    {
        hold_off_freezes(thread);
        thread.busy.set(true);
        block = forget(address);
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
        if depth != 0 || lock::nobody_freezes() || held_by_me() {
            return;
        }
        thread.reallocating.store(0, Ordering::SeqCst);
        pause_or_sleep(&mut tries);
    }
}

unsafe extern "C" fn relocate(from: *mut u8, size: usize, into: *mut u8, new_size: usize) {
    // SAFETY: the caller passes two blocks of these sizes; the first is not used any more.
    unsafe { wipe::relocate(from, size, into, if size < new_size { size } else { new_size }) };
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
    let taken = unsafe { *taken };
    let known = taken.found != 0;
    let mut keep = false;
    if address.is_null() {
        let watched_again = || {
            if peak::is_watched(taken.epoch) {
                peak::add(taken.size);
            }
            taken.epoch
        };
        if known && !table::insert(&taken, watched_again) {
            LOST_BLOCKS.fetch_add(1, Ordering::Relaxed);
        }
    } else if known || thread.suspended.get() == 0 {
        let block =
            RawBlock { address: address as u64, size: size as u64, origin: REALLOC, found: 1, ..RawBlock::default() };
        keep = record(thread, block, Registers { pc, sp, fp });
    }
    let depth = thread.reallocating.load(Ordering::Relaxed);
    thread.reallocating.store(depth.saturating_sub(1), Ordering::Release);
    if keep {
        keep_what_lives(thread);
    }
}

unsafe extern "C" fn enable() -> bool {
    decide(true)
}

unsafe extern "C" fn suspend(by: i32) -> u32 {
    if on()
        && let Some(thread) = threads::current()
    {
        return thread.suspend(by);
    }
    0
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
            thread.suspend(1);
            lock::freeze_is_coming();
            let mut tries = 0;
            threads::wait_for_reallocs(thread, || pause(&mut tries));
            table::lock();
            stacks::lock();
            rule_table::lock();
            threads::lock();
            pool::lock();
            lock::freeze_is_here();
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
            lock::freeze_is_ending();
            pool::unlock();
            threads::unlock();
            rule_table::unlock();
            stacks::unlock();
            table::unlock();
            lock::freeze_is_over();
            thread.suspend(-1);
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

unsafe extern "C" fn search(
    piece: &RawPiece,
    words: *const u64,
    count: usize,
    blocks: *const RawBlock,
    block_count: usize,
    into: *mut RawWord,
    room: usize,
) -> usize {
    // SAFETY: the caller passes so many words and blocks, and room for so many answers.
    let (words, blocks, into) = unsafe {
        let (words, blocks) =
            (core::slice::from_raw_parts(words, count), core::slice::from_raw_parts(blocks, block_count));
        (words, blocks, core::slice::from_raw_parts_mut(into, room))
    };
    outside::search(*piece, words, blocks, into)
}

unsafe extern "C" fn list_threads(into: *mut RawThread, room: usize) -> usize {
    // SAFETY: the caller passes room for that many.
    whereabouts::copy(unsafe { core::slice::from_raw_parts_mut(into, room) })
}

unsafe extern "C" fn own_memory(into: *mut Range) {
    // SAFETY: the caller passes a place for the answer.
    unsafe { *into = pool::range() };
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

unsafe extern "C" fn watch(epoch: u32, limit: u64) {
    peak::watch(epoch, limit);
}

unsafe extern "C" fn highest(into: *mut RawPeak, blocks: *mut RawBlock, room: usize) {
    // SAFETY: the caller passes a place for the answer, and room for so many blocks.
    unsafe {
        *into = peak::so_far();
        peak::kept(core::slice::from_raw_parts_mut(blocks, room));
    }
}

unsafe extern "C" fn refresh_modules() {
    // In a child of fork nobody needs them, and the lock may be that of a thread that is not there.
    if on() && !held_by_me() {
        modules::refresh();
    }
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
