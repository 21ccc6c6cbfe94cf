//! The search for words that lead to blocks, in memory that another allocator gave out.
//!
//! May use: `table`, `interface_tracker`.
//!
//! Such memory may be free or not initialised, so a word has to look more like a pointer than elsewhere: it must lead to the very start of a
//! block, or to what an `Rc` or `Arc` there would hold.

use super::super::interface_tracker::{RawBlock, RawPiece, RawWord, SHARED_COUNTS};
use super::table;

/// Only while frozen by this thread. Passes over what is in one of the blocks, which are sorted; the first that ends behind the piece's start
/// must be the first of them.
pub fn search(piece: RawPiece, words: &[u64], blocks: &[RawBlock], into: &mut [RawWord]) -> usize {
    let mut blocks_left = blocks.iter();
    let mut block = blocks_left.next();
    let mut index = 0usize;
    let mut count = 0usize;
    while let Some(&word) = words.get(index) {
        let at = piece.address.wrapping_add((index as u64).wrapping_mul(8));
        while let Some(next) = block
            && next.address.wrapping_add(next.size) <= at
        {
            block = blocks_left.next();
        }
        if let Some(next) = block
            && next.address < at.wrapping_add(8)
        {
            // To the first word of which no part is in the block.
            let end = next.address.wrapping_add(next.size).wrapping_sub(piece.address);
            index = end.div_ceil(8) as usize;
            continue;
        }
        if (piece.lowest..=piece.highest).contains(&word) && leads_to_block(word) {
            if let Some(slot) = into.get_mut(count) {
                *slot = RawWord { at, value: word };
            }
            count = count.wrapping_add(1);
        }
        index = index.wrapping_add(1);
    }
    count
}

fn leads_to_block(word: u64) -> bool {
    let shared = || {
        let block = table::get(word.wrapping_sub(SHARED_COUNTS));
        block.found != 0 && block.size > SHARED_COUNTS
    };
    table::get(word).found != 0 || shared()
}
