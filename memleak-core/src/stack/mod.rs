//! Call stacks: captured in the allocator hook, interned as a tree of (caller's node, return address).
//!
//! May use: `kernel`, `address`.

pub mod walk;

use crate::address::ReturnAddress;
use crate::kernel::MEMLEAK_TRACKER;

/// An interned call stack. Zero is the empty stack: nothing could be captured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StackId(pub u32);

impl StackId {
    /// The return addresses of this stack, innermost first.
    pub fn frames(self) -> Vec<ReturnAddress> {
        self.read().0
    }

    /// Whether the stack was so deep that its outermost frames were dropped.
    pub fn is_truncated(self) -> bool {
        self.read().1
    }

    fn read(self) -> (Vec<ReturnAddress>, bool) {
        let mut room = vec![0u64; 64];
        let mut truncated = 0;
        loop {
            // SAFETY: `room` has as many places as is said.
            let count = unsafe { (MEMLEAK_TRACKER.frames)(self.0, room.as_mut_ptr(), room.len(), &raw mut truncated) };
            if count <= room.len() {
                return (room[..count].iter().map(|&pc| ReturnAddress(pc)).collect(), truncated != 0);
            }
            room.resize(count, 0);
        }
    }
}

#[cfg(all(test, memleak_supported, target_arch = "x86_64"))]
mod tests;
