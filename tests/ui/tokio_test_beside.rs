//! `#[tokio::test]` does not go with a leak test yet, be it above or below.

use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
#[tokio::test(flavor = "current_thread")]
async fn below() {}

#[tokio::test]
#[leak_test(expect_zero = "Session")]
async fn above() {}

macro_rules! test {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        async fn $name() {}
    };
}

test! {
    #[tokio::test]
    #[leak_test(expect_zero = "Session")]
    above_in_a_macro
}
