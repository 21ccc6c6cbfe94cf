//! What is filed of a test, and told to pipelines.

use super::{full_name, test_binary};
use memleak_report::document::{Document, Outcome};
use memleak_report::store;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};

/// A directory for reports that goes with its value.
struct Reports(PathBuf);

impl Reports {
    fn new(name: &str) -> Reports {
        let path = env::temp_dir().join(format!("memleak-reports-{}-{name}", process::id()));
        fs::create_dir_all(&path).expect("a directory can be made");
        Reports(path)
    }

    fn run(&self, fixture: &str, variables: &[(&str, &str)]) -> Output {
        let mut command = test_binary(fixture);
        command.env_remove("MEMLEAK_REPORT").env("MEMLEAK_REPORT_DIR", &self.0);
        for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TF_BUILD"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).output().expect("the test binary runs")
    }

    fn all(&self) -> Vec<Document> {
        store::read(&self.0).expect("the reports can be read")
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_failed_test_has_a_report_and_a_page() {
    let reports = Reports::new("failed");
    reports.run("leaves_one", &[]);
    let all = reports.all();
    let [report] = &all[..] else { panic!("{all:?}") };
    assert_eq!((report.outcome, report.test.name.as_str()), (Outcome::Leaked, full_name("leaves_one").as_str()));
    assert_eq!((report.test.package.as_str(), report.test.binary.as_str()), ("memleak-core", "memleak_core"));
    assert_eq!(report.text, "1 live after 200ms, 1 after the thread\n");
    let location = report.test.location.as_ref().expect("it is known");
    assert_eq!(location.file, "memleak-core/src/runner/tests/fixtures.rs");
    let page = fs::read_to_string(reports.0.join("index.html")).expect("there is a page");
    assert!(page.contains("memleak: 1 test failed"), "{page}");
}

#[test]
fn every_way_to_fail_is_filed_as_what_it_is() {
    for (fixture, outcome) in [
        ("panics_silently", Outcome::BodyFailed),
        ("could_not_tell", Outcome::CouldNotTell),
        ("exits_with_3", Outcome::NoVerdict),
    ] {
        let reports = Reports::new(fixture);
        reports.run(fixture, &[]);
        assert_eq!(reports.all().iter().map(|report| report.outcome).collect::<Vec<_>>(), [outcome], "{fixture}");
    }
}

#[test]
fn a_variable_says_of_which_tests() {
    let reports = Reports::new("when");
    reports.run("passes", &[]);
    reports.run("leaves_one", &[("MEMLEAK_REPORT", "never")]);
    assert!(reports.all().is_empty());
    reports.run("passes", &[("MEMLEAK_REPORT", "always")]);
    assert_eq!(reports.all().iter().map(|report| report.outcome).collect::<Vec<_>>(), [Outcome::Passed]);
    let output = reports.run("passes", &[("MEMLEAK_REPORT", "sometimes")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success());
    assert!(stderr.contains("memleak: note: `MEMLEAK_REPORT=sometimes` is not understood"), "{stderr}");
}

#[test]
fn a_report_that_cannot_be_written_changes_no_verdict() {
    let reports = Reports::new("unwritable");
    let file = reports.0.join("file");
    fs::write(&file, "").expect("a file can be made");
    let directory = file.to_str().expect("UTF-8");
    let output = reports.run("leaves_one", &[("MEMLEAK_REPORT_DIR", directory)]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("1 live after 200ms"), "{stdout}");
    assert!(stdout.contains("memleak: note: the report could not be written to"), "{stdout}");
}

/// As from an archive that was unpacked somewhere.
#[test]
fn where_reports_have_no_place_only_a_failed_test_says_so() {
    let reports = Reports::new("no-place");
    let moved = reports.0.join("moved");
    fs::copy(env::current_exe().expect("there is one"), &moved).expect("a program can be copied");
    for (fixture, says_so) in [("passes", false), ("leaves_one", true)] {
        let mut command = Command::new(&moved);
        command.args(test_binary(fixture).get_args()).env_remove("MEMLEAK_REPORT").env_remove("MEMLEAK_REPORT_DIR");
        let output = command.output().expect("the test binary runs");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.contains("memleak: note: the report was not written"), says_so, "{fixture}: {text}");
    }
}

#[test]
fn pipelines_are_told_on_lines_of_their_own() {
    let reports = Reports::new("github");
    let summary = reports.0.join("summary.md");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).expect("a directory above");
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_WORKSPACE", repository.to_str().expect("UTF-8")),
        ("GITHUB_STEP_SUMMARY", summary.to_str().expect("UTF-8")),
    ];
    let stdout = |output: Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let said = stdout(reports.run("leaves_one", &github));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::file_name).expect("a name");
    let begin = format!("::error file={}/memleak-core/src/runner/tests/fixtures.rs,line=", workspace.display());
    assert!(said.lines().any(|line| line.starts_with(&begin)), "{said}");
    let page = fs::read_to_string(&summary).expect("there is a summary");
    assert!(page.starts_with("### memleak: memleak_core `"), "{page}");
    assert!(!stdout(reports.run("passes", &github)).contains("::error"));
    let off = [github[0], ("MEMLEAK_PIPELINE", "never")];
    assert!(!stdout(reports.run("leaves_one", &off)).contains("::error"));
    let azure = stdout(reports.run("leaves_one", &[("TF_BUILD", "True")]));
    assert!(azure.lines().any(|line| line.starts_with("##vso[task.logissue type=error;sourcepath=")), "{azure}");
    let upload = azure.lines().find_map(|line| line.strip_prefix("##vso[task.uploadsummary]")).expect("an upload");
    assert!(fs::read_to_string(upload).expect("the page is there").starts_with("### memleak: "));
}
