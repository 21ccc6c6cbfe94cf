//! Overwrites what is freed with zeros, so that no pointer stays in free memory or shows up in the unused end of a new block.
//!
//! May use: `os`.

use super::os;
use core::arch::asm;
use core::ptr;

/// Pages of blocks of this many bytes and more are given back instead of being written. Up to here glibc may use a block again, and pages
/// that have to come back cost far more than their zeros; beyond, it gives all of them back itself.
const LARGE: usize = 1 << 25;
/// No page is larger than this.
const PAGE: usize = if cfg!(target_arch = "x86_64") { 1 << 12 } else { 1 << 16 };
const LINE: usize = 64;
/// How much of a block is fetched ahead.
const AHEAD: usize = 1024;

/// Has the processor fetch the first lines of a block that will be wiped soon.
#[inline(always)]
pub fn prefetch(at: *const u8, len: usize) {
    let mut done = 0;
    let ahead = if len < AHEAD { len } else { AHEAD };
    while done < ahead {
        os::prefetch((at as u64).wrapping_add(done as u64));
        done = done.wrapping_add(LINE);
    }
}

/// Overwrites memory with zeros, whatever the compiler thinks of that.
///
/// # Safety
/// The memory is nobody else's, and can be written.
#[inline(always)]
pub unsafe fn wipe(at: *mut u8, len: usize) {
    // SAFETY: by contract.
    unsafe {
        if len < LARGE {
            ptr::write_bytes(at, 0, len);
        } else {
            wipe_large(at, len);
        }
        // Stores to memory that is freed next are dead, were it not for somebody who might read them.
        asm!("/* {0} */", in(reg) at, options(nostack, preserves_flags));
    }
}

/// # Safety
/// As [`wipe`]; `len` is at least [`LARGE`].
#[cold]
#[inline(never)]
unsafe fn wipe_large(at: *mut u8, len: usize) {
    let head = (at as usize).wrapping_neg() & (PAGE - 1);
    let pages = len.wrapping_sub(head) & !(PAGE - 1);
    let tail = head.wrapping_add(pages);
    // SAFETY: by contract; all three parts are within the memory, and `len` is more than a page.
    unsafe {
        if !discard(at.wrapping_add(head), pages) {
            ptr::write_bytes(at.wrapping_add(head), 0, pages);
        }
        ptr::write_bytes(at, 0, head);
        ptr::write_bytes(at.wrapping_add(tail), 0, len.wrapping_sub(tail));
    }
}

/// Whether pages given back have become zero. Those of a file or of shared memory keep what is in them.
///
/// # Safety
/// Nothing needs what is in the pages, of which there is at least one.
unsafe fn discard(at: *mut u8, len: usize) -> bool {
    let first: *mut usize = at.cast();
    // SAFETY: by contract; pages are aligned.
    unsafe {
        ptr::write_volatile(first, usize::MAX);
        os::discard(at, len) && ptr::read_volatile(first) == 0
    }
}

/// Copies `len` bytes to another place and wipes the `size` bytes that they are the beginning of. Piece by piece, so that a large block
/// does not take memory twice.
///
/// # Safety
/// The places do not overlap and are nobody else's; `len` is at most `size`.
pub unsafe fn relocate(from: *mut u8, size: usize, into: *mut u8, len: usize) {
    let mut done = 0usize;
    while done < len {
        let left = len.wrapping_sub(done);
        let to_next = LARGE.wrapping_sub(from as usize & (LARGE - 1));
        // The first piece ends where whole pages begin.
        let most = if done == 0 { to_next } else { LARGE };
        let piece = if left < most { left } else { most };
        // SAFETY: `done + piece` is at most `len`.
        unsafe {
            let from = from.wrapping_add(done);
            ptr::copy_nonoverlapping(from, into.wrapping_add(done), piece);
            wipe(from, piece);
        }
        done = done.wrapping_add(piece);
    }
    // SAFETY: what is left of the old place.
    unsafe { wipe(from.wrapping_add(done), size.wrapping_sub(done)) };
}
