//! Queues and channels of other crates than tokio.

use crate::{Counter, Item, cases, count};
use async_channel as async_ch;
use crossbeam_channel as crossbeam;
use crossbeam_deque::{Injector, Steal, Stealer, Worker};
use crossbeam_epoch::{self as epoch, Atomic, Owned};
use crossbeam_queue::{ArrayQueue, SegQueue};
use futures_channel::{mpsc, oneshot};
use std::sync::atomic::Ordering;

cases! { channels_of_crossbeam;
    "bounded, some received", 5, bounded;
    "bounded, wrapped", 6, bounded_wrapped;
    "bounded, full", 8, bounded_full;
    "bounded, all received", 0, bounded_received;
    "bounded, receiver dropped", 5, bounded_disconnected;
    "bounded, sender dropped", 5, bounded_without_sender;
    "unbounded, some received", 60, unbounded;
    "unbounded, all received", 0, unbounded_received;
    "unbounded, a block ends", 31, unbounded_block_ends;
    "unbounded, never used", 0, unbounded_never;
    "unbounded, sender dropped", 60, unbounded_without_sender;
    "zero", 0, zero;
}

cases! { queues_of_crossbeam;
    "array, wrapped", 6, array_queue;
    "array, forced", 8, array_queue_forced;
    "array, full", 8, array_queue_full;
    "segments, some popped", 60, seg_queue;
    "segments, never used", 0, seg_queue_never;
    "injector, some stolen", 60, injector;
    "worker, some popped", 50, worker;
}

cases! { channels_of_others;
    "flume, bounded", 5, flume_bounded;
    "flume, unbounded", 60, flume_unbounded;
    "async-channel, bounded", 6, async_bounded;
    "async-channel, unbounded", 60, async_unbounded;
    "async-channel, one", 1, async_one;
    "async-channel, one received", 0, async_one_received;
    "async-channel, closed", 1, async_one_closed;
    "futures, unbounded", 60, futures_unbounded;
    "futures, bounded", 5, futures_bounded;
    "futures, oneshot", 1, futures_oneshot;
    "futures, oneshot received", 0, futures_oneshot_received;
}

type Crossbeam<T> = (crossbeam::Sender<T>, crossbeam::Receiver<T>);

fn bounded<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = crossbeam::bounded(8);
    (0..8).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..3).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

fn bounded_wrapped<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = bounded();
    for id in 0..50 {
        sender.send(T::new(id)).unwrap();
        drop(receiver.recv().unwrap());
    }
    sender.send(T::new(1)).unwrap();
    (sender, receiver)
}

fn bounded_full<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = bounded();
    (0..3).for_each(|id| sender.send(T::new(id)).unwrap());
    (sender, receiver)
}

fn bounded_received<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = bounded();
    receiver.try_iter().for_each(drop);
    (sender, receiver)
}

fn bounded_disconnected<T: Item>() -> crossbeam::Sender<T> {
    bounded().0
}

fn bounded_without_sender<T: Item>() -> crossbeam::Receiver<T> {
    bounded().1
}

fn unbounded<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = crossbeam::unbounded();
    (0..100).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..40).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

fn unbounded_received<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = unbounded();
    receiver.try_iter().for_each(drop);
    (sender, receiver)
}

fn unbounded_block_ends<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = crossbeam::unbounded();
    (0..62).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..31).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

fn unbounded_never<T: Item>() -> Crossbeam<T> {
    crossbeam::unbounded()
}

fn unbounded_without_sender<T: Item>() -> crossbeam::Receiver<T> {
    unbounded().1
}

fn zero<T: Item>() -> Crossbeam<T> {
    let (sender, receiver) = crossbeam::bounded(0);
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(T::new(1)).unwrap());
        drop(receiver.recv().unwrap());
    });
    (sender, receiver)
}

fn array_queue<T: Item>() -> ArrayQueue<T> {
    let queue = ArrayQueue::new(8);
    (0..6).for_each(|id| queue.push(T::new(id)).ok().unwrap());
    for id in 0..21 {
        queue.push(T::new(id)).ok().unwrap();
        drop(queue.pop().unwrap());
    }
    queue
}

fn array_queue_forced<T: Item>() -> ArrayQueue<T> {
    let queue = ArrayQueue::new(8);
    (0..21).for_each(|id| drop(queue.force_push(T::new(id))));
    queue
}

fn array_queue_full<T: Item>() -> ArrayQueue<T> {
    let queue = ArrayQueue::new(8);
    (0..8).for_each(|id| queue.push(T::new(id)).ok().unwrap());
    queue
}

