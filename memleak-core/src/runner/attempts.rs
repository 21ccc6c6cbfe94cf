//! Assertions on the heap that are tried again while background work settles: how long, and which panics are shown.
//!
//! May use: `query`, `tracker`.

pub use super::runtime::turns;
use super::settle::{DEFAULT_SETTLE, FIRST_PAUSE, LONGEST_PAUSE};
use crate::query::body;
use crate::tracker;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

/// The attempts of one check.
#[derive(Debug)]
pub struct Attempts {
    limit: Duration,
    waited: Duration,
    pause: Duration,
    began: Instant,
    made: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        let limit = body::settle(DEFAULT_SETTLE);
        Attempts { limit, waited: Duration::ZERO, pause: FIRST_PAUSE, began: Instant::now(), made: 0 }
    }
}

impl Attempts {
    /// Whether the next attempt is the last one.
    pub fn is_last(&self) -> bool {
        self.waited >= self.limit
    }

    /// The next attempt begins.
    pub fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// An attempt has failed that was not the last: how long to wait before the next. Not more than a third of the time goes into attempts. The
    /// first does not say what one costs: it waits for the debug info.
    pub fn pause(&mut self) -> Duration {
        self.made += 1;
        let least = if self.made > 1 { self.began.elapsed() * 2 } else { Duration::ZERO };
        let pause = self.pause.max(least).min(self.limit.saturating_sub(self.waited));
        self.waited += pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

/// What the panic hook does on this thread.
enum Mode {
    /// Nothing: there will be another attempt.
    Quiet,
    /// This goes before what it would print.
    Explain(Box<dyn Fn() -> String>),
}

thread_local! {
    static MODE: RefCell<Option<Mode>> = const { RefCell::new(None) };
}

/// Puts the panic hook that knows of attempts before the one that is there. The program's hook stays the program's: what it holds is not memleak's.
pub fn watch_panics() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        tracker::tracked(|| {
            let others = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                match MODE.with_borrow_mut(Option::take) {
                    Some(Mode::Quiet) => return,
                    Some(Mode::Explain(words)) => {
                        let _own = tracker::untracked();
                        eprint!("{}", words());
                        drop(words);
                    }
                    None => {}
                }
                others(info);
            }));
        });
    });
}

/// An attempt that is not the last: nothing is printed if it panics.
///
/// # Errors
/// With what the panic carried.
pub fn quietly<R>(attempt: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    in_mode(Mode::Quiet, || panic::catch_unwind(AssertUnwindSafe(attempt)))
}

/// The last attempt: if it panics, `words` are printed before what the panic says.
pub fn explaining<R>(words: impl Fn() -> String + 'static, attempt: impl FnOnce() -> R) -> R {
    let words: Box<dyn Fn() -> String> = {
        let _own = tracker::untracked();
        Box::new(words)
    };
    in_mode(Mode::Explain(words), attempt)
}

/// The first panic of `attempt` on this thread happens in this mode.
fn in_mode<R>(mode: Mode, attempt: impl FnOnce() -> R) -> R {
    /// Puts back what was there: a check may be within a check.
    struct Before(Option<Mode>);

    impl Drop for Before {
        fn drop(&mut self) {
            let _own = tracker::untracked();
            MODE.set(self.0.take());
        }
    }

    watch_panics();
    let _before = {
        let _own = tracker::untracked();
        Before(MODE.replace(Some(mode)))
    };
    attempt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_waited_in_growing_pauses() {
        let mut attempts = Attempts::default();
        let mut pauses = Vec::new();
        while !attempts.is_last() {
            attempts.begin();
            pauses.push(attempts.pause());
        }
        assert_eq!(pauses.iter().sum::<Duration>(), DEFAULT_SETTLE);
        assert!(pauses.len() >= 8 && pauses[0] < LONGEST_PAUSE, "{pauses:?}");
    }

    #[test]
    fn a_check_within_a_check_keeps_to_itself() {
        let outer = quietly(|| {
            let inner = quietly(|| panic!("inner"));
            assert!(inner.is_err());
            assert!(matches!(MODE.with_borrow_mut(Option::take), Some(Mode::Quiet)), "the outer one is quiet again");
            7
        });
        assert_eq!(outer.unwrap(), 7);
        assert!(MODE.with_borrow(Option::is_none));
    }
}
