//! The part of a test's course that takes place where its body runs: from the body's beginning to the first look at the heap.
//!
//! What runs the body (a runtime of ours, or the test attribute of another crate) knows nothing of the course. So the body finds its course
//! by the path of the test, and tells it how far it has got.

use super::Case;
use super::body::{Fault, PanicMessage, catch};
use super::course::{Progress, Stage};
use super::judge::{Judge, Seen};
use super::runtime::Turns;
use super::settle::{Settle, Step, settle};
use crate::check::checker::Checkpoint;
use crate::check::verdict::Ended;
use crate::query;
use crate::tracker;
use std::ops::ControlFlow;
use std::panic::Location;
use std::pin::Pin;
use std::process::{ExitCode, Termination};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

/// What a course is told.
pub(super) enum News {
    /// The body begins. A test attribute may run it several times.
    Begun,
    /// It has ended, and the heap was looked at.
    Looked(Look),
    /// What ran the body has ended.
    Over(Result<ExitCode, PanicMessage>),
}

/// The first look at the heap.
pub(super) struct Look {
    /// What was seen, and how long was waited for it; or what is wrong with the end of the body.
    pub(super) seen: First,
    /// What the body ran on, and what is to end next.
    pub(super) on: Ended,
    /// Whether the body ended well. What it returned may be for another attribute to judge.
    pub(super) body_is_judged: bool,
}

/// How long background work may take after a run of the body that is not the last: there are many runs.
const CHANCES: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(2), Duration::from_millis(4)];

type First = Result<(Seen, Duration), Fault>;

/// What a body needs of its course.
#[derive(Clone)]
pub(super) struct Inside {
    pub(super) case: &'static Case,
    pub(super) place: &'static Location<'static>,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) progress: Progress,
    pub(super) settle: Duration,
    pub(super) news: Sender<News>,
}

/// The courses of this process. Where tests have processes of their own it is one.
static COURSES: Mutex<Vec<Inside>> = Mutex::new(Vec::new());

