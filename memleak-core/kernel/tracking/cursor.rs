//! Reads the encodings of `.eh_frame` from mapped memory, within bounds.
//!
//! May use: nothing.

use core::ptr;

/// A position in mapped memory and where it ends. Every read that would pass the end answers none.
#[derive(Clone, Copy)]
pub struct Cursor {
    at: u64,
    end: u64,
}

impl Cursor {
    /// Over the memory from `at` to `end`.
    ///
    /// # Safety
    /// All of it can be read, as long as the cursor or a copy is used.
    pub unsafe fn new(at: u64, end: u64) -> Cursor {
        debug_assert!(at <= end);
        Cursor { at, end }
    }

    /// Where the next read is.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// A cursor over the next `len` bytes, which are skipped here.
    pub fn split(&mut self, len: u64) -> Option<Cursor> {
        let end = self.at.checked_add(len)?;
        if end > self.end {
            return None;
        }
        let part = Cursor { at: self.at, end };
        self.at = end;
        Some(part)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let part = self.split(N as u64)?;
        // SAFETY: within the bounds of a readable range.
        Some(unsafe { ptr::read_unaligned(part.at as *const [u8; N]) })
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        let [byte] = self.bytes()?;
        Some(byte)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes()?))
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes()?))
    }

    /// An unsigned LEB128 number of at most 63 bits.
    pub fn uleb(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.u8()?;
            if shift > 56 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift = shift.wrapping_add(7);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    }

    /// A signed LEB128 number of at most 63 bits.
    pub fn sleb(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0i64, 0u32);
        loop {
            let byte = self.u8()?;
            if shift > 56 {
                return None;
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift = shift.wrapping_add(7);
            if byte & 0x80 == 0 {
                let unused = 64u32.wrapping_sub(shift);
                return Some(value.wrapping_shl(unused).wrapping_shr(unused));
            }
        }
    }

    /// A pointer in one of the `DW_EH_PE` encodings: absolute or relative to itself.
    pub fn pointer(&mut self, encoding: u8) -> Option<u64> {
        let here = self.at;
        let value = match encoding & 0x0f {
            0x00 | 0x04 | 0x0c => self.u64()?,
            0x01 => self.uleb()?,
            0x02 => u64::from(self.u16()?),
            0x03 => u64::from(self.u32()?),
            0x09 => self.sleb()? as u64,
            0x0a => self.u16()? as i16 as u64,
            0x0b => self.u32()? as i32 as u64,
            _ => return None,
        };
        match encoding & 0x70 {
            0x00 => Some(value),
            0x10 => Some(here.wrapping_add(value)),
            _ => None,
        }
    }
}
