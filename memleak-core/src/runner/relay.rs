//! Prints what the child wrote, through `print!` and `eprint!` on the test's thread: only those are captured by libtest.

use std::io::{self, Write};
use std::mem;

/// Ends what the child's test harness says on stdout before the body begins.
pub(super) const BODY_BEGINS: &[u8] = b"\0memleak: the body begins\0\n";

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    Out,
    Err,
}

/// One of the child's output streams, on its way.
#[derive(Debug)]
pub(super) struct Relay {
    stream: Stream,
    /// What came before the body; none once the body's own output has begun.
    head: Option<Vec<u8>>,
    /// The beginning of a character whose other bytes are not there yet.
    partial: Vec<u8>,
}

impl Relay {
    /// Stdout begins with the words of the child's test harness; stderr is the body's from the start.
    pub(super) fn new(stream: Stream) -> Relay {
        Relay { stream, head: (stream == Stream::Out).then(Vec::new), partial: Vec::new() }
    }

    /// Prints what has come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let text = self.text_of(bytes);
        self.print(&text);
    }

    /// Prints what is left. If the body never began, that is all the child said.
    pub(super) fn finish(&mut self) {
        let rest = self.head.take().unwrap_or_else(|| mem::take(&mut self.partial));
        self.print(&String::from_utf8_lossy(&rest));
    }

    fn text_of(&mut self, bytes: &[u8]) -> String {
        let mut whole = mem::take(&mut self.partial);
        if let Some(mut head) = self.head.take() {
            head.extend_from_slice(bytes);
            match find(&head, BODY_BEGINS) {
                Some(at) => whole.extend_from_slice(&head[at + BODY_BEGINS.len()..]),
                None => {
                    self.head = Some(head);
                    return String::new();
                }
            }
        } else {
            whole.extend_from_slice(bytes);
        }
        self.partial = whole.split_off(whole.len() - partial_character(&whole));
        // `print!` takes text only; bytes that are none become the replacement character.
        String::from_utf8_lossy(&whole).into_owned()
    }

    fn print(&self, text: &str) {
        match self.stream {
            Stream::Out => {
                print!("{text}");
                // Live also when it is half a line. Where the bytes go is not the test's affair.
                let _ = io::stdout().flush();
            }
            Stream::Err => eprint!("{text}"),
        }
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// How many bytes at the end of `text` are the beginning of a character.
fn partial_character(text: &[u8]) -> usize {
    let longest = text.len().min(3);
    (1..=longest)
        .find(|&length| {
            let end = &text[text.len() - length..];
            std::str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relayed(stream: Stream, bytes: &[u8], size: usize) -> String {
        let mut relay = Relay::new(stream);
        let mut text: String = bytes.chunks(size).map(|piece| relay.text_of(piece)).collect();
        text.push_str(&String::from_utf8_lossy(&relay.partial));
        text
    }

    #[test]
    fn only_what_the_body_printed_is_relayed_from_stdout() {
        let bytes = [b"\nrunning 1 test\n", BODY_BEGINS, "Grüße ☃ 🦀\n".as_bytes()].concat();
        for size in 1..bytes.len() {
            assert_eq!(relayed(Stream::Out, &bytes, size), "Grüße ☃ 🦀\n");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_whatever_the_pieces() {
        let bytes = b"a\xff\xfeb\xf0\x9f\xa6\xe2\x98";
        let expected = String::from_utf8_lossy(bytes);
        for size in 1..bytes.len() {
            assert_eq!(relayed(Stream::Err, bytes, size), expected);
        }
    }
}
