//! The parent's part: starts the child, relays its output, listens to its messages, and never waits longer than the time-out.

use super::Case;
use super::birth::{FAILED, hear_of_children};
use super::channel::{Inbox, Message};
use super::child::NOT_HEARD;
use super::course::Stage;
use super::outcome::{Outcome, Report};
use super::relay::{Relay, Stream};
use super::role::{MARKER, Marker};
use crate::tracker;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::env;
use std::io::{self, IsTerminal, Read, Write};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{self, Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// When a test counts as hung by default: as long as libtest waits before it says that a test is slow.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a child is asked for where the kernel cannot tell its end.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// How long what a child left behind in its pipes may take: a process of its own may go on writing.
const DRAIN: Duration = Duration::from_secs(1);

/// How long the warden may take to kill what is below it.
const WARDEN: Duration = Duration::from_secs(2);

/// What came of a child.
pub(super) enum Supervised {
    /// The test ended in it, or should have.
    Ended(Report),
    /// The program did not call the test; what there is to say of that.
    NotFound(String),
}

/// Runs the test `name` in a child and says how it ended.
pub(super) fn supervise(case: &Case, name: &str) -> Supervised {
    let timeout = case.timeout.unwrap_or(DEFAULT_TIMEOUT);
    let running = match Running::start(name) {
        Ok(running) => running,
        Err(error) => {
            let why = format!("a process for the test could not be started: {error}");
            return Supervised::Ended(Report::of(Outcome::NoVerdict(why)));
        }
    };
    let ending = running.until(Instant::now() + timeout);
    if ending.ran_nothing() {
        return Supervised::NotFound(format!(
            "`{name}` ran in the process of the test harness, which did not run it by that name in the process started for it; what other \
             tests have on the heap counts as well"
        ));
    }
    Supervised::Ended(ending.report(timeout))
}

/// A child, and what it can be heard by. Is killed when dropped.
struct Running {
    /// The test's.
    name: String,
    /// How long it has been reading the heap.
    seconds: u32,
    child: Child,
    ended: bool,
    /// Readable when the child has ended; none on kernels without (before Linux 5.3).
    end: Option<OwnedFd>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    channel: Option<UnixStream>,
    inbox: Inbox,
    relays: Relays,
    heard: Heard,
}

struct Relays {
    out: Relay,
    err: Relay,
}

/// What the child has said so far.
#[derive(Debug, Default)]
struct Heard {
    stage: Option<Stage>,
    report: Option<Report>,
    /// Processes that were killed when the child had ended.
    left_behind: Vec<String>,
}

/// How the child came to its end.
#[derive(Debug)]
enum End {
    Itself(ExitStatus),
    TimedOut,
    Unknown(io::Error),
}

#[derive(Debug)]
struct Ending {
    heard: Heard,
    end: End,
}

impl Running {
    fn start(name: &str) -> io::Result<Running> {
        hear_of_children();
        let (ours, theirs) = UnixStream::pair()?;
        let marker = Marker { parent: process::id(), colour: may_colour(), name };
        // Not the path of the executable: a build may have replaced it since this process started.
        let mut child = Command::new("/proc/self/exe")
            .arg0(env::args_os().next().unwrap_or_default())
            .args(["--exact", name, "--include-ignored", "--nocapture", "--test-threads=1", "-q"])
            .env(MARKER, marker.format())
            .env(tracker::TRACK, "1")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let end = Pid::from_raw(child.id().cast_signed()).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Ok(Running {
            name: name.to_owned(),
            seconds: 0,
            end,
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            ended: false,
            channel: Some(ours),
            inbox: Inbox::default(),
            relays: Relays { out: Relay::new(Stream::Out), err: Relay::new(Stream::Err) },
            heard: Heard::default(),
        })
    }

    /// Relays and listens until the child has ended, but not after `deadline`.
    fn until(mut self, deadline: Instant) -> Ending {
        let end = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break End::Itself(status),
                Ok(None) => {}
                Err(error) => break End::Unknown(error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break self.kill();
            }
            let wait = if self.end.is_some() { left } else { left.min(ASK_AGAIN) };
            self.serve(wait);
        };
        self.ended = true;
        let drained = Instant::now() + DRAIN;
        while self.serve(Duration::ZERO) && Instant::now() < drained {}
        let ending = Ending { heard: mem::take(&mut self.heard), end };
        if !ending.ran_nothing() {
            self.relays.out.finish();
        }
        self.relays.err.finish();
        ending
    }

    /// For whoever sits before a terminal and waits, after one second, two, four and so on. It is no part of what the test has to say, so it goes
    /// past the test harness.
    fn read_for_a_second(&mut self) {
        self.seconds += 1;
        let mut stderr = io::stderr();
        if self.seconds.is_power_of_two() && stderr.is_terminal() {
            let line = format!("memleak: {}: has been reading the heap for {} s\n", self.name, self.seconds);
            let _ = stderr.write_all(line.as_bytes());
        }
    }

    /// Kills the child and all that it has started. That is the warden's task, which takes it up when it hears that nobody listens any more.
    fn kill(&mut self) -> End {
        self.channel = None;
        let deadline = Instant::now() + WARDEN;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            ready([None; 3], self.end.as_ref().map(AsFd::as_fd), ASK_AGAIN);
        }
        match self.child.kill().and_then(|()| self.child.wait()) {
            Ok(_) => End::TimedOut,
            Err(error) => End::Unknown(error),
        }
    }

    /// Waits for something to come and takes it; false if nothing came in time.
    fn serve(&mut self, wait: Duration) -> bool {
        let [out, err, channel] = ready(
            [
                self.stdout.as_ref().map(AsFd::as_fd),
                self.stderr.as_ref().map(AsFd::as_fd),
                self.channel.as_ref().map(AsFd::as_fd),
            ],
            self.end.as_ref().map(AsFd::as_fd),
            wait,
        );
        if out {
            receive(&mut self.stdout, |bytes| self.relays.out.push(bytes));
        }
        if err {
            receive(&mut self.stderr, |bytes| self.relays.err.push(bytes));
        }
        if channel {
            receive(&mut self.channel, |bytes| self.inbox.push(bytes));
            while let Some(message) = self.inbox.next() {
                if message == Message::Reading {
                    self.read_for_a_second();
                }
                self.heard.take(message);
            }
        }
        out || err || channel
    }
}

