//! A leak test is a plain function.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
const fn constant() {}

#[leak_test(expect_zero = "Session")]
unsafe fn not_safe() {}

#[leak_test(expect_zero = "Session")]
extern "C" fn foreign() {}
