//! A test target with a `main` of its own, which knows no arguments; `tests/compile/harness.rs` runs it.

use memleak::leak_test;

struct Session(#[allow(dead_code, reason = "memory that the session owns")] String);

#[leak_test(expect_zero = "Session", harness = false)]
fn is_clean() {
    drop(Box::new(Session("ada".to_owned())));
}

#[leak_test(harness = false)]
fn loses_one() {
    std::mem::forget(Box::new(Session("bob".to_owned())));
}

fn main() {
    is_clean();
    let failed = std::panic::catch_unwind(loses_one).is_err();
    println!("test result: is_clean passed, loses_one failed: {failed}");
}
