//! What the search for names takes and gives. Included by the kernel and by memleak-core.

/// Borrowed bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub start: *const u8,
    pub len: usize,
}

/// Where places in a text go: the first that there is room for.
#[repr(C)]
pub struct Places {
    pub start: *mut u32,
    pub len: usize,
}

/// The functions of the search.
#[repr(C)]
pub struct StringTable {
    /// Finds each offset into `text` at which `name` is, with its end or the `<` of generics after it, and sets its bit. Says how many there
    /// are.
    ///
    /// The offset need not be the start of a string: linkers let a string be the tail of another.
    ///
    /// # Safety
    /// `text` and `name` are valid for reading, `places` for writing. `bits` is valid for reading and writing one bit for each byte of
    /// `text`, in whole words. Nothing overlaps what is written.
    pub find_names: unsafe extern "C" fn(text: Text, name: Text, bits: *mut u64, places: &Places) -> usize,
    /// Finds each offset into `data` at which the four bytes of `word` are, the lowest first. Says how many there are.
    ///
    /// # Safety
    /// `data` is valid for reading, `places` for writing, and they do not overlap.
    pub find_word: unsafe extern "C" fn(data: Text, word: u32, places: &Places) -> usize,
}
