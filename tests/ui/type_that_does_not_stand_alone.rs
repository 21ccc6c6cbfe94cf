//! A type that is written as a path is a whole type.

use memleak::leak_test;

struct Link<T>(T);

trait Chat {}

#[leak_test(expect_zero = Link)]
fn without_generics() {}

#[leak_test(expect_zero = Chat)]
fn a_trait() {}

#[leak_test(expect_zero = str)]
fn unsized_type() {}
