//! What is where in a block: the element or value that a word is in, as told by the owner that leads there, or by what the block holds.
//!
//! May use: `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{View, at, is_table, parameter};
use crate::heap::contents::Content;
use crate::heap::evidence::{COUNTS, is_counted};
use crate::heap::graph::Heap;
use crate::heap::places::Step;
use std::rc::Rc;

/// A value in a block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Inside {
    pub(super) ty: TypeId,
    pub(super) start: RuntimeAddress,
    /// Its number, if it is one of several behind each other.
    pub(super) index: Option<u64>,
    /// Whether the pointer leads to this value, and not to another part of the block.
    pub(super) led_to: bool,
}

/// The pointer that leads to a block, and what it is in.
#[derive(Default)]
pub(super) struct Lead {
    /// From the whole value down to the pointer; empty if nothing is known of it.
    pub(super) steps: Vec<Step>,
    /// What it says.
    pub(super) value: u64,
}

/// The value that the byte at `word` in `block` is in; none if nothing is known of the block.
pub(super) fn inside(heap: &Heap<'_>, lead: &Lead, block: u32, word: RuntimeAddress) -> Option<Inside> {
    let from_owner = lead.steps.iter().rev().find_map(|step| element_of(heap.view, step, block, word));
    from_owner
        .or_else(|| pointee(heap.view, lead, block, word))
        .or_else(|| from_content(heap, lead, block, word))
        .or_else(|| as_pointed(heap.view, lead, block))
}

/// The element of a container that owns the block.
fn element_of(view: View<'_>, owner: &Step, block: u32, word: RuntimeAddress) -> Option<Inside> {
    let ty = view.types.get(owner.ty);
    let number = |name| view.field_number(&ty, owner.address, name);
    let (first, position): (_, fn(u64, u64, u64) -> u64) = if ty.name.starts_with("alloc::vec::Vec<") {
        (number("pointer")?, |index, _, _| index)
    } else if ty.name.starts_with("alloc::vec::into_iter::IntoIter<") {
        (number("buf")?, |index, _, _| index)
    } else if ty.name.starts_with("alloc::collections::vec_deque::VecDeque<") {
        (number("pointer")?, |index, head, capacity| (index + capacity.saturating_sub(head)) % capacity.max(1))
    } else if is_table(&ty) {
        return bucket(view, parameter(&ty, "T")?, RuntimeAddress(number("ctrl")?), block, word);
    } else if ty.name.starts_with("smallvec::SmallVec<") {
        let run = view.owned(&ty, owner.address)?.ok()?.elements.pop()?;
        let (index, start) = nth(view, run.ty, run.start, word)?;
        let inside = Inside { ty: run.ty, start, index: Some(index), led_to: true };
        return owns(view, block, run.start).then_some(inside);
    } else {
        return None;
    };
    let element = parameter(&ty, "T")?;
    let first = RuntimeAddress(first);
    let (index, start) = nth(view, element, first, word)?;
    let (head, capacity) = (number("head").unwrap_or(0), number("cap").unwrap_or(u64::MAX));
    let index = Some(position(index, head, capacity));
    owns(view, block, first).then_some(Inside { ty: element, start, index, led_to: true })
}

fn owns(view: View<'_>, block: u32, address: RuntimeAddress) -> bool {
    view.snapshot.block_around(address) == Some(block as usize)
}

/// Which of the values of type `element` from `first` on `word` is in.
fn nth(view: View<'_>, element: TypeId, first: RuntimeAddress, word: RuntimeAddress) -> Option<(u64, RuntimeAddress)> {
    let size = view.types.get(element).size;
    let index = word.0.checked_sub(first.0)?.checked_div(size)?;
    Some((index, at(first, index * size)))
}

/// The element of a hashbrown table: they end where the control bytes begin.
fn bucket(
    view: View<'_>,
    element: TypeId,
    control: RuntimeAddress,
    block: u32,
    word: RuntimeAddress,
) -> Option<Inside> {
    let size = view.types.get(element).size;
    let number = control.0.checked_sub(word.0)?.checked_sub(1)?.checked_div(size)? + 1;
    let start = RuntimeAddress(control.0.checked_sub(number.checked_mul(size)?)?);
    owns(view, block, start).then_some(Inside { ty: element, start, index: None, led_to: true })
}

