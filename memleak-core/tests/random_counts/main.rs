//! Random programs that move values through containers, closures and futures. The count of each must agree with a drop counter: no value that
//! was dropped is certain, and every value that was not is found, at least as "possibly" live.
//!
//! `MEMLEAK_COUNTS=100` makes so many programs; `MEMLEAK_COUNTS_SEED=7` makes others.

mod cells;
mod channels;
#[path = "../child/mod.rs"]
mod child;
mod keep;
mod parts;
#[path = "../random/mod.rs"]
mod random;
mod running;
mod shelf;
mod steps;
#[path = "../subject/mod.rs"]
mod subject;
mod values;

use memleak_core::debuginfo::types::Types as _;
use memleak_core::heap::containers::{View, at};
use memleak_core::heap::contents::Content;
use memleak_core::heap::instances::{self, Doubt, Home, Instance};
use memleak_core::heap::program::Program;
use memleak_core::heap::roots::Root;
use memleak_core::heap::snapshot::Snapshot;
use memleak_core::tracker::{self, Allocator};
use random::{number, shortened};
use std::any::type_name;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;
use steps::{Kept, Step, random_steps};
use subject::Named;
use values::{Boxed, Choice, Counted, Nested, Plain, Tiny, Value, was_dropped};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

const PROGRAMS: &str = "MEMLEAK_COUNTS";
const SEED: &str = "MEMLEAK_COUNTS_SEED";
/// How many of the programs with a fault are made shorter.
const SHOWN: &str = "MEMLEAK_COUNTS_SHOWN";
/// The seed of one program and the steps of it that are to be done, to shorten a list that shows a fault.
const SOME_STEPS: &str = "MEMLEAK_COUNTS_STEPS";

/// What a process says that has found a fault.
const WRONG: &str = "counted wrong";

/// The shapes of values. Each program has values of one.
const SHAPES: &[Shape] = &[
    Shape::of::<Plain>(),
    Shape::of::<values::Named>(),
    Shape::of::<Boxed>(),
    Shape::of::<Choice>(),
    Shape::of::<Tiny>(),
    Shape::of::<Nested>(),
    Shape::of::<Counted>(),
];

struct Shape {
    make: fn(&[Step]) -> Kept,
    describe: fn(&[Step]) -> String,
    alive: fn() -> u64,
    name: fn() -> &'static str,
    number_at: Option<usize>,
    owns: bool,
}

impl Shape {
    const fn of<T: Value>() -> Shape {
        Shape {
            make: steps::make::<T>,
            describe: steps::described::<T>,
            alive: || T::alive().load(Ordering::Relaxed),
            name: type_name::<T>,
            number_at: T::NUMBER_AT,
            owns: T::OWNS,
        }
    }

    fn of_seed(seed: u64) -> usize {
        (seed % SHAPES.len() as u64) as usize
    }
}

#[test]
fn no_certain_count_is_wrong() {
    child::tracked("no_certain_count_is_wrong", || {
        let _own = tracker::untracked();
        match std::env::var(SOME_STEPS) {
            Ok(steps) => judge_some_steps(&steps),
            Err(_) => judge_many(),
        }
    });
}

/// A program that ran, and what the oracle knows of it.
struct Made {
    seed: u64,
    epoch: u32,
    kept: Kept,
    /// The values it made: their numbers, and how many of them were not dropped.
    numbers: std::ops::Range<u32>,
    alive: u64,
}

// SAFETY: what a program keeps is not touched after its thread has ended.
unsafe impl Send for Made {}

/// So many run on one thread, which then ends.
const BATCH: usize = 50;

fn make(all: &[(u64, Vec<Step>)]) -> Vec<Made> {
    let mut made = Vec::with_capacity(all.len());
    for batch in all.chunks(BATCH) {
        let work = || {
            let mut made = {
                let _own = tracker::untracked();
                Vec::with_capacity(BATCH)
            };
            for (seed, steps) in batch {
                let shape = &SHAPES[Shape::of_seed(*seed)];
                values::begin();
                let (epoch, first, before) = (tracker::next_epoch(), steps::next_id(), (shape.alive)());
                let kept = (shape.make)(steps);
                let (numbers, alive) = (first..steps::next_id(), (shape.alive)() - before);
                made.push(Made { seed: *seed, epoch, kept, numbers, alive });
            }
            made
        };
        made.extend(thread::scope(|scope| scope.spawn(work).join().unwrap()));
    }
    // Nothing that comes later is taken for a part of the last.
    tracker::next_epoch();
    made
}

