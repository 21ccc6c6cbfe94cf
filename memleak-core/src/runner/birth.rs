//! What happens before `main` in a process that a leak test has started: it takes what its parent has told it out of the environment, and puts
//! a warden between its parent and itself.
//!
//! May use: `role` (the marker), `warden`, `tracker`.
//!
//! ```text
//!   parent ─► warden ─► child, in which the body runs
//! ```
//!
//! The warden is the process that the parent has started, and the child a fork of it that goes on to `main`. That is cheap, and safe as long as
//! there is one thread. Nothing may be allocated before the fork: with its first block a process decides whether it is tracked.

use super::role::{MARKER_C, Marker};
use super::warden::{self, End};
use crate::tracker;
use rustix::process::{
    DumpableBehavior, Pid, Signal, getpid, getppid, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use std::env;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::OnceLock;

/// What the parent has told this process: the value of [`MARKER_C`].
pub(super) fn told() -> Option<&'static str> {
    TOLD.get().map(String::as_str)
}

static TOLD: OnceLock<String> = OnceLock::new();

/// As of a libtest process with a failed test.
pub(super) const FAILED: i32 = 101;

// SAFETY: the loader calls the functions in this section before `main`.
#[unsafe(link_section = ".init_array")]
#[used]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    // SAFETY: a C string; the answer is read before the environment is changed.
    let told = unsafe { libc::getenv(MARKER_C.as_ptr()) };
    if told.is_null() {
        return;
    }
    // SAFETY: an entry of the environment. Its bytes stay where they are when it is taken out.
    let Ok(told) = unsafe { CStr::from_ptr(told) }.to_str() else { return };
    let Some(marker) = Marker::parse(told) else { return };
    let parent = getppid();
    if parent.is_none_or(|parent| parent.as_raw_nonzero().get().unsigned_abs() != marker.parent) {
        // It has ended already.
        exit(FAILED);
    }
    if is_alone() && set_child_subreaper(Some(getpid())).is_ok() {
        // SAFETY: there is no other thread whose locks the child could find taken.
        match unsafe { libc::fork() } {
            // The attribute is not inherited.
            0 => {}
            -1 => {
                let _ = set_child_subreaper(None);
            }
            child => guard(child, parent),
        }
    }
    begin(told);
}

/// The warden's course. It ends as the child does.
fn guard(child: i32, parent: Option<Pid>) -> ! {
    forget_environment();
    set_name(c"memleak-warden");
    // What the warden held open would not come to its end for who reads it. Its standard input is the channel.
    // SAFETY: nothing in this process has a descriptor yet.
    unsafe { libc::syscall(libc::SYS_close_range, 1, u32::MAX, 0) };
    let Some(child) = Pid::from_raw(child) else { exit(FAILED) };
    // Not a `Pid`: zero is an answer.
    // SAFETY: no preconditions.
    let session = unsafe { libc::getsid(0) };
    match warden::watch(child, parent, session) {
        End::Exited(code) => exit(code),
        End::Killed(signal) => {
            // The child's core file is enough.
            let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
            // SAFETY: the default action is no function of ours.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            // SAFETY: no preconditions.
            unsafe { libc::raise(signal) };
            exit(FAILED)
        }
    }
}

/// The child's course until `main`.
fn begin(told: &str) {
    // A process without its warden, or parent, is nobody's.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    // Decides whether this process is tracked while the environment still says so.
    tracker::status();
    let _own = tracker::untracked();
    let _ = TOLD.set(told.to_owned());
    forget_environment();
    // It was started as `/proc/self/exe`, and is called "exe".
    let name = env::args_os().next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default();
    if let Ok(name) = CString::new(name.as_encoded_bytes()) {
        set_name(&name);
    }
}

/// Undoes that a program above has the ends of children ignored: they would be gone before anybody could ask how they ended.
pub(super) fn hear_of_children() {
    // SAFETY: zeros are a `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a place for the answer.
    let asked = unsafe { libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut action) } == 0;
    if asked && action.sa_sigaction == libc::SIG_IGN {
        // SAFETY: the default action is no function of ours, and does nothing.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
}

/// Whether there is but one thread.
fn is_alone() -> bool {
    // SAFETY: zeros are a `stat`.
    let mut tasks: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a C string, and a place for the answer.
    let answered = unsafe { libc::stat(c"/proc/self/task".as_ptr(), &raw mut tasks) } == 0;
    // The directory of each thread is a link, as are `.` and the entry above.
    answered && tasks.st_nlink == 3
}

/// The body, and what it starts, find an environment as if no leak test had started them.
fn forget_environment() {
    for name in [MARKER_C, tracker::TRACK_C] {
        // SAFETY: a C string, and no other thread that reads the environment.
        unsafe { libc::unsetenv(name.as_ptr()) };
    }
}

/// Names this thread; the system takes the first 15 bytes.
fn set_name(name: &CStr) {
    // SAFETY: a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Without what is registered to run at the end of the program.
fn exit(code: i32) -> ! {
    // SAFETY: no preconditions.
    unsafe { libc::_exit(code) }
}
