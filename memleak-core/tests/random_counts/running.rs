//! What holds parts while it waits: closures, lazy values and futures.

use crate::cells::Lazy;
use crate::parts::{In, Part, one_of};
use crate::random::Random;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

/// A boxed closure that gives a part when it is called.
pub type Once<E> = Box<dyn FnOnce() -> E + Send>;

fn once<E: Send + 'static>(part: E, luck: &mut Random) -> Once<E> {
    match luck.below(3) {
        0 => Box::new(move || part),
        1 => {
            let boxed = Box::new(part);
            Box::new(move || *boxed)
        }
        _ => {
            let inner = once(part, &mut Random(0));
            let name = "a name".to_owned();
            Box::new(move || {
                drop(name);
                inner()
            })
        }
    }
}

impl<T, E: Part<T, D> + Send + 'static, D> Part<T, In<D>> for Once<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        once(E::made_of(value, luck), luck)
    }
    fn apart(self, out: &mut Vec<T>) {
        self().apart(out);
    }
    fn put(&mut self, value: T, _: &mut Random) -> Option<T> {
        Some(value)
    }
    fn fetch(&mut self, _: &mut Random) -> Option<T> {
        None
    }
    fn change(&mut self, _: &mut Random) {}
}

/// What is asked of a [`Called`].
pub enum Ask<T> {
    Put(T),
    Take,
    Change,
    End,
}

/// A boxed closure that changes what it has captured, an `E`.
pub struct Called<T, E>(Answer<T>, PhantomData<E>);

type Answer<T> = Box<dyn FnMut(Ask<T>, &mut Random, &mut Vec<T>)>;

impl<T: 'static, E: Part<T, D> + 'static, D> Part<T, In<D>> for Called<T, E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let (mut captured, other) = (Some(E::made_of(value, luck)), vec!["captured".to_owned()]);
        let called = move |ask, luck: &mut Random, out: &mut Vec<T>| match (ask, &mut captured) {
            (Ask::Put(value), Some(part)) => out.extend(part.put(value, luck)),
            (Ask::Put(value), None) => captured = Some(E::made_of(value, luck)),
            (Ask::Take, part) => out.extend(part.take().and_then(one_of)),
            (Ask::Change, part) => part.change(luck),
            (Ask::End, part) => {
                black_box(&other);
                part.take().into_iter().for_each(|part| part.apart(out));
            }
        };
        Called(Box::new(called), PhantomData)
    }
    fn apart(mut self, out: &mut Vec<T>) {
        (self.0)(Ask::End, &mut Random(0), out);
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let mut out = Vec::new();
        (self.0)(Ask::Put(value), luck, &mut out);
        out.pop()
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let mut out = Vec::new();
        (self.0)(Ask::Take, luck, &mut out);
        out.pop()
    }
    fn change(&mut self, luck: &mut Random) {
        (self.0)(Ask::Change, luck, &mut Vec::new());
    }
}

impl<T, E: Part<T, D> + Send + 'static, D> Part<T, In<D>> for Lazy<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let part = E::made_of(value, luck);
        let make = if luck.below(2) == 0 { once(part, luck) } else { Box::new(move || part) };
        LazyLock::new(make)
    }
    fn apart(self, _: &mut Vec<T>) {}
    fn put(&mut self, value: T, _: &mut Random) -> Option<T> {
        Some(value)
    }
    fn fetch(&mut self, _: &mut Random) -> Option<T> {
        None
    }
    fn change(&mut self, _: &mut Random) {
        LazyLock::force(self);
    }
}

/// A future, and what it gave once it had ended. Its memory stays.
pub struct Running<E> {
    future: Waiting<E>,
    ended: bool,
    given: Option<E>,
}

type Waiting<E> = Pin<Box<dyn Future<Output = Option<E>>>>;

