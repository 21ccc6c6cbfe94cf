//! The private channel from child to parent: typed messages over a Unix socket.
//!
//! The socket is the child's standard input until the test begins, so no other process can have it, whatever other threads of the parent
//! start meanwhile. From then on it is a descriptor of its own that a body cannot mistake for something else; programs that the body starts do
//! not inherit it, and what a forked copy of the child has to say is not sent. Standard input is empty then, as under nextest.
//!
//! The parent says nothing. When it lets go of its end, the warden kills the child.

use super::course::Stage;
use super::outcome::{Outcome, Report};
use memleak_report::document::Findings;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process;

/// What a child says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Message {
    /// It has got this far.
    Reached(Stage),
    /// It has been waiting for an answer about the heap for one more second.
    Reading,
    /// How the test ended; the last message of the child.
    Ended(Report),
    /// From the warden: which processes were still there when the child had ended, and were killed.
    LeftBehind(Vec<String>),
}

/// The child's end.
#[derive(Debug)]
pub(super) struct Sender {
    stream: File,
    /// Which file it is: a body that closes all descriptors may have opened another under the same number.
    file: (u64, u64),
    process: u32,
}

impl Sender {
    /// Takes the channel out of the place where the parent has put it.
    pub(super) fn take() -> io::Result<Sender> {
        let sender = Sender::at_stdin()?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(sender)
    }

    /// The channel where the parent has put it.
    pub(super) fn at_stdin() -> io::Result<Sender> {
        // Far from the numbers that a body may close, or put something in the place of, without having opened them.
        let stream =
            rustix::io::fcntl_dupfd_cloexec(io::stdin(), 500).or_else(|_| io::stdin().as_fd().try_clone_to_owned())?;
        Sender::of(File::from(stream))
    }

    fn of(stream: File) -> io::Result<Sender> {
        let file = identity(&stream)?;
        Ok(Sender { stream, file, process: process::id() })
    }

    /// Whether this is a copy of the process, which the body made with `fork`.
    pub(super) fn is_in_a_copy(&self) -> bool {
        process::id() != self.process
    }

    /// Sends a message; whether that was possible. A copy of the process is not the test, and stays silent.
    ///
    /// A message that cannot be sent is missed by the parent, which takes silence for a failure.
    pub(super) fn send(&self, message: &Message) -> bool {
        let is_there = !self.is_in_a_copy() && identity(&self.stream).is_ok_and(|file| file == self.file);
        is_there && (&self.stream).write_all(&message.encode()).is_ok()
    }
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Puts the bytes of a channel together to messages.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Adds bytes as they came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, once all of it is there. Bytes that no child sends end it for good: the parent hears no more, which it takes for
    /// a failure.
    pub(super) fn next(&mut self) -> Option<Message> {
        let mut frame = Frame(&self.bytes);
        let mut body = Frame(frame.field()?);
        let rest = frame.0.len();
        let message = Message::decode(&mut body)?;
        self.bytes.drain(..self.bytes.len() - rest);
        Some(message)
    }
}

const STAGES: [Stage; 4] = [Stage::Body, Stage::Settling, Stage::ShuttingDown, Stage::LookingAgain];
const ENDED: u8 = 100;
const LEFT_BEHIND: u8 = 101;
const READING: u8 = 102;

impl Message {
    /// One field (its length, then its bytes) that holds a tag and the texts as fields.
    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Message::Reached(stage) => body.push(*stage as u8),
            Message::Reading => body.push(READING),
            Message::Ended(report) => {
                let (kind, text) = kind_and_text(&report.outcome);
                body.extend([ENDED, kind]);
                put_field(&mut body, text.as_bytes());
                put_field(&mut body, report.findings.to_json().as_bytes());
                put_texts(&mut body, &report.notes);
            }
            Message::LeftBehind(processes) => {
                body.push(LEFT_BEHIND);
                put_texts(&mut body, processes);
            }
        }
        let mut frame = Vec::new();
        put_field(&mut frame, &body);
        frame
    }

    fn decode(body: &mut Frame<'_>) -> Option<Message> {
        let tag = body.byte()?;
        Some(match tag {
            ENDED => {
                let kind = body.byte()?;
                let outcome = outcome_of(kind, body.text()?)?;
                let findings = Findings::from_json(&body.text()?).ok()?;
                Message::Ended(Report { outcome, notes: body.texts()?, findings })
            }
            READING => Message::Reading,
            LEFT_BEHIND => Message::LeftBehind(body.texts()?),
            stage => Message::Reached(*STAGES.get(usize::from(stage))?),
        })
    }
}

