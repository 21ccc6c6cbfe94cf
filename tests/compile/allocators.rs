//! Tests over other allocators, wrapped as the README says: what is lost is found, all of it, whatever the allocator keeps for itself, and
//! nothing else is.

use crate::project::{Project, repository};

#[test]
fn every_lost_block_is_found_over_every_allocator() {
    let files = ["jemalloc", "mimalloc", "system"];
    let project = Project {
        name: "allocators",
        edition: "2024",
        dependencies: "memleak = { {memleak}, default-features = false }\ntikv-jemallocator = \"0.6\"\nmimalloc = \"0.1\"",
        downloads: true,
        tests: files.map(|file| repository().join(format!("tests/allocators/{file}.rs"))).into(),
        ..Project::default()
    };
    let text = project.run();
    let runs: Vec<&str> = text.split("\nrunning ").filter(|run| run.contains("test shapes::")).collect();
    assert_eq!(runs.len(), files.len(), "{text}");
    let mut wrong = Vec::new();
    for run in runs {
        let results = run.lines().filter_map(|line| line.strip_prefix("test shapes::")?.split_once(" ... "));
        for (name, result) in results {
            if !is_due(run, name, result) {
                wrong.push(format!("`{name}` is not as it should be in {run}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_due(run: &str, name: &str, result: &str) -> bool {
    let begin = format!("---- shapes::{name} stdout ----\n");
    let said = run.split_once(&begin).and_then(|(_, rest)| rest.lines().next()).unwrap_or_default();
    if let Some(lost) = name.strip_prefix("lost_") {
        let count = lost.split('_').next().unwrap_or_default();
        let (begin, end) =
            (format!("{count} block"), if count == "1" { "points to it any more" } else { "points to them any more" });
        return said.starts_with(&begin) && said.ends_with(end);
    }
    if name == "kept" { said.starts_with("1 live `") } else { name.starts_with("clean") && result == "ok" }
}