fn seg_queue<T: Item>() -> SegQueue<T> {
    let queue = SegQueue::new();
    (0..100).for_each(|id| queue.push(T::new(id)));
    (0..40).for_each(|_| drop(queue.pop().unwrap()));
    queue
}

fn seg_queue_never<T: Item>() -> SegQueue<T> {
    SegQueue::new()
}

fn injector<T: Item>() -> Injector<T> {
    let queue = Injector::new();
    (0..100).for_each(|id| queue.push(T::new(id)));
    (0..40).for_each(|_| assert!(matches!(queue.steal(), Steal::Success(_))));
    queue
}

fn worker<T: Item>() -> (Worker<T>, Stealer<T>) {
    let queue = Worker::new_lifo();
    let stealer = queue.stealer();
    (0..100).for_each(|id| queue.push(T::new(id)));
    (0..40).for_each(|_| drop(queue.pop().unwrap()));
    (0..10).for_each(|_| assert!(matches!(stealer.steal(), Steal::Success(_))));
    (queue, stealer)
}

fn flume_bounded<T: Item>() -> (flume::Sender<T>, flume::Receiver<T>) {
    let (sender, receiver) = flume::bounded(8);
    (0..8).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..3).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

fn flume_unbounded<T: Item>() -> (flume::Sender<T>, flume::Receiver<T>) {
    let (sender, receiver) = flume::unbounded();
    (0..100).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..40).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

type Async<T> = (async_ch::Sender<T>, async_ch::Receiver<T>);

fn async_bounded<T: Item>() -> Async<T> {
    let (sender, receiver) = async_ch::bounded(8);
    (0..6).for_each(|id| sender.try_send(T::new(id)).unwrap());
    for id in 0..21 {
        sender.try_send(T::new(id)).unwrap();
        drop(receiver.try_recv().unwrap());
    }
    (sender, receiver)
}

fn async_unbounded<T: Item>() -> Async<T> {
    let (sender, receiver) = async_ch::unbounded();
    (0..100).for_each(|id| sender.try_send(T::new(id)).unwrap());
    (0..40).for_each(|_| drop(receiver.try_recv().unwrap()));
    (sender, receiver)
}

fn async_one<T: Item>() -> Async<T> {
    let (sender, receiver) = async_ch::bounded(1);
    sender.try_send(T::new(1)).unwrap();
    (sender, receiver)
}

fn async_one_received<T: Item>() -> Async<T> {
    let (sender, receiver) = async_one();
    drop(receiver.try_recv().unwrap());
    (sender, receiver)
}

fn async_one_closed<T: Item>() -> Async<T> {
    let (sender, receiver) = async_one();
    sender.close();
    (sender, receiver)
}

fn futures_unbounded<T: Item>() -> (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>) {
    let (sender, mut receiver) = mpsc::unbounded();
    (0..100).for_each(|id| sender.unbounded_send(T::new(id)).unwrap());
    (0..40).for_each(|_| drop(receiver.try_recv().unwrap()));
    (sender, receiver)
}

fn futures_bounded<T: Item>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    let (mut sender, mut receiver) = mpsc::channel(8);
    (0..8).for_each(|id| sender.try_send(T::new(id)).unwrap());
    (0..3).for_each(|_| drop(receiver.try_recv().unwrap()));
    (sender, receiver)
}

fn futures_oneshot<T: Item>() -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    sender.send(T::new(1)).ok().unwrap();
    receiver
}

fn futures_oneshot_received<T: Item>() -> oneshot::Receiver<T> {
    let mut receiver = futures_oneshot();
    drop(receiver.try_recv().unwrap());
    receiver
}

#[test]
fn garbage_of_crossbeam() {
    fn both(counter: &mut Counter) {
        counter.case_with_delay::<crate::Plain, _>("garbage", garbage::<crate::Plain>);
        counter.case_with_delay::<crate::Owning, _>("garbage", garbage::<crate::Owning>);
    }
    count("queues::garbage_of_crossbeam", both);
}

/// Values that were replaced and wait to be dropped.
fn garbage<T: Item>() -> Box<Atomic<T>> {
    let cell = Box::new(Atomic::new(T::new(0)));
    let guard = epoch::pin();
    for id in 1..10 {
        let old = cell.swap(Owned::new(T::new(id)), Ordering::SeqCst, &guard);
        // SAFETY: no thread can have got it since.
        unsafe { guard.defer_destroy(old) };
    }
    cell
}
