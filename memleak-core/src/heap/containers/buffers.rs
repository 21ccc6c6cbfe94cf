//! Containers with one buffer: vectors, deques, boxes.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeKind};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, generic};

/// A buffer of `capacity` elements of `element_size` bytes at `pointer`: the block, if one is needed, is exactly that large.
pub(super) fn buffer(
    view: View<'_>,
    pointer: u64,
    capacity: u64,
    element_size: u64,
) -> Result<Vec<(usize, Claim)>, Unreadable> {
    let size = capacity.checked_mul(element_size).ok_or(Unreadable::Stale)?;
    if pointer == 0 {
        return Err(Unreadable::Stale);
    }
    if size == 0 {
        return Ok(Vec::new());
    }
    let block = view.snapshot.block_starting(RuntimeAddress(pointer)).ok_or(Unreadable::Stale)?;
    if view.snapshot.blocks()[block].size != size {
        return Err(Unreadable::Stale);
    }
    Ok(vec![(block, Claim::Exclusive)])
}

pub(super) fn vec(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let pointer = view.number(ty, address, "pointer")?;
    let capacity = if size == 0 { u64::MAX } else { view.number(ty, address, "cap")? };
    let len = view.number(ty, address, "len")?;
    let blocks = buffer(view, pointer, if size == 0 { 0 } else { capacity }, size)?;
    if len > capacity {
        return Err(Unreadable::Stale);
    }
    Ok(Owned { blocks, elements: vec![Elements { ty: element, start: RuntimeAddress(pointer), count: len }] })
}

/// What is left to come: from `ptr` to `end`.
pub(super) fn vec_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    if size == 0 {
        return Ok(Owned::default());
    }
    let (buffer_start, first, end) = (number("buf")?, number("ptr")?, number("end")?);
    let blocks = buffer(view, buffer_start, number("cap")?, size)?;
    let left = end.checked_sub(first).filter(|left| left.is_multiple_of(size)).ok_or(Unreadable::Stale)?;
    if first < buffer_start {
        return Err(Unreadable::Stale);
    }
    Ok(Owned { blocks, elements: vec![Elements { ty: element, start: RuntimeAddress(first), count: left / size }] })
}

pub(super) fn vec_deque(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let pointer = view.number(ty, address, "pointer")?;
    let len = view.number(ty, address, "len")?;
    if size == 0 {
        return Ok(Owned {
            blocks: Vec::new(),
            elements: vec![Elements { ty: element, start: RuntimeAddress(pointer), count: len }],
        });
    }
    let head = view.number(ty, address, "head")?;
    let capacity = view.number(ty, address, "cap")?;
    let blocks = buffer(view, pointer, capacity, size)?;
    if len > capacity || (head >= capacity && capacity > 0) {
        return Err(Unreadable::Stale);
    }
    let until_end = len.min(capacity - head);
    let elements = [(head, until_end), (0, len - until_end)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(first, count)| Elements { ty: element, start: RuntimeAddress(pointer + first * size), count })
        .collect();
    Ok(Owned { blocks, elements })
}

pub(super) fn boxed(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let pointer = view.snapshot.word(address).ok_or(Unreadable::Stale)?;
    match &ty.kind {
        TypeKind::Pointer { target } => {
            let size = target.map_or(0, |target| view.types.get(target).size);
            Ok(Owned { blocks: buffer(view, pointer, 1, size)?, elements: Vec::new() })
        }
        TypeKind::Struct { fields } => match (view.slice_element(ty), fields.len()) {
            (Some(element), _) => {
                let len = view.number(ty, address, "length")?;
                let pointer = view.number(ty, address, "data_ptr")?;
                let blocks = buffer(view, pointer, len, view.types.get(element).size)?;
                Ok(Owned {
                    blocks,
                    elements: vec![Elements { ty: element, start: RuntimeAddress(pointer), count: len }],
                })
            }
            // `dyn Trait`: the size is in the vtable, which need not be in the copy. A value without size has no block.
            (None, 2) => {
                let pointer = view.number(ty, address, "pointer")?;
                if pointer == 0 {
                    return Err(Unreadable::Stale);
                }
                let block = view.snapshot.block_starting(RuntimeAddress(pointer));
                Ok(Owned {
                    blocks: block.map(|block| (block, Claim::Exclusive)).into_iter().collect(),
                    elements: Vec::new(),
                })
            }
            _ => Err(Unreadable::Layout),
        },
        _ => Err(Unreadable::Layout),
    }
}
