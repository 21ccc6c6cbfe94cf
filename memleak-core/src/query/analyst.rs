//! memleak's own thread: it copies the heap, and answers what is asked about the copies.
//!
//! May use: `heap`, `debuginfo`, `tracker`.
//!
//! One thread for the whole process, because the thread that makes a copy is the one whose stack and registers are not part of it. What it
//! has read is on its stack in the form of addresses; if another thread made the next copy, these would look like pointers. For the same reason
//! nothing that has an address in it goes back to the thread that asks.

use crate::debuginfo::load::LoadError;
use crate::heap::program::Program;
use crate::tracker;
use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// Where jobs for the thread go. It is started with the first, and lasts as long as the process.
static JOBS: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (jobs, waiting) = mpsc::channel::<Job>();
    let (begin, begun) = mpsc::channel();
    let work = move || {
        let _own = tracker::untracked();
        let _ = begin.send(());
        for job in waiting {
            // The panic hook has said what it is; whoever asked gets no answer.
            let _ = panic::catch_unwind(AssertUnwindSafe(job));
        }
    };
    thread::Builder::new().name("memleak".to_owned()).spawn(work).expect("memleak's thread could not be started");
    // The standard library notes the thread's name before it can be untracked: that is not to be taken for the body's memory.
    let _ = begun.recv();
    jobs
});

/// How long an answer may take before somebody is told, and how often then.
const SLOW: Duration = Duration::from_secs(1);

/// Told each time an answer has taken so long once more.
static WHEN_SLOW: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

static NEXT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What is kept, on memleak's thread.
    static KEPT: RefCell<HashMap<u64, Rc<dyn Any>>> = RefCell::default();
    static PROGRAM: OnceCell<Result<&'static Program, LoadError>> = const { OnceCell::new() };
}

/// The running program, as its debug info describes it. Only memleak's thread asks; it is read when it is first asked for.
///
/// # Errors
/// When there is no debug info with types, or it cannot be read.
pub fn program() -> Result<&'static Program, LoadError> {
    PROGRAM.with(|program| {
        program.get_or_init(|| Program::current().map(|program| &*Box::leak(Box::new(program)))).clone()
    })
}

/// A value that is kept on memleak's thread. It goes with this.
#[derive(Debug)]
pub struct Kept<T> {
    id: u64,
    of: PhantomData<fn() -> T>,
}

impl<T: 'static> Kept<T> {
    /// Has it made there. Does not wait for that.
    pub fn new(make: impl FnOnce() -> T + Send + 'static) -> Kept<T> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        post(move || keep(id, make()));
        Kept { id, of: PhantomData }
    }

    /// Has it made there, and waits for that. None if there is no answer, because memleak's thread panicked.
    ///
    /// # Errors
    /// When it could not be made.
    pub fn try_new<E: Send + 'static>(
        make: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Option<Result<Kept<T>, E>> {
        ask(move || {
            let made = make()?;
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            keep(id, made);
            Ok(Kept { id, of: PhantomData })
        })
    }

    /// Asks, and waits for the answer. None if there is none, because memleak's thread panicked.
    pub fn ask<R: Send + 'static>(&self, question: impl FnOnce(&T) -> R + Send + 'static) -> Option<R> {
        let id = self.id;
        ask(move || {
            let kept = KEPT.with_borrow(|kept| kept.get(&id).cloned())?.downcast::<T>().ok()?;
            Some(question(&kept))
        })?
    }
}

fn keep<T: 'static>(id: u64, made: T) {
    let made: Rc<dyn Any> = Rc::new(made);
    KEPT.with_borrow_mut(|kept| kept.insert(id, made));
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let id = self.id;
        post(move || {
            let kept = KEPT.with_borrow_mut(|kept| kept.remove(&id));
            drop(kept);
        });
    }
}

/// Has this done on memleak's thread, and waits for the answer. None if there is none, because it panicked.
pub fn ask<R: Send + 'static>(question: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let _own = tracker::untracked();
    let (answer, answers) = mpsc::channel();
    post(move || {
        let _ = answer.send(question());
    });
    loop {
        match answers.recv_timeout(SLOW) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(tell) = WHEN_SLOW.get() {
                    tell();
                }
            }
        }
    }
}

/// Has this told of each second that somebody waits for an answer. The first who wants to know is told.
pub fn when_slow(tell: impl Fn() + Send + Sync + 'static) {
    let _own = tracker::untracked();
    let _ = WHEN_SLOW.set(Box::new(tell));
}

fn post(job: impl FnOnce() + Send + 'static) {
    let _own = tracker::untracked();
    // The thread never ends, so somebody listens.
    let _ = JOBS.send(Box::new(job));
}
