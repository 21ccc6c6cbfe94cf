//! Random graphs of real pointers, judged by memleak and by an oracle that only counts: none may be judged wrong.
//!
//! `MEMLEAK_GRAPHS=100` makes so many; `MEMLEAK_GRAPHS_SEED=7` makes others.

#[path = "../child/mod.rs"]
mod child;
mod fields;
mod model;
#[path = "../random/mod.rs"]
mod random;
mod real;
mod steps;

use memleak_core::address::RuntimeAddress;
use memleak_core::debuginfo::types::{TypeId, Types as _};
use memleak_core::heap::containers::View;
use memleak_core::heap::contents::Content;
use memleak_core::heap::graph::{Edge, Graph, Heap, Source, Trust};
use memleak_core::heap::program::Program;
use memleak_core::heap::reach::Reach;
use memleak_core::heap::snapshot::Snapshot;
use memleak_core::tracker::{self, Allocator};
use model::{Fate, Model, ROOTS};
use random::{number, shortened};
use std::fmt::Write as _;
use std::process::Command;
use std::thread;
use steps::{Step, random_steps};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

const GRAPHS: &str = "MEMLEAK_GRAPHS";
const SEED: &str = "MEMLEAK_GRAPHS_SEED";
/// The seed of one graph and the steps of it that are to be done, to shorten a list that shows a fault.
const SOME_STEPS: &str = "MEMLEAK_GRAPHS_STEPS";

/// What a process says that has found a fault.
const WRONG: &str = "judged wrong";

#[test]
fn what_is_lost_is_what_the_oracle_says() {
    child::tracked("what_is_lost_is_what_the_oracle_says", || {
        let _own = tracker::untracked();
        match std::env::var(SOME_STEPS) {
            Ok(steps) => judge_some_steps(&steps),
            Err(_) => judge_many(),
        }
    });
}

fn judge_many() {
    let first = number(SEED, 0).wrapping_mul(1 << 32);
    let seeds: Vec<u64> = (0..number(GRAPHS, 10_000)).map(|n| first.wrapping_add(n)).collect();
    let program = Program::current().unwrap();
    prepare();
    let graphs = make(&seeds.iter().map(|seed| random_steps(*seed)).collect::<Vec<_>>());
    let told: usize = graphs.iter().map(|made| made.model.nodes.len()).sum();
    let lost = |made: &Made| made.model.fates().iter().filter(|fate| matches!(fate, Fate::Lost { .. })).count();
    let all_lost: usize = graphs.iter().map(lost).sum();
    let judge = Judge::new(&program);
    let hidden = graphs.iter().map(|made| judge.hidden_by_stacks(made)).sum::<usize>();
    assert!(hidden * 100 < all_lost, "{hidden} of {all_lost} lost nodes are held by stale words of stacks");
    let faults = judge.faults(&graphs);
    println!("{} graphs, {told} nodes, {all_lost} of them lost, {} graphs wrong", graphs.len(), faults.len());
    assert!(all_lost * 10 > told && all_lost * 2 < told * 2, "the graphs are all of one kind");
    let Some((graph, what)) = faults.first() else { return };
    let steps = random_steps(seeds[*graph]);
    let all: Vec<usize> = (0..steps.len()).collect();
    let alone = shows_a_fault(seeds[*graph], &all);
    let least = if alone { shortened(all, |kept| shows_a_fault(seeds[*graph], kept)) } else { all };
    let text = least.iter().fold(String::new(), |mut text, n| {
        writeln!(text, "    {:?}", steps[*n]).unwrap();
        text
    });
    let alone = if alone { "alone as well" } else { "only among the others" };
    let others: String = faults[1..]
        .iter()
        .take(20)
        .map(|(graph, what)| format!("number {graph} (seed {}):\n{what}", seeds[*graph]))
        .collect();
    panic!("{WRONG}: number {graph} (seed {}), {alone}:\n{what}\n{text}\n{others}", seeds[*graph]);
}

/// Threads and statics that all graphs share come to be before the first.
fn prepare() {
    thread::spawn(|| ROOTS.map(|root| real::at_root(root, 0, real::Request::Clear))).join().unwrap();
}

/// A graph that was made, and the epoch of its blocks.
struct Made {
    model: Model,
    epoch: u32,
}

/// So many are made on one thread, which then ends: nothing is left on a stack.
const BATCH: usize = 50;

/// The graphs of these steps, in order.
fn make(all: &[Vec<Step>]) -> Vec<Made> {
    let mut made = Vec::with_capacity(all.len());
    for batch in all.chunks(BATCH) {
        let first = made.len();
        let work = || {
            let mut made = {
                let _own = tracker::untracked();
                Vec::with_capacity(BATCH)
            };
            for (number, steps) in (first..).zip(batch) {
                let epoch = tracker::next_epoch();
                let model = steps::make(number, steps);
                // Nor is anything left for the next thread that gets this stack.
                real::wipe_stack();
                made.push(Made { model, epoch });
            }
            made
        };
        made.extend(thread::scope(|scope| scope.spawn(work).join().unwrap()));
    }
    made
}

/// What memleak says.
struct Judge {
    snapshot: Snapshot,
    reach: Reach,
    /// What is in each block, for a person to read.
    contents: Vec<String>,
}

