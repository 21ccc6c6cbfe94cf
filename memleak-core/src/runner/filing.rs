//! Files the report of a test where people and pipelines find it.
//!
//! May use: `report` (files below the workspace), `outcome`, `heap_file` (a heap that there is none of).
//!
//! This is done where the test is judged, in the process of the test harness: so it is done for a test whose process crashed, as well.

use super::Case;
use super::heap_file;
use super::outcome::{Outcome, Report};
use crate::report::Look;
use memleak_report::document::{self, Document, Location, Test, VERSION};
use memleak_report::pipeline::Pipeline;
use memleak_report::store::{self, Limits, Run};
use memleak_report::{markdown, page};
use std::env;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::panic;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The environment variable that says of which tests reports are written.
const REPORT: &str = "MEMLEAK_REPORT";
/// The environment variable by which a pipeline is told nothing: `never`.
const PIPELINE: &str = "MEMLEAK_PIPELINE";
/// The environment variable that says where.
const DIRECTORY: &str = "MEMLEAK_REPORT_DIR";

/// Of which tests reports are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    Always,
    OnFailure,
    Never,
}

impl When {
    fn of(value: Option<OsString>) -> Result<When, String> {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(When::OnFailure) };
        match value.to_str() {
            Some("always") => Ok(When::Always),
            Some("on_failure") => Ok(When::OnFailure),
            Some("never") => Ok(When::Never),
            _ => Err(format!(
                "`{REPORT}={}` is not understood: write `always`, `on_failure` (the default) or `never`",
                value.display()
            )),
        }
    }
}

/// Files the report of this test. What cannot be done becomes a note of the report, and the verdict stays what it is.
pub(super) fn file(case: &Case, name: &str, place: &panic::Location<'_>, report: &mut Report) {
    report.notes.extend(heap_file::not_looked_at(name, &report.outcome));
    if let Err(why) = try_to_file(case, name, place, report) {
        report.notes.push(why);
    }
}

fn try_to_file(case: &Case, name: &str, place: &panic::Location<'_>, report: &Report) -> Result<(), String> {
    let when = When::of(env::var_os(REPORT))?;
    if when == When::Never {
        return Ok(());
    }
    let test = test(case, name, place);
    if when == When::OnFailure && report.passes() {
        // An earlier attempt of the test may have failed. Where reports have no place it has left none.
        let Ok(run) = run() else { return Ok(()) };
        let withdrawn = run.withdraw(&test).map_err(|error| failed(&run, &error))?;
        return if withdrawn { renew(&run) } else { Ok(()) };
    }
    let run = run()?;
    let document = Document {
        version: VERSION,
        memleak: env!("CARGO_PKG_VERSION").to_owned(),
        test,
        outcome: outcome(&report.outcome),
        text: without_colours(&report.text()),
        notes: report.notes.clone(),
        findings: report.findings.clone(),
    };
    let file = run.write(&document).map_err(|error| failed(&run, &error))?;
    if !report.passes() {
        tell_pipeline(&document, &file)?;
    }
    run.prune(Limits::default()).map_err(|error| failed(&run, &error))?;
    renew(&run)
}

/// Says a failure in the way of the pipeline that the test runs in, if it runs in one.
fn tell_pipeline(document: &Document, file: &Path) -> Result<(), String> {
    if env::var_os(PIPELINE).is_some_and(|value| value == "never") {
        return Ok(());
    }
    let Some(pipeline) = Pipeline::of(|name| env::var(name).ok()) else { return Ok(()) };
    let workspace = Look::of_program().root.unwrap_or_default();
    let mut lines = pipeline.errors(document, &workspace);
    let page = markdown::test(document);
    if let Pipeline::GitHub { summary: Some(summary), .. } = &pipeline {
        let file = OpenOptions::new().append(true).create(true).open(summary);
        // All at once: other tests add theirs.
        file.and_then(|mut file| file.write_all(markdown::addition(&fs::read(summary)?, &page).as_bytes()))
            .map_err(|error| format!("the summary could not be written to {}: {error}", summary.display()))?;
    }
    let own = file.with_extension("md");
    if let Some(upload) = pipeline.upload(&own) {
        store::replace(&own, page.as_bytes())
            .map_err(|error| format!("the summary could not be written to {}: {error}", own.display()))?;
        lines += &upload;
    }
    // Past what the test harness captures, and on lines of their own.
    let _ = io::stdout().lock().write_all(format!("\n{lines}").as_bytes());
    Ok(())
}

/// What is made of all reports of the run.
fn renew(run: &Run) -> Result<(), String> {
    run.renew("index.html", |documents, reports| page::html(documents, Some(reports)))
        .map_err(|error| failed(run, &error))
}

fn failed(run: &Run, error: &impl fmt::Display) -> String {
    format!("the report could not be written to {} ({DIRECTORY}): {error}", run.directory().display())
}

