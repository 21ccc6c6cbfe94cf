//! Messages that were sent and not received.

use crate::{Item, cases};
use std::sync::mpsc as std_mpsc;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

cases! { channels_of_std;
    "unbounded, some received", 60, std_unbounded;
    "unbounded, all received", 0, std_unbounded_emptied;
    "unbounded, never used", 0, std_unbounded_unused;
    "unbounded, the receiver is gone", 0, std_unbounded_without_receiver;
    "unbounded, the senders are gone", 35, std_unbounded_without_senders;
    "bounded, some received", 3, std_bounded;
    "bounded, full", 5, std_bounded_full;
    "bounded, went round", 4, std_bounded_went_round;
    "bounded, emptied", 0, std_bounded_emptied;
    "bounded to one", 1, std_bounded_to_one;
    "bounded, the receiver is gone", 0, std_bounded_without_receiver;
    "bounded, the senders are gone", 2, std_bounded_without_senders;
    "without room", 0, std_rendezvous;
    "receivers in messages", 3, std_nested;
}

type StdChannel<T> = (std_mpsc::Sender<T>, std_mpsc::Receiver<T>);
type StdBounded<T> = (std_mpsc::SyncSender<T>, std_mpsc::Receiver<T>);

fn send_and_receive<T: Item>(sent: u64, received: u64) -> StdChannel<T> {
    let (sender, receiver) = std_mpsc::channel();
    (0..sent).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..received).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

fn std_unbounded<T: Item>() -> StdChannel<T> {
    send_and_receive(100, 40)
}

fn std_unbounded_emptied<T: Item>() -> StdChannel<T> {
    send_and_receive(40, 40)
}

fn std_unbounded_unused<T: Item>() -> StdChannel<T> {
    send_and_receive(0, 0)
}

fn std_unbounded_without_receiver<T: Item>() -> std_mpsc::Sender<T> {
    let (sender, _) = send_and_receive(40, 3);
    drop(sender.send(T::new(7)).unwrap_err());
    sender
}

fn std_unbounded_without_senders<T: Item>() -> std_mpsc::Receiver<T> {
    send_and_receive(40, 5).1
}

fn bounded<T: Item>(bound: usize, sent: u64, received: u64) -> StdBounded<T> {
    let (sender, receiver) = std_mpsc::sync_channel(bound);
    (0..sent).for_each(|id| sender.try_send(T::new(id)).unwrap());
    (0..received).for_each(|_| drop(receiver.recv().unwrap()));
    (sender, receiver)
}

fn std_bounded<T: Item>() -> StdBounded<T> {
    bounded(7, 5, 2)
}

fn std_bounded_full<T: Item>() -> StdBounded<T> {
    bounded(5, 5, 0)
}

fn std_bounded_went_round<T: Item>() -> StdBounded<T> {
    let (sender, receiver) = bounded(5, 4, 0);
    for id in 0..23 {
        sender.try_send(T::new(id)).unwrap();
        drop(receiver.recv().unwrap());
    }
    (sender, receiver)
}

fn std_bounded_emptied<T: Item>() -> StdBounded<T> {
    bounded(4, 4, 4)
}

fn std_bounded_to_one<T: Item>() -> StdBounded<T> {
    bounded(1, 1, 0)
}

fn std_bounded_without_receiver<T: Item>() -> std_mpsc::SyncSender<T> {
    bounded(5, 5, 1).0
}

fn std_bounded_without_senders<T: Item>() -> std_mpsc::Receiver<T> {
    bounded(5, 4, 2).1
}

fn std_rendezvous<T: Item>() -> StdBounded<T> {
    let (sender, receiver) = std_mpsc::sync_channel(0);
    let last = sender.clone();
    let other = std::thread::spawn(move || sender.send(T::new(0)).unwrap());
    drop(receiver.recv().unwrap());
    other.join().unwrap();
    (last, receiver)
}

