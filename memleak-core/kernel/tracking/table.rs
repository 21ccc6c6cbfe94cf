//! The live table: which blocks live, by address.
//!
//! May use: `lock`, `os`, `pool`, `interface_tracker`.
//!
//! The address space is cut into regions of 2 MiB; each has a lock and a hash table of its own. An allocator gives each thread blocks
//! from places of its own, so two threads seldom meet in one region. An entry is 16 bytes: within a region 21 bits tell the address.
//!
//! Locks: a thread holds at most one region, except the one that holds them all ([`lock`]). It may take the pool's lock meanwhile.
//! `OPENING` (a region's first use) is taken while holding no region; a freeze holds it to its end.

use super::super::interface_tracker::RawBlock;
use super::lock::{self, Lock, held_by_me};
use super::os;
use super::pool;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

const REGION_BITS: u32 = 21;
const LEAF_BITS: u32 = 13;
const ROOT_BITS: u32 = 14;
const FIRST_ENTRIES_BITS: u32 = 4;

/// `size:43 offset:21`, then `size:4 origin:2 epoch:26 stack:32`. An entry is free if its second word is zero (no origin is zero).
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry(u64, u64);

impl Entry {
    const FREE: Entry = Entry(0, 0);

    fn new(offset: u64, block: &RawBlock) -> Entry {
        let low = offset | block.size << REGION_BITS;
        let high = u64::from(block.stack)
            | u64::from(block.epoch) << 32
            | u64::from(block.origin) << 58
            | block.size >> 43 << 60;
        Entry(low, high)
    }

    #[inline(always)]
    fn offset(self) -> u64 {
        self.0 & ((1 << REGION_BITS) - 1)
    }

    #[inline(always)]
    fn is_free(self) -> bool {
        self.1 == 0
    }

    fn block(self, region: u64) -> RawBlock {
        RawBlock {
            address: region << REGION_BITS | self.offset(),
            size: self.0 >> REGION_BITS | self.1 >> 60 << 43,
            stack: self.1 as u32,
            epoch: (self.1 >> 32) as u32 & ((1 << 26) - 1),
            origin: (self.1 >> 58) as u32 & 3,
            found: 1,
        }
    }
}

/// 2 MiB of address space.
#[repr(C)]
struct Region {
    lock: Lock,
    count: UnsafeCell<u32>,
    /// Null until the region is opened.
    entries: AtomicPtr<Entry>,
    next_open: UnsafeCell<*const Region>,
    /// Written under the lock.
    bits: AtomicU32,
    unused: u32,
}

const _: () = assert!(size_of::<Region>() == 32 && size_of::<Entry>() == 16);

// SAFETY: the cells are touched only under `lock`, `next_open` only under `OPENING`.
unsafe impl Sync for Region {}

static ROOT: [AtomicPtr<Region>; 1 << ROOT_BITS] = [const { AtomicPtr::new(ptr::null_mut()) }; 1 << ROOT_BITS];
static OPENING: Lock = Lock::new();
static OPEN: AtomicPtr<Region> = AtomicPtr::new(ptr::null_mut());
/// A region that this thread may change, until it is dropped.
struct Held {
    region: &'static Region,
    _lock: lock::Held<'static>,
}

#[inline(always)]
fn hold(region: &'static Region) -> Held {
    Held { region, _lock: region.lock.hold() }
}

#[inline(always)]
fn region_of(address: u64) -> Option<&'static Region> {
    let number = address >> REGION_BITS;
    let leaf = ROOT.get((number >> LEAF_BITS) as usize)?.load(Ordering::Acquire);
    if leaf.is_null() {
        return None;
    }
    // SAFETY: a leaf has `1 << LEAF_BITS` regions and is never given back.
    Some(unsafe { &*leaf.add((number & ((1 << LEAF_BITS) - 1)) as usize) })
}

#[inline(always)]
fn home(offset: u64, bits: u32) -> usize {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64u32.wrapping_sub(bits) & 63)) as usize
}

impl Held {
    #[inline(always)]
    fn slots(&self) -> (*mut Entry, u32, usize) {
        let bits = self.region.bits.load(Ordering::Relaxed);
        (self.region.entries.load(Ordering::Relaxed), bits, (1usize << (bits & 31)).wrapping_sub(1))
    }

