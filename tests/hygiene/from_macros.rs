//! Tests that `macro_rules` macros write.

use std::collections::HashMap;

struct Session(String);

macro_rules! tests {
    ($($(#[$attribute:meta])* $visibility:vis $name:ident: $subject:ty, $pattern:literal, $count:literal, $time:expr, $returned:ty, $body:block;)*) => {
        $(
            $(#[$attribute])*
            #[::memleak::leak_test(expect_zero = $subject, expect_at_most($pattern = $count), settle = "1s")]
            $visibility fn $name() -> $returned $body
        )*
    };
}

tests! {
    one: Session, "Sess*", 1, "1s", (), { assert_eq!(Session(String::new()).0, "") };
    /// Documented.
    #[should_panic(expected = "as planned")]
    pub(crate) two: HashMap<String, Session>, "Session", 0, "1s", Result<(), String>, { panic!("as planned") };
    three: dyn Send + 'static, "Session", 0, "1s", (), {};
}

macro_rules! module {
    ($module:ident, $path:path) => {
        mod $module {
            #[memleak::test(expect_zero = [$path, "Other"])]
            async fn inside() {}
        }
    };
}

module!(first, crate::from_macros::Session);
module!(second, super::Session);