fn judge_many() {
    let first = number(SEED, 0).wrapping_mul(1 << 32);
    let seeds = (0..number(PROGRAMS, 10_000)).map(|n| first.wrapping_add(n));
    let program = Program::current().unwrap();
    keep::prepare();
    let made = make(&seeds.map(|seed| (seed, random_steps(seed))).collect::<Vec<_>>());
    let judge = Judge::new(&program);
    let verdicts = judge.all(&made);
    let sum = |what: fn(&Judged) -> usize| verdicts.iter().map(what).sum::<usize>();
    let alive: u64 = made.iter().map(|made| made.alive).sum();
    let (certain, possibly) = (sum(|judged| judged.certain), sum(|judged| judged.doubts.len()));
    let mut wrong: Vec<usize> = (0..made.len()).filter(|n| !verdicts[*n].faults.is_empty()).collect();
    println!(
        "{} programs, {alive} values live: {certain} certain, {possibly} possibly; {} programs wrong",
        made.len(),
        wrong.len()
    );
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let named = verdicts.iter().flat_map(|judged| &judged.doubts).map(|doubt| reason(doubt).to_owned());
    named.for_each(|reason| *reasons.entry(reason).or_default() += 1);
    println!("reasons: {reasons:?}; {} values were taken for others", sum(|judged| judged.mistaken));
    if wrong.is_empty() {
        return;
    }
    wrong.sort_by_key(|n| random_steps(made[*n].seed).len());
    let shown = wrong.iter().take(number(SHOWN, 1) as usize);
    let text: String = shown.map(|n| explained(made[*n].seed, &verdicts[*n].faults)).collect();
    let others: String =
        wrong.iter().take(20).map(|n| format!("seed {}:\n{}", made[*n].seed, verdicts[*n].faults)).collect();
    panic!("{WRONG}:\n{text}\n{others}");
}

/// A program that was counted wrong, made as short as it goes.
fn explained(seed: u64, faults: &str) -> String {
    let steps = random_steps(seed);
    let all: Vec<usize> = (0..steps.len()).collect();
    let alone = shows_a_fault(seed, &all);
    let least = if alone { shortened(all, |kept| shows_a_fault(seed, kept)) } else { all };
    let done: Vec<Step> = least.iter().map(|n| steps[*n]).collect();
    let kept = (SHAPES[Shape::of_seed(seed)].describe)(&done);
    let alone = if alone { "alone as well" } else { "only among the others" };
    let steps: String = done.iter().map(|step| format!("    {step:?}\n")).collect();
    format!("seed {seed}, {alone}:\n{faults}steps {least:?}\n{steps}keeps\n{kept}")
}

fn reason(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::Suspended(_) => "suspended",
        Doubt::Captured(_) => "captured",
        Doubt::MaybeUninit => "may be uninitialised",
        Doubt::NoOwner => "no owner",
        Doubt::OnStack { .. } => "on a stack",
        Doubt::NotUnderstood(_) => "not understood",
        Doubt::OwnLayout(_) => "a layout of its own",
        Doubt::Optimised => "optimised",
    }
}

/// What memleak says of one program.
#[derive(Default)]
struct Judged {
    certain: usize,
    doubts: Vec<Doubt>,
    /// What is wrong with that; empty if nothing is.
    faults: String,
    /// So many values were taken for others.
    mistaken: usize,
}

/// What memleak says.
struct Judge<'a> {
    program: &'a Program,
    snapshot: Snapshot,
    contents: Vec<Content>,
    roots: Vec<Root>,
}

