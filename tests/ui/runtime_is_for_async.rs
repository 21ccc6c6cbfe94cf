//! The arguments of the runtime are for async functions.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", flavor = "multi_thread", worker_threads = 2)]
fn test() {}
