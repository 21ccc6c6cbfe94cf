//! Values in cells, locks, enums and smart pointers of the standard library, and the results of threads.

use crate::{Item, Still, cases, many, unsure, upto};
use std::borrow::Cow;
use std::cell::{Cell, LazyCell, OnceCell, RefCell, UnsafeCell};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::{self, Rc};
use std::sync::{self, Arc, LazyLock, Mutex, OnceLock, RwLock};
use std::task::Poll;
use std::thread::{self, JoinHandle};

cases! { cells [Plain, Owning, Tiny, Nothing];
    "cells of options", 3, cells_of_options;
    "a RefCell that is borrowed", 2, ref_cell;
    "mutexes", 2, mutexes;
    "a poisoned mutex", 1, poisoned_mutex;
    "read-write locks", 2, rw_locks;
    "OnceCells", 1, once_cells;
    "OnceLocks", 1, once_locks;
    "OnceLocks that were taken", 0, once_locks_taken;
    "LazyCells", 1, lazy_cells;
    "LazyLocks", 1, lazy_locks;
    "a poisoned LazyLock", 0, poisoned_lazy_lock;
    "UnsafeCells", 1, unsafe_cell;
}

cases! { captured_values [Plain, Owning, Tiny];
    "LazyLocks with a captured value", 2, lazy_locks_with_capture;
}

fn cells_of_options<T: Item>() -> Vec<Cell<Option<T>>> {
    let cells: Vec<_> = many(5).map(|value| Cell::new(Some(value))).collect();
    drop((cells[1].take(), cells[4].replace(None)));
    cells
}

fn ref_cell<T: Item>() -> Still<Rc<RefCell<Vec<T>>>> {
    let cell = Rc::new(RefCell::new(upto(3)));
    cell.borrow_mut().pop();
    std::mem::forget(cell.borrow());
    Still(cell)
}

fn mutexes<T: Item>() -> Vec<Arc<Mutex<Option<T>>>> {
    let mutexes: Vec<_> = many(3).map(|value| Arc::new(Mutex::new(Some(value)))).collect();
    drop(mutexes[1].lock().unwrap().take());
    mutexes
}

fn poisoned_mutex<T: Item>() -> Arc<Mutex<T>> {
    let mutex = Arc::new(Mutex::new(T::new(1)));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock().unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(caught.is_err() && mutex.is_poisoned());
    mutex
}

fn rw_locks<T: Item>() -> (RwLock<T>, RwLock<Option<T>>, Box<RwLock<Vec<T>>>) {
    let (first, second, third) = (RwLock::new(T::new(1)), RwLock::new(Some(T::new(2))), RwLock::new(upto(1)));
    second.write().unwrap().take();
    third.write().unwrap().pop();
    third.write().unwrap().push(T::new(2));
    (first, second, Box::new(third))
}

fn once_cells<T: Item>() -> [OnceCell<T>; 3] {
    let mut cells = [OnceCell::new(), OnceCell::new(), OnceCell::new()];
    cells[0].get_or_init(|| T::new(1));
    cells[1].get_or_init(|| T::new(1));
    cells[1].take();
    cells
}

fn once_locks<T: Item>() -> [OnceLock<T>; 2] {
    let cells = [OnceLock::new(), OnceLock::new()];
    cells[1].get_or_init(|| T::new(1));
    cells
}

fn once_locks_taken<T: Item>() -> Vec<OnceLock<T>> {
    let mut cells = Vec::from(once_locks());
    drop(cells[1].take());
    cells
}

fn lazy_cells<T: Item>() -> [LazyCell<T, fn() -> T>; 2] {
    let cells = [LazyCell::new((|| T::new(1)) as fn() -> T), LazyCell::new(|| T::new(2))];
    LazyCell::force(&cells[0]);
    cells
}

fn lazy_locks<T: Item>() -> [LazyLock<T, fn() -> T>; 2] {
    let cells = [LazyLock::new((|| T::new(1)) as fn() -> T), LazyLock::new(|| T::new(2))];
    LazyLock::force(&cells[0]);
    cells
}