impl<'a> Judge<'a> {
    fn new(program: &'a Program) -> Judge<'a> {
        let snapshot = program.snapshot();
        let (contents, roots) = (program.contents(&snapshot), program.roots(&snapshot));
        Judge { program, snapshot, contents, roots }
    }

    /// What is said of each program.
    fn all(&self, all: &[Made]) -> Vec<Judged> {
        let mut of_epoch = HashMap::new();
        let mut of_place = BTreeMap::new();
        for (number, made) in all.iter().enumerate() {
            of_epoch.insert(made.epoch, number);
            of_place.extend(made.kept.places.iter().map(|place| (place.start, (place.end, number))));
        }
        let mut found: Vec<Vec<Instance>> = all.iter().map(|_| Vec::new()).collect();
        for shape in SHAPES {
            let view = View { snapshot: &self.snapshot, types: self.program.types() };
            let subject = Named((shape.name)(), Vec::new());
            for instance in instances::find(view, &self.contents, &self.roots, &subject) {
                let whose = match instance.home {
                    Home::Block(block) => of_epoch.get(&self.snapshot.blocks()[block].epoch).copied(),
                    Home::Root(_) => {
                        let place = of_place.range(..=instance.address.0).next_back();
                        place.filter(|(_, (end, _))| instance.address.0 < *end).map(|(_, (_, number))| *number)
                    }
                };
                match whose {
                    Some(number) => found[number].push(instance),
                    // A static that no program has got.
                    None => assert!(instance.doubt.is_some(), "{WRONG}: nobody made {instance:?}"),
                }
            }
        }
        all.iter().zip(found).map(|(made, found)| self.judge(made, &found)).collect()
    }

    fn judge(&self, made: &Made, found: &[Instance]) -> Judged {
        let shape = &SHAPES[Shape::of_seed(made.seed)];
        let mut judged = Judged::default();
        judged.doubts = found.iter().filter_map(|instance| instance.doubt.clone()).collect();
        judged.certain = found.len() - judged.doubts.len();
        // One such stands for as many as there may be.
        let any_number =
            judged.doubts.iter().any(|doubt| matches!(doubt, Doubt::NotUnderstood(_) | Doubt::OwnLayout(_)));
        let faults = &mut judged.faults;
        if judged.certain as u64 > made.alive || ((found.len() as u64) < made.alive && !any_number) {
            let (certain, possibly) = (judged.certain, judged.doubts.len());
            writeln!(faults, "    {} live, {certain} counted, {possibly} possibly", made.alive).unwrap();
            for instance in found {
                let bytes = self.snapshot.read(instance.address, instance.size).unwrap_or_default();
                let place = self.describe(instance.home);
                writeln!(faults, "    at {:x} in {place}: {bytes:x?} {:?}", instance.address.0, instance.doubt)
                    .unwrap();
            }
        }
        let Some(number_at) = shape.number_at else { return judged };
        let mut known: HashMap<u32, &Instance> = HashMap::new();
        let mut dead = Vec::new();
        for instance in found {
            let number = self.snapshot.number(at(instance.address, number_at as u64), 4).unwrap_or(u128::MAX) as u32;
            let certain = instance.doubt.is_none();
            let other =
                if certain { known.insert(number, instance) } else { Some(*known.entry(number).or_insert(instance)) };
            let twice = other.is_some_and(|other| other.doubt.is_none());
            if certain && (twice || was_dropped(number) || !made.numbers.contains(&number)) {
                let what = if twice { "is there twice" } else { "does not live" };
                dead.push(format!("    number {number} {what}, in {}\n", self.describe(instance.home)));
            }
        }
        let mut lost: Vec<u32> =
            made.numbers.clone().filter(|id| !was_dropped(*id) && !known.contains_key(id)).collect();
        if any_number {
            lost.clear();
        }
        // What is left of a value may point to a block that was freed and is another's now, or to an `Arc` that others still own. One of
        // the two lives, and the count is right.
        if dead.len() == lost.len() && shape.owns {
            judged.mistaken = dead.len();
        } else {
            faults.extend(dead);
            faults.extend(lost.iter().map(|number| format!("    number {number} lives and is not found\n")));
        }
        judged
    }

    fn describe(&self, home: Home) -> String {
        let name = |ty| self.program.types().get(ty).name.to_string();
        match home {
            Home::Root(root) => self.roots[root].name.to_string(),
            Home::Block(block) => match &self.contents[block] {
                Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => name(*ty),
                Content::Buffer(ty) | Content::Table(ty) | Content::Shared(ty) => format!("[{}]", name(*ty)),
                Content::OwnLayout { function, .. } => function.to_string(),
                Content::Unknown => "?".to_owned(),
            },
        }
    }
}

/// `seed;1,4,5`: those steps of that program.
fn judge_some_steps(text: &str) {
    let (seed, kept) = text.split_once(';').unwrap();
    let seed = seed.parse().unwrap();
    let steps = random_steps(seed);
    let kept: Vec<Step> = kept.split(',').map(|n| steps[n.parse::<usize>().unwrap()]).collect();
    let program = Program::current().unwrap();
    keep::prepare();
    let made = make(&[(seed, kept)]);
    let judged = Judge::new(&program).all(&made);
    assert!(judged[0].faults.is_empty(), "{WRONG}:\n{}", judged[0].faults);
}

/// Whether these steps alone are judged wrong, in a process of their own.
fn shows_a_fault(seed: u64, kept: &[usize]) -> bool {
    let kept: Vec<String> = kept.iter().map(usize::to_string).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["no_certain_count_is_wrong", "--exact", "--nocapture"])
        .env(tracker::TRACK, "1")
        .env(SOME_STEPS, format!("{seed};{}", kept.join(",")))
        .output()
        .unwrap();
    !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(WRONG)
}
