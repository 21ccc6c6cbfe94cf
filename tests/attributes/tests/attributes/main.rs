//! Leak tests on top of the test attributes that others use, and on runtimes that a test builds by hand. Each combination has clean tests,
//! which run as they are, and leaking ones, which are ignored: here each is run as a test runner would, and has to fail with the count of
//! what it leaks.
//!
//! A session that a task holds for ever is gone when the runtime is: such a test fails only if the heap is looked at before.

mod above;
mod actix;
mod async_std;
mod by_hand;
mod cases;
mod databases;
mod logs;
mod smol;
mod tokio;
mod turns;

use std::process::{Command, Output};
use std::thread;

/// The names of all ignored tests.
fn leaking() -> Vec<String> {
    let list = program(&["--list", "--ignored", "--format", "terse"], &[]);
    let list = String::from_utf8(list.stdout).expect("names are text");
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

fn program(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().expect("there is one"))
        .args(arguments)
        .envs(environment.iter().copied())
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the test binary runs")
}

/// What is wrong with the end of a test that leaks.
fn wrong(name: &str, ended: &Output) -> Option<String> {
    let text = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let due = "1 live `memleak_attributes::Session`, expected 0";
    (ended.status.success() || !text.contains(due)).then(|| format!("{name} does not fail as it should:\n{text}"))
}

#[test]
fn what_leaks_fails() {
    let leaking = leaking();
    assert!(leaking.len() >= 20, "{leaking:?}");
    let half = leaking.len().div_ceil(2);
    let halves: Vec<_> = leaking
        .chunks(half)
        .map(|names| {
            let names = names.to_vec();
            thread::spawn(move || names.iter().filter_map(|name| as_both_runners_do(name)).collect::<Vec<_>>())
        })
        .collect();
    let wrong: Vec<String> = halves.into_iter().flat_map(|half| half.join().expect("no panic")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Runs a test as cargo test does, and as nextest does.
fn as_both_runners_do(name: &str) -> Option<String> {
    let libtest = program(&["--exact", name, "--ignored"], &[]);
    let environment = [("NEXTEST", "1"), ("NEXTEST_EXECUTION_MODE", "process-per-test"), ("NEXTEST_TEST_NAME", name)];
    let nextest = program(&["--exact", name, "--nocapture", "--ignored"], &environment);
    wrong(name, &libtest).or_else(|| wrong(name, &nextest))
}
