//! `Rc` and `Arc`, and what a pointer says of the block that it owns.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at};

/// `Rc` and `Arc`: the strong count is the first word of the block, which has room for the counts and the value and no more. How many elements a
/// slice has only the pointer knows.
pub(super) fn shared(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let pointer = RuntimeAddress(view.snapshot.word(address).ok_or(Unreadable::Stale)?);
    let block = view.snapshot.block_starting(pointer).ok_or(Unreadable::Stale)?;
    let size = match view.slice_tail(ty) {
        Some((start, element)) => {
            let count = view.number(ty, address, "length")?;
            let bytes = count.checked_mul(view.types.get(element).size).and_then(|bytes| bytes.checked_add(start));
            bytes.and_then(|bytes| bytes.checked_next_multiple_of(COUNT)).ok_or(Unreadable::Stale)?
        }
        None => view.counted_size(ty).unwrap_or(0),
    };
    if size > 0 && size != view.snapshot.blocks()[block].size {
        return Err(Unreadable::Stale);
    }
    match view.snapshot.word(pointer) {
        Some(0) | None => Err(Unreadable::Stale),
        Some(strong) => Ok(Owned { blocks: vec![(block, Claim::Shared { strong })], elements: Vec::new() }),
    }
}

/// The size of a count, and how the block of a slice is aligned at least.
const COUNT: u64 = 8;

impl View<'_> {
    /// For an `Rc` or `Arc` of a slice: where in its block the elements begin, and their type.
    fn slice_tail(self, ty: &Type) -> Option<(u64, TypeId)> {
        const FAT: u64 = 16;
        if ty.size != FAT {
            return None;
        }
        let (_, fat) = self.field(ty, "pointer")?;
        let inner = self.types.get(self.slice_element(&self.types.get(fat))?);
        ["data", "value"].iter().find_map(|name| self.field(&inner, name))
    }

    /// For an `Rc` or `Arc` of a value: the size of the block; none if it is behind a trait object, or not known.
    fn counted_size(self, ty: &Type) -> Option<u64> {
        match self.types.get(self.field(ty, "pointer")?.1).kind {
            TypeKind::Pointer { target } => Some(self.types.get(target?).size),
            _ => None,
        }
    }
}

/// What an owner says of the block that it owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pointee {
    /// These values are in it.
    Values(Elements),
    /// A value of a type that is not told: it is behind `dyn Trait`, or the owner is no pointer.
    Untold,
    /// It need not have been written.
    MaybeUninit,
}

impl View<'_> {
    /// What a `Box`, `Rc` or `Arc` of type `ty` at `address` says of its block.
    pub fn pointee(self, ty: &Type, address: RuntimeAddress) -> Pointee {
        self.known_pointee(ty, address).unwrap_or(Pointee::Untold)
    }

    fn known_pointee(self, ty: &Type, address: RuntimeAddress) -> Option<Pointee> {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| ty.name.starts_with(prefix));
        let (offset, value, count) = if starts(&["alloc::boxed::Box<"]) {
            let TypeKind::Pointer { target } = ty.kind else { return None };
            (0, target?, 1)
        } else if !starts(&["alloc::sync::Arc<", "alloc::rc::Rc<"]) {
            return None;
        } else if let Some((offset, element)) = self.slice_tail(ty) {
            (offset, element, self.field_number(ty, address, "length")?)
        } else {
            let TypeKind::Pointer { target } = self.types.get(self.field(ty, "pointer")?.1).kind else { return None };
            let inner = self.types.get(target?);
            let (offset, value) = ["data", "value"].iter().find_map(|name| self.field(&inner, name))?;
            (offset, value, 1)
        };
        if self.maybe_absent(&self.types.get(value)).is_some() {
            return Some(Pointee::MaybeUninit);
        }
        let start = at(RuntimeAddress(self.snapshot.word(address)?), offset);
        Some(Pointee::Values(Elements { ty: value, start, count }))
    }
}

/// How many values of `size` bytes are behind the counts of a block of `total` bytes: at least so many, at most so many.
pub fn counted_values(total: u64, size: u64) -> (u64, u64) {
    let bytes = total.saturating_sub(2 * COUNT);
    let most = bytes.checked_div(size).unwrap_or(0);
    // Less would have fitted into a block smaller by a word.
    let least = if bytes < COUNT { 0 } else { ((bytes - COUNT).checked_div(size).unwrap_or(0) + 1).min(most) };
    (least, most)
}
