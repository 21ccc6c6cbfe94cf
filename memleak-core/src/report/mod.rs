//! Verdict to text: what lives, where it was allocated, and what to do.
//!
//! May use: `check`'s verdict, `query` (short names), `debuginfo`, `tracker` (data types only).
//!
//! - [`failure`]: the expectations that do not hold.
//! - [`obstacle`]: why nothing could be told, and what to write instead.
//! - [`backtrace`]: stacks, folded to the frames a user knows.

mod backtrace;
mod failure;
mod obstacle;

use crate::check::verdict::Verdict;
use std::path::PathBuf;

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

impl Look {
    /// For the test of this path; files as cargo shows them, relative to the workspace of the package under test.
    pub fn of_test(path: &str, color: bool) -> Look {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = package.or_else(|| std::env::current_dir().ok());
        let root = package.map(|package| {
            let workspace = package.ancestors().find(|dir| dir.join("Cargo.lock").is_file());
            workspace.unwrap_or(&package).to_owned()
        });
        Look { color, root, test: Some(path.to_owned()) }
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
        Verdict::Passed => String::new(),
        Verdict::Failed(failure) => failure::text(failure, look),
        Verdict::CouldNotTell(obstacles) => obstacle::text(obstacles, look),
    }
}

/// `1 frame`, `2 frames`.
fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
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
