//! `#[async_std::test]`.

use async_std::task::{sleep, spawn};
use memleak::leak_test;
use memleak_attributes::Session;
use std::future::pending;
use std::time::Duration;

#[leak_test(expect_zero = Session)]
#[async_std::test]
async fn a_task_that_ends_soon() {
    let session = Session::connect();
    spawn(async move {
        sleep(Duration::from_millis(20)).await;
        drop(session);
    });
}

#[leak_test(expect_zero = Session)]
#[async_std::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_task_that_never_ends() -> std::io::Result<()> {
    let session = Session::connect();
    spawn(async move {
        pending::<()>().await;
        drop(session);
    });
    Ok(())
}
