//! Tasks of real runtimes, read from a copy of the heap of this very program: the future, where it was spawned, what it waits for, and the
//! places of the awaits. The last comment of a line that a future is parked on is the name of that place here.

mod child;

use child::tracked;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use memleak_core::debuginfo::functions::Location;
use memleak_core::heap::containers::View;
use memleak_core::heap::graph::Heap;
use memleak_core::heap::holders::{Await, Task, TaskKind, TaskState};
use memleak_core::heap::program::Program;
use memleak_core::heap::tasks::Tasks;
use memleak_core::query::short::short_future;
use memleak_core::tracker::{self, Allocator};
use std::future::{Future, pending};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// How many futures are about to wait for ever.
static PARKED: AtomicUsize = AtomicUsize::new(0);

async fn inner(notify: Arc<Notify>) -> u64 {
    let local = [1u64; 3];
    PARKED.fetch_add(1, SeqCst);
    notify.notified().await; // inner
    local.iter().sum()
}

async fn outer(notify: Arc<Notify>) -> u64 {
    let name = String::from("outer");
    // The place is that of the await, not of the call.
    let sum = inner(notify).await; // outer
    sum + name.len() as u64
}

async fn deep(notify: Arc<Notify>) -> u64 {
    inner(notify).await // deep
}

async fn boxed(notify: Arc<Notify>) -> u64 {
    let future: BoxFuture<u64> = Box::pin(outer(notify));
    future.await // boxed
}

async fn boxed_by_hand(notify: Arc<Notify>) {
    let wait: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(Patient { inner: outer(notify), polls: 0 });
    wait.await; // by hand
}

async fn borrowed(notify: Arc<Notify>) -> u64 {
    let mut future = std::pin::pin!(inner(notify));
    future.as_mut().await // borrowed
}

async fn polled_by_hand(notify: Arc<Notify>) {
    let mut future: BoxFuture<u64> = Box::pin(inner(notify));
    std::future::poll_fn(|context| future.as_mut().poll(context)).await; // polled
}

/// A future that is no coroutine and polls one.
struct Patient<F> {
    polls: u64,
    inner: F,
}

impl<F: Future> Future for Patient<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context) -> Poll<()> {
        // SAFETY: nothing is moved out of what is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        this.polls += 1;
        // SAFETY: it is a field of what is pinned.
        unsafe { Pin::new_unchecked(&mut this.inner) }.poll(context).map(drop)
    }
}

async fn limited(notify: Arc<Notify>) {
    let limit = Duration::from_secs(1000);
    let _ = tokio::time::timeout(limit, inner(notify)).await; // limited
}

async fn sleeper() {
    PARKED.fetch_add(1, SeqCst);
    tokio::time::sleep(Duration::from_secs(1000)).await; // sleeper
}

async fn receiver(mut messages: mpsc::Receiver<u64>) {
    PARKED.fetch_add(1, SeqCst);
    messages.recv().await; // receiver
}

async fn at_once() -> u64 {
    7
}

async fn selecting(notify: Arc<Notify>) {
    let both = true;
    // Not to be taken for the one below.
    tokio::select! {
        _ = inner(notify.clone()), if !both => {}
        _ = tokio::time::sleep(Duration::ZERO), if both => {}
        _ = sleeper() => {}
    }
    tokio::select! { // selecting
        _ = inner(notify.clone()) => {}
        _ = notify.notified() => {}
        _ = sleeper(), if !both => {}
    }
}

async fn at_once_if(done: bool) {
    if !done {
        pending::<()>().await; // at once
    }
}

/// Two macros whose futures lie in the same place.
async fn selecting_twice(notify: Arc<Notify>) {
    tokio::select! {
        _ = inner(notify.clone()) => {}
        _ = at_once_if(true) => {}
    }
    tokio::select! { // selecting twice
        _ = inner(notify.clone()) => {}
        _ = at_once_if(false) => {}
    }
}

/// Two macros that await the same type, which lies in different places.
async fn yielding_twice(notify: Arc<Notify>, long: bool) {
    if long {
        let kept = black_box([7u8; 3]);
        PARKED.fetch_add(1, SeqCst);
        futures_util::pending!(); // yielding long
        black_box((kept, notify));
    } else {
        PARKED.fetch_add(1, SeqCst);
        futures_util::pending!(); // yielding short
        drop(notify);
    }
}

async fn yielding() {
    PARKED.fetch_add(1, SeqCst);
    futures_util::pending!(); // yielding
}

/// Two macros that await the same type in the same place: which of them it is, nothing says.
async fn yielding_alike(first: bool) {
    if first {
        PARKED.fetch_add(1, SeqCst);
        futures_util::pending!(); // yielding first
    } else {
        PARKED.fetch_add(1, SeqCst);
        futures_util::pending!(); // yielding second
    }
}

