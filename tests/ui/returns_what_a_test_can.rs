//! A leak test returns what a test can.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
fn test() -> u8 {
    0
}

#[leak_test(expect_zero = "Session")]
async fn later() -> Option<()> {
    None
}
