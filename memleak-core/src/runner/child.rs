//! The child's part that concerns its process: the channel to the parent, and the end.

use super::birth::FAILED;
use super::channel::{Message, Sender};
use super::course::{Progress, Stage};
use super::outcome::Report;
use super::relay::BODY_BEGINS;
use crate::query::analyst;
use std::io::{self, Write};
use std::process;
use std::sync::Arc;

/// A child that has told nothing yet.
pub(super) struct Child {
    channel: Arc<Sender>,
}

impl Child {
    /// Opens the channel.
    ///
    /// # Panics
    /// If the parent cannot be talked to. The panic is the child's output then, and its silence a failure.
    pub(super) fn begin() -> Child {
        let channel = Sender::take().expect("memleak: the channel to the parent process could not be opened");
        let mut stdout = io::stdout();
        let _ = stdout.write_all(BODY_BEGINS).and_then(|()| stdout.flush());
        let channel = Arc::new(channel);
        let to_parent = Arc::clone(&channel);
        analyst::when_slow(move || {
            to_parent.send(&Message::Reading);
        });
        Child { channel }
    }

    /// Tells the parent how far the test has got.
    pub(super) fn progress(&self) -> Progress {
        let channel = Arc::clone(&self.channel);
        Arc::new(move |stage: Stage| {
            if channel.is_in_a_copy() {
                // A forked copy that returns from the body would end with the thread of the test, as its only one.
                process::exit(0);
            }
            channel.send(&Message::Reached(stage));
        })
    }

    /// Tells the parent how the test ended, and ends the process by `exit`: what is registered to run then (coverage counters) runs.
    pub(super) fn end(self, report: Report) -> ! {
        let code = if report.passes() { 0 } else { FAILED };
        let sent = self.channel.send(&Message::Ended(report));
        process::exit(if sent { code } else { NOT_HEARD })
    }
}

/// The status of a child that has a verdict and cannot tell it.
pub(super) const NOT_HEARD: i32 = 113;
