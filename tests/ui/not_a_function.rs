//! A leak test is a function with a body.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
struct Session;

#[leak_test(expect_zero = "Session")]
mod tests {}

trait Chat {
    #[leak_test(expect_zero = "Session")]
    fn without_body();
}
