//! A leak test names a type.

use memleak::leak_test;

#[leak_test]
fn test() {}

#[leak_test(settle = "1s")]
fn test_with_another_argument() {}
