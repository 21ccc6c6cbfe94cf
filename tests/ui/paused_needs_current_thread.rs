//! `start_paused` is for one thread.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", flavor = "multi_thread", start_paused = true)]
async fn test() {}
