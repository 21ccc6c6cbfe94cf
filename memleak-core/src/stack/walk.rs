//! The frames of a thread that was stopped, from its registers and a copy of its stack.
//!
//! May use: `kernel`, `address`.
//!
//! The rules are those of the kernel, which cover what compilers write for ordinary functions. Where there is none (code that is written by
//! hand, a handler of a signal), the walk is cut. Then it goes on from the next word of the stack that `known` takes for a return address: what
//! is further out has a frame there, and what was left behind there by calls that have ended may look like one.

use crate::address::{ReturnAddress, RuntimeAddress};
use crate::kernel::MEMLEAK_TRACKER;
use crate::kernel::interface_tracker::RawRule;

/// Where a thread was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The instruction that it goes on with.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The frame pointer, or what else is in that register.
    pub fp: u64,
}

/// A function call that has not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// In the instruction that it is at: a call, but for the innermost frame.
    pub at: RuntimeAddress,
    /// The stack pointer in it.
    pub sp: u64,
    /// The frame pointer in it; none if that is not known.
    pub fp: Option<u64>,
    /// Whether the frames further in lead to it, up to where the thread was stopped. Else it may be of a call that has ended.
    pub certain: bool,
}

/// No stack is deeper, or what is further out is not looked at.
const DEEPEST: usize = 100_000;

/// What was copied of a thread's memory.
pub struct Memory<'a> {
    /// A word of it.
    pub word: &'a dyn Fn(u64) -> Option<u64>,
    /// Its stack, from the stack pointer on: where it starts, and its bytes.
    pub stack: (u64, &'a [u8]),
    /// Whether to look for a frame at what may be this return address.
    pub known: &'a dyn Fn(ReturnAddress) -> bool,
}

/// The frames of a thread, innermost first. `start` is none if it did not stop.
pub fn frames(start: Option<Position>, memory: &Memory<'_>) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut next =
        start.map(|Position { pc, sp, fp }| Frame { at: RuntimeAddress(pc), sp, fp: Some(fp), certain: true });
    // How much of the stack is part of frames that are known.
    let mut passed = 0;
    while frames.len() < DEEPEST {
        let Some(frame) = next.take().or_else(|| memory.next_return_address(passed)) else { break };
        frames.push(frame);
        let offset = frame.sp.saturating_sub(memory.stack.0) as usize;
        passed = if offset <= memory.stack.1.len() { passed.max(offset) } else { passed };
        match caller(&frame, memory.word) {
            Caller::Frame(caller) => next = Some(caller),
            Caller::None => break,
            Caller::Unknown => {}
        }
    }
    frames
}

impl Memory<'_> {
    /// The frame that the first likely return address behind so much of the stack leads to.
    fn next_return_address(&self, passed: usize) -> Option<Frame> {
        let (start, bytes) = self.stack;
        let rest = bytes.get(passed.next_multiple_of(8)..)?;
        let words = rest.as_chunks::<8>().0.iter().map(|bytes| ReturnAddress(u64::from_le_bytes(*bytes)));
        let (index, pc) = words.enumerate().find(|(_, word)| (self.known)(*word))?;
        let sp = start + (passed.next_multiple_of(8) + 8 * (index + 1)) as u64;
        Some(Frame { at: pc.lookup(), sp, fp: None, certain: false })
    }
}

enum Caller {
    Frame(Frame),
    /// The thread began here.
    None,
    /// There is no rule, or it makes no sense.
    Unknown,
}

fn caller(frame: &Frame, word: &dyn Fn(u64) -> Option<u64>) -> Caller {
    const UNKNOWN: u32 = 0;
    const OUTERMOST: u32 = 2;
    let rule = rule(frame.at);
    match rule.kind {
        UNKNOWN => return Caller::Unknown,
        OUTERMOST => return Caller::None,
        _ => {}
    }
    let base = if rule.from_fp { frame.fp } else { Some(frame.sp) };
    // A stack only grows towards its callers.
    let Some(sp) = base.map(|base| base.wrapping_add_signed(rule.cfa)).filter(|sp| *sp > frame.sp) else {
        return Caller::Unknown;
    };
    let Some(pc) = word(sp.wrapping_add_signed(rule.ra)) else { return Caller::Unknown };
    if pc == 0 {
        return Caller::None;
    }
    let fp = if rule.fp == 0 { frame.fp } else { word(sp.wrapping_add_signed(rule.fp)) };
    Caller::Frame(Frame { at: ReturnAddress(pc).lookup(), sp, fp, certain: frame.certain })
}

fn rule(at: RuntimeAddress) -> RawRule {
    let mut rule = RawRule::default();
    // SAFETY: the place for the answer is valid; an address without code has no rule.
    unsafe { (MEMLEAK_TRACKER.rule)(at.0, &raw mut rule) };
    rule
}

/// Where the function is that landing pads go on with when they are done.
pub fn resume_address() -> u64 {
    // It unwinds. A plain `extern "C"` would say that it does not, and the landing pads of this crate that rustc puts into the same unit of code
    // with this would then end the process.
    unsafe extern "C-unwind" {
        fn _Unwind_Resume();
    }
    _Unwind_Resume as *const () as u64
}
