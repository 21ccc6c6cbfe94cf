//! The global allocator: forwards to another one and reports every event to the kernel.

use crate::kernel::MEMLEAK_TRACKER;
use crate::kernel::interface_tracker as kernel;
use std::alloc::{GlobalAlloc, Layout, System};
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

// SAFETY: every block comes from `A` and goes back to it with the layout it came with; the kernel's functions do not unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Allocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
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
        if !off() {
            // SAFETY: the block is about to be given back.
            unsafe { (MEMLEAK_TRACKER.freeing)(block) };
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
        let mut taken = kernel::RawBlock::default();
        // SAFETY: followed by `realloc_end` below, on this thread.
        unsafe { (MEMLEAK_TRACKER.realloc_begin)(block, &raw mut taken) };
        // SAFETY: the caller's promise, passed on.
        let moved = unsafe { self.0.realloc(block, layout, new_size) };
        // SAFETY: `taken` is what `realloc_begin` wrote.
        unsafe { (MEMLEAK_TRACKER.realloc_end)(moved, new_size, &raw const taken) };
        moved
    }
}
