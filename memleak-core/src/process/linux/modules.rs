//! The writable memory of the executable and its libraries, and where their thread-locals are.
//!
//! May use: `registers` (the thread pointer).

use super::registers::thread_pointer;
use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;

/// What the loader knows.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// The writable segments of all modules.
    pub segments: Vec<Range<u64>>,
    /// Those of the C library.
    pub libc_segments: Vec<Range<u64>>,
    /// From the thread pointer to the executable's thread-locals; none if it has none.
    pub executables_thread_locals: Option<i64>,
    /// From the thread pointer to the static thread-locals of all modules: where they start and end.
    pub thread_locals: Range<i64>,
}

/// Static thread-locals are this near to the thread pointer. What is farther away was allocated for this thread alone.
const NEAR: Range<i64> = if cfg!(target_arch = "x86_64") { -(1 << 20)..0 } else { 0..1 << 20 };

impl Modules {
    /// Asks the loader, which takes its lock.
    pub fn loaded() -> Modules {
        let mut modules = Modules::default();
        // SAFETY: the callback and its data fit together.
        unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut modules).cast()) };
        modules
    }

    fn add_thread_locals(&mut self, block: u64, size: u64, executable: bool) {
        let offset = block.wrapping_sub(thread_pointer()).cast_signed();
        if !NEAR.contains(&offset) {
            return;
        }
        if executable {
            self.executables_thread_locals = Some(offset);
        }
        let end = offset + i64::try_from(size).unwrap_or(0);
        self.thread_locals = self.thread_locals.start.min(offset)..self.thread_locals.end.max(end);
    }
}

unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, size: usize, modules: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid info; `modules` is what `loaded` passed.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Modules>()) };
    // The loader tells the executable first.
    let executable = modules.segments.is_empty() && modules.thread_locals.is_empty();
    // SAFETY: a C string, or null.
    let is_libc =
        !info.dlpi_name.is_null() && unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes().ends_with(b"/libc.so.6");
    for index in 0..usize::from(info.dlpi_phnum) {
        // SAFETY: there are so many headers.
        let header = unsafe { &*info.dlpi_phdr.add(index) };
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W != 0 && header.p_memsz > 0 {
            let segment = start..start.wrapping_add(header.p_memsz);
            if is_libc {
                modules.libc_segments.push(segment.clone());
            }
            modules.segments.push(segment);
        }
        let tells_thread_locals = size >= size_of::<libc::dl_phdr_info>() && !info.dlpi_tls_data.is_null();
        if header.p_type == libc::PT_TLS && tells_thread_locals {
            modules.add_thread_locals(info.dlpi_tls_data as u64, header.p_memsz, executable);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::Modules;
    use super::thread_pointer;

    #[test]
    fn a_static_is_in_a_segment_and_a_thread_local_where_the_offset_says() {
        static ANY: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
        thread_local!(static OWN: std::cell::Cell<u64> = const { std::cell::Cell::new(5) });
        let modules = Modules::loaded();
        let address = ANY.as_ptr() as u64;
        assert!(modules.segments.iter().any(|segment| segment.contains(&address)));
        let offset = OWN.with(|own| own.as_ptr() as u64).wrapping_sub(thread_pointer()).cast_signed();
        assert!(modules.thread_locals.contains(&offset), "{:?} {offset}", modules.thread_locals);
        let start = modules.executables_thread_locals.unwrap();
        assert!(offset >= start && offset < start + 4096, "{start} {offset}");
        // Each thread has the same offsets.
        let there = std::thread::spawn(Modules::loaded).join().unwrap();
        assert_eq!(there.executables_thread_locals, Some(start));
        assert_eq!(there.thread_locals, modules.thread_locals);
    }
}
