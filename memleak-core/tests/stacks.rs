//! How many values are on the stacks of live threads: exactly as many as have not been dropped, whatever was done with them before.
//!
//! Threads run random programs: calls within calls, each of which does something to a value of its own and then calls the next, until all of them rest
//! somewhere deep down. The oracle counts what was made and not dropped.

#[path = "child/mod.rs"]
mod child;

use memleak_core::debuginfo::types::{Type, TypeId};
use memleak_core::heap::containers::View;
use memleak_core::heap::instances::{self, Instance, Subject};
use memleak_core::heap::program::Program;
use memleak_core::tracker::{self, Allocator};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// What is counted.
trait Item: Send + Sync + 'static {
    fn new(id: u64) -> Self;
    /// Changes it so that copies of it are out of date.
    fn change(&mut self);
}

static OWNING: AtomicI64 = AtomicI64::new(0);
static PLAIN: AtomicI64 = AtomicI64::new(0);

struct Owning {
    name: String,
}

/// Has a destructor, and owns nothing that could tell whether it is there.
struct Plain {
    id: u64,
}

impl Item for Owning {
    fn new(id: u64) -> Owning {
        OWNING.fetch_add(1, Ordering::Relaxed);
        Owning { name: format!("number {id}") }
    }

    fn change(&mut self) {
        self.name.push_str(&"and on ".repeat(self.name.len()));
    }
}

impl Item for Plain {
    fn new(id: u64) -> Plain {
        PLAIN.fetch_add(1, Ordering::Relaxed);
        Plain { id }
    }

    fn change(&mut self) {
        self.id += 1;
    }
}

impl Drop for Owning {
    fn drop(&mut self) {
        black_box(&self.name);
        OWNING.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        black_box(self.id);
        PLAIN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A random program, as it runs.
struct Run {
    seed: u64,
    /// How many more calls.
    depth: u32,
    /// What was done, for who wants to know why a count is wrong.
    said: Arc<Mutex<String>>,
    /// Passed twice when all rest.
    rest: Arc<Barrier>,
}

impl Run {
    fn number(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn yes(&mut self) -> bool {
        self.number(2) == 0
    }

    fn item<T: Item>(&mut self) -> T {
        T::new(self.number(1000))
    }

    /// Goes on with another call, or rests.
    fn go_on(&mut self) {
        if self.depth == 0 {
            self.rest.wait();
            self.rest.wait();
            return;
        }
        self.depth -= 1;
        let kind = self.number(KINDS) as usize;
        let plain = self.yes();
        let _ = write!(self.said.lock().unwrap(), "{kind}{} ", if plain { "p" } else { "" });
        if plain { program::<Plain>(kind, self) } else { program::<Owning>(kind, self) }
    }
}

const KINDS: u64 = 35;

fn program<T: Item>(kind: usize, run: &mut Run) {
    match kind {
        0 => simple::<T>(run),
        1 => dropped::<T>(run),
        2 => moved::<T>(run),
        3 => by_value(run.item::<T>(), run),
        4 => by_value_and_dropped(run.item::<T>(), run),
        5 => in_a_closure::<T>(run),
        6 => in_a_boxed_closure::<T>(run),
        7 => in_an_option::<T>(run),
        8 => taken_out_of_an_option::<T>(run),
        9 => one_of_a_pair::<T>(run),
        10 => in_a_vec::<T>(run),
        11 => temporary::<T>(run),
        12 => dropped_perhaps::<T>(run),
        13 => while_it_is_iterated::<T>(run),
        14 => drop(returned::<T>(run)),
        15 => in_an_array::<T>(run),
        16 => boxed_and_shared::<T>(run),
        17 => made_late::<T>(run),
        18 => assigned_anew::<T>(run),
        19 => replaced::<T>(run),
        20 => drop(given_back(run.item::<T>(), run)),
        21 => in_a_call_that_may_panic::<T>(run),
        22 => behind_a_lock::<T>(run),
        23 => in_a_map::<T>(run),
        24 => after_a_panic::<T>(run),
        25 => in_a_future::<T>(run),
        26 => dropped_in_a_future::<T>(run),
        27 => captured_by_a_future::<T>(run),
        28 => changed::<T>(run),
        29 => in_a_loop_that_breaks::<T>(run),
        30 => in_a_match::<T>(run),
        31 => moved_out_of_a_box::<T>(run),
        32 => by_a_reference::<T>(run),
        33 => pinned_in_a_future::<T>(run),
        _ => as_an_argument::<T>(run),
    }
}

fn simple<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    run.go_on();
    black_box(&item);
}

fn dropped<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    drop(item);
    run.go_on();
}

fn moved<T: Item>(run: &mut Run) {
    let first = run.item::<T>();
    let second = first;
    let third = second;
    run.go_on();
    black_box(&third);
}

fn by_value<T: Item>(item: T, run: &mut Run) {
    run.go_on();
    black_box(&item);
}

fn by_value_and_dropped<T: Item>(item: T, run: &mut Run) {
    drop(item);
    run.go_on();
}

fn in_a_closure<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    let other = run.item::<T>();
    let closure = move |run: &mut Run| {
        if run.yes() {
            drop(other);
        }
        run.go_on();
        black_box(&item);
    };
    closure(run);
}

