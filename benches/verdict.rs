//! What a leak test costs beyond the plain test: `cargo bench --bench verdict`.
//!
//! Builds `tests/latency.rs` in the plain dev profile, as a user's `cargo test` would, and runs each of its tests alone, in turns, so that the
//! machine's moods meet all of them. Prints the median time of each process and what it takes beyond the plain test.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TESTS: [&str; 3] = ["plain", "clean", "leaking"];
const ROUNDS: usize = 31;

fn main() {
    let binary = build();
    let size = std::fs::metadata(&binary).expect("cargo has just built it").len();
    println!("test binary of {} MB, plain dev profile, median of {ROUNDS} rounds", size / 1_000_000);
    let mut times = TESTS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (test, times) in TESTS.iter().zip(&mut times) {
            times.push(run(&binary, test));
        }
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    for (test, median) in TESTS.iter().zip(medians) {
        let more = median.saturating_sub(medians[0]);
        println!("{test:8} {:6.1} ms, {:6.1} ms more than plain", ms(median), ms(more));
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The path of the test binary, as cargo tells it.
fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["test", "--no-run", "--test", "latency", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "the timed tests do not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let last = messages.lines().filter_map(|line| line.split_once("\"executable\":\"")).next_back();
    let path = last.and_then(|(_, rest)| rest.split('"').next()).expect("cargo names the executable it built");
    PathBuf::from(path)
}

fn run(binary: &PathBuf, test: &str) -> Duration {
    let start = Instant::now();
    let status = Command::new(binary)
        .args(["--exact", "--include-ignored", test])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the test binary can be started");
    let time = start.elapsed();
    assert_eq!(status.success(), test != "leaking", "`{test}` does not end as it should");
    time
}
