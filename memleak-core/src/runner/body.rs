//! The body of a test: how it is started, how it ended, and whether that is how it should end.

use super::ShouldPanic;
use crate::tracker;
use std::any::{Any, TypeId};
use std::panic::{self, AssertUnwindSafe, Location};
use std::process::ExitCode;

/// A body, its type erased.
pub(super) enum Body {
    /// Runs by itself.
    Plain(Box<dyn FnOnce() -> ExitCode + Send>),
    /// Runs on a tokio runtime.
    #[cfg(feature = "tokio")]
    OnTokio(Box<dyn FnOnce(&tokio::runtime::Runtime) -> ExitCode + Send>),
}

/// How a body ended.
#[derive(Debug)]
pub(super) enum Ended {
    Returned(ExitCode),
    Panicked(PanicMessage),
}

/// What a panic carried.
#[derive(Debug)]
pub(super) enum PanicMessage {
    Text(String),
    Other(TypeId),
}

/// Runs a body in a stack frame of its own, so that nothing of it stays in a frame that lives on.
#[inline(never)]
pub(super) fn catch(body: impl FnOnce() -> ExitCode) -> Ended {
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(code) => Ended::Returned(code),
        Err(payload) => {
            let _own = tracker::untracked();
            Ended::Panicked(message_of(payload))
        }
    }
}

fn message_of(payload: Box<dyn Any + Send>) -> PanicMessage {
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    let message = match text {
        Some(text) => PanicMessage::Text(text.to_owned()),
        None => PanicMessage::Other((*payload).type_id()),
    };
    // What it carried is part of the heap that is looked at next; its `Drop` is the user's code.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| tracker::tracked(|| drop(payload))));
    message
}

/// Why the test fails whatever its heap is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// A panic that should not be. The panic hook has said why.
    Panicked,
    /// Everything else, in libtest's words.
    Said(String),
}

impl Ended {
    /// What is wrong with it, by libtest's rules; `place` is where the test is.
    pub(super) fn fault(&self, should_panic: ShouldPanic, place: &Location<'_>) -> Option<Fault> {
        match (self, should_panic) {
            (Ended::Returned(code), ShouldPanic::No) => {
                let code = exit_status(*code)?;
                Some(Fault::Said(format!(
                    "note: the test returned a termination value with a non-zero status code ({code}) which indicates a failure"
                )))
            }
            (Ended::Returned(_), ShouldPanic::Yes | ShouldPanic::Expected(_)) => {
                Some(Fault::Said(format!("note: test did not panic as expected at {place}")))
            }
            (Ended::Panicked(_), ShouldPanic::No) => Some(Fault::Panicked),
            (Ended::Panicked(_), ShouldPanic::Yes) => None,
            (Ended::Panicked(PanicMessage::Text(text)), ShouldPanic::Expected(expected)) => {
                if text.contains(expected) {
                    return None;
                }
                Some(Fault::Said(format!(
                    "note: panic did not contain expected string\n      panic message: {text:?}\n expected substring: {expected:?}"
                )))
            }
            (Ended::Panicked(PanicMessage::Other(id)), ShouldPanic::Expected(expected)) => Some(Fault::Said(format!(
                "note: expected panic with string value,\n found non-string value: `{id:?}`\n     expected substring: {expected:?}"
            ))),
        }
    }
}

/// The number of an exit code that is a failure. `ExitCode` does not tell its number, only whether it equals another.
fn exit_status(code: ExitCode) -> Option<u8> {
    (code != ExitCode::SUCCESS).then(|| (1..=u8::MAX).find(|&status| ExitCode::from(status) == code).unwrap_or(u8::MAX))
}