    /// The entry of `offset`, or the free entry where it would be.
    #[inline(always)]
    fn find(&self, offset: u64) -> *mut Entry {
        let (entries, bits, mask) = self.slots();
        let mut at = home(offset, bits);
        loop {
            // SAFETY: `at` is masked to the size of the table, which always has a free entry.
            let entry = unsafe { entries.add(at) };
            // SAFETY: as above.
            let found = unsafe { *entry };
            if found.is_free() || found.offset() == offset {
                return entry;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// Makes sure that one more entry leaves one free in four; false if there is no memory for it.
    #[inline(always)]
    fn make_room(&self) -> bool {
        let (_, _, mask) = self.slots();
        // SAFETY: the region is held.
        let count = unsafe { *self.region.count.get() } as usize;
        if count.wrapping_mul(4) < mask.wrapping_mul(3) { true } else { self.grow() || count < mask }
    }

    #[cold]
    #[inline(never)]
    fn grow(&self) -> bool {
        let (old, bits, mask) = self.slots();
        let new: *mut Entry = pool::take(bits.wrapping_add(5)).cast();
        if new.is_null() {
            return false;
        }
        // SAFETY: the region is held, and both tables are as large as their bits say.
        unsafe {
            self.region.entries.store(new, Ordering::Relaxed);
            self.region.bits.store(bits.wrapping_add(1), Ordering::Relaxed);
            for at in 0..=mask {
                let entry = *old.add(at);
                if !entry.is_free() {
                    *self.find(entry.offset()) = entry;
                }
            }
            pool::give(old.cast(), bits.wrapping_add(4));
        }
        true
    }

    /// Empties an entry and moves later ones of its run forward, so that searches still end at the first free entry.
    #[inline(always)]
    fn vacate(&self, entry: *mut Entry) {
        let (entries, bits, mask) = self.slots();
        // SAFETY: `entry` is in the table; all positions are masked to its size.
        unsafe {
            let mut hole = entry.offset_from(entries) as usize;
            let mut at = hole;
            loop {
                at = at.wrapping_add(1) & mask;
                let candidate = *entries.add(at);
                if candidate.is_free() {
                    break;
                }
                let from_home = at.wrapping_sub(home(candidate.offset(), bits)) & mask;
                if from_home >= at.wrapping_sub(hole) & mask {
                    *entries.add(hole) = candidate;
                    hole = at;
                }
            }
            *entries.add(hole) = Entry::FREE;
            let count = self.region.count.get();
            *count = (*count).wrapping_sub(1);
        }
    }
}

/// Has the processor fetch the place of the block at `address`, which will be needed soon.
#[inline(always)]
pub fn prefetch(address: u64) {
    if let Some(region) = region_of(address) {
        let entries = region.entries.load(Ordering::Relaxed);
        let at = home(address & ((1 << REGION_BITS) - 1), region.bits.load(Ordering::Relaxed));
        // Both may change meanwhile. It is only a hint.
        os::prefetch(entries.wrapping_add(at) as u64);
    }
}

/// Records a block, with the epoch that `epoch` tells once the region is held: a freeze has all regions, so that a block which is recorded
/// after it is of an epoch that it has begun. False if there was no room. A record that is there already is of a block whose end was not
/// seen: it is replaced.
#[inline(always)]
pub fn insert(block: &RawBlock, epoch: impl FnOnce() -> u32) -> bool {
    let number = block.address >> REGION_BITS;
    let region = match region_of(block.address) {
        Some(region) if !region.entries.load(Ordering::Acquire).is_null() => region,
        _ => match open(number) {
            Some(region) => region,
            None => return false,
        },
    };
    let held = hold(region);
    if !held.make_room() {
        return false;
    }
    let offset = block.address & ((1 << REGION_BITS) - 1);
    let entry = held.find(offset);
    // SAFETY: `find` answers an entry of the table; the region is held.
    unsafe {
        if (*entry).is_free() {
            let count = region.count.get();
            *count = (*count).wrapping_add(1);
        }
        *entry = Entry::new(offset, &RawBlock { epoch: epoch(), ..*block });
    }
    true
}

/// Forgets the block at `address` and says what it was (`found` is zero if there was none), to `gone` while the region is still held.
#[inline(always)]
pub fn remove(address: u64, gone: impl FnOnce(&RawBlock)) -> RawBlock {
    if let Some(region) = region_of(address)
        && !region.entries.load(Ordering::Acquire).is_null()
    {
        let held = hold(region);
        let entry = held.find(address & ((1 << REGION_BITS) - 1));
        // SAFETY: `find` answers an entry of the table; the region is held.
        let found = unsafe { *entry };
        if !found.is_free() {
            held.vacate(entry);
            let block = found.block(address >> REGION_BITS);
            gone(&block);
            return block;
        }
    }
    RawBlock::default()
}

/// The block at `address`; only while frozen by this thread.
pub fn get(address: u64) -> RawBlock {
    if let Some(region) = region_of(address)
        && !region.entries.load(Ordering::Acquire).is_null()
    {
        let held = hold(region);
        // SAFETY: `find` answers an entry of the table; the region is held.
        let found = unsafe { *held.find(address & ((1 << REGION_BITS) - 1)) };
        if !found.is_free() {
            return found.block(address >> REGION_BITS);
        }
    }
    RawBlock::default()
}

/// Gives a region its first table; none if the address is out of range or there is no memory.
#[cold]
#[inline(never)]
fn open(number: u64) -> Option<&'static Region> {
    let _held = OPENING.hold();
    open_locked(number)
}

fn open_locked(number: u64) -> Option<&'static Region> {
    let slot = ROOT.get((number >> LEAF_BITS) as usize)?;
    if slot.load(Ordering::Relaxed).is_null() {
        let leaf = pool::take(LEAF_BITS.wrapping_add(5));
        if leaf.is_null() {
            return None;
        }
        slot.store(leaf.cast(), Ordering::Release);
    }
    let region = region_of(number << REGION_BITS)?;
    if region.entries.load(Ordering::Relaxed).is_null() {
        let entries = pool::take(FIRST_ENTRIES_BITS.wrapping_add(4));
        if entries.is_null() {
            return None;
        }
        region.bits.store(FIRST_ENTRIES_BITS, Ordering::Relaxed);
        // SAFETY: `OPENING` is held, and nobody uses a region that is not open.
        unsafe { *region.next_open.get() = OPEN.load(Ordering::Relaxed) };
        if held_by_me() {
            // A freeze ends by releasing every open region.
            region.lock.lock();
        }
        OPEN.store(ptr::from_ref(region).cast_mut(), Ordering::Release);
        region.entries.store(entries.cast(), Ordering::Release);
    }
    Some(region)
}

fn each_open(mut f: impl FnMut(&'static Region)) {
    let mut next = OPEN.load(Ordering::Acquire).cast_const();
    while !next.is_null() {
        // SAFETY: open regions are never given back.
        let region = unsafe { &*next };
        f(region);
        // SAFETY: written before the region was put on the list, and never again.
        next = unsafe { *region.next_open.get() };
    }
}

/// Takes all regions for a freeze.
pub fn lock() {
    OPENING.lock();
    each_open(|region| region.lock.lock());
}

/// Ends [`lock`].
pub fn unlock() {
    each_open(|region| region.lock.unlock());
    OPENING.unlock();
}

/// While frozen: how many blocks live.
pub fn count() -> usize {
    let mut total = 0usize;
    // SAFETY: the caller holds all regions.
    each_open(|region| total = total.wrapping_add(unsafe { *region.count.get() } as usize));
    total
}

/// While frozen: writes the live blocks to `into` by address, as many as fit, and answers how many.
pub fn copy(into: &mut [RawBlock]) -> usize {
    let mut written = 0usize;
    for (high, leaf) in ROOT.iter().enumerate() {
        let leaf = leaf.load(Ordering::Acquire);
        if leaf.is_null() {
            continue;
        }
        for low in 0..1usize << LEAF_BITS {
            // SAFETY: a leaf has this many regions.
            let region = unsafe { &*leaf.add(low) };
            if !region.entries.load(Ordering::Acquire).is_null() {
                let room = into.get_mut(written..).unwrap_or_default();
                written = written.wrapping_add(copy_region(region, (high << LEAF_BITS | low) as u64, room));
            }
        }
    }
    written
}

fn copy_region(region: &'static Region, number: u64, into: &mut [RawBlock]) -> usize {
    let held = hold(region);
    let (entries, _, mask) = held.slots();
    let mut written = 0usize;
    for at in 0..=mask {
        // SAFETY: `at` is within the table, and the region is held.
        let entry = unsafe { *entries.add(at) };
        if !entry.is_free()
            && let Some(slot) = into.get_mut(written)
        {
            *slot = entry.block(number);
            written = written.wrapping_add(1);
        }
    }
    if let Some(blocks) = into.get_mut(..written) {
        blocks.sort_unstable_by_key(|block| block.address);
    }
    written
}
