//! What the runner tells of the test whose body runs in this process: its path, when it began, and how long work may take to settle.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

static BEGUN: AtomicU32 = AtomicU32::new(0);
static SETTLE: AtomicU64 = AtomicU64::new(0);

static TEST: Mutex<Option<&str>> = Mutex::new(None);

/// The body is that of the test of this path.
pub fn is_of(test: &'static str) {
    *TEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(test);
}

/// The path of the test; none if there is none.
pub fn test() -> Option<&'static str> {
    *TEST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body begins: its blocks are of this epoch or later.
pub fn begins(epoch: u32) {
    BEGUN.store(epoch, Ordering::Relaxed);
}

/// The epoch with which the body began; 0 if there is none.
pub fn begun() -> u32 {
    BEGUN.load(Ordering::Relaxed)
}

/// How long background work may take to let go of what it holds.
pub fn let_settle(time: Duration) {
    SETTLE.store(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// The same; `default` if nobody has said.
pub fn settle(default: Duration) -> Duration {
    match SETTLE.load(Ordering::Relaxed) {
        0 => default,
        nanos => Duration::from_nanos(nanos),
    }
}
