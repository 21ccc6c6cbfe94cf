//! An argument is one of those there are.

use memleak::leak_test;

#[leak_test(expct_zero = "Session", setle = "1s")]
fn misspelt() {}

#[leak_test(expect_none = "Session", wait = "1s")]
fn guessed() {}

#[leak_test(expect_zero = "Session", quux = 3, should_panic = "x")]
fn invented() {}
