//! The search for a name in `.debug_str` and for references to it, safe to call.

use super::MEMLEAK_STRINGS;
use super::interface_strings::{Places, Text};

/// Where a name may begin.
pub struct Names {
    /// One bit for each offset.
    pub bits: Vec<u64>,
    /// The offsets; none if there are more than [`FEW`].
    pub offsets: Option<Vec<u32>>,
}

/// So many references are looked up one by one: that takes less time than to walk all units. A type that is not generic has about five: its
/// name, and the ends of those of `&T`, `&mut T`, `*const T` and `*mut T`.
const FEW: usize = 12;

/// The offsets into `text` at which a string called `name`, with or without generics, may begin. None if there is no such offset.
pub fn find_names(text: &[u8], name: &[u8]) -> Option<Names> {
    let mut bits = vec![0; text.len().div_ceil(64)];
    let offsets = places(FEW, |places| {
        // SAFETY: all pointers are of slices with these lengths, and `bits` has a bit for each byte of `text`.
        unsafe { (MEMLEAK_STRINGS.find_names)(bytes(text), bytes(name), bits.as_mut_ptr(), places) }
    });
    let absent = offsets.as_ref().is_some_and(Vec::is_empty);
    (!absent).then_some(Names { bits, offsets })
}

/// The offsets into `data` at which the four bytes of `word` are; none if there are more than `limit`.
pub fn find_word(data: &[u8], word: u32, limit: usize) -> Option<Vec<u32>> {
    places(limit, |places| {
        // SAFETY: all pointers are of slices with these lengths.
        unsafe { (MEMLEAK_STRINGS.find_word)(bytes(data), word, places) }
    })
}

fn places(limit: usize, find: impl FnOnce(&Places) -> usize) -> Option<Vec<u32>> {
    let mut found = vec![0; limit];
    let count = find(&Places { start: found.as_mut_ptr(), len: limit });
    found.truncate(count);
    (count <= limit).then_some(found)
}

fn bytes(text: &[u8]) -> Text {
    Text { start: text.as_ptr(), len: text.len() }
}

#[cfg(test)]
mod tests {
    use super::{FEW, find_names, find_word};

    fn places(text: &str, name: &str) -> Vec<u32> {
        let Some(names) = find_names(text.as_bytes(), name.as_bytes()) else { return Vec::new() };
        let bits = &names.bits;
        let places: Vec<_> =
            (0..bits.len() as u32 * 64).filter(|at| bits[*at as usize / 64] >> (at % 64) & 1 == 1).collect();
        assert_eq!(names.offsets, (places.len() <= FEW).then(|| places.clone()));
        places
    }

    #[test]
    fn names_are_found_whole_with_generics_and_as_tails() {
        assert!(find_names("a\0".repeat(FEW + 1).as_bytes(), b"a").unwrap().offsets.is_none());
        let text = "Session\0Sessions\0Session<u8>\0ChatSession\0Vec<Session>\0aSession\0Session";
        assert_eq!(places(text, "Session"), [0, 17, 33, 55]);
        assert_eq!(places(text, "Vec"), [41]);
        assert_eq!(places(text, "u"), []);
        assert_eq!(places("a\0a<b>\0ba\0", "a"), [0, 2, 8]);
        assert_eq!(places(text, ""), []);
        assert_eq!(places("", "a"), []);
        assert_eq!(places("a", "abc"), []);
    }

    #[test]
    fn every_place_is_looked_at() {
        for at in 0..300 {
            for name in ["x", "xy", "xyz", &"xy".repeat(40)] {
                for after in ["\0", "<", "<u8>\0and more of this text, which goes on for a while, up to another step"] {
                    let text = format!("{}{name}{after}", "_".repeat(at));
                    assert_eq!(places(&text, name), [at as u32], "{name} {after}");
                }
            }
        }
    }

    #[test]
    fn words_are_found_anywhere_and_no_more_than_asked_for() {
        for at in 0..300 {
            let mut data = vec![0x11; at];
            data.extend([0x78, 0x56, 0x34, 0x12]);
            assert_eq!(find_word(&data, 0x1234_5678, 1), Some(vec![at as u32]));
            data.extend([0x78, 0x56, 0x34].repeat(30));
            assert_eq!(find_word(&data, 0x1234_5678, 1), Some(vec![at as u32]));
            data.extend([0x78, 0x56, 0x34, 0x12]);
            assert_eq!(find_word(&data, 0x1234_5678, 1), None);
            assert_eq!(find_word(&data, 0x1234_5678, 2), Some(vec![at as u32, data.len() as u32 - 4]));
        }
        assert_eq!(find_word(&[1, 2, 3], 0x0003_0201, 9), Some(Vec::new()));
        assert_eq!(find_word(&[], 0, 9), Some(Vec::new()));
    }
}
