//! Verdict to text: what lives, where it was allocated, who holds it, and what to do.
//!
//! May use: `check`'s verdict, `query` (short names), `heap`, `debuginfo`, `tracker` (data types only).
//!
//! - [`failure`]: the whole text of a failed check: headlines, groups, how it was counted.
//! - [`mod@findings`]: the same as data.
//! - [`groups`]: the instances of the expectations that do not hold.
//! - [`lost`]: unreachable memory.
//! - [`overruns`]: figures above their limits.
//! - [`holder`]: the way from a root to a value.
//! - [`advice`]: what to do.
//! - [`aside`]: what does not decide.
//! - [`fingerprint`]: the words of a leak that are the same in every run.
//! - [`obstacle`]: why nothing could be told, and what to write instead.
//! - [`mod@backtrace`]: stacks, folded to the frames a user knows.

mod advice;
mod aside;
mod backtrace;
mod failure;
mod findings;
pub mod fingerprint;
mod groups;
mod holder;
mod lost;
mod obstacle;
mod overruns;

use crate::check::verdict::{Aside, Bound, Doubt, Frame, Group, Holder, Obstacle, Verdict};
use crate::query::body;
use crate::query::short::short_future;
use memleak_report::document::Findings;
use std::path::{Path, PathBuf};

/// How a text is to look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// Whether to colour it: the reader is a terminal.
    pub color: bool,
    /// Files below this directory are shown relative to it.
    pub root: Option<PathBuf>,
    /// The path of the test. The attribute makes its body a function of the same name inside of it; both are shown as the test.
    pub test: Option<String>,
}

/// The directory of the package under test.
pub fn package() -> Option<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok())
}

impl Look {
    /// For the test of this path.
    pub fn of_test(path: &str, color: bool) -> Look {
        Look { color, test: Some(path.to_owned()), ..Look::of_program() }
    }

    /// Plain; files as cargo shows them, relative to the workspace of the package under test. For the test whose body runs, if one does.
    pub fn of_program() -> Look {
        let root = package().map(|package| {
            let workspace = package.ancestors().find(|dir| dir.join("Cargo.lock").is_file());
            workspace.unwrap_or(&package).to_owned()
        });
        Look { color: false, root, test: body::test().map(str::to_owned) }
    }

    /// The name of a function, without the functions that the attributes of the test have put between the test and its body.
    fn name(&self, function: &str) -> String {
        let Some(test) = &self.test else { return function.to_owned() };
        let body = test.rsplit("::").next().unwrap_or(test);
        // In front of it may stand `async block in`.
        let Some((before, after)) = function.split_once(&format!("{test}::")) else { return function.to_owned() };
        if before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':') {
            return function.to_owned();
        }
        let mut rest = after;
        let mut left = after;
        while let Some(segment) = left.split("::").next().filter(|segment| *segment == body || segment.starts_with('{'))
        {
            left = left[segment.len()..].trim_start_matches("::");
            if segment == body {
                rest = left;
            }
        }
        let joint = if rest.is_empty() { "" } else { "::" };
        format!("{before}{test}{joint}{rest}")
    }

    /// A future as a user would call it.
    fn future(&self, future: &str) -> String {
        self.name(&short_future(future))
    }

    /// The text with the body called by the test's name, also in the names of types and statics that are in it: `tests::a_test::Local` for
    /// `tests::a_test::a_test::Local`.
    fn with_body_as_test(&self, text: &str) -> String {
        let Some(test) = &self.test else { return text.to_owned() };
        let inner = format!("{test}::{}", test.rsplit("::").next().unwrap_or(test));
        let mut parts = text.split(&inner);
        let mut changed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let goes_on = part.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            changed += if goes_on { &inner } else { test };
            changed += part;
        }
        changed
    }

    /// A file below the root, relative to it.
    fn below_root<'f>(&self, file: &'f str) -> Option<&'f Path> {
        Path::new(file).strip_prefix(self.root.as_deref()?).ok()
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let on = match ink {
            Ink::Failure => "\x1b[1;31m",
            Ink::Name => "\x1b[1m",
            Ink::Place => "\x1b[36m",
            Ink::Aside => "\x1b[2m",
            Ink::Help => "\x1b[1;32m",
        };
        format!("{on}{text}\x1b[0m")
    }
}

