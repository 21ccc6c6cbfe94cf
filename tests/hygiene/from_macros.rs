//! Tests that `macro_rules` macros write.

use std::collections::HashMap;

struct Session(String);

trait Speak {
    fn speak(&self) -> usize;
}

impl Speak for Session {
    fn speak(&self) -> usize {
        self.0.len()
    }
}

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
    three: dyn Speak + 'static, "Session", 0, "1s", (), {
        let speaker: Box<dyn Speak> = Box::new(Session("a".to_owned()));
        assert_eq!(speaker.speak(), 1);
    };
}

macro_rules! module {
    ($module:ident, $path:path) => {
        mod $module {
            #[memleak::test(expect_zero = [$path, "from_macros::Session"])]
            async fn inside() {
                assert_eq!(super::Session(String::new()).0, "");
            }
        }
    };
}

module!(first, crate::from_macros::Session);
module!(second, super::Session);