/// One is not forced yet and holds what it captured; the other has made its value of it.
fn lazy_locks_with_capture<T: Item>() -> [LazyLock<Vec<T>, Box<dyn FnOnce() -> Vec<T> + Send>>; 2] {
    let make = |value: T| -> Box<dyn FnOnce() -> Vec<T> + Send> { Box::new(move || vec![value]) };
    let cells = [LazyLock::new(make(T::new(1))), LazyLock::new(make(T::new(2)))];
    LazyLock::force(&cells[0]);
    cells
}

fn poisoned_lazy_lock<T: Item>() -> Box<LazyLock<T, fn() -> T>> {
    let lock = Box::new(LazyLock::new((|| std::panic::resume_unwind(Box::new(()))) as fn() -> T));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(LazyLock::force(&lock).clone()))).is_err());
    lock
}

fn unsafe_cell<T: Item>() -> Box<(UnsafeCell<T>, Cell<u8>)> {
    Box::new((UnsafeCell::new(T::new(1)), Cell::new(1)))
}

cases! { enums [Plain, Owning, Tiny, Nothing];
    "options", 2, options;
    "options in options", 3, options_in_options;
    "boxes in options", 2, boxes_in_options;
    "results", 3, results;
    "polls", 2, polls;
    "flow", 3, flow;
    "an enum with room", 3, enum_with_room;
    "an enum that changes", 1, enum_that_changes;
    "cows", 3, cows;
    "pinned boxes", 3, pinned_boxes;
    "boxes that were made without a value", 4, boxes_made_without_value;
    "a chain of boxes that were cloned", 20, chain_of_cloned_boxes;
    "Arcs of a default", 3, arcs_of_a_default;
    "ManuallyDrops in place", 0, manually_dropped_box;
}

fn options<T: Item>() -> [Option<T>; 4] {
    let mut values = [Some(T::new(1)), None, Some(T::new(3)), Some(T::new(u64::MAX))];
    values[2].take();
    values
}

fn options_in_options<T: Item>() -> Vec<Option<Option<Result<T, ()>>>> {
    let mut values = vec![Some(Some(Ok(T::new(1)))), Some(None), None, Some(Some(Err(())))];
    values.extend(many(3).map(|value| Some(Some(Ok(value)))));
    drop(values[4].as_mut().unwrap().take());
    values
}

fn boxes_in_options<T: Item>() -> (Option<Box<T>>, Vec<Option<Box<T>>>) {
    let mut values: Vec<_> = many(3).map(|value| Some(Box::new(value))).collect();
    drop((values[0].take(), values[2].take()));
    (Some(Box::new(T::new(4))), values)
}

fn results<T: Item>() -> Vec<Result<T, Box<(u64, T)>>> {
    let mut values = vec![Ok(T::new(1)), Err(Box::new((1, T::new(2)))), Ok(T::new(3))];
    values[0] = Err(Box::new((1, T::new(2))));
    values
}

fn polls<T: Item>() -> [Poll<Option<T>>; 4] {
    let mut values = [Poll::Ready(Some(T::new(1))), Poll::Pending, Poll::Ready(None), Poll::Ready(Some(T::new(1)))];
    values[1] = std::mem::replace(&mut values[3], Poll::Pending);
    values
}

fn flow<T: Item>() -> Vec<ControlFlow<T, (T, Option<T>)>> {
    vec![ControlFlow::Break(T::new(1)), ControlFlow::Continue((T::new(2), None)), ControlFlow::Break(T::new(3))]
}

enum State<T> {
    Idle,
    One(T),
    Two { first: T, _small: u8, _second: Option<T> },
}

fn enum_with_room<T: Item>() -> Vec<State<T>> {
    let values = vec![
        State::One(T::new(1)),
        State::Idle,
        State::Two { first: T::new(1), _small: 1, _second: None },
        State::Two { first: T::new(1), _small: 1, _second: Some(T::new(5)) },
    ];
    values.into_iter().filter(|state| !matches!(state, State::One(_))).collect()
}

