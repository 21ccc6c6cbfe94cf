//! From a code address to the rule that undoes its frame, by evaluating the call frame instructions of `.eh_frame`.
//!
//! May use: `cursor`, `interface_tracker`, `modules`.
//!
//! A rule covers what compilers write for ordinary functions: the frame's end (CFA) is the stack or frame pointer plus a constant, the
//! return address and the caller's frame pointer are at constant distances from it. What does not fit (expressions, as in the PLT and in
//! signal frames) has no rule, and the stack ends there.

use super::super::interface_tracker::RawRule;
use super::cursor::Cursor;
use super::modules;

/// How to get from a frame to its caller, in eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// CFA offset in bytes, a multiple of eight; the kind is in the low three bits.
    cfa: u32,
    /// Where the caller's frame pointer is saved, in words from the CFA; zero if it is unchanged.
    fp: i16,
    /// Where the return address is, in words from the CFA.
    ra: i16,
}

const STEP: u32 = 1;
const FROM_FP: u32 = 2;
const END: u32 = 4;
const KIND: u32 = 7;

impl Rule {
    /// Nothing is known; the stack ends here for want of a rule.
    pub const UNSUPPORTED: Rule = Rule { cfa: 0, fp: 0, ra: 0 };
    /// The unwind table says that there is no caller.
    pub const OUTERMOST: Rule = Rule { cfa: END, fp: 0, ra: 0 };

    /// Whether there is a caller to go to.
    #[inline(always)]
    pub fn steps(self) -> bool {
        self.cfa & STEP != 0
    }

    /// Whether the CFA is computed from the frame pointer.
    #[inline(always)]
    pub fn uses_fp(self) -> bool {
        self.cfa & FROM_FP != 0
    }

    /// The CFA, given both registers.
    #[inline(always)]
    pub fn cfa(self, sp: u64, fp: u64) -> u64 {
        let base = if self.uses_fp() { fp } else { sp };
        base.wrapping_add(self.cfa_offset())
    }

    #[inline(always)]
    fn cfa_offset(self) -> u64 {
        u64::from(self.cfa & !KIND)
    }

    /// The CFA offset, if the CFA is computed from the stack pointer and the frame pointer is unchanged: so it is for most frames.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn sp_only(self) -> Option<u64> {
        if self.cfa & KIND == STEP && self.fp == 0 { Some(self.cfa_offset()) } else { None }
    }

    /// The distance of the saved frame pointer from the CFA, in bytes; zero if it is unchanged.
    #[inline(always)]
    pub fn fp_offset(self) -> i64 {
        i64::from(self.fp) << 3
    }

    /// The distance of the return address from the CFA, in bytes.
    #[inline(always)]
    pub fn ra_offset(self) -> i64 {
        i64::from(self.ra) << 3
    }

    /// The rule spelt out.
    pub fn spelt_out(self) -> RawRule {
        let kind = if self.steps() {
            1
        } else if self == Rule::OUTERMOST {
            2
        } else {
            0
        };
        let cfa = self.cfa_offset() as i64;
        RawRule { kind, from_fp: self.uses_fp(), cfa, fp: self.fp_offset(), ra: self.ra_offset() }
    }

    /// The rule as a number, for a table.
    pub fn to_bits(self) -> u64 {
        u64::from(self.cfa) | u64::from(self.fp as u16) << 32 | u64::from(self.ra as u16) << 48
    }

    /// The inverse of [`Rule::to_bits`].
    #[inline(always)]
    pub fn from_bits(bits: u64) -> Rule {
        Rule { cfa: bits as u32, fp: (bits >> 32) as i16, ra: (bits >> 48) as i16 }
    }
}

#[cfg(target_arch = "x86_64")]
mod registers {
    pub const SP: u64 = 7;
    pub const FP: u64 = 6;
    pub const RA: u64 = 16;
}
#[cfg(target_arch = "aarch64")]
mod registers {
    pub const SP: u64 = 31;
    pub const FP: u64 = 29;
    pub const RA: u64 = 30;
}

/// The rule for the frame that is at `address`, which must be inside the call instruction.
pub fn rule_for(address: u64) -> Rule {
    evaluate(address).unwrap_or(Rule::UNSUPPORTED)
}

fn evaluate(address: u64) -> Option<Rule> {
    let found = modules::description(address)?;
    let common = Common::read(found.cie)?;
    let mut body = found.body;
    let start = body.pointer(common.pointer_encoding)?;
    let length = body.pointer(common.pointer_encoding & 0x0f)?;
    if address < start || address.wrapping_sub(start) >= length {
        return None;
    }
    if common.augmented {
        let len = body.uleb()?;
        body.split(len)?;
    }
    let mut machine = Machine {
        common: &common,
        row: Row::START,
        initial: Row::START,
        saved: [Row::START; 8],
        depth: 0,
        at: start,
        target: address,
    };
    machine.run(common.instructions)?;
    machine.initial = machine.row;
    machine.run(body)?;
    machine.row.rule()
}

