//! The child's part that concerns its process: the channel to the parent, the bond with it, and the end.

use super::channel::{Message, Sender};
use super::course::{Progress, Stage};
use super::outcome::Report;
use super::relay::BODY_BEGINS;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::process;
use std::sync::Arc;

/// A child that has told nothing yet.
pub(super) struct Child {
    channel: Arc<Sender>,
}

impl Child {
    /// Ties the process to its parent, which has the given id.
    ///
    /// # Panics
    /// If the parent cannot be talked to. The panic is the child's output then, and its silence a failure.
    pub(super) fn begin(parent: u32) -> Child {
        // Is a matter of this thread, which lasts as long as the process. A parent that is told to stop should not leave children behind;
        // where the bond is refused, nothing else depends on it.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        if parent_id() != parent {
            process::exit(FAILED);
        }
        let channel = Sender::take().expect("memleak: the channel to the parent process could not be opened");
        let mut stdout = io::stdout();
        let _ = stdout.write_all(BODY_BEGINS).and_then(|()| stdout.flush());
        Child { channel: Arc::new(channel) }
    }

    /// Tells the parent how far the test has got.
    pub(super) fn progress(&self) -> Progress {
        let channel = Arc::clone(&self.channel);
        Arc::new(move |stage: Stage| channel.send(&Message::Reached(stage)))
    }

    /// Tells the parent how the test ended, and ends the process by `exit`: what is registered to run then (coverage counters) runs.
    pub(super) fn end(self, report: Report) -> ! {
        let code = if report.passes() { 0 } else { FAILED };
        self.channel.send(&Message::Ended(report));
        process::exit(code)
    }
}

/// As of a libtest process with a failed test.
const FAILED: i32 = 101;