/// One macro in a function like another.
async fn yielding_too() {
    PARKED.fetch_add(1, SeqCst);
    futures_util::pending!(); // yielding too
}

#[repr(align(128))]
struct Aligned(u64);

async fn joining(notify: Arc<Notify>) {
    // The frame of a function with such a local is laid out in another way.
    black_box(Aligned(black_box(7)).0);
    let (_, _, _) = tokio::join!(inner(notify.clone()), at_once(), notify.notified()); // joining
}

async fn joining_futures(notify: Arc<Notify>) {
    let (_, _) = futures_util::join!(outer(notify.clone()), at_once()); // joining futures
}

async fn joined(notify: Arc<Notify>) {
    futures_util::future::join(outer(notify.clone()), inner(notify)).await; // joined
}

async fn in_a_set(notify: Arc<Notify>) {
    let mut set: FuturesUnordered<_> = (0..2).map(|_| outer(notify.clone())).collect();
    set.push(outer(notify));
    set.next().await; // set
}

async fn panics() {
    panic!("as the test wants it");
}

fn block_for_long(started: &AtomicUsize, until: &std::sync::mpsc::Receiver<()>) {
    started.fetch_add(1, SeqCst);
    let _ = until.recv();
}

thread_local! {
    static PROGRAM: Program = {
        let _own = tracker::untracked();
        Program::current().unwrap()
    };
}

/// What is known of the tasks whose future has a name with `wanted` in it, in the words of this test.
fn read(wanted: &str) -> Vec<String> {
    let _own = tracker::untracked();
    PROGRAM.with(|program| {
        let snapshot = program.snapshot();
        let contents = program.contents(&snapshot);
        let view = View { snapshot: &snapshot, types: program.types() };
        let tasks = Tasks::new(Heap { view, contents: &contents, roots: &[] });
        let mut lines: Vec<String> = Vec::new();
        for block in tasks.blocks() {
            let Some(task) = tasks.at(block) else { continue };
            if task.future.contains(wanted) {
                let stack = program.backtrace(task.spawned);
                assert!(stack.iter().any(|(frame, _)| frame.function.path.starts_with("tasks::")), "{task:?}");
                lines.push(text(&task));
            }
        }
        lines.sort();
        lines
    })
}