impl Judge {
    fn new(program: &Program) -> Judge {
        let snapshot = program.snapshot();
        let contents = program.contents(&snapshot);
        let roots = program.roots(&snapshot);
        let view = View { snapshot: &snapshot, types: program.types() };
        let graph = Graph::of(&Heap { view, contents: &contents, roots: &roots });
        let reach = Reach::of(&graph);
        let name = |ty: TypeId| program.types().get(ty).name.to_string();
        let contents = contents.iter().map(|content| match content {
            Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => name(*ty),
            Content::Buffer(ty) | Content::Table(ty) | Content::Shared(ty) => format!("[{}]", name(*ty)),
            Content::OwnLayout { function, .. } => function.to_string(),
            Content::Unknown => "?".to_owned(),
        });
        let contents = contents.collect();
        Judge { snapshot, reach, contents }
    }

    fn is_lost(&self, block: usize) -> bool {
        self.reach.trust(block as u32).is_none()
    }

    /// Why a block is held, for a person to read.
    fn way_to(&self, block: usize) -> String {
        let mut text = String::new();
        for Edge { from, at, kind, .. } in self.reach.way_to(block as u32) {
            let place = match from {
                Source::Block(block) => {
                    let start = self.snapshot.blocks()[block as usize].address;
                    format!("+{} of {}", at.0 - start.0, self.contents[block as usize])
                }
                other => format!("{other:?} at {at:x?}"),
            };
            writeln!(text, "        {kind:?}: {place}").unwrap();
        }
        text
    }

    /// How many lost nodes look held because of a stack.
    fn hidden_by_stacks(&self, made: &Made) -> usize {
        let lost =
            made.model.nodes.iter().zip(made.model.fates()).filter(|(_, fate)| matches!(fate, Fate::Lost { .. }));
        let blocks = lost.filter_map(|(node, _)| self.block(node.hidden_address, made.epoch));
        blocks.filter(|block| self.reach.trust(*block as u32) == Some(Trust::Stack)).count()
    }

    /// The graphs that are judged wrong, and what is wrong.
    fn faults(&self, graphs: &[Made]) -> Vec<(usize, String)> {
        let mut lost_of_epoch = std::collections::HashMap::new();
        for (index, block) in self.snapshot.blocks().iter().enumerate().filter(|(index, _)| self.is_lost(*index)) {
            lost_of_epoch.entry(block.epoch).or_insert((block, &self.contents[index]));
        }
        let fault = |(number, made): (usize, &Made)| {
            let fates = made.model.fates();
            let mut text = String::new();
            for (node, fate) in made.model.nodes.iter().zip(&fates) {
                let alive = matches!(fate, Fate::Held { alive: true } | Fate::Lost { alive: true });
                assert_eq!(real::was_dropped(node.id), !alive, "the oracle of graph {number} has lost its way");
                let judged = self.block(node.hidden_address, made.epoch);
                let right = match fate {
                    Fate::Gone => true,
                    Fate::Held { .. } => judged.is_some_and(|block| !self.is_lost(block)),
                    // A live thread's stack has slots that are not in use any more, and says not which.
                    Fate::Lost { .. } => judged.is_some_and(|block| {
                        self.is_lost(block) || self.reach.trust(block as u32) == Some(Trust::Stack)
                    }),
                };
                if !right {
                    let said = match judged {
                        None => "not there\n".to_owned(),
                        Some(block) if self.is_lost(block) => "lost\n".to_owned(),
                        Some(block) => format!("held\n{}", self.way_to(block)),
                    };
                    write!(text, "    node {} ({:?}) is {fate:?}, judged {said}", node.id, node.kind).unwrap();
                }
            }
            let none_lost = fates.iter().all(|fate| !matches!(fate, Fate::Lost { .. }));
            if let Some(block) = lost_of_epoch.get(&made.epoch).filter(|_| none_lost) {
                writeln!(text, "    nothing is lost, and this is judged so: {block:x?}").unwrap();
            }
            (!text.is_empty()).then_some((number, text))
        };
        graphs.iter().enumerate().filter_map(fault).collect()
    }

    /// The block of a node; none if it was freed.
    fn block(&self, hidden_address: usize, epoch: u32) -> Option<usize> {
        let block = self.snapshot.block_around(RuntimeAddress(!hidden_address as u64))?;
        (self.snapshot.blocks()[block].epoch == epoch).then_some(block)
    }
}

/// `seed;1,4,5`: those steps of that graph.
fn judge_some_steps(text: &str) {
    let (seed, kept) = text.split_once(';').unwrap();
    let steps = random_steps(seed.parse().unwrap());
    let kept: Vec<Step> = kept.split(',').map(|n| steps[n.parse::<usize>().unwrap()]).collect();
    let program = Program::current().unwrap();
    prepare();
    let made = make(&[kept]);
    let faults = Judge::new(&program).faults(&made);
    assert!(faults.is_empty(), "{WRONG}:\n{}", faults[0].1);
}

/// Whether these steps alone are judged wrong, in a process of their own.
fn shows_a_fault(seed: u64, kept: &[usize]) -> bool {
    let kept: Vec<String> = kept.iter().map(usize::to_string).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["what_is_lost_is_what_the_oracle_says", "--exact", "--nocapture"])
        .env(tracker::TRACK, "1")
        .env(SOME_STEPS, format!("{seed};{}", kept.join(",")))
        .output()
        .unwrap();
    !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(WRONG)
}
