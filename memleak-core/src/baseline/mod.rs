//! Leaks that are known: a file beside the tests of a package lists them, so that only new ones let a test fail.
//!
//! May use: `report`, `check`.
//!
//! - [`mod@file`]: how the file is written and read.
//! - [`compare`]: what of a verdict it has.
//!
//! An entry belongs to one test, because a test runs in a process of its own, and a filter leaves others out: what is gone can be told of the
//! tests that run. What could not be told, and figures, are never in it.

mod compare;
mod file;

use crate::check::Possibly;
use crate::check::verdict::{AgainstBaseline, Gone, Obstacle, Verdict};
use crate::report::Look;
use compare::Comparison;
use file::Entry;
use std::env;
use std::path::PathBuf;

/// The file's name; it is in the directory of the package's Cargo.toml.
pub const NAME: &str = "memleak-baseline.toml";

/// Says what to do with it.
pub const MODE: &str = "MEMLEAK_BASELINE";

/// The leaks that are known of one test.
#[derive(Debug)]
pub struct Baseline {
    path: PathBuf,
    /// The path as texts have it.
    shown: String,
    mode: Mode,
    test: String,
    /// Of this test.
    entries: Vec<Entry>,
}

/// What to do with the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// What it has lets no test fail.
    Read,
    /// The same, and what it has and is gone lets a test fail.
    Strict,
    /// What a test that runs has leaked is put in the place of what it has.
    Write,
    /// It is not there.
    Off,
}

impl Mode {
    fn told() -> Result<Mode, Obstacle> {
        let told = env::var_os(MODE).unwrap_or_default();
        Ok(match told.to_str() {
            Some("") => Mode::Read,
            Some("strict") => Mode::Strict,
            Some("write") => Mode::Write,
            Some("off") => Mode::Off,
            _ => return Err(Obstacle::BaselineMode(told.to_string_lossy().into_owned())),
        })
    }
}

impl Baseline {
    /// Reads the file of the package under test, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or makes no sense.
    pub fn open(test: &str, look: &Look) -> Result<Baseline, Obstacle> {
        let mode = Mode::told()?;
        let path = crate::report::package().unwrap_or_default().join(NAME);
        let shown = look.root.as_deref().and_then(|root| path.strip_prefix(root).ok()).unwrap_or(&path);
        let shown = shown.display().to_string();
        let entries = if mode == Mode::Off { Vec::new() } else { file::read(&path, &shown)? };
        let entries = entries.into_iter().filter(|entry| entry.test == test).collect();
        Ok(Baseline { path, shown, mode, test: test.to_owned(), entries })
    }

    /// Whether it needs the holders of all leaks, and not only of as many as are shown.
    pub fn asks_for_all(&self) -> bool {
        self.mode == Mode::Write || !self.entries.is_empty()
    }

    /// What the verdict is with what is known left out.
    pub fn apply(&self, verdict: Verdict, possibly: Possibly, look: &Look) -> Verdict {
        if self.mode == Mode::Off {
            return verdict;
        }
        let verdict = match self.mode {
            Mode::Write => self.write(verdict, possibly, look),
            _ => Ok(self.compare(verdict, possibly, look)),
        };
        verdict.unwrap_or_else(|obstacle| Verdict::CouldNotTell(vec![obstacle]))
    }

    /// Whether a verdict that is a pass is to be none, because leaks that are listed are gone.
    pub fn has_to_shrink(&self, verdict: &Verdict) -> bool {
        let Verdict::Passed(aside) = verdict else { return false };
        self.mode == Mode::Strict && aside.baseline.as_ref().is_some_and(|baseline| !baseline.gone.is_empty())
    }

    fn compare(&self, verdict: Verdict, possibly: Possibly, look: &Look) -> Verdict {
        if self.entries.is_empty() {
            return verdict;
        }
        let against = |used: &[u64]| {
            let gone = self.entries.iter().zip(used).filter(|(entry, used)| entry.count > **used);
            let gone = gone.map(|(entry, used)| Gone {
                line: entry.line,
                type_name: entry.leak.type_name.clone(),
                listed: entry.count,
                left: *used,
            });
            AgainstBaseline { file: self.shown.clone(), known: used.iter().sum(), gone: gone.collect(), written: None }
        };
        match verdict {
            Verdict::CouldNotTell(_) => verdict,
            Verdict::Passed(mut aside) => {
                aside.baseline = Some(against(&vec![0; self.entries.len()]));
                Verdict::Passed(aside)
            }
            Verdict::Failed(failure) => {
                let mut comparison = Comparison::of(failure, possibly, look, Some(&self.entries));
                comparison.failure.aside.baseline = Some(against(&comparison.used));
                comparison.verdict()
            }
        }
    }

    /// Puts what was found in the place of what the file has of this test.
    fn write(&self, verdict: Verdict, possibly: Possibly, look: &Look) -> Result<Verdict, Obstacle> {
        let note = |written: u64| AgainstBaseline {
            file: self.shown.clone(),
            known: 0,
            gone: Vec::new(),
            written: Some(written),
        };
        match verdict {
            Verdict::CouldNotTell(_) => Ok(verdict),
            Verdict::Passed(mut aside) => {
                if self.replace(Vec::new())? {
                    aside.baseline = Some(note(0));
                }
                Ok(Verdict::Passed(aside))
            }
            Verdict::Failed(failure) => {
                let mut comparison = Comparison::of(failure, possibly, look, None);
                let written = comparison.found.iter().map(|(_, count)| count).sum();
                if self.replace(std::mem::take(&mut comparison.found))? || written > 0 {
                    comparison.failure.aside.baseline = Some(note(written));
                }
                Ok(comparison.verdict())
            }
        }
    }

    /// Whether that changed something.
    fn replace(&self, found: Vec<(crate::report::fingerprint::Fingerprint, u64)>) -> Result<bool, Obstacle> {
        if found.is_empty() && self.entries.is_empty() {
            return Ok(false);
        }
        file::rewrite(&self.path, &self.shown, |entries| {
            let (old, mut others): (Vec<Entry>, Vec<Entry>) =
                entries.into_iter().partition(|entry| entry.test == self.test);
            others.extend(found.into_iter().map(|(leak, count)| {
                let reason = old.iter().find(|old| old.leak.is_alike(&leak)).and_then(|old| old.reason.clone());
                Entry { test: self.test.clone(), leak, count, reason, line: 0 }
            }));
            others
        })
    }
}
