//! Channels: their messages lie in slots, and counters elsewhere say which of them have not been received.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, pointee};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};

/// A bounded channel: slot `i` has a message while its stamp ends in `i + 1`, counted below `mark_bit`.
pub(super) fn array(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let (buffer, boxed) = view.field(ty, "buffer").ok_or(Unreadable::Layout)?;
    let mark = view.number(ty, address, "mark_bit")?;
    let mut owned = view.owned(&view.types.get(boxed), at(address, buffer)).unwrap_or(Err(Unreadable::Layout))?;
    if !mark.is_power_of_two() {
        return Err(Unreadable::Stale);
    }
    let mut messages = Vec::new();
    for slots in std::mem::take(&mut owned.elements) {
        let slot = view.types.get(slots.ty);
        let (message, _) = view.field(&slot, "msg").ok_or(Unreadable::Layout)?;
        for index in 0..slots.count {
            let start = at(slots.start, index.wrapping_mul(slot.size));
            if view.number(&slot, start, "stamp")? & (mark - 1) == index + 1 {
                messages.push(Elements { ty: element, start: at(start, message), count: 1 });
            }
        }
    }
    Ok(Owned { elements: messages, ..owned })
}

/// A bounded channel that drops its messages when the last receiver goes, without a note in their slots.
pub(super) fn received_array(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (offset, channel) = view.field(ty, "chan").ok_or(Unreadable::Layout)?;
    let mut owned = array(view, &view.types.get(channel), at(address, offset))?;
    if view.number(ty, address, "receivers")? == 0 {
        owned.elements.clear();
    }
    Ok(owned)
}

/// A slot of an unbounded channel: its state says whether a message was written and not read.
pub(super) fn list_slot(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    const WRITTEN: u64 = 1;
    const READ: u64 = 2;
    let element = generic(ty, "T")?;
    let (message, _) = view.field(ty, "msg").ok_or(Unreadable::Layout)?;
    let there = view.number(ty, address, "state")? & (WRITTEN | READ) == WRITTEN;
    let elements = vec![Elements { ty: element, start: at(address, message), count: u64::from(there) }];
    Ok(Owned { blocks: Vec::new(), elements })
}

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
