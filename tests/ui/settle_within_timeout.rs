//! `settle` is shorter than `timeout`.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", settle = "60s", timeout = "1m")]
fn too_long() {}

#[leak_test(expect_zero = "Session", timeout = "0s")]
fn no_time() {}