fn enum_that_changes<T: Item>() -> Box<State<T>> {
    let mut state = Box::new(State::Two { first: T::new(1), _small: 1, _second: Some(T::new(5)) });
    if let State::Two { first, .. } = std::mem::replace(&mut *state, State::Idle) {
        *state = State::One(first);
    }
    state
}

fn cows<T: Item>() -> Vec<Cow<'static, [T]>> {
    let mut values: Vec<Cow<'static, [T]>> = vec![Cow::Owned(upto(2)), Cow::Borrowed(&[]), Cow::Owned(upto(3))];
    values[0].to_mut().clear();
    values
}

fn pinned_boxes<T: Item>() -> (Pin<Box<T>>, Pin<Arc<T>>, Pin<Box<[T]>>) {
    (Box::pin(T::new(1)), Arc::pin(T::new(2)), upto(1).into_boxed_slice().into())
}

#[derive(Clone)]
struct Chain<T> {
    value: T,
    _next: Option<Box<Chain<T>>>,
}

/// Where `Box` makes a value, it allocates first: in `clone` and in `default`.
fn boxes_made_without_value<T: Item>() -> (Vec<Box<T>>, Box<Option<T>>) {
    let values = vec![Box::new(T::new(1)), Box::new(T::new(2))];
    let mut values: Vec<Box<T>> = values.iter().chain(&values).cloned().collect();
    values.pop();
    let mut by_default: Box<Option<T>> = Box::default();
    *by_default = Some(T::new(4));
    (values, by_default)
}

fn chain_of_cloned_boxes<T: Item>() -> Box<Chain<T>> {
    let mut chain = Box::new(Chain { value: T::new(0), _next: None });
    for id in 1..20 {
        chain = Box::new(Chain { value: T::new(id), _next: Some(chain) });
    }
    chain.value = T::new(3);
    chain.clone()
}

fn arcs_of_a_default<T: Item>() -> Still<(Arc<Mutex<Option<T>>>, Rc<RefCell<Option<T>>>, Arc<Option<T>>)> {
    let (shared, local): (Arc<Mutex<Option<T>>>, Rc<RefCell<Option<T>>>) = Default::default();
    *shared.lock().unwrap() = Some(T::new(1));
    *local.borrow_mut() = Some(T::new(1));
    let mut changed: Arc<Option<T>> = Arc::default();
    *Arc::make_mut(&mut changed) = Some(T::new(1));
    Still((shared, local, changed))
}

fn manually_dropped_box<T: Item>() -> ManuallyDrop<Option<T>> {
    ManuallyDrop::new(None)
}

cases! { counted [Plain, Owning, Tiny];
    "Arcs and Rcs", 2, arcs_and_rcs;
    "Weaks of dropped values", 0, weaks_of_dropped_values;
    "a cyclic Arc", 1, cyclic_arc;
    "an Arc from a box", 2, arc_from_a_box;
    "an Arc that was unwrapped", 1, arc_unwrapped;
    "an Arc that was made unique", 2, arc_made_unique;
    "an Arc that was moved out of for its Weaks", 1, arc_moved_for_weaks;
}

fn arcs_and_rcs<T: Item>() -> Still<(Vec<Arc<T>>, Rc<T>)> {
    let shared = Arc::new(T::new(1));
    Still((vec![Arc::clone(&shared), shared], Rc::new(T::new(2))))
}

fn weaks_of_dropped_values<T: Item>() -> Still<(sync::Weak<T>, rc::Weak<T>, sync::Weak<[T]>)> {
    let slice: Arc<[T]> = many(3).collect();
    Still((Arc::downgrade(&Arc::new(T::new(1))), Rc::downgrade(&Rc::new(T::new(2))), Arc::downgrade(&slice)))
}

struct Own<T> {
    _me: sync::Weak<Own<T>>,
    _value: T,
}

fn cyclic_arc<T: Item>() -> Arc<Own<T>> {
    Arc::new_cyclic(|me| Own { _me: sync::Weak::clone(me), _value: T::new(1) })
}

fn arc_from_a_box<T: Item>() -> (Arc<T>, Arc<Option<T>>) {
    (Arc::from(Box::new(T::new(1))), Arc::from(Box::new(Some(T::new(2)))))
}

