//! The examples of the manual (the documentation in `src/` and the README) run as tests and end as the manual says. As doc tests they are only parsed: rustc
//! leaves a `#[test]` function out of a program that is not a test.

use crate::project::{Project, repository, stem};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn examples_end_as_the_manual_says() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manual");
    fs::create_dir_all(&directory).expect("a directory for the examples");
    let read = |file: &Path| fs::read_to_string(file).expect("a file");
    let manual = sources(&repository().join("src"));
    let manual = manual.iter().flat_map(|file| examples(&format!("manual_{}", stem(file)), &read(file), "///"));
    let examples: Vec<_> = manual.chain(examples("readme", &read(&repository().join("README.md")), "")).collect();
    let mut modules = String::new();
    for (name, code) in &examples {
        fs::write(directory.join(format!("{name}.rs")), code).expect("an example can be written");
        modules.push_str(&format!("mod {name};\n"));
    }
    fs::write(directory.join("main.rs"), modules).expect("the list of examples can be written");

    let told = project(directory.join("main.rs")).run();
    let ended =
        |name: &str| -> Vec<&str> { told.lines().filter(|line| line.starts_with(&format!("test {name}"))).collect() };
    for (name, _) in &examples {
        let ended = ended(name);
        assert!(!ended.is_empty(), "{name} has no test:\n{told}");
        let as_said = if name.starts_with("readme") { "FAILED" } else { "ok" };
        assert!(ended.iter().all(|line| line.ends_with(as_said)), "{name} should have ended with {as_said}:\n{told}");
    }
    assert!(ended("manual").len() > 40 && ended("readme").len() == 2, "examples are missing:\n{told}");
    for said in ["Session`, expected 0", "Room  1 unreachable cycle", "← make this one a `Weak`"] {
        assert!(told.contains(said), "{said} is missing:\n{told}");
    }
}

#[test]
fn each_line_of_a_guide_is_in_an_example() {
    let text = fs::read_to_string(repository().join("src/guide.rs")).expect("the guides");
    let mut missing = Vec::new();
    let mut lines = 0;
    for guide in text.split_inclusive("pub mod ") {
        let examples: String = examples("guide", guide, "///").into_iter().map(|(_, code)| packed(&code)).collect();
        let rows = guide.lines().filter_map(|line| line.strip_prefix("/// |")?.strip_suffix(" |"));
        for row in rows {
            let row = row.replace("\\|", "\0");
            let line = row.rsplit('|').next().unwrap_or_default().trim().replace('\0', "|");
            // The line of code may have words before it.
            let Some((_, line)) = line.strip_suffix('`').and_then(|line| line.split_once('`')) else { continue };
            if line.starts_with("cargo") || line.starts_with("MEMLEAK_") {
                continue;
            }
            lines += 1;
            if !examples.contains(&packed(line)) {
                missing.push(line.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "no example has:\n{}", missing.join("\n"));
    assert!(lines > 50, "only {lines} lines were found");
}

/// Without what a formatter may change.
fn packed(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The sources of the facade.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect();
    found.sort();
    found
}

fn project(main: PathBuf) -> Project {
    Project {
        name: "manual",
        edition: "2024",
        dependencies: r#"
memleak = { {memleak} }
rstest = { version = "0.28", default-features = false }
tokio = { version = "1", features = ["full", "test-util"] }
"#,
        tests: vec![main],
        ..Project::default()
    }
}

/// The Rust examples of a text, each with a name of its own. A line of an example begins with `margin`.
fn examples(name: &str, text: &str, margin: &str) -> Vec<(String, String)> {
    let mut examples = Vec::new();
    let mut fence = None;
    for (index, line) in text.lines().enumerate() {
        let Some(line) = line.trim_start().strip_prefix(margin).map(str::trim_start) else { continue };
        match (fence, line) {
            (None, _) if line.starts_with("```") => {
                fence = Some(matches!(line, "```" | "```rust"));
                if fence == Some(true) {
                    examples.push((format!("{name}_{}", index + 1), String::new()));
                }
            }
            (Some(_), "```") => fence = None,
            (Some(true), _) => {
                let code = &mut examples.last_mut().expect("its fence was seen").1;
                code.push_str(line.strip_prefix("# ").unwrap_or(line));
                code.push('\n');
            }
            _ => {}
        }
    }
    examples
}
