//! The figures that a test limits: bytes, allocations and growth. What is above its limit, and of what it is made.
//!
//! May use: `query`, `heap`, `debuginfo` (types only), `tracker`, `stack`.

use crate::check::growth::{Growing, Round, Site, Slope, growing, warm_epoch};
use crate::check::parts::{Piece, living, parts};
use crate::check::spent::{Spent, is_machinery, kind, values};
use crate::check::verdict::{Figure, Frame, Obstacle, Overrun, Part};
use crate::check::{Limits, Rounds, Terms};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::layouts::TypeTable;
use crate::query::scene::{Relations, Scene, frames};
use crate::query::subjects::Kinds;
use crate::stack::StackId;
use crate::tracker::{Block, Crossing, Peak, Traffic};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// What a test limits, and over which rounds.
pub(super) struct Limited {
    limits: Limits,
    rounds: Rounds,
    /// The types whose values are limited, as written, with how many may be allocated.
    allocated: Vec<(Kinds, &'static str, u64)>,
}

/// What has been counted since the body first began.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// Blocks of earlier epochs were there before.
    pub body_epoch: u32,
    /// The ends of all rounds but the last.
    pub rounds: Vec<Round>,
    /// What the body had spent at its end; none if nobody has said.
    pub spent: Option<Arc<Spent>>,
}

/// One look at the figures.
struct Look<'a> {
    scene: &'a Scene<'a>,
    /// If it is asked for what the figures are made of.
    relations: Option<&'a Relations<'a>>,
    since: &'a Since,
}

impl Limited {
    /// Finds the types whose values are limited.
    ///
    /// # Errors
    /// All that stands in the way of it.
    pub(super) fn new(types: &'static TypeTable<'static>, terms: &Terms<'_>) -> Result<Limited, Vec<Obstacle>> {
        let (mut allocated, mut obstacles) = (Vec::new(), Vec::new());
        for limit in terms.limits.allocated {
            let written = limit.subject.written();
            match Kinds::resolve(types, limit.subject) {
                Ok(kinds) => allocated.push((kinds, written, limit.most)),
                Err(error) => obstacles.push(Obstacle::of_name(written, error)),
            }
        }
        let limited = Limited { limits: terms.limits, rounds: terms.rounds, allocated };
        if obstacles.is_empty() { Ok(limited) } else { Err(obstacles) }
    }

    /// Whether all was counted that a limit is about: the ends of all rounds, and that of the body.
    pub(super) fn is_told(&self, since: &Since) -> bool {
        let rounds = since.rounds.len() as u64 + 1 == u64::from(self.rounds.count);
        let spends = self.limits.traffic() || self.limits.peak_bytes.is_some();
        (rounds || self.limits.growth.is_none()) && (since.spent.is_some() || !spends)
    }

    /// What is above its limit, with what it is made of if that is asked for.
    pub(super) fn overruns(&self, scene: &Scene<'_>, relations: Option<&Relations<'_>>, since: &Since) -> Vec<Overrun> {
        let look = Look { scene, relations, since };
        let limits = &self.limits;
        let mut overruns: Vec<Overrun> = Vec::new();
        overruns.extend(limits.live_bytes.and_then(|allowed| look.live_bytes(allowed)));
        if let Some(spent) = &since.spent {
            overruns.extend(limits.peak_bytes.and_then(|allowed| look.peak_bytes(spent, allowed)));
            if limits.traffic() {
                overruns.extend(self.traffic(&look, &spent.of_the_body(scene).collect::<Vec<_>>()));
            }
        }
        overruns.extend(limits.growth.and_then(|allowed| self.growth(&look, allowed)));
        overruns
    }

    fn traffic(&self, look: &Look<'_>, flows: &[Traffic]) -> Vec<Overrun> {
        let bytes = self
            .limits
            .allocated_bytes
            .and_then(|allowed| look.traffic(Figure::AllocatedBytes, flows, allowed, &|flow| flow.bytes));
        let allocations = self
            .limits
            .allocations
            .and_then(|allowed| look.traffic(Figure::Allocations, flows, allowed, &|flow| flow.allocations));
        let values = self.allocated.iter().filter_map(|(kinds, written, allowed)| {
            let of = |flow: &Traffic| values(look.scene, kinds, &kind(look.scene, flow).1, flow);
            look.traffic(Figure::Allocated(written), flows, *allowed, &of)
        });
        bytes.into_iter().chain(allocations).chain(values).collect()
    }

    fn growth(&self, look: &Look<'_>, allowed: u64) -> Option<Overrun> {
        let Look { scene, since, .. } = look;
        // Before the first round nothing of the body was there.
        let last = Round::of(scene.snapshot.blocks(), since.body_epoch, scene.snapshot.epoch());
        let before = Round::default();
        let rounds: Vec<Round> = [before].into_iter().chain(since.rounds.iter().cloned()).chain([last]).collect();
        let rounds = rounds.get(self.rounds.warmup as usize..)?;
        let growing = growing(rounds, |stack| site(&frames(scene.program, stack)));
        let per_round = |slope: &Slope| slope.bytes as f64 / slope.rounds as f64;
        let measured: f64 = growing.iter().map(|growing| per_round(&growing.slope)).sum();
        if measured <= allowed as f64 {
            return None;
        }
        let warm = warm_epoch(rounds).max(since.body_epoch.saturating_sub(1));
        let part = |growing: &Growing| {
            let grown = |block: &Block| block.epoch > warm && growing.stacks.contains(&block.stack);
            let mut parts = look.live_parts(&grown);
            let all: u64 = parts.iter().map(|part| part.bytes).sum();
            parts.iter_mut().for_each(|part| part.slope = Some(growing.slope.share(part.bytes, all)));
            parts
        };
        let parts = growing.iter().flat_map(part).collect();
        let rounds = u64::from(self.rounds.count - self.rounds.warmup);
        Some(Overrun { figure: Figure::Growth { rounds }, measured: measured.ceil() as u64, allowed, parts })
    }
}

