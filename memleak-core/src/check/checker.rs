//! Counts the live instances of the expected types and the memory that nothing leads to, and says what that means.
//!
//! May use: `query`, `heap`, `debuginfo`, `tracker`, `stack`.

use crate::check::ignores::{Ignores, Matched};
use crate::check::scene::{Relations, Scene};
use crate::check::subjects::{Resolved, resolve};
use crate::check::tally::{Tally, explain, tallies};
use crate::check::verdict::{Aside, Ended, Failure, LostGroup, Missed, Obstacle, OnStack, SecondCount, Verdict};
use crate::check::{Expectation, Ignore, Unreachable, lost};
use crate::heap::instances::{self, Instance};
use crate::heap::program::Program;
use crate::tracker::{self, Losses, Status};
use std::time::Duration;

/// Checks the expectations of one test, at as many moments as needed.
pub struct Checker {
    program: Program,
    expectations: Vec<Resolved>,
    unreachable: Unreachable,
    ignores: Ignores,
}

/// When a look is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checkpoint {
    /// The body has ended; its runtime or thread is alive.
    BodyEnded,
    /// That has ended. Now memory that nothing leads to is looked for as well: before, a runtime that shuts down may still find it.
    Afterwards,
}

/// What one look at the heap found.
#[derive(Clone, Debug)]
pub struct Count {
    /// One per expectation.
    tallies: Vec<Vec<Tally>>,
    /// How many blocks nothing leads to.
    lost_blocks: u64,
    /// The same as leaks, if they were put together.
    lost: Vec<LostGroup>,
    on_stacks: Vec<OnStack>,
    matched: Matched,
    unstopped_threads: Vec<String>,
    losses: Losses,
}

fn exceeds(tallies: &[Tally], expectation: &Resolved) -> bool {
    tallies.iter().map(|tally| tally.count).sum::<u64>() > expectation.at_most
}

/// The counts at the two checkpoints of a test.
#[derive(Clone, Debug)]
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
    pub fn new(
        expectations: &[Expectation],
        unreachable: Unreachable,
        ignores: &'static [Ignore],
    ) -> Result<Checker, Vec<Obstacle>> {
        match tracker::status() {
            Status::On => {}
            Status::Off => return Err(vec![Obstacle::NotTracked]),
            Status::NotInstalled => return Err(vec![Obstacle::NotInstalled]),
            Status::Unsupported => return Err(vec![Obstacle::NoStacks]),
        }
        let program = Program::current().map_err(|error| vec![Obstacle::DebugInfo(error)])?;
        let (mut resolved, mut obstacles) = (Vec::new(), Vec::new());
        for expectation in expectations {
            match resolve(program.types(), expectation) {
                Ok(expectation) => resolved.push(expectation),
                Err(obstacle) => obstacles.push(obstacle),
            }
        }
        match Ignores::new(ignores) {
            Ok(ignores) if obstacles.is_empty() => {
                Ok(Checker { program, expectations: resolved, unreachable, ignores })
            }
            Ok(_) => Err(obstacles),
            Err(more) => Err(obstacles.into_iter().chain(more).collect()),
        }
    }

    /// Counts the instances that live now, and the blocks that nothing leads to. Blocks of an epoch before `body_epoch` were there
    /// before the body.
    pub fn count(&self, checkpoint: Checkpoint, body_epoch: u32) -> Count {
        let scene = Scene::take(&self.program);
        let mut count = self.instances(&scene, body_epoch).0;
        if self.looks_for_lost(checkpoint) {
            self.find_lost(&Relations::of(&scene), body_epoch, !self.ignores.is_empty(), &mut count);
        }
        count
    }

    /// Counts as [`Checker::count`] does, and finds out who holds the instances and what is lost.
    pub fn explain(&self, checkpoint: Checkpoint, body_epoch: u32) -> Count {
        let scene = Scene::take(&self.program);
        let relations = Relations::of(&scene);
        let (mut count, found) = self.instances(&scene, body_epoch);
        for ((tallies, instances), expectation) in count.tallies.iter_mut().zip(&found).zip(&self.expectations) {
            if exceeds(tallies, expectation) {
                explain(&relations, instances, tallies);
            }
        }
        if self.looks_for_lost(checkpoint) {
            self.find_lost(&relations, body_epoch, true, &mut count);
        }
        count
    }

    /// Without groups only how many blocks are lost, which is told much faster.
    fn find_lost(&self, relations: &Relations<'_>, body_epoch: u32, in_groups: bool, count: &mut Count) {
        let blocks = lost::unreached(relations, body_epoch);
        count.lost_blocks = blocks.len() as u64;
        if in_groups && !blocks.is_empty() {
            count.lost = lost::groups(relations, &blocks, &self.ignores, &mut count.matched);
            count.lost_blocks = count.lost.iter().map(|group| group.blocks).sum();
        }
        count.on_stacks = lost::on_stacks(relations, body_epoch);
    }

    fn looks_for_lost(&self, checkpoint: Checkpoint) -> bool {
        checkpoint == Checkpoint::Afterwards && self.unreachable == Unreachable::Fail
    }

    fn instances(&self, scene: &Scene<'_>, body_epoch: u32) -> (Count, Vec<Vec<Instance>>) {
        let mut matched = self.ignores.nothing();
        let find = |expectation| instances::find(scene.view(), &scene.contents, &scene.roots, expectation);
        let found: Vec<Vec<Instance>> = self.expectations.iter().map(|expectation| find(expectation)).collect();
        let tallies =
            found.iter().map(|found| tallies(scene, found, body_epoch, &self.ignores, &mut matched)).collect();
        let unstopped = scene.snapshot.threads().iter().filter(|thread| !thread.stopped);
        let count = Count {
            tallies,
            lost_blocks: 0,
            lost: Vec::new(),
            on_stacks: Vec::new(),
            matched,
            unstopped_threads: unstopped.map(|thread| thread.name.clone()).collect(),
            losses: scene.snapshot.losses(),
        };
        (count, found)
    }

    /// Whether more lives than may, or something is lost: waiting may change that.
    pub fn exceeds(&self, count: &Count) -> bool {
        count.lost_blocks > 0
            || count.tallies.iter().zip(&self.expectations).any(|(tallies, expectation)| exceeds(tallies, expectation))
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
                groups: shown.iter().map(|tally| tally.group(&self.program)).collect(),
                second: second_count(second, expectation),
            });
        }
        let Count { lost, on_stacks, unstopped_threads, losses, .. } = counts.afterwards.clone();
        let matched = counts.body_ended.matched.clone().or(&counts.afterwards.matched);
        let (ignored, unused_ignores) = self.ignores.conclude(&matched);
        let aside = Aside { ignored, unused_ignores, on_stacks, unstopped_threads };
        if !missed.is_empty() || !lost.is_empty() {
            Verdict::Failed(Failure { missed, lost, aside, settled: counts.settled, ended: counts.ended, losses })
        } else if losses != Losses::default() {
            Verdict::CouldNotTell(vec![Obstacle::Losses(losses)])
        } else {
            Verdict::Passed(aside)
        }
    }
}

fn second_count(tallies: &[Tally], expectation: &Resolved) -> SecondCount {
    if !exceeds(tallies, expectation) {
        return SecondCount::Clean;
    }
    let sum =
        |certain: bool| tallies.iter().filter(|tally| tally.is_certain() == certain).map(|tally| tally.count).sum();
    SecondCount::Live { certain: sum(true), possible: sum(false) }
}
