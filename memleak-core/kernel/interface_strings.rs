//! What the search for names in `.debug_str` takes and gives. Included by the kernel and by memleak-core.

/// The functions of the search.
#[repr(C)]
pub struct StringTable {
    /// Sets the bit of each offset at which `name` is, with its end or the `<` of generics after it. Says how many there are.
    ///
    /// The offset need not be the start of a string: linkers let a string be the tail of another.
    ///
    /// # Safety
    /// `text` and `name` are valid for reading their lengths. `bits` is valid for reading and writing one bit for each byte of `text`, in
    /// whole words, and overlaps neither.
    pub find_names: unsafe extern "C" fn(
        text: *const u8,
        text_len: usize,
        name: *const u8,
        name_len: usize,
        bits: *mut u64,
    ) -> usize,
}
