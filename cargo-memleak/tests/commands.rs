//! What the commands do with reports, as a user calls them.

use memleak_report::document::{Document, Findings, Lost, Outcome, Test, VERSION};
use memleak_report::merge::Merged;
use memleak_report::store::Run;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

fn report(test: &str, fingerprint: &str, count: u64) -> Document {
    let lost = Lost {
        fingerprint: fingerprint.to_owned(),
        type_name: Some("chat::Room".to_owned()),
        type_short: "Room".to_owned(),
        count,
        known: 0,
        blocks: count,
        bytes: 64 * count,
        stack: Vec::new(),
        cycle: None,
        owners: None,
        values: Vec::new(),
        help: None,
    };
    Document {
        version: VERSION,
        memleak: "0.1.0".to_owned(),
        test: Test { package: "chat".to_owned(), binary: "chat".to_owned(), name: test.to_owned(), location: None },
        outcome: Outcome::Leaked,
        text: format!("{count} blocks of {test}\n"),
        notes: Vec::new(),
        findings: Findings { unreachable: vec![lost], ..Findings::default() },
    }
}

/// A folder as a machine leaves it behind.
fn folder(at: &Path, reports: &[Document]) {
    let run = Run::begun(at, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), "1-1");
    for report in reports {
        run.write(report).unwrap();
    }
}

fn memleak(arguments: &[&str], at: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-memleak"))
        .arg("memleak")
        .args(arguments)
        .current_dir(at)
        .env_remove("MEMLEAK_REPORT_DIR")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap()
}

#[track_caller]
fn says(arguments: &[&str], at: &Path) -> String {
    let output = memleak(arguments, at);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fails(arguments: &[&str], at: &Path) -> String {
    let output = memleak(arguments, at);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn parts_from_two_machines_are_merged_to_what_one_would_have_said() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let all = [report("a", "lost-1", 1), report("b", "lost-1", 2), report("c", "lost-2", 3)];
    folder(&at.join("first"), &all[..1]);
    folder(&at.join("second"), &all[1..]);
    folder(&at.join("whole"), &all);
    let said = says(&["merge", "second", "first", "--out", "parts"], at);
    assert!(said.starts_with("3 failed tests, 2 leaks: "), "{said}");
    says(&["merge", "whole", "--out", "one"], at);
    for file in ["memleak.json", "index.html"] {
        assert_eq!(fs::read(at.join("parts").join(file)).unwrap(), fs::read(at.join("one").join(file)).unwrap());
    }
    let merged = Merged::from_json(&fs::read_to_string(at.join("parts/memleak.json")).unwrap()).unwrap();
    assert_eq!(merged.leaks.iter().map(|leak| leak.tests.len()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn the_newest_run_is_shown() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    assert!(fails(&["show"], at).contains("target/memleak has no reports"));
    folder(&at.join("target/memleak"), &[report("a", "lost-1", 1)]);
    assert_eq!(says(&["show"], at), "---- chat a\n1 blocks of a\n\n");
}

#[test]
fn a_new_leak_is_told_from_an_old_one() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    folder(&at.join("before"), &[report("a", "lost-1", 1), report("b", "lost-2", 1)]);
    folder(&at.join("after"), &[report("a", "lost-1", 2), report("c", "lost-3", 1)]);
    let output = memleak(&["diff", "before", "after"], at);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "new    1 Room (64 bytes), in chat c\ngone   1 Room (64 bytes), in chat b\n\
         still  2 Room (128 bytes), in chat a, 1 before\n"
    );
    assert_eq!(memleak(&["diff", "after", "after"], at).status.code(), Some(0));
}

#[test]
fn reports_are_converted() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    folder(&at.join("run"), &[report("a", "lost-1", 1)]);
    assert!(says(&["convert", "run", "--to", "markdown"], at).starts_with("### memleak: chat `a`\n"));
    says(&["convert", "run", "--to", "html", "--out", "page.html"], at);
    assert!(fs::read_to_string(at.join("page.html")).unwrap().starts_with("<!DOCTYPE html>"));
    let json = says(&["convert", "run", "--to", "json"], at);
    // What was made of reports can be read like them.
    fs::write(at.join("merged.json"), &json).unwrap();
    assert_eq!(says(&["convert", "merged.json", "--to", "json"], at), json);
}

#[test]
fn what_is_written_wrongly_is_told() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    folder(at, &[report("a", "lost-1", 1)]);
    fs::write(at.join("broken.json"), "{").unwrap();
    for (arguments, told) in [
        (&["mrege"][..], "there is no command `mrege`"),
        (&["merge", "."], "`merge` needs `--out DIR`"),
        (&["merge", "--out", "x"], "`merge` needs the directories"),
        (&["convert", "."], "`convert` needs `--to html`"),
        (&["convert", ".", "--to", "pdf"], "there is no format `pdf`"),
        (&["show", "nowhere"], "nowhere cannot be read"),
        (&["show", "."], "broken.json: it is no report of memleak"),
        (&["diff", "."], "`diff` needs two"),
        (&["show", "--colour"], "invalid option '--colour'"),
    ] {
        let said = fails(arguments, at);
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
    assert!(says(&["--help"], at).contains("cargo memleak <COMMAND>"));
}
