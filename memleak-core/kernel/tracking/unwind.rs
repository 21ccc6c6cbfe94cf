//! Captures the stack of the caller of the hook as a node of the tree.
//!
//! May use: `modules`, `rule_table`, `rules`, `stacks`.
//!
//! One stack in a row has most of its frames in common with the next. So each thread keeps its last stack, and a capture unwinds only
//! until it meets a frame of it:
//!
//! * A rule computes the caller's frame from (pc, sp, fp) and from two words of the stack. So if a frame equals one of the old stack, and
//!   those words of all frames further out are what they were, all frames further out are what they were.
//! * Checking a frame further out is a load and a comparison: its return address. Its saved frame pointer matters only if the place of
//!   some frame further out depends on it (`needs_fp`); an ordinary function keeps any value there.
//! * Words are checked from the inside out. So each address that is read is part of the stack, as in a plain unwind.
//!
//! Where a check fails, plain unwinding goes on from the last frame that is right, and may meet the old stack again.

use super::modules;
use super::rule_table::Rules;
use super::rules::Rule;
use super::stacks::{self, Path, Tree};
use core::sync::atomic::Ordering;

/// The frame state an unwind starts from: the caller's, just after the call.
#[derive(Clone, Copy)]
pub struct Registers {
    pub pc: u64,
    pub sp: u64,
    pub fp: u64,
}

/// Deeper stacks keep their innermost [`KEPT`] frames.
pub const DEEPEST: usize = 16_384;
const KEPT: usize = 256;

/// A frame: the registers in it, and what its neighbours are.
#[derive(Clone, Copy)]
struct Frame {
    pc: u64,
    sp: u64,
    fp: u64,
    node: u32,
    /// Where `fp` was loaded from, as a distance from `sp` (zero: it is that of the next frame inwards); in the low bits, the flags below.
    link: i32,
    /// Where `pc` was loaded from, as a distance from `sp`.
    #[cfg(target_arch = "aarch64")]
    return_link: i64,
}

/// This frame's rule computes from `fp`.
const USES_FP: i32 = 1;
/// The places of frames further out depend on `fp`.
const NEEDS_FP: i32 = 2;
const FLAGS: i32 = 7;

/// No code is below this.
const LOWEST: u64 = 4096;

/// Reads a word of the stack.
///
/// # Safety
/// The address must be one that an unwind rule gives for a frame of the current stack.
#[inline(always)]
unsafe fn load(address: u64) -> u64 {
    debug_assert!(address & 7 == 0);
    // SAFETY: by contract.
    unsafe { (address as *const u64).read_volatile() }
}

/// Signed return addresses carry their signature in the upper bits.
#[inline(always)]
fn strip(address: u64) -> u64 {
    if cfg!(target_arch = "aarch64") { address & 0x0000_ffff_ffff_ffff } else { address }
}

impl Frame {
    #[inline(always)]
    fn innermost(at: Registers) -> Frame {
        Frame {
            pc: strip(at.pc),
            sp: at.sp,
            fp: at.fp,
            node: stacks::EMPTY,
            link: 0,
            #[cfg(target_arch = "aarch64")]
            return_link: 0,
        }
    }

    #[inline(always)]
    fn return_slot(&self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        let link = -8;
        #[cfg(target_arch = "aarch64")]
        let link = self.return_link;
        self.sp.wrapping_add_signed(link)
    }

    /// Where `fp` was loaded from; none if it is that of the next frame inwards.
    #[inline(always)]
    fn fp_slot(&self) -> Option<u64> {
        let distance = self.link & !FLAGS;
        if distance == 0 { None } else { Some(self.sp.wrapping_add_signed(i64::from(distance))) }
    }

    #[inline(always)]
    fn has(&self, flag: i32) -> bool {
        self.link & flag != 0
    }

    /// Whether this frame, further out than one that is right, is still what it was.
    ///
    /// # Safety
    /// The next frame inwards must be one of the current stack, and this one its caller when it was recorded.
    #[inline(always)]
    unsafe fn is_unchanged(&self) -> bool {
        // SAFETY: the next frame inwards is right, so its rule gives these addresses.
        unsafe {
            strip(load(self.return_slot())) == self.pc
                && (!self.has(NEEDS_FP) || self.fp_slot().is_none_or(|slot| load(slot) == self.fp))
        }
    }

