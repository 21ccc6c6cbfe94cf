//! The tests of `tests/compile/builds.rs`.

use memleak::leak_test;

struct Session(String);

#[leak_test(expect_zero = "Session")]
fn checked() {
    assert_eq!(Session("ada".to_owned()).0, "ada");
}

#[leak_test(expect_zero = "Session", unsupported = "skip")]
fn skipped() {
    assert_eq!(Session("ada".to_owned()).0, "ada");
}
