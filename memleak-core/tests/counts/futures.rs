//! Futures in all their states, and what is made of futures.

#![expect(clippy::redundant_async_block, reason = "the futures are what is tested")]

use crate::{Item, cases, many, unsure, upto};
use futures_util::future::{self, BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Boxed<O> = Pin<Box<dyn Future<Output = O> + Send>>;

fn polled<F: Future + ?Sized>(mut future: Pin<Box<F>>) -> Pin<Box<F>> {
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    future
}

cases! { futures;
    "one that was never polled", 3, unresumed;
    "one that has ended", 0, returned;
    "one that has panicked", 0, panicked;
    "ready results that nobody took", 2, ready;
    "many at once", 4, joined;
    "many at once, some ended", 3, joined_with_results;
    "one of two", 2, one_of_two;
    "an optional one", 2, optional;
    "a stream", 4, streamed;
    "a stream with a buffer", 3, buffered;
    "an async closure", 1, closure;
    "a chain of combinators", 2, chained;
}

fn unresumed<T: Item>() -> (Boxed<()>, impl Future<Output = ()>) {
    async fn with<T>(_value: T, _more: Vec<T>) {}
    let value = T::new(1);
    (Box::pin(async move { drop(value) }), with(T::new(1), upto(1)))
}

fn returned<T: Item>() -> (Boxed<()>, Pin<Box<impl Future<Output = u64>>>) {
    async fn with<T: Item>(value: T) -> u64 {
        yield_once().await;
        black_box(&value);
        1
    }
    let value = T::new(1);
    (polled(Box::pin(async move { drop(value) })), polled(polled(Box::pin(with(T::new(1))))))
}

async fn yield_once() {
    let mut polled = false;
    poll_fn(|_| {
        polled = !polled;
        if polled { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

fn panicked<T: Item>() -> Boxed<()> {
    let (value, other) = (T::new(1), T::new(2));
    let mut future: Boxed<()> = Box::pin(async move {
        yield_once().await;
        black_box(&value);
        drop(other);
        std::panic::resume_unwind(Box::new(()));
    });
    future = polled(future);
    let caught = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
    assert!(caught.is_err());
    future
}

fn moved_without_a_borrow<T: Item>() -> Boxed<()> {
    let value = T::new(1);
    polled(Box::pin(async move {
        drop(value);
        let other = T::new(2);
        drop(other);
        pending::<()>().await;
    }))
}

/// The awaited future was never polled: its captures are there. Once polled, they are locals that may have been moved on.
struct Never<T>(T);

impl<T> Future for Never<T> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn in_awaitee<T: Item>() -> (Boxed<()>, Boxed<()>) {
    let (first, second) = (T::new(1), T::new(2));
    let outer = async move { async move { Never(second).await }.await };
    (polled(Box::pin(async move { Never(first).await })), polled(Box::pin(outer)))
}

fn ready<T: Item>() -> (std::future::Ready<T>, future::Ready<Vec<T>>, Box<std::future::Ready<T>>) {
    let mut taken = Box::new(std::future::ready(T::new(1)));
    let Poll::Ready(value) = Pin::new(&mut *taken).poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
    drop(value);
    (std::future::ready(T::new(1)), future::ready(upto(1)), taken)
}

fn joined<T: Item>() -> Boxed<Vec<()>> {
    polled(Box::pin(future::join_all(many::<T>(4).map(Never))))
}

fn joined_with_results<T: Item>() -> Boxed<Vec<T>> {
    let one = |(id, value): (usize, T)| -> Boxed<T> {
        match id % 2 {
            0 => Box::pin(future::ready(value)),
            _ => Box::pin(Never(value).map(|()| T::new(9))),
        }
    };
    polled(Box::pin(future::join_all(many::<T>(3).enumerate().map(one))))
}

fn one_of_two<T: Item>() -> Boxed<()> {
    let (first, second) = (T::new(1), T::new(2));
    polled(Box::pin(future::select(Never(first), Never(second)).map(drop)))
}

struct Holder<T> {
    _running: Option<BoxFuture<'static, T>>,
    _ended: Option<BoxFuture<'static, T>>,
}

fn optional<T: Item>() -> [Holder<T>; 2] {
    [1, 2].map(|id| {
        let (value, other) = (T::new(id), T::new(id));
        let mut ended = Some(async move { other }.boxed());
        ended.take();
        Holder { _running: Some(async move { value }.boxed()), _ended: ended }
    })
}

fn streamed<T: Item>() -> BoxStream<'static, T> {
    let mut stream = stream::iter(upto(6)).boxed();
    for _ in 0..2 {
        drop(stream.next().now_or_never().unwrap());
    }
    stream
}

fn buffered<T: Item>() -> BoxStream<'static, ()> {
    let mut stream = stream::iter(upto::<T>(3)).map(Never).buffer_unordered(2).boxed();
    assert!(stream.next().now_or_never().is_none());
    stream
}

fn closure<T: Item>() -> Box<dyn Fn() -> Boxed<()> + Send + Sync> {
    let value = T::new(1);
    let closure = async move || {
        black_box(&value);
    };
    let shared = std::sync::Arc::new(closure);
    Box::new(move || {
        let shared = std::sync::Arc::clone(&shared);
        Box::pin(async move { shared().await })
    })
}

fn captured_by_poll_fn<T: Item>() -> (Boxed<()>, Boxed<()>) {
    let (value, other) = (T::new(1), T::new(2));
    let waiting = poll_fn(move |_| {
        black_box(&value);
        Poll::<()>::Pending
    });
    let mut other = Some(other);
    let first = poll_fn(move |_| {
        black_box(&mut other);
        Poll::<()>::Pending
    });
    (polled(Box::pin(waiting)), polled(Box::pin(async move { first.await })))
}

fn chained<T: Item>() -> (Boxed<T>, Boxed<u64>) {
    let (value, other) = (T::new(1), T::new(2));
    let mapped = future::ready(value).map(|value| (value, 1)).then(|(value, _)| async move { value });
    let after = Never(other).then(|()| future::ready(1));
    (Box::pin(mapped), polled(Box::pin(after)))
}

// Locals that live across an await: a value that owns nothing cannot be told from what it left behind when it was moved.
unsure! { locals_of_suspended_futures;
    "one that has given up its values", 0, 0 + 1, moved_without_a_borrow;
    "one that awaits one that was given the values", 2, 2 + 3, in_awaitee;
    "a poll_fn", 2, 2 + 1, captured_by_poll_fn;
    "a local", 1, 0 + 1, local;
    "a boxed array", 3, 0 + 3, boxed_array;
    "a boxed array beside a value", 4, 4 + 0, boxed_array_and_value;
    "a local of each level", 3, 0 + 4, local_of_each_level;
    "an argument", 1, 0 + 1, argument;
    "a local that was lent and dropped", 0, 0 + 1, dropped_after_a_borrow;
    "a local that was lent and moved away", 1, 1 + 1, moved_after_a_borrow;
    "a local that was moved in one branch", 1, 0 + 2, moved_in_a_branch;
    "a local of a scope that has ended", 0, 0 + 0, scope_ended;
    "values of collections", 9, 3 + 6, collections_of_locals;
    "values of a collection that is iterated over", 2, 0 + 3, iterated;
    "values of a collection that is drained", 3, 0 + 4, drained;
    "values of a map that is iterated over", 17, 0 + 18, iterated_map;
    "one of several futures", 2, 0 + 2, selected;
}

fn local<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let value = T::new(1);
        pending::<()>().await;
        black_box(&value);
    }))
}

