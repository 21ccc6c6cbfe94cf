//! Other test attributes above the leak test: it finds the body in what they have made of it.

use macro_rules_attribute::apply;
use memleak::leak_test;
use memleak_attributes::Session;
use smol::Executor;
use smol_macros::test;
use sqlx::SqlitePool;
use std::future::pending;
use std::io;
use tokio::time::{Duration, sleep};

fn hold_for_ever() {
    let session = Session::connect();
    tokio::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}

#[tokio::test]
#[leak_test(expect_zero = Session)]
async fn tokio() -> io::Result<()> {
    let session = Session::connect();
    tokio::spawn(async move {
        sleep(Duration::from_millis(20)).await;
        drop(session);
    });
    "4".parse::<u8>().map_err(io::Error::other)?;
    Ok(())
}

#[tokio::test]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn tokio_leaks() -> io::Result<()> {
    hold_for_ever();
    Ok(())
}

#[tokio::test(start_paused = true)]
#[leak_test(expect_zero = Session)]
async fn paused() {
    let session = Session::connect();
    tokio::spawn(async move {
        sleep(Duration::from_millis(100)).await;
        drop(session);
    });
}

#[test_log::test(tokio::test)]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn test_log_leaks() {
    hold_for_ever();
}

#[actix_rt::test]
#[leak_test(expect_zero = Session)]
async fn actix() {
    drop(Session::connect());
}

#[actix_rt::test]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn actix_leaks() {
    let session = Session::connect();
    actix_rt::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}

#[async_std::test]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn async_std_leaks() {
    let session = Session::connect();
    async_std::task::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}

#[smol_potat::test]
#[leak_test(expect_zero = Session)]
async fn potat() {
    drop(Session::connect());
}

#[apply(test!)]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn smol_leaks(executor: &Executor<'_>) {
    let session = Session::connect();
    let task = async move {
        pending::<()>().await;
        drop(session);
    };
    executor.spawn(task).detach();
}

#[sqlx::test]
#[leak_test(expect_zero = Session)]
async fn sqlx(pool: SqlitePool) -> sqlx::Result<()> {
    sqlx::query("create table users (name text)").execute(&pool).await?;
    Ok(())
}

#[sqlx::test]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn sqlx_leaks(pool: SqlitePool) {
    hold_for_ever();
    drop(pool);
}

#[tracing_test::traced_test]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn traced_leaks() {
    Session::connect_for_ever();
}
