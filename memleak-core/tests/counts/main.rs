//! How many instances are in a real container: exactly as many as have not been dropped, whatever was moved through it before.
//!
//! Each case makes a container of [`Plain`] and one of [`Owning`] values. What owns nothing can be told only by who knows the container;
//! what owns a block is also told by the block.

#![expect(clippy::type_complexity, reason = "the type of a case says what it is about")]

mod arenas;
mod cells;
mod channels;
#[path = "../child/mod.rs"]
mod child;
mod collections;
mod futures;
mod inline;
mod lent;
mod queues;
#[path = "../subject/mod.rs"]
mod subject;
mod tables;
mod tasks;
mod values;

use memleak_core::heap::containers::View;
use memleak_core::heap::instances::{self, Instance};
use memleak_core::heap::program::Program;
use memleak_core::tracker::{self, Allocator};
use std::any::Any;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use subject::Named;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// What is counted.
trait Item: Send + Sync + Unpin + Eq + Ord + Hash + Clone + 'static {
    /// How many there are that have not been dropped.
    fn alive() -> u64;
    fn new(id: u64) -> Self;
}

/// The oracle: counts what was made and not dropped.
macro_rules! item {
    ($name:ident, $field:ident: $of:ty, $make:expr, $alive:ident) => {
        static $alive: AtomicU64 = AtomicU64::new(0);

        #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
        struct $name {
            $field: $of,
        }

        impl Item for $name {
            fn alive() -> u64 {
                $alive.load(Ordering::Relaxed)
            }

            fn new(id: u64) -> Self {
                $alive.fetch_add(1, Ordering::Relaxed);
                let make: fn(u64) -> $of = $make;
                $name { $field: make(id) }
            }
        }

        impl Clone for $name {
            fn clone(&self) -> Self {
                $alive.fetch_add(1, Ordering::Relaxed);
                $name { $field: self.$field.clone() }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                $alive.fetch_sub(1, Ordering::Relaxed);
            }
        }
    };
}

item!(Plain, id: u64, |id| id, PLAIN);
item!(Owning, name: String, |id| format!("the owner of number {id}"), OWNING);
item!(Tiny, id: u8, |id| id as u8, TINY);
item!(Nothing, unit: (), |_| (), NOTHING);

/// So many values.
fn many<T: Item>(count: u64) -> impl Iterator<Item = T> {
    (0..count).map(T::new)
}

/// A `Vec` of so many values.
fn upto<T: Item>(count: u64) -> Vec<T> {
    many(count).collect()
}

/// What may not be sent to another thread, and is not touched while it is there.
struct Still<C>(C);

// SAFETY: the thread that made the value has ended before another one drops it.
unsafe impl<C> Send for Still<C> {}

/// Counts in this program.
struct Counter {
    program: Program,
    wrong: Vec<String>,
}

impl Counter {
    fn find<T: Item>(&self) -> Vec<Instance> {
        let program = &self.program;
        let snapshot = program.snapshot();
        let (contents, roots) = (program.contents(&snapshot), program.roots(&snapshot));
        let view = View { snapshot: &snapshot, types: program.types() };
        let name = std::any::type_name::<T>();
        instances::find(view, &contents, &roots, &Named(name, Vec::new()))
    }

    /// Makes a value on a thread of its own, which then ends, and compares the count with the oracle: while the value lives, and after.
    fn case<T: Item, C: Any + Send>(&mut self, name: &str, expected: u64, make: fn() -> C) {
        self.kept::<T, C>(name, expected, make, |counter| counter.compare::<T>(name, expected, 0));
    }

    /// As [`Counter::case`], for what drops its values when it likes.
    fn case_with_delay<T: Item, C: Any + Send>(&mut self, name: &str, make: fn() -> C) {
        let kept: Box<dyn Any + Send> = tracker::tracked(|| thread::spawn(move || Box::new(make())).join().unwrap());
        self.compare::<T>(name, T::alive(), 0);
        tracker::tracked(|| drop(kept));
        self.compare::<T>(&format!("{name}, after its end"), T::alive(), 0);
    }

