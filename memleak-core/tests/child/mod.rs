//! Runs the body of a test in a process of its own that is tracked from its first allocation.

use memleak_core::tracker::{self, Losses, Status};
use std::process::Command;
use std::time::Duration;

/// The test `name` starts itself again, tracked, and runs `body` there. The child must say that the body ran.
pub fn tracked(name: &str, body: impl FnOnce()) {
    if std::env::var_os(tracker::TRACK).is_some() {
        assert_eq!(tracker::status(), Status::On);
        // On a busy machine the harness's own thread may still have something to note about this test.
        std::thread::sleep(Duration::from_millis(20));
        body();
        assert_eq!(tracker::losses(), Losses::default());
        println!("the body ran");
        return;
    }
    assert_eq!(tracker::status(), Status::Off);
    let out = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(tracker::TRACK, "1")
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && text.contains("the body ran"), "{}\n{text}", out.status);
}
