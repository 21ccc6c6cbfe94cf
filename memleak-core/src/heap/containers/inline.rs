//! Vectors that keep their elements in themselves, or some of them.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, pointee};
use crate::heap::containers::buffers::{between, buffer};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};
use std::rc::Rc;

pub(super) fn array_vec(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (start, array) = view.field(ty, "xs").ok_or(Unreadable::Layout)?;
    let count = view.number(ty, address, "len")?;
    match view.types.get(array).kind {
        TypeKind::Array { count: room, .. } if count > room => Err(Unreadable::Stale),
        TypeKind::Array { .. } => {
            let elements = vec![Elements { ty: generic(ty, "T")?, start: at(address, start), count }];
            Ok(Owned { blocks: Vec::new(), elements })
        }
        _ => Err(Unreadable::Layout),
    }
}

/// What is left to come: from `index` on.
pub(super) fn array_vec_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (offset, vec) = view.field(ty, "v").ok_or(Unreadable::Layout)?;
    let mut owned = array_vec(view, &view.types.get(vec), at(address, offset))?;
    let first = view.number(ty, address, "index")?;
    for run in &mut owned.elements {
        run.count = run.count.checked_sub(first).ok_or(Unreadable::Stale)?;
        run.start = at(run.start, first * view.types.get(run.ty).size);
    }
    Ok(owned)
}

/// Where a `SmallVec` has its elements.
struct Small {
    element: TypeId,
    blocks: Vec<(usize, Claim)>,
    start: RuntimeAddress,
    len: u64,
    room: u64,
}

/// Up to as many elements as there is room for inline, `capacity` is their number. With more they are in a block. The place of pointer and
/// number is a variant or, with the feature `union`, a tuple.
fn small(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Small, Unreadable> {
    let TypeKind::Array { element, count: inline } = view.types.get(generic(ty, "A")?).kind else {
        return Err(Unreadable::Layout);
    };
    let size = view.types.get(element).size;
    let (data, storage) = view.field(ty, "data").ok_or(Unreadable::Layout)?;
    let capacity = view.number(ty, address, "capacity")?;
    let storage = view.types.get(storage);
    let part = |name: &str| match &storage.kind {
        TypeKind::Enum { variants, .. } => {
            variants.iter().find(|variant| &*variant.name == name).map(|variant| (0, variant.ty))
        }
        TypeKind::Union { fields } => {
            fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| (field.offset, field.ty))
        }
        _ => None,
    };
    if capacity <= inline || size == 0 {
        let (offset, inner) = part("Inline").ok_or(Unreadable::Layout)?;
        let TypeKind::Struct { fields } = &view.types.get(inner).kind else { return Err(Unreadable::Layout) };
        let within =
            fields.first().filter(|_| matches!(storage.kind, TypeKind::Enum { .. })).map_or(0, |field| field.offset);
        let start = at(address, data + offset + within);
        let room = if size == 0 { u64::MAX } else { inline };
        return Ok(Small { element, blocks: Vec::new(), start, len: capacity, room });
    }
    let (offset, heap) = part("Heap").ok_or(Unreadable::Layout)?;
    let heap = view.types.get(heap);
    let number = |names: [&str; 2]| {
        let name = names.into_iter().find(|name| view.field(&heap, name).is_some()).ok_or(Unreadable::Layout)?;
        view.number(&heap, at(address, data + offset), name)
    };
    let (pointer, len) = (number(["ptr", "__0"])?, number(["len", "__1"])?);
    let blocks = buffer(view, pointer, capacity, size)?;
    if len > capacity {
        return Err(Unreadable::Stale);
    }
    Ok(Small { element, blocks, start: RuntimeAddress(pointer), len, room: capacity })
}

pub(super) fn small_vec(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let Small { element, blocks, start, len, .. } = small(view, ty, address)?;
    Ok(Owned { blocks, elements: vec![Elements { ty: element, start, count: len }] })
}

/// What is left to come: from `current` to `end`. The vector in it says that it is empty.
pub(super) fn small_vec_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (offset, vec) = view.field(ty, "data").ok_or(Unreadable::Layout)?;
    let Small { element, blocks, start, room, .. } = small(view, &view.types.get(vec), at(address, offset))?;
    let (first, end) = (view.number(ty, address, "current")?, view.number(ty, address, "end")?);
    if first > end || end > room {
        return Err(Unreadable::Stale);
    }
    let start = at(start, first * view.types.get(element).size);
    Ok(Owned { blocks, elements: vec![Elements { ty: element, start, count: end - first }] })
}

/// A `drain` of an `ArrayVec` that has not ended: the vector counts only what was before.
pub(super) fn array_vec_drain(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (source, vec) = drained(view, ty, address)?;
    let (start, array) = view.field(&source, "xs").ok_or(Unreadable::Layout)?;
    let TypeKind::Array { count: room, .. } = view.types.get(array).kind else { return Err(Unreadable::Layout) };
    rest(view, (ty, address), generic(ty, "T")?, (at(vec, start), room))
}

/// The same of a `SmallVec`.
pub(super) fn small_vec_drain(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (source, vec) = drained(view, ty, address)?;
    let Small { element, start, room, .. } = small(view, &source, vec)?;
    rest(view, (ty, address), element, (start, room))
}

/// The vector that is drained: its type, and where it is.
fn drained(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<(Rc<Type>, RuntimeAddress), Unreadable> {
    let (_, pointer) = view.field(ty, "vec").ok_or(Unreadable::Layout)?;
    let source = view.types.get(pointee(view.types, pointer).ok_or(Unreadable::Layout)?);
    Ok((source, RuntimeAddress(view.number(ty, address, "vec")?)))
}

/// What a `drain` has not taken out yet, and what lies behind, in a buffer with so much room.
fn rest(
    view: View<'_>,
    (ty, address): (&Type, RuntimeAddress),
    element: TypeId,
    (buffer, room): (RuntimeAddress, u64),
) -> Result<Owned, Unreadable> {
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    let (first, end) = (number("ptr")?, number("end_or_len")?);
    let (tail, behind) = (number("tail_start")?, number("tail_len")?);
    // Without a size, the end is how many are left.
    let left = if size == 0 { end } else { between(first, end, size)? };
    if left > tail || tail.checked_add(behind).is_none_or(|all| all > room) {
        return Err(Unreadable::Stale);
    }
    let run = |start, count| Elements { ty: element, start, count };
    let elements = match size {
        0 => vec![run(address, left + behind)],
        _ => vec![run(RuntimeAddress(first), left), run(at(buffer, tail * size), behind)],
    };
    Ok(Owned { blocks: Vec::new(), elements })
}

/// The iterator over an array by value: from `start` to `end` are left.
pub(super) fn array_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let (data, array) = view.field(ty, "data").ok_or(Unreadable::Layout)?;
    let TypeKind::Array { count, .. } = view.types.get(array).kind else { return Err(Unreadable::Layout) };
    let (first, end) = (view.number(ty, address, "start")?, view.number(ty, address, "end")?);
    if first > end || end > count {
        return Err(Unreadable::Stale);
    }
    let start = at(address, data + first * view.types.get(element).size);
    let elements = vec![Elements { ty: element, start, count: end - first }];
    Ok(Owned { blocks: Vec::new(), elements })
}
