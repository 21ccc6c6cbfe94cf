//! What a call that has not ended would drop if it unwound now: the values that are alive in its frame, temporaries too.
//!
//! May use: `kernel`, `address`, `load`, `functions`, `types`.
//!
//! Debug info lists a local until its scope ends, also after it was moved or dropped, and does not list temporaries. The compiler knows better: for
//! each call it has written a landing pad, which drops all that its frame owns at that moment, and asks the drop flags where that depends on the way
//! the program came. In code that is not optimised these are a few simple instructions. So a landing pad is followed, over a copy of the thread's
//! memory, and what it calls `drop_in_place` for is alive.
//!
//! - [`pads`]: from a call to its landing pad.
//! - [`machine`]: follows the code.

mod machine;
mod pads;

use crate::address::{FileAddress, RuntimeAddress};
use crate::debuginfo::functions::Functions;
use crate::debuginfo::load::Binary;
use crate::debuginfo::types::TypeId;
use machine::{Event, Machine, Memory};
use object::elf;
use object::read::elf::ProgramHeader as _;
use pads::{Pad, Pads};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A value that would be dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// Its type.
    pub ty: TypeId,
    /// Where it is.
    pub address: RuntimeAddress,
}

/// What a frame owns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owned {
    /// Values.
    pub values: Vec<Dropped>,
    /// What boxes point to that are freed without their values: these were moved out, are used up by the call, or are among `values`, as a whole
    /// or field by field.
    pub emptied: Vec<Dropped>,
}

/// What a call would do if it unwound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unwinding {
    /// Drop what its frame owns, and go on in the caller.
    Drops(Owned),
    /// Nothing, whatever call its function is in; unless it is in one that cannot unwind.
    DropsNothing,
    /// It unwinds, and what it would drop was not understood.
    NotUnderstood,
    /// It cannot unwind, or that is not known.
    NotKnown,
}

/// A frame, and how to read memory.
#[derive(Clone, Copy)]
pub struct InFrame<'a> {
    /// In the call.
    pub at: RuntimeAddress,
    /// The stack pointer in it.
    pub sp: u64,
    /// The frame pointer in it, if it is known.
    pub fp: Option<u64>,
    /// A word of the copy.
    pub word: &'a dyn Fn(u64) -> Option<u64>,
}

/// Follows the landing pads of a program. What was read once is kept.
pub struct Cleanups {
    functions: Rc<Functions<'static, 'static>>,
    binary: &'static Binary,
    pads: Pads,
    known: RefCell<HashMap<FileAddress, Pad>>,
    /// By address.
    called: RefCell<HashMap<u64, Called>>,
    /// The loadable segments: where they are in this process, and their bytes.
    segments: Vec<(u64, &'static [u8])>,
    resume: u64,
}

/// A function that a landing pad calls.
#[derive(Clone, Copy)]
enum Called {
    /// It drops a value of this type.
    Drops(TypeId),
    /// It drops a box without its value, which is of this type.
    Frees(TypeId),
    /// The landing pad ends with it.
    Resumes,
    /// The process ends with it: the function must not unwind.
    Aborts,
    Other,
}

impl Cleanups {
    /// Those of the running program. `resume` is the address of `_Unwind_Resume` in this process.
    pub fn new(binary: &'static Binary, functions: Rc<Functions<'static, 'static>>, resume: u64) -> Cleanups {
        let endian = binary.elf().endian();
        let segments = binary.elf().elf_program_headers().iter();
        let loaded = segments.filter(|segment| segment.p_type(endian) == elf::PT_LOAD).filter_map(|segment| {
            let bytes = segment.data(endian, binary.elf().data()).ok()?;
            Some((binary.runtime_address(FileAddress(segment.p_vaddr(endian))).0, bytes))
        });
        let segments = loaded.collect();
        let (known, called) = Default::default();
        Cleanups { functions, binary, pads: Pads::of(binary), known, called, segments, resume }
    }

