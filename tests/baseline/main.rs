//! The list of known leaks: each fixture runs as a test of a package in a directory that has, or gets, such a list.

mod fixtures;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The directory of a package.
struct Package(PathBuf);

impl Package {
    fn new() -> Package {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("memleak-baseline-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("Cargo.lock"), "").unwrap();
        Package(directory)
    }

    fn file(&self) -> PathBuf {
        self.0.join("memleak-baseline.toml")
    }

    fn list(&self) -> String {
        fs::read_to_string(self.file()).unwrap_or_default()
    }

    /// Whether the fixtures pass whose names have this in them, and all that is said.
    fn run(&self, name: &str, mode: &str, leaks: &[(&str, u32)]) -> (bool, String) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", &format!("fixtures::{name}")])
            .env("CARGO_MANIFEST_DIR", &self.0)
            .env("MEMLEAK_BASELINE", mode)
            .env_remove("RUST_BACKTRACE")
            .envs(leaks.iter().map(|(kind, count)| (kind, count.to_string())))
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains("running 0 tests"), "{text}");
        (output.status.success(), text)
    }

    #[track_caller]
    fn passes(&self, name: &str, mode: &str, leaks: &[(&str, u32)], said: &[&str]) {
        let (passed, text) = self.run(name, mode, leaks);
        assert!(passed, "{text}\n{}", self.list());
        self.says(&text, said);
    }

    #[track_caller]
    fn fails(&self, name: &str, mode: &str, leaks: &[(&str, u32)], said: &[&str]) {
        let (passed, text) = self.run(name, mode, leaks);
        assert!(!passed, "{text}\n{}", self.list());
        self.says(&text, said);
    }

    #[track_caller]
    fn says(&self, text: &str, said: &[&str]) {
        for word in said {
            assert!(text.contains(word), "does not say `{word}`:\n{text}\n{}", self.list());
        }
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const TWO_IN_THE_REGISTRY: &str = r#"# Leaks that are known, so that only new ones let a test fail. This file may only become shorter.
# MEMLEAK_BASELINE=write, set for a test run, writes the entries of the tests that run anew. It keeps a `reason`, but no other comment.

[[leak]]
test = "baseline::fixtures::none_may_live"
kind = "live"
type = "baseline::fixtures::Session"
allocated_in = [
    "baseline::fixtures::connect",
    "baseline::fixtures::leak",
    "baseline::fixtures::none_may_live",
]
held_by = ["static baseline::fixtures::REGISTRY [_]"]
count = 2
"#;

#[test]
fn what_is_known_lets_no_test_fail_and_what_is_new_does() {
    let package = Package::new();
    package.fails("none_may_live", "", &[("REGISTERED", 2)], &["2 live `baseline::fixtures::Session`, expected 0\n"]);
    package.passes("none_may_live", "write", &[("REGISTERED", 2)], &["wrote 2 leaks to memleak-baseline.toml"]);
    assert_eq!(package.list(), TWO_IN_THE_REGISTRY);
    package.passes("none_may_live", "", &[("REGISTERED", 2)], &["2 leaks known from memleak-baseline.toml"]);
    package.passes("none_may_live", "strict", &[("REGISTERED", 2)], &["2 leaks known"]);
    let three = ["3 live `baseline::fixtures::Session`, expected 0; 2 of them are known", "known         2 of them"];
    package.fails("none_may_live", "", &[("REGISTERED", 3)], &three);
    let another = ["3 live `baseline::fixtures::Session`, expected 0; 2 of them are known", "BACKLOG"];
    package.fails("none_may_live", "", &[("REGISTERED", 2), ("BACKLOGGED", 1)], &another);
    let (_, text) = package.run("none_may_live", "", &[("REGISTERED", 2), ("BACKLOGGED", 1)]);
    assert!(!text.contains("REGISTRY"), "what is known is not explained again:\n{text}");
    package.fails(
        "none_may_live",
        "off",
        &[("REGISTERED", 2)],
        &["2 live `baseline::fixtures::Session`, expected 0\n"],
    );
    package.fails("none_may_live", "", &[("BACKLOGGED", 1)], &["1 live", "none is left: remove the entry"]);
    // The entries of one test are no other's.
    package.fails("said_twice", "", &[("REGISTERED", 1)], &["1 live"]);
    assert_eq!(package.list(), TWO_IN_THE_REGISTRY);
}

#[test]
fn what_is_gone_is_to_be_removed() {
    let package = Package::new();
    package.passes("none_may_live", "write", &[("REGISTERED", 2)], &[]);
    let one =
        "of 2 leaks of `baseline::fixtures::Session` that memleak-baseline.toml:4 lists, 1 is left: write `count = 1`";
    package.passes("none_may_live", "", &[("REGISTERED", 1)], &[one, "1 leak known"]);
    package.fails("none_may_live", "strict", &[("REGISTERED", 1)], &[one]);
    let none = "none is left: remove the entry";
    package.passes("none_may_live", "", &[], &[none, "MEMLEAK_BASELINE=write does that"]);
    package.fails("none_may_live", "strict", &[], &[none]);
    // A reason stays, other comments do not.
    fs::write(package.file(), package.list() + "reason = \"a \\\"bug\\\" of theirs\" # really\n").unwrap();
    package.passes("none_may_live", "write", &[("REGISTERED", 1)], &["wrote 1 leak"]);
    assert!(package.list().ends_with("count = 1\nreason = \"a \\\"bug\\\" of theirs\"\n"), "{}", package.list());
    package.passes("none_may_live", "write", &[], &["nothing leaks any more"]);
    assert!(!package.file().exists());
    package.passes("none_may_live", "write", &[], &[]);
    assert!(!package.file().exists(), "an empty list is no file");
}

#[test]
fn where_some_may_live_all_are_listed_once_they_are_too_many() {
    let package = Package::new();
    package.passes("two_may_live", "write", &[("REGISTERED", 3)], &["wrote 3 leaks"]);
    package.passes("two_may_live", "", &[("REGISTERED", 3)], &["3 leaks known"]);
    package.fails(
        "two_may_live",
        "",
        &[("REGISTERED", 4)],
        &["4 live `Session`, expected at most 2; 3 of them are known"],
    );
    package.fails(
        "two_may_live",
        "",
        &[("REGISTERED", 2), ("BACKLOGGED", 1)],
        &["3 live `Session`, expected at most 2"],
    );
    package.passes("two_may_live", "", &[("REGISTERED", 1), ("BACKLOGGED", 1)], &["none is left: remove the entry"]);
    package.passes("said_twice", "write", &[("REGISTERED", 2)], &["wrote 2 leaks"]);
    package.passes("said_twice", "", &[("REGISTERED", 2)], &["2 leaks known"]);
    package.fails("said_twice", "", &[("REGISTERED", 3)], &["3 live"]);
}

#[test]
fn unreachable_memory_can_be_known() {
    let package = Package::new();
    for name in ["families", "equals"] {
        package.passes(name, "write", &[("FAMILIES", 4)], &["wrote 4 leaks"]);
        package.passes(name, "", &[("FAMILIES", 4)], &["4 leaks known"]);
        package.passes(name, "", &[("FAMILIES", 2)], &["2 leaks known", "of 4 leaks"]);
        package.fails(name, "", &[("FAMILIES", 6)], &["unreachable cycle"]);
    }
    assert!(
        package.list().contains("kind = \"unreachable cycle\"\ntype = \"baseline::fixtures::"),
        "{}",
        package.list()
    );
    // All four read alike, whichever of their members has the lower address.
    assert_eq!(package.list().matches("count = 4\n").count(), 2, "{}", package.list());
}

#[test]
fn tests_that_write_at_once_write_all() {
    let package = Package::new();
    package.passes("many", "write", &[("REGISTERED", 1)], &[]);
    let list = package.list();
    let tests: Vec<&str> = list.lines().filter(|line| line.starts_with("test = ")).collect();
    assert_eq!(tests.len(), 12, "{list}");
    assert!(tests.is_sorted(), "{list}");
    package.passes("many", "", &[("REGISTERED", 1)], &["1 leak known"]);
    assert_eq!(fs::read_dir(&package.0).unwrap().count(), 2, "only the list and Cargo.lock are there");
}

#[test]
fn a_body_that_fails_changes_nothing() {
    let package = Package::new();
    package.fails("panics", "write", &[("REGISTERED", 1)], &["the body gave up"]);
    assert!(!package.file().exists());
}

#[test]
fn a_list_that_makes_no_sense_is_an_error() {
    let package = Package::new();
    let changed = |from: &str, to: &str| TWO_IN_THE_REGISTRY.replace(from, to);
    for (list, said) in [
        (changed("count = 2", "<<<<<<< ours\ncount = 2"), "memleak-baseline.toml:14 is not understood"),
        (
            changed("count = 2", "count = 0"),
            "memleak-baseline.toml:14 is not understood: `count` takes a number above zero",
        ),
        (
            changed("count = 2", "counts = 2"),
            "memleak-baseline.toml:14 is not understood: a leak has no `counts`; it has `test`",
        ),
        (changed("count = 2", ""), "memleak-baseline.toml:4 is not understood: this leak has no `count`"),
        (changed("\"live\"", "\"alive\""), "memleak-baseline.toml:6 is not understood: `kind` is one of \"live\""),
        (changed("[\"static", "[7, \"static"), "memleak-baseline.toml:13 is not understood: `held_by` takes a text"),
        (changed("[[leak]]", "[[leaks]]"), "memleak-baseline.toml:4 is not understood: there is no `leaks` here"),
        (changed("[[leak]]", "[leak]"), "memleak-baseline.toml:4 is not understood: each leak is a `[[leak]]`"),
        (format!("{TWO_IN_THE_REGISTRY}{TWO_IN_THE_REGISTRY}"), "this is the leak of line 4 once more"),
    ] {
        fs::write(package.file(), &list).unwrap();
        for mode in ["", "write"] {
            package.fails("none_may_live", mode, &[], &[said, "that is not a pass"]);
        }
        assert_eq!(package.list(), list);
    }
    fs::write(package.file(), TWO_IN_THE_REGISTRY.replace('\n', "\r\n")).unwrap();
    package.passes("none_may_live", "", &[("REGISTERED", 2)], &["2 leaks known"]);
    package.fails("none_may_live", "wirte", &[], &["MEMLEAK_BASELINE is set to `wirte`"]);
}