fn outcome(outcome: &Outcome) -> document::Outcome {
    match outcome {
        Outcome::Passed => document::Outcome::Passed,
        Outcome::Unchecked(_) => document::Outcome::Unchecked,
        Outcome::Unclean(_) => document::Outcome::Leaked,
        Outcome::CouldNotTell(_) => document::Outcome::CouldNotTell,
        Outcome::BodyPanicked | Outcome::BodyFailed(_) => document::Outcome::BodyFailed,
        #[cfg(memleak_supported)]
        Outcome::NoVerdict(_) => document::Outcome::NoVerdict,
    }
}

fn test(case: &Case, name: &str, place: &panic::Location<'_>) -> Test {
    // rustc is started in the workspace, so its own files have relative names.
    let own = Path::new(place.file()).is_relative();
    let location = Location { file: place.file().replace('\\', "/"), line: place.line(), own };
    Test { package: package(case), binary: binary(), name: name.to_owned(), location: Some(location) }
}

/// As cargo says; else the crate's own name.
fn package(case: &Case) -> String {
    env::var("CARGO_PKG_NAME").unwrap_or_else(|_| case.path.split("::").next().unwrap_or_default().to_owned())
}

/// The name of the executable without the hash that cargo adds to it.
pub(super) fn binary() -> String {
    let path = env::current_exe().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match name.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name.to_owned(),
        _ => name,
    }
}

/// Whether an environment variable asks for something that there is only on request.
pub(super) fn asks_for(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

fn run() -> Result<Run, String> {
    let all = directory().map_err(|why| format!("the report was not written: {why}, or {REPORT}=never"))?;
    let begun = beginner();
    Ok(Run::begun(&all, begun.at, &begun.by))
}

/// Where the reports of all runs are, and all else that is written of tests.
pub(super) fn directory() -> Result<PathBuf, String> {
    if let Some(directory) = env::var_os(DIRECTORY).filter(|directory| !directory.is_empty()) {
        // Relative to where cargo is called, as far as that can be known: each test runs in its package's directory.
        return Ok(Look::of_program().root.unwrap_or_default().join(directory));
    }
    let executable = env::current_exe().unwrap_or_default();
    let target = executable.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file());
    target.map(|target| target.join("memleak")).ok_or_else(|| {
        format!("{} is in no target directory of cargo; say where with {DIRECTORY}", executable.display())
    })
}

/// The process that began the run, and when that was.
struct Beginner {
    at: SystemTime,
    /// A name that no other process has or had.
    by: String,
}

/// cargo and nextest start all tests of a run; else this process is the run.
fn beginner() -> Beginner {
    let parent = parent().filter(|parent| parent.name.starts_with("cargo"));
    let process = parent.or_else(|| Process::read(process::id()));
    process.map_or_else(
        || Beginner { at: SystemTime::now(), by: process::id().to_string() },
        |process| Beginner { at: process.begun(), by: format!("{}-{}", process.id, process.ticks) },
    )
}

fn parent() -> Option<Process> {
    Process::read(Process::read(process::id())?.parent)
}

/// A process as `/proc` has it. Elsewhere there is none.
struct Process {
    id: u32,
    name: String,
    parent: u32,
    /// When it began, in hundredths of a second since the system did.
    ticks: u64,
}

impl Process {
    fn read(id: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in parentheses, and may have some itself.
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let mut fields = after.split_ascii_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let ticks = fields.nth(17)?.parse().ok()?;
        Some(Process { id, name, parent, ticks })
    }

    fn begun(&self) -> SystemTime {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let system = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0);
        UNIX_EPOCH + Duration::from_secs(system) + Duration::from_millis(self.ticks * 10)
    }
}

/// A text as a file has it.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\x1b[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once('m') {
            Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => {
                plain.push_str(rest)
            }
            _ => {
                let _ = write!(plain, "\x1b[{part}");
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_are_known_say_when() {
        let of = |value: &str| When::of(Some(value.into()));
        assert_eq!(When::of(None), Ok(When::OnFailure));
        assert_eq!(
            [of(""), of("always"), of("on_failure"), of("never")],
            [Ok(When::OnFailure), Ok(When::Always), Ok(When::OnFailure), Ok(When::Never)]
        );
        assert!(of("on-failure").unwrap_err().contains("`MEMLEAK_REPORT=on-failure` is not understood"));
    }

    #[test]
    fn colours_are_left_out_and_nothing_else() {
        assert_eq!(without_colours("a \x1b[1;31mred\x1b[0m, [x] \x1b[?"), "a red, [x] \x1b[?");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_read_with_its_parent_and_its_age() {
        let own = Process::read(process::id()).unwrap();
        assert_eq!(Some(own.parent), parent().map(|parent| parent.id));
        let age = SystemTime::now().duration_since(own.begun()).unwrap_or_default();
        assert!(age < Duration::from_secs(3600), "{age:?}");
    }
}
