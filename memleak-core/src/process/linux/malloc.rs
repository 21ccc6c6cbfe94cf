//! What glibc's `malloc` notes for itself: words that lead to free memory and look as if they led to blocks.
//!
//! May use: nothing.
//!
//! A free chunk's header is where the block before it ends, or 8 bytes before that: a block may use the first word of the next header. So
//! a pointer to a free chunk looks like one into, or just past, the live block before it.
//!
//! Free chunks are in lists, linked both ways by two words behind their headers. The heads of the lists, two words each, are a part of the
//! arena and are linked as if each were the two words of a chunk. Before the heads is the address of the chunk at the end of the arena, and
//! before that are the heads of lists of small chunks, which are linked one way.

use std::ops::Range;

/// From a chunk to its two links.
const NEXT: u64 = 16;
const PREVIOUS: u64 = 24;
/// Large chunks have two more.
const NEXT_SIZE: u64 = 32;
const PREVIOUS_SIZE: u64 = 40;

/// How many heads of lists an arena has.
const HEADS: u64 = 127;
/// Before them: ten heads of other lists, the chunk at the end, and one more chunk.
const BEFORE: u64 = 12 * 8;

/// The size of a chunk is noted so far before its block.
pub const SIZE_BEFORE: u64 = 8;

/// Whether this is the size, with its three flags, of the chunk of a block of `size` bytes.
pub fn is_size_of_chunk(word: u64, size: u64) -> bool {
    const SMALLEST: u64 = 32;
    const FLAGS: u64 = 7;
    const MAPPED: u64 = 2;
    let chunk = word & !FLAGS;
    // What is too small to be a chunk stays with the one before it; a chunk of its own mapping has whole pages, and may begin behind its
    // first.
    let most = size.saturating_add(if word & MAPPED == 0 { 64 } else { 1 << 14 });
    chunk.is_multiple_of(16) && chunk >= SMALLEST && (size.saturating_add(8)..=most).contains(&chunk)
}

/// Whether the word at `at` with this value is one that `malloc` keeps. `word` reads memory.
pub fn is_a_link(at: u64, value: u64, word: impl Fn(u64) -> Option<u64>) -> bool {
    let leads_back = |from: u64, back: u64| word(value.wrapping_add(back)) == Some(at.wrapping_sub(from));
    let linked = leads_back(NEXT, PREVIOUS)
        || leads_back(PREVIOUS, NEXT)
        || leads_back(NEXT_SIZE, PREVIOUS_SIZE)
        || leads_back(PREVIOUS_SIZE, NEXT_SIZE);
    // A large chunk that was the only one of its size: its links stay when it has been used again.
    let alone = [NEXT_SIZE, PREVIOUS_SIZE].contains(&at.wrapping_sub(value));
    // The address of the chunk at the end, or of the one after it: the heads follow.
    let at_the_end = || [8, 16].iter().any(|distance| is_a_head(at.wrapping_add(*distance), &word));
    linked || alone || at_the_end() || is_before_heads(at, &word)
}

/// Whether this is one of the words before the heads. A chunk that happens to be behind a word looks like one head, not like several.
fn is_before_heads(at: u64, word: &impl Fn(u64) -> Option<u64>) -> bool {
    const SEVERAL: u64 = 8;
    let heads_at = |first: u64| (0..SEVERAL).all(|head| is_a_head(first.wrapping_add(16 * head), word));
    (8..=BEFORE).step_by(8).any(|distance| heads_at(at.wrapping_add(distance)))
}

/// Whether the head of a list is here.
fn is_a_head(at: u64, word: &impl Fn(u64) -> Option<u64>) -> bool {
    let chunk = at.wrapping_sub(NEXT);
    let leads_back = |to: Option<u64>, back: u64| to.and_then(|to| word(to.wrapping_add(back))) == Some(chunk);
    leads_back(word(at), PREVIOUS) && leads_back(word(at.wrapping_add(8)), NEXT)
}

