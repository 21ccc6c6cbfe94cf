//! A pattern is well formed.

use memleak::leak_test;

#[leak_test(expect_zero = ["", "Link<Tcp", "Link<Tcp>>", "chat:Session", "chat::"])]
fn test() {}
