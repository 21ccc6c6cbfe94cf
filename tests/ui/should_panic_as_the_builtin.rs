//! `#[should_panic]` is written as for a plain test.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
#[should_panic(message = "planned")]
fn test() {}
