//! The runtime of `#[tokio::test]` is used if the attribute is below; above, it would end before the heap can be looked at.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", flavor = "multi_thread")]
#[tokio::test]
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
