//! A stack as a reader wants it: the own functions with file and line, everything else folded to one line.

use super::{Ink, Look, count, join};
use crate::check::verdict::Frame;
use crate::debuginfo::code::CodeKind;
use crate::query::short::short_function;
use std::path::Path;

/// The most frames shown of the user's own.
const MOST: usize = 12;
/// The most frames shown of others, where no frame is the user's own.
const MOST_FOREIGN: usize = 4;

/// The lines of a stack, innermost first; never empty.
pub(super) fn lines(stack: &[Frame], look: &Look) -> Vec<String> {
    let shown = shown(stack);
    let Some(first) = shown.first().copied() else {
        return vec!["unknown: the call stack could not be read".to_owned()];
    };
    let places: Vec<String> = shown.iter().map(|&i| place(&stack[i], look)).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut next = first;
    for (&i, place) in shown.iter().zip(&places) {
        lines.extend(folded(&stack[next..i], look));
        let padding = " ".repeat(width - place.chars().count());
        let mut function = function(&stack[i], look);
        if i == first {
            function.push_str(&inside(&stack[..i]));
        }
        lines.push(format!("{}{padding}  {function}", look.paint(Ink::Place, place)));
        next = i + 1;
    }
    lines.extend(folded(&stack[next..], look));
    lines
}

/// The frames to show, by index: the user's own, else those of dependencies, else what there is.
fn shown(stack: &[Frame]) -> Vec<usize> {
    let of = |kind: CodeKind| {
        let most = if kind == CodeKind::User { MOST } else { MOST_FOREIGN };
        let own = |frame: &Frame| frame.kind == kind && crate_of(frame) != "memleak";
        (0..stack.len()).filter(|&i| own(&stack[i])).take(most).collect::<Vec<_>>()
    };
    [CodeKind::User, CodeKind::Dependency, CodeKind::Std]
        .into_iter()
        .map(of)
        .find(|shown| !shown.is_empty())
        .unwrap_or_default()
}

/// `… 12 frames of tokio and std`.
fn folded(frames: &[Frame], look: &Look) -> Option<String> {
    (!frames.is_empty()).then(|| {
        let text = format!("… {} of {}", count(frames.len() as u64, "frame"), join(&owners(frames)));
        look.paint(Ink::Aside, &text)
    })
}

/// Where the allocation itself is not in the function shown first, but in a dependency that it called.
fn inside(inner: &[Frame]) -> String {
    let owners: Vec<String> = owners(inner).into_iter().filter(|owner| owner != "std" && owner != "memleak").collect();
    if owners.is_empty() { String::new() } else { format!(" (inside {})", join(&owners)) }
}

/// Whose frames these are, the outermost last: crates, and `std` for all that belongs to the toolchain.
fn owners(frames: &[Frame]) -> Vec<String> {
    const MOST_CRATES: usize = 3;
    let mut owners: Vec<String> = Vec::new();
    for frame in frames {
        let owner = crate_of(frame);
        if owner != "std" && !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    if owners.len() > MOST_CRATES {
        owners.truncate(MOST_CRATES - 1);
        owners.push("others".to_owned());
    }
    if frames.iter().any(|frame| crate_of(frame) == "std") {
        owners.push("std".to_owned());
    }
    owners
}

fn crate_of(frame: &Frame) -> String {
    if frame.kind == CodeKind::Std {
        return "std".to_owned();
    }
    let first = frame.function.trim_start_matches(['<', '&']).split(['<', ':']).next().unwrap_or_default();
    if first == "memleak_core" { "memleak".to_owned() } else { first.to_owned() }
}

fn function(frame: &Frame, look: &Look) -> String {
    let function = short_function(&frame.function);
    let Some(test) = &look.test else { return function };
    let body = test.rsplit("::").next().unwrap_or(test);
    match function.strip_prefix(&format!("{test}::{body}")) {
        Some(rest) if rest.is_empty() || rest.starts_with("::") => format!("{test}{rest}"),
        _ => function,
    }
}

/// `src/session.rs:41`.
fn place(frame: &Frame, look: &Look) -> String {
    match &frame.location {
        Some((file, 0)) => short_file(file, look),
        Some((file, line)) => format!("{}:{line}", short_file(file, look)),
        None => "(no line)".to_owned(),
    }
}

/// A file relative to the workspace, a dependency's from its package on, the standard library's from `library/` on.
fn short_file(file: &str, look: &Look) -> String {
    if let Some(below) = look.root.as_deref().and_then(|root| Path::new(file).strip_prefix(root).ok()) {
        return below.display().to_string();
    }
    for (marker, directories) in
        [("/registry/src/", 1), ("/git/checkouts/", 0), ("/rustlib/src/rust/", 0), ("/rustc/", 1)]
    {
        if let Some((_, after)) = file.split_once(marker) {
            return after.splitn(directories + 1, '/').last().unwrap_or(after).to_owned();
        }
    }
    file.to_owned()
}