/// Where the main arena, which is in the C library's segment, has such words. None if it was not found.
pub fn main_arena(segment: Range<u64>, word: impl Fn(u64) -> Option<u64>) -> Option<Range<u64>> {
    let is_head = |at: u64| segment.contains(&at) && is_a_head(at, &word);
    // Most lists are empty: their heads lead to themselves.
    let is_empty = |at: u64| word(at) == Some(at.wrapping_sub(NEXT)) && word(at.wrapping_add(8)) == word(at);
    let start = segment.start.next_multiple_of(8);
    let found = (start..segment.end).step_by(8).find(|at| is_empty(*at))?;
    let mut first = found;
    while is_head(first.wrapping_sub(16)) {
        first -= 16;
    }
    let mut end = found;
    while is_head(end) {
        end += 16;
    }
    ((end - first) / 16 == HEADS).then(|| first.saturating_sub(BEFORE)..end)
}

#[cfg(test)]
mod tests {
    use super::{BEFORE, HEADS, is_a_link, is_size_of_chunk, main_arena};
    use std::collections::HashMap;

    const ARENA: u64 = 0x1000;

    /// An arena with one free chunk in its fifth list.
    fn memory() -> HashMap<u64, u64> {
        let mut memory: HashMap<u64, u64> = HashMap::new();
        for head in 0..HEADS {
            let at = ARENA + 16 * head;
            memory.extend([(at, at - 16), (at + 8, at - 16)]);
        }
        let (head, chunk) = (ARENA + 16 * 4, 0x9000);
        memory.extend([(head, chunk), (head + 8, chunk), (chunk + 16, head - 16), (chunk + 24, head - 16)]);
        memory.extend([(ARENA - 16, 0x9800), (ARENA - 8, 0)]);
        memory
    }

    #[test]
    fn links_and_heads_are_told_from_pointers() {
        let memory = memory();
        let word = |at: u64| memory.get(&at).copied();
        let head = ARENA + 16 * 4;
        assert!(is_a_link(head, 0x9000, word) && is_a_link(head + 8, 0x9000, word));
        assert!(is_a_link(0x9010, head - 16, word) && is_a_link(0x9018, head - 16, word));
        assert!(is_a_link(ARENA - 16, 0x9800, word), "the chunk at the end");
        assert!(is_a_link(ARENA - 96, 0x9a00, word), "a list of small chunks");
        assert!(!is_a_link(ARENA - 104, 0x9a00, word), "not of the lists any more");
        assert!(!is_a_link(0x9000 - 40, 0x9a00, word), "only a free chunk is behind it");
        assert!(is_a_link(0x9020, 0x9000, word) && is_a_link(0x9028, 0x9000, word), "left in a large chunk");
        assert!(!is_a_link(0x5000, 0x9000, word), "a pointer that happens to lead to the same place");
    }

    #[test]
    fn the_main_arena_is_found_whatever_is_in_its_lists() {
        let mut memory = memory();
        let found = |memory: &HashMap<u64, u64>| main_arena(0x800..0x3000, |at| memory.get(&at).copied());
        let all = ARENA - BEFORE..ARENA + 16 * HEADS;
        assert_eq!(found(&memory), Some(all.clone()));
        // Something in the first list.
        memory.extend([(ARENA, 0xa000), (ARENA + 8, 0xa000), (0xa010, ARENA - 16), (0xa018, ARENA - 16)]);
        assert_eq!(found(&memory), Some(all));
        memory.insert(ARENA + 8 * 20, 1);
        assert_eq!(found(&memory), None);
    }

    #[test]
    fn the_size_before_a_block_is_that_of_its_chunk() {
        for (word, size) in [(0x21, 24), (0x21, 1), (0x35, 40), (0x71, 90), (0x13_9002, 1_280_000)] {
            assert!(is_size_of_chunk(word, size), "{word:#x} {size}");
        }
        for (word, size) in [(0, 24), (0x11, 8), (0x21, 25), (0x101, 24), (0x7f12_3456_7890, 24), (24, 24)] {
            assert!(!is_size_of_chunk(word, size), "{word:#x} {size}");
        }
    }
}
