//! The search for words that lead into blocks, safe to call.

use super::MEMLEAK_POINTERS;
use super::interface_pointers::{self, Cluster, Many, Piece, Room, Target};
use std::ops::Range;

pub use super::interface_pointers::Pointer;

/// Blocks that pointers are looked for to, by their numbers.
pub struct Targets {
    targets: Vec<Target>,
    clusters: Vec<Cluster>,
    granules: Vec<u32>,
}

impl Targets {
    /// The blocks at these addresses: in order, and not overlapping.
    pub fn new(blocks: impl Iterator<Item = Range<u64>>) -> Targets {
        let targets: Vec<Target> = blocks.map(|block| Target { start: block.start, end: block.end }).collect();
        let (mut clusters, mut granules) = (Vec::new(), Vec::new());
        // SAFETY: all pointers are of slices or have no room.
        let sizes = unsafe {
            let empty =
                (&Room { start: clusters.as_mut_ptr(), len: 0 }, &Room { start: granules.as_mut_ptr(), len: 0 });
            (MEMLEAK_POINTERS.index)(many(&targets), empty.0, empty.1)
        };
        clusters.reserve_exact(sizes.clusters);
        granules.reserve_exact(sizes.granules);
        let rooms = (
            Room { start: clusters.as_mut_ptr(), len: sizes.clusters },
            Room { start: granules.as_mut_ptr(), len: sizes.granules },
        );
        // SAFETY: there is room for what the same call has counted, and it writes all of it.
        unsafe {
            (MEMLEAK_POINTERS.index)(many(&targets), &rooms.0, &rooms.1);
            clusters.set_len(sizes.clusters);
            granules.set_len(sizes.granules);
        }
        Targets { targets, clusters, granules }
    }

    /// The words that lead to one of the blocks, in this memory: pieces with their addresses. In the order of the pieces.
    pub fn pointers<'m>(&self, memory: impl Iterator<Item = (u64, &'m [u8])>) -> Vec<Pointer> {
        let pieces: Vec<Piece> =
            memory.map(|(address, bytes)| Piece { address, bytes: bytes.as_ptr(), len: bytes.len() }).collect();
        let index = interface_pointers::Index {
            targets: many(&self.targets),
            clusters: many(&self.clusters),
            granules: many(&self.granules),
        };
        let mut found = Vec::with_capacity(2 * self.targets.len());
        loop {
            let room = Room { start: found.as_mut_ptr(), len: found.capacity() };
            // SAFETY: the pieces and the index are of slices, and the room is that of the vector.
            let count = unsafe { (MEMLEAK_POINTERS.search)(&index, many(&pieces), &room) };
            if count <= found.capacity() {
                // SAFETY: so many were written.
                unsafe { found.set_len(count) };
                return found;
            }
            found.reserve_exact(count);
        }
    }

    /// The block that this value leads to.
    pub fn at(&self, value: u64) -> Option<u32> {
        let word = value.to_le_bytes();
        self.pointers(std::iter::once((0, &word[..]))).first().map(|pointer| pointer.to)
    }
}

fn many<T>(values: &[T]) -> Many<T> {
    Many { start: values.as_ptr(), len: values.len() }
}

#[cfg(test)]
mod tests {
    use super::{Pointer, Targets};

    /// As a search without index would say it.
    fn expected(targets: &[(u64, u64)], value: u64) -> Option<u32> {
        let value = value & 0xffff_ffff_ffff;
        let inside = targets.iter().position(|(start, end)| (*start..*end).contains(&value));
        let behind = || targets.iter().position(|(_, end)| *end == value);
        inside.or_else(behind).map(|index| index as u32)
    }

    #[test]
    fn interior_tagged_and_one_past_the_end() {
        let targets = Targets::new([0x1000..0x1010, 0x1010..0x1018, 0x2000..0x2100].into_iter());
        let to = |value| targets.at(value);
        assert_eq!([to(0x1000), to(0x100f), to(0x1010), to(0x1018)], [Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!([to(0xfff), to(0x1019), to(0x2101), to(0)], [None; 4]);
        assert_eq!([to(0x2000), to(0x20ff), to(0x2100)], [Some(2); 3]);
        assert_eq!([to(0xbeef_0000_0000_2000), to(0x8000_0000_0000_1003)], [Some(2), Some(0)]);
    }

    #[test]
    fn words_are_at_multiples_of_eight_whatever_the_piece_starts_at() {
        let targets = Targets::new(std::iter::once(0x1000..0x1008));
        let mut bytes = vec![0; 3];
        bytes.extend(0x1000u64.to_le_bytes());
        bytes.extend(0x1000u64.to_le_bytes()[..5].iter());
        let found = targets.pointers([(0x500d, &bytes[..]), (0x6000, &[][..]), (0x7001, &bytes[3..5])].into_iter());
        assert_eq!(found, [Pointer { at: 0x5010, from: 0, to: 0 }]);
        assert_eq!(targets.pointers(std::iter::once((0x500c, &bytes[..]))), [], "not at a multiple of 8");
    }

    #[test]
    fn no_targets() {
        let targets = Targets::new(std::iter::empty());
        assert_eq!(targets.at(0x1000), None);
    }

    #[test]
    fn agrees_with_a_search_without_index() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        for _ in 0..200 {
            let mut targets = Vec::new();
            let mut start = 0x10_0000 + next(4096);
            for _ in 0..next(60) {
                let size = 1 + match next(10) {
                    0 => next(40_000),
                    1 => next(2000),
                    _ => next(64),
                };
                targets.push((start, start + size));
                start += size
                    + match next(6) {
                        0 => next(3) * 1000 * 1000,
                        1 => 4090 + next(12),
                        2 => 500 + next(24),
                        3 => 0,
                        _ => next(32),
                    };
            }
            let index = Targets::new(targets.iter().map(|(start, end)| *start..*end));
            let mut values = Vec::new();
            for (start, end) in &targets {
                values.extend([start - 1, *start, *start + 1, end - 1, *end, end + 1]);
                values.push(start + next(end - start));
            }
            values.extend((0..50).map(|_| 0x10_0000 + next(start - 0xf_f000)));
            let memory: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let found: Vec<(u64, u32)> = index
                .pointers(std::iter::once((0, &memory[..])))
                .iter()
                .map(|found| (found.at / 8, found.to))
                .collect();
            let wanted: Vec<(u64, u32)> =
                (0..).zip(&values).filter_map(|(at, value)| expected(&targets, *value).map(|to| (at, to))).collect();
            assert_eq!(found, wanted, "{targets:x?}");
        }
    }
}
