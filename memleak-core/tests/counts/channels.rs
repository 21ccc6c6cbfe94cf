//! Messages that were sent and not received.

use crate::{Item, cases};
use tokio::sync::mpsc;

cases! { channels_of_tokio;
    "mpsc, some received", 60, tokio_unbounded;
    "mpsc, bounded, all received", 0, tokio_bounded;
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
