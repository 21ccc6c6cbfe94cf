//! What a thread does while it is stopped: it tells where it is, and waits.
//!
//! May use: `registers`.
//!
//! # States of a slot, each with the number of the round
//!
//! ```text
//!   WITHDRAWN ──invite──► INVITED ──handler──► WRITING ──► STOPPED
//!       ▲                    │
//!       └──── withdraw ◄─────┘
//! ```
//!
//! A thread that gets its signal late finds its slot withdrawn or in a later round, and goes on at once. So after the end of an invitation
//! it is certain whether the thread has stopped.
//!
//! The handler stays installed for good: a late signal must not meet the default action, which ends the process.

use super::registers::Registers;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_long, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// What one thread tells.
struct Slot {
    /// The round, then two bits of state.
    state: AtomicU32,
    registers: UnsafeCell<Registers>,
}

const WITHDRAWN: u32 = 0;
const INVITED: u32 = 1;
const WRITING: u32 = 2;
const STOPPED: u32 = 3;
const STATE_BITS: u32 = 2;

/// The slots. When there must be more, the old ones are left as they are: a late signal may still look at them.
static SLOTS: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());
static SLOT_COUNT: AtomicUsize = AtomicUsize::new(0);
/// The round that threads wait in; zero if none.
static ROUND: AtomicU32 = AtomicU32::new(0);
static LAST_ROUND: AtomicU32 = AtomicU32::new(0);
/// Changes when a thread has stopped.
static STOPS: AtomicU32 = AtomicU32::new(0);
/// The signal that is used; zero if none was chosen yet.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// One stop of the world. Threads that have stopped wait until it is dropped.
#[derive(Debug)]
pub struct Round {
    number: u32,
    signal: c_int,
}

impl Round {
    /// Begins a round; only one at a time, which the freeze ensures. None if the program uses all signals itself.
    pub fn begin() -> Option<Round> {
        let signal = choose_signal()?;
        let number = LAST_ROUND.load(Ordering::Relaxed).wrapping_add(1) & (u32::MAX >> STATE_BITS);
        let number = number.max(1);
        LAST_ROUND.store(number, Ordering::Relaxed);
        ROUND.store(number, Ordering::SeqCst);
        Some(Round { number, signal })
    }

    /// The bit of its signal in a mask.
    pub fn mask(&self) -> u64 {
        1 << (self.signal - 1)
    }

    /// Lets the threads go on.
    pub fn end(&self) {
        if ROUND.swap(0, Ordering::SeqCst) != 0 {
            futex(&ROUND, libc::FUTEX_WAKE, i32::MAX.unsigned_abs(), None);
        }
    }

    /// Sends the signal; false if there is no such thread any more.
    pub fn invite(&self, slot: usize, thread: u32) -> bool {
        let Some(found) = slot_at(slot) else { return false };
        found.state.store(self.number << STATE_BITS | INVITED, Ordering::SeqCst);
        let sent = send(thread, self.signal, (self.number as usize) << 32 | slot);
        if !sent {
            found.state.store(self.number << STATE_BITS | WITHDRAWN, Ordering::SeqCst);
        }
        sent
    }

    /// What the thread has told, if it has stopped.
    pub fn stopped(&self, slot: usize) -> Option<&Registers> {
        let found = slot_at(slot)?;
        let stopped = found.state.load(Ordering::Acquire) == self.number << STATE_BITS | STOPPED;
        // SAFETY: a stopped thread has written its last word before it said so.
        stopped.then(|| unsafe { &*found.registers.get() })
    }

    /// Ends the invitation. True if the thread will not stop any more in this round; false if it has stopped or is about to.
    pub fn withdraw(&self, slot: usize) -> bool {
        let Some(found) = slot_at(slot) else { return true };
        let [from, to] = [INVITED, WITHDRAWN].map(|state| self.number << STATE_BITS | state);
        let withdrawn = found.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        withdrawn.is_ok() || withdrawn == Err(to)
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.end();
    }
}

/// How many threads have stopped so far, in all rounds.
pub fn stops() -> u32 {
    STOPS.load(Ordering::SeqCst)
}

/// Waits until the number of stops is not `seen`, or for so many microseconds.
pub fn wait_for_stop(seen: u32, microseconds: c_long) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: microseconds * 1000 };
    futex(&STOPS, libc::FUTEX_WAIT, seen, Some(&time));
}

/// Whether the thread is still there.
pub fn exists(thread: u32) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) == 0 }
}

