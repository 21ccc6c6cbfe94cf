//! What a stopped thread's registers held, from the record that the system makes for a signal handler.
//!
//! May use: `stack` (its `Position`). Runs in a signal handler: no allocation, no panic, no lock.

use crate::stack::walk::Position;
#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicU32, Ordering};

/// So many words are enough for all registers that can hold pointers.
pub const WORDS: usize = 320;

/// The registers of one thread.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    words: [u64; WORDS],
    count: usize,
    /// Nothing below it is in use: the stack pointer, less what the platform lets a function use below it.
    pub stack_pointer: u64,
    pub thread_pointer: u64,
    /// What it would go on with.
    pub position: Position,
    /// The stack that its signal handlers run on, if it has one: start and end.
    pub signal_stack: [u64; 2],
}

impl Registers {
    pub const NONE: Registers = Registers {
        words: [0; WORDS],
        count: 0,
        stack_pointer: 0,
        thread_pointer: 0,
        position: Position { pc: 0, sp: 0, fp: 0 },
        signal_stack: [0; 2],
    };

    pub fn words(&self) -> &[u64] {
        self.words.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, word: u64) {
        if let Some(slot) = self.words.get_mut(self.count) {
            *slot = word;
            self.count += 1;
        }
    }

    /// Appends `bytes` bytes at `from`.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn push_all(&mut self, from: *const u8, bytes: usize) {
        for offset in (0..bytes).step_by(8) {
            // SAFETY: by contract.
            self.push(unsafe { from.wrapping_add(offset).cast::<u64>().read_unaligned() });
        }
    }

    /// Reads what a signal interrupted.
    ///
    /// Vector registers count only outside of system calls: a call into the C library leaves nothing that its caller needs in them, and what is
    /// left of some copied bytes would keep a lost block for as long as the thread sleeps.
    ///
    /// # Safety
    /// `context` is the third argument of a signal handler of this thread.
    pub unsafe fn read(&mut self, context: *const libc::ucontext_t) {
        *self = Registers::NONE;
        // SAFETY: by contract.
        let stack = unsafe { (*context).uc_stack };
        if stack.ss_flags & libc::SS_DISABLE == 0 {
            self.signal_stack = [stack.ss_sp as u64, (stack.ss_sp as u64).wrapping_add(stack.ss_size as u64)];
        }
        // SAFETY: by contract.
        unsafe { self.read_platform(&raw const (*context).uc_mcontext) }
    }

    #[cfg(target_arch = "x86_64")]
    unsafe fn read_platform(&mut self, machine: *const libc::mcontext_t) {
        const RED_ZONE: u64 = 128;
        const SYSCALL: u16 = 0x050f;
        const GENERAL: usize = 17;
        let word = |at: libc::c_int| {
            // SAFETY: the system filled the record in; these are places in it.
            unsafe { (&raw const (*machine).gregs).cast::<u64>().wrapping_add(at.unsigned_abs() as usize).read() }
        };
        self.stack_pointer = word(libc::REG_RSP).wrapping_sub(RED_ZONE);
        self.position = Position { pc: word(libc::REG_RIP), sp: word(libc::REG_RSP), fp: word(libc::REG_RBP) };
        self.thread_pointer = thread_pointer();
        // The first ones are the general registers and the program counter.
        for at in 0..GENERAL {
            self.push(word(at as libc::c_int));
        }
        let pc = word(libc::REG_RIP);
        // SAFETY: two bytes of the instruction that is executed next, and two before it on the same page.
        let in_system = unsafe {
            (pc as *const u16).read_unaligned() == SYSCALL
                || pc & 0xfff >= 2 && (pc as *const u16).wrapping_sub(1).read_unaligned() == SYSCALL
        };
        // Behind the general registers is the address of the others.
        let others = word(23) as *const u8;
        if !in_system && !others.is_null() {
            // SAFETY: the system's record of the other registers.
            unsafe { self.read_vectors(others) };
        }
    }

    /// The record in the format of `xsave`, standard form. Parts that are in their initial state are not written.
    #[cfg(target_arch = "x86_64")]
    unsafe fn read_vectors(&mut self, record: *const u8) {
        const SSE: (usize, usize) = (160, 256);
        const SOFTWARE: usize = 464;
        const MAGIC: u32 = 0x4650_5853;
        const HEADER: usize = 512;
        // SAFETY: the record has these 512 bytes at least.
        let extended = unsafe { record.wrapping_add(SOFTWARE).cast::<u32>().read_unaligned() } == MAGIC;
        let present = match extended {
            // SAFETY: an extended record has a header.
            true => unsafe { record.wrapping_add(HEADER).cast::<u64>().read_unaligned() },
            false => 1 << 1,
        };
        if present >> 1 & 1 == 1 {
            // SAFETY: the lower halves.
            unsafe { self.push_all(record.wrapping_add(SSE.0), SSE.1) };
        }
        for part in &PARTS {
            let offset = part.offset.load(Ordering::Relaxed) as usize;
            if present >> part.number & 1 == 1 && offset != 0 {
                // SAFETY: a part that is present is at the offset that the processor says.
                unsafe { self.push_all(record.wrapping_add(offset), part.bytes) };
            }
        }
    }

    #[cfg(target_arch = "aarch64")]
    unsafe fn read_platform(&mut self, machine: *const libc::mcontext_t) {
        const SVC: u32 = 0xd400_0001;
        const RECORDS: usize = 288;
        const VECTORS: u32 = 0x4650_8001;
        // SAFETY: the system filled the record in.
        let machine_words = unsafe { &*machine };
        self.stack_pointer = machine_words.sp;
        self.position = Position { pc: machine_words.pc, sp: machine_words.sp, fp: machine_words.regs[29] };
        self.thread_pointer = thread_pointer();
        for word in machine_words.regs {
            self.push(word);
        }
        let pc = machine_words.pc;
        // SAFETY: the instruction that is executed next, and the one before it on the same page.
        let in_system = unsafe {
            (pc as *const u32).read() == SVC || pc & 0xfff >= 4 && (pc as *const u32).wrapping_sub(1).read() == SVC
        };
        if in_system {
            return;
        }
        // Records with a number and a size each, until one of size zero.
        let mut at = machine.cast::<u8>().wrapping_add(RECORDS);
        for _ in 0..16 {
            // SAFETY: there is a record or the end mark.
            let (number, size) = unsafe { (at.cast::<u32>().read(), at.cast::<u32>().wrapping_add(1).read()) };
            if number == VECTORS {
                // SAFETY: 32 registers of 16 bytes behind four words of 4 bytes.
                unsafe { self.push_all(at.wrapping_add(16), 512) };
            }
            if size == 0 {
                return;
            }
            at = at.wrapping_add(size as usize);
        }
    }
}

/// A part of the record of an `xsave`.
#[cfg(target_arch = "x86_64")]
struct Part {
    number: u32,
    bytes: usize,
    offset: AtomicU32,
}

/// The upper halves of `ymm`, those of `zmm`, and the upper sixteen `zmm`.
#[cfg(target_arch = "x86_64")]
static PARTS: [Part; 3] = [
    Part { number: 2, bytes: 256, offset: AtomicU32::new(0) },
    Part { number: 6, bytes: 512, offset: AtomicU32::new(0) },
    Part { number: 7, bytes: 1024, offset: AtomicU32::new(0) },
];

/// Asks the processor where it saves its registers. Before the first signal.
pub fn prepare() {
    #[cfg(target_arch = "x86_64")]
    for part in &PARTS {
        use std::arch::x86_64::{__cpuid, __cpuid_count};
        const SAVING: u32 = 0xd;
        let answer = if __cpuid(0).eax >= SAVING { __cpuid_count(SAVING, part.number).ebx } else { 0 };
        part.offset.store(answer, Ordering::Relaxed);
    }
}

/// Where this thread's own block of the C library is.
pub fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: reads a register, or the word that by convention holds its value.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(pure, readonly, nostack));
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(pure, nomem, nostack));
    }
    pointer
}
