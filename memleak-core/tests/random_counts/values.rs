//! What is counted: values of several shapes, each with a drop counter.

use crate::keep::{Rooms, ThreadRooms};
use memleak_core::tracker;
use std::collections::VecDeque;
use std::hash::Hash;
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::LocalKey;

/// More values than a run has.
const VALUES: usize = 4_000_000;

static DROPPED: LazyLock<Box<[AtomicBool]>> = LazyLock::new(|| {
    let _own = tracker::untracked();
    (0..VALUES).map(|_| AtomicBool::new(false)).collect()
});

/// Whether the value with this number was dropped.
pub fn was_dropped(id: u32) -> bool {
    DROPPED.get(id as usize).is_none_or(|dropped| dropped.load(Ordering::Relaxed))
}

fn dropped(id: u32) {
    assert!(!DROPPED[id as usize].swap(true, Ordering::Relaxed), "value {id} was dropped twice");
}

/// A value with a drop counter.
pub trait Value: Sized + Eq + Ord + Hash + Send + Sync + Unpin + 'static {
    /// Where in a value its number is; none if it has none.
    const NUMBER_AT: Option<usize>;

    /// Whether it has pointers that own something.
    const OWNS: bool;

    fn new(id: u32) -> Self;

    /// How many there are that have not been dropped.
    fn alive() -> &'static AtomicU64;

    /// Statics for values of this shape.
    fn rooms() -> &'static Rooms<Self>;

    /// A thread-local for values of this shape.
    fn thread_rooms() -> &'static LocalKey<ThreadRooms<Self>>;
}

macro_rules! value {
    ($name:ident, $number_at:expr, $owns:expr, |$id:ident| $make:expr, |$old:ident| $drop:expr) => {
        impl Value for $name {
            const NUMBER_AT: Option<usize> = $number_at;
            const OWNS: bool = $owns;

            fn new($id: u32) -> $name {
                Self::alive().fetch_add(1, Ordering::Relaxed);
                $make
            }

            fn alive() -> &'static AtomicU64 {
                static ALIVE: AtomicU64 = AtomicU64::new(0);
                &ALIVE
            }

            fn rooms() -> &'static Rooms<$name> {
                static ROOMS: Rooms<$name> = Rooms::new();
                &ROOMS
            }

            fn thread_rooms() -> &'static LocalKey<ThreadRooms<$name>> {
                thread_local! {
                    static ROOMS: ThreadRooms<$name> = const { ThreadRooms::new() };
                }
                &ROOMS
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                Self::alive().fetch_sub(1, Ordering::Relaxed);
                let $old: &mut $name = self;
                $drop
            }
        }
    };
}

/// Owns nothing.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plain {
    id: u32,
    more: u64,
}
value!(Plain, Some(offset_of!(Plain, id)), false, |id| Plain { id, more: 77 }, |old| dropped(old.id));

/// Owns a string, which may be empty and then owns nothing.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named {
    id: u32,
    name: String,
}
value!(
    Named,
    Some(offset_of!(Named, id)),
    true,
    |id| Named { id, name: if id.is_multiple_of(8) { String::new() } else { format!("value {id}") } },
    |old| dropped(old.id)
);

/// Owns a box, whose niche says whether an `Option` is a `Some`.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boxed {
    inner: Box<u64>,
    id: u32,
}
value!(Boxed, Some(offset_of!(Boxed, id)), true, |id| Boxed { inner: Box::new(5), id }, |old| dropped(old.id));

/// One variant owns something, the others nothing.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    Full(String),
    Half(u32),
    Empty,
}
value!(
    Choice,
    None,
    true,
    |id| match id % 3 {
        0 => Choice::Full(format!("value {id}")),
        1 => Choice::Half(id),
        _ => Choice::Empty,
    },
    |_old| ()
);

/// One byte.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tiny(u8);
value!(Tiny, None, false, |id| Tiny(id as u8), |_old| ());

/// Has a container with boxes in it.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nested {
    id: u32,
    queue: VecDeque<Option<Box<u32>>>,
}
value!(
    Nested,
    Some(offset_of!(Nested, id)),
    true,
    |id| Nested { id, queue: (0..id % 3).map(|n| (n != 1).then(|| Box::new(n))).collect() },
    |old| dropped(old.id)
);

/// The `Arc` of the last [`Counted`].
static LAST: Mutex<Option<Arc<u64>>> = Mutex::new(None);

/// No [`Counted`] that comes shares an `Arc` with one that has been: what one program leaves behind would be taken for what another keeps.
pub fn begin() {
    LAST.lock().unwrap().take();
}

/// Owns a part of an `Arc`, which others own as well.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    id: u32,
    shared: Arc<u64>,
}
value!(
    Counted,
    Some(offset_of!(Counted, id)),
    true,
    |id| {
        let mut last = LAST.lock().unwrap();
        let shared = match last.take() {
            Some(shared) if !id.is_multiple_of(4) => shared,
            _ => Arc::new(9),
        };
        *last = Some(shared.clone());
        Counted { id, shared }
    },
    |old| dropped(old.id)
);
