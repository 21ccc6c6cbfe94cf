//! Memory for the kernel's own tables: zeroed blocks of a power of two of bytes, from `mmap`, reused by size.
//!
//! May use: `os`, `lock`. Its lock is the innermost of all: nothing is called while it is held.

use super::lock::Lock;
use super::os;
use core::cell::UnsafeCell;
use core::ptr;

const SMALLEST: u32 = 8;
const CLASSES: usize = 9;
/// Blocks of this many bits and more are mappings of their own.
const MAPPED: u32 = SMALLEST + CLASSES as u32;
const CHUNK: usize = 1 << 20;

struct Pool {
    lock: Lock,
    inner: UnsafeCell<Inner>,
}

struct Inner {
    /// Free blocks by size, each holding the address of the next.
    free: [*mut *mut u8; CLASSES],
    next: *mut u8,
    left: usize,
}

// SAFETY: `inner` is touched only under `lock`.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool {
    lock: Lock::new(),
    inner: UnsafeCell::new(Inner { free: [ptr::null_mut(); CLASSES], next: ptr::null_mut(), left: 0 }),
};

/// `1 << bits` zeroed bytes, aligned to at least 256; null if there are none.
pub fn take(bits: u32) -> *mut u8 {
    if bits >= MAPPED {
        return os::map(1usize << bits);
    }
    let bits = if bits < SMALLEST { SMALLEST } else { bits };
    let size = 1usize << bits;
    POOL.lock.lock();
    // SAFETY: the lock is held.
    let inner = unsafe { &mut *POOL.inner.get() };
    let mut at = ptr::null_mut();
    let mut used = false;
    if let Some(head) = inner.free.get_mut((bits - SMALLEST) as usize) {
        if head.is_null() {
            at = inner.carve(size);
        } else {
            at = head.cast();
            used = true;
            // SAFETY: a free block holds the next one's address.
            *head = unsafe { **head }.cast();
        }
    }
    POOL.lock.unlock();
    if used {
        // SAFETY: the block is ours and `size` bytes long.
        unsafe { ptr::write_bytes(at, 0, size) };
    }
    at
}

/// Gives a block back.
///
/// # Safety
/// `at` came from [`take`] with the same `bits` and nothing uses it any more.
pub unsafe fn give(at: *mut u8, bits: u32) {
    if bits >= MAPPED {
        // SAFETY: by contract a mapping of this size.
        unsafe { os::unmap(at, 1usize << bits) };
        return;
    }
    let bits = if bits < SMALLEST { SMALLEST } else { bits };
    POOL.lock.lock();
    // SAFETY: the lock is held; the block is ours to write.
    unsafe {
        let inner = &mut *POOL.inner.get();
        if let Some(head) = inner.free.get_mut((bits - SMALLEST) as usize) {
            let block: *mut *mut u8 = at.cast();
            *block = (*head).cast();
            *head = block;
        }
    }
    POOL.lock.unlock();
}

impl Inner {
    fn carve(&mut self, size: usize) -> *mut u8 {
        let padding = (self.next as usize).wrapping_neg() & (size - 1);
        let needed = size.wrapping_add(padding);
        if self.left < needed {
            // What is left of the old chunk was never touched, so it costs address space only.
            let chunk = os::map(CHUNK);
            if chunk.is_null() {
                return chunk;
            }
            self.next = chunk;
            self.left = CHUNK;
            return self.carve_aligned(size, (chunk as usize).wrapping_neg() & (size - 1));
        }
        self.carve_aligned(size, padding)
    }

    fn carve_aligned(&mut self, size: usize, padding: usize) -> *mut u8 {
        let at = self.next.wrapping_add(padding);
        self.next = at.wrapping_add(size);
        self.left = self.left.wrapping_sub(size.wrapping_add(padding));
        at
    }
}

/// Lets a fork happen while nobody holds the pool.
pub fn lock() {
    POOL.lock.lock();
}

/// Ends [`lock`], in the parent and in the child.
pub fn unlock() {
    POOL.lock.unlock();
}
