//! An argument is given once.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", settle = "1s", expect_zero = "Conn", settle = "2s")]
fn test() {}
