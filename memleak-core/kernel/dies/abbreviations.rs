//! The abbreviations of a unit, turned into the fewest steps that read what is wanted of its entries. May use `dwarf`.

use super::super::interface_dies::{Abbreviation, Status, Step, Walk, Wanted};
use super::dwarf::{Cursor, attribute, form};

/// What a step's attribute is wanted for; its attribute's code, which is below 256 for all of them.
pub const NOTHING: u8 = 0;

/// The sizes that some forms depend on.
#[derive(Clone, Copy)]
pub struct Encoding {
    pub version: u16,
    pub offset_size: u8,
}

/// What the two unit tags are, whose own entry is always looked at.
const UNIT_TAGS: [u64; 3] = [0x11, 0x3c, 0x4a];

/// Fills the walk's abbreviations and steps from the table at `offset`; says how many there are.
pub fn decode(
    section: &[u8],
    offset: u64,
    encoding: Encoding,
    wanted: &Wanted,
    abbreviations: &mut [Abbreviation],
    steps: &mut [Step],
    detail: &mut u64,
) -> Result<(usize, usize), Status> {
    let mut cursor = Cursor { data: section, at: usize::try_from(offset).map_err(|_| Status::Truncated)? };
    let mut made = 0;
    let mut stepped = 0;
    loop {
        let code = cursor.uleb()?;
        if code == 0 {
            return Ok((made, stepped));
        }
        let tag = cursor.uleb()?;
        let children = cursor.u8()? != 0;
        let is_wanted =
            UNIT_TAGS.contains(&tag) || wanted.always.has(tag) || wanted.named.has(tag) || wanted.around.has(tag);
        let first = stepped;
        let mut skip = 0u16;
        loop {
            let (name, code) = (cursor.uleb()?, cursor.uleb()?);
            if code == u64::from(form::IMPLICIT_CONST) {
                cursor.skip_leb()?;
            }
            if (name, code) == (0, 0) {
                break;
            }
            let what = if is_wanted { purpose(name) } else { NOTHING };
            let size = size(code, encoding, detail)?;
            match size {
                Some(size) if what == NOTHING && skip < u16::MAX - 16 => skip += size,
                _ => {
                    let step = Step { skip, form: code as u8, what };
                    *steps.get_mut(stepped).ok_or(Status::FullOfAbbreviations)? = step;
                    stepped += 1;
                    skip = 0;
                }
            }
        }
        *abbreviations.get_mut(made).ok_or(Status::FullOfAbbreviations)? = Abbreviation {
            code: u32::try_from(code).map_err(|_| Status::TooLarge)?,
            first_step: u32::try_from(first).map_err(|_| Status::TooLarge)?,
            steps: u16::try_from(stepped - first).map_err(|_| Status::TooLarge)?,
            tail: skip,
            tag: u16::try_from(tag).map_err(|_| Status::TooLarge)?,
            children,
            wanted: is_wanted,
        };
        made += 1;
    }
}

/// The abbreviation with this code. Compilers number them from 1 without gaps, but need not.
#[inline(always)]
pub fn find(abbreviations: &[Abbreviation], code: u64) -> Result<&Abbreviation, Status> {
    match abbreviations.get((code as usize).wrapping_sub(1)) {
        Some(found) if u64::from(found.code) == code => Ok(found),
        _ => find_anywhere(abbreviations, code),
    }
}

#[cold]
fn find_anywhere(abbreviations: &[Abbreviation], code: u64) -> Result<&Abbreviation, Status> {
    abbreviations.iter().find(|entry| u64::from(entry.code) == code).ok_or(Status::NoAbbreviation)
}

fn purpose(name: u64) -> u8 {
    match name {
        attribute::LOCATION
        | attribute::NAME
        | attribute::LOW_PC
        | attribute::HIGH_PC
        | attribute::ABSTRACT_ORIGIN
        | attribute::DECLARATION
        | attribute::SPECIFICATION
        | attribute::TYPE
        | attribute::RANGES
        | attribute::STR_OFFSETS_BASE
        | attribute::ADDR_BASE
        | attribute::RNGLISTS_BASE => name as u8,
        _ => NOTHING,
    }
}

/// The size of a form's data, or none if the data says it.
fn size(code: u64, encoding: Encoding, detail: &mut u64) -> Result<Option<u16>, Status> {
    let offset_size = u16::from(encoding.offset_size);
    let known = u8::try_from(code).unwrap_or(0);
    Ok(Some(match known {
        form::FLAG_PRESENT | form::IMPLICIT_CONST => 0,
        form::DATA1 | form::REF1 | form::FLAG | form::STRX1 | form::ADDRX1 => 1,
        form::DATA2 | form::REF2 | form::STRX2 | form::ADDRX2 => 2,
        form::STRX3 | form::ADDRX3 => 3,
        form::DATA4 | form::REF4 | form::STRX4 | form::ADDRX4 => 4,
        form::ADDR | form::DATA8 | form::REF8 | form::REF_SIG8 => 8,
        form::DATA16 => 16,
        // An address in DWARF 2.
        form::REF_ADDR if encoding.version <= 2 => 8,
        form::STRP | form::LINE_STRP | form::SEC_OFFSET | form::REF_ADDR => offset_size,
        form::STRING
        | form::BLOCK
        | form::BLOCK1
        | form::BLOCK2
        | form::BLOCK4
        | form::EXPRLOC
        | form::SDATA
        | form::UDATA
        | form::REF_UDATA
        | form::STRX
        | form::ADDRX
        | form::LOCLISTX
        | form::RNGLISTX => return Ok(None),
        _ => {
            *detail = code;
            return Err(Status::UnknownForm);
        }
    }))
}

/// Steps over the data of an attribute that is not wanted.
#[inline(always)]
pub fn skip(cursor: &mut Cursor, code: u8, encoding: Encoding) -> Result<(), Status> {
    match code {
        form::UDATA | form::SDATA | form::REF_UDATA | form::STRX | form::ADDRX | form::LOCLISTX | form::RNGLISTX => {
            cursor.skip_leb()
        }
        form::BLOCK | form::EXPRLOC => {
            let len = cursor.uleb()?;
            cursor.skip(len)
        }
        form::BLOCK1 => {
            let len = cursor.u8()?;
            cursor.skip(u64::from(len))
        }
        form::BLOCK2 => {
            let len = cursor.u16()?;
            cursor.skip(u64::from(len))
        }
        form::BLOCK4 => {
            let len = cursor.u32()?;
            cursor.skip(u64::from(len))
        }
        form::STRING => cursor.skip_text(),
        _ => match size(u64::from(code), encoding, &mut 0)? {
            Some(size) => cursor.skip(u64::from(size)),
            None => Err(Status::UnknownForm),
        },
    }
}

/// The space that the caller lends for abbreviations and steps.
///
/// # Safety
/// The walk's pointers are valid for writing their lengths, and used by nothing else as long as the result.
pub unsafe fn space<'w>(walk: &Walk) -> (&'w mut [Abbreviation], &'w mut [Step]) {
    debug_assert!(!walk.abbreviations.is_null() && !walk.steps.is_null());
    // SAFETY: the caller's promise.
    unsafe {
        (
            core::slice::from_raw_parts_mut(walk.abbreviations, walk.abbreviations_len),
            core::slice::from_raw_parts_mut(walk.steps, walk.steps_len),
        )
    }
}
