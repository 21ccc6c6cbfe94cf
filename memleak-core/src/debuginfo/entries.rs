//! One debug info entry (DIE) as plain data: only the attributes that say what a type or a static is.
//!
//! May use: `load`.

use crate::address::FileAddress;
use crate::debuginfo::load::{Binary, DieRef, Reader};
use gimli::{AttributeValue, DwTag, UnitOffset};

/// An entry and its depth below the one that the walk began at.
pub(super) struct Entry {
    pub(super) die: DieRef,
    pub(super) depth: isize,
    pub(super) tag: DwTag,
    pub(super) name: Option<Reader>,
    pub(super) linkage_name: Option<Reader>,
    /// `DW_AT_type`.
    pub(super) ty: Option<DieRef>,
    /// `DW_AT_containing_type`: the concrete type of a vtable.
    pub(super) containing: Option<DieRef>,
    pub(super) byte_size: Option<u64>,
    /// `DW_AT_data_member_location`.
    pub(super) member_offset: Option<u64>,
    /// `DW_AT_discr_value`; of an enumerator `DW_AT_const_value`.
    pub(super) discriminant_value: Option<Constant>,
    /// `DW_AT_encoding` says signed.
    pub(super) signed: bool,
    /// Elements of an array.
    pub(super) count: Option<u64>,
    pub(super) location: Option<gimli::Expression<Reader>>,
    pub(super) file: Option<u64>,
    pub(super) line: Option<u64>,
    pub(super) declaration: bool,
    pub(super) artificial: bool,
    /// Has a form or an attribute that rustc does not use for types (bit fields, ranges of discriminants), so that the rest may mislead.
    pub(super) strange: bool,
}

/// Walks an entry and everything below it, in the order of the file.
pub(super) struct Walk<'b> {
    binary: &'b Binary,
    index: u32,
    unit: &'b gimli::Unit<Reader>,
    raw: gimli::EntriesRaw<'b, Reader>,
    ended: bool,
}

impl<'b> Walk<'b> {
    pub(super) fn new(binary: &'b Binary, die: DieRef) -> gimli::Result<Walk<'b>> {
        let unit = binary.unit(die.unit)?;
        let raw = unit.entries_raw(Some(UnitOffset(die.offset as usize)))?;
        Ok(Walk { binary, index: die.unit, unit, raw, ended: false })
    }

    /// The entry itself first, then its descendants, then none.
    pub(super) fn next(&mut self) -> gimli::Result<Option<Entry>> {
        while !self.ended {
            let depth = self.raw.next_depth();
            let offset = self.raw.next_offset().0;
            let abbreviation = self.raw.read_abbreviation()?;
            let entry = match abbreviation {
                Some(abbreviation) => Some(self.read(abbreviation, offset, depth)?),
                None => None,
            };
            self.ended = self.raw.next_depth() <= 0;
            if entry.is_some() {
                return Ok(entry);
            }
        }
        Ok(None)
    }

    fn read(&mut self, abbreviation: &gimli::Abbreviation, offset: usize, depth: isize) -> gimli::Result<Entry> {
        let die = DieRef { unit: self.index, offset: offset as u32 };
        let mut entry = Entry::new(die, depth, abbreviation.tag());
        for specification in abbreviation.attributes() {
            let attribute = self.raw.read_attribute(*specification)?;
            let value = attribute.raw_value();
            match attribute.name() {
                gimli::DW_AT_name => entry.name = self.text(value),
                gimli::DW_AT_linkage_name => entry.linkage_name = self.text(value),
                gimli::DW_AT_type => entry.ty = self.reference(value),
                gimli::DW_AT_containing_type => entry.containing = self.reference(value),
                gimli::DW_AT_encoding => {
                    let encoding = value.udata_value().map(|code| gimli::DwAte(code as u8));
                    entry.signed = matches!(encoding, Some(gimli::DW_ATE_signed | gimli::DW_ATE_signed_char));
                }
                gimli::DW_AT_byte_size => entry.byte_size = entry.number(value),
                gimli::DW_AT_data_member_location => entry.member_offset = entry.number(value),
                gimli::DW_AT_discr_value => entry.discriminant_value = entry.constant(value),
                gimli::DW_AT_const_value if entry.tag == gimli::DW_TAG_enumerator => {
                    entry.discriminant_value = entry.constant(value);
                }
                gimli::DW_AT_count => entry.count = entry.number(value),
                gimli::DW_AT_upper_bound => entry.count = entry.number(value).map(|last| last.wrapping_add(1)),
                gimli::DW_AT_location => entry.location = value.exprloc_value(),
                gimli::DW_AT_decl_file => entry.file = value.udata_value(),
                gimli::DW_AT_decl_line => entry.line = value.udata_value(),
                gimli::DW_AT_declaration => entry.declaration = value == AttributeValue::Flag(true),
                gimli::DW_AT_artificial => entry.artificial = value == AttributeValue::Flag(true),
                gimli::DW_AT_discr_list
                | gimli::DW_AT_bit_size
                | gimli::DW_AT_bit_offset
                | gimli::DW_AT_data_bit_offset
                | gimli::DW_AT_byte_stride
                | gimli::DW_AT_bit_stride => entry.strange = true,
                _ => {}
            }
        }
        Ok(entry)
    }

    fn text(&self, value: AttributeValue<Reader>) -> Option<Reader> {
        self.binary.dwarf().attr_string(self.unit, value).ok()
    }

    fn reference(&self, value: AttributeValue<Reader>) -> Option<DieRef> {
        match value {
            AttributeValue::UnitRef(offset) => Some(DieRef { unit: self.index, offset: offset.0 as u32 }),
            AttributeValue::DebugInfoRef(offset) => self.binary.die(offset),
            _ => None,
        }
    }
}

impl Entry {
    fn new(die: DieRef, depth: isize, tag: DwTag) -> Entry {
        Entry {
            die,
            depth,
            tag,
            name: None,
            linkage_name: None,
            ty: None,
            containing: None,
            byte_size: None,
            member_offset: None,
            discriminant_value: None,
            signed: false,
            count: None,
            location: None,
            file: None,
            line: None,
            declaration: false,
            artificial: false,
            strange: false,
        }
    }

