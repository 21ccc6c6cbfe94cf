//! Snapshots where other threads are, and assertions that wait for them.

use crate::Session;
use memleak::{check, check_async, leak_test, snapshot};
use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[leak_test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_worker_thread_and_in_block_on() {
    let session = Arc::new(Session::new(1));
    assert_eq!(snapshot().of::<Session>().count(), 1);
    let held = session.clone();
    let task = tokio::spawn(async move {
        let heap = snapshot();
        tokio::task::yield_now().await;
        let strong = heap.of::<Session>().iter().next().and_then(|session| session.strong_count());
        drop(held);
        (heap.of::<Session>().count(), strong)
    });
    assert_eq!(task.await.unwrap(), (1, Some(2)));
    drop(session);
    assert_eq!(snapshot().of::<Session>().count(), 0);
}

#[leak_test]
fn beside_eight_busy_threads() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    drop(black_box(vec![Session::new(thread); 3]));
                }
            });
        }
        let session = Box::new(Session::new(100));
        for _ in 0..5 {
            let heap = snapshot();
            assert_eq!(heap.named("Session { id: 100 }").count(), 1);
            assert!(heap.unreachable().of::<Session>().count() <= 8 * 3, "at most those that are on their way");
        }
        stop.store(true, Ordering::Relaxed);
        drop(session);
    });
}

#[leak_test]
fn a_check_waits_for_a_thread() {
    snapshot();
    let session = Box::new(Session::new(1));
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(session);
    });
    let tries = AtomicUsize::new(0);
    let bytes = check(|heap| {
        tries.fetch_add(1, Ordering::Relaxed);
        assert!(heap.of::<Session>().is_empty());
        heap.total_bytes()
    });
    assert!(bytes > 0 && tries.into_inner() > 1);
    thread.join().unwrap();
}

#[leak_test]
async fn a_check_lets_tasks_run() {
    let session = Box::new(Session::new(1));
    let task = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(session);
    });
    check_async(|heap| assert_eq!(heap.of::<Session>().count(), 0)).await;
    task.await.unwrap();
}

#[leak_test(settle = "40ms", expect_at_most("Session" = 1), unreachable = "allow")]
fn a_check_that_fails_says_what_it_asked_for() {
    std::mem::forget(black_box(Box::new(Session::new(1))));
    let tries = AtomicUsize::new(0);
    let panic = catch_unwind(std::panic::AssertUnwindSafe(|| {
        check(|heap| {
            tries.fetch_add(1, Ordering::Relaxed);
            let sessions = heap.of::<Session>();
            assert_eq!(sessions.count(), 0, "try {}", tries.load(Ordering::Relaxed));
        });
    }))
    .unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let tries = tries.into_inner();
    assert!(tries > 2 && text.contains(&format!("try {tries}")), "the last of {tries} goes on: {text}");
}

static KEPT: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());

/// Fails on purpose; [`the_text_of_a_check`] reads what it prints.
#[leak_test(settle = "20ms", unreachable = "allow")]
#[ignore = "fails on purpose"]
fn fails() {
    KEPT.lock().unwrap().push(Arc::new(Session::new(1)));
    check(|heap| assert_eq!(heap.of::<Session>().count(), 0, "sessions are left"));
}

#[test]
fn the_text_of_a_check() {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program).args(["--ignored", "--exact", "threads::fails"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} is missing:\n{text}"));
    let in_order = [
        "1 live `queries::Session`",
        "allocated at  tests/queries/threads.rs:",
        "static queries::threads::KEPT",
        "help: ",
    ];
    let places = in_order.map(place);
    assert!(places.is_sorted() && places[3] < place("sessions are left"), "{text}");
    assert_eq!(text.matches("sessions are left").count(), 1, "earlier tries say nothing:\n{text}");
}
