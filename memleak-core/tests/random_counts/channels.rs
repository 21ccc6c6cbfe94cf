//! Channels: what was sent and not received.

use crate::parts::{In, Part, one_of};
use crate::random::Random;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// How values go in and come out; `change` receives one.
macro_rules! channel {
    ($name:ty, $make:expr, |$to:ident, $part:ident| $send:expr, |$from:ident| $receive:expr) => {
        impl<T, E: Part<T, D>, D> Part<T, In<D>> for $name {
            fn made_of(value: T, luck: &mut Random) -> Self {
                let mut made: $name = $make;
                drop(made.put(value, luck));
                made
            }
            fn apart(mut self, out: &mut Vec<T>) {
                let $from = &mut self;
                while let Some(part) = $receive {
                    part.apart(out);
                }
            }
            fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
                let ($to, $part) = (self, E::made_of(value, luck));
                $send.and_then(one_of)
            }
            fn fetch(&mut self, _: &mut Random) -> Option<T> {
                let $from = self;
                $receive.and_then(one_of)
            }
            /// Many go through; so its blocks are used up and used again.
            fn change(&mut self, luck: &mut Random) {
                let $from = self;
                for _ in 0..luck.below(70) {
                    let Some($part) = $receive else { break };
                    let $to = &mut *$from;
                    drop($send);
                }
                if luck.below(2) == 0 {
                    drop($receive);
                }
            }
        }
    };
}
channel!((Sender<E>, Receiver<E>), channel(), |to, part| to.0.send(part).err().map(|error| error.0), |from| from
    .1
    .try_recv()
    .ok());
channel!(
    (SyncSender<E>, Receiver<E>),
    sync_channel(3),
    |to, part| to.0.try_send(part).err().map(|error| match error {
        std::sync::mpsc::TrySendError::Full(part) | std::sync::mpsc::TrySendError::Disconnected(part) => part,
    }),
    |from| from.1.try_recv().ok()
);