fn kind_and_text(outcome: &Outcome) -> (u8, &str) {
    match outcome {
        Outcome::Passed => (0, ""),
        Outcome::Unchecked(text) => (1, text),
        Outcome::Unclean(text) => (2, text),
        Outcome::CouldNotTell(text) => (3, text),
        Outcome::BodyPanicked => (4, ""),
        Outcome::BodyFailed(text) => (5, text),
        Outcome::NoVerdict(text) => (6, text),
    }
}

fn outcome_of(kind: u8, text: String) -> Option<Outcome> {
    Some(match kind {
        0 => Outcome::Passed,
        1 => Outcome::Unchecked(text),
        2 => Outcome::Unclean(text),
        3 => Outcome::CouldNotTell(text),
        4 => Outcome::BodyPanicked,
        5 => Outcome::BodyFailed(text),
        6 => Outcome::NoVerdict(text),
        _ => return None,
    })
}

fn put_field(into: &mut Vec<u8>, field: &[u8]) {
    into.extend((field.len() as u64).to_le_bytes());
    into.extend_from_slice(field);
}

fn put_texts(into: &mut Vec<u8>, texts: &[String]) {
    texts.iter().for_each(|text| put_field(into, text.as_bytes()));
}

struct Frame<'a>(&'a [u8]);

impl<'a> Frame<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.field()?).into_owned())
    }

    /// All that are left.
    fn texts(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        while !self.0.is_empty() {
            texts.push(self.text()?);
        }
        Some(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn every_message_arrives_as_it_was_sent_whatever_the_pieces() {
        let mut messages: Vec<Message> = STAGES.into_iter().map(Message::Reached).collect();
        let text = || "zwei Zeilen\nund ein ☃".to_owned();
        messages.extend((0..=6).map(|kind| outcome_of(kind, text()).expect("a kind")).map(|outcome| {
            Message::Ended(Report {
                notes: vec![text(), String::new()],
                findings: Findings { settled_ms: 7, ..Findings::default() },
                ..Report::of(outcome)
            })
        }));
        messages.push(Message::Reading);
        messages.push(Message::LeftBehind(vec![text(), text()]));
        let bytes: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
        for size in [1, 3, bytes.len()] {
            let mut inbox = Inbox::default();
            let mut arrived = Vec::new();
            for piece in bytes.chunks(size) {
                inbox.push(piece);
                arrived.extend(std::iter::from_fn(|| inbox.next()));
            }
            assert_eq!(arrived, messages);
        }
    }

    #[test]
    fn a_forked_copy_stays_silent() {
        let (mut ours, theirs) = UnixStream::pair().expect("sockets can be made");
        let mut sender = Sender::of(File::from(OwnedFd::from(theirs))).expect("a socket is a file");
        sender.send(&Message::Reached(Stage::Body));
        sender.process += 1;
        sender.send(&Message::Reached(Stage::Settling));
        drop(sender);
        let mut bytes = Vec::new();
        ours.read_to_end(&mut bytes).expect("what was sent arrives");
        assert_eq!(bytes, Message::Reached(Stage::Body).encode());
    }

    #[test]
    fn half_a_message_is_none() {
        let bytes = Message::Ended(Report::of(Outcome::Passed)).encode();
        let mut inbox = Inbox::default();
        inbox.push(&bytes[..bytes.len() - 1]);
        assert_eq!(inbox.next(), None);
    }

    #[test]
    fn bytes_that_no_child_sends_are_no_message() {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[255; 64]] {
            let mut inbox = Inbox::default();
            inbox.push(garbage);
            assert_eq!(inbox.next(), None);
        }
    }
}
