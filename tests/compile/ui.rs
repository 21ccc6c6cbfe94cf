//! Each file in `tests/ui` breaks the rule it is named after; the `.stderr` beside it is what the user is told. With `MEMLEAK_BLESS=1` the
//! texts are written instead of compared; read them, as a stranger, before they are committed. They are those of rustc 1.95.

use crate::project::{Diagnostic, Project, repository, stem};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn mistakes_are_told() {
    told(Project {
        name: "ui",
        edition: "2024",
        dependencies: "memleak = { {memleak} }\ntokio = { version = \"1\", features = [\"macros\", \"rt\"] }",
        tests: sources("tests/ui"),
        ..Project::default()
    });
}

#[test]
fn mistakes_are_told_without_tokio() {
    told(Project {
        name: "ui-without-tokio",
        edition: "2024",
        dependencies: "memleak = { {memleak}, default-features = false }",
        tests: sources("tests/ui/without_tokio"),
        ..Project::default()
    });
}

/// The sources in a directory of the repository.
fn sources(directory: &str) -> Vec<PathBuf> {
    let directory = repository().join(directory);
    let mut sources: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    sources.sort();
    assert!(!sources.is_empty(), "{} is empty", directory.display());
    sources
}

fn told(project: Project) {
    let diagnostics = project.compile("check");
    let mut wrong = String::new();
    for source in &project.tests {
        let told = text(&diagnostics, source);
        assert!(told.contains("error"), "{} is accepted", source.display());
        let expected = source.with_extension("stderr");
        if std::env::var_os("MEMLEAK_BLESS").is_some() {
            fs::write(&expected, &told).expect("the expected text can be written");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if told != expected {
            wrong.push_str(&format!("--- {}, expected\n{expected}\n+++ told\n{told}\n", source.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\n(the expected texts are those of rustc 1.95; MEMLEAK_BLESS=1 writes them anew)"
    );
}

/// What was printed about one source, without cargo's count of errors.
fn text(diagnostics: &[Diagnostic], source: &Path) -> String {
    let directory = format!("{}/", source.parent().expect("a directory").display());
    let mut text = String::new();
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.test == stem(source)) {
        let counts = ["aborting due to", "Some errors have detailed", "For more information about"];
        if !counts.iter().any(|count| diagnostic.text.contains(count)) {
            text.push_str(&own_part(&diagnostic.text.replace(&directory, "")));
        }
    }
    text
}

/// A diagnostic without the excerpts from other files than the test, whose lines move, and without the margin that is as wide as the
/// longest line number.
fn own_part(text: &str) -> String {
    let repository = format!("{}/", repository().display());
    let mut own = String::new();
    let mut elsewhere = false;
    for line in text.lines() {
        let marked = line.trim_start();
        let number = marked.len() - marked.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (number, rest) = marked.split_at(number);
        if let Some(place) = marked.strip_prefix("--> ").or(marked.strip_prefix("::: ")) {
            elsewhere = place.contains('/');
            let file = place.replace(&repository, "$MEMLEAK/");
            let file = if elsewhere { file.split(':').next().unwrap_or_default() } else { &file };
            own.push_str(&format!("   {} {file}\n", &marked[..3]));
        } else if rest.starts_with('|') || rest.starts_with(" |") || (rest == "..." && number.is_empty()) {
            if !elsewhere {
                own.push_str(&format!("{number:>3} {}\n", rest.trim_start()));
            }
        } else if rest.starts_with("= ") && number.is_empty() {
            own.push_str(&format!("    {rest}\n"));
        } else {
            own.push_str(&format!("{line}\n"));
        }
    }
    own
}
