//! `Rc` and `Arc`.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::Type;
use crate::heap::containers::{Claim, Owned, Unreadable, View};

/// `Rc` and `Arc`: the strong count is the first word of the block.
pub(super) fn shared(view: View<'_>, _ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let pointer = RuntimeAddress(view.snapshot.word(address).ok_or(Unreadable::Stale)?);
    let block = view.snapshot.block_starting(pointer).ok_or(Unreadable::Stale)?;
    match view.snapshot.word(pointer) {
        Some(0) | None => Err(Unreadable::Stale),
        Some(strong) => Ok(Owned { blocks: vec![(block, Claim::Shared { strong })], elements: Vec::new() }),
    }
}
