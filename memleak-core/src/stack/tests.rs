//! The kernel's unwinder against two others: gimli's reading of the same unwind tables, and its own plain walk.

use super::StackId;
use crate::kernel::MEMLEAK_TRACKER;
use crate::kernel::interface_tracker::RawRule;
use crate::tracker;
use gimli::{
    BaseAddresses, CfaRule, EhFrame, LittleEndian, RegisterRule, UnwindContext, UnwindSection, UnwindTableRow, X86_64,
};
use object::{Object, ObjectSection};
use std::arch::naked_asm;
use std::ffi::c_void;
use std::hint::black_box;
use std::panic::catch_unwind;

/// What a rule should be, from a row as gimli reads it; none if rules do not cover it.
fn expected(row: &UnwindTableRow<usize>, signal: bool) -> Option<RawRule> {
    if signal {
        return None;
    }
    let ra = match row.register(X86_64::RA) {
        Some(RegisterRule::Undefined) => return Some(RawRule { kind: 2, ..RawRule::default() }),
        Some(RegisterRule::Offset(-8)) => -8,
        _ => return None,
    };
    let fp = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::SameValue) => 0,
        Some(RegisterRule::Offset(offset)) => offset,
        _ => return None,
    };
    match *row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } if register == X86_64::RSP || register == X86_64::RBP => {
            Some(RawRule { kind: 1, from_fp: register == X86_64::RBP, cfa: offset, fp, ra })
        }
        _ => None,
    }
}

/// Checks the rule at both ends of each row of each description in a module; answers how many rows have a rule, and how many have none.
fn check_module(path: &str, base: u64) -> (usize, usize) {
    let data = std::fs::read(path).unwrap();
    let file = object::File::parse(&*data).unwrap();
    let section = file.section_by_name(".eh_frame").unwrap();
    let table = EhFrame::new(section.data().unwrap(), LittleEndian);
    let bases = BaseAddresses::default().set_eh_frame(section.address());
    let mut context = UnwindContext::new();
    let (mut with, mut without) = (0, 0);
    let mut entries = table.entries(&bases);
    while let Some(entry) = entries.next().unwrap() {
        let gimli::CieOrFde::Fde(partial) = entry else { continue };
        let entry = partial.parse(EhFrame::cie_from_offset).unwrap();
        let mut rows = entry.rows(&table, &bases, &mut context).unwrap();
        while let Some(row) = rows.next_row().unwrap() {
            if row.start_address() == row.end_address() {
                continue;
            }
            let expected = expected(row, entry.cie().is_signal_trampoline());
            let expected = expected.unwrap_or_default();
            for address in [row.start_address(), row.end_address() - 1] {
                let mut found = RawRule::default();
                // SAFETY: `found` is a place for the answer.
                unsafe { (MEMLEAK_TRACKER.rule)(base + address, &raw mut found) };
                assert_eq!(found, expected, "{path} at {address:x}");
            }
            *if expected.kind == 0 { &mut without } else { &mut with } += 1;
        }
    }
    (with, without)
}

/// The file and base address of each module of this process that is a file.
fn modules() -> Vec<(String, u64)> {
    unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, _size: usize, into: *mut c_void) -> i32 {
        // SAFETY: the loader passes a valid info with a C string; `into` is the list below.
        unsafe {
            let name = std::ffi::CStr::from_ptr((*info).dlpi_name).to_str().unwrap().to_owned();
            (*into.cast::<Vec<(String, u64)>>()).push((name, (*info).dlpi_addr));
        }
        0
    }
    let mut found: Vec<(String, u64)> = Vec::new();
    // SAFETY: the callback and its data fit together.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut found).cast()) };
    found[0].0 = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    found.retain(|(path, _)| path.starts_with('/'));
    found
}

#[test]
fn every_rule_is_what_gimli_says() {
    tracker::enable();
    let modules = modules();
    assert!(modules.iter().any(|(path, _)| path.contains("libc.so")), "{modules:?}");
    for (path, base) in modules {
        let (with, without) = check_module(&path, base);
        println!("{path}: {with} rows with a rule, {without} without");
        assert!(with > 100 && without * 20 < with, "{path}: {with} rows with a rule, {without} without");
    }
}

/// Captures this stack twice, as the hook does and plainly, and compares.
#[inline(never)]
fn compare() {
    // One call site for both, so that the stacks are the same to the last address.
    let capture = |&plainly: &bool| {
        // SAFETY: no preconditions.
        StackId(unsafe { (MEMLEAK_TRACKER.stack_here)(plainly) })
    };
    let stacks: Vec<StackId> = black_box([false, true].as_slice()).iter().map(capture).collect();
    let (usual, plain) = (stacks[0], stacks[1]);
    assert_eq!(usual.frames(), plain.frames());
    assert!(usual.frames().len() > 8);
}

/// A xorshift generator; a test must not depend on where its numbers come from.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

struct Walk {
    random: Random,
    budget: u32,
}

type Shape = fn(&mut Walk, u32);

const SHAPES: [Shape; 7] = [ordinary, twice, aligned, through_c, through_catch, through_garbage, through_padding];

#[inline(never)]
fn ordinary(walk: &mut Walk, depth: u32) {
    level(walk, depth);
    black_box(());
}

#[inline(never)]
fn twice(walk: &mut Walk, depth: u32) {
    level(walk, depth);
    level(walk, depth);
}

