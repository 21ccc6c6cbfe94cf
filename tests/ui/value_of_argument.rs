//! A value is of the kind that its argument takes.

use memleak::leak_test;

#[leak_test(expect_zero = "Session", settle = 5, timeout = "1.5s")]
fn durations() {}

#[leak_test(expect_zero = "Session", flavor = "threaded", worker_threads = 0, start_paused = "yes")]
async fn runtime() {}

#[leak_test(expect_zero = "Session", unsupported = skip, crate = "memleak")]
fn others() {}

#[leak_test(expect_zero = 3)]
fn a_number() {}

#[leak_test(expect_zero = (Session, Conn))]
fn a_tuple() {}

#[leak_test(expect_zero = impl Chat)]
fn impl_trait() {}

#[leak_test(expect_zero = [])]
fn an_empty_list() {}

#[leak_test(expect_at_most("Session", "Conn" = many))]
fn without_a_number() {}
