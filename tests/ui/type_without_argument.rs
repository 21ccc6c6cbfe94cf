//! A type goes into an argument.

use memleak::leak_test;

struct Session;

#[leak_test("Session")]
fn a_string() {}

#[leak_test(Session)]
fn a_path() {}

#[leak_test(dyn Chat)]
fn a_trait_object() {}

#[leak_test(expect_zero = "Session", "Conn")]
fn a_second_type() {}
