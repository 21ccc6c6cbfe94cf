//! Call stacks: captured in the allocator hook, interned as a tree of (caller's node, return address).
//!
//! May use: `kernel`, `address`.

use crate::address::ReturnAddress;

/// An interned call stack. Zero is the empty stack: nothing could be captured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StackId(pub u32);

impl StackId {
    /// The return addresses of this stack, innermost first.
    pub fn frames(self) -> Vec<ReturnAddress> {
        todo!("kernel helper")
    }
}
