//! An argument has its name, its sign and its value.

use memleak::leak_test;

#[leak_test(expect_zero)]
fn name_only() {}

#[leak_test(expect_zero = )]
fn no_value() {}

#[leak_test(expect_zero("Session"))]
fn parentheses() {}

#[leak_test(expect_zero: "Session")]
fn a_colon() {}

#[leak_test(expect_at_most = 3)]
fn no_parentheses() {}

#[leak_test(expect_zero = "Session" settle = "1s")]
fn no_comma() {}

#[leak_test(expect_zero = HashMap<String, Vec<Session>, settle = "1s")]
fn no_end_of_generics() {}
