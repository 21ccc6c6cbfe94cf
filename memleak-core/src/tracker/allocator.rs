//! The global allocator: forwards to another one and reports every event to the kernel, which has memory of its own for untracked threads.

use crate::kernel::MEMLEAK_TRACKER;
use crate::kernel::interface_tracker as kernel;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::Ordering;

/// The allocator that records every block, over `A`.
#[derive(Debug, Default)]
pub struct Allocator<A = System>(A);

impl Allocator<System> {
    /// Over the system's allocator.
    pub const fn system() -> Self {
        Allocator(System)
    }
}

impl<A> Allocator<A> {
    /// Over `inner`.
    pub const fn new(inner: A) -> Self {
        Allocator(inner)
    }
}

/// All that an untracked process pays.
#[inline(always)]
fn off() -> bool {
    MEMLEAK_TRACKER.state.load(Ordering::Relaxed) == kernel::OFF
}

/// A block for an untracked thread: none if this thread is tracked, null if there is no memory.
#[inline(always)]
fn own_alloc(layout: Layout, zeroed: bool) -> Option<*mut u8> {
    if MEMLEAK_TRACKER.untracked.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let mut block = ptr::null_mut();
    // SAFETY: a place for the answer.
    let own = unsafe { (MEMLEAK_TRACKER.own_alloc)(layout.size(), layout.align(), zeroed, &raw mut block) };
    own.then_some(block)
}

// SAFETY: every block comes from `A` and goes back to it with the layout it came with, or comes from the kernel and goes back to it in the
// same way: the kernel knows its blocks by their addresses. The kernel's functions do not unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Allocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(block) = own_alloc(layout, false) {
            return block;
        }
        // SAFETY: the caller's promise, passed on.
        let block = unsafe { self.0.alloc(layout) };
        if !off() {
            // SAFETY: a new block, or null.
            unsafe { (MEMLEAK_TRACKER.allocated)(block, layout.size(), kernel::ALLOC) };
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if let Some(block) = own_alloc(layout, true) {
            return block;
        }
        // SAFETY: the caller's promise, passed on.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        if !off() {
            // SAFETY: a new block, or null.
            unsafe { (MEMLEAK_TRACKER.allocated)(block, layout.size(), kernel::ZEROED) };
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is about to be given back.
        if !off() && unsafe { (MEMLEAK_TRACKER.freeing)(block, layout.size(), layout.align()) } {
            return;
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if off() {
            // SAFETY: the caller's promise, passed on.
            return unsafe { self.0.realloc(block, layout, new_size) };
        }
        let (size, align) = (layout.size(), layout.align());
        let mut moved = ptr::null_mut();
        // SAFETY: the caller's promise, passed on, and a place for the answer.
        if unsafe { (MEMLEAK_TRACKER.own_realloc)(block, size, align, new_size, &raw mut moved) } {
            return moved;
        }
        let mut taken = kernel::RawBlock::default();
        // SAFETY: followed by `realloc_end` below, on this thread.
        unsafe { (MEMLEAK_TRACKER.realloc_begin)(block, &raw mut taken) };
        // The inner `realloc` would free the old place with all that is in it.
        // SAFETY: the caller promises that the new size fits the alignment and is not zero.
        moved = unsafe { self.0.alloc(Layout::from_size_align_unchecked(new_size, align)) };
        if !moved.is_null() {
            // SAFETY: two blocks of these sizes; then the old one is not used any more.
            unsafe {
                (MEMLEAK_TRACKER.relocate)(block, size, moved, new_size);
                self.0.dealloc(block, layout);
            }
        }
        // SAFETY: `taken` is what `realloc_begin` wrote.
        unsafe { (MEMLEAK_TRACKER.realloc_end)(moved, new_size, &raw const taken) };
        moved
    }
}