    /// What the call in this frame would do.
    pub fn of(&self, frame: InFrame<'_>) -> Unwinding {
        if !cfg!(target_arch = "x86_64") {
            return Unwinding::NotKnown;
        }
        let Some(address) = self.binary.file_address(frame.at) else { return Unwinding::NotKnown };
        let pad = *self.known.borrow_mut().entry(address).or_insert_with(|| self.pads.at(address));
        match pad {
            Pad::At(pad) => self.follow(self.binary.runtime_address(pad).0, frame),
            Pad::Nothing => Unwinding::Drops(Owned::default()),
            Pad::OfNoCall => Unwinding::DropsNothing,
            Pad::NotTold => Unwinding::NotKnown,
        }
    }

    fn follow(&self, pad: u64, frame: InFrame<'_>) -> Unwinding {
        let memory = Copied { segments: &self.segments, word: frame.word };
        let mut machine = Machine::new(&memory, pad, frame.sp, frame.fp);
        let mut owned = Owned::default();
        while let Event::Call { target, argument } = machine.run() {
            match (self.called(target, &memory), argument) {
                (Called::Drops(ty), Some(address)) => {
                    owned.values.push(Dropped { ty, address: RuntimeAddress(address) })
                }
                (Called::Frees(ty), Some(address)) => {
                    let value = memory.word(address).map(|value| Dropped { ty, address: RuntimeAddress(value) });
                    owned.emptied.extend(value);
                }
                (Called::Resumes, _) => return Unwinding::Drops(owned),
                (Called::Aborts, _) => return Unwinding::NotKnown,
                (Called::Drops(_) | Called::Frees(_) | Called::Other, _) => break,
            }
        }
        Unwinding::NotUnderstood
    }

    fn called(&self, target: u64, memory: &Copied<'_>) -> Called {
        if let Some(known) = self.called.borrow().get(&target) {
            return *known;
        }
        let called = self.tell(target, memory);
        self.called.borrow_mut().insert(target, called);
        called
    }

    fn tell(&self, target: u64, memory: &Copied<'_>) -> Called {
        if target == self.resume || stub(target, memory) == Some(self.resume) {
            return Called::Resumes;
        }
        let address = self.binary.file_address(RuntimeAddress(target));
        let functions = address.map(|address| self.functions.at(address)).unwrap_or_default();
        let Some(function) = functions.last().map(|frame| &frame.function) else { return Called::Other };
        match (&*function.plain, &function.parameters[..]) {
            ("core::ptr::drop_in_place" | "core::ptr::drop_glue", [(_, ty)]) => Called::Drops(*ty),
            (path, _) if path.starts_with("core::panicking::") => Called::Aborts,
            (path, [(_, ty), ..]) if path.starts_with("alloc::boxed::") && path.ends_with("::drop") => {
                Called::Frees(*ty)
            }
            _ => Called::Other,
        }
    }
}

/// Where a stub of the linker jumps to: `jmp [rip + distance]`, perhaps behind a mark.
fn stub(at: u64, memory: &Copied<'_>) -> Option<u64> {
    const MARK: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
    let code = memory.code(at)?;
    let (code, at) = if code.starts_with(&MARK) { (&code[4..], at + 4) } else { (code, at) };
    let [0xff, 0x25, distance @ ..] = code.get(..6)? else { return None };
    let distance = i32::from_le_bytes(distance.try_into().ok()?);
    memory.word((at + 6).wrapping_add_signed(i64::from(distance)))
}

/// The code of the executable, and a copy of its memory.
struct Copied<'a> {
    segments: &'a [(u64, &'static [u8])],
    word: &'a dyn Fn(u64) -> Option<u64>,
}

impl Memory for Copied<'_> {
    fn code(&self, address: u64) -> Option<&[u8]> {
        let inside = |(start, bytes): &(u64, &'static [u8])| {
            bytes.get(usize::try_from(address.checked_sub(*start)?).ok()?..).filter(|rest| !rest.is_empty())
        };
        self.segments.iter().find_map(inside)
    }

    fn word(&self, address: u64) -> Option<u64> {
        (self.word)(address)
    }
}