/// What a piece of text is; each has a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ink {
    Failure,
    Name,
    Place,
    Aside,
    Help,
}

/// The text of a verdict; empty if the test passed.
pub fn text(verdict: &Verdict, look: &Look) -> String {
    match verdict {
        Verdict::Passed(_) => String::new(),
        Verdict::Failed(failure) => look.with_body_as_test(&failure::text(failure, look)),
        Verdict::CouldNotTell(obstacles) => look.with_body_as_test(&obstacle::text(obstacles, look)),
    }
}

/// What a verdict says, as data; nothing of a pass.
pub fn findings(verdict: &Verdict, look: &Look) -> Findings {
    findings::of(verdict, &Look { color: false, ..look.clone() })
}

/// Why something cannot be told, and what to write instead.
pub fn obstacles(obstacles: &[Obstacle], look: &Look) -> String {
    obstacle::parts(obstacles, look)
}

/// How many instances of the types called `written` live, where they were allocated and who holds them.
pub fn instances(written: &str, groups: &[Group], look: &Look) -> String {
    let sum = |doubtful: bool| -> u64 {
        groups.iter().filter(|group| group.doubt.is_some() == doubtful).map(|group| group.count).sum()
    };
    let possibly = match sum(true) {
        0 => String::new(),
        more => format!(", and possibly {more} more"),
    };
    let mut lines = vec![format!("{} live `{written}`{possibly}", sum(false))];
    groups::describe(groups, look, &mut lines);
    lines.join("\n") + "\n\n"
}

/// The lines of a stack, innermost first.
pub fn backtrace(stack: &[Frame], look: &Look) -> Vec<String> {
    backtrace::Stacks::of(stack).lines(look)
}

/// The first function on a stack that is the user's own, if there is one, with its place: `src/session.rs:41  chat::Session::connect`.
pub fn site(stack: &[Frame], look: &Look) -> String {
    let shown = backtrace::from_first_shown(stack);
    backtrace(&shown[..shown.len().min(1)], look).remove(0)
}

/// The lines of a way from a root to a value.
pub fn way(holder: &Holder, look: &Look) -> Vec<String> {
    holder::lines(holder, holder::Positions::Shown, look)
}

/// Why a value is only "possibly" live.
pub fn doubt(doubt: &Doubt) -> String {
    groups::reason(doubt)
}

/// What a test that passed says nevertheless, one line each.
pub fn notes(aside: &Aside, look: &Look) -> Vec<String> {
    let of = look.test.as_ref().map(|test| format!("{test}: ")).unwrap_or_default();
    aside::of_a_pass(aside, look).into_iter().map(|note| format!("{of}{}", look.with_body_as_test(&note))).collect()
}

/// Lines that belong to one label; the rest below the first.
fn labelled(label: &str, texts: Vec<String>, lines: &mut Vec<String>) {
    /// The width of `allocated at` and the like, with two spaces.
    const LABEL: usize = 14;
    for (i, text) in texts.into_iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        lines.push(format!("    {label:LABEL$}{text}"));
    }
}

/// What to do, in one line.
fn help(text: &str, look: &Look) -> String {
    format!("  {}: {text}", look.paint(Ink::Help, "help"))
}

/// `112 bytes`, `3.1 KiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return count(bytes, "byte");
    }
    // Tenths, rounded down: what is said is there.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `1 frame`, `2 frames`.
fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `at most 3`, `exactly 2`.
fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtMost(most) => format!("at most {most}"),
        Bound::Exactly(number) => format!("exactly {number}"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests;
