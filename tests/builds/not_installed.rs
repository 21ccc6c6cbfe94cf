//! The tests of `tests/compile/builds.rs` for a program without memleak's allocator.

use memleak::{Recording, RecordingError, leak_test, snapshot};
use std::panic::catch_unwind;

#[test]
fn recorded() {
    let error = Recording::start().expect_err("it cannot be");
    assert_eq!(error, RecordingError::NotInstalled);
    assert!(error.to_string().contains("`global-allocator`"), "{error}");
}

#[test]
fn asked() {
    let panic = catch_unwind(snapshot).expect_err("there is nothing to take");
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("not the global allocator") && text.contains("`global-allocator`"), "{text}");
}

#[leak_test]
fn checked() {
    assert_eq!(1 + 1, 2);
}
