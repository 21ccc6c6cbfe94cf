//! `#[smol_potat::test]`, and smol's own way, `#[apply(test!)]`, with its executors.

use macro_rules_attribute::apply;
use memleak::leak_test;
use memleak_attributes::Session;
use smol::{Executor, LocalExecutor, Timer};
use smol_macros::test;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

#[leak_test(expect_zero = Session)]
#[smol_potat::test]
async fn potat() {
    drop(Session::connect());
}

#[leak_test(expect_zero = Session)]
#[smol_potat::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn potat_leaks() {
    let session = Session::connect();
    smol::spawn(async move {
        pending::<()>().await;
        drop(session);
    })
    .detach();
}

#[leak_test(expect_zero = Session)]
#[apply(test!)]
async fn a_task_that_ends_soon(executor: &Executor<'_>) {
    let session = Session::connect();
    let task = async move {
        Timer::after(Duration::from_millis(20)).await;
        drop(session);
    };
    executor.spawn(task).detach();
}

#[leak_test(expect_zero = Session)]
#[apply(test!)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_task_that_never_ends(executor: Arc<Executor<'_>>) {
    let session = Session::connect();
    let task = async move {
        pending::<()>().await;
        drop(session);
    };
    executor.spawn(task).detach();
}

#[leak_test(expect_zero = Session)]
#[apply(test!)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_local_task_that_never_ends(executor: &LocalExecutor<'_>) {
    let session = Session::connect();
    let task = async move {
        pending::<()>().await;
        drop(session);
    };
    executor.spawn(task).detach();
}