impl Drop for Running {
    /// Printing panics when the test's own stdout is gone.
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.kill();
        }
    }
}

/// Which of the `sources` have something to read, or have ended; waits for that, or for `end` to become readable.
fn ready(sources: [Option<BorrowedFd<'_>>; 3], end: Option<BorrowedFd<'_>>, wait: Duration) -> [bool; 3] {
    let mut polled: Vec<PollFd<'_>> =
        sources.iter().flatten().chain(&end).map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let wait = Timespec::try_from(wait).ok();
    if poll(&mut polled, wait.as_ref()).is_err() {
        // Interrupted by a signal: as if nothing had come.
        return [false; 3];
    }
    let mut polled = polled.iter().map(|fd| !fd.revents().is_empty());
    sources.map(|source| source.is_some() && polled.next().unwrap_or(false))
}

/// Reads once; a source that has ended is closed.
fn receive(source: &mut Option<impl Read>, take: impl FnOnce(&[u8])) {
    let mut buffer = [0; 1 << 14];
    match source.as_mut().map(|source| source.read(&mut buffer)) {
        Some(Ok(0)) => *source = None,
        Some(Ok(length)) => take(&buffer[..length]),
        Some(Err(error)) if error.kind() != io::ErrorKind::Interrupted => *source = None,
        Some(Err(_)) | None => {}
    }
}

/// Colour is for a terminal, and for people who have not said that they want none.
fn may_colour() -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let can_not = env::var_os("TERM").is_some_and(|value| value == "dumb");
    !refused && !can_not && io::stdout().is_terminal() && io::stderr().is_terminal()
}

impl Heard {
    fn take(&mut self, message: Message) {
        match message {
            Message::Reached(stage) => self.stage = Some(stage),
            Message::Reading => {}
            Message::Ended(report) => self.report = Some(report),
            Message::LeftBehind(processes) => self.left_behind = processes,
        }
    }
}

impl Ending {
    /// Whether the program came to its end, or refused its arguments, without a call of the test.
    fn ran_nothing(&self) -> bool {
        let End::Itself(status) = &self.end else { return false };
        self.heard.stage.is_none()
            && self.heard.report.is_none()
            && status.code().is_some_and(|code| ![FAILED, NOT_HEARD].contains(&code))
    }

