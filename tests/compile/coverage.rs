//! Coverage: what runs in the process of the body is counted, as tools that set `LLVM_PROFILE_FILE` expect.

use crate::project::{Project, repository};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn counters_of_the_bodys_process_are_written() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("coverage");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    // Only the tests themselves are instrumented: what they depend on is compiled already.
    let compiler = directory.join("compiler");
    fs::write(&compiler, "#!/bin/sh\nexec \"$@\" -Cinstrument-coverage\n").unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
    let project = Project {
        name: "coverage",
        edition: "2024",
        dependencies: "memleak = { {memleak}, default-features = false, features = [\"global-allocator\"] }",
        environment: vec![
            ("RUSTC_WORKSPACE_WRAPPER", compiler),
            ("LLVM_PROFILE_FILE", directory.join("profiles/%p.profraw")),
        ],
        tests: vec![repository().join("tests/builds/types.rs")],
        ..Project::default()
    };
    let text = project.run();
    assert!(text.contains("2 passed"), "{text}");
    let profiles = fs::read_dir(directory.join("profiles")).unwrap();
    let written = profiles.filter(|profile| profile.as_ref().unwrap().metadata().unwrap().len() > 0).count();
    // One of the empty library's tests, one of the parent, and one of each of the two tests.
    assert_eq!(written, 4);
}