/// Reads until it says this, for some seconds: on a busy machine it takes a while until all is parked.
async fn expect<S: AsRef<str>>(wanted: &str, expected: impl AsRef<[S]>) {
    let expected: Vec<&str> = expected.as_ref().iter().map(S::as_ref).collect();
    for _ in 0..100 {
        if read(wanted) == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(read(wanted), expected);
}

fn text(task: &Task) -> String {
    let kind = match task.kind {
        TaskKind::Spawned => "task",
        TaskKind::Blocking => "blocking",
        TaskKind::InSet => "in set",
    };
    let state = match &task.state {
        TaskState::Suspended { awaits, branches } => {
            let branches: Vec<String> = branches.iter().map(|branch| chain(branch)).collect();
            if branches.is_empty() { chain(awaits) } else { format!("{} of [{}]", chain(awaits), branches.join(" | ")) }
        }
        other => format!("{other:?}"),
    };
    format!("{kind} {}: {state}", own(&task.future))
}

fn chain(awaits: &[Await]) -> String {
    let one = |await_: &Await| match &await_.at {
        Some(at) => format!("{} at '{}'", own(&await_.future), mark(at)),
        None => own(&await_.future),
    };
    awaits.iter().map(one).collect::<Vec<_>>().join(" > ")
}

fn own(name: &str) -> String {
    short_future(name).replace("tasks::", "")
}

/// The last comment of the line, if it is in this file; else the file's name.
fn mark(at: &Location) -> String {
    let path = std::path::Path::new(&*at.file);
    if !path.ends_with("memleak-core/tests/tasks.rs") {
        return path.file_name().unwrap().to_str().unwrap().to_owned();
    }
    assert!(path.is_absolute() && path.exists(), "{path:?}");
    let line = include_str!("tasks.rs").lines().nth(at.line as usize - 1).unwrap();
    line.rsplit_once("// ").unwrap_or(("", line)).1.to_owned()
}

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

/// Until so many futures are about to wait.
async fn until_parked(count: usize) {
    while PARKED.load(SeqCst) < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    PARKED.store(0, SeqCst);
}

const INNER: &str = "inner at 'inner' > tokio::sync::notify::Notified";

fn outer_chain() -> String {
    format!("outer at 'outer' > {INNER}")
}

#[test]
fn a_task_says_what_it_waits_for_at_each_level() {
    const NAME: &str = "a_task_says_what_it_waits_for_at_each_level";
    tracked(NAME, || {
        for runtime in runtimes() {
            runtime.block_on(async {
                let notify = Arc::new(Notify::new());
                tokio::spawn(outer(notify.clone()));
                tokio::spawn(boxed(notify.clone()));
                tokio::spawn(boxed_by_hand(notify.clone()));
                let erased: BoxFuture<u64> = Box::pin(deep(notify.clone()));
                tokio::spawn(erased);
                tokio::spawn(borrowed(notify.clone()));
                tokio::spawn(polled_by_hand(notify.clone()));
                tokio::spawn(limited(notify.clone()));
                tokio::spawn(sleeper());
                let (sender, messages) = mpsc::channel(1);
                tokio::spawn(receiver(messages));
                let captured = notify.clone();
                tokio::spawn(async move {
                    inner(captured).await; // block
                });
                tokio::spawn(Patient { inner: inner(notify.clone()), polls: 0 });
                until_parked(11).await;
                expect("::outer::{async", [format!("task outer: {}", outer_chain())]).await;
                expect("::boxed::{async", [format!("task boxed: boxed at 'boxed' > {}", outer_chain())]).await;
                let erased = "Pin<Box<dyn Future<Output = u64> + Send>>";
                expect("Pin<", [format!("task {erased}: deep at 'deep' > {INNER}")]).await;
                let by_hand =
                    format!("task boxed_by_hand: boxed_by_hand at 'by hand' > Patient<outer> > {}", outer_chain());
                expect("::boxed_by_hand::{async", [by_hand]).await;
                let polled = format!("task polled_by_hand: polled_by_hand at 'polled' of [{INNER}]");
                expect("::polled_by_hand::{async", [polled]).await;
                expect("::borrowed::{async", [format!("task borrowed: borrowed at 'borrowed' > {INNER}")]).await;
                let limited =
                    format!("task limited: limited at 'limited' > tokio::time::timeout::Timeout<inner> > {INNER}");
                expect("::limited::{async", [limited]).await;
                expect("::sleeper::{async", ["task sleeper: sleeper at 'sleeper' > tokio::time::sleep::Sleep"]).await;
                let received = read("::receiver::{async");
                let recv =
                    "task receiver: receiver at 'receiver' > tokio::sync::mpsc::bounded::recv at 'bounded.rs' > ";
                assert!(received.len() == 1 && received[0].starts_with(recv), "{received:?}");
                let block = format!("async block in {NAME} at 'block' > {INNER}");
                expect("{async_block_env", [format!("task async block in {NAME}: {block}")]).await;
                expect("Patient<", [format!("task Patient<inner>: Patient<inner> > {INNER}")]).await;
                drop(sender);
            });
            drop(runtime);
            assert_eq!(read("::outer::{async"), [""; 0]);
        }
    });
}

#[test]
fn a_task_says_which_of_several_futures_it_waits_for() {
    tracked("a_task_says_which_of_several_futures_it_waits_for", || {
        for runtime in runtimes() {
            runtime.block_on(async {
                let notify = Arc::new(Notify::new());
                tokio::spawn(selecting(notify.clone()));
                tokio::spawn(selecting_twice(notify.clone()));
                tokio::spawn(yielding());
                tokio::spawn(yielding_too());
                tokio::spawn(yielding_alike(false));
                tokio::spawn(yielding_twice(notify.clone(), false));
                tokio::spawn(yielding_twice(notify.clone(), true));
                tokio::spawn(joining(notify.clone()));
                tokio::spawn(joining_futures(notify.clone()));
                tokio::spawn(joined(notify.clone()));
                tokio::spawn(in_a_set(notify.clone()));
                until_parked(14).await;
                let notified = "tokio::sync::notify::Notified";
                let select = format!("task selecting: selecting at 'selecting' of [{INNER} | {notified}]");
                expect("::selecting::{async", [select]).await;
                let at_once = "at_once_if at 'at once' > Pending<()>";
                let select = format!("selecting_twice at 'selecting twice' of [{INNER} | {at_once}]");
                expect("::selecting_twice::{async", [format!("task selecting_twice: {select}")]).await;
                let once = "futures_util::async_await::pending::PendingOnce";
                expect("::yielding::{async", [format!("task yielding: yielding at 'yielding' > {once}")]).await;
                let too = format!("task yielding_too: yielding_too at 'yielding too' > {once}");
                expect("::yielding_too::{async", [too]).await;
                let alike = format!("task yielding_alike: yielding_alike at 'pending.rs' > {once}");
                expect("::yielding_alike::{async", [alike]).await;
                let yielding = ["long", "short"].map(|which| {
                    format!("task yielding_twice: yielding_twice at 'yielding {which}' > {once}")
                });
                expect("::yielding_twice::{async", yielding).await;
                let join = format!("task joining: joining at 'joining' of [{INNER} | {notified}]");
                expect("::joining::{async", [join]).await;
                let join = format!("task joining_futures: joining_futures at 'joining futures' of [{}]", outer_chain());
                expect("::joining_futures::{async", [join]).await;
                let join = "futures_util::future::join::Join<outer, inner>";
                let join = format!("task joined: joined at 'joined' > {join} of [{} | {INNER}]", outer_chain());
                expect("::joined::{async", [join]).await;
                let next = "futures_util::stream::stream::next::Next<futures_util::stream::futures_unordered::FuturesUnordered<outer>>";
                expect("::in_a_set::{async", [format!("task in_a_set: in_a_set at 'set' > {next}")]).await;
                let in_set = format!("in set outer: {}", outer_chain());
                // Each set has one that never had a future.
                let none = "in set outer: Consumed".to_owned();
                expect("::outer::{async", [none, in_set.clone(), in_set.clone(), in_set]).await;
            });
        }
    });
}

#[test]
fn a_task_says_whether_it_has_begun_and_how_it_has_ended() {
    tracked("a_task_says_whether_it_has_begun_and_how_it_has_ended", || {
        std::panic::set_hook(Box::new(|_| {}));
        for runtime in runtimes() {
            runtime.block_on(async {
                let notify = Arc::new(Notify::new());
                let handles = (tokio::spawn(at_once()), tokio::spawn(panics()), tokio::spawn(outer(notify.clone())));
                let cancelled = tokio::spawn(sleeper());
                let consumed = tokio::spawn(boxed(notify.clone()));
                until_parked(3).await;
                cancelled.abort();
                let waker = consumed.abort_handle();
                consumed.abort();
                assert!(consumed.await.unwrap_err().is_cancelled());
                expect("::at_once::{async", ["task at_once: Finished"]).await;
                expect("::panics::{async", ["task panics: Panicked"]).await;
                expect("::sleeper::{async", ["task sleeper: Cancelled"]).await;
                expect("::boxed::{async", ["task boxed: Consumed"]).await;
                drop((handles, waker));
                assert_eq!(read("::panics::{async"), [""; 0]);
            });
        }
        let [runtime, _] = runtimes();
        runtime.block_on(async {
            let handle = tokio::spawn(outer(Arc::new(Notify::new())));
            assert_eq!(read("::outer::{async"), ["task outer: NotBegun"]);
            drop(handle);
        });
    });
}

#[test]
fn a_task_that_a_thread_is_in_does_not_say_where_it_is() {
    const NAME: &str = "a_task_that_a_thread_is_in_does_not_say_where_it_is";
    tracked(NAME, || {
        async fn busy(go_on: std::sync::mpsc::Receiver<()>) {
            PARKED.fetch_add(1, SeqCst);
            tokio::task::yield_now().await;
            PARKED.fetch_add(1, SeqCst);
            let _ = go_on.recv();
            pending::<()>().await; // busy
        }
        let [_, runtime] = runtimes();
        runtime.block_on(async {
            let (sender, go_on) = std::sync::mpsc::channel();
            tokio::spawn(busy(go_on));
            until_parked(2).await;
            expect("::busy::{async", [format!("task {NAME}::busy: Running")]).await;
            drop(sender);
            expect("::busy::{async", [format!("task {NAME}::busy: {NAME}::busy at 'busy' > Pending<()>")]).await;
        });
    });
}

#[test]
fn blocking_tasks_and_local_sets() {
    tracked("blocking_tasks_and_local_sets", || {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
        let set = LocalSet::new();
        set.block_on(&runtime, async {
            let (sender, until) = std::sync::mpsc::channel();
            tokio::task::spawn_local(outer(Arc::new(Notify::new())));
            let blocking = tokio::task::spawn_blocking(move || block_for_long(&PARKED, &until));
            until_parked(2).await;
            let waiting = tokio::task::spawn_blocking(|| black_box(5));
            expect("::outer::{async", [format!("task outer: {}", outer_chain())]).await;
            let closure = "blocking closure in blocking_tasks_and_local_sets";
            let both = [format!("{closure}: NotBegun"), format!("{closure}: Running")];
            expect("blocking_tasks_and_local_sets::", both).await;
            drop(sender);
            blocking.await.unwrap();
            expect("blocking_tasks_and_local_sets::", [format!("{closure}: Finished")]).await;
            drop(waiting);
        });
    });
}