fn in_a_boxed_closure<T: Item>(run: &mut Run) {
    let mut item = run.item::<T>();
    let closure: Box<dyn FnOnce(&mut Run)> = Box::new(move |run| {
        if run.yes() {
            item.change();
        }
        run.go_on();
        drop(item);
        run.go_on();
    });
    closure(run);
}

fn in_an_option<T: Item>(run: &mut Run) {
    let option = Some(run.item::<T>());
    if let Some(item) = option {
        if run.yes() {
            drop(item);
            run.go_on();
        } else {
            run.go_on();
            black_box(&item);
        }
    }
    run.go_on();
}

fn taken_out_of_an_option<T: Item>(run: &mut Run) {
    let mut option = Some(run.item::<T>());
    let taken = option.take();
    run.go_on();
    option = taken;
    run.go_on();
    black_box(&option);
}

fn one_of_a_pair<T: Item>(run: &mut Run) {
    let pair = (run.item::<T>(), run.item::<T>());
    if run.yes() {
        drop(pair.0);
    } else {
        by_value(pair.1, run);
    }
    run.go_on();
}

fn in_a_vec<T: Item>(run: &mut Run) {
    let mut list: Vec<T> = (0..run.number(6)).map(|_| run.item()).collect();
    let popped = list.pop();
    run.go_on();
    let queue: VecDeque<T> = list.into();
    run.go_on();
    black_box((&popped, &queue));
}

fn temporary<T: Item>(run: &mut Run) {
    fn go_on<'t, T>(item: &'t T, run: &mut Run) -> &'t T {
        run.go_on();
        item
    }
    black_box(go_on(&run.item::<T>(), run));
    run.go_on();
}

fn dropped_perhaps<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    if run.yes() {
        drop(item);
    }
    run.go_on();
}

fn while_it_is_iterated<T: Item>(run: &mut Run) {
    let list: Vec<T> = (0..3).map(|_| run.item()).collect();
    let rests_at = run.number(4);
    for (index, item) in (0..).zip(list) {
        if index == rests_at {
            run.go_on();
        }
        drop(item);
    }
    run.go_on();
}

fn returned<T: Item>(run: &mut Run) -> T {
    let mut item = run.item::<T>();
    run.go_on();
    item.change();
    run.go_on();
    item
}

fn in_an_array<T: Item>(run: &mut Run) {
    let array: [T; 3] = [run.item(), run.item(), run.item()];
    run.go_on();
    let [first, _, third] = array;
    drop(third);
    run.go_on();
    black_box(&first);
}

fn boxed_and_shared<T: Item>(run: &mut Run) {
    let boxed = Box::new(run.item::<T>());
    let shared = Arc::new(run.item::<T>());
    let second = Arc::clone(&shared);
    drop(shared);
    run.go_on();
    black_box((&boxed, &second));
}

fn made_late<T: Item>(run: &mut Run) {
    let item: T;
    if run.yes() {
        run.go_on();
        item = run.item();
    } else {
        item = run.item();
        run.go_on();
    }
    run.go_on();
    black_box(&item);
}

