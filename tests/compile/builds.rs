//! Builds whose heap cannot be read: each fails with its reason and what to write, and is let pass only by `unsupported = "skip"`. And one
//! with a global allocator of its own.

use crate::project::{Project, repository};

/// What these builds have in common.
fn types(name: &'static str) -> Project {
    Project {
        name,
        edition: "2024",
        dependencies: "memleak = { {memleak}, default-features = false, features = [\"global-allocator\"] }",
        tests: vec![repository().join("tests/builds/types.rs")],
        ..Project::default()
    }
}

/// Runs the tests of `tests/builds/types.rs`, of which the first does not skip, and compares what is said.
fn says(project: &Project, wrong: &str, write: &str) {
    let text = project.run();
    assert!(text.contains("test checked ... FAILED"), "{text}");
    assert!(text.contains("test skipped ... ok"), "{text}");
    assert!(text.contains("test recorded ... ok"), "{text}");
    assert!(text.contains(wrong), "does not say `{wrong}`:\n{text}");
    assert!(text.contains(write), "does not say `{write}`:\n{text}");
}

#[test]
fn without_debug_info() {
    let project = Project { link_argument: Some("-Wl,--strip-debug"), ..types("builds-none") };
    says(&project, "this test binary has no debug info", "debug = \"full\"");
}

#[test]
fn stripped() {
    let project = Project { link_argument: Some("-Wl,--strip-all"), ..types("builds-stripped") };
    says(&project, "this test binary was stripped", "strip = false");
}

/// Other kinds of debug info that memleak cannot do with are in `memleak-core/tests/load.rs`.
#[test]
fn with_line_tables_only() {
    let project = Project { profile: "debug = \"line-tables-only\"", ..types("builds-lines") };
    says(&project, "has lines only, no types", "debug = \"full\"");
}

/// What other platforms have: nothing of the heap. The body runs in place. Nothing of memleak may be of no use there, either.
#[test]
fn for_another_platform() {
    let project = Project { rustflags: "--cfg memleak_unsupported -Dwarnings", ..types("builds-platform") };
    says(&project, "memleak cannot capture call stacks on this platform", "MEMLEAK_UNSUPPORTED=skip");
}

#[test]
fn without_the_allocator() {
    let project = Project {
        name: "builds-not-installed",
        edition: "2024",
        dependencies: "memleak = { {memleak}, default-features = false }",
        tests: vec![repository().join("tests/builds/not_installed.rs")],
        ..Project::default()
    };
    let text = project.run();
    for ended in ["test recorded ... ok", "test asked ... ok", "test checked ... FAILED"] {
        assert!(text.contains(ended), "{ended} is missing:\n{text}");
    }
}

#[test]
fn with_a_global_allocator_of_its_own() {
    let project = Project {
        name: "builds-wrapped",
        edition: "2024",
        dependencies: "memleak = { {memleak}, default-features = false }",
        tests: vec![repository().join("tests/builds/wrapped.rs")],
        ..Project::default()
    };
    let text = project.run();
    assert!(text.contains("test leaks ... FAILED"), "{text}");
    assert!(text.contains("test is_clean ... ok"), "{text}");
    assert!(text.contains("1 live `wrapped::Session`, expected 0"), "{text}");
    assert!(!text.contains("__rust_alloc"), "{text}");
}
