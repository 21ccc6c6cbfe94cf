//! Good uses of the attribute are accepted without a warning in every edition, and where memleak has another name.

use crate::project::{Project, repository};

fn accepted(name: &'static str, edition: &'static str, dependencies: &'static str, source: &str) {
    let project = Project { name, edition, dependencies, tests: vec![repository().join(source)], ..Project::default() };
    let told: String = project.compile("clippy").into_iter().map(|diagnostic| diagnostic.text).collect();
    assert!(told.is_empty(), "{told}");
}

const DEPENDENCIES: &str = r#"
memleak = { {memleak} }
rstest = { version = "0.28", default-features = false }
test-log = { version = "0.2", default-features = false }
tokio = { version = "1", features = ["full", "test-util"] }
"#;

#[test]
fn in_edition_2018() {
    accepted("hygiene-2018", "2018", DEPENDENCIES, "tests/hygiene/main.rs");
}

#[test]
fn in_edition_2021() {
    accepted("hygiene-2021", "2021", DEPENDENCIES, "tests/hygiene/main.rs");
}

#[test]
fn in_edition_2024() {
    accepted("hygiene-2024", "2024", DEPENDENCIES, "tests/hygiene/main.rs");
}

#[test]
fn under_another_name() {
    accepted(
        "hygiene-renamed",
        "2024",
        "other = { {memleak}, package = \"memleak\" }\ntokio = { version = \"1\", features = [\"full\", \"test-util\"] }",
        "tests/hygiene/renamed.rs",
    );
}

#[test]
fn without_tokio() {
    accepted(
        "hygiene-without-tokio",
        "2024",
        "memleak = { {memleak}, default-features = false }",
        "tests/hygiene/without_tokio.rs",
    );
}
