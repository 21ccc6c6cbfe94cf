//! The search for words that lead into blocks. May use nothing.

use super::interface_pointers::{Cluster, Index, Many, Piece, Pointer, PointerTable, Room, Sizes, Target};
use core::mem::MaybeUninit;

#[unsafe(no_mangle)]
pub static MEMLEAK_POINTERS: PointerTable = PointerTable { index, search };

/// So many bytes share an entry of the index. A granule has few blocks, and an index takes less than a hundredth of the heap.
const GRANULE: u64 = 512;

/// A gap of more bytes than this ends a cluster: a wide gap would cost more granules than a cluster costs.
const GAP: u64 = 4096;

/// What of a word is an address; pointers may have a tag above.
const ADDRESS: u64 = (1 << 48) - 1;

unsafe extern "C" fn index(targets: Many<Target>, clusters: &Room<Cluster>, granules: &Room<u32>) -> Sizes {
    // SAFETY: the contract of `PointerTable::index`.
    let (targets, clusters, granules) = unsafe { (many(targets), room(clusters), room(granules)) };
    let mut sizes = Sizes::default();
    let mut cluster: Option<Cluster> = None;
    // Where the next granule of the cluster starts.
    let mut next = 0;
    for (number, target) in targets.iter().enumerate() {
        match &mut cluster {
            Some(cluster) if target.start.saturating_sub(cluster.end) <= GAP => {
                // Granules that start before this target belong to the ones before it.
                while next < target.start {
                    put(granules, sizes.granules, (number - 1) as u32);
                    sizes.granules += 1;
                    next += GRANULE;
                }
                cluster.end = cluster.end.max(target.end);
            }
            _ => {
                if let Some(cluster) = cluster.take() {
                    finish(&cluster, &mut next, number - 1, granules, &mut sizes);
                    put(clusters, sizes.clusters, cluster);
                    sizes.clusters += 1;
                }
                cluster = Some(Cluster { start: target.start, end: target.end, granules: sizes.granules });
                next = target.start;
            }
        }
        if next == target.start {
            put(granules, sizes.granules, number as u32);
            sizes.granules += 1;
            next += GRANULE;
        }
    }
    if let Some(cluster) = cluster {
        finish(&cluster, &mut next, targets.len() - 1, granules, &mut sizes);
        put(clusters, sizes.clusters, cluster);
        sizes.clusters += 1;
    }
    sizes
}

/// The granules behind the start of a cluster's last target, the one of its end included.
fn finish(cluster: &Cluster, next: &mut u64, last: usize, granules: &mut [MaybeUninit<u32>], sizes: &mut Sizes) {
    while *next <= cluster.end {
        put(granules, sizes.granules, last as u32);
        sizes.granules += 1;
        *next += GRANULE;
    }
}

unsafe extern "C" fn search(index: &Index, pieces: Many<Piece>, found: &Room<Pointer>) -> usize {
    // SAFETY: the contract of `PointerTable::search`.
    let (targets, clusters, granules) = unsafe { (many(index.targets), many(index.clusters), many(index.granules)) };
    // SAFETY: the same.
    let (pieces, found) = unsafe { (many(pieces), room(found)) };
    let (Some(first), Some(last)) = (clusters.first(), clusters.last()) else { return 0 };
    let (lowest, highest) = (first.start, last.end);
    let mut cluster = first;
    let mut count = 0;
    for (from, piece) in pieces.iter().enumerate() {
        // SAFETY: the contract of `PointerTable::search`.
        let bytes = unsafe { many(Many { start: piece.bytes, len: piece.len }) };
        let skipped = piece.address.wrapping_neg() & 7;
        let mut at = piece.address.wrapping_add(skipped);
        let (words, _) = bytes.get(skipped as usize..).unwrap_or_default().as_chunks::<8>();
        for word in words {
            let value = u64::from_le_bytes(*word) & ADDRESS;
            if value >= lowest && value <= highest {
                if !(cluster.start..=cluster.end).contains(&value) {
                    cluster = around(clusters, value).unwrap_or(cluster);
                }
                if let Some(to) = target_of(targets, cluster, granules, value) {
                    put(found, count, Pointer { at, from: from as u32, to });
                    count += 1;
                }
            }
            at = at.wrapping_add(8);
        }
    }
    count
}

/// The last cluster that starts at or before `value`.
fn around(clusters: &[Cluster], value: u64) -> Option<&Cluster> {
    let after = clusters.partition_point(|cluster| cluster.start <= value);
    clusters.get(after.checked_sub(1)?)
}

#[inline(always)]
fn target_of(targets: &[Target], cluster: &Cluster, granules: &[u32], value: u64) -> Option<u32> {
    if value > cluster.end {
        return None;
    }
    let granule = value.checked_sub(cluster.start)? / GRANULE;
    let mut number = *granules.get(cluster.granules.wrapping_add(granule as usize))?;
    // The last target that starts at or before the value.
    while targets.get(number as usize + 1).is_some_and(|next| next.start <= value) {
        number += 1;
    }
    let target = targets.get(number as usize)?;
    (value <= target.end).then_some(number)
}

fn put<T>(room: &mut [MaybeUninit<T>], at: usize, value: T) {
    if let Some(place) = room.get_mut(at) {
        place.write(value);
    }
}

/// # Safety
/// `many` is valid for reading for as long as the slice is used.
unsafe fn many<'m, T>(many: Many<T>) -> &'m [T] {
    // SAFETY: the contract.
    unsafe { core::slice::from_raw_parts(many.start, many.len) }
}

/// # Safety
/// `room` is valid for writing for as long as the slice is used.
unsafe fn room<'r, T>(room: &Room<T>) -> &'r mut [MaybeUninit<T>] {
    // SAFETY: the contract.
    unsafe { core::slice::from_raw_parts_mut(room.start.cast(), room.len) }
}
