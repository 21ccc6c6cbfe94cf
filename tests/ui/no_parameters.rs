//! A leak test takes no arguments, and is not a method.

use memleak::leak_test;

struct Session;

#[leak_test(expect_zero = Session)]
fn test(session: Session, number: u8) {}

impl Session {
    #[leak_test(expect_zero = Session)]
    fn method(&self) {}

    #[leak_test(expect_zero = Session)]
    fn associated() {}
}
