//! Containers with one buffer: vectors, deques, boxes.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, pointee};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};

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
    let start = if size == 0 { address } else { RuntimeAddress(pointer) };
    Ok(Owned { blocks, elements: vec![few(view, Elements { ty: element, start, count: len })?] })
}

/// Elements without size are told apart by their container's address and their number. Of a live container there are not so many that they
/// cannot be gone through.
fn few(view: View<'_>, run: Elements) -> Result<Elements, Unreadable> {
    const MANY: u64 = 1 << 24;
    if view.types.get(run.ty).size == 0 && run.count > MANY { Err(Unreadable::Stale) } else { Ok(run) }
}

/// What is left to come: from `ptr` to `end`.
pub(super) fn vec_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    let (buffer_start, first, end) = (number("buf")?, number("ptr")?, number("end")?);
    if size == 0 {
        // The end is so many bytes behind the start.
        let run = Elements { ty: element, start: address, count: end.wrapping_sub(first) };
        return Ok(Owned { blocks: Vec::new(), elements: vec![few(view, run)?] });
    }
    let blocks = buffer(view, buffer_start, number("cap")?, size)?;
    let count = between(first, end, size)?;
    if first < buffer_start {
        return Err(Unreadable::Stale);
    }
    Ok(Owned { blocks, elements: vec![Elements { ty: element, start: RuntimeAddress(first), count }] })
}

pub(super) fn vec_deque(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let len = view.number(ty, address, "len")?;
    if size == 0 {
        return Ok(Owned {
            blocks: Vec::new(),
            elements: vec![few(view, Elements { ty: element, start: address, count: len })?],
        });
    }
    let pointer = view.number(ty, address, "pointer")?;
    let head = view.number(ty, address, "head")?;
    let capacity = view.number(ty, address, "cap")?;
    let blocks = buffer(view, pointer, capacity, size)?;
    if len > capacity || (head >= capacity && capacity > 0) {
        return Err(Unreadable::Stale);
    }
    Ok(Owned { blocks, elements: Ring { element, size, pointer, capacity }.runs(head, len) })
}

/// A buffer in which elements go round.
struct Ring {
    element: TypeId,
    size: u64,
    pointer: u64,
    capacity: u64,
}

impl Ring {
    /// So many elements from the one with this number on, which is less than twice the capacity.
    fn runs(&self, first: u64, count: u64) -> Vec<Elements> {
        let first = if first >= self.capacity { first - self.capacity } else { first };
        let until_end = count.min(self.capacity - first);
        let runs = [(first, until_end), (0, count - until_end)].into_iter().filter(|(_, count)| *count > 0);
        let start = |index| RuntimeAddress(self.pointer + index * self.size);
        runs.map(|(first, count)| Elements { ty: self.element, start: start(first), count }).collect()
    }
}

/// A `drain` that has not ended: the vector counts only what was before. What is left to come and what is behind lies in its buffer.
pub(super) fn vec_drain(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    let (vec, first, end) = (RuntimeAddress(number("vec")?), number("ptr")?, number("end_or_len")?);
    let (_, pointer) = view.field(ty, "vec").ok_or(Unreadable::Layout)?;
    let source = view.types.get(pointee(view.types, pointer).ok_or(Unreadable::Layout)?);
    let buffer = view.number(&source, vec, "pointer")?;
    let (tail, behind) = (number("tail_start")?, number("tail_len")?);
    if size == 0 {
        // The end is how many are left.
        return in_one_block(view, vec![Elements { ty: element, start: address, count: end.wrapping_add(behind) }]);
    }
    let count = between(first, end, size)?;
    let tail = RuntimeAddress(buffer.wrapping_add(tail.wrapping_mul(size)));
    let elements = vec![
        Elements { ty: element, start: RuntimeAddress(first), count },
        Elements { ty: element, start: tail, count: behind },
    ];
    in_one_block(view, elements)
}

/// How many elements are from one address to the other.
pub(super) fn between(first: u64, end: u64, size: u64) -> Result<u64, Unreadable> {
    let left = end.checked_sub(first).filter(|left| left.is_multiple_of(size)).ok_or(Unreadable::Stale)?;
    Ok(left / size)
}

