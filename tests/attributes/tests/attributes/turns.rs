//! `#[serial]` and `#[file_serial]`: tests that wait for each other, although each has a process of its own.

use memleak::leak_test;
use memleak_attributes::Session;
use serial_test::{file_serial, serial};
use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::thread::sleep;
use std::time::Duration;

/// Takes a name that one process can have at a time, for as long as tests that do not wait for each other would meet.
fn alone_in(place: &str) {
    let mut name = DefaultHasher::new();
    (place, env!("CARGO_TARGET_TMPDIR")).hash(&mut name);
    let name = SocketAddr::from_abstract_name(name.finish().to_le_bytes()).expect("it is short");
    let _taken = UnixListener::bind_addr(&name).expect("nobody else has it");
    sleep(Duration::from_millis(500));
}

/// `#[serial]` is about the tests of one process; nextest gives each test one.
fn alone_in_this_run() {
    alone_in(&env::var("NEXTEST_TEST_NAME").unwrap_or_default());
}

#[leak_test(expect_zero = Session)]
#[serial(first)]
fn one() {
    alone_in_this_run();
}

#[leak_test(expect_zero = Session)]
#[serial(first)]
#[tokio::test]
async fn two() {
    alone_in_this_run();
}

#[serial(first)]
#[leak_test(expect_zero = Session)]
async fn above() {
    alone_in_this_run();
}

#[leak_test(expect_zero = Session)]
#[file_serial]
fn in_a_file() {
    alone_in("file");
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
#[file_serial]
async fn in_a_file_async() {
    alone_in("file");
}

#[leak_test(expect_zero = Session)]
#[serial(first)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn leaks() {
    Session::connect_for_ever();
}
