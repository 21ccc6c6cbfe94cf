//! `#[test_log::test]` and `#[traced_test]`.

use memleak::leak_test;
use memleak_attributes::Session;
use std::future::pending;
use tracing::info;
use tracing_test::traced_test;

fn hold_for_ever() {
    let session = Session::connect();
    tokio::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}

#[leak_test(expect_zero = Session)]
#[test_log::test]
fn test_log() {
    info!("{} is here", Session::connect().user());
}

#[leak_test(expect_zero = Session)]
#[test_log::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn test_log_leaks() {
    Session::connect_for_ever();
}

#[leak_test(expect_zero = Session)]
#[test_log::test(tokio::test)]
async fn test_log_async() {
    tokio::task::yield_now().await;
    info!("{} is here", Session::connect().user());
}

#[leak_test(expect_zero = Session)]
#[test_log::test(tokio::test)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn test_log_async_leaks() {
    hold_for_ever();
}

#[leak_test(expect_zero = Session)]
#[traced_test]
fn traced() {
    info!("{} is here", Session::connect().user());
    assert!(logs_contain("ada is here"));
}

#[leak_test(expect_zero = Session)]
#[traced_test]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn traced_leaks() {
    Session::connect_for_ever();
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
#[traced_test]
async fn traced_on_tokio() {
    info!("{} is here", Session::connect().user());
    assert!(logs_contain("ada is here"));
}

#[leak_test(expect_zero = Session)]
#[traced_test]
#[tokio::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn traced_on_tokio_leaks() {
    hold_for_ever();
}

#[leak_test(expect_zero = Session)]
#[traced_test]
async fn traced_on_memleaks_runtime() {
    tokio::task::yield_now().await;
    info!("{} is here", Session::connect().user());
    assert!(logs_contain("ada is here"));
}

#[leak_test(expect_zero = Session)]
#[traced_test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn traced_on_memleaks_runtime_leaks() {
    hold_for_ever();
}
