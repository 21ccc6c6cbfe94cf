//! `#[serial]` and `#[file_serial]`: tests that wait for each other, although each has a process of its own.

use memleak::leak_test;
use memleak_attributes::Session;
use serial_test::{file_serial, serial};
use std::fs::File;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Is there while a test uses it; two at a time is an error.
struct Used(PathBuf);

impl Used {
    /// `#[serial]` is about the tests of one process; nextest gives each test one.
    fn in_this_run() -> Used {
        Used::alone(&format!("serial {}", std::env::var("NEXTEST_TEST_NAME").unwrap_or_default().replace(':', "-")))
    }

    fn alone(name: &str) -> Used {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        File::create_new(&path).expect("nobody else uses it");
        sleep(Duration::from_millis(200));
        Used(path)
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[leak_test(expect_zero = Session)]
#[serial(first)]
fn one() {
    let _used = Used::in_this_run();
}

#[leak_test(expect_zero = Session)]
#[serial(first)]
#[tokio::test]
async fn two() {
    let _used = Used::in_this_run();
}

#[serial(first)]
#[leak_test(expect_zero = Session)]
async fn above() {
    let _used = Used::in_this_run();
}

#[leak_test(expect_zero = Session)]
#[file_serial]
fn in_a_file() {
    let _used = Used::alone("file");
}

#[leak_test(expect_zero = Session)]
#[tokio::test]
#[file_serial]
async fn in_a_file_async() {
    let _used = Used::alone("file");
}

#[leak_test(expect_zero = Session)]
#[serial(first)]
#[ignore = "leaks"]
fn leaks() {
    Session::connect_for_ever();
}
