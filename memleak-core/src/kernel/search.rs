//! The search for a name in `.debug_str`, safe to call.

use super::MEMLEAK_STRINGS;

/// One bit for each offset into `text`: whether a string called `name`, with or without generics, may begin there. None if there is no such
/// offset.
pub fn find_names(text: &[u8], name: &[u8]) -> Option<Vec<u64>> {
    let mut bits = vec![0; text.len().div_ceil(64)];
    // SAFETY: all pointers are of slices with these lengths, and `bits` has a bit for each byte of `text`.
    let count = unsafe {
        (MEMLEAK_STRINGS.find_names)(text.as_ptr(), text.len(), name.as_ptr(), name.len(), bits.as_mut_ptr())
    };
    (count > 0).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::find_names;

    fn places(text: &str, name: &str) -> Vec<usize> {
        let bits = find_names(text.as_bytes(), name.as_bytes()).unwrap_or_default();
        (0..bits.len() * 64).filter(|at| bits[at / 64] >> (at % 64) & 1 == 1).collect()
    }

    #[test]
    fn names_are_found_whole_with_generics_and_as_tails() {
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
                    assert_eq!(places(&text, name), [at], "{name} {after}");
                }
            }
        }
    }
}
