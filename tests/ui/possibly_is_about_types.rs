//! Instances that may live are those of a type that the test names.

use memleak::leak_test;

#[leak_test(possibly = "fail")]
fn test() {}

#[leak_test(expect_zero = "Session", possibly = "allow")]
fn test_with_another_value() {}