fn boxed_array<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let values: Box<[T; 3]> = upto(3).try_into().ok().unwrap();
        pending::<()>().await;
        black_box(&values);
    }))
}

fn boxed_array_and_value<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let values: (T, Box<[T; 3]>) = (T::new(1), upto(3).try_into().ok().unwrap());
        pending::<()>().await;
        black_box(&values);
    }))
}

fn local_of_each_level<T: Item>() -> Boxed<()> {
    async fn inner<T: Item>(value: T) {
        pending::<()>().await;
        black_box(&value);
    }
    async fn middle<T: Item>(value: T) {
        let other = T::new(2);
        inner(value).await;
        black_box(&other);
    }
    polled(Box::pin(async move {
        let value = T::new(1);
        middle(T::new(3)).await;
        black_box(&value);
    }))
}

fn argument<T: Item>() -> Pin<Box<impl Future<Output = ()> + Send>> {
    async fn with<T: Item>(value: T) {
        pending::<()>().await;
        black_box(&value);
    }
    polled(Box::pin(with(T::new(1))))
}

fn dropped_after_a_borrow<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let value = T::new(1);
        black_box(&value);
        drop(value);
        pending::<()>().await;
    }))
}

fn moved_after_a_borrow<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let value = T::new(1);
        black_box(&value);
        let boxed = Box::new(value);
        pending::<()>().await;
        black_box(&boxed);
    }))
}

fn moved_in_a_branch<T: Item>() -> (Boxed<()>, Boxed<()>) {
    let one = |moves: bool| -> Boxed<()> {
        Box::pin(async move {
            let value = T::new(1);
            black_box(&value);
            if black_box(moves) {
                drop(value);
            }
            pending::<()>().await;
        })
    };
    (polled(one(true)), polled(one(false)))
}

fn scope_ended<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        {
            let value = T::new(1);
            black_box(&value);
        }
        pending::<()>().await;
    }))
}

fn collections_of_locals<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let mut vec: Vec<T> = upto(5);
        let mut map: HashMap<u64, T> = many(5).map(|value| (T::alive(), value)).collect();
        let mut tree: BTreeMap<u64, T> = many(5).map(|value| (T::alive(), value)).collect();
        vec.truncate(3);
        (0..2).for_each(|_| {
            let key = *map.keys().next().unwrap();
            map.remove(&key);
            tree.pop_first();
        });
        pending::<()>().await;
        black_box((&vec, &map, &tree));
    }))
}

fn iterated<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let mut number = 0;
        for value in upto::<T>(5) {
            drop(value);
            number += 1;
            if number == 3 {
                pending::<()>().await;
            }
        }
    }))
}

fn selected<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let (first, second) = (T::new(1), T::new(2));
        tokio::select! {
            () = async { pending::<()>().await; black_box(&first); } => {}
            () = async move { pending::<()>().await; black_box(&second); } => {}
        }
    }))
}

/// Two are left to come, and one is behind the drained part.
fn drained<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let (mut vec, mut number) = (upto::<T>(6), 0);
        for value in vec.drain(1..5) {
            drop(value);
            number += 1;
            if number == 3 {
                vec_drained().await;
            }
        }
        black_box(&vec);
    }))
}

async fn vec_drained() {
    pending::<()>().await;
}

fn iterated_map<T: Item>() -> Boxed<()> {
    polled(Box::pin(async move {
        let map: BTreeMap<u64, T> = (0..20).map(|id| (id, T::new(id))).collect();
        black_box(&map);
        let mut number = 0;
        for (_, value) in map {
            drop(value);
            number += 1;
            if number == 3 {
                pending::<()>().await;
            }
        }
    }))
}
