//! `#[actix_rt::test]`.

use memleak::leak_test;
use memleak_attributes::Session;
use std::future::pending;

#[leak_test(expect_zero = Session)]
#[actix_rt::test]
async fn a_task_that_ends() {
    let session = Session::connect();
    actix_rt::spawn(async move { drop(session) });
}

#[leak_test(expect_zero = Session)]
#[actix_rt::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_task_that_never_ends() {
    let session = Session::connect();
    actix_rt::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}
