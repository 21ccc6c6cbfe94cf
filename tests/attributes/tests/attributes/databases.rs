//! `#[sqlx::test]`, which gives the test a database of its own.

use memleak::leak_test;
use memleak_attributes::Session;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};

#[leak_test(expect_zero = Session)]
#[sqlx::test]
async fn a_pool(pool: SqlitePool) -> sqlx::Result<()> {
    sqlx::query("create table users (name text)").execute(&pool).await?;
    sqlx::query("insert into users values (?)").bind(Session::connect().user()).execute(&pool).await?;
    let (name,): (String,) = sqlx::query_as("select name from users").fetch_one(&pool).await?;
    assert_eq!(name, "ada");
    Ok(())
}

#[leak_test(expect_zero = Session)]
#[sqlx::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn a_pool_and_a_leak(pool: SqlitePool) {
    let session = Session::connect();
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(session);
    });
    drop(pool);
}

#[leak_test]
#[sqlx::test]
async fn a_connection(mut connection: PoolConnection<Sqlite>) {
    sqlx::query("create table users (name text)").execute(&mut *connection).await.expect("SQLite works");
}
