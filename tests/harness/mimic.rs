//! A test target of libtest-mimic; `tests/compile/harness.rs` runs it.

use libtest_mimic::{Arguments, Trial, run};
use memleak::leak_test;

struct Session(#[allow(dead_code, reason = "memory that the session owns")] String);

#[leak_test(expect_zero = "Session", harness = false)]
fn is_clean() {
    is_dropped();
}

#[leak_test(harness = false)]
fn loses_one() {
    is_forgotten();
}

#[leak_test(expect_zero = "Session", harness = false)]
fn is_clean_in_place() {
    is_dropped();
}

#[leak_test(harness = false)]
fn loses_one_in_place() {
    is_forgotten();
}

fn is_dropped() {
    drop(Box::new(Session("ada".to_owned())));
}

fn is_forgotten() {
    std::mem::forget(Box::new(Session("bob".to_owned())));
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

fn main() {
    let others = trial("another", || println!("another runs"));
    let named = [trial("is_clean", is_clean), trial("loses_one", loses_one)];
    // Under such a name it gets no process of its own.
    let unnamed = [trial("ends cleanly", is_clean_in_place), trial("ends with a loss", loses_one_in_place)];
    let trials = named.into_iter().chain(unnamed).chain([others]).collect();
    run(&Arguments::from_args(), trials).exit();
}
