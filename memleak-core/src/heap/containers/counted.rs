//! `Rc` and `Arc`.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at};

/// `Rc` and `Arc`: the strong count is the first word of the block, which has room for the counts and the value and no more. How many elements a
/// slice has only the pointer knows.
pub(super) fn shared(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let pointer = RuntimeAddress(view.snapshot.word(address).ok_or(Unreadable::Stale)?);
    let block = view.snapshot.block_starting(pointer).ok_or(Unreadable::Stale)?;
    let (size, elements) = match view.slice_tail(ty) {
        Some((start, element)) => {
            let count = view.number(ty, address, "length")?;
            let bytes = count.checked_mul(view.types.get(element).size).and_then(|bytes| bytes.checked_add(start));
            let size = bytes.ok_or(Unreadable::Stale)?.checked_next_multiple_of(COUNT).ok_or(Unreadable::Stale)?;
            (size, vec![Elements { ty: element, start: at(pointer, start), count }])
        }
        None => (view.counted_size(ty).unwrap_or(0), Vec::new()),
    };
    if size > 0 && size != view.snapshot.blocks()[block].size {
        return Err(Unreadable::Stale);
    }
    match view.snapshot.word(pointer) {
        Some(0) | None => Err(Unreadable::Stale),
        Some(strong) => Ok(Owned { blocks: vec![(block, Claim::Shared { strong })], elements }),
    }
}

/// The size of a count, and how the block of a slice is aligned at least.
const COUNT: u64 = 8;

impl View<'_> {
    /// For an `Rc` or `Arc` of a slice: where in its block the elements begin, and their type.
    pub(super) fn slice_tail(self, ty: &Type) -> Option<(u64, TypeId)> {
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

/// How many values of `size` bytes are behind the counts of a block of `total` bytes: at least so many, at most so many.
pub fn counted_values(total: u64, size: u64) -> (u64, u64) {
    let bytes = total.saturating_sub(2 * COUNT);
    let most = bytes.checked_div(size).unwrap_or(0);
    // Less would have fitted into a block smaller by a word.
    let least = if bytes < COUNT { 0 } else { ((bytes - COUNT).checked_div(size).unwrap_or(0) + 1).min(most) };
    (least, most)
}
