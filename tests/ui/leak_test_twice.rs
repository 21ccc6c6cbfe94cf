//! A function is one leak test.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
#[memleak::test(expect_zero = "Conn")]
fn test() {}
