//! Assertions on the heap that wait for background work.

use crate::Snapshot;
use memleak_core::runner::attempts::{Attempts, explaining, quietly, turns};
use std::thread;

/// Runs assertions on a snapshot, and again on a new one while they fail, until background work has had time to settle.
///
/// It returns what the closure returns, at once if nothing panics in it. If something does, its panic is kept quiet, and the closure is called
/// again with a new snapshot, until the time is over that [`settle`](crate::leak_test#settle) says, 200 ms if it says nothing. The last panic
/// goes on. Before it is printed what the heap knows of the types that the closure asked for: how many live, where they were allocated, who
/// holds them.
///
/// While it waits, this thread sleeps. In an async body, whose tasks may run on this thread, take [`check_async`].
///
/// ```
/// # use memleak::leak_test;
/// # use std::time::Duration;
/// # struct Session(u64);
/// #[leak_test]
/// fn a_thread_lets_go() {
///     let session = Box::new(Session(1));
///     let thread = std::thread::spawn(move || {
///         std::thread::sleep(Duration::from_millis(20));
///         drop(session);
///     });
///     memleak::check(|heap| assert_eq!(heap.of::<Session>().count(), 0));
///     thread.join().unwrap();
/// }
/// ```
///
/// # Panics
/// As the closure does in the end, and as [`snapshot`](crate::snapshot) does.
#[track_caller]
pub fn check<R>(mut assertions: impl FnMut(&Snapshot) -> R) -> R {
    let mut attempts = Attempts::default();
    loop {
        match attempt(&mut attempts, &mut assertions) {
            Some(result) => return result,
            None => thread::sleep(attempts.pause()),
        }
    }
}

/// As [`check`], and lets other tasks run between the attempts, on whatever runtime.
///
/// ```
/// # use memleak::leak_test;
/// # use std::time::Duration;
/// # struct Session(u64);
/// #[leak_test]
/// async fn a_task_lets_go() {
///     let session = Box::new(Session(1));
///     let task = tokio::spawn(async move {
///         tokio::time::sleep(Duration::from_millis(20)).await;
///         drop(session);
///     });
///     memleak::check_async(|heap| assert_eq!(heap.of::<Session>().count(), 0)).await;
///     task.await.unwrap();
/// }
/// ```
///
/// A paused clock stands still meanwhile.
///
/// # Panics
/// As [`check`].
pub async fn check_async<R>(mut assertions: impl FnMut(&Snapshot) -> R) -> R {
    let mut attempts = Attempts::default();
    loop {
        match attempt(&mut attempts, &mut assertions) {
            Some(result) => return result,
            None => turns(attempts.pause()).await,
        }
    }
}

/// One attempt; none if it failed and another is to follow.
#[track_caller]
fn attempt<R>(attempts: &mut Attempts, assertions: &mut impl FnMut(&Snapshot) -> R) -> Option<R> {
    attempts.begin();
    let heap = crate::snapshot();
    if !attempts.is_last() {
        return quietly(|| assertions(&heap)).ok();
    }
    let asked = heap.clone();
    Some(explaining(move || asked.what_was_asked(), || assertions(&heap)))
}
