//! Errors in the body stand where they would without the attribute.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
fn a_wrong_type() {
    let number: u8 = "text";
}

#[leak_test(expect_zero = "Session")]
async fn a_wrong_result() -> Result<(), String> {
    Ok(1)
}

#[leak_test(expect_zero = "Session")]
async fn a_value_moved_twice() {
    let text = String::new();
    drop(text);
    drop(text);
}