/// Makes at least so many slots. Only between rounds, by a thread that is untracked: what the slots hold must not look like the program's.
pub fn make_slots(count: usize) {
    if SLOT_COUNT.load(Ordering::Relaxed) >= count {
        return;
    }
    let new = || Slot { state: AtomicU32::new(WITHDRAWN), registers: UnsafeCell::new(Registers::NONE) };
    let slots = Vec::leak((0..count).map(|_| new()).collect());
    // A handler that reads the new count with the old slots would be wrong, so the count is zero meanwhile.
    SLOT_COUNT.store(0, Ordering::SeqCst);
    SLOTS.store(slots.as_mut_ptr(), Ordering::SeqCst);
    SLOT_COUNT.store(count, Ordering::SeqCst);
}

fn slot_at(index: usize) -> Option<&'static Slot> {
    let slots = SLOTS.load(Ordering::SeqCst);
    // SAFETY: slots are never unmapped, and there are as many as the count says.
    (index < SLOT_COUNT.load(Ordering::SeqCst)).then(|| unsafe { &*slots.add(index) })
}

/// What the handler is sent with, in the layout of `siginfo_t`.
#[repr(C)]
struct Message {
    signal: c_int,
    error: c_int,
    code: c_int,
    unused: c_int,
    process: c_int,
    user: u32,
    value: usize,
    rest: [u64; 12],
}

const _: () = assert!(size_of::<Message>() == size_of::<libc::siginfo_t>());

fn send(thread: u32, signal: c_int, value: usize) -> bool {
    // SAFETY: two plain questions, then a message that outlives the call.
    unsafe {
        let (process, user) = (libc::getpid(), libc::getuid());
        let message =
            Message { signal, error: 0, code: libc::SI_QUEUE, unused: 0, process, user, value, rest: [0; 12] };
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, &raw const message) == 0
    }
}

/// The signal handler: runs on the thread that is to stop, wherever it is.
///
/// Other signals are blocked meanwhile, so nothing else of the program runs on this thread.
unsafe extern "C" fn stop_here(_signal: c_int, message: *mut Message, context: *mut c_void) {
    // SAFETY: this thread's own; the system calls below change it.
    let error = unsafe { *libc::__errno_location() };
    // SAFETY: the system passes a message.
    let (code, value) = unsafe { ((*message).code, (*message).value) };
    if code == libc::SI_QUEUE
        && let round = (value >> 32) as u32
        && let Some(slot) = slot_at(value & u32::MAX as usize)
    {
        let [from, to] = [INVITED, WRITING].map(|state| round << STATE_BITS | state);
        if slot.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            // SAFETY: a slot that is being written is this thread's alone.
            unsafe { (*slot.registers.get()).read(context.cast()) };
            slot.state.store(round << STATE_BITS | STOPPED, Ordering::Release);
            STOPS.fetch_add(1, Ordering::SeqCst);
            futex(&STOPS, libc::FUTEX_WAKE, 1, None);
            while ROUND.load(Ordering::SeqCst) == round {
                futex(&ROUND, libc::FUTEX_WAIT, round, None);
            }
        }
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = error };
}

/// A real-time signal for which the program has no handler. The choice is kept while it holds.
fn choose_signal() -> Option<c_int> {
    let handler = stop_here as *const () as usize;
    let chosen = SIGNAL.load(Ordering::Relaxed);
    if chosen != 0 && handler_of(chosen) == Some(handler) {
        return Some(chosen);
    }
    super::registers::prepare();
    let free = (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().find(|signal| handler_of(*signal) == Some(libc::SIG_DFL))?;
    // SAFETY: the mask and the flags are set right here; the handler keeps to what a handler may do.
    let installed = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler;
        // On the thread's signal stack if it has one: its own may be small. A system call goes on if it can.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(free, &raw const action, ptr::null_mut()) == 0
    };
    if !installed {
        return None;
    }
    SIGNAL.store(free, Ordering::Relaxed);
    Some(free)
}

/// The stack that this thread's signal handlers run on: start and end.
pub fn own_signal_stack() -> [u64; 2] {
    // SAFETY: only asks.
    let stack = unsafe {
        let mut stack: libc::stack_t = mem::zeroed();
        libc::sigaltstack(ptr::null(), &raw mut stack);
        stack
    };
    match stack.ss_flags & libc::SS_DISABLE {
        0 => [stack.ss_sp as u64, (stack.ss_sp as u64).wrapping_add(stack.ss_size as u64)],
        _ => [0; 2],
    }
}

fn handler_of(signal: c_int) -> Option<usize> {
    // SAFETY: only asks.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        (libc::sigaction(signal, ptr::null(), &raw mut action) == 0).then_some(action.sa_sigaction)
    }
}

fn futex(word: &AtomicU32, what: c_int, value: u32, time: Option<&libc::timespec>) {
    let time = time.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` and the time outlive the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), what | libc::FUTEX_PRIVATE_FLAG, value, time) };
}
