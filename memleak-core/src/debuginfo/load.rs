//! Finds and opens the debug info of the running executable, and says clearly when there is none.

use crate::address::{FileAddress, RuntimeAddress};

/// The executable's file, mapped, its sections found.
pub struct Binary {}

/// Why types cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// Not a platform whose binaries are read (with its name).
    UnsupportedPlatform(String),
    /// No `.debug_info` at all, and the symbol table is there: `debug = false`.
    NoDebugInfo,
    /// No `.debug_info` and no symbol table: `strip`.
    Stripped,
    /// `.debug_info` without types: `debug = "line-tables-only"` or `debug = 1`.
    LineTablesOnly,
    /// The debug info is in other files: `split-debuginfo`.
    Split,
    /// The sections are compressed.
    Compressed,
    /// The file could not be read or is not understood.
    Unreadable(String),
}

impl Binary {
    /// Opens the running executable.
    ///
    /// # Errors
    /// When it has no debug info with types, or cannot be read.
    pub fn current() -> Result<Binary, LoadError> {
        todo!("functions helper")
    }

    /// The file address of a runtime address in the executable; none in shared libraries, heap or stack.
    pub fn file_address(&self, _address: RuntimeAddress) -> Option<FileAddress> {
        todo!("functions helper")
    }

    /// Where a file address is in this process.
    pub fn runtime_address(&self, _address: FileAddress) -> RuntimeAddress {
        todo!("functions helper")
    }
}
