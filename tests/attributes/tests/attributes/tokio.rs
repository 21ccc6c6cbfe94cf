//! `#[tokio::test]`.

use memleak::leak_test;
use memleak_attributes::Session;
use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

#[leak_test(expect_zero = Session)]
#[tokio::test]
async fn a_task_that_ends_soon() -> io::Result<()> {
    let session = Session::connect();
    tokio::spawn(async move {
        sleep(Duration::from_millis(20)).await;
        drop(session);
    });
    Ok(())
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
#[tokio::test]
async fn a_task_that_never_ends() -> io::Result<()> {
    let session = Session::connect();
    tokio::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
    Ok(())
}

#[leak_test(expect_zero = Session)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_threads() {
    let session = Session::connect();
    tokio::spawn(async move { drop(session) });
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_threads_for_ever() {
    let session = Session::connect();
    tokio::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}

#[leak_test(expect_zero = Session)]
#[tokio::test(start_paused = true)]
async fn a_paused_clock_goes_on_while_work_settles() {
    sleep(Duration::from_secs(3600)).await;
    let session = Session::connect();
    tokio::spawn(async move {
        sleep(Duration::from_millis(100)).await;
        drop(session);
    });
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
#[tokio::test(start_paused = true)]
async fn a_paused_clock_goes_no_further() {
    let session = Session::connect();
    tokio::spawn(async move {
        sleep(Duration::from_secs(10)).await;
        drop(session);
    });
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
#[should_panic(expected = "as planned")]
async fn a_panic() {
    let session = Session::connect();
    panic!("as planned for {}", session.user());
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
#[should_panic(expected = "as planned")]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_panic_and_a_leak() {
    Session::connect_for_ever();
    panic!("as planned");
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
async fn a_local_set() {
    let local = LocalSet::new();
    local.run_until(async { drop(spawn_local(async { drop(Session::connect()) }).await) }).await;
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_local_set_that_leaks() {
    let local = LocalSet::new();
    local.run_until(async { drop(spawn_local(async { Session::connect_for_ever() }).await) }).await;
}
