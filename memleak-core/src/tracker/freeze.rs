//! Holds all allocation traffic, to read the live blocks.

use super::{Block, Word};
use crate::address::RuntimeAddress;
use crate::kernel::MEMLEAK_TRACKER;
use crate::kernel::interface_tracker as kernel;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// While it lives, no recorded block can be freed by another thread and none can be added: other threads that try wait.
///
/// The holder is [`untracked`](super::untracked), and must not wait for other threads (no lock that they may hold, no output: they
/// may be waiting in the allocator with it). What the holder itself frees is gone at once: its [`Block`] is no longer copied.
#[derive(Debug)]
pub struct Frozen(PhantomData<*const ()>);

/// The live blocks during a freeze.
#[derive(Debug)]
pub struct Census<'f> {
    raw: Vec<kernel::RawBlock>,
    frozen: PhantomData<&'f Frozen>,
}

impl Census<'_> {
    /// The blocks, by address.
    pub fn blocks(&self) -> Vec<Block> {
        self.raw.iter().map(Block::new).collect()
    }

    /// The size of the block that starts at `address`.
    pub fn size_at(&self, address: RuntimeAddress) -> Option<u64> {
        let index = self.raw.binary_search_by_key(&address.0, |block| block.address).ok()?;
        Some(self.raw[index].size)
    }

    /// Address and size of each block that starts in `memory`.
    pub fn within(&self, memory: Range<u64>) -> impl Iterator<Item = (u64, u64)> {
        let first = self.raw.partition_point(|block| block.address < memory.start);
        self.raw[first..]
            .iter()
            .map(|block| (block.address, block.size))
            .take_while(move |(address, _)| *address < memory.end)
    }

    /// Appends to `into` the words that lead to a block: to its start, or to what an `Rc` or `Arc` there holds. `words` is a copy of the memory
    /// at `address`, a multiple of 8, that another allocator gave out; what is in one of the blocks is passed over. Allocates nothing: false
    /// (and nothing is appended) if the capacity of `into` is too small.
    pub fn find_pointers(&self, address: u64, words: &[u64], into: &mut Vec<Word>) -> bool {
        let (Some(first), Some(last)) = (self.raw.first(), self.raw.last()) else { return true };
        let (lowest, highest) = (first.address, last.address + kernel::SHARED_COUNTS);
        let near = self.raw.partition_point(|block| block.address + block.size <= address);
        let near = &self.raw[near..];
        let piece = kernel::RawPiece { address, lowest, highest };
        let room = into.spare_capacity_mut();
        // SAFETY: three slices, with their lengths; this thread holds the freeze.
        let found = unsafe {
            let into = room.as_mut_ptr().cast();
            (MEMLEAK_TRACKER.search)(&piece, words.as_ptr(), words.len(), near.as_ptr(), near.len(), into, room.len())
        };
        if found > room.len() {
            return false;
        }
        // SAFETY: so many were written.
        unsafe { into.set_len(into.len() + found) };
        true
    }

    /// Appends the bytes of all of them to `into`, one behind the other, without allocating; false (and nothing is appended) if its capacity is
    /// too small.
    pub fn copy(&self, into: &mut Vec<u8>) -> bool {
        let total: u64 = self.raw.iter().map(|block| block.size).sum();
        let room = into.spare_capacity_mut();
        if (room.len() as u64) < total {
            return false;
        }
        // SAFETY: the blocks live: nobody else can free one during a freeze, and the holder must not. There is room for all.
        unsafe {
            (MEMLEAK_TRACKER.copy_blocks)(self.raw.as_ptr(), self.raw.len(), room.as_mut_ptr().cast());
            into.set_len(into.len() + total as usize);
        }
        true
    }
}

/// How high the sum of the watched blocks has been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peak {
    /// In bytes.
    pub highest: u64,
    /// What is known of the moment when it was first above the limit.
    pub crossing: Crossing,
}

/// The moment when the sum of the watched blocks was first above its limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Crossing {
    /// It never was.
    None,
    /// The blocks that lived then, watched ones and others.
    Kept(Vec<Block>),
    /// There was no memory to keep them.
    NoRoom,
}

/// Stops all allocation traffic of other threads. Freezes nest.
pub fn freeze() -> Frozen {
    // SAFETY: not in the hook.
    unsafe { (MEMLEAK_TRACKER.refresh_modules)() };
    // SAFETY: undone when the guard is dropped, on this thread.
    unsafe { (MEMLEAK_TRACKER.freeze)() };
    Frozen(PhantomData)
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // SAFETY: undoes what `freeze` did.
        unsafe { (MEMLEAK_TRACKER.thaw)() };
    }
}

impl Frozen {
    /// Ends the present epoch, and says which that was: all live blocks are of it or an earlier one, all later blocks of later ones.
    ///
    /// # Panics
    /// After 67 million epochs: more cannot be told apart.
    pub fn end_epoch(&self) -> u32 {
        let epoch = MEMLEAK_TRACKER.epoch.fetch_add(1, Ordering::Relaxed);
        assert!(epoch < kernel::LAST_EPOCH, "memleak: too many epochs");
        epoch
    }

