//! A plain `#[test]` above would register the test twice.

use memleak::leak_test;

#[test]
#[leak_test(expect_zero = "Session")]
fn test() {}

#[test]
/// Documented.
#[ignore = "with [brackets]"]
// And a comment.
#[leak_test(expect_zero = "Session")]
fn further_above() {}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            #[leak_test(expect_zero = "Session")]
            fn $name() {}
        )*
    };
}

tests!(from_a_macro);
