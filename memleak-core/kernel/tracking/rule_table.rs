//! The rules that were asked for so far, by return address: shared by all threads, read without a lock.
//!
//! May use: `rules`, `modules`, `lock`, `pool`.
//!
//! An open-addressed table that only grows. A writer fills an entry's rule and then its address, under the lock; a reader that sees the
//! address sees the rule. To grow, the writer publishes a larger copy; the old one stays for those who are reading it (all old ones
//! together are as large as the new one).

use super::lock::Lock;
use super::modules;
use super::pool;
use super::rules::{Rule, rule_for};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

#[repr(C)]
struct Entry {
    pc: AtomicU64,
    rule: AtomicU64,
}

/// In front of the entries. As large as one of them, so that they stay aligned.
#[repr(C)]
struct Header {
    /// `64 - log2(entries)`.
    shift: u32,
    generation: u32,
    unused: u64,
}

const FIRST_BITS: u32 = 10;
const LAST_BITS: u32 = 24;

static TABLE: AtomicPtr<Header> = AtomicPtr::new(ptr::null_mut());
static WRITING: Lock = Lock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

#[inline(always)]
fn home(pc: u64, shift: u32) -> usize {
    (pc.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (shift & 63)) as usize
}

#[inline(always)]
fn entry(table: *const Header, at: usize) -> &'static Entry {
    // SAFETY: callers keep `at` below the number of entries that follow the header; tables are never given back.
    unsafe { &*table.add(1).cast::<Entry>().add(at) }
}

/// The table as it is now, for several questions in a row.
pub struct Rules {
    table: *const Header,
    shift: u32,
}

impl Rules {
    /// The table as it is now.
    #[inline(always)]
    pub fn now() -> Rules {
        let table = TABLE.load(Ordering::Acquire);
        // SAFETY: a published table has a header.
        let shift = if table.is_null() { 0 } else { unsafe { (*table).shift } };
        Rules { table, shift }
    }

    /// The rule for the frame that `pc` returns to.
    #[inline(always)]
    pub fn at(&mut self, pc: u64) -> Rule {
        if !self.table.is_null() {
            let mut at = home(pc, self.shift);
            loop {
                let entry = entry(self.table, at);
                let found = entry.pc.load(Ordering::Acquire);
                if found == pc {
                    return Rule::from_bits(entry.rule.load(Ordering::Relaxed));
                }
                if found == 0 {
                    break;
                }
                at = at.wrapping_add(1) & mask(self.shift);
            }
        }
        let rule = work_out(pc);
        *self = Rules::now();
        rule
    }
}

#[inline(always)]
fn mask(shift: u32) -> usize {
    (u64::MAX >> (shift & 63)) as usize
}

#[cold]
#[inline(never)]
fn work_out(pc: u64) -> Rule {
    let generation = modules::GENERATION.load(Ordering::Acquire);
    let rule = rule_for(pc.wrapping_sub(1));
    let _held = WRITING.hold();
    let table = room_for_one(generation);
    // A rule that was found while the modules changed is right for this call, and not kept.
    if !table.is_null() && generation == modules::GENERATION.load(Ordering::Relaxed) {
        put(table, pc, rule.to_bits());
    }
    rule
}

/// Under the lock: a table with a free entry, of this generation; null if there is no memory for it.
fn room_for_one(generation: u32) -> *mut Header {
    let old = TABLE.load(Ordering::Relaxed);
    let mut bits = FIRST_BITS;
    let mut keep = false;
    if !old.is_null() {
        // SAFETY: a published table has a header.
        let header = unsafe { &*old };
        bits = 64u32.wrapping_sub(header.shift);
        keep = header.generation == generation;
        let count = COUNT.load(Ordering::Relaxed) as usize;
        if keep && count.wrapping_mul(4) < mask(header.shift) {
            return old;
        }
        if keep {
            if bits >= LAST_BITS {
                return ptr::null_mut();
            }
            bits = bits.wrapping_add(1);
        }
    }
    let new: *mut Header = pool::take(bits.wrapping_add(5)).cast();
    if new.is_null() {
        return new;
    }
    // SAFETY: fresh memory with room for the header.
    unsafe { *new = Header { shift: 64u32.wrapping_sub(bits), generation, unused: 0 } };
    COUNT.store(0, Ordering::Relaxed);
    if keep {
        // SAFETY: as above.
        for at in 0..=mask(unsafe { (*old).shift }) {
            let entry = entry(old, at);
            let pc = entry.pc.load(Ordering::Relaxed);
            if pc != 0 {
                put(new, pc, entry.rule.load(Ordering::Relaxed));
            }
        }
    }
    TABLE.store(new, Ordering::Release);
    new
}

/// Under the lock: adds a rule, unless another thread has.
fn put(table: *mut Header, pc: u64, rule: u64) {
    // SAFETY: a table of `room_for_one` has a header.
    let shift = unsafe { (*table).shift };
    let mut at = home(pc, shift);
    loop {
        let entry = entry(table, at);
        let found = entry.pc.load(Ordering::Relaxed);
        if found == pc {
            return;
        }
        if found == 0 {
            entry.rule.store(rule, Ordering::Relaxed);
            entry.pc.store(pc, Ordering::Release);
            COUNT.fetch_add(1, Ordering::Relaxed);
            return;
        }
        at = at.wrapping_add(1) & mask(shift);
    }
}

/// Takes the lock for a freeze.
pub fn lock() {
    WRITING.lock();
}

/// Ends [`lock`].
pub fn unlock() {
    WRITING.unlock();
}
