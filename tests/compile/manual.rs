//! The examples of the manual (`src/lib.rs` and the README) are accepted as tests. As doc tests they are not compiled as tests, and rustc
//! leaves a `#[test]` function out before it looks into it.

use crate::project::{Project, repository};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn examples_are_tests() {
    let mut tests =
        examples("lib", &fs::read_to_string(repository().join("src/lib.rs")).expect("src/lib.rs is there"), "///");
    tests.extend(examples(
        "readme",
        &fs::read_to_string(repository().join("README.md")).expect("README.md is there"),
        "",
    ));
    assert!(tests.len() > 10, "only {} examples were found", tests.len());
    let project = Project {
        name: "manual",
        edition: "2024",
        dependencies: r#"
memleak = { {memleak} }
rstest = { version = "0.28", default-features = false }
tokio = { version = "1", features = ["full", "test-util"] }
"#,
        tests,
    };
    let told: String = project.compile("check").into_iter().map(|diagnostic| diagnostic.text).collect();
    assert!(!told.contains("error"), "{told}");
}

/// Writes each Rust example to a file. A line of it begins with `margin`.
fn examples(name: &str, text: &str, margin: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manual");
    fs::create_dir_all(&directory).expect("a directory for the examples");
    let mut files = Vec::new();
    let mut example: Option<String> = None;
    for (line, text) in
        text.lines().enumerate().filter_map(|(line, text)| Some((line + 1, text.strip_prefix(margin)?.trim_start())))
    {
        match (&mut example, text) {
            (None, "```" | "```rust") => example = Some("#![allow(dead_code)]\n".to_owned()),
            (None, fence) if fence.starts_with("```") => example = Some(String::new()),
            (Some(code), "```") => {
                if !code.is_empty() {
                    let file = directory.join(format!("{name}_{line}.rs"));
                    fs::write(&file, &*code).expect("an example can be written");
                    files.push(file);
                }
                example = None;
            }
            (Some(code), line) if !code.is_empty() => {
                code.push_str(line.strip_prefix("# ").unwrap_or(line));
                code.push('\n');
            }
            _ => {}
        }
    }
    files
}
