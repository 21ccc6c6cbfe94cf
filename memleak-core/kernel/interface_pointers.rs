//! What the search for pointers takes and gives. Included by the kernel and by memleak-core.

/// A block that pointers may lead to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub start: u64,
    pub end: u64,
}

/// Copied memory to look for pointers in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Where it was.
    pub address: u64,
    /// The copy.
    pub bytes: *const u8,
    pub len: usize,
}

/// A word that leads into a target.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pointer {
    /// The address of the word.
    pub at: u64,
    /// The index of the piece it is in.
    pub from: u32,
    /// The index of the target.
    pub to: u32,
}

/// Targets that lie close together.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// The start of the first one.
    pub start: u64,
    /// The end of the last one.
    pub end: u64,
    /// The index of its first granule.
    pub granules: usize,
}

/// Borrowed values of one type.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Many<T> {
    pub start: *const T,
    pub len: usize,
}

/// Room for values of one type.
#[repr(C)]
#[derive(Debug)]
pub struct Room<T> {
    pub start: *mut T,
    pub len: usize,
}

/// What targets are looked up with.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Index {
    pub targets: Many<Target>,
    pub clusters: Many<Cluster>,
    /// For each granule of each cluster the index of the last target that begins at or before the granule's start.
    pub granules: Many<u32>,
}

/// How large an index is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    pub clusters: usize,
    pub granules: usize,
}

/// The functions of the search.
#[repr(C)]
pub struct PointerTable {
    /// Writes the index of `targets` as far as there is room, and says how much room it takes.
    ///
    /// The targets are in order and do not overlap.
    ///
    /// # Safety
    /// `targets` is valid for reading, the rooms for writing. Nothing overlaps what is written.
    pub index: unsafe extern "C" fn(targets: Many<Target>, clusters: &Room<Cluster>, granules: &Room<u32>) -> Sizes,
    /// Finds each word of the pieces whose value leads to a target: into it, or to its end if no other target is there. Words are at
    /// multiples of 8; their upper 16 bits do not count. Says how many there are, and writes as many as there is room for, in the order of
    /// the pieces.
    ///
    /// # Safety
    /// All that `index` and `pieces` lead to is valid for reading, `found` for writing, and it does not overlap them.
    pub search: unsafe extern "C" fn(index: &Index, pieces: Many<Piece>, found: &Room<Pointer>) -> usize,
}