/// As long as it lives, the body of this path finds its course.
pub(super) struct Open(&'static str);

impl Drop for Open {
    fn drop(&mut self) {
        COURSES.lock().unwrap_or_else(PoisonError::into_inner).retain(|course| course.case.path != self.0);
    }
}

/// What becomes of what a body returns.
#[derive(Clone, Copy)]
pub(super) struct Returns<T, U> {
    finish: fn(T) -> U,
    /// The exit code, if it is not for another attribute to find out.
    code: fn(&U) -> Option<ExitCode>,
    /// The exit code of a run after which the body runs again.
    between: fn(U) -> ExitCode,
}

impl<T: Termination> Returns<T, ExitCode> {
    /// It is judged, and gone, before the heap is looked at.
    pub(super) const REPORTED: Self = Returns { finish: T::report, code: |code| Some(*code), between: |code| code };
}

impl<T: Termination> Returns<T, T> {
    /// Another attribute gets that of the last run.
    pub(super) const LAST_HANDED_ON: Self = Returns { finish: |value| value, code: |_| None, between: T::report };
}

impl<T> Returns<T, T> {
    /// Another attribute gets it.
    pub(super) const HANDED_ON: Self =
        Returns { finish: |value| value, code: |_| None, between: |_| ExitCode::SUCCESS };
}

impl Inside {
    pub(super) fn open(self) -> Open {
        let open = Open(self.case.path);
        COURSES.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        open
    }

    /// # Panics
    /// If there is none: what called the body is not its test, and must not seem to have checked anything.
    fn of(path: &str) -> Inside {
        let courses = COURSES.lock().unwrap_or_else(PoisonError::into_inner);
        let found = courses.iter().find(|course| course.case.path == path).cloned();
        drop(courses);
        found.unwrap_or_else(|| panic!("memleak: the body of the leak test `{path}` was called by another function"))
    }

    fn begin(&self) {
        let _own = tracker::untracked();
        let _ = self.news.send(News::Begun);
        self.judge.body_begins();
        query::body::is_of(self.case.path);
        query::body::let_settle(self.settle);
        (self.progress)(Stage::Body);
    }

    /// Whether the body runs again after this run. Then what it returned must not be a failure, and is gone.
    ///
    /// # Errors
    /// When it is a failure.
    fn runs_again<T, U>(
        &self,
        round: u32,
        ended: Result<U, PanicMessage>,
        returns: &Returns<T, U>,
    ) -> ControlFlow<Result<U, PanicMessage>> {
        let value = match ended {
            Ok(value) if round < self.case.rounds.count => value,
            ended => return ControlFlow::Break(ended),
        };
        let judged = catch(|| {
            let code = (returns.between)(value);
            assert!(code == ExitCode::SUCCESS, "run {round} of {} returned a failure", self.case.rounds.count);
        });
        match judged {
            Ok(()) => ControlFlow::Continue(()),
            Err(message) => ControlFlow::Break(Err(message)),
        }
    }

    /// Counts what is left of a run, having given background work a chance to end.
    fn end_round_on_thread(&self, round: u32) {
        let _own = tracker::untracked();
        for pause in CHANCES {
            if self.judge.round(round) == Seen::Settled {
                return;
            }
            thread::sleep(pause);
        }
        self.judge.round(round);
    }

    /// The same while the runtime that this is awaited on goes on.
    async fn end_round_on_runtime(self, round: u32) {
        let mut turns = Turns::new(&self.case.runtime, self.settle);
        turns.let_begin().await;
        for pause in CHANCES {
            if self.judge.round(round) == Seen::Settled {
                return;
            }
            turns.run_for(pause).await;
        }
        self.judge.round(round);
    }

    /// The body has ended: what is wrong with that, as far as it is known here.
    fn fault<T, U>(&self, ended: &Result<U, PanicMessage>, returns: &Returns<T, U>) -> Option<Fault> {
        let _own = tracker::untracked();
        self.judge.body_ended();
        (self.progress)(Stage::Settling);
        let ended = match ended {
            Ok(value) => Ok((returns.code)(value).unwrap_or(ExitCode::SUCCESS)),
            Err(message) => Err(message.clone()),
        };
        Fault::of(&ended, self.case.should_panic, self.place)
    }

    /// Looks at the heap while the thread, with its thread-locals, lives, as a server's threads do.
    fn look_on_thread(&self) -> (Seen, Duration) {
        let _own = tracker::untracked();
        settle(&*self.judge, Checkpoint::BodyEnded, self.settle)
    }

    /// Looks at the heap while the runtime that this is awaited on goes on.
    async fn look_on_runtime(self) -> (Seen, Duration) {
        let mut turns = Turns::new(&self.case.runtime, self.settle);
        turns.let_begin().await;
        let mut settle = Settle::new(Checkpoint::BodyEnded, self.settle);
        loop {
            match settle.look(&*self.judge) {
                Step::Done(seen, waited) => return (seen, waited),
                Step::Wait(pause) => settle.waited(turns.run_for(pause).await),
            }
        }
    }

    /// Ends the part of the course that takes place here.
    fn leave<T, U>(&self, seen: First, on: Ended, ended: Result<U, PanicMessage>, returns: &Returns<T, U>) -> U {
        let own = tracker::untracked();
        let body_is_judged = ended.as_ref().map_or(true, |value| (returns.code)(value).is_some());
        // Nobody listens any more once the shutdown has taken too long.
        let _ = self.news.send(News::Looked(Look { seen, on, body_is_judged }));
        drop(own);
        ended.unwrap_or_else(|message| message.resume())
    }
}

/// Runs a body that is not async, as often as the test says if it can run `again`, and looks at the heap.
pub(super) fn run<T, U>(path: &str, returns: Returns<T, U>, body: impl FnOnce() -> T, again: Option<fn() -> T>) -> U {
    let inside = Inside::of(path);
    inside.begin();
    let mut ended = catch(|| (returns.finish)(body()));
    let mut round = 1;
    if let Some(again) = again {
        ended = loop {
            match inside.runs_again(round, ended, &returns) {
                ControlFlow::Break(ended) => break ended,
                ControlFlow::Continue(()) => inside.end_round_on_thread(round),
            }
            round += 1;
            ended = catch(|| (returns.finish)(again()));
        };
    }
    let seen = inside.fault(&ended, &returns).map_or_else(|| Ok(inside.look_on_thread()), Err);
    inside.leave(seen, Ended::Thread, ended, &returns)
}

/// Runs the future of a body, and those of more runs if there are any and it can be made `again`, and looks at the heap, on whatever runtime
/// this is awaited.
///
/// The future is boxed, so that no stale copy of it stays in a place that lives on.
pub(super) fn run_async<F: Future, U>(
    path: &'static str,
    returns: Returns<F::Output, U>,
    body: F,
    again: Option<fn() -> F>,
) -> Async<F, U> {
    Async { path, returns, again, round: 1, stage: AsyncStage::New(Box::pin(body)) }
}

/// The future of [`run_async`].
pub(super) struct Async<F: Future, U> {
    path: &'static str,
    returns: Returns<F::Output, U>,
    again: Option<fn() -> F>,
    /// The number of the run.
    round: u32,
    stage: AsyncStage<F, U>,
}

enum AsyncStage<F, U> {
    New(Pin<Box<F>>),
    Body(Pin<Box<F>>, Inside),
    Between(Pin<Box<dyn Future<Output = ()> + Send>>, Inside),
    Looking {
        look: Pin<Box<dyn Future<Output = (Seen, Duration)> + Send>>,
        inside: Inside,
        ended: Result<U, PanicMessage>,
    },
    Over,
}

impl<F: Future, U> Unpin for Async<F, U> {}

impl<F: Future, U> Future for Async<F, U> {
    type Output = U;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<U> {
        let Async { path, returns, again, round, stage } = self.get_mut();
        loop {
            match std::mem::replace(stage, AsyncStage::Over) {
                AsyncStage::New(body) => {
                    let inside = Inside::of(path);
                    inside.begin();
                    *stage = AsyncStage::Body(body, inside);
                }
                AsyncStage::Body(mut body, inside) => {
                    let polled = catch(|| body.as_mut().poll(context).map(returns.finish));
                    let ended = match polled {
                        Ok(Poll::Pending) => {
                            *stage = AsyncStage::Body(body, inside);
                            return Poll::Pending;
                        }
                        Ok(Poll::Ready(value)) => Ok(value),
                        Err(message) => Err(message),
                    };
                    let mut ended = catch(|| drop(body)).and(ended);
                    if again.is_some() {
                        ended = match inside.runs_again(*round, ended, returns) {
                            ControlFlow::Break(ended) => ended,
                            ControlFlow::Continue(()) => {
                                let _own = tracker::untracked();
                                let count = Box::pin(inside.clone().end_round_on_runtime(*round));
                                *stage = AsyncStage::Between(count, inside);
                                continue;
                            }
                        };
                    }
                    if let Some(fault) = inside.fault(&ended, returns) {
                        return Poll::Ready(inside.leave(Err(fault), Ended::Runtime, ended, returns));
                    }
                    let own = tracker::untracked();
                    let look = Box::pin(inside.clone().look_on_runtime());
                    drop(own);
                    *stage = AsyncStage::Looking { look, inside, ended };
                }
                AsyncStage::Between(mut count, inside) => {
                    if count.as_mut().poll(context).is_pending() {
                        *stage = AsyncStage::Between(count, inside);
                        return Poll::Pending;
                    }
                    *round += 1;
                    match again {
                        Some(again) => *stage = AsyncStage::Body(Box::pin(again()), inside),
                        None => unreachable!("there is another round only if the body can run again"),
                    }
                }
                AsyncStage::Looking { mut look, inside, ended } => {
                    let Poll::Ready(seen) = look.as_mut().poll(context) else {
                        *stage = AsyncStage::Looking { look, inside, ended };
                        return Poll::Pending;
                    };
                    return Poll::Ready(inside.leave(Ok(seen), Ended::Runtime, ended, returns));
                }
                AsyncStage::Over => panic!("a future was polled after it had ended"),
            }
        }
    }
}
