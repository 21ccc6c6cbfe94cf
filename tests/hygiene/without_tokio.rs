//! The attribute where memleak has none of its features.

#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use memleak::leak_test;

struct Session(String);

#[leak_test(expect_zero = Session)]
fn sync() {
    assert_eq!(Session(String::new()).0, "");
}

#[leak_test(expect_zero = "Session", settle = "1s")]
async fn asynchronous() -> Result<(), String> {
    std::future::ready(Ok(())).await
}

/// As a program does that has an allocator of its own.
#[global_allocator]
static ALLOCATOR: memleak::Allocator<std::alloc::System> = memleak::Allocator::new(std::alloc::System);