    /// The caller's frame; none at the end of the stack.
    #[inline(always)]
    fn caller(&self, rule: Rule) -> Option<Frame> {
        if !rule.steps() {
            return None;
        }
        let mut caller = Frame {
            pc: 0,
            sp: 0,
            fp: self.fp,
            node: stacks::EMPTY,
            link: 0,
            #[cfg(target_arch = "aarch64")]
            return_link: rule.ra_offset(),
        };
        #[cfg(target_arch = "x86_64")]
        if let Some(offset) = rule.sp_only() {
            caller.sp = self.sp.wrapping_add(offset);
            // SAFETY: the rule says that the frame has its return address there.
            caller.pc = unsafe { load(caller.return_slot()) };
            return if caller.pc < LOWEST { None } else { Some(caller) };
        }
        caller.sp = rule.cfa(self.sp, self.fp);
        caller.link = rule.fp_offset() as i32;
        // The unwind table of a function that does odd things to its stack may be wrong. A stack only grows towards its callers, by whole
        // words. (If it is not by whole words, the rotation makes it a large number.)
        let words = caller.sp.wrapping_sub(self.sp).rotate_right(3);
        if words == 0 || words > 1 << 29 {
            return None;
        }
        // SAFETY: the rule says that the frame has its return address and the saved frame pointer there.
        unsafe {
            caller.pc = strip(load(caller.return_slot()));
            if let Some(slot) = caller.fp_slot() {
                caller.fp = load(slot);
            }
        }
        if caller.pc < LOWEST { None } else { Some(caller) }
    }
}

/// A thread's last stack, and room to work out the next one. Zeroed memory is a valid one.
pub struct Memo {
    /// How many of `frames` are in use, the first one not counted.
    len: usize,
    generation: u32,
    /// The outermost frame has a rule, but its caller could not be made out. Another time it might.
    open_end: bool,
    /// From the outermost inwards. The first one is further out than any frame can be.
    frames: [Frame; DEEPEST + 1],
    /// The frames of the new stack that the old one does not have, from the innermost outwards.
    fresh: [Frame; DEEPEST],
}

impl Memo {
    /// The node of the stack at `start`. [`stacks::NONE`] if there is no room for it.
    pub fn capture(&mut self, start: Registers) -> u32 {
        self.keep_up();
        match self.unwind(Frame::innermost(start)) {
            Some(fresh) => self.intern(fresh),
            None => self.intern_truncated(),
        }
    }

    /// As [`Memo::capture`], without looking at the last stack or changing it.
    pub fn capture_plainly(&mut self, start: Registers) -> u32 {
        self.keep_up();
        let (len, open_end) = (self.len, self.open_end);
        self.len = 0;
        let count = self.unwind(Frame::innermost(start));
        (self.len, self.open_end) = (len, open_end);
        match count {
            Some(count) => self.chain(stacks::EMPTY, count),
            None => self.chain(stacks::TRUNCATED, KEPT),
        }
    }

    /// Forgets the last stack if modules have come or gone since. They have for a new thread: no generation is zero.
    #[inline(always)]
    fn keep_up(&mut self) {
        let generation = modules::GENERATION.load(Ordering::Relaxed);
        if self.generation != generation {
            self.generation = generation;
            self.len = 0;
            if let Some(beyond) = self.frames.first_mut() {
                beyond.sp = u64::MAX;
            }
        }
    }

    /// Leaves the frames that are still right in `frames[..=len]` and those further in in `fresh`; answers how many of them. None if the
    /// stack is too deep.
    #[inline(always)]
    fn unwind(&mut self, innermost: Frame) -> Option<usize> {
        let mut rules = Rules::now();
        let mut frame = innermost;
        let mut fresh = 0usize;
        // The old stack's innermost frame that may still be met.
        let mut old = self.len;
        debug_assert!(old <= DEEPEST);
        loop {
            // SAFETY: `old` starts at `len`, and the first frame ends this: nothing is further out.
            while unsafe { self.frames.get_unchecked(old) }.sp < frame.sp {
                old = old.wrapping_sub(1);
            }
            // SAFETY: as above.
            let met = unsafe { self.frames.get_unchecked_mut(old) };
            let rule;
            if met.sp == frame.sp && met.pc == frame.pc && (!met.has(NEEDS_FP) || met.fp == frame.fp) {
                // The same frame, but perhaps reached from another one.
                met.fp = frame.fp;
                met.link = met.link & FLAGS | frame.link & !FLAGS;
                #[cfg(target_arch = "aarch64")]
                {
                    met.return_link = frame.return_link;
                }
                let changed = self.outermost_right(old);
                if changed == 1 && !self.reopens() {
                    self.len = old;
                    return Some(fresh);
                }
                frame = self.take_back(old, changed, &mut fresh)?;
                old = changed.wrapping_sub(1);
                rule = rules.at(frame.pc);
            } else {
                rule = rules.at(frame.pc);
                frame.link |= if rule.uses_fp() { USES_FP } else { 0 };
                *self.fresh.get_mut(fresh)? = frame;
                fresh = fresh.wrapping_add(1);
            }
            match frame.caller(rule) {
                Some(caller) => frame = caller,
                None => {
                    self.len = 0;
                    self.open_end = rule.steps();
                    return Some(fresh);
                }
            }
        }
    }

