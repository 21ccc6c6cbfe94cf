//! Follows the code of a landing pad, as far as compilers write it when they do not optimise, over a copy of the thread's memory.
//!
//! May use: nothing.
//!
//! Values that are not known stay so. Where the way to go depends on one, or the code has an instruction that is not here, it is not understood.

use std::collections::HashMap;

/// What the code does that its caller has to know of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// It calls this function with this first argument.
    Call { target: u64, argument: Option<u64> },
    /// It does something that is not known here.
    NotUnderstood,
}

/// What the code reads.
pub(super) trait Memory {
    /// The code at this address, to the end of what is mapped.
    fn code(&self, address: u64) -> Option<&[u8]>;
    /// A word, at any address.
    fn word(&self, address: u64) -> Option<u64>;
}

/// A processor in the middle of a landing pad.
pub(super) struct Machine<'m> {
    memory: &'m dyn Memory,
    pc: u64,
    /// By byte, the lowest first.
    registers: [[Option<u8>; 8]; 16],
    vectors: [[Option<u8>; 16]; 16],
    flags: Option<Flags>,
    /// What was written, by byte.
    written: HashMap<u64, Option<u8>>,
    steps: usize,
}

/// The flags of the last comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Flags {
    zero: bool,
    sign: bool,
    carry: bool,
    overflow: bool,
}

/// More is no landing pad.
const MOST_STEPS: usize = 20_000;

const RAX: u8 = 0;
const RSP: u8 = 4;
const RBP: u8 = 5;
const RDI: u8 = 7;
/// What a function need not keep for its caller.
const SCRATCH: [u8; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];

/// A place that an instruction works on.
#[derive(Clone, Copy)]
enum Place {
    Register(u8),
    Memory(Option<u64>),
}

/// An instruction, as far as it is read.
struct Reading<'c> {
    code: &'c [u8],
    at: usize,
    rex: Option<u8>,
    /// Prefixes that choose among instructions of one number.
    size_prefix: bool,
    repeat: Option<u8>,
}

