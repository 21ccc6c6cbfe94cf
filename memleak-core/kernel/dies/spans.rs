//! Lists of address ranges: of an entry, of all units; and their order. May use `dwarf`.

use super::super::interface_dies::{Bytes, Span, Status};
use super::dwarf::{Cursor, slice};
use core::mem::MaybeUninit;

/// Where the lists of a unit's ranges are, and what they depend on.
pub struct Ranges<'d> {
    pub addr: &'d [u8],
    pub ranges: &'d [u8],
    pub rnglists: &'d [u8],
    /// Code below this address is none.
    pub lowest: u64,
    /// The unit's `DW_AT_low_pc`.
    pub base: u64,
    pub version: u16,
}

impl Ranges<'_> {
    /// The address with this index in the unit's part of `.debug_addr`.
    #[inline(always)]
    pub fn address(&self, base: u64, index: u64) -> Result<u64, Status> {
        let at = index.checked_mul(8).and_then(|within| base.checked_add(within)).ok_or(Status::Truncated)?;
        Cursor { data: self.addr, at: usize::try_from(at).map_err(|_| Status::Truncated)? }.u64()
    }

    /// Calls `put` for each range of the list at `offset` that is not empty and is code.
    pub fn each(
        &self,
        offset: u64,
        addr_base: u64,
        put: &mut impl FnMut(u64, u64) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let at = usize::try_from(offset).map_err(|_| Status::Truncated)?;
        let mut put = |low: u64, high: u64| if low >= self.lowest && low < high { put(low, high) } else { Ok(()) };
        if self.version >= 5 {
            self.each_of_rnglists(at, addr_base, &mut put)
        } else {
            self.each_of_ranges(at, &mut put)
        }
    }

    fn each_of_ranges(&self, at: usize, put: &mut impl FnMut(u64, u64) -> Result<(), Status>) -> Result<(), Status> {
        let mut cursor = Cursor { data: self.ranges, at };
        let mut base = self.base;
        loop {
            match (cursor.u64()?, cursor.u64()?) {
                (0, 0) => return Ok(()),
                (u64::MAX, address) => base = address,
                (low, high) => put(base.wrapping_add(low), base.wrapping_add(high))?,
            }
        }
    }

    fn each_of_rnglists(
        &self,
        at: usize,
        addr_base: u64,
        put: &mut impl FnMut(u64, u64) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let mut cursor = Cursor { data: self.rnglists, at };
        let mut base = self.base;
        loop {
            match cursor.u8()? {
                // end_of_list
                0 => return Ok(()),
                // base_addressx
                1 => base = self.address(addr_base, cursor.uleb()?)?,
                // startx_endx
                2 => {
                    let low = self.address(addr_base, cursor.uleb()?)?;
                    put(low, self.address(addr_base, cursor.uleb()?)?)?;
                }
                // startx_length
                3 => {
                    let low = self.address(addr_base, cursor.uleb()?)?;
                    put(low, low.wrapping_add(cursor.uleb()?))?;
                }
                // offset_pair
                4 => {
                    let low = base.wrapping_add(cursor.uleb()?);
                    put(low, base.wrapping_add(cursor.uleb()?))?;
                }
                // base_address
                5 => base = cursor.u64()?,
                // start_end
                6 => put(cursor.u64()?, cursor.u64()?)?,
                // start_length
                7 => {
                    let low = cursor.u64()?;
                    put(low, low.wrapping_add(cursor.uleb()?))?;
                }
                _ => return Err(Status::UnknownForm),
            }
        }
    }
}

/// See `DieTable::aranges`.
pub unsafe extern "C" fn aranges(section: Bytes, spans: *mut Span, len: usize, count: &mut usize) -> Status {
    // SAFETY: the contract of `DieTable::aranges`.
    let (section, spans) =
        unsafe { (slice(section), core::slice::from_raw_parts_mut(spans.cast::<MaybeUninit<Span>>(), len)) };
    *count = 0;
    let mut cursor = Cursor { data: section, at: 0 };
    while cursor.at < section.len() {
        if let Err(status) = aranges_of_unit(&mut cursor, spans, count) {
            return status;
        }
    }
    if *count > len { Status::Full } else { Status::Done }
}

fn aranges_of_unit(cursor: &mut Cursor, spans: &mut [MaybeUninit<Span>], count: &mut usize) -> Result<(), Status> {
    let start = cursor.at;
    let (length, offset_size) = cursor.length()?;
    let after = cursor.at;
    cursor.skip(length)?;
    let end = cursor.at;
    let mut set = Cursor { data: cursor.data.get(..end).unwrap_or_default(), at: after };
    let version = set.u16()?;
    let unit = set.offset(offset_size)?;
    let (address_size, segment_size) = (set.u8()?, set.u8()?);
    if (version, address_size, segment_size) != (2, 8, 0) {
        return Err(Status::UnknownVersion);
    }
    let node = u32::try_from(unit).map_err(|_| Status::TooLarge)?;
    // The pairs are aligned to their size, counted from the start of the set.
    set.at = start.wrapping_add((set.at.wrapping_sub(start)).next_multiple_of(16));
    while set.at < end {
        let (low, len) = (set.u64()?, set.u64()?);
        if low == 0 || len == 0 {
            // The end of the set, or a function that the linker left out.
            continue;
        }
        if let Some(place) = spans.get_mut(*count) {
            place.write(Span { low, high: low.wrapping_add(len), node });
        }
        *count += 1;
    }
    Ok(())
}

/// See `DieTable::sort`. A heap sort: no memory, no worst case.
pub unsafe extern "C" fn sort(spans: *mut Span, len: usize) {
    // SAFETY: the contract of `DieTable::sort`.
    let spans = unsafe { core::slice::from_raw_parts_mut(spans, len) };
    if spans.is_sorted_by_key(key) {
        return;
    }
    for root in (0..len / 2).rev() {
        sink(spans, root);
    }
    let mut heap = spans;
    while let [greatest, .., last] = heap {
        core::mem::swap(greatest, last);
        let Some((_, rest)) = heap.split_last_mut() else { return };
        heap = rest;
        sink(heap, 0);
    }
}

#[inline(always)]
fn key(span: &Span) -> (u64, u64) {
    (span.low, span.high)
}

/// Lets the span at `root` sink until no span below it in the heap is greater.
fn sink(spans: &mut [Span], mut root: usize) {
    let Some(mut sinking) = spans.get(root).copied() else { return };
    loop {
        let left = root.wrapping_mul(2).wrapping_add(1);
        let right = left.wrapping_add(1);
        let (child, greater) = match (spans.get(left), spans.get(right)) {
            (Some(one), Some(other)) if key(one) < key(other) => (right, *other),
            (Some(one), _) => (left, *one),
            (None, _) => break,
        };
        if key(&sinking) >= key(&greater) {
            break;
        }
        if let Some(place) = spans.get_mut(root) {
            *place = greater;
        }
        root = child;
    }
    if let Some(place) = spans.get_mut(root) {
        core::mem::swap(place, &mut sinking);
    }
}

/// See `DieTable::spans_up_to`.
pub unsafe extern "C" fn up_to(spans: *const Span, len: usize, address: u64) -> usize {
    // SAFETY: the contract of `DieTable::spans_up_to`.
    let spans = unsafe { core::slice::from_raw_parts(spans, len) };
    spans.partition_point(|span| span.low <= address)
}
