//! Counts the live instances of the expected types, and says what the counts mean.
//!
//! May use: `query`, `heap`, `debuginfo`, `tracker`, `stack`.

use crate::check::Expectation;
use crate::check::subjects::{Resolved, resolve};
use crate::check::verdict::{
    Aside, Doubt, Ended, Failure, Frame, Group, Missed, Obstacle, Place, SecondCount, Verdict,
};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::functions::{self, Location};
use crate::heap::containers::View;
use crate::heap::contents::Content;
use crate::heap::graph::Heap;
use crate::heap::instances::{self, Instance, Root};
use crate::heap::program::Program;
use crate::heap::snapshot::Snapshot;
use crate::stack::StackId;
use crate::tracker::{self, Losses, Status};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Checks the expectations of one test, at as many moments as needed.
pub struct Checker {
    program: Program,
    expectations: Vec<Resolved>,
}

/// What one look at the heap found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    /// One per expectation.
    tallies: Vec<Vec<Tally>>,
    losses: Losses,
}

/// Instances that are alike: the same type, from the same place, with the same doubt.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Tally {
    key: Key,
    count: u64,
    before: u64,
}

/// Instances with the same type, place and doubt: the first, how many, and how many lived before the body.
struct Alike {
    first: usize,
    count: u64,
    before: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Key {
    type_name: String,
    size: u64,
    doubt: Option<Doubt>,
    place: Home,
}

/// Where instances are; the stack is looked up only for those that are shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Home {
    Block { inside: Option<String>, stack: StackId },
    Static(String),
}

fn exceeds(tallies: &[Tally], expectation: &Resolved) -> bool {
    tallies.iter().map(|tally| tally.count).sum::<u64>() > expectation.at_most
}

/// The counts at the two checkpoints of a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts {
    /// After the body; its runtime or thread was alive.
    pub body_ended: Count,
    /// How long background work was waited for before it.
    pub settled: Duration,
    /// After that had ended.
    pub afterwards: Count,
    /// What had ended.
    pub ended: Ended,
}

impl Checker {
    /// Finds the types of the expectations in the running program.
    ///
    /// # Errors
    /// All that stands in the way of counting.
    pub fn new(expectations: &[Expectation]) -> Result<Checker, Vec<Obstacle>> {
        match tracker::status() {
            Status::On => {}
            Status::Off => return Err(vec![Obstacle::NotTracked]),
            Status::NotInstalled => return Err(vec![Obstacle::NotInstalled]),
            Status::Unsupported => return Err(vec![Obstacle::NoStacks]),
        }
        let program = Program::current().map_err(|error| vec![Obstacle::DebugInfo(error)])?;
        let mut resolved = Vec::new();
        let mut obstacles = Vec::new();
        for expectation in expectations {
            match resolve(program.types(), expectation) {
                Ok(expectation) => resolved.push(expectation),
                Err(obstacle) => obstacles.push(obstacle),
            }
        }
        if !obstacles.is_empty() {
            return Err(obstacles);
        }
        Ok(Checker { program, expectations: resolved })
    }

    /// Counts the instances that live now. Blocks of an epoch before `body_epoch` were there before the body.
    pub fn count(&self, body_epoch: u32) -> Count {
        let snapshot = self.program.snapshot();
        let contents = self.program.contents(&snapshot);
        let roots = self.program.roots(&snapshot);
        let view = View { snapshot: &snapshot, types: self.program.types() };
        let heap = Heap { view, contents: &contents, roots: &roots };
        let tallies = self
            .expectations
            .iter()
            .map(|expectation| {
                let instances = instances::find(view, &contents, &roots, expectation);
                self.tally(&heap, body_epoch, &instances)
            })
            .collect();
        Count { tallies, losses: snapshot.losses() }
    }

    /// Whether more lives than may: waiting may change that.
    pub fn exceeds(&self, count: &Count) -> bool {
        count.tallies.iter().zip(&self.expectations).any(|(tallies, expectation)| exceeds(tallies, expectation))
    }

    fn tally(&self, heap: &Heap<'_>, body_epoch: u32, instances: &[Instance]) -> Vec<Tally> {
        // There may be very many instances of few kinds: alike ones are put together before any text is made.
        let mut alike: HashMap<_, Alike> = HashMap::new();
        for (index, instance) in instances.iter().enumerate() {
            let (place, before) = match instance.home {
                instances::Home::Root(root) => ((true, StackId::default(), root as u64), false),
                instances::Home::Block(block) => {
                    let block = heap.view.snapshot.blocks()[block];
                    ((false, block.stack, block.size), block.epoch < body_epoch)
                }
            };
            let key = (Rc::as_ptr(&instance.type_name).addr(), instance.size, place, instance.doubt.clone());
            let alike = alike.entry(key).or_insert(Alike { first: index, count: 0, before: 0 });
            alike.count += 1;
            alike.before += u64::from(before);
        }
        let mut tallies: HashMap<Key, (u64, u64)> = HashMap::new();
        for Alike { first, count, before } in alike.into_values() {
            let (all, earlier) = tallies.entry(self.key(heap, &instances[first])).or_default();
            *all += count;
            *earlier += before;
        }
        let mut tallies: Vec<Tally> =
            tallies.into_iter().map(|(key, (count, before))| Tally { key, count, before }).collect();
        tallies.sort_by(|a, b| (a.key.doubt.is_some(), b.count, &a.key).cmp(&(b.key.doubt.is_some(), a.count, &b.key)));
        tallies
    }