/// What a CIE says for all its descriptions.
struct Common {
    code_factor: u64,
    data_factor: i64,
    pointer_encoding: u8,
    augmented: bool,
    instructions: Cursor,
}

impl Common {
    fn read(at: u64) -> Option<Common> {
        // SAFETY: a description points to its CIE, in the same mapped section; an entry says its own length.
        let mut head = unsafe { Cursor::new(at, at.wrapping_add(4)) };
        let length = head.u32()?;
        if length == u32::MAX {
            return None;
        }
        // SAFETY: as above.
        let mut cie = unsafe { Cursor::new(head.position(), head.position().wrapping_add(u64::from(length))) };
        if cie.u32()? != 0 {
            return None;
        }
        let version = cie.u8()?;
        if version != 1 && version != 3 {
            return None;
        }
        let mut augmentation = cie;
        while cie.u8()? != 0 {}
        let code_factor = cie.uleb()?;
        let data_factor = cie.sleb()?;
        let return_register = if version == 1 { u64::from(cie.u8()?) } else { cie.uleb()? };
        if return_register != registers::RA {
            return None;
        }
        let mut pointer_encoding = 0;
        let mut augmented = false;
        let mut data = cie;
        loop {
            match augmentation.u8()? {
                0 => break,
                b'z' => {
                    augmented = true;
                    let len = cie.uleb()?;
                    data = cie.split(len)?;
                }
                b'R' => pointer_encoding = data.u8()?,
                b'L' => {
                    data.u8()?;
                }
                b'P' => {
                    let encoding = data.u8()?;
                    data.pointer(encoding & 0x0f)?;
                }
                // The return addresses of this function are signed with the B key; stripping them is the same.
                b'B' => {}
                // 'S' is a signal frame: its address is not a return address.
                _ => return None,
            }
        }
        Some(Common { code_factor, data_factor, pointer_encoding, augmented, instructions: cie })
    }
}

/// Where a register of the caller is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saved {
    /// Still in the register.
    Same,
    /// At this distance from the CFA.
    At(i64),
    /// There is none.
    Undefined,
    /// Somewhere a rule can't say.
    Elsewhere,
}

/// One row of the unwind table, as far as a rule needs it.
#[derive(Clone, Copy)]
struct Row {
    cfa_register: u64,
    cfa_offset: i64,
    cfa_known: bool,
    fp: Saved,
    ra: Saved,
    /// The stack pointer is the CFA in the caller, unless something else is said.
    sp_is_cfa: bool,
}

impl Row {
    const START: Row =
        Row { cfa_register: 0, cfa_offset: 0, cfa_known: false, fp: Saved::Same, ra: Saved::Same, sp_is_cfa: true };

    fn rule(&self) -> Option<Rule> {
        let ra = match self.ra {
            Saved::Undefined => return Some(Rule::OUTERMOST),
            Saved::At(offset) => words(offset)?,
            Saved::Same | Saved::Elsewhere => return None,
        };
        if cfg!(target_arch = "x86_64") && ra != -1 {
            return None;
        }
        let fp = match self.fp {
            Saved::At(0) | Saved::Elsewhere | Saved::Undefined => return None,
            Saved::At(offset) => words(offset)?,
            Saved::Same => 0,
        };
        let kind = match self.cfa_register {
            registers::SP => STEP,
            registers::FP => STEP | FROM_FP,
            _ => return None,
        };
        if !self.cfa_known || !self.sp_is_cfa || self.cfa_offset & 7 != 0 {
            return None;
        }
        // The stack pointer of the caller is always further out.
        if kind == STEP && self.cfa_offset == 0 {
            return None;
        }
        let cfa = u32::try_from(self.cfa_offset).ok()?;
        Some(Rule { cfa: cfa | kind, fp, ra })
    }

    fn save(&mut self, register: u64, saved: Saved) {
        match register {
            registers::FP => self.fp = saved,
            registers::RA => self.ra = saved,
            registers::SP => self.sp_is_cfa = false,
            _ => {}
        }
    }
}

fn words(offset: i64) -> Option<i16> {
    if offset & 7 == 0 { i16::try_from(offset >> 3).ok() } else { None }
}

/// Runs call frame instructions up to the row of one address.
struct Machine<'a> {
    common: &'a Common,
    row: Row,
    /// The row after the CIE's instructions, which `restore` goes back to.
    initial: Row,
    saved: [Row; 8],
    depth: usize,
    at: u64,
    target: u64,
}

