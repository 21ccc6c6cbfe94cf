//! Limits have units, and growth has rounds to be seen in.

use memleak::leak_test;

#[leak_test(max_live_bytes = "64", iterations = 0)]
fn sizes_and_numbers() {}

#[leak_test(max_growth = "0")]
fn growth_in_one_run() {}

#[leak_test(iterations = 20, warmup = 20, max_growth = "0")]
fn all_of_it_warmup() {}

#[leak_test(iterations = 20, warmup = 3)]
fn warmup_for_nothing() {}

#[leak_test(iterations = 20, max_growth = "0")]
#[should_panic]
fn ends_in_the_first_run() {}

#[leak_test(iterations = 20, max_growth = "0")]
#[tokio::test]
async fn given_once(_pool: u8) {}

#[leak_test(max_peak_bytes = "1,5 MiB", max_allocations = "1000", max_allocated = 10)]
fn what_a_body_spends() {}

#[leak_test(expect_exactly("Session"), max_allocated(Sesion = 3))]
fn numbers_of_types() {}
