//! Where memleak's own frames are on a stack that is not its own: of the thread that waits for the body of a test.
//!
//! May use: nothing.
//!
//! Such a thread is in memleak's hands until the end of the test, so nothing in these frames keeps what the test has made. But they have words in them
//! that were never written since the frame was made: addresses from the time before, at which a large block may lie by now.

use super::own_id;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The frames below this address are memleak's; zero if there are none.
static BELOW: AtomicU64 = AtomicU64::new(0);

/// On the stack of this thread. Zero while the above is not valid.
static THREAD: AtomicU32 = AtomicU32::new(0);

/// Does work of memleak's own on a thread of somebody else. One thread at a time is known; what others have in their frames counts as theirs.
#[inline(never)]
pub fn in_own_frames<R>(work: impl FnOnce() -> R) -> R {
    // What the callers have in registers would else be only where a callee saves it: in the frames that are left out.
    let mut registers = MaybeUninit::<libc::ucontext_t>::zeroed();
    // SAFETY: the place for the registers is valid.
    let kept = unsafe { libc::getcontext(registers.as_mut_ptr()) } == 0;
    let below = registers.as_ptr() as u64;
    let first = kept && BELOW.compare_exchange(0, below, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    let _known = first.then(Known::new);
    let result = work();
    black_box(&registers);
    result
}

/// For as long as the work lasts, however it ends.
struct Known;

impl Known {
    fn new() -> Known {
        THREAD.store(own_id(), Ordering::Release);
        Known
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        THREAD.store(0, Ordering::Release);
        BELOW.store(0, Ordering::Release);
    }
}

/// The part of this thread's stack that has memleak's own frames. The thread stands still.
pub fn part_of(stack: &Range<u64>, thread: u32) -> Option<Range<u64>> {
    let is_it = THREAD.load(Ordering::Acquire) == thread;
    let below = BELOW.load(Ordering::Acquire);
    (is_it && stack.contains(&below)).then_some(stack.start..below)
}
