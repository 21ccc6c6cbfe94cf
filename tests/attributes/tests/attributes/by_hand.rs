//! Runtimes that the body of a test builds by itself.

use memleak::leak_test;
use memleak_attributes::Session;
use std::future::pending;
use tokio::runtime::Runtime;

#[leak_test(expect_zero = Session)]
fn tokio() {
    let runtime = Runtime::new().expect("tokio starts");
    runtime.block_on(async {
        let session = Session::connect();
        drop(tokio::spawn(async move { drop(session) }).await);
    });
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn tokio_leaks() {
    Runtime::new().expect("tokio starts").block_on(async { Session::connect_for_ever() });
}

#[leak_test(expect_zero = Session)]
fn smol() {
    smol::block_on(async {
        let session = Session::connect();
        smol::spawn(async move { drop(session) }).await;
    });
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn smol_leaks() {
    smol::block_on(async {
        let session = Session::connect();
        let task = async move {
            pending::<()>().await;
            drop(session);
        };
        smol::spawn(task).detach();
    });
}

#[leak_test(expect_zero = Session)]
fn futures() {
    futures::executor::block_on(async { drop(Session::connect()) });
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn futures_leaks() {
    futures::executor::block_on(async { Session::connect_for_ever() });
}

#[leak_test(expect_zero = Session)]
fn actix() {
    actix_rt::System::new().block_on(async { drop(Session::connect()) });
}

#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn actix_leaks() {
    actix_rt::System::new().block_on(async { Session::connect_for_ever() });
}
