//! What the system says of single pages of the address space.
//!
//! May use: `files`.

use super::files::File;

/// So many pages are asked for in one go.
pub const PAGES: u64 = 64;

/// The pages of the process.
pub struct Pages {
    /// A word for each.
    map: Option<File>,
    size: u64,
}

/// What a page is, as far as it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// It was never used: to read it makes the system provide it.
    Unused,
    /// It is in memory, or nothing is known of it.
    Used,
    /// It was put aside, or must not be touched: glibc guards stacks by such pages, so that a stack is one mapping with what is beside it.
    AsideOrGuard,
}

impl Pages {
    pub fn open() -> Pages {
        // SAFETY: no preconditions.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Pages { map: File::open(c"/proc/self/pagemap"), size: u64::try_from(size).unwrap_or(4096) }
    }

    /// The bytes of a page.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What the page is that `address` is in, and those behind it.
    pub fn from(&self, address: u64) -> [Page; PAGES as usize] {
        let mut words = [PRESENT; PAGES as usize];
        if let Some(map) = &self.map {
            map.read_words_at(address / self.size * 8, &mut words);
        }
        words.map(|word| match (word & PRESENT != 0, word & ASIDE != 0) {
            (true, _) => Page::Used,
            (false, true) => Page::AsideOrGuard,
            (false, false) => Page::Unused,
        })
    }
}

const PRESENT: u64 = 1 << 63;
const ASIDE: u64 = 1 << 62;
