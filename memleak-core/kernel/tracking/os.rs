//! The few things the kernel needs from the operating system: addresses and pages, waiting, one thread-local word.
//!
//! May use: nothing. Linux on x86_64 and aarch64.

use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr;
use core::sync::atomic::AtomicU32;

unsafe extern "C" {
    fn mmap(addr: *mut c_void, len: usize, prot: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
    fn mprotect(addr: *mut c_void, len: usize, prot: c_int) -> c_int;
    fn madvise(addr: *mut c_void, len: usize, advice: c_int) -> c_int;
    fn getrlimit(resource: c_int, limits: *mut [usize; 2]) -> c_int;
    fn sched_yield() -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    pub fn pthread_key_create(key: *mut u32, destructor: Option<unsafe extern "C" fn(*mut c_void)>) -> c_int;
    pub fn pthread_setspecific(key: u32, value: *const c_void) -> c_int;
    pub fn pthread_atfork(
        prepare: Option<unsafe extern "C" fn()>,
        parent: Option<unsafe extern "C" fn()>,
        child: Option<unsafe extern "C" fn()>,
    ) -> c_int;
}

const PROT_NONE: c_int = 0;
const PROT_READ_WRITE: c_int = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE: c_int = 0x4022;
const MADV_DONTNEED: c_int = 4;
const RLIMIT_AS: c_int = 9;
const FUTEX_WAIT_PRIVATE: c_int = 128;
const FUTEX_WAKE_PRIVATE: c_int = 129;
#[cfg(target_arch = "x86_64")]
const SYS_FUTEX: c_long = 202;
#[cfg(target_arch = "x86_64")]
const SYS_GETTID: c_long = 186;
#[cfg(target_arch = "aarch64")]
const SYS_FUTEX: c_long = 98;
#[cfg(target_arch = "aarch64")]
const SYS_GETTID: c_long = 178;

/// Addresses without memory; null if there are none.
pub fn reserve(len: usize) -> *mut u8 {
    // SAFETY: an anonymous mapping at an address of the system's choice.
    let at = unsafe { mmap(ptr::null_mut(), len, PROT_NONE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0) };
    if at as isize == -1 { ptr::null_mut() } else { at.cast() }
}

/// Lets reserved pages be used: they are zero, and take memory when they are touched. False if there is none.
///
/// # Safety
/// The pages are part of a [`reserve`].
pub unsafe fn make_usable(at: *mut u8, len: usize) -> bool {
    // SAFETY: by contract.
    unsafe { mprotect(at.cast(), len, PROT_READ_WRITE) == 0 }
}

/// Gives the memory of whole pages back: they are zero when they are touched again, if they are private to this process and come from
/// no file. False if the system refuses.
///
/// # Safety
/// Nothing needs what is in the pages.
pub unsafe fn discard(at: *mut u8, len: usize) -> bool {
    // SAFETY: by contract.
    unsafe { madvise(at.cast(), len, MADV_DONTNEED) == 0 }
}

/// How many bytes of addresses this process may use (`ulimit -v`).
pub fn address_space_limit() -> usize {
    let mut limits = [usize::MAX; 2];
    // SAFETY: two words, which is what the call fills.
    unsafe { getrlimit(RLIMIT_AS, &raw mut limits) };
    limits[0]
}

/// The system's number for this thread.
pub fn thread_id() -> u32 {
    // SAFETY: no preconditions.
    unsafe { syscall(SYS_GETTID) as u32 }
}

/// Lets another thread run.
pub fn yield_now() {
    // SAFETY: no preconditions.
    unsafe { sched_yield() };
}

/// Sleeps while `word` is `value`, for at most ten milliseconds.
pub fn wait_while(word: &AtomicU32, value: u32) {
    let at_most: [c_long; 2] = [0, 10_000_000];
    // SAFETY: `word` and the timespec outlive the call.
    unsafe { syscall(SYS_FUTEX, word.as_ptr(), FUTEX_WAIT_PRIVATE, value, at_most.as_ptr()) };
}

/// Wakes all that [`wait_while`] on `word`.
pub fn wake(word: &AtomicU32) {
    // SAFETY: `word` outlives the call.
    unsafe { syscall(SYS_FUTEX, word.as_ptr(), FUTEX_WAKE_PRIVATE, c_int::MAX) };
}

/// Whether an environment variable is set to something other than nothing.
pub fn env_is_set(name: &core::ffi::CStr) -> bool {
    // SAFETY: a C string; the answer is read at once.
    let value = unsafe { getenv(name.as_ptr()) };
    // SAFETY: `getenv` answers null or a C string.
    !value.is_null() && unsafe { *value } != 0
}

// One thread-local word. `thread_local!` is std's and `#[thread_local]` is unstable, so the word is defined and addressed in assembly,
// in the initial-exec model: no call, no allocation, and it is there until the thread's last instruction.
core::arch::global_asm!(
    ".pushsection .tbss.memleak_thread,\"awT\",%nobits",
    ".globl memleak_thread",
    ".hidden memleak_thread",
    ".type memleak_thread, %object",
    ".size memleak_thread, 8",
    ".p2align 3",
    "memleak_thread:",
    ".zero 8",
    ".popsection",
);

/// Where this thread's word is.
#[inline(always)]
pub fn thread_word() -> *mut *mut u8 {
    let at: *mut *mut u8;
    // SAFETY: reads the thread pointer and a link-time constant.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!(
            "mov {at}, qword ptr fs:[0]",
            "add {at}, qword ptr [rip + memleak_thread@GOTTPOFF]",
            at = out(reg) at,
            options(pure, readonly, nostack),
        );
    }
    // SAFETY: reads the thread pointer and a link-time constant.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!(
            "mrs {at}, tpidr_el0",
            "adrp {off}, :gottprel:memleak_thread",
            "ldr {off}, [{off}, :gottprel_lo12:memleak_thread]",
            "add {at}, {at}, {off}",
            at = out(reg) at,
            off = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    at
}

/// Has the processor fetch the cache line at `address`, which need not be valid.
#[inline(always)]
pub fn prefetch(address: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; the processor ignores addresses that it cannot read.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address as *const i8);
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("prfm pstl1keep, [{at}]", at = in(reg) address, options(readonly, nostack));
    }
}
