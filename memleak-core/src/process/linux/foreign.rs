//! The search for pointers to blocks in memory that is neither the program's statics, stacks and thread-locals nor a recorded block: that of a
//! C library, for example.
//!
//! What an allocator keeps for itself leads to blocks, lost ones too, and keeps none. Of glibc's `malloc`, whose memory C libraries use as
//! well, single words are known (`malloc`). Of other allocators below memleak's, the mappings that have blocks hold nothing but blocks and the
//! allocator's own; what they keep elsewhere has to be known (`jemalloc`).
//!
//! May use: `tracker`, `address`, `pages`, `mappings`, `malloc`, `jemalloc`.

use super::super::TooSmall;
use super::jemalloc;
use super::malloc;
use super::mappings::Mapping;
use super::pages::{PAGES, Page, Pages};
use crate::address::RuntimeAddress;
use crate::tracker::{Census, Frozen, Word};
use std::ops::Range;

/// What is needed for a search, made ready before the world is stopped.
#[derive(Debug)]
pub struct Foreign {
    /// Memory that is looked at by others, or must not be: by address when the search begins.
    pub others: Vec<Range<u64>>,
    /// What was found.
    pub found: Vec<Word>,
    /// A copy of [`PAGES`] pages.
    words: Vec<u64>,
}

impl Default for Foreign {
    fn default() -> Self {
        Foreign {
            others: Vec::with_capacity(1 << 10),
            found: Vec::with_capacity(1 << 12),
            words: vec![0; (PAGES * Pages::open().size() / 8) as usize],
        }
    }
}

impl Foreign {
    /// Makes more room. Not while the world is stopped.
    pub fn enlarge(&mut self) {
        self.others.reserve(2 * self.others.capacity());
        self.found.reserve(2 * self.found.capacity());
    }

    /// Notes memory that is not to be searched.
    pub fn leave_out(&mut self, memory: Range<u64>) -> Result<(), TooSmall> {
        if self.others.len() == self.others.capacity() {
            return Err(TooSmall);
        }
        self.others.push(memory);
        Ok(())
    }

    /// Searches all private memory without a file but what was left out.
    pub fn search(&mut self, mappings: &[Mapping], census: &Census<'_>, frozen: &Frozen) -> Result<(), TooSmall> {
        self.others.sort_unstable_by_key(|range| range.start);
        self.found.clear();
        let pages = Pages::open();
        let data = |mapping: &&Mapping| {
            mapping.data && mapping.anonymous && !mapping.main_stack && !is_an_allocators(mapping, census, frozen)
        };
        let mut next = 0;
        for mapping in mappings.iter().filter(data) {
            let mut at = mapping.start;
            while let Some(other) = self.others.get(next).cloned()
                && other.start < mapping.end
            {
                if other.end <= mapping.start {
                    next += 1;
                    continue;
                }
                self.search_range(at..other.start, &pages, census, frozen)?;
                at = at.max(other.end);
                if other.end > mapping.end {
                    // It goes on in the next mapping.
                    break;
                }
                next += 1;
            }
            self.search_range(at..mapping.end, &pages, census, frozen)?;
        }
        self.found.retain(|word| !is_of_malloc(*word, census, frozen));
        Ok(())
    }

    /// Pages that were never used are passed over: to read one makes the system provide it.
    fn search_range(
        &mut self,
        range: Range<u64>,
        pages: &Pages,
        census: &Census<'_>,
        frozen: &Frozen,
    ) -> Result<(), TooSmall> {
        let size = pages.size();
        let mut at = range.start.next_multiple_of(8);
        while at + 8 <= range.end {
            let first = at / size;
            let end = range.end.min((first + PAGES) * size);
            let kinds = pages.from(at);
            let is_used = |at: u64| match kinds.get((at / size - first) as usize) {
                Some(Page::Used) => true,
                // A guard would make what is beside it unreadable too.
                Some(Page::AsideOrGuard) => frozen.read_words(RuntimeAddress(at), &mut [0]),
                Some(Page::Unused) | None => false,
            };
            while at < end {
                let mut run_end = at;
                while run_end < end && is_used(run_end) == is_used(at) {
                    run_end = end.min((run_end / size + 1) * size);
                }
                if is_used(at) {
                    run_end = self.search_run(at..run_end, census, frozen)?;
                }
                at = run_end;
            }
        }
        Ok(())
    }

    /// At most [`PAGES`] pages. Answers where to go on.
    fn search_run(&mut self, run: Range<u64>, census: &Census<'_>, frozen: &Frozen) -> Result<u64, TooSmall> {
        let count = (run.end - run.start) / 8;
        let Some(words) = self.words.get_mut(..count as usize) else { return Ok(run.end) };
        // What has vanished leads nowhere.
        if !frozen.read_words(RuntimeAddress(run.start), words) {
            return Ok(run.end);
        }
        let own = jemalloc::own_memory(run.start, words);
        let searched = own.as_ref().map_or(words.len(), |own| ((own.start - run.start) / 8) as usize);
        let fits = census.find_pointers(run.start, &words[..searched], &mut self.found);
        if fits { Ok(own.map_or(run.end, |own| own.end)) } else { Err(TooSmall) }
    }
}

/// Whether there are blocks in this mapping that do not come from glibc's `malloc`. Then no C library's memory is here.
fn is_an_allocators(mapping: &Mapping, census: &Census<'_>, frozen: &Frozen) -> bool {
    /// So many blocks tell. Single ones may happen to be behind a word that looks like a chunk's size.
    const ENOUGH: usize = 16;
    let (mut known, mut seen) = (0, 0);
    for (start, size) in census.within(mapping.start..mapping.end).take(ENOUGH) {
        let mut word = [0];
        let readable = frozen.read_words(RuntimeAddress(start - malloc::SIZE_BEFORE), &mut word);
        known += usize::from(readable && malloc::is_size_of_chunk(word[0], size));
        seen += 1;
    }
    2 * known < seen
}

/// Whether this is a word that `malloc` keeps. It can be only if the block is so small that a chunk begins where an `Rc` or `Arc` would have its
/// value.
fn is_of_malloc(word: Word, census: &Census<'_>, frozen: &Frozen) -> bool {
    const SMALLEST: u64 = 24;
    let shared = word.value - 16;
    let small = census.size_at(RuntimeAddress(shared)).is_some_and(|size| size <= SMALLEST);
    let read = |at: u64| {
        let mut word = [0];
        frozen.read_words(RuntimeAddress(at), &mut word).then_some(word[0])
    };
    small && malloc::is_a_link(word.at, word.value, read)
}
