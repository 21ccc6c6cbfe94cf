//! The modules of this process (executable and shared libraries) and where their unwind tables are.
//!
//! May use: `lock`, `pool`, `cursor`.
//!
//! [`refresh`] asks the loader, which takes its lock: never call it from the hook. So a library that is loaded while the program runs is
//! known from the next epoch or freeze on; until then a stack ends at the first frame that is in it.

use super::cursor::Cursor;
use super::lock::Lock;
use super::pool;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// An executable segment and the `.eh_frame_hdr` that covers it.
#[derive(Clone, Copy)]
pub struct Module {
    start: u64,
    end: u64,
    header: u64,
    header_end: u64,
}

const LIST_BITS: u32 = 16;
const ROOM: usize = ((1usize << LIST_BITS) - size_of::<Modules>()) / size_of::<Module>();

/// A list that never changes once it is published.
#[repr(C)]
struct Modules {
    count: usize,
}

static LIST: AtomicPtr<Modules> = AtomicPtr::new(ptr::null_mut());
static REFRESHING: Lock = Lock::new();
static SEEN: AtomicU64 = AtomicU64::new(u64::MAX);

/// Counts changes of the list. Rules found under an older number may be about code that is gone.
pub static GENERATION: AtomicU32 = AtomicU32::new(0);

#[repr(C)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_size: u64,
    size: u64,
    align: u64,
}

#[repr(C)]
struct LoaderInfo {
    base: u64,
    name: *const c_char,
    headers: *const ProgramHeader,
    header_count: u16,
    adds: u64,
    subs: u64,
}

unsafe extern "C" {
    fn dl_iterate_phdr(
        callback: unsafe extern "C" fn(*const LoaderInfo, usize, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

const PT_LOAD: u32 = 1;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const EXECUTABLE: u32 = 1;

unsafe extern "C" fn read_changes(info: *const LoaderInfo, size: usize, data: *mut c_void) -> c_int {
    if size >= size_of::<LoaderInfo>() {
        // SAFETY: the loader passes a valid info of `size` bytes; `data` is the u64 of `refresh`.
        unsafe { *data.cast::<u64>() = (*info).adds.wrapping_shl(32) | ((*info).subs & 0xffff_ffff) };
    }
    1
}

unsafe extern "C" fn add(info: *const LoaderInfo, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid info; `data` is the list of `refresh`.
    let (info, list) = unsafe { (&*info, &mut *data.cast::<Modules>()) };
    let mut header = None;
    for i in 0..usize::from(info.header_count) {
        // SAFETY: there are `header_count` headers.
        let segment = unsafe { &*info.headers.add(i) };
        if segment.kind == PT_GNU_EH_FRAME {
            let at = info.base.wrapping_add(segment.address);
            header = Some((at, at.wrapping_add(segment.size)));
        }
    }
    let Some((header, header_end)) = header else { return 0 };
    for i in 0..usize::from(info.header_count) {
        // SAFETY: as above.
        let segment = unsafe { &*info.headers.add(i) };
        if segment.kind == PT_LOAD && segment.flags & EXECUTABLE != 0 && list.count < ROOM {
            let start = info.base.wrapping_add(segment.address);
            let module = Module { start, end: start.wrapping_add(segment.size), header, header_end };
            // SAFETY: `count < ROOM`, and the list is not published yet.
            unsafe { *entries(list).add(list.count).cast_mut() = module };
            list.count = list.count.wrapping_add(1);
        }
    }
    0
}

fn entries(list: *const Modules) -> *const Module {
    list.wrapping_add(1).cast()
}

/// Publishes a new list if modules were loaded or unloaded since the last call.
pub fn refresh() {
    let _held = REFRESHING.hold();
    let mut changes = 0u64;
    // SAFETY: the callback and its data fit together.
    unsafe { dl_iterate_phdr(read_changes, ptr::from_mut(&mut changes).cast()) };
    if SEEN.load(Ordering::Relaxed) != changes || LIST.load(Ordering::Relaxed).is_null() {
        let list: *mut Modules = pool::take(LIST_BITS).cast();
        if !list.is_null() {
            // SAFETY: the callback and its data fit together; zeroed memory is an empty list.
            unsafe { dl_iterate_phdr(add, list.cast()) };
            // The old list stays: another thread may be reading it.
            LIST.store(list, Ordering::Release);
            SEEN.store(changes, Ordering::Relaxed);
            GENERATION.fetch_add(1, Ordering::Release);
        }
    }
}

/// The bytes of a frame description entry, and those of its module's unwind table.
pub struct Description {
    /// After the length and the CIE pointer.
    pub body: Cursor,
    /// Where the CIE starts.
    pub cie: u64,
}

/// The frame description entry that may cover `address` (the caller checks its range); none if there is no table for it.
pub fn description(address: u64) -> Option<Description> {
    let module = find(address)?;
    // SAFETY: a mapped segment of a loaded module.
    let mut header = unsafe { Cursor::new(module.header, module.header_end) };
    // The form that every linker writes: a sorted table of (function, description), relative to the header.
    if header.u32()? != u32::from_le_bytes([1, 0x1b, 3, 0x3b]) {
        return None;
    }
    header.u32()?;
    let count = u64::from(header.u32()?);
    let table = header.position();
    let room = module.header_end.checked_sub(table)?.checked_div(8)?;
    let (mut low, mut high) = (0, if count < room { count } else { room });
    let entry = |i: u64| {
        let at = table.wrapping_add(i.wrapping_mul(8)) as *const [i32; 2];
        // SAFETY: `i < room`, so the entry is within the mapped header; it is 4-aligned.
        unsafe { *at }
    };
    let start = |i: u64| module.header.wrapping_add_signed(i64::from(entry(i)[0]));
    while low < high {
        let middle = low.wrapping_add(high.wrapping_sub(low) >> 1);
        if start(middle) <= address {
            low = middle.wrapping_add(1);
        } else {
            high = middle;
        }
    }
    let last = low.checked_sub(1)?;
    let at = module.header.wrapping_add_signed(i64::from(entry(last)[1]));
    // SAFETY: the header points to entries of the same module's `.eh_frame`, which is mapped.
    let mut head = unsafe { Cursor::new(at, at.wrapping_add(8)) };
    let length = head.u32()?;
    if length == 0 || length == u32::MAX {
        return None;
    }
    let pointer_at = head.position();
    let cie = pointer_at.wrapping_sub(u64::from(head.u32()?));
    // SAFETY: an entry says its own length.
    let body = unsafe { Cursor::new(head.position(), pointer_at.wrapping_add(u64::from(length))) };
    Some(Description { body, cie })
}

fn find(address: u64) -> Option<Module> {
    let list = LIST.load(Ordering::Acquire);
    if list.is_null() {
        return None;
    }
    // SAFETY: a published list has `count` entries.
    let modules = unsafe { core::slice::from_raw_parts(entries(list), (*list).count) };
    modules.iter().find(|m| m.start <= address && address < m.end).copied()
}
