//! From a call to its landing pad: the code that runs when the call unwinds.
//!
//! May use: `address`, `load`.

use crate::address::FileAddress;
use crate::debuginfo::load::{Binary, Reader};
use gimli::{BaseAddresses, EhFrame, EhFrameHdr, LittleEndian, Pointer, Reader as _, UnwindSection as _};
use object::{Object as _, ObjectSection as _};

/// What the tables say of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pad {
    /// It may unwind, and this code runs then.
    At(FileAddress),
    /// It may unwind, and there is nothing to do.
    Nothing,
    /// Its function has nothing to do for any call.
    OfNoCall,
    /// It may not unwind, or the tables were not understood.
    NotTold,
}

/// The unwind tables of the executable.
pub(super) struct Pads {
    table: Option<gimli::ParsedEhFrameHdr<Reader>>,
    frames: EhFrame<Reader>,
    bases: BaseAddresses,
    /// Of each call that can unwind.
    exceptions: (u64, &'static [u8]),
}

impl Pads {
    pub(super) fn of(binary: &Binary) -> Pads {
        let section = |name| {
            let section = binary.elf().section_by_name(name)?;
            Some((section.address(), section.data().ok()?))
        };
        let [header, frames, exceptions] =
            [".eh_frame_hdr", ".eh_frame", ".gcc_except_table"].map(|name| section(name).unwrap_or_default());
        let text = section(".text").unwrap_or_default();
        let bases = BaseAddresses::default().set_eh_frame_hdr(header.0).set_eh_frame(frames.0).set_text(text.0);
        let table = EhFrameHdr::new(header.1, LittleEndian).parse(&bases, size_of::<u64>() as u8).ok();
        Pads { table, frames: EhFrame::new(frames.1, LittleEndian), bases, exceptions }
    }

    /// Of the call that `address` is in.
    pub(super) fn at(&self, address: FileAddress) -> Pad {
        self.find(address).unwrap_or(Pad::NotTold)
    }

    fn find(&self, address: FileAddress) -> Option<Pad> {
        let table = self.table.as_ref()?.table()?;
        let frame = table.fde_for_address(&self.frames, &self.bases, address.0, EhFrame::cie_from_offset).ok()?;
        let list = match frame.lsda() {
            None => return Some(Pad::OfNoCall),
            Some(Pointer::Direct(at)) => at,
            Some(Pointer::Indirect(_)) => return None,
        };
        let (start, bytes) = self.exceptions;
        let bytes = bytes.get(usize::try_from(list.checked_sub(start)?).ok()?..)?;
        let mut reader = Reader::new(bytes, LittleEndian);
        // Landing pads are relative to the function unless something else is said.
        let (start_encoding, type_encoding) = (gimli::DwEhPe(reader.read_u8().ok()?), reader.read_u8().ok()?);
        if start_encoding != gimli::DW_EH_PE_omit {
            return None;
        }
        if gimli::DwEhPe(type_encoding) != gimli::DW_EH_PE_omit {
            reader.read_uleb128().ok()?;
        }
        let encoding = gimli::DwEhPe(reader.read_u8().ok()?);
        let length = reader.read_uleb128().ok()?;
        let mut calls = reader.split(usize::try_from(length).ok()?).ok()?;
        let offset = address.0.checked_sub(frame.initial_address())?;
        while !calls.is_empty() {
            let mut number = || match encoding {
                gimli::DW_EH_PE_uleb128 => calls.read_uleb128().ok(),
                gimli::DW_EH_PE_udata4 => calls.read_u32().ok().map(u64::from),
                _ => None,
            };
            let (from, length, pad) = (number()?, number()?, number()?);
            calls.read_uleb128().ok()?;
            if (from..from.checked_add(length)?).contains(&offset) {
                let at = FileAddress(frame.initial_address().wrapping_add(pad));
                return Some(if pad == 0 { Pad::Nothing } else { Pad::At(at) });
            }
        }
        None
    }
}
