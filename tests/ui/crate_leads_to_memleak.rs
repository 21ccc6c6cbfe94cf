//! `crate` is the path of memleak.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", crate = memlaek)]
fn misspelt() {}

#[leak_test(expect_zero = "Session", crate = std)]
fn another_crate() {}