/// What a pointer into the middle of a block leads to, if the word is in that.
fn pointee(view: View<'_>, lead: &Lead, block: u32, word: RuntimeAddress) -> Option<Inside> {
    let target = target(view, lead)?;
    let (value, record) = (RuntimeAddress(lead.value), view.snapshot.blocks()[block as usize]);
    let size = view.types.get(target).size;
    let offset = value.0.checked_sub(record.address.0)?;
    // `Arc::into_raw` and the like lead to the value behind the counts, which the block itself tells better.
    let in_the_middle = offset > 0 && offset != COUNTS && offset.checked_add(size)? <= record.size;
    let inner = word.0.checked_sub(value.0)? < size;
    (in_the_middle && inner).then_some(Inside { ty: target, start: value, index: None, led_to: true })
}

/// What the pointer says that it leads to.
fn target(view: View<'_>, lead: &Lead) -> Option<TypeId> {
    match view.types.get(lead.steps.last()?.ty).kind {
        TypeKind::Pointer { target } => target,
        _ => None,
    }
}

fn from_content(heap: &Heap<'_>, lead: &Lead, block: u32, word: RuntimeAddress) -> Option<Inside> {
    let view = heap.view;
    let record = view.snapshot.blocks()[block as usize];
    let value = RuntimeAddress(lead.value);
    let at_start = lead.steps.is_empty() || value == record.address;
    match *heap.contents.get(block as usize)? {
        Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => {
            let counted = is_counted(&view.types.get(ty)) && value == at(record.address, COUNTS);
            Some(Inside { ty, start: record.address, index: None, led_to: at_start || counted })
        }
        Content::Buffer(element) => {
            let (index, start) = nth(view, element, record.address, word)?;
            let end = at(start, view.types.get(element).size);
            let index = leads_to_slice(view, lead).then_some(index);
            Some(Inside { ty: element, start, index, led_to: index.is_some() || (start..end).contains(&value) })
        }
        Content::Shared(element) => {
            let (index, start) = nth(view, element, at(record.address, COUNTS), word)?;
            let several = leads_to_slice(view, lead) || index > 0;
            let led_to = at_start || value == at(record.address, COUNTS);
            Some(Inside { ty: element, start, index: several.then_some(index), led_to })
        }
        Content::Table(element) => {
            let elements = view.table_elements(block as usize, element).ok()?;
            let size = view.types.get(element).size;
            let start =
                elements.iter().map(|run| run.start).find(|start| (*start..at(*start, size)).contains(&word))?;
            Some(Inside { ty: element, start, index: None, led_to: true })
        }
        Content::OwnLayout { .. } | Content::Unknown => None,
    }
}

/// The value in `block` that the byte at `word` is in, as the block's content tells: its type, and where it starts.
pub fn value_at(heap: &Heap<'_>, block: u32, word: RuntimeAddress) -> Option<(TypeId, RuntimeAddress)> {
    let &Content::Table(element) = heap.contents.get(block as usize)? else {
        let found = from_content(heap, &Lead::default(), block, word)?;
        return Some((found.ty, found.start));
    };
    // All buckets, whether full or not: a word that is alive is in a full one.
    let size = heap.view.types.get(element).size;
    let (control, buckets) = heap.view.table_control(block as usize, element)?;
    let number = control.0.checked_sub(word.0 + 1)?.checked_div(size)?;
    (number < buckets).then(|| (element, RuntimeAddress(control.0 - (number + 1) * size)))
}

/// Whether the pointer is a fat one, to a slice.
fn leads_to_slice(view: View<'_>, lead: &Lead) -> bool {
    let [.., fat, _] = &lead.steps[..] else { return false };
    let fat: Rc<Type> = view.types.get(fat.ty);
    matches!(&fat.kind, TypeKind::Struct { fields } if fields.iter().any(|field| &*field.name == "length"))
}

/// A block of which nothing else is known, which is as large as what the pointer to its start leads to.
fn as_pointed(view: View<'_>, lead: &Lead, block: u32) -> Option<Inside> {
    let record = view.snapshot.blocks()[block as usize];
    let target = target(view, lead).filter(|_| lead.value == record.address.0)?;
    let fits = view.types.get(target).size == record.size;
    fits.then_some(Inside { ty: target, start: record.address, index: None, led_to: true })
}
