//! A leak test is not generic.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
fn test<T: Default, const N: usize>() {}

#[leak_test(expect_zero = "Session")]
fn bounded()
where
    String: Default,
{
}