fn assigned_anew<T: Item>(run: &mut Run) {
    let mut item = run.item::<T>();
    black_box(&item);
    run.go_on();
    item = run.item();
    run.go_on();
    black_box(&item);
}

fn replaced<T: Item>(run: &mut Run) {
    let mut item = run.item::<T>();
    let old = std::mem::replace(&mut item, run.item());
    run.go_on();
    drop(old);
    run.go_on();
    black_box(&item);
}

fn given_back<T: Item>(item: T, run: &mut Run) -> Result<T, T> {
    run.go_on();
    if run.yes() { Ok(item) } else { Err(item) }
}

fn in_a_call_that_may_panic<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    let back = catch_unwind(AssertUnwindSafe(|| {
        let inner = item;
        run.go_on();
        inner
    }));
    run.go_on();
    drop(back);
    run.go_on();
}

fn behind_a_lock<T: Item>(run: &mut Run) {
    let lock = Mutex::new(Some(run.item::<T>()));
    let mut guard = lock.lock().unwrap();
    if run.yes() {
        *guard = None;
    }
    run.go_on();
    drop(guard);
    let cell = RefCell::new(lock.into_inner().unwrap());
    run.go_on();
    black_box(&cell);
}

fn in_a_map<T: Item>(run: &mut Run) {
    let mut map: HashMap<u64, T> = (0..run.number(9)).map(|key| (key, run.item())).collect();
    map.remove(&1);
    run.go_on();
    black_box(&map);
}

fn after_a_panic<T: Item>(run: &mut Run) {
    let kept = run.item::<T>();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let item = run.item::<T>();
        run.go_on();
        black_box(&item);
        resume_unwind(Box::new(()));
    }));
    run.go_on();
    black_box((&kept, result.is_err()));
}

/// Polls it once: it does not wait for anything.
fn poll_once(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    assert_eq!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}

fn in_a_future<T: Item>(run: &mut Run) {
    poll_once(async {
        let item = run.item::<T>();
        run.go_on();
        std::future::ready(()).await;
        run.go_on();
        black_box(&item);
    });
    run.go_on();
}

fn dropped_in_a_future<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    poll_once(async {
        drop(item);
        run.go_on();
    });
}

fn captured_by_a_future<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    poll_once(async {
        run.go_on();
        std::future::ready(()).await;
        let second = item;
        std::future::ready(()).await;
        run.go_on();
        drop(second);
        run.go_on();
    });
}

/// The future that holds it begins where the one does that is run.
fn pinned_in_a_future<T: Item>(run: &mut Run) {
    let item = run.item::<T>();
    poll_once(async {
        let later = async move {
            std::future::ready(()).await;
            black_box(&item);
        };
        tokio::pin!(later);
        std::future::ready(()).await;
        run.go_on();
        later.await;
    });
}

fn changed<T: Item>(run: &mut Run) {
    let mut first = run.item::<T>();
    first.change();
    let mut second = first;
    second.change();
    run.go_on();
    by_value(second, run);
}

fn in_a_loop_that_breaks<T: Item>(run: &mut Run) {
    let found = loop {
        let item = run.item::<T>();
        if run.yes() {
            break item;
        }
        run.go_on();
    };
    run.go_on();
    black_box(&found);
}

fn in_a_match<T: Item>(run: &mut Run) {
    let result: Result<T, (T, u8)> = if run.yes() { Ok(run.item()) } else { Err((run.item(), 1)) };
    match result {
        Ok(item) => {
            run.go_on();
            drop(item);
        }
        Err((item, _)) if run.yes() => {
            drop(item);
            run.go_on();
        }
        Err(pair) => {
            run.go_on();
            black_box(&pair);
        }
    }
    run.go_on();
}

fn moved_out_of_a_box<T: Item>(run: &mut Run) {
    let boxed = Box::new((run.item::<T>(), run.item::<T>()));
    let (first, second) = *boxed;
    drop(first);
    run.go_on();
    black_box(&second);
}