    fn key(&self, heap: &Heap<'_>, instance: &Instance) -> Key {
        let snapshot = heap.view.snapshot;
        let place = match instance.home {
            instances::Home::Root(root) => Home::Static(root_name(&heap.roots[root], snapshot)),
            instances::Home::Block(block) => Home::Block {
                inside: self.container(&heap.contents[block], instance),
                stack: snapshot.blocks()[block].stack,
            },
        };
        let doubt = instance.doubt.as_ref().map(doubt);
        Key { type_name: instance.type_name.to_string(), size: instance.size, doubt, place }
    }

    /// The type of the block around an instance, if it says more than the instance's own.
    fn container(&self, content: &Content, instance: &Instance) -> Option<String> {
        use crate::debuginfo::types::Types as _;
        let types = self.program.types();
        let (name, wrapper) = match content {
            Content::Value(ty) | Content::Unwritten(ty) => (types.get(*ty).name.clone(), ""),
            Content::Buffer(element) => (types.get(*element).name.clone(), "[_]"),
            Content::Table(element) => (types.get(*element).name.clone(), "table"),
            Content::Shared(_) | Content::OwnLayout { .. } | Content::Unknown => return None,
        };
        let alone = name == instance.type_name
            || ["alloc::sync::ArcInner<", "alloc::rc::RcInner<"]
                .iter()
                .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(&*instance.type_name)));
        match wrapper {
            "" if alone => None,
            "" => Some(name.to_string()),
            "[_]" => Some(format!("[{name}]")),
            _ => Some(format!("hash table of {name}")),
        }
    }

    /// What the counts mean.
    pub fn conclude(&self, counts: &Counts) -> Verdict {
        let mut missed = Vec::new();
        for (index, expectation) in self.expectations.iter().enumerate() {
            let first = &counts.body_ended.tallies[index];
            let second = &counts.afterwards.tallies[index];
            let Some(shown) = [first, second].into_iter().find(|tallies| exceeds(tallies, expectation)) else {
                continue;
            };
            missed.push(Missed {
                written: expectation.written.to_owned(),
                at_most: expectation.at_most,
                groups: shown.iter().map(|tally| self.group(tally)).collect(),
                second: second_count(second, expectation),
            });
        }
        let losses = counts.afterwards.losses;
        if !missed.is_empty() {
            Verdict::Failed(Failure {
                missed,
                lost: Vec::new(),
                aside: Aside::default(),
                settled: counts.settled,
                ended: counts.ended,
                losses,
            })
        } else if losses != Losses::default() {
            Verdict::CouldNotTell(vec![Obstacle::Losses(losses)])
        } else {
            Verdict::Passed(Aside::default())
        }
    }

    fn group(&self, tally: &Tally) -> Group {
        let key = &tally.key;
        Group {
            type_name: key.type_name.clone(),
            count: tally.count,
            size: key.size,
            before: tally.before,
            doubt: key.doubt.clone(),
            place: match &key.place {
                Home::Static(name) => Place::Static(name.clone()),
                Home::Block { inside, stack } => Place::Block { inside: inside.clone(), stack: self.frames(*stack) },
            },
            holders: Vec::new(),
            more_holders: 0,
            retained: None,
            advice: None,
        }
    }

    fn frames(&self, stack: StackId) -> Vec<Frame> {
        let frame = |(frame, location): (functions::Frame, Option<Location>)| {
            let location = location.map(|location| (location.file.to_string(), location.line));
            let kind = CodeKind::of(&frame.function.path, location.as_ref().map(|(file, _)| file.as_str()));
            Frame { function: frame.function.path.clone(), location, kind }
        };
        self.program.backtrace(stack).into_iter().map(frame).collect()
    }
}

/// The name of a static; of a thread-local, with the thread's.
fn root_name(root: &Root, snapshot: &Snapshot) -> String {
    match root.thread.and_then(|thread| snapshot.threads().get(thread as usize)) {
        Some(thread) => format!("{} of thread {}", root.name, thread.name),
        None => root.name.to_string(),
    }
}

fn second_count(tallies: &[Tally], expectation: &Resolved) -> SecondCount {
    if !exceeds(tallies, expectation) {
        return SecondCount::Clean;
    }
    let sum = |doubtful: bool| {
        tallies.iter().filter(|tally| tally.key.doubt.is_some() == doubtful).map(|tally| tally.count).sum()
    };
    SecondCount::Live { certain: sum(false), possible: sum(true) }
}

fn doubt(doubt: &instances::Doubt) -> Doubt {
    match doubt {
        instances::Doubt::Suspended(future) => Doubt::Suspended(future.to_string()),
        instances::Doubt::Captured(closure) => Doubt::Captured(closure.to_string()),
        instances::Doubt::MaybeUninit => Doubt::MaybeUninit,
        instances::Doubt::NoOwner => Doubt::NoOwner,
        instances::Doubt::NotUnderstood(container) => Doubt::NotUnderstood(container.to_string()),
        instances::Doubt::OwnLayout(function) => Doubt::OwnLayout(function.to_string()),
    }
}
