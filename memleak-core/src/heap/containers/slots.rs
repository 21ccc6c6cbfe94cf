//! Slots that say themselves whether a value is there: of slot maps, caches, cells, and of queues made of blocks of slots.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeKind, pointee};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};

/// How a slot says that its value is there.
#[derive(PartialEq, Eq, Debug)]
pub struct Told {
    /// The field with the value.
    pub value: &'static str,
    /// The field with the number that tells.
    pub by: &'static str,
    /// Of that, these bits …
    pub bits: u64,
    /// … are so while there is a value.
    pub are: u64,
}

/// A slot for a `T`.
pub(super) fn slot(view: View<'_>, ty: &Type, address: RuntimeAddress, told: &Told) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let (value, _) = view.field(ty, told.value).ok_or(Unreadable::Layout)?;
    let there = view.number(ty, address, told.by)? & told.bits == told.are;
    let elements = vec![Elements { ty: element, start: at(address, value), count: u64::from(there) }];
    Ok(Owned { blocks: Vec::new(), elements })
}

/// The crate lru's list of entries begins and ends with one that holds nothing: nothing comes before the first, or after the last.
pub(super) fn lru_entry(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let linked = view.number(ty, address, "prev")? != 0 && view.number(ty, address, "next")? != 0;
    let element = |(field, parameter)| {
        let (offset, _) = view.field(ty, field).ok_or(Unreadable::Layout)?;
        Ok(Elements { ty: generic(ty, parameter)?, start: at(address, offset), count: u64::from(linked) })
    };
    let elements = [("key", "K"), ("val", "V")].into_iter().map(element).collect::<Result<_, _>>()?;
    Ok(Owned { blocks: Vec::new(), elements })
}

/// The crate thread_local's buckets: pointers to buffers of slots, each as large as its block.
pub(super) fn thread_local(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (offset, buckets) = view.field(ty, "buckets").ok_or(Unreadable::Layout)?;
    let TypeKind::Array { element: pointer, count } = view.types.get(buckets).kind else {
        return Err(Unreadable::Layout);
    };
    let slot = pointee(view.types, pointer).ok_or(Unreadable::Layout)?;
    let (size, width) = (view.types.get(slot).size, view.types.get(pointer).size);
    let mut owned = Owned::default();
    for index in 0..count {
        let start = view.snapshot.word(at(address, offset + index * width)).ok_or(Unreadable::Stale)?;
        if start == 0 {
            continue;
        }
        let block = view.snapshot.block_starting(RuntimeAddress(start)).ok_or(Unreadable::Stale)?;
        owned.blocks.push((block, Claim::Exclusive));
        let count = view.snapshot.blocks()[block].size.checked_div(size).ok_or(Unreadable::Layout)?;
        owned.elements.push(Elements { ty: slot, start: RuntimeAddress(start), count });
    }
    Ok(owned)
}

/// A `LazyLock` has a value once its `Once` has completed, and before it has begun what makes the value. In between, and for good if that
/// panicked, it has neither.
pub(super) fn lazy_lock(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    const COMPLETE: u64 = 0;
    const INCOMPLETE: u64 = 3;
    let (data, _) = view.field(ty, "data").ok_or(Unreadable::Layout)?;
    let held = match view.number(ty, address, "once")? {
        COMPLETE => Some(generic(ty, "T")?),
        INCOMPLETE => Some(generic(ty, "F")?),
        _ => None,
    };
    let elements = held.map(|held| Elements { ty: held, start: at(address, data), count: 1 });
    Ok(Owned { blocks: Vec::new(), elements: elements.into_iter().collect() })
}
