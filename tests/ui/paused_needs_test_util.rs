//! `start_paused` needs tokio's `test-util`, which this crate lacks.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", start_paused = true)]
async fn test() {}
