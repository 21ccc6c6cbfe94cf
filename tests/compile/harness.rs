//! Test targets with a `main` of their own: the test gets a process of its own if the program runs it by its name, and else runs where it is
//! called, and says so.

use crate::project::{Project, repository};

fn run(name: &'static str, dependencies: &'static str, file: &str) -> (String, String) {
    let project = Project {
        name,
        edition: "2024",
        dependencies,
        downloads: true,
        tests: vec![repository().join(file)],
        own_main: true,
        ..Project::default()
    };
    project.run_verbosely()
}

const IN_PLACE: &str = "ran in the process of the test harness";
const LOST: &str = "2 blocks (27 bytes) are unreachable";

#[test]
fn a_main_that_knows_no_arguments_is_run_to_the_test() {
    let memleak = "memleak = { {memleak}, default-features = false, features = [\"global-allocator\"] }";
    let (stdout, stderr) = run("harness-own", memleak, "tests/harness/own_main.rs");
    assert!(stdout.contains("test result: is_clean passed, loses_one failed: true"), "{stdout}{stderr}");
    assert_eq!(stderr.matches(LOST).count(), 1, "{stderr}");
    assert!(!stderr.contains(IN_PLACE), "{stderr}");
}

#[test]
fn libtest_mimic_runs_a_test_by_its_name() {
    let dependencies =
        "memleak = { {memleak}, default-features = false, features = [\"global-allocator\"] }\nlibtest-mimic = \"0.8\"";
    let (stdout, stderr) = run("harness-mimic", dependencies, "tests/harness/mimic.rs");
    let passed =
        |name: &str| stdout.lines().any(|line| line.starts_with(&format!("test {name} ")) && line.ends_with("ok"));
    assert!(passed("is_clean") && passed("ends cleanly") && passed("another"), "{stdout}");
    assert!(stdout.contains("3 passed; 2 failed"), "{stdout}");
    assert_eq!(stderr.matches(LOST).count(), 2, "{stderr}");
    assert_eq!(stderr.matches(IN_PLACE).count(), 2, "{stderr}");
}