impl Reading<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.code.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A signed number of so many bytes.
    fn signed(&mut self, size: u64) -> Option<i64> {
        let bytes = self.code.get(self.at..self.at + size as usize)?;
        self.at += size as usize;
        let mut wide = [if bytes.last()? & 0x80 != 0 { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Some(i64::from_le_bytes(wide))
    }

    fn rex_bit(&self, bit: u8) -> u8 {
        self.rex.map_or(0, |rex| rex >> bit & 1)
    }

    /// Of an instruction that is not about bytes.
    fn size(&self) -> u64 {
        match (self.rex_bit(3), self.size_prefix) {
            (1, _) => 8,
            (_, true) => 2,
            _ => 4,
        }
    }
}

impl<'m> Machine<'m> {
    /// At the beginning of a landing pad, in a frame with these registers.
    pub(super) fn new(memory: &'m dyn Memory, pad: u64, sp: u64, fp: Option<u64>) -> Machine<'m> {
        let (registers, vectors) = ([[None; 8]; 16], [[None; 16]; 16]);
        let mut machine =
            Machine { memory, pc: pad, registers, vectors, flags: None, written: HashMap::new(), steps: 0 };
        machine.set(RSP, Some(sp));
        machine.set(RBP, fp);
        machine
    }

    /// Goes on to the next event. After a call, the function called has returned.
    pub(super) fn run(&mut self) -> Event {
        while self.steps < MOST_STEPS {
            self.steps += 1;
            match self.step() {
                Some(None) => {}
                Some(Some(event)) => return event,
                None => break,
            }
        }
        Event::NotUnderstood
    }

    /// One instruction; none if it is not understood.
    fn step(&mut self) -> Option<Option<Event>> {
        let code = self.memory.code(self.pc)?;
        let mut reading = Reading { code, at: 0, rex: None, size_prefix: false, repeat: None };
        let mut opcode = reading.byte()?;
        loop {
            match opcode {
                0x66 => reading.size_prefix = true,
                0xf2 | 0xf3 => reading.repeat = Some(opcode),
                _ => break,
            }
            opcode = reading.byte()?;
        }
        if opcode & 0xf0 == 0x40 {
            reading.rex = Some(opcode);
            opcode = reading.byte()?;
        }
        if opcode == 0x0f {
            let opcode = reading.byte()?;
            return self.two_bytes(&mut reading, opcode).map(|()| None);
        }
        match opcode {
            0xe8 => {
                let distance = reading.signed(4)?;
                self.pc = self.pc.wrapping_add(reading.at as u64);
                return Some(Some(self.call(self.pc.wrapping_add_signed(distance))));
            }
            0xff if reading.code.get(reading.at)? >> 3 & 7 == 2 => {
                let (_, place) = self.operands(&mut reading, 0)?;
                let target = self.load(place, 8)?;
                self.pc = self.pc.wrapping_add(reading.at as u64);
                return Some(Some(self.call(target)));
            }
            _ => self.one_byte(&mut reading, opcode)?,
        }
        Some(None)
    }

    fn call(&mut self, target: u64) -> Event {
        let argument = self.get(RDI);
        SCRATCH.iter().for_each(|register| self.set(*register, None));
        self.vectors = [[None; 16]; 16];
        self.flags = None;
        Event::Call { target, argument }
    }

    fn get(&self, register: u8) -> Option<u64> {
        self.load(Place::Register(register), 8)
    }

    fn set(&mut self, register: u8, value: Option<u64>) {
        let bytes = value.map_or([None; 8], |value| value.to_le_bytes().map(Some));
        self.registers[usize::from(register)] = bytes;
    }

    fn one_byte(&mut self, reading: &mut Reading<'_>, opcode: u8) -> Option<()> {
        let size = if opcode & 1 == 0 { 1 } else { reading.size() };
        match opcode {
            0x70..=0x7f => {
                let distance = reading.signed(1)?;
                return self.jump_if(reading, opcode & 15, distance);
            }
            0xeb | 0xe9 => {
                let distance = reading.signed(if opcode == 0xeb { 1 } else { 4 })?;
                self.pc = self.pc.wrapping_add(reading.at as u64).wrapping_add_signed(distance);
                return Some(());
            }
            0x00..=0x3f if opcode & 7 < 6 => {
                let kind = opcode >> 3 & 7;
                if opcode & 7 >= 4 {
                    let value = reading.signed(size.min(4))? as u64;
                    self.compute(kind, Place::Register(RAX), Some(value), size)?;
                } else {
                    let (register, place) = self.operands(reading, 0)?;
                    let (register, place) =
                        (self.checked(reading, Place::Register(register), size)?, self.checked(reading, place, size)?);
                    let (to, from) = if opcode & 2 == 0 { (place, register) } else { (register, place) };
                    match (kind, to, from) {
                        // What any value gives with itself.
                        (5 | 6, Place::Register(a), Place::Register(b)) if a == b => {
                            self.store(to, Some(0), size)?;
                            self.flags = Some(logic_flags(0, size));
                        }
                        _ => self.compute(kind, to, self.load(from, size), size)?,
                    }
                }
            }
            0x80 | 0x81 | 0x83 => {
                let immediate = if opcode == 0x81 { size.min(4) } else { 1 };
                let (kind, place) = self.operands(reading, immediate)?;
                let value = reading.signed(immediate)? as u64;
                self.compute(kind & 7, self.checked(reading, place, size)?, Some(value), size)?;
            }
            0x84 | 0x85 => {
                let (register, place) = self.operands(reading, 0)?;
                let tested = self.load(self.checked(reading, place, size)?, size);
                let both = tested.zip(self.load(self.checked(reading, Place::Register(register), size)?, size));
                self.flags = both.map(|(a, b)| logic_flags(a & b, size));
            }
            0xa8 | 0xa9 => {
                let value = reading.signed(size.min(4))? as u64;
                let register = self.load(Place::Register(RAX), size);
                self.flags = register.map(|register| logic_flags(register & value, size));
            }
            0xf6 | 0xf7 => {
                let (kind, place) = self.operands(reading, size.min(4))?;
                if kind & 7 > 1 {
                    return None;
                }
                let value = reading.signed(size.min(4))? as u64;
                let tested = self.load(self.checked(reading, place, size)?, size);
                self.flags = tested.map(|tested| logic_flags(tested & value, size));
            }
            0x88 | 0x89 => {
                let (register, place) = self.operands(reading, 0)?;
                let value = self.load(self.checked(reading, Place::Register(register), size)?, size);
                self.store(self.checked(reading, place, size)?, value, size)?;
            }
            0x8a | 0x8b => {
                let (register, place) = self.operands(reading, 0)?;
                let value = self.load(self.checked(reading, place, size)?, size);
                self.store(self.checked(reading, Place::Register(register), size)?, value, size)?;
            }
            0x8d => {
                let (register, place) = self.operands(reading, 0)?;
                let Place::Memory(address) = place else { return None };
                self.store(Place::Register(register), address, reading.size())?;
            }
            0x63 => {
                let (register, place) = self.operands(reading, 0)?;
                let value = self.load(place, 4).map(|value| i64::from(value as i32) as u64);
                self.store(Place::Register(register), value, reading.size())?;
            }
            0xb0..=0xbf => {
                let size = if opcode < 0xb8 { 1 } else { reading.size() };
                let register = (opcode & 7) | reading.rex_bit(0) << 3;
                let value = reading.signed(size)?;
                self.store(self.checked(reading, Place::Register(register), size)?, Some(value as u64), size)?;
            }
            0xc6 | 0xc7 => {
                let (kind, place) = self.operands(reading, size.min(4))?;
                let value = reading.signed(size.min(4))?;
                if kind & 7 != 0 {
                    return None;
                }
                self.store(self.checked(reading, place, size)?, Some(value as u64), size)?;
            }
            // One more or one less, which leaves one of the flags as it was.
            0xfe | 0xff => {
                let (kind, place) = self.operands(reading, 0)?;
                let kind = match kind & 7 {
                    0 => 0,
                    1 => 5,
                    _ => return None,
                };
                self.compute(kind, self.checked(reading, place, size)?, Some(1), size)?;
                self.flags = None;
            }
            0x90 if reading.rex_bit(0) == 0 => {}
            _ => return None,
        }
        self.pc = self.pc.wrapping_add(reading.at as u64);
        Some(())
    }

    fn two_bytes(&mut self, reading: &mut Reading<'_>, opcode: u8) -> Option<()> {
        match opcode {
            0x80..=0x8f => {
                let distance = reading.signed(4)?;
                return self.jump_if(reading, opcode & 15, distance);
            }
            // A hint.
            0x1e | 0x1f => {
                self.operands(reading, 0)?;
            }
            0x40..=0x4f => {
                let (register, place) = self.operands(reading, 0)?;
                let size = reading.size();
                let (moved, kept) = (self.load(place, size), self.load(Place::Register(register), size));
                let value = match self.condition(opcode & 15) {
                    Some(true) => moved,
                    Some(false) => kept,
                    None => moved.filter(|_| moved == kept),
                };
                self.store(Place::Register(register), value, size)?;
            }
            0x90..=0x9f => {
                let (_, place) = self.operands(reading, 0)?;
                let value = self.condition(opcode & 15).map(u64::from);
                self.store(self.checked(reading, place, 1)?, value, 1)?;
            }
            0xb6 | 0xb7 | 0xbe | 0xbf => {
                let (register, place) = self.operands(reading, 0)?;
                let size = if opcode & 1 == 0 { 1 } else { 2 };
                let value = self.load(self.checked(reading, place, size)?, size);
                let unused = 64 - 8 * size as u32;
                let extend =
                    |value: u64| if opcode < 0xb8 { value } else { ((value << unused) as i64 >> unused) as u64 };
                self.store(Place::Register(register), value.map(extend), reading.size())?;
            }
            0x10 | 0x11 | 0x28 | 0x29 | 0x6f | 0x7f => {
                let bytes = match (opcode, reading.repeat) {
                    (0x10 | 0x11, Some(0xf2)) => 8,
                    (0x10 | 0x11, Some(_)) => 4,
                    // Without a prefix these are of an older kind of registers.
                    (0x6f | 0x7f, None) if !reading.size_prefix => return None,
                    _ => 16,
                };
                let (register, place) = self.operands(reading, 0)?;
                self.move_vector(usize::from(register), place, bytes, matches!(opcode, 0x11 | 0x29 | 0x7f))?;
            }
            _ => return None,
        }
        self.pc = self.pc.wrapping_add(reading.at as u64);
        Some(())
    }

    fn jump_if(&mut self, reading: &Reading<'_>, condition: u8, distance: i64) -> Option<()> {
        let next = self.pc.wrapping_add(reading.at as u64);
        self.pc = if self.condition(condition)? { next.wrapping_add_signed(distance) } else { next };
        Some(())
    }

    /// The register and the other operand, behind which there are so many more bytes of the instruction.
    fn operands(&self, reading: &mut Reading<'_>, behind: u64) -> Option<(u8, Place)> {
        let byte = reading.byte()?;
        let (mode, register, base) = (byte >> 6, byte >> 3 & 7 | reading.rex_bit(2) << 3, byte & 7);
        if mode == 3 {
            return Some((register, Place::Register(base | reading.rex_bit(0) << 3)));
        }
        let mut address = Some(0u64);
        let mut add = |value: Option<u64>| address = address.zip(value).map(|(a, b)| a.wrapping_add(b));
        let mut distance = match mode {
            1 => 1,
            2 => 4,
            _ => 0,
        };
        let mut relative = false;
        if base == 4 {
            let byte = reading.byte()?;
            let (scale, index, base) =
                (byte >> 6, byte >> 3 & 7 | reading.rex_bit(1) << 3, byte & 7 | reading.rex_bit(0) << 3);
            if index != 4 {
                add(self.get(index).map(|index| index << scale));
            }
            if mode == 0 && base & 7 == 5 {
                distance = 4;
            } else {
                add(self.get(base));
            }
        } else if mode == 0 && base == 5 {
            (distance, relative) = (4, true);
        } else {
            add(self.get(base | reading.rex_bit(0) << 3));
        }
        if distance > 0 {
            add(Some(reading.signed(distance)? as u64));
        }
        if relative {
            add(Some(self.pc.wrapping_add(reading.at as u64 + behind)));
        }
        Some((register, Place::Memory(address)))
    }

    /// None for the registers that are the second bytes of others.
    fn checked(&self, reading: &Reading<'_>, place: Place, size: u64) -> Option<Place> {
        let second_byte = matches!(place, Place::Register(4..=7)) && size == 1 && reading.rex.is_none();
        (!second_byte).then_some(place)
    }

    fn load(&self, place: Place, size: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        for (offset, byte) in (0..size).zip(&mut bytes) {
            *byte = match place {
                Place::Register(register) => self.registers[usize::from(register)][offset as usize]?,
                Place::Memory(address) => self.byte_at(address?.wrapping_add(offset))?,
            };
        }
        Some(u64::from_le_bytes(bytes))
    }

    fn byte_at(&self, address: u64) -> Option<u8> {
        match self.written.get(&address) {
            Some(byte) => *byte,
            None => self.memory.word(address & !7).map(|word| (word >> (8 * (address & 7))) as u8),
        }
    }

    /// None if the value goes to a place that is not known.
    fn store(&mut self, place: Place, value: Option<u64>, size: u64) -> Option<()> {
        match place {
            Place::Register(register) => {
                // Four bytes clear the upper ones.
                let (size, value) = if size == 4 { (8, value.map(|value| value & mask(4))) } else { (size, value) };
                let bytes = &mut self.registers[usize::from(register)];
                for (offset, byte) in bytes.iter_mut().take(size as usize).enumerate() {
                    *byte = value.map(|value| (value >> (8 * offset)) as u8);
                }
            }
            Place::Memory(address) => {
                let address = address?;
                for offset in 0..size {
                    let byte = value.map(|value| (value >> (8 * offset)) as u8);
                    self.written.insert(address.wrapping_add(offset), byte);
                }
            }
        }
        Some(())
    }

    fn move_vector(&mut self, register: usize, place: Place, bytes: u64, to_place: bool) -> Option<()> {
        match (place, to_place) {
            (Place::Register(other), true) => self.vectors[usize::from(other)] = self.vectors[register],
            (Place::Register(other), false) => self.vectors[register] = self.vectors[usize::from(other)],
            (Place::Memory(address), true) => {
                for (offset, byte) in (0..bytes).zip(self.vectors[register]) {
                    self.written.insert(address?.wrapping_add(offset), byte);
                }
            }
            (Place::Memory(address), false) => {
                let mut loaded = [Some(0); 16];
                for (offset, byte) in (0..bytes).zip(&mut loaded) {
                    *byte = address.and_then(|address| self.byte_at(address.wrapping_add(offset)));
                }
                self.vectors[register] = loaded;
            }
        }
        Some(())
    }

    /// Addition and its like. `kind` is as in the instruction.
    fn compute(&mut self, kind: u8, to: Place, from: Option<u64>, size: u64) -> Option<()> {
        const WITH_CARRY: [u8; 2] = [2, 3];
        if WITH_CARRY.contains(&kind) {
            return None;
        }
        let (mask, top) = (mask(size), 1 << (8 * size - 1));
        let old = self.load(to, size);
        let both = old.zip(from.map(|from| from & mask));
        let done = both.map(|(a, b)| match kind {
            0 => {
                let sum = a.wrapping_add(b) & mask;
                let overflow = (a ^ sum) & (b ^ sum) & top != 0;
                (sum, Flags { zero: sum == 0, sign: sum & top != 0, carry: sum < a, overflow })
            }
            5 | 7 => {
                let rest = a.wrapping_sub(b) & mask;
                let overflow = (a ^ b) & (a ^ rest) & top != 0;
                (rest, Flags { zero: rest == 0, sign: rest & top != 0, carry: a < b, overflow })
            }
            1 => (a | b, logic_flags(a | b, size)),
            4 => (a & b, logic_flags(a & b, size)),
            _ => (a ^ b, logic_flags(a ^ b, size)),
        });
        self.flags = done.map(|(_, flags)| flags);
        if kind == 7 { Some(()) } else { self.store(to, done.map(|(value, _)| value), size) }
    }

    fn condition(&self, kind: u8) -> Option<bool> {
        let Flags { zero, sign, carry, overflow } = self.flags?;
        let holds = match kind >> 1 {
            0 => overflow,
            1 => carry,
            2 => zero,
            3 => carry || zero,
            4 => sign,
            6 => sign != overflow,
            7 => zero || sign != overflow,
            _ => return None,
        };
        Some(holds != (kind & 1 == 1))
    }
}

fn mask(size: u64) -> u64 {
    if size >= 8 { u64::MAX } else { (1 << (8 * size)) - 1 }
}

fn logic_flags(value: u64, size: u64) -> Flags {
    let value = value & mask(size);
    Flags { zero: value == 0, sign: value >> (8 * size - 1) & 1 == 1, carry: false, overflow: false }
}

#[cfg(test)]
mod tests {
    use super::{Event, Machine, Memory};
    use std::collections::HashMap;

    const CODE: u64 = 0x1000;
    const STACK: u64 = 0x8000;

    struct Made {
        code: Vec<u8>,
        words: HashMap<u64, u64>,
    }

    impl Memory for Made {
        fn code(&self, address: u64) -> Option<&[u8]> {
            self.code.get(usize::try_from(address.checked_sub(CODE)?).ok()?..)
        }

        fn word(&self, address: u64) -> Option<u64> {
            self.words.get(&address).copied()
        }
    }

    /// The calls that this code makes, each with its first argument, up to one to 0x2000.
    fn calls(code: &[&[u8]], words: &[(u64, u64)]) -> Option<Vec<(u64, Option<u64>)>> {
        let memory = Made { code: code.concat(), words: words.iter().copied().collect() };
        let mut machine = Machine::new(&memory, CODE, STACK, Some(STACK + 0x100));
        let mut calls = Vec::new();
        loop {
            match machine.run() {
                Event::Call { target: 0x2000, .. } => return Some(calls),
                Event::Call { target, argument } => calls.push((target, argument)),
                Event::NotUnderstood => return None,
            }
        }
    }

    /// `call` from the instruction that begins at `at`.
    fn call(at: u64, target: u64) -> [u8; 5] {
        let [a, b, c, d] = (target.wrapping_sub(CODE + at + 5) as u32).to_le_bytes();
        [0xe8, a, b, c, d]
    }

    #[test]
    fn what_is_dropped_depends_on_a_flag() {
        let code: [&[u8]; 5] = [
            &[0xf6, 0x44, 0x24, 0x10, 0x01],
            &[0x74, 0x0a],
            &[0x48, 0x8d, 0x7c, 0x24, 0x20],
            &call(12, 0x3000),
            &call(17, 0x2000),
        ];
        assert_eq!(calls(&code, &[(STACK + 0x10, 0xff01)]), Some(vec![(0x3000, Some(STACK + 0x20))]));
        assert_eq!(calls(&code, &[(STACK + 0x10, 0xff00)]), Some(vec![]));
        assert_eq!(calls(&code, &[]), None, "the flag could not be read");
    }

    #[test]
    fn what_was_written_is_read_again() {
        // mov [rsp+8], rdx (unknown); movabs rcx; mov [rsp+16], rcx; mov rdi, [rsp+16]; call; mov rdi, [rsp+8]; call
        let code: [&[u8]; 8] = [
            &[0x48, 0x89, 0x54, 0x24, 0x08],
            &[0x48, 0xb9, 8, 7, 6, 5, 4, 3, 2, 1],
            &[0x48, 0x89, 0x4c, 0x24, 0x10],
            &[0x48, 0x8b, 0x7c, 0x24, 0x10],
            &call(25, 0x3000),
            &[0x48, 0x8b, 0x7c, 0x24, 0x08],
            &call(35, 0x4000),
            &call(40, 0x2000),
        ];
        let stack = [(STACK + 8, 1), (STACK + 16, 2)];
        assert_eq!(calls(&code, &stack), Some(vec![(0x3000, Some(0x0102_0304_0506_0708)), (0x4000, None)]));
    }

    #[test]
    fn a_discriminant_chooses() {
        // movabs rdx, 1 << 63; mov eax, 1; xor ecx, ecx; cmp [rsp+8], rdx; cmove rax, rcx; cmp rax, 0; je +5; call; call
        let code: [&[u8]; 9] = [
            &[0x48, 0xba, 0, 0, 0, 0, 0, 0, 0, 0x80],
            &[0xb8, 1, 0, 0, 0],
            &[0x31, 0xc9],
            &[0x48, 0x39, 0x54, 0x24, 0x08],
            &[0x48, 0x0f, 0x44, 0xc1],
            &[0x48, 0x83, 0xf8, 0x00],
            &[0x74, 0x05],
            &call(32, 0x3000),
            &call(37, 0x2000),
        ];
        assert_eq!(calls(&code, &[(STACK + 8, 5)]), Some(vec![(0x3000, None)]));
        assert_eq!(calls(&code, &[(STACK + 8, 1 << 63)]), Some(vec![]));
    }

    #[test]
    fn vectors_move_bytes() {
        // movups xmm0, [rsp]; movaps [rsp+32], xmm0; mov rdi, [rsp+40]; call; call
        let code: [&[u8]; 5] = [
            &[0x0f, 0x10, 0x04, 0x24],
            &[0x0f, 0x29, 0x44, 0x24, 0x20],
            &[0x48, 0x8b, 0x7c, 0x24, 0x28],
            &call(14, 0x3000),
            &call(19, 0x2000),
        ];
        assert_eq!(calls(&code, &[(STACK, 7), (STACK + 8, 9)]), Some(vec![(0x3000, Some(9))]));
    }

    #[test]
    fn one_more_is_the_next_byte() {
        // mov rdi, [rsp]; inc rdi; call; mov rdi, [rsp]; dec rdi; call; call
        let code: [&[u8]; 7] = [
            &[0x48, 0x8b, 0x3c, 0x24],
            &[0x48, 0xff, 0xc7],
            &call(7, 0x3000),
            &[0x48, 0x8b, 0x3c, 0x24],
            &[0x48, 0xff, 0xcf],
            &call(19, 0x4000),
            &call(24, 0x2000),
        ];
        assert_eq!(calls(&code, &[(STACK, 0x500)]), Some(vec![(0x3000, Some(0x501)), (0x4000, Some(0x4ff))]));
    }

    #[test]
    fn what_is_not_known_is_not_understood() {
        assert_eq!(calls(&[&[0xc3]], &[]), None, "a landing pad does not return");
        assert_eq!(calls(&[&[0xff, 0xe0]], &[]), None, "a jump to where a register says");
        assert_eq!(calls(&[&[0xeb, 0xfe]], &[]), None, "a loop without an end");
        assert_eq!(calls(&[&[0x48, 0x89, 0x08]], &[]), None, "a write to no known place");
        assert_eq!(calls(&[&[0x0f, 0xa2]], &[]), None, "an instruction that no landing pad has");
    }
}
