//! What comes of tasks, and tasks that were not run to their end.

use crate::{Item, cases};
use futures_util::future::{self, Ready};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use std::future::pending;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{self, JoinSet, LocalSet};

cases! { tasks_of_tokio;
    "an output that nobody has read", 1, unread;
    "an output that was read", 0, read;
    "a panic that nobody has read", 0, panicked;
    "an aborted task", 0, aborted;
    "a task that has not begun", 2, waiting;
    "a set, some joined", 6, join_set;
    "a set, aborted", 0, join_set_aborted;
    "a local set", 3, local_set;
    "a blocking task's output", 1, blocking;
}

cases! { futures_of_futures;
    "unordered, some ready", 6, unordered;
    "unordered, finished", 0, unordered_finished;
    "ordered, some ready", 4, ordered;
    "shared, ready", 1, shared;
    "join all", 2, join_all;
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn unread<T: Item>() -> (Runtime, task::JoinHandle<T>) {
    let runtime = runtime();
    let handle = runtime.spawn(async { T::new(1) });
    runtime.block_on(task::yield_now());
    (runtime, handle)
}

fn read<T: Item>() -> (Runtime, task::JoinHandle<T>) {
    let (runtime, mut handle) = unread();
    drop(runtime.block_on(&mut handle).unwrap());
    (runtime, handle)
}

fn panicked<T: Item>() -> (Runtime, task::JoinHandle<T>) {
    let runtime = runtime();
    let value = T::new(1);
    let handle = runtime.spawn(async move {
        let _value = value;
        std::panic::resume_unwind(Box::new(1))
    });
    runtime.block_on(task::yield_now());
    (runtime, handle)
}

fn aborted<T: Item>() -> (Runtime, task::JoinHandle<()>) {
    let runtime = runtime();
    let value = T::new(1);
    let handle = runtime.spawn(async move {
        let _value = value;
        pending::<()>().await;
    });
    runtime.block_on(async {
        task::yield_now().await;
        handle.abort();
        task::yield_now().await;
    });
    (runtime, handle)
}

fn waiting<T: Item>() -> Runtime {
    let runtime = runtime();
    for id in 0..2 {
        let value = T::new(id);
        runtime.spawn(async move { drop(value) });
    }
    runtime
}

fn join_set<T: Item>() -> (Runtime, JoinSet<T>) {
    let runtime = runtime();
    let mut set = JoinSet::new();
    runtime.block_on(async {
        (0..10).for_each(|id| drop(set.spawn(async move { T::new(id) })));
        for _ in 0..4 {
            drop(set.join_next().await.unwrap().unwrap());
        }
    });
    (runtime, set)
}

fn join_set_aborted<T: Item>() -> (Runtime, JoinSet<T>) {
    let (runtime, mut set) = join_set();
    runtime.block_on(set.shutdown());
    (runtime, set)
}

/// A thread that has something that no other may have.
struct Held(Option<JoinHandle<()>>, Option<mpsc::Sender<()>>);

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.1.take());
        self.0.take().unwrap().join().unwrap();
    }
}

fn local_set<T: Item>() -> Held {
    let (end, wait) = mpsc::channel();
    let (ready, made) = mpsc::channel();
    let thread = thread::spawn(move || {
        let runtime = runtime();
        let set = Box::new(LocalSet::new());
        for id in 0..3 {
            let value = Box::new(T::new(id));
            set.spawn_local(async move {
                let value = value;
                pending::<()>().await;
                drop(value);
            });
        }
        runtime.block_on(set.run_until(task::yield_now()));
        ready.send(()).unwrap();
        assert!(wait.recv().is_err());
    });
    made.recv().unwrap();
    Held(Some(thread), Some(end))
}

fn blocking<T: Item>() -> (Runtime, task::JoinHandle<T>) {
    let runtime = runtime();
    let handle = runtime.spawn_blocking(|| T::new(1));
    while !handle.is_finished() {
        thread::yield_now();
    }
    (runtime, handle)
}

fn unordered<T: Item>() -> FuturesUnordered<Ready<T>> {
    let mut futures: FuturesUnordered<_> = (0..10).map(|id| future::ready(T::new(id))).collect();
    (0..4).for_each(|_| drop(futures.next().now_or_never().unwrap()));
    futures
}

fn unordered_finished<T: Item>() -> FuturesUnordered<Ready<T>> {
    let mut futures = unordered();
    while futures.next().now_or_never().unwrap().is_some() {}
    futures
}

fn ordered<T: Item>() -> FuturesOrdered<Ready<T>> {
    let mut futures: FuturesOrdered<_> = (0..10).map(|id| future::ready(T::new(id))).collect();
    (0..6).for_each(|_| drop(futures.next().now_or_never().unwrap()));
    futures
}

fn shared<T: Item>() -> future::Shared<Ready<T>> {
    let shared = future::ready(T::new(1)).shared();
    let other = shared.clone();
    drop(other.now_or_never());
    shared
}

fn join_all<T: Item>() -> std::pin::Pin<Box<dyn Future<Output = Vec<T>> + Send>> {
    let wait = |id| if id == 2 { future::pending().left_future() } else { future::ready(T::new(id)).right_future() };
    let mut all = Box::pin(future::join_all((0..3).map(wait)));
    assert!(all.as_mut().now_or_never().is_none());
    all
}