fn std_nested<T: Item>() -> StdChannel<std_mpsc::Receiver<T>> {
    let (sender, receiver) = std_mpsc::channel();
    sender.send(std_bounded_without_senders::<T>()).unwrap();
    sender.send(bounded(3, 1, 0).1).unwrap();
    (sender, receiver)
}

cases! { channels_of_tokio [Plain, Owning, Nothing];
    "mpsc, some received", 60, tokio_unbounded;
    "mpsc, bounded, all received", 0, tokio_bounded;
    "oneshot, sent", 1, tokio_oneshot;
    "oneshot, received", 0, tokio_oneshot_received;
    "oneshot, receiver dropped", 0, tokio_oneshot_closed;
    "watch", 1, tokio_watch;
    "watch of none", 0, tokio_watch_none;
    "broadcast, received by some", 5, tokio_broadcast;
    "broadcast, received by all", 0, tokio_broadcast_received;
    "broadcast, lagged", 8, tokio_broadcast_lagged;
    "broadcast, one receiver dropped", 3, tokio_broadcast_dropped;
}

fn tokio_unbounded<T: Item>() -> (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    (0..100).for_each(|id| sender.send(T::new(id)).unwrap());
    (0..40).for_each(|_| drop(receiver.try_recv().unwrap()));
    (sender, receiver)
}

fn tokio_bounded<T: Item>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    let (sender, mut receiver) = mpsc::channel(8);
    for id in 0..80 {
        sender.try_send(T::new(id)).unwrap();
        drop(receiver.try_recv().unwrap());
    }
    (sender, receiver)
}

type Oneshot<T> = (Option<oneshot::Sender<T>>, oneshot::Receiver<T>);

fn tokio_oneshot<T: Item>() -> Oneshot<T> {
    let (sender, receiver) = oneshot::channel();
    sender.send(T::new(1)).ok().unwrap();
    (None, receiver)
}

fn tokio_oneshot_received<T: Item>() -> Oneshot<T> {
    let (_, mut receiver) = tokio_oneshot();
    drop(receiver.try_recv().unwrap());
    (None, receiver)
}

fn tokio_oneshot_closed<T: Item>() -> Oneshot<T> {
    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    assert!(sender.send(T::new(1)).is_err());
    (None, receiver)
}

fn tokio_watch<T: Item>() -> (watch::Sender<Option<T>>, watch::Receiver<Option<T>>) {
    let (sender, receiver) = watch::channel(Some(T::new(1)));
    sender.send(Some(T::new(2))).ok().unwrap();
    (sender, receiver)
}

fn tokio_watch_none<T: Item>() -> (watch::Sender<Option<T>>, watch::Receiver<Option<T>>) {
    let (sender, receiver) = tokio_watch();
    sender.send(None).ok().unwrap();
    (sender, receiver)
}

type Broadcast<T> = (broadcast::Sender<T>, Vec<broadcast::Receiver<T>>);

/// Five values, of which the first of two receivers has got two.
fn tokio_broadcast<T: Item>() -> Broadcast<T> {
    let (sender, mut first) = broadcast::channel(8);
    let second = sender.subscribe();
    (0..5).for_each(|id| assert!(sender.send(T::new(id)).is_ok()));
    (0..2).for_each(|_| drop(first.try_recv().unwrap()));
    (sender, vec![first, second])
}

fn tokio_broadcast_received<T: Item>() -> Broadcast<T> {
    let (sender, mut receivers) = tokio_broadcast();
    for receiver in &mut receivers {
        while receiver.try_recv().is_ok() {}
    }
    (sender, receivers)
}

fn tokio_broadcast_lagged<T: Item>() -> Broadcast<T> {
    let (sender, receivers) = tokio_broadcast();
    (0..50).for_each(|id| assert!(sender.send(T::new(id)).is_ok()));
    (sender, receivers)
}

fn tokio_broadcast_dropped<T: Item>() -> Broadcast<T> {
    let (sender, mut receivers) = tokio_broadcast();
    drop(receivers.pop());
    (sender, receivers)
}