/// An `extract_if` that has not ended: the vector says that it is empty. What has been kept was moved to the front of its buffer, and from `idx`
/// on all is where it was.
pub(super) fn vec_extract_if(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    let (vec, seen, gone, all) = (RuntimeAddress(number("vec")?), number("idx")?, number("del")?, number("old_len")?);
    let (kept, left) = match (seen.checked_sub(gone), all.checked_sub(seen)) {
        (Some(kept), Some(left)) => (kept, left),
        _ => return Err(Unreadable::Stale),
    };
    let (predicate, _) = view.field(ty, "pred").ok_or(Unreadable::Layout)?;
    let predicate = Elements { ty: generic(ty, "F")?, start: at(address, predicate), count: 1 };
    let elements = if size == 0 {
        vec![Elements { ty: element, start: address, count: kept + left }]
    } else {
        let (_, pointer) = view.field(ty, "vec").ok_or(Unreadable::Layout)?;
        let source = view.types.get(pointee(view.types, pointer).ok_or(Unreadable::Layout)?);
        let buffer = RuntimeAddress(view.number(&source, vec, "pointer")?);
        vec![
            Elements { ty: element, start: buffer, count: kept },
            Elements { ty: element, start: at(buffer, seen.wrapping_mul(size)), count: left },
        ]
    };
    let mut owned = in_one_block(view, elements)?;
    owned.elements.push(predicate);
    Ok(owned)
}

/// The same of a deque.
pub(super) fn vec_deque_drain(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let number = |name| view.number(ty, address, name);
    let (deque, next, left) = (RuntimeAddress(number("deque")?), number("idx")?, number("remaining")?);
    let behind = number("tail_len")?;
    let (_, pointer) = view.field(ty, "deque").ok_or(Unreadable::Layout)?;
    let source = view.types.get(pointee(view.types, pointer).ok_or(Unreadable::Layout)?);
    let count = left.checked_add(behind).ok_or(Unreadable::Stale)?;
    if size == 0 {
        return in_one_block(view, vec![Elements { ty: element, start: address, count }]);
    }
    let of_source = |name| view.number(&source, deque, name);
    let (head, capacity, pointer) = (of_source("head")?, of_source("cap")?, of_source("pointer")?);
    // What was taken out is before what is left, and that is before what is behind.
    if head >= capacity || next.checked_add(count).is_none_or(|end| end > capacity) {
        return Err(Unreadable::Stale);
    }
    in_one_block(view, Ring { element, size, pointer, capacity }.runs(head + next, count))
}

/// Elements that are another's: all in the block of its buffer.
fn in_one_block(view: View<'_>, elements: Vec<Elements>) -> Result<Owned, Unreadable> {
    for run in &elements {
        let bytes = run.count.checked_mul(view.types.get(run.ty).size).ok_or(Unreadable::Stale)?;
        if bytes > 0
            && view.snapshot.block_around(run.start).is_none_or(|block| {
                let block = view.snapshot.blocks()[block];
                at(run.start, bytes) > at(block.address, block.size)
            })
        {
            return Err(Unreadable::Stale);
        }
        few(view, *run)?;
    }
    Ok(Owned { blocks: Vec::new(), elements })
}

pub(super) fn boxed(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let pointer = view.snapshot.word(address).ok_or(Unreadable::Stale)?;
    match &ty.kind {
        TypeKind::Pointer { target } => {
            let size = target.map_or(0, |target| view.types.get(target).size);
            // A value without size has no block of its own.
            let without_size = view.boxed_without_size(ty);
            let elements = without_size.map(|target| Elements { ty: target, start: address, count: 1 });
            Ok(Owned { blocks: buffer(view, pointer, 1, size)?, elements: elements.into_iter().collect() })
        }
        TypeKind::Struct { fields } => match (view.slice_element(ty), fields.len()) {
            (Some(element), _) => {
                let len = view.number(ty, address, "length")?;
                let pointer = view.number(ty, address, "data_ptr")?;
                let size = view.types.get(element).size;
                let start = if size == 0 { address } else { RuntimeAddress(pointer) };
                let elements = vec![few(view, Elements { ty: element, start, count: len })?];
                Ok(Owned { blocks: buffer(view, pointer, len, size)?, elements })
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
