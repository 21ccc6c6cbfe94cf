//! Channels: their messages lie in slots, and counters elsewhere say which of them have not been received.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, pointee};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};

/// tokio's mpsc, from the receiver's side: a list of blocks of slots. A message is there from when its bit in `ready_slots` is set until `index`
/// has passed it. From `free_head` on blocks are the channel's; those before `head` have been received.
pub(super) fn tokio_mpsc(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let received = view.number(ty, address, "index")?;
    let mut next = view.number(ty, address, "free_head")?;
    let (_, head) = view.field(ty, "head").ok_or(Unreadable::Layout)?;
    let block = view.types.get(pointee(view.types, head).ok_or(Unreadable::Layout)?);
    let (values, array) = view.field(&block, "values").ok_or(Unreadable::Layout)?;
    let slots = view.types.get(array).size.checked_div(size).unwrap_or(0);
    let mut owned = Owned::default();
    while next != 0 {
        let start = RuntimeAddress(next);
        let index = view.snapshot.block_starting(start).ok_or(Unreadable::Stale)?;
        // Round in a circle.
        if owned.blocks.len() > view.snapshot.blocks().len() {
            return Err(Unreadable::Stale);
        }
        owned.blocks.push((index, Claim::Exclusive));
        let first = view.number(&block, start, "start_index")?;
        let ready = view.number(&block, start, "ready_slots")?;
        let there = (0..slots).filter(|slot| ready >> slot & 1 == 1 && first.wrapping_add(*slot) >= received);
        owned.elements.extend(there.map(|slot| Elements {
            ty: element,
            start: at(start, values + slot * size),
            count: 1,
        }));
        next = view.number(&block, start, "next")?;
    }
    Ok(owned)
}
