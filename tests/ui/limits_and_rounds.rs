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
