//! A program is a list of steps. Any list of steps makes sense, so one that shows a fault can be shortened step by step.

use crate::keep;
use crate::parts::Part;
use crate::random::Random;
use crate::shelf::Shelf;
use crate::values::Value;
use memleak_core::tracker;
use std::any::Any;
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// One step. Numbers that say which shelf are taken modulo how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    what: What,
    one: usize,
    other: usize,
    luck: u64,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A new shelf around a new value.
    New,
    /// A new value into a shelf.
    Put,
    /// A value from a shelf, to be dropped.
    Take,
    /// A value from a shelf into another.
    Pass,
    /// All from a shelf into another.
    PassAll,
    Change,
    /// A shelf into another.
    Join,
    /// `mem::swap`
    Swap,
    /// `mem::replace` by a new one
    Replace,
    Drop,
    /// Into statics.
    Static,
    /// Into thread-locals of a thread that does not end.
    ThreadLocal,
    /// On the stack of a thread that does not end.
    Park,
    Leak,
}

/// The steps of a random program.
pub fn random_steps(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let length = 2 + random.below(14);
    (0..length).map(|_| random_step(&mut random)).collect()
}

fn random_step(random: &mut Random) -> Step {
    let what = match random.below(100) {
        0..20 => What::New,
        20..38 => What::Put,
        38..48 => What::Take,
        48..53 => What::Pass,
        53..57 => What::PassAll,
        57..79 => What::Change,
        79..83 => What::Join,
        83..86 => What::Swap,
        86..89 => What::Replace,
        89..93 => What::Drop,
        93..95 => What::Static,
        95..96 => What::ThreadLocal,
        96..97 if random.below(6) == 0 => What::Park,
        97..98 => What::Leak,
        _ => What::Change,
    };
    Step { what, one: random.below(1000), other: random.below(1000), luck: random.next() }
}

/// The first number that no value has yet.
static NEXT_ID: AtomicU32 = AtomicU32::new(0);

pub fn next_id() -> u32 {
    NEXT_ID.load(Ordering::Relaxed)
}

fn new_value<T: Value>() -> T {
    T::new(NEXT_ID.fetch_add(1, Ordering::Relaxed))
}

/// What a program has made and keeps.
pub struct Kept {
    _held: Box<dyn Any>,
    /// Where in statics and thread-locals.
    pub places: Vec<Range<u64>>,
}

/// Makes a program, and ends it with its shelves in a box.
pub fn make<T: Value>(steps: &[Step]) -> Kept {
    let mut shelves: Vec<Shelf<T>> = Vec::new();
    let mut places = Vec::new();
    for step in steps {
        let found = do_step(&mut shelves, *step);
        let _own = tracker::untracked();
        places.extend(found);
    }
    // The same, as an array of a slice, or each in a box of its own.
    let _held: Box<dyn Any> = match steps.len() % 3 {
        0 => Box::new(shelves),
        1 => Box::new(shelves.into_boxed_slice()),
        _ => Box::new(shelves.into_iter().map(Box::new).collect::<Vec<_>>()),
    };
    Kept { _held, places }
}

fn do_step<T: Value>(shelves: &mut Vec<Shelf<T>>, step: Step) -> Vec<Range<u64>> {
    let luck = &mut Random(step.luck);
    let what = if shelves.is_empty() { What::New } else { step.what };
    let count = shelves.len().max(1);
    let (one, other) = (step.one % count, step.other % count);
    match what {
        What::New => shelves.push(Shelf::made_of(new_value(), luck)),
        What::Put => {
            for _ in 0..1 + luck.below(4) {
                drop(shelves[one].put(new_value(), luck));
            }
        }
        What::Take => drop(shelves[one].fetch(luck)),
        What::Pass => {
            if let Some(value) = shelves[one].fetch(luck) {
                drop(shelves[other].put(value, luck));
            }
        }
        What::PassAll => {
            let mut values = Vec::new();
            shelves.swap_remove(one).apart(&mut values);
            for value in values {
                if shelves.is_empty() {
                    shelves.push(Shelf::Nothing);
                }
                let into = other % shelves.len();
                drop(shelves[into].put(value, luck));
            }
        }
        What::Change => shelves[one].change(luck),
        What::Join if one != other => {
            let first = mem::replace(&mut shelves[one], Shelf::Nothing);
            let second = mem::replace(&mut shelves[other], Shelf::Nothing);
            shelves[one] = first.join(second, luck);
        }
        What::Join => {}
        What::Swap => shelves.swap(one, other),
        What::Replace => {
            let old = mem::replace(&mut shelves[one], Shelf::made_of(new_value(), luck));
            if luck.below(2) == 0 {
                shelves.push(old);
            }
        }
        What::Drop => drop(shelves.swap_remove(one)),
        What::Static => match T::rooms().keep(shelves.swap_remove(one), new_value) {
            Ok(places) => return places,
            Err(shelf) => shelves.push(shelf),
        },
        What::ThreadLocal => match keep::keep_in_thread(shelves.swap_remove(one), new_value) {
            Ok(places) => return places,
            Err(shelf) => shelves.push(shelf),
        },
        What::Park => shelves.swap_remove(one).park(),
        What::Leak => shelves.swap_remove(one).leak(),
    }
    Vec::new()
}

/// What kinds of shelves a program keeps, for a person to read.
pub fn described<T: Value>(steps: &[Step]) -> String {
    let mut shelves: Vec<Shelf<T>> = Vec::new();
    for step in steps {
        if !matches!(step.what, What::Static | What::ThreadLocal | What::Park | What::Leak) {
            drop(do_step(&mut shelves, *step));
        }
    }
    shelves.iter().map(|shelf| format!("    {}\n", shelf.kind())).collect()
}
