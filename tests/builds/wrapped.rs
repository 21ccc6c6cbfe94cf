//! A program with a global allocator of its own, wrapped as the README says; `tests/compile/builds.rs` runs it.

use memleak::leak_test;
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: memleak::Allocator<System> = memleak::Allocator::new(System);

struct Session(String);

#[leak_test(expect_zero = "Session")]
fn leaks() {
    let session = Arc::new(Session("ada".to_owned()));
    assert_eq!(session.0, "ada");
    std::mem::forget(session);
}

#[leak_test(expect_zero = "Session")]
fn is_clean() {
    assert_eq!(Arc::new(Session("ada".to_owned())).0, "ada");
}
