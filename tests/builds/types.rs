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

/// An ordinary test: a program that wants to be recorded is told the same.
#[test]
fn recorded() {
    use memleak::{Recording, RecordingError};
    let error = Recording::start().expect_err("it cannot be");
    assert!(matches!(error, RecordingError::NoDebugInfo(_) | RecordingError::Unsupported), "{error:?}");
    let text = error.to_string();
    assert!(["debug = \"full\"", "on this platform"].iter().any(|words| text.contains(words)), "{text}");
}
