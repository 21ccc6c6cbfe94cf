//! Counts the live instances of the expected types and the memory that nothing leads to, and says what that means.
//!
//! May use: `query`, `heap`, `debuginfo`, `tracker`, `stack`.

use crate::check::ignores::{Held, Ignores, Matched, unknown_names};
use crate::check::limits::{Limited, Since};
use crate::check::standing::Standing;
use crate::check::subjects::{Resolved, resolve};
use crate::check::tally::{EXPLAINED, Tally, explain, read_values, sum, tallies};
use crate::check::verdict::{
    Aside, Doubtful, Ended, Failure, Group, LostGroup, Missed, Obstacle, OnStack, Overrun, SecondCount, Verdict,
};
use crate::check::{Bound, Possibly, Terms, Unreachable, lost};
use crate::heap::instances::Instance;
use crate::heap::program::Program;
use crate::query::analyst;
use crate::query::scene::{Relations, Scene};
use crate::tracker::{self, Losses, Status};
use std::collections::HashSet;
use std::time::Duration;

/// Checks the expectations of one test, at as many moments as needed.
pub struct Checker {
    program: &'static Program,
    expectations: Vec<Resolved>,
    /// The units of the debug info that describe the expected types; none if it is not known of all.
    units: Option<HashSet<u32>>,
    unreachable: Unreachable,
    possibly: Possibly,
    limited: Limited,
    ignores: Ignores,
    /// Of how many kinds of instances the holders are looked up.
    explained: usize,
    /// Whether it is read what instances hold.
    values: bool,
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
    /// The figures that are above their limits.
    overruns: Vec<Overrun>,
    /// How many blocks nothing leads to.
    lost_blocks: u64,
    /// The same as leaks, if they were put together.
    lost: Vec<LostGroup>,
    on_stacks: Vec<OnStack>,
    matched: Matched,
    unstopped_threads: Vec<String>,
    losses: Losses,
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

/// Whether this process records its blocks.
///
/// # Errors
/// When it does not; why.
pub fn recording() -> Result<(), Obstacle> {
    match tracker::status() {
        Status::On => Ok(()),
        Status::Off => Err(Obstacle::NotTracked),
        Status::NotInstalled => Err(Obstacle::NotInstalled),
        Status::Unsupported => Err(Obstacle::NoStacks),
    }
}

impl Checker {
    /// Finds the types of the expectations in the running program.
    ///
    /// # Errors
    /// All that stands in the way of counting.
    pub fn new(terms: &Terms<'_>) -> Result<Checker, Vec<Obstacle>> {
        let Terms { expectations, unreachable, possibly, ignores, .. } = *terms;
        recording().map_err(|obstacle| vec![obstacle])?;
        let program = analyst::program().map_err(|error| vec![Obstacle::DebugInfo(error)])?;
        let (mut resolved, mut obstacles) = (Vec::new(), Vec::new());
        for expectation in expectations {
            match resolve(program.types(), expectation) {
                Ok(expectation) => resolved.push(expectation),
                Err(obstacle) => obstacles.push(obstacle),
            }
        }
        let limited = Limited::new(program.types(), terms).map_err(|more| obstacles.extend(more));
        match (Ignores::new(ignores), limited) {
            (Ok(ignores), Ok(limited)) if obstacles.is_empty() => {
                let units: Option<Vec<_>> = resolved.iter().map(|resolved| resolved.types.units()).collect();
                let units = units.map(|units| units.into_iter().flatten().copied().collect());
                let (expectations, explained, values) = (resolved, EXPLAINED, false);
                Ok(Checker { program, expectations, units, unreachable, possibly, limited, ignores, explained, values })
            }
            (Ok(_), _) => Err(obstacles),
            (Err(more), _) => Err(obstacles.into_iter().chain(more).collect()),
        }
    }

    /// If `all`, the holders of all kinds of instances are looked up, and not only of as many as are shown.
    #[must_use]
    pub fn explaining_all(mut self, all: bool) -> Checker {
        self.explained = if all { usize::MAX } else { EXPLAINED };
        self
    }

    /// If `wanted`, what some of the instances hold is read as well.
    #[must_use]
    pub fn reading_values(mut self, wanted: bool) -> Checker {
        self.values = wanted;
        self
    }

