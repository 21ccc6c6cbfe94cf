//! Channels: their messages lie in slots, and counters elsewhere say which of them have not been received.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, pointee};
use crate::heap::containers::buffers::buffer;
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};

/// A bounded channel or queue: slot `i` has a message while its stamp ends in `i + 1`, counted below `one_lap`.
pub(super) fn array(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let (buffer, boxed) = view.field(ty, "buffer").ok_or(Unreadable::Layout)?;
    let lap = view.number(ty, address, "one_lap")?;
    let mut owned = view.owned(&view.types.get(boxed), at(address, buffer)).unwrap_or(Err(Unreadable::Layout))?;
    if !lap.is_power_of_two() {
        return Err(Unreadable::Stale);
    }
    let mut messages = Vec::new();
    for slots in std::mem::take(&mut owned.elements) {
        let slot = view.types.get(slots.ty);
        let place = ["msg", "value"].iter().find_map(|name| view.field(&slot, name));
        let (message, _) = place.ok_or(Unreadable::Layout)?;
        for index in 0..slots.count {
            let start = at(slots.start, index.wrapping_mul(slot.size));
            if view.number(&slot, start, "stamp")? & (lap - 1) == index + 1 {
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
    let slots = slots(view, array).ok_or(Unreadable::Layout)?;
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

/// How many slots there are in the array that is wrapped in this type.
fn slots(view: View<'_>, values: TypeId) -> Option<u64> {
    match &view.types.get(values).kind {
        TypeKind::Array { count, .. } => Some(*count),
        TypeKind::Struct { fields } => slots(view, fields.first()?.ty),
        _ => None,
    }
}

/// crossbeam's deque for one worker: from `front` to `back`, round and round in the buffer.
pub(super) fn deque(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    let (front, back, buffer) = (number("front")?, number("back")?, RuntimeAddress(number("buffer")?));
    // Padded and atomic.
    let (_, padded) = view.field(ty, "buffer").ok_or(Unreadable::Layout)?;
    let pointed = view.parameter_at(&view.types.get(padded), "T/T").ok_or(Unreadable::Layout)?;
    let pointed = view.types.get(pointed);
    let capacity = view.number(&pointed, buffer, "cap")?;
    let mut owned = retired_deque(view, &pointed, buffer)?;
    owned.blocks.extend(view.snapshot.block_starting(buffer).map(|block| (block, Claim::Exclusive)));
    // Who takes the last one makes it one less than none for a moment.
    let len = u64::try_from(back.wrapping_sub(front).cast_signed()).unwrap_or(0);
    if len > capacity || !capacity.is_power_of_two() {
        return Err(Unreadable::Stale);
    }
    let start = view.number(&pointed, buffer, "ptr")?;
    let slot = |index: u64| RuntimeAddress(start + (front.wrapping_add(index) & (capacity - 1)) * size);
    owned.elements = (0..len).map(|index| Elements { ty: element, start: slot(index), count: 1 }).collect();
    Ok(owned)
}

/// A buffer of such a deque. If the deque has another one by now, this one waits to be freed, and what is in it are copies.
pub(super) fn retired_deque(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let (pointer, capacity) = (view.number(ty, address, "ptr")?, view.number(ty, address, "cap")?);
    Ok(Owned { blocks: buffer(view, pointer, capacity, view.types.get(element).size)?, elements: Vec::new() })
}
