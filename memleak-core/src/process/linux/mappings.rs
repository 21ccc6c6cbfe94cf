//! What is mapped where.
//!
//! May use: `files`, `pages`, `tasks` (its numbers).

use super::super::TooSmall;
use super::files::File;
use super::pages::{Page, Pages};
use super::tasks::{decimal, hexadecimal};

/// A part of the address space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    pub start: u64,
    pub end: u64,
    /// Can be read and written, and is not a file that other processes share.
    pub data: bool,
    /// Without a file behind it.
    pub anonymous: bool,
    /// The main thread's stack.
    pub main_stack: bool,
    /// There are no guard pages in it.
    pub separated: bool,
}

impl Mapping {
    pub fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
}

/// Replaces `into` by the mappings of the process, by address, without allocating.
pub fn read(buffer: &mut [u8], into: &mut Vec<Mapping>) -> Result<(), TooSmall> {
    into.clear();
    let Some(file) = File::open(c"/proc/self/maps") else { return Ok(()) };
    let len = file.read_to_end(buffer);
    if len == buffer.len() {
        return Err(TooSmall);
    }
    for line in buffer.get(..len).unwrap_or_default().split(|byte| *byte == b'\n') {
        if let Some(mapping) = parse(line) {
            if into.len() == into.capacity() {
                return Err(TooSmall);
            }
            into.push(mapping);
        }
    }
    Ok(())
}

/// The mapping that `address` is in.
pub fn around(mappings: &[Mapping], address: u64) -> Option<&Mapping> {
    let index = mappings.partition_point(|mapping| mapping.start <= address).checked_sub(1)?;
    mappings.get(index).filter(|mapping| mapping.contains(address))
}

/// Separates a stack from what is beside it: cuts the mapping that `address` is in at its guard pages. Newer versions of glibc guard a stack by pages of
/// its mapping, which `/proc/self/maps` does not show, and not by a mapping of its own.
pub fn cut_at_guards(
    mappings: &mut Vec<Mapping>,
    address: u64,
    pages: &Pages,
    is_readable: impl Fn(u64) -> bool,
) -> Result<(), TooSmall> {
    let Some(index) = mappings.partition_point(|mapping| mapping.start <= address).checked_sub(1) else {
        return Ok(());
    };
    let Some(whole) = mappings.get(index).copied() else { return Ok(()) };
    if !whole.contains(address) || !whole.data || whole.separated {
        return Ok(());
    }
    let size = pages.size();
    let mut last = index;
    let mut at = whole.start;
    while at < whole.end {
        for page in pages.from(at) {
            if at < whole.end && page == Page::AsideOrGuard && !is_readable(at) {
                if mappings.len() == mappings.capacity() {
                    return Err(TooSmall);
                }
                mappings[last].end = at;
                last += 1;
                mappings.insert(last, Mapping { start: at + size, ..whole });
            }
            at += size;
        }
    }
    for piece in &mut mappings[index..=last] {
        piece.separated = true;
    }
    Ok(())
}

/// `start-end permissions offset device inode  name`.
fn parse(line: &[u8]) -> Option<Mapping> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let range = words.next()?;
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let permissions = words.next()?;
    let inode = decimal(words.nth(2)?);
    let name = words.next().unwrap_or_default();
    let special = name.starts_with(b"[v");
    // Anonymous memory that is shared with children is shown as this file.
    let shared = permissions.get(3) == Some(&b's') && name == b"/dev/zero";
    Some(Mapping {
        start: hexadecimal(range.get(..dash)?)?,
        end: hexadecimal(range.get(dash + 1..)?)?,
        data: permissions.starts_with(b"rw") && (permissions.get(3) == Some(&b'p') || shared) && !special,
        anonymous: shared || inode == Some(0) && !name.starts_with(b"/"),
        main_stack: name == b"[stack]",
        separated: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::pages::Pages;
    use super::{Mapping, around, cut_at_guards, parse, read};

    #[test]
    fn lines_of_all_kinds() {
        let flags = |line: &str| {
            let Mapping { data, anonymous, main_stack, .. } = parse(line.as_bytes()).unwrap();
            (data, anonymous, main_stack)
        };
        let heap = "55a0c8a5e000-55a0c8a7f000 rw-p 00000000 00:00 0                          [heap]";
        assert_eq!(
            (parse(heap.as_bytes()).unwrap().start, parse(heap.as_bytes()).unwrap().end),
            (0x55a0_c8a5_e000, 0x55a0_c8a7_f000)
        );
        assert_eq!(flags(heap), (true, true, false));
        assert_eq!(flags("7f00-7f10 rw-p 00000000 00:00 0 "), (true, true, false));
        assert_eq!(flags("7f00-7f10 rw-p 00000000 00:00 0                          [anon:x y]"), (true, true, false));
        assert_eq!(flags("7f00-7f10 rw-p 00001000 fe:00 1234                       /a b"), (true, false, false));
        assert_eq!(
            flags("7f00-7f10 rw-s 00000000 00:01 1234                       /dev/zero (deleted)"),
            (true, true, false)
        );
        assert_eq!(flags("7f00-7f10 rw-s 00000000 00:01 1234                       /a"), (false, false, false));
        assert_eq!(flags("7f00-7f10 r--p 00000000 00:00 0                          [vvar]"), (false, true, false));
        assert_eq!(flags("7f00-7f10 ---p 00000000 00:00 0 "), (false, true, false));
        assert_eq!(flags("7ffc-7ffe rw-p 00000000 00:00 0                          [stack]"), (true, true, true));
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn a_local_is_in_a_mapping_and_null_in_none() {
        let (mut buffer, mut mappings) = (vec![0; 1 << 18], Vec::with_capacity(4096));
        read(&mut buffer, &mut mappings).unwrap();
        let local = 0u8;
        assert!(around(&mappings, (&raw const local) as u64).unwrap().data);
        assert_eq!(around(&mappings, 0), None);
        assert!(read(&mut buffer[..100], &mut mappings).is_err());
        assert!(read(&mut buffer, &mut Vec::with_capacity(1)).is_err());
    }

    /// Makes one mapping of so many pages, whose third must not be touched.
    fn guarded(pages: u64, size: u64) -> Option<u64> {
        const MADV_GUARD_INSTALL: libc::c_int = 102;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let (len, page) = ((pages * size) as usize, size as usize);
        // SAFETY: a new mapping, and advice about pages of it. It stays.
        unsafe {
            let start = libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0);
            assert_ne!(start, libc::MAP_FAILED);
            let installed = libc::madvise(start.byte_add(2 * page), page, MADV_GUARD_INSTALL);
            (installed == 0).then_some(start as u64)
        }
    }

    #[test]
    fn a_stack_ends_at_its_guard_pages() {
        let pages = Pages::open();
        let size = pages.size();
        // Older kernels have no such pages.
        let Some(start) = guarded(600, size) else { return };
        let (mut buffer, mut mappings) = (vec![0; 1 << 18], Vec::with_capacity(4096));
        read(&mut buffer, &mut mappings).unwrap();
        let whole = *around(&mappings, start).unwrap();
        assert!(whole.contains(start + 599 * size), "{whole:?}");
        cut_at_guards(&mut mappings, start + 599 * size, &pages, |at| at != start + 2 * size).unwrap();
        assert_eq!(around(&mappings, start).unwrap().end, start + 2 * size);
        assert_eq!(around(&mappings, start + 2 * size), None);
        let behind = *around(&mappings, start + 599 * size).unwrap();
        assert_eq!((behind.start, behind.end), (start + 3 * size, whole.end));
        assert!(mappings.is_sorted_by_key(|mapping| mapping.start));
    }
}