fn arc_unwrapped<T: Item>() -> (T, sync::Weak<T>) {
    let shared = Arc::new(T::new(1));
    let weak = Arc::downgrade(&shared);
    (Arc::try_unwrap(shared).ok().unwrap(), weak)
}

fn arc_made_unique<T: Item>() -> (Arc<T>, Arc<T>) {
    let mut shared = Arc::new(T::new(1));
    let other = Arc::clone(&shared);
    Arc::make_mut(&mut shared);
    (shared, other)
}

fn arc_moved_for_weaks<T: Item>() -> (Arc<T>, sync::Weak<T>) {
    let mut shared = Arc::new(T::new(1));
    let weak = Arc::downgrade(&shared);
    Arc::make_mut(&mut shared);
    (shared, weak)
}

cases! { results_of_threads;
    "results that nobody has joined", 6, results_not_joined;
    "a panic that nobody has joined", 1, panic_not_joined;
    "a joined thread", 1, joined;
}

fn ended<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let handle = thread::spawn(body);
    while !handle.is_finished() {
        thread::yield_now();
    }
    handle
}

fn results_not_joined<T: Item>() -> (JoinHandle<T>, Vec<JoinHandle<Option<Vec<T>>>>, JoinHandle<()>) {
    let values = vec![ended(|| Some(upto(5))), ended(|| None)];
    (ended(|| T::new(1)), values, ended(|| drop(T::new(1))))
}

fn panic_not_joined<T: Item>() -> JoinHandle<u64> {
    ended(|| std::panic::resume_unwind(Box::new(T::new(1))))
}

fn joined<T: Item>() -> Option<T> {
    ended(|| Some(T::new(1))).join().unwrap()
}

unsure! { memory_that_need_not_be_written;
    "a MaybeUninit that was written", 1, 0 + 1, maybe_uninit_written;
    "a MaybeUninit that was dropped", 0, 0 + 1, maybe_uninit_dropped;
    "a MaybeUninit that was never written", 0, 0 + 1, maybe_uninit_unwritten;
    "a ManuallyDrop", 1, 0 + 1, manually_drop;
    "a ManuallyDrop that was dropped", 0, 0 + 1, manually_dropped;
    "a union", 1, 0 + 1, a_union;
}

/// The values below are not dropped by their container; the case drops them.
struct Written<T>(MaybeUninit<T>);

impl<T> Drop for Written<T> {
    fn drop(&mut self) {
        // SAFETY: made with a value.
        unsafe { self.0.assume_init_drop() };
    }
}

fn maybe_uninit_written<T: Item>() -> Written<T> {
    Written(MaybeUninit::new(T::new(1)))
}

fn maybe_uninit_dropped<T: Item>() -> MaybeUninit<T> {
    let mut value = MaybeUninit::new(T::new(1));
    // SAFETY: it has a value.
    unsafe { value.assume_init_drop() };
    value
}

fn maybe_uninit_unwritten<T: Item>() -> MaybeUninit<T> {
    MaybeUninit::zeroed()
}

struct Dropping<T>(ManuallyDrop<T>);

impl<T> Drop for Dropping<T> {
    fn drop(&mut self) {
        // SAFETY: dropped only here.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

fn manually_drop<T: Item>() -> Dropping<T> {
    Dropping(ManuallyDrop::new(T::new(1)))
}

fn manually_dropped<T: Item>() -> ManuallyDrop<T> {
    let mut value = ManuallyDrop::new(T::new(1));
    // SAFETY: not used any more.
    unsafe { ManuallyDrop::drop(&mut value) };
    value
}

union Either<T> {
    value: ManuallyDrop<T>,
    _number: u64,
}

struct OneOf<T>(Either<T>);

impl<T> Drop for OneOf<T> {
    fn drop(&mut self) {
        // SAFETY: made with a value.
        unsafe { ManuallyDrop::drop(&mut self.0.value) };
    }
}

fn a_union<T: Item>() -> OneOf<T> {
    OneOf(Either { value: ManuallyDrop::new(T::new(1)) })
}
