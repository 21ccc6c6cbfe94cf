//! A type is named once.

use memleak::leak_test;

struct Session;

#[leak_test(expect_zero = ["Session", Session, "Conn", Session], expect_at_most("Conn" = 3))]
fn test() {}
