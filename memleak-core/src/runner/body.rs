//! The end of a body, or of all that runs it: what came out, and whether that is how it should end.

use super::ShouldPanic;
use crate::tracker;
use std::any::{Any, TypeId};
use std::panic::{self, AssertUnwindSafe, Location};
use std::process::ExitCode;

/// What a panic carried.
#[derive(Clone, Debug)]
pub(super) enum PanicMessage {
    Text(String),
    Other(TypeId),
}

/// Runs `work` in a stack frame of its own, so that nothing of it stays in a frame that lives on.
#[inline(never)]
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, PanicMessage> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(PanicMessage::of)
}

impl PanicMessage {
    /// What the panic carried is dropped: it would be part of the heap that is looked at next.
    fn of(payload: Box<dyn Any + Send>) -> PanicMessage {
        let payload = match payload.downcast::<PanicMessage>() {
            Ok(message) => return *message,
            Err(payload) => payload,
        };
        let own = tracker::untracked();
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        let message = match text {
            Some(text) => PanicMessage::Text(text.to_owned()),
            None => PanicMessage::Other((*payload).type_id()),
        };
        drop(own);
        // Its `Drop` is the user's code.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        message
    }

    /// Lets the panic go on.
    pub(super) fn resume(self) -> ! {
        match self {
            PanicMessage::Text(text) => panic::resume_unwind(Box::new(text)),
            PanicMessage::Other(_) => panic::resume_unwind(Box::new(self)),
        }
    }
}

/// Why the test fails whatever its heap is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// A panic that should not be. The panic hook has said why.
    Panicked,
    /// Everything else, in libtest's words.
    Said(String),
}

impl Fault {
    /// What is wrong with an end, by libtest's rules; `place` is where the test is.
    pub(super) fn of(
        ended: &Result<ExitCode, PanicMessage>,
        should_panic: ShouldPanic,
        place: &Location<'_>,
    ) -> Option<Fault> {
        match (ended, should_panic) {
            (Ok(code), ShouldPanic::No) => {
                let code = exit_status(*code)?;
                Some(Fault::Said(format!(
                    "note: the test returned a termination value with a non-zero status code ({code}) which indicates a failure"
                )))
            }
            (Ok(_), ShouldPanic::Yes | ShouldPanic::Expected(_)) => {
                Some(Fault::Said(format!("note: test did not panic as expected at {place}")))
            }
            (Err(_), ShouldPanic::No) => Some(Fault::Panicked),
            (Err(_), ShouldPanic::Yes) => None,
            (Err(PanicMessage::Text(text)), ShouldPanic::Expected(expected)) => {
                if text.contains(expected) {
                    return None;
                }
                Some(Fault::Said(format!(
                    "note: panic did not contain expected string\n      panic message: {text:?}\n expected substring: {expected:?}"
                )))
            }
            (Err(PanicMessage::Other(id)), ShouldPanic::Expected(expected)) => Some(Fault::Said(format!(
                "note: expected panic with string value,\n found non-string value: `{id:?}`\n     expected substring: {expected:?}"
            ))),
        }
    }
}

/// The number of an exit code that is a failure. `ExitCode` does not tell its number, only whether it equals another.
fn exit_status(code: ExitCode) -> Option<u8> {
    (code != ExitCode::SUCCESS).then(|| (1..=u8::MAX).find(|&status| ExitCode::from(status) == code).unwrap_or(u8::MAX))
}
