//! The runtime of `#[tokio::test]` is the one that is used, above and below, so its arguments belong there.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", flavor = "multi_thread")]
#[tokio::test]
async fn below() {}

#[tokio::test]
#[leak_test(expect_zero = "Session", flavor = "multi_thread", worker_threads = 2)]
async fn above() {}
