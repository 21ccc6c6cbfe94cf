//! A leak test that allows unreachable memory names a type.

use memleak::leak_test;

#[leak_test(unreachable = "allow")]
fn test() {}

#[leak_test(settle = "1s", unreachable = "allow", ignore(type = "tracing::*", reason = "lives on"))]
fn test_with_other_arguments() {}