    /// The entry alone, without what is below it.
    pub(super) fn at(binary: &Binary, die: DieRef) -> Option<Entry> {
        Walk::new(binary, die).ok()?.next().ok()?
    }

    /// Where a static is, if it is at a fixed address.
    pub(super) fn address(&self, binary: &Binary) -> Option<FileAddress> {
        let unit = binary.unit(self.die.unit).ok()?;
        let mut operations = self.location?.operations(unit.encoding());
        let address = match operations.next().ok()?? {
            gimli::Operation::Address { address } => address,
            gimli::Operation::AddressIndex { index } => binary.dwarf().address(unit, index).ok()?,
            _ => return None,
        };
        operations.next().ok()?.is_none().then_some(FileAddress(address))
    }

    /// Where a thread-local is in its module's block, if it is one.
    pub(super) fn tls_offset(&self, binary: &Binary) -> Option<u64> {
        let unit = binary.unit(self.die.unit).ok()?;
        let mut operations = self.location?.operations(unit.encoding());
        let offset = match operations.next().ok()?? {
            gimli::Operation::UnsignedConstant { value } => value,
            gimli::Operation::ConstantIndex { index } => binary.dwarf().address(unit, index).ok()?,
            _ => return None,
        };
        matches!(operations.next().ok()??, gimli::Operation::TLS).then_some(offset)
    }

    /// Where a variable of a coroutine's function is in the coroutine, to which the function has a pointer on its stack.
    pub(super) fn offset_behind_pointer(&self, binary: &Binary) -> Option<u64> {
        let unit = binary.unit(self.die.unit).ok()?;
        let mut operations = self.location?.operations(unit.encoding());
        // In a frame of special alignment, an offset from the stack pointer takes the place of one from the frame.
        let (gimli::Operation::FrameOffset { .. } | gimli::Operation::RegisterOffset { .. }) =
            operations.next().ok()??
        else {
            return None;
        };
        let gimli::Operation::Deref { .. } = operations.next().ok()?? else { return None };
        match operations.next().ok()? {
            None => Some(0),
            Some(gimli::Operation::PlusConstant { value }) => operations.next().ok()?.is_none().then_some(value),
            Some(_) => None,
        }
    }

    pub(super) fn name_text(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some(String::from_utf8_lossy(self.name?.slice()))
    }

    fn number(&mut self, value: AttributeValue<Reader>) -> Option<u64> {
        let number = value.udata_value();
        self.strange |= number.is_none();
        number
    }

    fn constant(&mut self, value: AttributeValue<Reader>) -> Option<Constant> {
        let constant = match value {
            AttributeValue::Data1(value) => Some(Constant { bits: u128::from(value), width: 8 }),
            AttributeValue::Data2(value) => Some(Constant { bits: u128::from(value), width: 16 }),
            AttributeValue::Data4(value) => Some(Constant { bits: u128::from(value), width: 32 }),
            AttributeValue::Data8(value) => Some(Constant { bits: u128::from(value), width: 64 }),
            AttributeValue::Udata(value) => Some(Constant { bits: u128::from(value), width: 128 }),
            AttributeValue::Data16(bits) => Some(Constant { bits, width: 128 }),
            AttributeValue::Sdata(value) => Some(Constant { bits: i128::from(value) as u128, width: 128 }),
            AttributeValue::Block(bytes) if (1..=16).contains(&bytes.len()) => {
                let mut wide = [0; 16];
                wide[..bytes.len()].copy_from_slice(bytes.slice());
                Some(Constant { bits: u128::from_le_bytes(wide), width: 8 * bytes.len() as u32 })
            }
            _ => None,
        };
        self.strange |= constant.is_none();
        constant
    }
}

/// A constant as stored: in the fewest bits that hold it, so that -3 and 253 look alike.
#[derive(Clone, Copy)]
pub(super) struct Constant {
    bits: u128,
    width: u32,
}

impl Constant {
    /// Its bit pattern in a value of `size` bytes (1 to 16), zero-extended.
    pub(super) fn in_bytes(self, size: u64, signed: bool) -> u128 {
        let unused = 128 - self.width;
        let extended = if signed { ((self.bits << unused) as i128 >> unused) as u128 } else { self.bits };
        let beyond = 128 - 8 * size.clamp(1, 16) as u32;
        extended << beyond >> beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_extended_by_the_sign_of_its_type() {
        let stored = Constant { bits: 0xfd, width: 8 };
        assert_eq!(stored.in_bytes(2, true), 0xfffd);
        assert_eq!(stored.in_bytes(2, false), 0xfd);
        assert_eq!(stored.in_bytes(1, true), 0xfd);
        assert_eq!(stored.in_bytes(16, true), (-3i128) as u128);
        let wide = Constant { bits: u128::MAX, width: 128 };
        assert_eq!(wide.in_bytes(16, false), u128::MAX);
        assert_eq!(wide.in_bytes(4, true), 0xffff_ffff);
    }
}
