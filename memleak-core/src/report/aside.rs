//! What decides nothing and is not to go unseen: doubtful instances, known leaks, memory that only a stack leads to, threads that did not
//! stop.

use super::holder::of_thread;
use super::{Look, bound, count, groups, join, size};
use crate::check::verdict::{AgainstBaseline, Aside, Doubtful, Gone, Ignore, OnStack};
use crate::query::short::short_block;

/// The most lines about memory that only stacks lead to.
const MOST_STACKS: usize = 3;

/// The lines below a failure.
pub(super) fn of_a_failure(aside: &Aside, look: &Look) -> Vec<String> {
    let mut lines: Vec<String> = aside.on_stacks.iter().take(MOST_STACKS).map(on_stack).collect();
    if let Some(left) = aside.on_stacks.get(MOST_STACKS..).filter(|left| !left.is_empty()) {
        let blocks = left.iter().map(|on| on.blocks).sum();
        lines.push(format!("So do {} of other types or threads.", count(blocks, "more block")));
    }
    let others = aside.doubtful.iter().flat_map(|doubtful| self::doubtful(doubtful, look)).chain(accepted(aside));
    lines.extend(others.map(|line| capitalised(&line) + "."));
    lines
}

/// The notes of a pass. What only a stack leads to is not among them: each thread that works has some.
pub(super) fn of_a_pass(aside: &Aside, look: &Look) -> Vec<String> {
    let doubtful = aside.doubtful.iter().flat_map(|doubtful| self::doubtful(doubtful, look));
    doubtful.map(|line| format!("passed, though {line}")).chain(accepted(aside)).collect()
}

/// Instances that may live, by type, place and reason.
fn doubtful(doubtful: &Doubtful, look: &Look) -> Vec<String> {
    let besides = match doubtful.bound.most() {
        0 => String::new(),
        _ => format!(" besides {} of {}", doubtful.certain, bound(doubtful.bound)),
    };
    groups::in_lines(&doubtful.groups, &besides, look)
}

/// What the test or the system lets pass.
fn accepted(aside: &Aside) -> Vec<String> {
    let mut lines = Vec::new();
    for ignored in &aside.ignored {
        lines.push(format!("ignored {}, {}: {}", count(ignored.count, "leak"), size(ignored.bytes), ignored.reason));
    }
    lines.extend(aside.baseline.iter().flat_map(baseline));
    let unused = aside.unused_ignores.iter().map(|ignore| format!("{} matched nothing: leave it out", written(ignore)));
    lines.extend(unused);
    if !aside.unstopped_threads.is_empty() {
        let threads: Vec<String> = aside.unstopped_threads.iter().map(|name| of_thread(name)).collect();
        lines.push(format!(
            "{} could not be stopped while memleak looked at the heap, so what changed meanwhile may have been misread",
            join(&threads)
        ));
    }
    lines
}

/// An `ignore` as the test has it.
pub(super) fn written(ignore: &Ignore) -> String {
    let parts = [("type", ignore.ty), ("function", ignore.function), ("held_by", ignore.held_by)];
    let parts = parts.iter().filter_map(|(name, pattern)| Some(format!("{name} = {:?}, ", (*pattern)?)));
    format!("`ignore({}…)`", parts.collect::<String>())
}

/// What the list of known leaks has to do with the verdict.
fn baseline(against: &AgainstBaseline) -> Vec<String> {
    /// The most entries that are said to be gone.
    const MOST: usize = 5;
    let AgainstBaseline { file, known, gone, written } = against;
    let mut lines = Vec::new();
    if *known > 0 {
        lines.push(format!("{} known from {file}", count(*known, "leak")));
    }
    if let Some(written) = written {
        lines.push(match written {
            0 => format!("nothing leaks any more: the entries of this test are taken out of {file}"),
            _ => format!("wrote {} to {file}", count(*written, "leak")),
        });
    }
    for Gone { line, type_name, listed, left } in gone.iter().take(MOST) {
        let (left, what) = match left {
            0 => ("none is".to_owned(), "remove the entry".to_owned()),
            1 => ("1 is".to_owned(), "write `count = 1`".to_owned()),
            _ => (format!("{left} are"), format!("write `count = {left}`")),
        };
        let listed = count(*listed, "leak");
        lines.push(format!("of {listed} of `{type_name}` that {file}:{line} lists, {left} left: {what}"));
    }
    if gone.len() > MOST {
        lines.push(format!("leaks of {} more kinds that {file} lists are gone", gone.len() - MOST));
    }
    if !gone.is_empty() {
        lines.push("MEMLEAK_BASELINE=write does that for the tests that run".to_owned());
    }
    lines
}

fn on_stack(on: &OnStack) -> String {
    let what = match &on.type_name {
        Some(name) => format!(" of `{}`", short_block(name)),
        None => String::new(),
    };
    let (lead, count_as) =
        if on.blocks == 1 { ("Only the stack", "it counts") } else { ("Only the stack", "they count") };
    format!(
        "{lead} of {} leads to {} ({}){what}: {count_as} as reachable.",
        of_thread(&on.thread),
        count(on.blocks, "block"),
        size(on.bytes)
    )
}

fn capitalised(line: &str) -> String {
    let mut characters = line.chars();
    characters.next().map(|first| first.to_uppercase().collect::<String>() + characters.as_str()).unwrap_or_default()
}
