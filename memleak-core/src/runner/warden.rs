//! The warden of a child: a process that outlives it, so that nothing the body has started is left behind.
//!
//! May use: `channel`.
//!
//! A process whose parent has ended becomes the warden's. So whatever the body starts is below the warden, however it was started. The warden
//! is in a session of its own: what is sent to the process group of the test run does not reach it, and it outlives the test run for a moment.
//!
//! When the parent lets go of the channel, because the test's time is over or because it has ended itself, everything below is killed. When the
//! child ends, what it left behind is killed if it does not end by itself; only what has made a session of its own, as daemons do, was meant to
//! stay.

use super::channel::{Message, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, pidfd_open, setsid, wait,
};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

/// The number of a session; zero if it was begun outside of this PID namespace.
pub(super) type Session = i32;

/// How the child ended.
pub(super) enum End {
    Exited(i32),
    Killed(i32),
}

/// How often the warden looks whether its parent still lives, if nothing else tells.
const LOOK: Duration = Duration::from_millis(500);

/// The same for the child, on kernels that cannot tell its end (before Linux 5.3).
const LOOK_FOR_CHILD: Duration = Duration::from_millis(5);

/// How long what the child has left behind may take to end by itself.
const GRACE: Duration = Duration::from_millis(100);

/// How often what is left is killed again: it may have started more meanwhile.
const ROUNDS: usize = 100;

const PAUSE: Duration = Duration::from_millis(2);

/// Until the child, which is a child of this process and in that session, has come to its end.
pub(super) fn watch(child: Pid, parent: Option<Pid>, session: Session) -> End {
    let _ = setsid();
    let end = pidfd_open(child, PidfdFlags::empty()).ok();
    let stdin = io::stdin();
    loop {
        let mut polled = vec![PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::empty())];
        polled.extend(end.as_ref().map(|end| PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN)));
        let wait = if end.is_some() { LOOK } else { LOOK_FOR_CHILD };
        let _ = poll(&mut polled, Timespec::try_from(wait).ok().as_ref());
        let alone = !polled[0].revents().is_empty() || getppid() != parent;
        if let Some(end) = reap(child) {
            let left = if alone { kill_below(None) } else { end_what_is_left(session) };
            if !left.is_empty()
                && let Ok(channel) = Sender::at_stdin()
            {
                channel.send(&Message::LeftBehind(left));
            }
            return end;
        }
        if alone {
            kill_below(None);
            return End::Killed(Signal::KILL.as_raw());
        }
    }
}

/// Takes note of all that has ended, and says how the child did, if that is among it.
fn reap(child: Pid) -> Option<End> {
    let mut end = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            end = Some(end_of(status));
        }
    }
    end
}

fn end_of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Killed(signal.unwrap_or(Signal::KILL.as_raw())),
    }
}

/// Whether no process is below this one; takes note of those that have ended.
fn is_none_left() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(error) => return error == Errno::CHILD,
        }
    }
}

/// Gives what is left of the session a moment to end, kills it, and says what it was.
fn end_what_is_left(session: Session) -> Vec<String> {
    let until = Instant::now() + GRACE;
    while !is_none_left() && !below(Some(session)).is_empty() {
        if Instant::now() >= until {
            return kill_below(Some(session));
        }
        thread::sleep(PAUSE);
    }
    Vec::new()
}

/// Kills all processes below this one, or those of the session, and says what they were.
fn kill_below(session: Option<Session>) -> Vec<String> {
    let mut said = Vec::new();
    let mut known = HashSet::new();
    for _ in 0..ROUNDS {
        let processes = below(session);
        if is_none_left() || processes.is_empty() {
            break;
        }
        for process in processes {
            if known.insert(process.id) {
                said.push(process.words());
            }
            let _ = kill_process(process.id, Signal::KILL);
        }
        thread::sleep(PAUSE);
    }
    said
}

/// A process as `/proc` has it.
struct Process {
    id: Pid,
    parent: Option<Pid>,
    session: Session,
    ended: bool,
}

impl Process {
    fn read(id: Pid) -> Option<Process> {
        let text = fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).ok()?;
        // The name is in parentheses, and may have some itself.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let ended = matches!(fields.next()?, "Z" | "X");
        let parent = Pid::from_raw(fields.next()?.parse().ok()?);
        let session = fields.nth(1)?.parse().ok()?;
        Some(Process { id, parent, session, ended })
    }

    /// What was started, and its number.
    fn words(&self) -> String {
        const MOST: usize = 80;
        let id = self.id.as_raw_nonzero();
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let command: String = command.trim_end().chars().take(MOST).collect();
        format!("`{command}` ({id})")
    }
}

/// The processes below this one that have not ended; those of the session only, if there is one.
fn below(session: Option<Session>) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let mut others: Vec<Process> = ids.filter_map(Process::read).collect();
    let mut parents = HashSet::from([getpid()]);
    let mut found = Vec::new();
    // Generation by generation.
    loop {
        let is_child = |process: &mut Process| process.parent.is_some_and(|parent| parents.contains(&parent));
        let children: Vec<Process> = others.extract_if(.., is_child).collect();
        if children.is_empty() {
            found
                .retain(|process: &Process| !process.ended && session.is_none_or(|session| process.session == session));
            return found;
        }
        parents = children.iter().map(|process| process.id).collect();
        found.extend(children);
    }
}
