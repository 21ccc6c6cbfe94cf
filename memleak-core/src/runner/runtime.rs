//! What an async body runs on if no other attribute brings a runtime: a tokio runtime made as the test asks, or, without tokio, the test's
//! thread alone. And the turns that any runtime, this one or another's, is given after the body. May use nothing but `Case`'s options.

#[cfg(feature = "tokio")]
use super::PausedClock;
use super::RuntimeOptions;
use std::future;
#[cfg(feature = "tokio")]
use std::pin::{Pin, pin};
#[cfg(feature = "tokio")]
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// Lets the runtime that this is awaited on run its other tasks, whatever runtime it is.
pub(super) struct Turns {
    #[cfg(feature = "tokio")]
    paused: Option<PausedClock>,
    /// How much of the paused clock's time background work may still use up.
    #[cfg(feature = "tokio")]
    clock_left: Duration,
}

impl Turns {
    /// `settle` is how far a paused clock may run after the body.
    #[cfg(feature = "tokio")]
    pub(super) fn new(options: &RuntimeOptions, settle: Duration) -> Turns {
        Turns { paused: options.paused, clock_left: settle }
    }

    #[cfg(not(feature = "tokio"))]
    pub(super) fn new(_options: &RuntimeOptions, _settle: Duration) -> Turns {
        Turns {}
    }

    /// Lets tasks that the body has spawned begin: one that has not been polled holds nothing yet that it will hold.
    pub(super) async fn let_begin(&self) {
        for _ in 0..FIRST_TURNS {
            turn().await;
        }
        turns(FIRST_TURNS_TIME).await;
    }

    /// Lets tasks, timers and IO run for about `pause`, and says how much of that counts as time waited.
    ///
    /// A paused clock goes first, by as much as real time would have gone. It would jump from timer to timer without end, so it is not
    /// let go any further; the rest of the wait is for work that needs real time: threads and IO.
    pub(super) async fn run_for(&mut self, pause: Duration) -> Duration {
        #[cfg(feature = "tokio")]
        if let Some(clock) = self.paused.filter(|_| !self.clock_left.is_zero()) {
            let step = self.clock_left.min(pause.max(LEAST_CLOCK_STEP));
            self.clock_left -= step;
            // A task on the blocking pool stops the clock; the alarm ends the wait then.
            first(pin!(alarm(step)), (clock.sleep)(step)).await;
            return Duration::ZERO;
        }
        turns(pause).await;
        pause
    }
}

/// Fewer looks at the heap while a paused clock goes.
#[cfg(feature = "tokio")]
const LEAST_CLOCK_STEP: Duration = Duration::from_millis(40);

/// How many turns a runtime gets before the first look at the heap, and how long its other threads have to take up work.
const FIRST_TURNS: u32 = 64;
const FIRST_TURNS_TIME: Duration = Duration::from_millis(1);

/// Lets the runtime turn to all else that is ready.
async fn turn() {
    let mut turned = false;
    future::poll_fn(move |context| {
        if std::mem::replace(&mut turned, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How long a runtime rests between two turns.
const TURN: Duration = Duration::from_micros(100);

/// Gives the runtime turn after turn for about `time`.
///
/// A runtime that has something to do does not wait for a timer. So a clock that is paused, also one that the body has paused itself,
/// stands still meanwhile. With the runtime idle it would jump to the next timer at once, and to the one after it.
pub async fn turns(time: Duration) {
    let due = Instant::now() + time;
    future::poll_fn(move |context| {
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        thread::sleep(TURN);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Ready after `time`, woken by a thread: the runtime's own timers may be off, or paused.
#[cfg(feature = "tokio")]
async fn alarm(time: Duration) {
    let due = Instant::now() + time;
    let mut set = None;
    future::poll_fn(move |context| {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        set.get_or_insert_with(|| {
            let waker = context.waker().clone();
            let (alive, dropped) = mpsc::channel::<()>();
            thread::spawn(move || {
                // Lets go of the waker, which holds the runtime, as soon as nobody waits any more.
                if dropped.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                    waker.wake();
                }
            });
            alive
        });
        Poll::Pending
    })
    .await;
}

/// Ready when either is.
#[cfg(feature = "tokio")]
async fn first(mut one: impl Future<Output = ()> + Unpin, mut other: impl Future<Output = ()> + Unpin) {
    future::poll_fn(|context| {
        if Pin::new(&mut one).poll(context).is_ready() {
            return Poll::Ready(());
        }
        Pin::new(&mut other).poll(context)
    })
    .await;
}

/// Runs a future to its end on a runtime that is made as the test asks, and shut down afterwards.
#[cfg(feature = "tokio")]
pub(super) fn block_on<F: Future>(options: &RuntimeOptions, future: F) -> F::Output {
    use super::Flavor;
    use tokio::runtime::Builder;

    let mut builder = match options.flavor {
        Flavor::CurrentThread => Builder::new_current_thread(),
        Flavor::MultiThread => Builder::new_multi_thread(),
    };
    if let Some(threads) = options.worker_threads {
        builder.worker_threads(threads);
    }
    builder.enable_all();
    if let Some(clock) = options.paused {
        (clock.pause)(&mut builder);
    }
    match builder.build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("memleak: tokio's runtime could not be built: {error}"),
    }
}

/// Runs a future to its end on this thread.
#[cfg(not(feature = "tokio"))]
pub(super) fn block_on<F: Future>(_options: &RuntimeOptions, future: F) -> F::Output {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};
    use std::thread::Thread;

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        thread::park();
    }
}
