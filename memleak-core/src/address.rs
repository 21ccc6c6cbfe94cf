//! Addresses as types: the same number means different things in the running process, in the file, and on a stack.

/// An address in this process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuntimeAddress(pub u64);

/// An address as the ELF file states it, before the loader has moved the module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileAddress(pub u64);

/// The address a call returns to. The call itself is before it, and may be the last instruction of another function or line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReturnAddress(pub u64);

impl ReturnAddress {
    /// An address inside the call instruction, to look the call up by.
    pub fn lookup(self) -> RuntimeAddress {
        RuntimeAddress(self.0.wrapping_sub(1))
    }
}
