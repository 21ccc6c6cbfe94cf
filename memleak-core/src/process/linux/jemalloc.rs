//! What jemalloc keeps for itself apart from its blocks: the descriptions of its extents, and the caches of its threads, whose entries stay when
//! the block has been given out.
//!
//! May use: nothing.
//!
//! Such memory comes in blocks of whole huge pages. Each begins with its size, the address of another one, and a description of the part of
//! it that is not used yet, which is its end:
//!
//! ```text
//!   size │ next │ bits │ start of the rest │ size of the rest │ …
//! ```

use std::ops::Range;

/// A huge page where pages have 4 KiB.
const UNIT: u64 = 2 << 20;

/// The first such block that begins in the memory at `start`, of which `words` is a copy.
pub fn own_memory(start: u64, words: &[u64]) -> Option<Range<u64>> {
    let end = start + size_of_val(words) as u64;
    let first = start.next_multiple_of(UNIT);
    (first..end).step_by(UNIT as usize).find_map(|at| {
        let head = words.get(((at - start) / 8) as usize..)?;
        let [size, next, _bits, rest, rest_size, ..] = *head else { return None };
        let whole = |size: u64| size.is_multiple_of(UNIT);
        let block = at..at.checked_add(size)?;
        let is_one = size > 0
            && whole(size)
            && whole(next)
            && block.contains(&rest)
            && rest.checked_add(rest_size) == Some(block.end);
        is_one.then_some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::{UNIT, own_memory};

    #[test]
    fn a_block_is_known_by_the_description_of_its_rest() {
        let at = 5 * UNIT;
        let head = [2 * UNIT, 3 * UNIT, 0xfff, at + 0x1240, 2 * UNIT - 0x1240];
        let mut words = vec![7; 1024];
        words[512..517].copy_from_slice(&head);
        let found = |words: &[u64]| own_memory(at - 512 * 8, words);
        assert_eq!(found(&words), Some(at..at + 2 * UNIT));
        assert_eq!(own_memory(at - 511 * 8, &words), None, "not at the start of a huge page");
        assert_eq!(found(&words[..514]), None, "cut off");
        for (index, wrong) in [(0, 2 * UNIT + 8), (0, 0), (1, 8), (3, at - 8), (4, 8)] {
            let mut words = words.clone();
            words[512 + index] = wrong;
            assert_eq!(found(&words), None);
        }
    }
}
