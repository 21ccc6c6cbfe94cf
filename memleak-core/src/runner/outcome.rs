//! How a test ended, as one closed type, and the words and the failure that the test's thread makes of it.

use crate::debuginfo::layouts;
use memleak_report::document::Findings;
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a pass does not say if the program was built with optimisation.
const OPTIMISED: &str = "built with optimisation, which hides values from memleak: those in registers, and some on the stack of a thread that still \
                         runs. A test that passes has not counted them. With `opt-level = 0` in the profile they are seen";

/// How a test ended. Only [`Outcome::Passed`] and [`Outcome::Unchecked`] are a pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The body did what it should, and the heap is as expected.
    Passed,
    /// The body did what it should; the heap could not be read, as the text says, and the test allows that.
    Unchecked(String),
    /// The heap is not as expected; the text says how.
    Unclean(String),
    /// It could not be told whether the heap is as expected; the text says why.
    CouldNotTell(String),
    /// The body panicked, and should not have. The panic hook has said why.
    BodyPanicked,
    /// The body returned what `Termination` takes for a failure, or did not panic as `#[should_panic]` says.
    BodyFailed(String),
    /// The process of the test ended, or was ended, without saying how the test ended.
    #[cfg(memleak_supported)]
    NoVerdict(String),
}

/// What the test's thread is to say and do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Report {
    /// How the test ended.
    pub(super) outcome: Outcome,
    /// What else is worth a line, one each.
    pub(super) notes: Vec<String>,
    /// What was found in the heap, as data.
    pub(super) findings: Findings,
}

impl Report {
    /// Only an outcome.
    pub(super) fn of(outcome: Outcome) -> Self {
        Report { outcome, notes: Vec::new(), findings: Findings::default() }
    }

    /// Whether the test passes.
    pub(super) fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Unchecked(_))
    }

    /// What is said on the test's stderr; each line ends with a newline.
    pub(super) fn text(&self) -> String {
        let mut text = match &self.outcome {
            Outcome::Passed | Outcome::BodyPanicked => String::new(),
            Outcome::Unchecked(text)
            | Outcome::Unclean(text)
            | Outcome::CouldNotTell(text)
            | Outcome::BodyFailed(text) => text.clone(),
            #[cfg(memleak_supported)]
            Outcome::NoVerdict(why) => format!("memleak: no verdict: {why}"),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str("memleak: note: ");
            text.push_str(note);
            text.push('\n');
        }
        text
    }

    /// What is so of the whole program is said once.
    fn say_what_is_hidden(&mut self, optimised: bool, said: &AtomicBool) {
        if optimised && self.outcome == Outcome::Passed && !said.swap(true, Ordering::Relaxed) {
            self.notes.push(OPTIMISED.to_owned());
        }
    }

    /// Says it on stderr, and lets the test fail if it has to.
    pub(super) fn conclude(mut self) {
        if self.passes() {
            static SAID: AtomicBool = AtomicBool::new(false);
            self.say_what_is_hidden(layouts::OPTIMISED, &SAID);
            // libtest shows nothing of what it captures from a test that passes; a check or a leak that was left out is not to go unseen.
            let _ = io::stderr().write_all(self.text().as_bytes());
        } else {
            eprint!("{}", self.text());
        }
        if !self.passes() {
            // The reason has been said; `panic!` would add a location in this file to it.
            panic::resume_unwind(Box::new("the test failed; the reason is printed above"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OPTIMISED, Outcome, Report};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_first_pass_of_an_optimised_program_says_what_it_hides() {
        let said = AtomicBool::new(false);
        let notes = |outcome: Outcome, optimised| {
            let mut report = Report::of(outcome);
            report.say_what_is_hidden(optimised, &said);
            report.notes
        };
        assert!(notes(Outcome::Passed, false).is_empty());
        assert!(notes(Outcome::BodyPanicked, true).is_empty());
        assert_eq!(notes(Outcome::Passed, true), [OPTIMISED]);
        assert!(notes(Outcome::Passed, true).is_empty());
    }
}