    /// Counts the instances that live now, what is limited, and the blocks that nothing leads to.
    pub fn count(&self, checkpoint: Checkpoint, since: &Since) -> Count {
        let scene = Scene::take(self.program, self.units.as_ref());
        let looks_for_lost = self.looks_for_lost(checkpoint);
        let relations = (looks_for_lost || self.ignores.ask_for_holders()).then(|| Relations::of(&scene));
        let mut matched = self.ignores.nothing();
        let held = relations.as_ref().map(|all| self.ignores.held(all, &mut matched)).unwrap_or_default();
        let mut count = self.instances(&scene, since.body_epoch, &held, matched).0;
        if checkpoint == Checkpoint::BodyEnded {
            count.overruns = self.limited.overruns(&scene, None, since);
        }
        if let Some(relations) = relations.as_ref().filter(|_| looks_for_lost) {
            self.find_lost(relations, since.body_epoch, (!self.ignores.is_empty()).then_some(&held), &mut count);
        }
        count
    }

    /// Counts as [`Checker::count`] does, and finds out who holds the instances and what is lost. `also` is shown the heap, and what was found.
    pub fn explain(&self, checkpoint: Checkpoint, since: &Since, also: impl FnOnce(&Relations<'_>, &Count)) -> Count {
        let scene = Scene::take(self.program, None);
        let relations = Relations::of(&scene);
        let mut matched = self.ignores.nothing();
        let held = self.ignores.held(&relations, &mut matched);
        let (mut count, found) = self.instances(&scene, since.body_epoch, &held, matched);
        if checkpoint == Checkpoint::BodyEnded {
            count.overruns = self.limited.overruns(&scene, Some(&relations), since);
        }
        for ((tallies, instances), expectation) in count.tallies.iter_mut().zip(&found).zip(&self.expectations) {
            if self.standing(tallies, expectation, checkpoint) > Standing::Within {
                explain(&relations, instances, tallies, self.explained);
                if self.values {
                    let type_of = |instance: &Instance| expectation.types.type_of(instance);
                    read_values(&scene, instances, tallies, self.explained, type_of);
                }
            }
        }
        if self.looks_for_lost(checkpoint) {
            self.find_lost(&relations, since.body_epoch, Some(&held), &mut count);
        }
        also(&relations, &count);
        count
    }

    /// In groups if it is known what the ignored holders hold; else only how many blocks are lost, which is told much faster.
    fn find_lost(&self, relations: &Relations<'_>, body_epoch: u32, held: Option<&Held<'_>>, count: &mut Count) {
        let blocks = lost::unreached(relations, body_epoch);
        count.lost_blocks = blocks.len() as u64;
        if let Some(held) = held.filter(|_| !blocks.is_empty()) {
            count.lost = lost::groups(relations, &blocks, (&self.ignores, held), &mut count.matched, self.values);
            count.lost_blocks = count.lost.iter().map(|group| group.blocks).sum();
        }
        count.on_stacks = lost::on_stacks(relations, body_epoch);
    }

    fn looks_for_lost(&self, checkpoint: Checkpoint) -> bool {
        checkpoint == Checkpoint::Afterwards && self.unreachable == Unreachable::Fail
    }

    fn instances(
        &self,
        scene: &Scene<'_>,
        body_epoch: u32,
        held: &Held<'_>,
        mut matched: Matched,
    ) -> (Count, Vec<Vec<Instance>>) {
        let found: Vec<Vec<Instance>> =
            self.expectations.iter().map(|expectation| expectation.types.find(scene)).collect();
        let ignores = (&self.ignores, held);
        let tallies = found.iter().map(|found| tallies(scene, found, body_epoch, ignores, &mut matched)).collect();
        let unstopped = scene.snapshot.threads().iter().filter(|thread| !thread.stopped);
        let count = Count {
            tallies,
            overruns: Vec::new(),
            lost_blocks: 0,
            lost: Vec::new(),
            on_stacks: Vec::new(),
            matched,
            unstopped_threads: unstopped.map(|thread| thread.name.clone()).collect(),
            losses: scene.snapshot.losses(),
        };
        (count, found)
    }

    /// What either the runtime or the thread kept may have ended with it.
    fn standing(&self, tallies: &[Tally], expectation: &Resolved, checkpoint: Checkpoint) -> Standing {
        let bound = match checkpoint {
            Checkpoint::BodyEnded => expectation.bound,
            Checkpoint::Afterwards => Bound::AtMost(expectation.bound.most()),
        };
        sum(tallies).standing(bound, self.possibly)
    }

    /// The worst of all expectations.
    fn worst(&self, count: &Count, checkpoint: Checkpoint) -> Standing {
        let each = count.tallies.iter().zip(&self.expectations);
        each.map(|(tallies, expectation)| self.standing(tallies, expectation, checkpoint))
            .max()
            .unwrap_or(Standing::Within)
    }

    /// Whether more or fewer live than may, a figure is above its limit, or something is lost: the test fails if waiting does not change that.
    pub fn misses(&self, count: &Count, checkpoint: Checkpoint) -> bool {
        count.lost_blocks > 0 || !count.overruns.is_empty() || self.worst(count, checkpoint) == Standing::Missed
    }

    /// Whether something could not be told that waiting may make plain.
    pub fn doubts(&self, count: &Count, checkpoint: Checkpoint) -> bool {
        self.worst(count, checkpoint) > Standing::Within
    }

    /// Whether all was counted that a limit is about.
    pub fn saw_all(&self, since: &Since) -> bool {
        self.limited.is_told(since)
    }

    /// What the counts mean.
    pub fn conclude(&self, counts: &Counts) -> Verdict {
        let (mut missed, mut doubtful, mut obstacles) = (Vec::new(), Vec::new(), Vec::new());
        for (index, expectation) in self.expectations.iter().enumerate() {
            let looks = [&counts.body_ended.tallies[index], &counts.afterwards.tallies[index]];
            let first = self.standing(looks[0], expectation, Checkpoint::BodyEnded);
            let second = self.standing(looks[1], expectation, Checkpoint::Afterwards);
            let (shown, standing) = if first >= second { (looks[0], first) } else { (looks[1], second) };
            let groups = |wanted: &dyn Fn(&Tally) -> bool| {
                shown.iter().filter(|tally| wanted(tally)).map(|tally| tally.group(self.program)).collect()
            };
            let (written, bound) = (expectation.written.to_owned(), expectation.bound);
            if standing == Standing::Missed {
                let second = second_count(looks[1], second);
                missed.push(Missed { written, bound, groups: groups(&|_| true), second }.with_fitting_advice());
            } else if standing > Standing::Within {
                let certain = sum(shown).certain;
                let groups = groups(&|tally| !tally.is_certain());
                doubtful.push(Doubtful { written, bound, certain, groups });
            }
            if standing >= Standing::NotUnderstood {
                obstacles.extend(shown.iter().filter_map(|tally| self.not_understood(tally)));
            }
        }
        let Count { lost, on_stacks, unstopped_threads, losses, .. } = counts.afterwards.clone();
        let matched = counts.body_ended.matched.clone().or(&counts.afterwards.matched);
        let (ignored, unused_ignores, wrong) =
            self.ignores.conclude(&matched, |ignore| unknown_names(self.program.types(), ignore));
        obstacles.extend(wrong);
        let aside = Aside { doubtful, ignored, unused_ignores, on_stacks, unstopped_threads, baseline: None };
        if losses != Losses::default() {
            obstacles.push(Obstacle::Losses(losses));
        }
        let overruns = counts.body_ended.overruns.clone();
        if !missed.is_empty() || !overruns.is_empty() || !lost.is_empty() {
            let (untold, settled, ended) = (obstacles, counts.settled, counts.ended);
            Verdict::Failed(Failure { missed, overruns, lost, untold, aside, settled, ended, losses })
        } else if obstacles.is_empty() {
            Verdict::Passed(aside)
        } else {
            Verdict::CouldNotTell(obstacles)
        }
    }

    fn not_understood(&self, tally: &Tally) -> Option<Obstacle> {
        let container = tally.not_understood()?.to_owned();
        let Group { type_name, place, .. } = tally.group(self.program);
        Some(Obstacle::NotUnderstood { container, holds: type_name, place })
    }
}

fn second_count(tallies: &[Tally], standing: Standing) -> SecondCount {
    if standing == Standing::Within {
        return SecondCount::Clean;
    }
    let sum = sum(tallies);
    SecondCount::Live { certain: sum.certain, possible: sum.possible + sum.not_understood }
}