/// Its over-aligned local makes the compiler use the frame pointer.
#[inline(never)]
fn aligned(walk: &mut Walk, depth: u32) {
    #[repr(align(128))]
    struct Aligned([u8; 128]);
    let mut local = Aligned([1; 128]);
    level(walk, depth);
    black_box(&mut local.0);
}

/// Puts optimised frames of the C library between, which save the frame pointer and use it for other things.
#[inline(never)]
fn through_c(walk: &mut Walk, depth: u32) {
    thread_local!(static WALK: std::cell::Cell<(*mut Walk, u32)> = const { std::cell::Cell::new((std::ptr::null_mut(), 0)) });
    unsafe extern "C" fn order(_: *const c_void, _: *const c_void) -> i32 {
        let (walk, depth) = WALK.replace((std::ptr::null_mut(), 0));
        if !walk.is_null() {
            // SAFETY: `through_c` waits for this and does not use its borrow meanwhile.
            level(unsafe { &mut *walk }, depth);
        }
        0
    }
    WALK.set((walk, depth));
    let mut items = [2u32, 1];
    // SAFETY: two items of four bytes.
    unsafe { libc::qsort(items.as_mut_ptr().cast(), 2, 4, Some(order)) };
}

#[inline(never)]
fn through_catch(walk: &mut Walk, depth: u32) {
    catch_unwind(std::panic::AssertUnwindSafe(|| level(walk, depth))).unwrap();
}

/// Calls `level` with any value in the frame pointer, as optimised code does.
#[inline(never)]
fn through_garbage(walk: &mut Walk, depth: u32) {
    extern "C" fn go_on(walk: &mut Walk, depth: u32) {
        level(walk, depth);
    }
    #[unsafe(naked)]
    extern "C" fn with_frame_pointer(walk: &mut Walk, depth: u32, garbage: u64, to: extern "C" fn(&mut Walk, u32)) {
        naked_asm!(
            ".cfi_startproc",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rdx",
            "call rcx",
            "pop rbp",
            ".cfi_def_cfa_offset 8",
            "ret",
            ".cfi_endproc",
        );
    }
    let garbage = walk.random.below(u64::MAX);
    with_frame_pointer(walk, depth, garbage, go_on);
}

/// Calls a function that aligns its stack, from a random distance: the frames further in are at the same place for any distance, and the
/// return address of the last time is still in the padding. Only the frame pointer tells.
#[inline(never)]
fn through_padding(walk: &mut Walk, depth: u32) {
    extern "C" fn go_on(walk: &mut Walk, depth: u32) {
        aligned(walk, depth);
    }
    #[unsafe(naked)]
    extern "C" fn at_distance(walk: &mut Walk, depth: u32, distance: u64, to: extern "C" fn(&mut Walk, u32)) {
        naked_asm!(
            ".cfi_startproc",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register rbp",
            "sub rsp, rdx",
            "call rcx",
            "mov rsp, rbp",
            "pop rbp",
            ".cfi_def_cfa rsp, 8",
            "ret",
            ".cfi_endproc",
        );
    }
    for _ in 0..3 {
        let distance = walk.random.below(8) * 16;
        at_distance(walk, depth, distance, go_on);
    }
}

/// A few random steps at one depth: captures, and calls of random shapes.
fn level(walk: &mut Walk, depth: u32) {
    for _ in 0..=walk.random.below(4) {
        if walk.budget == 0 {
            return;
        }
        walk.budget -= 1;
        if depth == 0 || walk.random.below(3) == 0 {
            compare();
        } else {
            let shape = SHAPES[walk.random.below(SHAPES.len() as u64) as usize];
            shape(walk, depth - 1);
        }
    }
}

#[test]
fn the_last_stack_never_gives_a_wrong_one() {
    tracker::enable();
    for seed in 1..40 {
        let mut walk = Walk { random: Random(seed * 0x9e37_79b9), budget: 1000 };
        while walk.budget > 0 {
            let depth = walk.random.below(30) as u32;
            level(&mut walk, depth);
        }
    }
}

#[inline(never)]
fn recurse(depth: u32, at_the_end: &mut dyn FnMut()) {
    if depth == 0 {
        at_the_end()
    } else {
        recurse(depth - 1, at_the_end)
    }
    black_box(());
}

#[test]
fn a_stack_that_is_too_deep_says_so() {
    tracker::enable();
    let deep = || {
        for (depth, truncated) in [(10_000, false), (20_000, true), (16_000, false), (20_000, true), (10, false)] {
            recurse(depth, &mut || {
                compare();
                // SAFETY: no preconditions.
                let stack = StackId(unsafe { (MEMLEAK_TRACKER.stack_here)(false) });
                assert_eq!(stack.is_truncated(), truncated, "{depth}");
                assert_eq!(stack.frames().len(), if truncated { 256 } else { stack.frames().len() });
                assert!(truncated || stack.frames().len() > depth as usize);
            });
        }
        // Grows over the limit one frame at a time, each on top of the last stack.
        fn grow(left: u32) {
            if left > 0 {
                if left < 600 {
                    compare();
                }
                // An order of call sites that does not repeat itself.
                if left.count_ones().is_multiple_of(2) {
                    grow(left - 1);
                    black_box(0);
                } else {
                    grow(left - 1);
                    black_box(1);
                }
            }
        }
        grow(16_700);
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(deep).unwrap().join().unwrap();
}