impl Machine<'_> {
    /// None if the instructions are not understood; stops early when the row is reached.
    fn run(&mut self, mut code: Cursor) -> Option<()> {
        while !code.is_empty() {
            let byte = code.u8()?;
            let low = u64::from(byte & 0x3f);
            let advance = match byte & 0xc0 {
                0x40 => Some(low),
                0x80 => {
                    let offset = self.factored(code.uleb()?)?;
                    self.row.save(low, Saved::At(offset));
                    None
                }
                0xc0 => {
                    self.restore(low);
                    None
                }
                _ => match byte {
                    0x01 => {
                        let to = code.pointer(self.common.pointer_encoding)?;
                        if to > self.target {
                            return Some(());
                        }
                        self.at = to;
                        None
                    }
                    0x02 => Some(u64::from(code.u8()?)),
                    0x03 => Some(u64::from(code.u16()?)),
                    0x04 => Some(u64::from(code.u32()?)),
                    _ => {
                        self.extended(byte, &mut code)?;
                        None
                    }
                },
            };
            if let Some(delta) = advance {
                self.at = self.at.checked_add(delta.checked_mul(self.common.code_factor)?)?;
                if self.at > self.target {
                    return Some(());
                }
            }
        }
        Some(())
    }

    fn factored(&self, value: u64) -> Option<i64> {
        self.factored_signed(i64::try_from(value).ok()?)
    }

    fn factored_signed(&self, value: i64) -> Option<i64> {
        value.checked_mul(self.common.data_factor)
    }

    fn restore(&mut self, register: u64) {
        match register {
            registers::FP => self.row.fp = self.initial.fp,
            registers::RA => self.row.ra = self.initial.ra,
            registers::SP => self.row.sp_is_cfa = self.initial.sp_is_cfa,
            _ => {}
        }
    }

    fn extended(&mut self, byte: u8, code: &mut Cursor) -> Option<()> {
        match byte {
            0x00 => {}
            0x05 => {
                let register = code.uleb()?;
                let offset = self.factored(code.uleb()?)?;
                self.row.save(register, Saved::At(offset));
            }
            0x06 => {
                let register = code.uleb()?;
                self.restore(register);
            }
            0x07 => {
                let register = code.uleb()?;
                self.row.save(register, Saved::Undefined);
            }
            0x08 => {
                let register = code.uleb()?;
                self.row.save(register, Saved::Same);
            }
            0x09 => {
                let register = code.uleb()?;
                code.uleb()?;
                self.row.save(register, Saved::Elsewhere);
            }
            0x0a => {
                *self.saved.get_mut(self.depth)? = self.row;
                self.depth = self.depth.wrapping_add(1);
            }
            0x0b => {
                self.depth = self.depth.checked_sub(1)?;
                self.row = *self.saved.get(self.depth)?;
            }
            0x11 => {
                let register = code.uleb()?;
                let offset = self.factored_signed(code.sleb()?)?;
                self.row.save(register, Saved::At(offset));
            }
            0x10 | 0x16 => {
                let register = code.uleb()?;
                let len = code.uleb()?;
                code.split(len)?;
                self.row.save(register, Saved::Elsewhere);
            }
            0x14 => {
                let register = code.uleb()?;
                code.uleb()?;
                self.row.save(register, Saved::Elsewhere);
            }
            0x15 => {
                let register = code.uleb()?;
                code.sleb()?;
                self.row.save(register, Saved::Elsewhere);
            }
            // Marks signed return addresses on aarch64; they are stripped whether signed or not.
            0x2d => {}
            0x2e => {
                code.uleb()?;
            }
            _ => self.define_cfa(byte, code)?,
        }
        Some(())
    }

    fn define_cfa(&mut self, byte: u8, code: &mut Cursor) -> Option<()> {
        match byte {
            0x0c | 0x12 => {
                self.row.cfa_register = code.uleb()?;
                let offset =
                    if byte == 0x0c { i64::try_from(code.uleb()?).ok()? } else { self.factored_signed(code.sleb()?)? };
                self.row.cfa_offset = offset;
                self.row.cfa_known = true;
            }
            0x0d => self.row.cfa_register = code.uleb()?,
            0x0e => self.row.cfa_offset = i64::try_from(code.uleb()?).ok()?,
            0x13 => self.row.cfa_offset = self.factored_signed(code.sleb()?)?,
            0x0f => {
                let len = code.uleb()?;
                code.split(len)?;
                self.row.cfa_known = false;
            }
            _ => return None,
        }
        Some(())
    }
}
