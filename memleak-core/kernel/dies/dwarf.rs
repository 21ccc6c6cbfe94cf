//! Reading the numbers of DWARF: little-endian, checked against the end of the data. Used by all of `dies`.

use super::super::interface_dies::{Bytes, Status};

/// The bytes as a slice.
///
/// # Safety
/// The pointer is valid for reading `len` bytes as long as the result is used.
pub unsafe fn slice<'d>(bytes: Bytes) -> &'d [u8] {
    if bytes.len == 0 {
        return &[];
    }
    debug_assert!(!bytes.start.is_null());
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(bytes.start, bytes.len) }
}

/// A place in a section. Nothing past the end of `data` is ever read; `at` may be.
pub struct Cursor<'d> {
    pub data: &'d [u8],
    pub at: usize,
}

impl<'d> Cursor<'d> {
    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Status> {
        let bytes = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Status::Truncated)?;
        self.at += N;
        Ok(*bytes)
    }

    #[inline(always)]
    pub fn u8(&mut self) -> Result<u8, Status> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline(always)]
    pub fn u16(&mut self) -> Result<u16, Status> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline(always)]
    pub fn u24(&mut self) -> Result<u32, Status> {
        self.array().map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
    }

    #[inline(always)]
    pub fn u32(&mut self) -> Result<u32, Status> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline(always)]
    pub fn u64(&mut self) -> Result<u64, Status> {
        self.array().map(u64::from_le_bytes)
    }

    /// An offset into a section: 4 bytes, or 8 in the 64-bit format.
    #[inline(always)]
    pub fn offset(&mut self, size: u8) -> Result<u64, Status> {
        if size == 8 { self.u64() } else { self.u32().map(u64::from) }
    }

    #[inline(always)]
    pub fn uleb(&mut self) -> Result<u64, Status> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.u8()?;
            if shift > 63 || shift == 63 && byte & 0x7e != 0 {
                return Err(Status::TooLarge);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// Steps over a number of any length, signed or not.
    #[inline(always)]
    pub fn skip_leb(&mut self) -> Result<(), Status> {
        while self.u8()? >= 0x80 {}
        Ok(())
    }

    #[inline(always)]
    pub fn skip(&mut self, len: u64) -> Result<(), Status> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len)).ok_or(Status::Truncated)?;
        if end > self.data.len() {
            return Err(Status::Truncated);
        }
        self.at = end;
        Ok(())
    }

    /// Steps over a text and its final zero.
    pub fn skip_text(&mut self) -> Result<(), Status> {
        while self.u8()? != 0 {}
        Ok(())
    }

    /// The length that every table begins with, and the size of offsets in it.
    pub fn length(&mut self) -> Result<(u64, u8), Status> {
        match self.u32()? {
            0xffff_ffff => Ok((self.u64()?, 8)),
            // Reserved.
            0xffff_fff0.. => Err(Status::Truncated),
            length => Ok((u64::from(length), 4)),
        }
    }
}

pub mod form {
    pub const ADDR: u8 = 0x01;
    pub const BLOCK2: u8 = 0x03;
    pub const BLOCK4: u8 = 0x04;
    pub const DATA2: u8 = 0x05;
    pub const DATA4: u8 = 0x06;
    pub const DATA8: u8 = 0x07;
    pub const STRING: u8 = 0x08;
    pub const BLOCK: u8 = 0x09;
    pub const BLOCK1: u8 = 0x0a;
    pub const DATA1: u8 = 0x0b;
    pub const FLAG: u8 = 0x0c;
    pub const SDATA: u8 = 0x0d;
    pub const STRP: u8 = 0x0e;
    pub const UDATA: u8 = 0x0f;
    pub const REF_ADDR: u8 = 0x10;
    pub const REF1: u8 = 0x11;
    pub const REF2: u8 = 0x12;
    pub const REF4: u8 = 0x13;
    pub const REF8: u8 = 0x14;
    pub const REF_UDATA: u8 = 0x15;
    pub const SEC_OFFSET: u8 = 0x17;
    pub const EXPRLOC: u8 = 0x18;
    pub const FLAG_PRESENT: u8 = 0x19;
    pub const STRX: u8 = 0x1a;
    pub const ADDRX: u8 = 0x1b;
    pub const DATA16: u8 = 0x1e;
    pub const LINE_STRP: u8 = 0x1f;
    pub const REF_SIG8: u8 = 0x20;
    pub const IMPLICIT_CONST: u8 = 0x21;
    pub const LOCLISTX: u8 = 0x22;
    pub const RNGLISTX: u8 = 0x23;
    pub const STRX1: u8 = 0x25;
    pub const STRX2: u8 = 0x26;
    pub const STRX3: u8 = 0x27;
    pub const STRX4: u8 = 0x28;
    pub const ADDRX1: u8 = 0x29;
    pub const ADDRX2: u8 = 0x2a;
    pub const ADDRX3: u8 = 0x2b;
    pub const ADDRX4: u8 = 0x2c;
}

pub mod tag {
    pub const INLINED_SUBROUTINE: u16 = 0x1d;
    pub const VARIABLE: u16 = 0x34;
}

pub mod operation {
    pub const ADDR: u8 = 0x03;
    pub const CONST8U: u8 = 0x0e;
    pub const ADDRX: u8 = 0xa1;
    pub const CONSTX: u8 = 0xa2;
    const FORM_TLS_ADDRESS: u8 = 0x9b;
    const GNU_PUSH_TLS_ADDRESS: u8 = 0xe0;

    pub fn is_thread_local(code: &u8) -> bool {
        matches!(*code, FORM_TLS_ADDRESS | GNU_PUSH_TLS_ADDRESS)
    }
}

pub mod attribute {
    pub const LOCATION: u64 = 0x02;
    pub const NAME: u64 = 0x03;
    pub const LOW_PC: u64 = 0x11;
    pub const HIGH_PC: u64 = 0x12;
    pub const ABSTRACT_ORIGIN: u64 = 0x31;
    pub const DECLARATION: u64 = 0x3c;
    pub const SPECIFICATION: u64 = 0x47;
    pub const TYPE: u64 = 0x49;
    pub const RANGES: u64 = 0x55;
    pub const STR_OFFSETS_BASE: u64 = 0x72;
    pub const ADDR_BASE: u64 = 0x73;
    pub const RNGLISTS_BASE: u64 = 0x74;
}
