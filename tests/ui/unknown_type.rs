//! A type that is written as a path exists.

use memleak::leak_test;

mod chat {
    pub struct Session;
}

#[leak_test(expect_zero = chat::Sesion)]
fn misspelt() {}

#[leak_test(expect_zero = [chat::Session, Session])]
fn not_imported() {}
