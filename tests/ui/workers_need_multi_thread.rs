//! `worker_threads` is for the multi-thread runtime.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", worker_threads = 2)]
async fn test() {}
