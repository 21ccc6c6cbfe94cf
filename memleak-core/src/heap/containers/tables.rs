//! Hash tables.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};

/// hashbrown: `ctrl` points into the block; element `i` ends `i` elements before it, and its control byte says whether it is there.
pub(super) fn raw_table(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let control = RuntimeAddress(view.number(ty, address, "ctrl")?);
    let mask = view.number(ty, address, "bucket_mask")?;
    let items = view.number(ty, address, "items")?;
    if mask == 0 {
        // The empty table: `ctrl` leads to a constant.
        return if items == 0 && control.0 != 0 { Ok(Owned::default()) } else { Err(Unreadable::Stale) };
    }
    let buckets = mask.checked_add(1).filter(|buckets| buckets.is_power_of_two()).ok_or(Unreadable::Stale)?;
    let block = view.snapshot.block_around(control).ok_or(Unreadable::Stale)?;
    let elements = full_buckets(view, element, size, control, buckets)?;
    if elements.len() as u64 != items {
        return Err(Unreadable::Stale);
    }
    Ok(Owned { blocks: vec![(block, Claim::Exclusive)], elements })
}

fn full_buckets(
    view: View<'_>,
    element: TypeId,
    size: u64,
    control: RuntimeAddress,
    buckets: u64,
) -> Result<Vec<Elements>, Unreadable> {
    let first = buckets.checked_mul(size).and_then(|bytes| control.0.checked_sub(bytes)).ok_or(Unreadable::Stale)?;
    view.snapshot.read(RuntimeAddress(first), 1).ok_or(Unreadable::Stale)?;
    let bytes = view.snapshot.read(control, buckets).ok_or(Unreadable::Stale)?;
    let full = bytes.iter().zip(1..).filter(|(byte, _)| **byte & 0x80 == 0);
    Ok(full
        .map(|(_, number)| Elements { ty: element, start: RuntimeAddress(control.0 - number * size), count: 1 })
        .collect())
}

/// The bits that say which of a group's buckets are left, and where the group is.
struct Group {
    bits: u64,
    /// Bits per bucket.
    stride: u32,
    /// Behind the group's first element.
    data: u64,
    /// The control bytes of the next group.
    next: u64,
}

/// hashbrown's iterator by value, and its drain: what is left to come.
pub(super) fn raw_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let element = generic(ty, "T")?;
    let size = view.types.get(element).size;
    let (offset, iter) = view.field(ty, "iter").ok_or(Unreadable::Layout)?;
    let (iter, address) = (view.types.get(iter), at(address, offset));
    let number = |name| view.number(&iter, address, name);
    let (items, bits) = (number("items")?, number("current_group")?);
    let (_, group) = view.field(&iter, "current_group").ok_or(Unreadable::Layout)?;
    // One bit per bucket in groups of 16, or one byte per bucket in groups of 8.
    let (stride, width) = if view.types.get(group).size == 2 { (1, 16) } else { (8, 8) };
    let mut group = Group { bits, stride, data: number("data")?, next: number("next_ctrl")? };
    let Some(block) = view.snapshot.block_around(RuntimeAddress(group.data)) else {
        // The empty table: a constant.
        return if items == 0 { Ok(Owned::default()) } else { Err(Unreadable::Stale) };
    };
    let mut elements = Vec::new();
    for _ in 0..items {
        while group.bits == 0 {
            let bytes = view.snapshot.read(RuntimeAddress(group.next), width).ok_or(Unreadable::Stale)?;
            let full = (0..).zip(bytes).filter(|(_, byte)| **byte & 0x80 == 0);
            group.bits = full.fold(0, |bits, (index, _)| bits | 1 << (index * group.stride));
            group.data = group.data.checked_sub(width * size).ok_or(Unreadable::Stale)?;
            group.next += width;
        }
        let index = u64::from(group.bits.trailing_zeros() / group.stride);
        group.bits &= group.bits - 1;
        let start = group.data.checked_sub((index + 1) * size).ok_or(Unreadable::Stale)?;
        elements.push(Elements { ty: element, start: RuntimeAddress(start), count: 1 });
    }
    Ok(Owned { blocks: vec![(block, Claim::Exclusive)], elements })
}

impl View<'_> {
    /// The elements in a block that a hashbrown table allocated: the block alone tells them, without its owner.
    ///
    /// The layout is: elements, padding to 16, one control byte per bucket, one more group of control bytes. So the number of
    /// buckets is the power of two that gives the block's size.
    ///
    /// # Errors
    /// [`Unreadable::Stale`] if no number of buckets fits.
    pub fn table_elements(self, block: usize, element: TypeId) -> Result<Vec<Elements>, Unreadable> {
        let (control, buckets) = self.table_control(block, element).ok_or(Unreadable::Stale)?;
        full_buckets(self, element, self.types.get(element).size, control, buckets)
    }

    /// Where the control bytes of such a block begin, and how many buckets there are; none if no number of buckets fits.
    pub fn table_control(self, block: usize, element: TypeId) -> Option<(RuntimeAddress, u64)> {
        let size = self.types.get(element).size;
        let block = self.snapshot.blocks()[block];
        for group in [16, 8] {
            for shift in 0..48 {
                let buckets = 1u64 << shift;
                let control = buckets.saturating_mul(size).next_multiple_of(group);
                let total = control.saturating_add(buckets + group);
                if total == block.size {
                    return Some((at(block.address, control), buckets));
                }
                if total > block.size {
                    break;
                }
            }
        }
        None
    }
}