    /// As [`Counter::case`], where so many are certain, and of so many places the bytes do not tell.
    fn unsure<T: Item, C: Any + Send>(&mut self, name: &str, alive: u64, told: (u64, u64), make: fn() -> C) {
        self.kept::<T, C>(name, alive, make, |counter| counter.compare::<T>(name, told.0, told.1));
    }

    fn kept<T: Item, C: Any + Send>(
        &mut self,
        name: &str,
        alive: u64,
        make: fn() -> C,
        compare: impl FnOnce(&mut Counter),
    ) {
        let kept: Box<dyn Any + Send> = tracker::tracked(|| thread::spawn(move || Box::new(make())).join().unwrap());
        assert_eq!(T::alive(), alive, "{name}: the case is wrong");
        compare(self);
        tracker::tracked(|| drop(kept));
        assert_eq!(T::alive(), 0, "{name}: the case is wrong");
        self.compare::<T>(&format!("{name}, after its end"), 0, 0);
    }

    /// So many certain instances are expected, and so many possible ones.
    fn compare<T: Item>(&mut self, name: &str, certain: u64, possible: u64) {
        let found = self.find::<T>();
        let doubts: Vec<_> = found.iter().filter_map(|instance| instance.doubt.as_ref()).collect();
        let counted = (found.len() - doubts.len(), doubts.len());
        if counted != (certain as usize, possible as usize) {
            let of = std::any::type_name::<T>();
            let doubts: HashSet<_> = doubts.iter().collect();
            self.wrong.push(format!("{name} of {of}: {counted:?}, expected {:?}; {doubts:?}", (certain, possible)));
        }
    }
}

/// Runs cases in a process in which everything is recorded.
fn count(test: &str, cases: fn(&mut Counter)) {
    child::tracked(test, || {
        let _own = tracker::untracked();
        let mut counter = Counter { program: Program::current().unwrap(), wrong: Vec::new() };
        cases(&mut counter);
        assert!(counter.wrong.is_empty(), "counted wrong:\n{}", counter.wrong.join("\n"));
    });
}

/// `cases!(test; "name", 3, make; …)`: a test of these cases, each with plain and with owning values, or with the values that are listed:
/// `cases!(test [Plain, Tiny]; …)`. `make` is a function generic over the value.
macro_rules! cases {
    ($test:ident; $($cases:tt)*) => {
        $crate::cases! { $test [Plain, Owning]; $($cases)* }
    };
    ($test:ident $items:tt; $($name:literal, $expected:expr, $make:ident;)*) => {
        #[test]
        fn $test() {
            $crate::count(concat!(module_path!(), "::", stringify!($test)).split_once("::").unwrap().1, |counter| {
                $($crate::each_item! { $items counter.case($name, $expected, $make); })*
            });
        }
    };
}

/// The same case with each of these values.
macro_rules! each_item {
    ([$($item:ident),*] $counter:ident.case($name:literal, $expected:expr, $make:ident);) => {
        $(
            $counter.case::<$crate::$item, _>($name, $expected, $make::<$crate::$item>);
        )*
    };
}

/// `unsure!(test; "name", 1, 2 + 3, make; …)`: one is alive, as what it owns tells. Of plain values two are certain, and three possible.
macro_rules! unsure {
    ($test:ident; $($name:literal, $alive:literal, $certain:literal + $possible:literal, $make:ident;)*) => {
        #[test]
        fn $test() {
            $crate::count(concat!(module_path!(), "::", stringify!($test)).split_once("::").unwrap().1, |counter| {
                $(
                    counter.case::<$crate::Owning, _>($name, $alive, $make::<$crate::Owning>);
                    counter.unsure::<$crate::Plain, _>($name, $alive, ($certain, $possible), $make::<$crate::Plain>);
                )*
            });
        }
    };
}
use {cases, each_item, unsure};
