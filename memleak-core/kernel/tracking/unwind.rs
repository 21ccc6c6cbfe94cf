//! Captures the stack of the caller of the hook as a node of the tree.
//!
//! May use: `rule_table`, `rules`, `stacks`.

use super::rule_table::rule_at;
use super::rules::Rule;
use super::stacks;

/// The frame state an unwind starts from: the caller's, just after the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    pub pc: u64,
    pub sp: u64,
    pub fp: u64,
}

/// Deeper stacks keep their innermost [`KEPT`] frames.
pub const DEEPEST: usize = 16_384;
/// How many frames a stack that is too deep keeps.
pub const KEPT: usize = 256;

/// Signed return addresses carry their signature in the upper bits.
#[inline(always)]
fn strip(address: u64) -> u64 {
    if cfg!(target_arch = "aarch64") { address & 0x0000_ffff_ffff_ffff } else { address }
}

/// The caller's frame, or none at the end of the stack.
#[inline(always)]
pub fn step(frame: Registers, rule: Rule) -> Option<Registers> {
    if !rule.steps() {
        return None;
    }
    let cfa = rule.cfa(frame.sp, frame.fp);
    // The unwind table of a function that does odd things to its stack may be wrong. A stack only grows towards its callers.
    if cfa <= frame.sp || cfa & 7 != 0 || cfa.wrapping_sub(frame.sp) > 1 << 32 {
        return None;
    }
    let fp_offset = rule.fp_offset();
    // SAFETY: the unwind table says that the frame has its return address and the saved frame pointer there.
    let (pc, fp) = unsafe {
        let pc = *(cfa.wrapping_add_signed(rule.ra_offset()) as *const u64);
        let fp = if fp_offset == 0 { frame.fp } else { *(cfa.wrapping_add_signed(fp_offset) as *const u64) };
        (strip(pc), fp)
    };
    if pc < 4096 { None } else { Some(Registers { pc, sp: cfa, fp }) }
}

/// Unwinds the whole stack, innermost first. `truncated` is set if there are more frames than `into` has room for.
pub fn plain(start: Registers, into: &mut [u64], truncated: &mut bool) -> usize {
    let mut frame = start;
    let mut count = 0usize;
    *truncated = false;
    loop {
        match into.get_mut(count) {
            Some(slot) => *slot = frame.pc,
            None => {
                *truncated = true;
                return count;
            }
        }
        count = count.wrapping_add(1);
        match step(frame, rule_at(frame.pc)) {
            Some(caller) => frame = caller,
            None => return count,
        }
    }
}

/// The node of the stack at `start`. [`stacks::NONE`] if there is no room for it.
pub fn capture(start: Registers, room: &mut [u64; DEEPEST]) -> u32 {
    let mut truncated = false;
    let count = plain(start, room, &mut truncated);
    let (mut node, kept) = if truncated { (stacks::TRUNCATED, KEPT) } else { (stacks::EMPTY, count) };
    for &pc in room.get(..kept).unwrap_or_default().iter().rev() {
        node = stacks::child(node, pc);
        if node == stacks::NONE {
            break;
        }
    }
    node
}
