//! The search for a name in a section of strings, and for a reference to it. May use nothing.

use super::interface_strings::{Places, StringTable, Text};
use core::mem::MaybeUninit;

#[unsafe(no_mangle)]
pub static MEMLEAK_STRINGS: StringTable = StringTable { find_names, find_word };

unsafe extern "C" fn find_names(text: Text, name: Text, bits: *mut u64, places: &Places) -> usize {
    // SAFETY: the contract of `StringTable::find_names`.
    let (text, name, bits, places) = unsafe {
        (slice(text), slice(name), core::slice::from_raw_parts_mut(bits, text.len.div_ceil(64)), space(places))
    };
    let Some(last) = name.len().checked_sub(1) else { return 0 };
    let mut count = 0;
    // The first and the last byte of the name and the byte after it: few places have all three.
    let likely = |at: usize| {
        let firsts = window(text, at)?;
        let lasts = window(text, at + last)?;
        let ends = window(text, at + name.len())?;
        let mut any = false;
        for ((a, b), c) in firsts.iter().zip(lasts).zip(ends) {
            any |= (*a == name[0]) & (*b == name[last]) & ((*c == 0) | (*c == b'<'));
        }
        Some(any)
    };
    search(text.len(), likely, |at| {
        let found = text.get(at..).and_then(|rest| rest.strip_prefix(name));
        if let Some([0 | b'<', ..]) = found
            && let Some(word) = bits.get_mut(at / 64)
        {
            *word |= 1 << (at % 64);
            put(places, count, at);
            count += 1;
        }
    });
    count
}

unsafe extern "C" fn find_word(data: Text, word: u32, places: &Places) -> usize {
    // SAFETY: the contract of `StringTable::find_word`.
    let (data, places) = unsafe { (slice(data), space(places)) };
    let bytes = word.to_le_bytes();
    let mut count = 0;
    let likely = |at: usize| {
        let (first, second) = (window(data, at)?, window(data, at + 1)?);
        let (third, fourth) = (window(data, at + 2)?, window(data, at + 3)?);
        let mut any = false;
        for (((a, b), c), d) in first.iter().zip(second).zip(third).zip(fourth) {
            any |= (*a == bytes[0]) & (*b == bytes[1]) & (*c == bytes[2]) & (*d == bytes[3]);
        }
        Some(any)
    };
    search(data.len(), likely, |at| {
        if data.get(at..).is_some_and(|rest| rest.starts_with(&bytes)) {
            put(places, count, at);
            count += 1;
        }
    });
    count
}

/// So many places are looked at together, which the compiler does with vector instructions.
const STEP: usize = 64;

/// Looks closely at each place of those steps that are `likely` to have one, or where that cannot be told because the end is near.
#[inline(always)]
fn search(len: usize, likely: impl Fn(usize) -> Option<bool>, mut look: impl FnMut(usize)) {
    let mut at = 0;
    while at < len {
        if likely(at).unwrap_or(true) {
            for place in at..len.min(at + STEP) {
                look(place);
            }
        }
        at += STEP;
    }
}

#[inline(always)]
fn window(text: &[u8], at: usize) -> Option<&[u8; STEP]> {
    text.get(at..)?.first_chunk()
}

fn put(places: &mut [MaybeUninit<u32>], index: usize, at: usize) {
    if let Some(place) = places.get_mut(index) {
        place.write(at as u32);
    }
}

/// # Safety
/// `text` is valid for reading for as long as the slice is used.
unsafe fn slice<'t>(text: Text) -> &'t [u8] {
    // SAFETY: the contract.
    unsafe { core::slice::from_raw_parts(text.start, text.len) }
}

/// # Safety
/// `places` is valid for writing for as long as the slice is used.
unsafe fn space<'p>(places: &Places) -> &'p mut [MaybeUninit<u32>] {
    // SAFETY: the contract.
    unsafe { core::slice::from_raw_parts_mut(places.start.cast(), places.len) }
}
