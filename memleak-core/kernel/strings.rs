//! The search for a name in a section of strings. May use nothing.

use super::interface_strings::StringTable;

#[unsafe(no_mangle)]
pub static MEMLEAK_STRINGS: StringTable = StringTable { find_names };

unsafe extern "C" fn find_names(
    text: *const u8,
    text_len: usize,
    name: *const u8,
    name_len: usize,
    bits: *mut u64,
) -> usize {
    // SAFETY: the contract of `StringTable::find_names`.
    let (text, name, bits) = unsafe {
        (
            core::slice::from_raw_parts(text, text_len),
            core::slice::from_raw_parts(name, name_len),
            core::slice::from_raw_parts_mut(bits, text_len.div_ceil(64)),
        )
    };
    find(text, name, bits)
}

/// So many places are looked at together, which the compiler does with vector instructions.
const STEP: usize = 64;

fn find(text: &[u8], name: &[u8], bits: &mut [u64]) -> usize {
    let Some((last, begin)) = name.split_last() else { return 0 };
    let first = begin.first().unwrap_or(last);
    let mut count = 0;
    let mut at = 0;
    while at < text.len() {
        // The first and the last byte of the name and the byte after it: few places have all three.
        let (firsts, lasts, ends) = (window(text, at), window(text, at + begin.len()), window(text, at + name.len()));
        let likely = match (firsts, lasts, ends) {
            (Some(firsts), Some(lasts), Some(ends)) => {
                let mut any = false;
                for ((a, b), c) in firsts.iter().zip(lasts).zip(ends) {
                    any |= (a == first) & (b == last) & ((*c == 0) | (*c == b'<'));
                }
                any
            }
            _ => true,
        };
        if likely {
            for place in at..text.len().min(at + STEP) {
                let found = text.get(place..).and_then(|rest| rest.strip_prefix(name));
                if let Some([0 | b'<', ..]) = found
                    && let Some(word) = bits.get_mut(place / 64)
                {
                    *word |= 1 << (place % 64);
                    count += 1;
                }
            }
        }
        at += STEP;
    }
    count
}

fn window(text: &[u8], at: usize) -> Option<&[u8; STEP]> {
    text.get(at..)?.first_chunk()
}