fn by_a_reference<T: Item>(run: &mut Run) {
    fn go_on<T: Item>(item: &mut T, run: &mut Run) {
        run.go_on();
        item.change();
        run.go_on();
    }
    go_on(&mut run.item::<T>(), run);
}

fn as_an_argument<T: Item>(run: &mut Run) {
    fn both<T>(first: T, second: T, run: &mut Run) -> T {
        drop(first);
        run.go_on();
        second
    }
    let (first, second) = (run.item::<T>(), run.item());
    let kept = both(first, second, run);
    run.go_on();
    drop(kept);
}

/// The values of one type.
struct Named(&'static str);

impl Subject for Named {
    fn candidates(&self) -> &[TypeId] {
        &[]
    }

    fn wants(&self, ty: &Type) -> bool {
        &*ty.name == self.0
    }

    fn wants_variant(&self, _: &Type, _: &str) -> bool {
        false
    }
}

fn find(program: &Program, name: &'static str) -> Vec<Instance> {
    let mut snapshot = program.snapshot();
    let contents = program.contents(&snapshot);
    let mut roots = program.roots(&snapshot);
    roots.extend(program.locals(&mut snapshot, None));
    let view = View { snapshot: &snapshot, types: program.types() };
    instances::find(view, &contents, &roots, &Named(name))
}

/// Compares the counts of both types with the oracle; appends what is wrong.
fn compare(program: &Program, said: &str, wrong: &mut Vec<String>) {
    let types = [(std::any::type_name::<Owning>(), &OWNING), (std::any::type_name::<Plain>(), &PLAIN)];
    for (name, alive) in types {
        let found = find(program, name);
        let certain = found.iter().filter(|instance| instance.doubt.is_none()).count() as i64;
        let doubts: Vec<_> = found.iter().filter_map(|instance| instance.doubt.as_ref()).collect();
        let alive = alive.load(Ordering::Relaxed);
        if certain != alive || !doubts.is_empty() {
            wrong.push(format!("{certain} {name}, {alive} alive, possibly {doubts:?}; programs: {said}"));
        }
    }
}

const THREADS: usize = 3;

/// `PROGRAMS=1000 cargo test -p memleak-core --test stacks` runs more of them.
fn programs() -> u64 {
    std::env::var("PROGRAMS").ok().and_then(|programs| programs.parse().ok()).unwrap_or(20)
}

static SEED: AtomicU64 = AtomicU64::new(0x2545_f491_4f6c_dd1d);

#[test]
fn values_on_stacks_are_counted_exactly() {
    child::tracked("values_on_stacks_are_counted_exactly", || {
        let _own = tracker::untracked();
        let program = Program::current().unwrap();
        let mut wrong = Vec::new();
        for _ in 0..programs() {
            rest_often(&program, &mut wrong);
        }
        assert!(wrong.is_empty(), "{} counted wrong:\n{}", wrong.len(), wrong.join("\n"));
    });
}

/// Lets each thread run a program that rests several times, until all have come to their ends.
fn rest_often(program: &Program, wrong: &mut Vec<String>) {
    let rest = Arc::new(Barrier::new(THREADS + 1));
    let running = Arc::new(AtomicI64::new(THREADS as i64));
    let said = Arc::new(Mutex::new(String::new()));
    let start = |_| {
        let (rest, running, said) = (Arc::clone(&rest), Arc::clone(&running), Arc::clone(&said));
        let seed = SEED.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) | 1;
        let thread = move || {
            let mut run = Run { seed, depth: 6, said, rest: Arc::clone(&rest) };
            run.number(2);
            run.go_on();
            drop(run);
            running.fetch_sub(1, Ordering::Relaxed);
            let mut ended = false;
            // Others may still have to rest.
            while !ended {
                rest.wait();
                ended = running.load(Ordering::Relaxed) == 0;
                rest.wait();
            }
        };
        tracker::tracked(|| thread::spawn(thread))
    };
    let threads: Vec<_> = (0..THREADS).map(start).collect();
    let mut ended = false;
    while !ended {
        rest.wait();
        ended = running.load(Ordering::Relaxed) == 0;
        compare(program, &said.lock().unwrap(), wrong);
        rest.wait();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