    /// What the test's thread is to say. Silence is never a pass, and neither is a pass of a process that then fails to end as it should.
    fn report(mut self, timeout: Duration) -> Report {
        let left_behind = mem::take(&mut self.heard.left_behind);
        let mut report = self.without_remarks(timeout);
        if !left_behind.is_empty() {
            let many = if left_behind.len() == 1 { "a process" } else { "processes" };
            report.notes.push(format!("the test left {many} running, killed now: {}", left_behind.join(", ")));
        }
        report
    }

    fn without_remarks(self, timeout: Duration) -> Report {
        let Ending { heard: Heard { stage, report, .. }, end } = self;
        if let Some(report) = report {
            let why = match end {
                End::Itself(status) if status.success() => return report,
                _ if !report.passes() => return report,
                End::Itself(status) => format!("the test passed, but then its process ended with {status}"),
                End::TimedOut => {
                    format!("the test passed, but its process had not ended after {timeout:?} and was killed")
                }
                End::Unknown(error) => format!("the test passed, but how its process ended could not be told: {error}"),
            };
            return Report { outcome: Outcome::NoVerdict(why), ..report };
        }
        let why = match end {
            End::TimedOut => timed_out(stage, timeout),
            End::Itself(status) => ended(stage, status),
            End::Unknown(error) => format!("the test's process is gone, and how it ended could not be told: {error}"),
        };
        Report::of(Outcome::NoVerdict(why))
    }
}

fn timed_out(stage: Option<Stage>, timeout: Duration) -> String {
    let place = match stage {
        None => "the body had not begun",
        Some(Stage::Body) => "the body had not ended",
        Some(Stage::Settling) => "the body had ended, and the heap was being looked at",
        Some(Stage::ShuttingDown) => "the body had ended, and the runtime was being shut down",
        Some(Stage::LookingAgain) => "the body had ended, and the heap was being looked at for the second time",
    };
    format!(
        "{place} after {timeout:?}; the test's process was killed\n  help: `timeout = \"…\"` gives the test more time"
    )
}

fn ended(stage: Option<Stage>, status: ExitStatus) -> String {
    if status.code() == Some(NOT_HEARD) {
        return "the body has closed a file descriptor that is memleak's, or has put another file in its place\n  help: a body must not close \
                descriptors that it has not opened"
            .to_owned();
    }
    let place = match stage {
        None => "before the body began",
        Some(Stage::Body) => "before the body had ended",
        Some(Stage::Settling) => "while the heap was looked at after the body",
        Some(Stage::ShuttingDown) => "while the runtime was shut down",
        Some(Stage::LookingAgain) => "while the heap was looked at after the shutdown of the runtime",
    };
    let help = if status.code().is_some() && stage == Some(Stage::Body) {
        "\n  help: a body must not end its process (`std::process::exit`) or replace it (`exec`)"
    } else {
        ""
    };
    format!("the test's process ended {place}, with {status}{help}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn outcome(outcome: Outcome, end: End) -> Outcome {
        let heard = Heard { stage: Some(Stage::Settling), report: Some(Report::of(outcome)), left_behind: Vec::new() };
        Ending { heard, end }.report(Duration::from_secs(2)).outcome
    }

    #[test]
    fn a_pass_counts_only_if_the_process_then_ends_as_it_should() {
        let pass = |end| outcome(Outcome::Passed, end);
        assert_eq!(pass(End::Itself(ExitStatus::from_raw(0))), Outcome::Passed);
        let text = "the test passed, but then its process ended with signal: 11 (SIGSEGV)";
        assert_eq!(pass(End::Itself(ExitStatus::from_raw(11))), Outcome::NoVerdict(text.to_owned()));
        let text = "the test passed, but its process had not ended after 2s and was killed";
        assert_eq!(pass(End::TimedOut), Outcome::NoVerdict(text.to_owned()));
        let text = "the test passed, but how its process ended could not be told: unexpected end of file";
        assert_eq!(pass(End::Unknown(io::ErrorKind::UnexpectedEof.into())), Outcome::NoVerdict(text.to_owned()));
    }

    #[test]
    fn a_failure_counts_however_the_process_ends() {
        let unclean = || Outcome::Unclean("1 live".to_owned());
        assert_eq!(outcome(unclean(), End::Itself(ExitStatus::from_raw(11))), unclean());
        assert_eq!(outcome(unclean(), End::TimedOut), unclean());
    }
}
