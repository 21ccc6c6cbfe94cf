//! Locks, cells and pointers of other crates: one value, or none.

use crate::{Item, cases};
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use once_cell::{race, sync, unsync};
use std::sync::{Arc, Barrier};
use std::thread;
use thread_local::ThreadLocal;

cases! { cells_of_crates;
    "parking_lot, a mutex", 1, mutex;
    "parking_lot, a mutex of none", 0, mutex_of_none;
    "parking_lot, a rwlock", 3, rwlock;
    "parking_lot, reentrant", 1, reentrant;
    "once_cell, set", 1, once_sync;
    "once_cell, not set", 0, once_not_set;
    "once_cell, taken", 0, once_taken;
    "once_cell, unsync", 1, once_unsync;
    "once_cell, unsync and taken", 0, once_unsync_taken;
    "once_cell, lazy", 1, lazy;
    "once_cell, lazy and not yet", 1, lazy_not_yet;
    "once_cell, race", 1, race_box;
    "arc-swap", 1, arc_swap;
    "arc-swap, with a guard", 2, arc_swap_guarded;
    "arc-swap, none", 0, arc_swap_none;
    "bytes", 1, bytes_of_owner;
    "bytes, a slice", 1, bytes_of_slice;
    "thread_local", 3, thread_locals;
    "thread_local, cleared", 0, thread_locals_cleared;
}

cases! { cells_of_tokio;
    "a mutex", 1, tokio_mutex;
    "a rwlock", 2, tokio_rwlock;
    "a cell", 1, tokio_once;
    "a cell that is not set", 0, tokio_once_not_set;
    "a cell that was taken", 0, tokio_once_taken;
    "a set once", 1, tokio_set_once;
}

fn mutex<T: Item>() -> parking_lot::Mutex<T> {
    parking_lot::Mutex::new(T::new(1))
}

fn mutex_of_none<T: Item>() -> parking_lot::Mutex<Option<T>> {
    let mutex = parking_lot::Mutex::new(Some(T::new(1)));
    mutex.lock().take();
    mutex
}

fn rwlock<T: Item>() -> parking_lot::RwLock<Vec<T>> {
    let lock = parking_lot::RwLock::new((0..5).map(T::new).collect::<Vec<T>>());
    lock.write().truncate(3);
    lock
}

fn reentrant<T: Item>() -> parking_lot::ReentrantMutex<T> {
    parking_lot::ReentrantMutex::new(T::new(1))
}

fn once_sync<T: Item>() -> sync::OnceCell<T> {
    sync::OnceCell::with_value(T::new(1))
}

fn once_not_set<T: Item>() -> sync::OnceCell<T> {
    sync::OnceCell::new()
}

fn once_taken<T: Item>() -> sync::OnceCell<T> {
    let mut cell = once_sync();
    drop(cell.take());
    cell
}

fn once_unsync<T: Item>() -> unsync::OnceCell<T> {
    let cell = unsync::OnceCell::new();
    cell.get_or_init(|| T::new(1));
    cell
}

fn once_unsync_taken<T: Item>() -> unsync::OnceCell<T> {
    let mut cell = once_unsync();
    drop(cell.take());
    cell
}

fn lazy<T: Item>() -> sync::Lazy<T, Box<dyn FnOnce() -> T + Send>> {
    let captured = T::new(1);
    let lazy: sync::Lazy<T, Box<dyn FnOnce() -> T + Send>> = sync::Lazy::new(Box::new(move || captured.clone()));
    sync::Lazy::force(&lazy);
    lazy
}

fn lazy_not_yet<T: Item>() -> sync::Lazy<T, Box<dyn FnOnce() -> T + Send>> {
    let captured = T::new(1);
    sync::Lazy::new(Box::new(move || captured))
}

fn race_box<T: Item>() -> race::OnceBox<T> {
    let cell = race::OnceBox::new();
    cell.get_or_init(|| Box::new(T::new(1)));
    let _ = cell.set(Box::new(T::new(2)));
    cell
}

fn arc_swap<T: Item>() -> ArcSwap<T> {
    let cell = ArcSwap::from_pointee(T::new(1));
    cell.store(Arc::new(T::new(2)));
    cell.rcu(|old| T::clone(old));
    cell
}

fn arc_swap_guarded<T: Item>() -> (ArcSwap<T>, arc_swap::Guard<Arc<T>>) {
    let cell = ArcSwap::from_pointee(T::new(1));
    let guard = cell.load();
    cell.store(Arc::new(T::new(2)));
    (cell, guard)
}

fn arc_swap_none<T: Item>() -> ArcSwapOption<T> {
    let cell = ArcSwapOption::from_pointee(T::new(1));
    cell.store(None);
    cell
}

/// What bytes are made from: it keeps a value besides.
struct Buffer<T>(Vec<u8>, T);

impl<T> AsRef<[u8]> for Buffer<T> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn bytes_of_owner<T: Item>() -> Bytes {
    Bytes::from_owner(Buffer(vec![1, 2, 3], T::new(1)))
}

fn bytes_of_slice<T: Item>() -> Vec<Bytes> {
    let bytes: Bytes = bytes_of_owner::<T>();
    vec![bytes.slice(1..), bytes.slice(..1)]
}

fn thread_locals<T: Item>() -> Arc<ThreadLocal<T>> {
    let values = Arc::new(ThreadLocal::new());
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for id in 0..3 {
            let (values, barrier) = (&values, &barrier);
            scope.spawn(move || {
                values.get_or(|| T::new(id));
                barrier.wait();
            });
        }
    });
    values
}

fn thread_locals_cleared<T: Item>() -> ThreadLocal<T> {
    let mut values = Arc::into_inner(thread_locals()).unwrap();
    values.clear();
    values
}

fn tokio_mutex<T: Item>() -> tokio::sync::Mutex<T> {
    tokio::sync::Mutex::new(T::new(1))
}

fn tokio_rwlock<T: Item>() -> tokio::sync::RwLock<Vec<T>> {
    let lock = tokio::sync::RwLock::new((0..5).map(T::new).collect::<Vec<T>>());
    lock.try_write().unwrap().truncate(2);
    lock
}

fn tokio_once<T: Item>() -> tokio::sync::OnceCell<T> {
    let cell = tokio::sync::OnceCell::new();
    assert!(cell.set(T::new(1)).is_ok());
    cell
}

fn tokio_once_not_set<T: Item>() -> tokio::sync::OnceCell<T> {
    tokio::sync::OnceCell::new()
}

fn tokio_once_taken<T: Item>() -> tokio::sync::OnceCell<T> {
    let mut cell = tokio_once();
    drop(cell.take());
    cell
}

fn tokio_set_once<T: Item>() -> (tokio::sync::SetOnce<T>, tokio::sync::SetOnce<T>) {
    let cell = tokio::sync::SetOnce::new();
    assert!(cell.set(T::new(1)).is_ok());
    (cell, tokio::sync::SetOnce::new())
}