impl Look<'_> {
    fn is_new(&self, block: &Block) -> bool {
        block.epoch >= self.since.body_epoch
    }

    /// The new blocks among these, in bytes, as far as they are wanted.
    fn sum(&self, blocks: &[Block], wanted: &dyn Fn(&Block) -> bool) -> u64 {
        blocks.iter().filter(|block| self.is_new(block) && wanted(block)).map(|block| block.size).sum()
    }

    /// Whether a block is none of the body's.
    fn machinery(&self) -> impl Fn(&Block) -> bool {
        let known: RefCell<HashMap<StackId, bool>> = RefCell::default();
        move |block| *known.borrow_mut().entry(block.stack).or_insert_with(|| is_machinery(self.scene, block.stack))
    }

    /// What these blocks are, all of which live.
    fn live_parts(&self, is_part: &dyn Fn(&Block) -> bool) -> Vec<Part> {
        let Some(relations) = self.relations else { return Vec::new() };
        let living = living(self.scene, is_part);
        let size = |block: &u32| self.scene.size(*block);
        let piece = |((type_name, stack), blocks): (&(Option<Rc<str>>, StackId), &Vec<u32>)| {
            let bytes = blocks.iter().map(size).sum();
            let first = blocks.first().map(size).filter(|first| blocks.iter().all(|block| size(block) == *first));
            let (type_name, count) = (type_name.clone(), blocks.len() as u64);
            Piece { type_name, stack: *stack, blocks: count, bytes, size: first, number: bytes }
        };
        let pieces = living.iter().map(piece).collect();
        parts(relations, pieces, &living)
    }

    fn live_bytes(&self, allowed: u64) -> Option<Overrun> {
        let all = self.sum(self.scene.snapshot.blocks(), &|_| true);
        if all <= allowed {
            return None;
        }
        let is_machinery = self.machinery();
        let is_part = |block: &Block| self.is_new(block) && !is_machinery(block);
        let measured = self.sum(self.scene.snapshot.blocks(), &is_part);
        let parts = || self.live_parts(&is_part);
        (measured > allowed).then(|| Overrun { figure: Figure::LiveBytes, measured, allowed, parts: parts() })
    }

    fn peak_bytes(&self, spent: &Spent, allowed: u64) -> Option<Overrun> {
        let Peak { highest, crossing } = spent.peak.as_ref().filter(|peak| peak.highest > allowed)?;
        let kept = match crossing {
            Crossing::Kept(blocks) => &**blocks,
            Crossing::None | Crossing::NoRoom => &[],
        };
        let is_machinery = self.machinery();
        // What that has is not in the sum by its stack, which was not known then. It has little, and keeps it.
        let measured = highest - self.sum(kept, &is_machinery);
        let parts = || {
            let mut flows: HashMap<(StackId, u64), Traffic> = HashMap::new();
            for block in kept.iter().filter(|block| self.is_new(block) && !is_machinery(block)) {
                let none = Traffic { stack: block.stack, allocations: 0, bytes: 0 };
                let flow = flows.entry((block.stack, block.size)).or_insert(none);
                (flow.allocations, flow.bytes) = (flow.allocations + 1, flow.bytes + block.size);
            }
            self.parts_of(flows.values(), &|flow| flow.bytes)
        };
        (measured > allowed).then(|| Overrun { figure: Figure::PeakBytes, measured, allowed, parts: parts() })
    }

    /// A figure that is a sum over what was allocated.
    fn traffic(
        &self,
        figure: Figure,
        flows: &[Traffic],
        allowed: u64,
        number: &dyn Fn(&Traffic) -> u64,
    ) -> Option<Overrun> {
        let measured = flows.iter().map(number).sum();
        (measured > allowed).then(|| Overrun { figure, measured, allowed, parts: self.parts_of(flows.iter(), number) })
    }

    fn parts_of<'a>(&self, flows: impl Iterator<Item = &'a Traffic>, number: &dyn Fn(&Traffic) -> u64) -> Vec<Part> {
        let Some(relations) = self.relations else { return Vec::new() };
        let mut pieces: HashMap<(Option<Rc<str>>, StackId), Piece> = HashMap::new();
        for flow in flows {
            let (type_name, stack) = (kind(self.scene, flow).0, flow.stack);
            let size = (flow.allocations > 0).then(|| flow.bytes / flow.allocations);
            let none = || Piece { type_name: type_name.clone(), stack, blocks: 0, bytes: 0, size, number: 0 };
            let piece = pieces.entry((type_name.clone(), stack)).or_insert_with(none);
            piece.size = piece.size.filter(|one| Some(*one) == size && one * flow.allocations == flow.bytes);
            piece.blocks += flow.allocations;
            piece.bytes += flow.bytes;
            piece.number += number(flow);
        }
        let pieces = pieces.into_values().filter(|piece| piece.number > 0).collect();
        parts(relations, pieces, &living(self.scene, &|block| self.is_new(block)))
    }
}

/// What a reader sees of a stack: the user's functions and their lines; where there is none all functions.
fn site(stack: &[Frame]) -> Site {
    let text = |frame: &Frame| {
        let line = frame.location.as_ref().map_or(0, |(_, line)| *line);
        format!("{}:{line}", frame.function)
    };
    let users: Site = stack.iter().filter(|frame| frame.kind == CodeKind::User).map(text).collect();
    if users.is_empty() { stack.iter().map(|frame| frame.function.clone()).collect() } else { users }
}
