//! A hash that is the same everywhere and always: FNV-1a, 64 bits.
//!
//! May use: nothing of this crate.

/// The hash of a text.
pub fn of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_fnv_1a() {
        assert_eq!(super::of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(super::of("foobar"), 0x8594_4171_f739_67e8);
    }
}
