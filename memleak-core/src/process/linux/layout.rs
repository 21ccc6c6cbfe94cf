//! Which memory is whose: stacks and thread-locals, told from the thread pointer, the stack pointer and what is mapped.
//!
//! May use: `mappings`, `modules`.
//!
//! ```text
//!   x86-64   guard │ ......... stack ◄─ sp │ static thread-locals │ tp: the C library's record │ end of a page
//!   aarch64  guard │ ......... stack ◄─ sp │ the C library's record │ tp: static thread-locals  │ end of a page
//! ```
//!
//! The main thread's stack is apart from its thread-locals. Mappings beside each other are listed as one, so the end of the mapping says little;
//! at guards of any kind they have been cut.

use super::super::Places;
use super::mappings::{Mapping, around};
use super::modules::Modules;
use std::ops::Range;

const PAGE: u64 = 4096;

/// The C library's record of a thread has at least this size; glibc's has had about 2,300 bytes for long.
const RECORD: u64 = 0x700;

/// What is known of a thread's whereabouts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whereabouts {
    pub is_main: bool,
    pub stack_pointer: Option<u64>,
    pub thread_pointer: Option<u64>,
}

/// The memory of the thread that is there.
pub fn places(thread: Whereabouts, mappings: &[Mapping], modules: &Modules) -> Places {
    let own = thread.thread_pointer.and_then(|tp| own_end(tp, mappings, modules));
    let whole_stack = if thread.is_main {
        mappings.iter().find(|mapping| mapping.main_stack).map(|mapping| mapping.start..mapping.end)
    } else {
        own.as_ref().map(|(mapping, thread_locals)| mapping.start..thread_locals.start)
    };
    let sp = thread.stack_pointer;
    let on_own = whole_stack.clone().zip(sp).filter(|(stack, sp)| stack.contains(sp));
    let mut other_stack = None;
    let stack = match on_own {
        Some((stack, sp)) => Some(sp..stack.end),
        None => {
            // On a stack of its own making, or in a signal handler's. Then all of its own one may be in use.
            let there = sp.and_then(|sp| Some(sp..around(mappings, sp)?.end.min(sp.saturating_add(MOST))));
            if whole_stack.is_some() {
                other_stack = there;
                whole_stack
            } else {
                there
            }
        }
    };
    let tp = thread.thread_pointer.filter(|_| own.is_some());
    Places {
        stack,
        thread_locals: own.map(|(_, thread_locals)| thread_locals),
        executables_thread_locals: tp.zip(modules.executables_thread_locals).map(|(tp, at)| tp.wrapping_add_signed(at)),
        other_stack,
    }
}

/// All memory that is this thread's alone, dead parts of its stack and thread-locals included; not the main thread's stack.
pub fn own_memory(is_main: bool, tp: u64, mappings: &[Mapping], modules: &Modules) -> Option<Range<u64>> {
    let (mapping, thread_locals) = own_end(tp, mappings, modules)?;
    let start = if is_main { thread_locals.start } else { mapping.start };
    Some(start..thread_locals.end)
}

/// How much is copied of a stack whose end is not known.
const MOST: u64 = 1 << 20;

/// The mapping that the thread pointer is in, and the part of it that is the thread's record and static thread-locals.
fn own_end<'m>(tp: u64, mappings: &'m [Mapping], modules: &Modules) -> Option<(&'m Mapping, Range<u64>)> {
    let mapping = around(mappings, tp).filter(|mapping| mapping.data)?;
    let before = modules.thread_locals.start.min(0).unsigned_abs();
    let behind = modules.thread_locals.end.max(0).unsigned_abs();
    let (before, behind) = if cfg!(target_arch = "x86_64") { (before, RECORD) } else { (2304, behind) };
    let start = tp.saturating_sub(before).max(mapping.start);
    let end = tp.saturating_add(behind).next_multiple_of(PAGE).min(mapping.end);
    Some((mapping, start..end))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::mappings::Mapping;
    use super::super::modules::Modules;
    use super::{Whereabouts, places};
    use crate::process::Places;

    fn mapping(start: u64, end: u64, main_stack: bool) -> Mapping {
        Mapping { start, end, data: true, anonymous: true, main_stack, separated: true }
    }

    fn modules() -> Modules {
        Modules { executables_thread_locals: Some(-0x80), thread_locals: -0x100..0, ..Modules::default() }
    }

    fn at(is_main: bool, sp: u64, tp: u64, mappings: &[Mapping]) -> Places {
        places(Whereabouts { is_main, stack_pointer: Some(sp), thread_pointer: Some(tp) }, mappings, &modules())
    }

    #[test]
    fn a_thread_with_something_mapped_behind_it() {
        let places = at(false, 0x1_8000, 0x1_f700, &[mapping(0x1_0000, 0x3_0000, false)]);
        assert_eq!(places.stack, Some(0x1_8000..0x1_f600));
        assert_eq!(places.thread_locals, Some(0x1_f600..0x2_0000));
        assert_eq!(places.executables_thread_locals, Some(0x1_f680));
        assert_eq!(places.other_stack, None);
    }

    #[test]
    fn the_main_thread_has_two_places() {
        let mappings = [mapping(0x1_0000, 0x1_3000, false), mapping(0x8_0000, 0x9_0000, true)];
        let places = at(true, 0x8_f000, 0x1_0740, &mappings);
        assert_eq!(places.stack, Some(0x8_f000..0x9_0000));
        assert_eq!(places.thread_locals, Some(0x1_0640..0x1_1000));
    }

    #[test]
    fn a_thread_on_another_stack_has_both() {
        let mappings = [mapping(0x1_0000, 0x2_0000, false), mapping(0x3_0000, 0x3_1000, false)];
        let places = at(false, 0x3_0800, 0x1_f700, &mappings);
        assert_eq!(places.stack, Some(0x1_0000..0x1_f600));
        assert_eq!(places.other_stack, Some(0x3_0800..0x3_1000));
    }

    #[test]
    fn what_is_not_known_is_none() {
        let mappings = [mapping(0x3_0000, 0x3_1000, false)];
        let nowhere = places(Whereabouts::default(), &mappings, &modules());
        assert_eq!(nowhere, Places::default());
        let waits = Whereabouts { stack_pointer: Some(0x3_0800), ..Whereabouts::default() };
        assert_eq!(places(waits, &mappings, &modules()).stack, Some(0x3_0800..0x3_1000));
    }
}
