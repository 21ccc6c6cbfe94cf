//! The arguments of the runtime need memleak's feature `tokio`, which this crate lacks.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", flavor = "multi_thread", worker_threads = 2)]
async fn threads() {}

#[leak_test(expect_zero = "Session", start_paused = true)]
async fn paused() {}