    /// From now on the sum of the blocks that are allocated is watched, until [`watch_ends`](Frozen::watch_ends); what lives when it is first
    /// above the limit is kept. Ends the present epoch, and answers the next, which is that of the first watched block.
    ///
    /// # Panics
    /// As [`Frozen::end_epoch`].
    pub fn watch(&self, limit: u64) -> u32 {
        let epoch = self.end_epoch() + 1;
        // SAFETY: this thread holds the freeze.
        unsafe { (MEMLEAK_TRACKER.watch)(epoch, limit) };
        epoch
    }

    /// Ends the watch, and says how high the sum has been.
    pub fn watch_ends(&self) -> Peak {
        let mut raw = kernel::RawPeak::default();
        let mut blocks: Vec<kernel::RawBlock> = Vec::new();
        // SAFETY: this thread holds the freeze; `raw` is a place for the answer, and there is as much room as is said.
        unsafe {
            (MEMLEAK_TRACKER.watch)(kernel::NOBODY, 0);
            (MEMLEAK_TRACKER.peak)(&raw mut raw, blocks.as_mut_ptr(), 0);
        }
        blocks.resize(raw.count, kernel::RawBlock::default());
        // SAFETY: as above.
        unsafe { (MEMLEAK_TRACKER.peak)(&raw mut raw, blocks.as_mut_ptr(), blocks.len()) };
        let crossing = match raw.crossing {
            kernel::BELOW => Crossing::None,
            kernel::KEPT => Crossing::Kept(blocks.iter().map(Block::new).collect()),
            crossing => {
                debug_assert_eq!(crossing, kernel::NO_ROOM);
                Crossing::NoRoom
            }
        };
        Peak { highest: raw.highest, crossing }
    }

    /// All live blocks, by address.
    pub fn blocks(&self) -> Vec<Block> {
        self.census().blocks()
    }

    /// All live blocks, by address, in a form that is copied fast. They are those of this moment: the holder must not free one before they are
    /// copied.
    pub fn census(&self) -> Census<'_> {
        // SAFETY: this thread holds the freeze. What it allocates from here on is not recorded, so the number does not grow.
        let count = unsafe { (MEMLEAK_TRACKER.block_count)() };
        let mut raw = Vec::with_capacity(count);
        // SAFETY: there is room for `count`, and the kernel says how many it wrote.
        unsafe {
            let written = (MEMLEAK_TRACKER.blocks)(raw.as_mut_ptr(), count);
            raw.set_len(written);
        }
        Census { raw, frozen: PhantomData }
    }

    /// Appends the bytes of `block` to `into`; false (and nothing is appended) if there is no such block any more.
    pub fn copy(&self, block: &Block, into: &mut Vec<u8>) -> bool {
        let mut raw = kernel::RawBlock::default();
        // SAFETY: this thread holds the freeze; `raw` is a place for the answer.
        unsafe { (MEMLEAK_TRACKER.block_at)(block.address.0, &raw mut raw) };
        let Ok(len) = usize::try_from(block.size) else { return false };
        if raw.found == 0 || raw.size != block.size {
            return false;
        }
        into.reserve(len);
        // SAFETY: the block is recorded, so it is allocated, and nobody can free it during a freeze. `reserve` made the room; the kernel
        // fills it.
        unsafe {
            (MEMLEAK_TRACKER.copy)(block.address.0 as *const u8, into.as_mut_ptr().add(into.len()), len);
            into.set_len(into.len() + len);
        }
        true
    }

    /// Fills `into` with this process's memory at `address`; false if any of it cannot be read.
    pub fn read_words(&self, address: RuntimeAddress, into: &mut [u64]) -> bool {
        read_own_memory(address.0, into.as_mut_ptr().cast(), size_of_val(into))
    }

    /// Appends `len` bytes of this process's memory at `address` to `into`; false (and nothing is appended) if any of them
    /// cannot be read.
    pub fn copy_memory(&self, address: RuntimeAddress, len: usize, into: &mut Vec<u8>) -> bool {
        into.reserve(len);
        let room = into.as_mut_ptr().wrapping_add(into.len());
        if !read_own_memory(address.0, room, len) {
            return false;
        }
        // SAFETY: `reserve` made the room, and all of it was written.
        unsafe { into.set_len(into.len() + len) };
        true
    }
}

/// Asks the system for the bytes, which answers "bad address" where this thread would be killed.
#[cfg(memleak_supported)]
pub(super) fn read_own_memory(address: u64, room: *mut u8, len: usize) -> bool {
    let local = libc::iovec { iov_base: room.cast(), iov_len: len };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: len };
    // SAFETY: `room` has room for `len` bytes.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    if usize::try_from(read) == Ok(len) {
        return true;
    }
    // A sandbox may forbid the call and still allow the file.
    // SAFETY: plain system calls; `room` has room for `len` bytes.
    unsafe {
        let memory = libc::open(c"/proc/self/mem".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let read = libc::pread(memory, room.cast(), len, address.cast_signed());
        libc::close(memory);
        usize::try_from(read) == Ok(len)
    }
}

#[cfg(not(memleak_supported))]
pub(super) fn read_own_memory(_address: u64, _room: *mut u8, _len: usize) -> bool {
    false
}