    /// `frames[old]` is right. Answers which is the outermost frame that is, with all between.
    #[inline(always)]
    fn outermost_right(&self, old: usize) -> usize {
        debug_assert!(old <= self.len);
        let mut at = old;
        while at > 1 {
            // SAFETY: `old` is at most `len`.
            let outer = unsafe { self.frames.get_unchecked(at.wrapping_sub(1)) };
            // SAFETY: all frames further in are right, and this was the caller of the last of them.
            if !unsafe { outer.is_unchanged() } {
                break;
            }
            at = at.wrapping_sub(1);
        }
        at
    }

    /// All frames are right. Whether the outermost one, whose caller could not be made out, now has one.
    #[inline(always)]
    fn reopens(&self) -> bool {
        let reopens = |outermost: &Frame| outermost.caller(Rules::now().at(outermost.pc)).is_some();
        self.open_end && self.frames.get(1).is_some_and(reopens)
    }

    /// Copies `frames[changed..=old]`, which are right but have other callers now, to `fresh`; answers the outermost of them. None if
    /// there is no room.
    #[inline(never)]
    fn take_back(&mut self, old: usize, changed: usize, fresh: &mut usize) -> Option<Frame> {
        let mut at = old;
        let mut frame = *self.frames.get(at)?;
        loop {
            frame.link &= !NEEDS_FP;
            *self.fresh.get_mut(*fresh)? = frame;
            *fresh = fresh.wrapping_add(1);
            if at <= changed {
                return Some(frame);
            }
            at = at.wrapping_sub(1);
            let fp = frame.fp;
            frame = *self.frames.get(at)?;
            // Nobody checked it if nothing depended on it.
            // SAFETY: the frame is right, so its rule gives this address.
            frame.fp = frame.fp_slot().map_or(fp, |slot| unsafe { load(slot) });
        }
    }

    /// Moves the fresh frames onto the old ones, with their nodes; answers that of the innermost.
    #[inline(always)]
    fn intern(&mut self, fresh: usize) -> u32 {
        let len = self.len.wrapping_add(fresh);
        let (Some(fresh), Some(old), Some(new)) = (
            self.fresh.get(..fresh),
            self.frames.get(self.len).copied(),
            self.frames.get_mut(self.len.wrapping_add(1)..=len),
        ) else {
            return self.capture_too_deep();
        };
        // The first frame is no frame: its node is that of the empty stack.
        let mut path = Path::to(old.node);
        // Whether the next frame inwards has to pass its own value on: this one's matters and was not loaded.
        let mut carries = old.link & !(FLAGS ^ NEEDS_FP) == NEEDS_FP;
        let mut tree = Tree::now();
        for (frame, slot) in fresh.iter().rev().zip(new) {
            path = tree.child(path, frame.pc);
            let needs = if frame.has(USES_FP) || carries { NEEDS_FP } else { 0 };
            carries = needs != 0 && frame.link & !FLAGS == 0;
            *slot = Frame { node: path.node, link: frame.link & !NEEDS_FP | needs, ..*frame };
            if path.node == stacks::NONE {
                self.len = 0;
                return path.node;
            }
        }
        self.len = len;
        path.node
    }

    /// The old stack and `fresh` together are too deep: unwinds it all, to have the innermost frames in `fresh`.
    #[cold]
    #[inline(never)]
    fn capture_too_deep(&mut self) -> u32 {
        self.len = 0;
        if let Some(&innermost) = self.fresh.first() {
            self.unwind(innermost);
        }
        self.intern_truncated()
    }

    /// The stack is too deep: the node of its innermost frames, which are in `fresh`.
    #[cold]
    #[inline(never)]
    fn intern_truncated(&mut self) -> u32 {
        self.len = 0;
        self.chain(stacks::TRUNCATED, KEPT)
    }

    /// The node of the `count` innermost frames, which are in `fresh`, under `root`.
    fn chain(&self, root: u32, count: usize) -> u32 {
        let mut path = Path::to(root);
        let mut tree = Tree::now();
        for frame in self.fresh.get(..count).unwrap_or_default().iter().rev() {
            path = tree.child(path, frame.pc);
            if path.node == stacks::NONE {
                break;
            }
        }
        path.node
    }
}