impl<T: 'static, E: Part<T, D> + 'static, D: 'static> Part<T, In<D>> for Running<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let polled = luck.below(4);
        let future = future(E::made_of(value, luck), luck.next());
        let mut running = Running { future, ended: false, given: None };
        (0..polled).for_each(|_| running.poll());
        running
    }
    fn apart(mut self, out: &mut Vec<T>) {
        while !self.ended {
            self.poll();
        }
        self.given.apart(out);
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        if self.ended { self.given.put(value, luck) } else { Some(value) }
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        self.given.fetch(luck)
    }
    fn change(&mut self, luck: &mut Random) {
        if self.ended { self.given.change(luck) } else { self.poll() }
    }
}

impl<E> Running<E> {
    fn poll(&mut self) {
        if self.ended {
            return;
        }
        if let Poll::Ready(part) = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.ended = true;
            self.given = part;
        }
    }
}

/// Waits to be polled once more.
async fn pause() {
    let mut polled = false;
    poll_fn(|_| if mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn future<T: 'static, E: Part<T, D> + 'static, D: 'static>(part: E, luck: u64) -> Waiting<E> {
    match luck % 10 {
        0 => Box::pin(kept(part)),
        1 => Box::pin(moved_on(part)),
        2 => Box::pin(boxed(part)),
        3 => Box::pin(dropped_before(part, luck)),
        4 => Box::pin(taken_from(part, luck)),
        5 => Box::pin(awaited(part)),
        6 => Box::pin(borrowed(part)),
        7 => Box::pin(of_another(part)),
        8 => Box::pin(drained(part, luck)),
        _ => Box::pin(async move {
            pause().await;
            let inner = async { Some(part) };
            pause().await;
            inner.await
        }),
    }
}

async fn kept<E>(part: E) -> Option<E> {
    pause().await;
    pause().await;
    Some(part)
}

async fn moved_on<E>(part: E) -> Option<E> {
    let first = part;
    pause().await;
    let second = black_box(first);
    pause().await;
    Some(second)
}

async fn boxed<E>(part: E) -> Option<E> {
    let boxed = Box::new(part);
    pause().await;
    let list = vec![*boxed];
    pause().await;
    list.into_iter().next()
}

/// Gives another part than it got, and lets go of that before it waits.
async fn dropped_before<T, E: Part<T, D>, D>(part: E, luck: u64) -> Option<E> {
    let mut luck = Random(luck);
    let mut values = Vec::new();
    part.apart(&mut values);
    let next = values.pop().map(|value| E::made_of(value, &mut luck));
    drop(values);
    pause().await;
    next
}

async fn taken_from<T, E: Part<T, D>, D>(part: E, luck: u64) -> Option<E> {
    let (mut luck, mut part) = (Random(luck), part);
    let value = part.fetch(&mut luck);
    pause().await;
    if let Some(value) = value {
        drop(part.put(value, &mut luck));
    }
    pause().await;
    Some(part)
}

async fn awaited<E>(part: E) -> Option<E> {
    let part = kept(part).await?;
    pause().await;
    moved_on(part).await
}

async fn borrowed<T, E: Part<T, D>, D>(part: E) -> Option<E> {
    let mut part = part;
    let reference = &mut part;
    pause().await;
    reference.change(&mut Random(3));
    pause().await;
    Some(part)
}

/// The part is in another future, which this one holds without waiting for it, and then waits for.
async fn of_another<E: 'static>(part: E) -> Option<E> {
    let mut inner: Waiting<E> = Box::pin(kept(part));
    let first = inner.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    pause().await;
    inner.await
}

/// Waits in the middle of a loop over values that are drained from a list.
async fn drained<T, E: Part<T, D>, D>(part: E, luck: u64) -> Option<E> {
    let mut luck = Random(luck);
    let mut values = Vec::new();
    part.apart(&mut values);
    let mut all: Option<E> = None;
    for value in values.drain(..) {
        match &mut all {
            None => all = Some(E::made_of(value, &mut luck)),
            Some(part) => drop(part.put(value, &mut luck)),
        }
        pause().await;
    }
    all
}
