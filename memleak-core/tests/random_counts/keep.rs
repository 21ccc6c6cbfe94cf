//! Places that outlive a program: statics, thread-locals of threads that live, stacks of threads that are parked.

use crate::shelf::Shelf;
use crate::values::Value;
use memleak_core::tracker;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, LazyLock, Mutex, OnceLock, RwLock};
use std::thread;

/// How many of each, for each shape of value.
const ROOMS: usize = 40;

/// Statics for values of one shape. Each is one program's.
pub struct Rooms<T: Value> {
    used: AtomicUsize,
    values: [Mutex<Option<T>>; ROOMS],
    once: [OnceLock<T>; ROOMS],
    shelves: [RwLock<Shelf<T>>; ROOMS],
}

impl<T: Value> Rooms<T> {
    pub const fn new() -> Rooms<T> {
        Rooms {
            used: AtomicUsize::new(0),
            values: [const { Mutex::new(None) }; ROOMS],
            once: [const { OnceLock::new() }; ROOMS],
            shelves: [const { RwLock::new(Shelf::Nothing) }; ROOMS],
        }
    }

    /// Keeps a shelf, and a value in each place that takes one, if there is room; says where.
    pub fn keep(&'static self, shelf: Shelf<T>, mut value: impl FnMut() -> T) -> Result<Vec<Range<u64>>, Shelf<T>> {
        let room = self.used.fetch_add(1, Ordering::Relaxed);
        if room >= ROOMS {
            return Err(shelf);
        }
        *self.values[room].lock().unwrap() = (!room.is_multiple_of(3)).then(&mut value);
        if room % 3 > 1 {
            let _ = self.once[room].set(value());
        }
        *self.shelves[room].write().unwrap() = shelf;
        Ok(told(|| [place(&self.values[room]), place(&self.once[room]), place(&self.shelves[room])].into()))
    }
}

/// Thread-locals for values of one shape.
pub struct ThreadRooms<T: Value> {
    direct: Cell<Option<T>>,
    once: OnceCell<T>,
    map: RefCell<Option<HashMap<u32, T>>>,
    shelf: RefCell<Shelf<T>>,
}

impl<T: Value> ThreadRooms<T> {
    pub const fn new() -> ThreadRooms<T> {
        ThreadRooms {
            direct: Cell::new(None),
            once: OnceCell::new(),
            map: RefCell::new(None),
            shelf: RefCell::new(Shelf::Nothing),
        }
    }

    fn keep(&self, shelf: Shelf<T>, mut value: impl FnMut() -> T) -> Vec<Range<u64>> {
        self.shelf.replace(shelf);
        self.direct.set(Some(value()));
        drop(self.direct.take());
        self.direct.set(Some(value()));
        self.map.replace(Some((0..3).map(|key| (key, value())).collect()));
        let _ = self.once.set(value());
        told(|| vec![place(self)])
    }
}

/// What is noted for the oracle is none of the program's memory.
fn told<T>(note: impl FnOnce() -> T) -> T {
    let _own = tracker::untracked();
    note()
}

fn place<T>(of: &T) -> Range<u64> {
    let start = (&raw const *of).addr() as u64;
    start..start + size_of::<T>() as u64
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads that do what they are asked to, and do not end.
static KEEPERS: LazyLock<Vec<Sender<Job>>> = LazyLock::new(|| {
    let keeper = || {
        let (sender, jobs) = channel::<Job>();
        thread::Builder::new().name("keeper".to_owned()).spawn(move || jobs.into_iter().for_each(|job| job())).unwrap();
        sender
    };
    (0..8).map(|_| keeper()).collect()
});

/// Starts what all programs share.
pub fn prepare() {
    LazyLock::force(&KEEPERS);
}

/// Keeps a shelf and some values in the thread-locals of a thread, if one is free; says where.
pub fn keep_in_thread<T: Value>(
    shelf: Shelf<T>,
    value: impl FnMut() -> T + Send + 'static,
) -> Result<Vec<Range<u64>>, Shelf<T>> {
    static USED: LazyLock<Mutex<HashMap<usize, usize>>> = LazyLock::new(Mutex::default);
    let keeper = told(|| {
        let mut used = USED.lock().unwrap();
        let next = used.entry(T::alive().as_ptr().addr()).or_default();
        *next += 1;
        *next - 1
    });
    let Some(keeper) = KEEPERS.get(keeper) else { return Err(shelf) };
    let places = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::new(Barrier::new(2));
    let (theirs, other) = (places.clone(), done.clone());
    let job = move || {
        *theirs.lock().unwrap() = T::thread_rooms().with(|rooms| rooms.keep(shelf, value));
        drop(theirs);
        other.wait();
    };
    keeper.send(Box::new(job)).unwrap();
    done.wait();
    let places = std::mem::take(&mut *places.lock().unwrap());
    Ok(places)
}

/// Leaves a container on the stack of a thread that is parked for good.
pub fn park_with<C: Send + 'static>(container: C) {
    let parked = Arc::new(Barrier::new(2));
    let other = parked.clone();
    thread::Builder::new()
        .name("parked".to_owned())
        .spawn(move || {
            let container = container;
            other.wait();
            loop {
                thread::park();
                black_box(&container);
            }
        })
        .unwrap();
    parked.wait();
}
