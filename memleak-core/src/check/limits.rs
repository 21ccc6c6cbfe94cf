//! The figures that a test limits: live bytes and their growth. What is above its limit, and of what it is made.
//!
//! May use: `query`, `heap`, `debuginfo` (types only), `tracker`, `stack`.

use crate::check::growth::{Growing, Round, Site, Slope, growing, warm_epoch};
use crate::check::holders::Holders;
use crate::check::verdict::{Figure, Frame, Overrun, Part};
use crate::check::{Limits, Rounds};
use crate::debuginfo::code::CodeKind;
use crate::heap::instances::Home;
use crate::query::scene::{Relations, Scene, frames};
use crate::stack::StackId;
use crate::tracker::Block;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The most parts of a figure whose holders are looked up: no more are shown.
const EXPLAINED: usize = 8;
/// Of how many blocks of one part the holders are looked up.
const ASKED: usize = 16;

/// What a test limits, and over which rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limited {
    pub(super) limits: Limits,
    pub(super) rounds: Rounds,
}

/// What has been counted since the body first began.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// Blocks of earlier epochs were there before.
    pub body_epoch: u32,
    /// The ends of all rounds but the last.
    pub rounds: Vec<Round>,
}

impl Limited {
    /// What is above its limit, with what it is made of if that is asked for.
    pub(super) fn overruns(&self, scene: &Scene<'_>, relations: Option<&Relations<'_>>, since: &Since) -> Vec<Overrun> {
        let live = self.limits.live_bytes.and_then(|allowed| live_bytes(scene, relations, since, allowed));
        let growth = self.limits.growth.and_then(|allowed| self.growth(scene, relations, since, allowed));
        live.into_iter().chain(growth).collect()
    }

    fn growth(
        &self,
        scene: &Scene<'_>,
        relations: Option<&Relations<'_>>,
        since: &Since,
        allowed: u64,
    ) -> Option<Overrun> {
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
            let mut parts = parts(scene, relations, &grown);
            parts.iter_mut().for_each(|part| part.slope = Some(growing.slope));
            parts
        };
        let parts = growing.iter().flat_map(part).collect();
        let rounds = u64::from(self.rounds.count - self.rounds.warmup);
        Some(Overrun { figure: Figure::Growth { rounds }, measured: measured.ceil() as u64, allowed, parts })
    }
}

fn live_bytes(scene: &Scene<'_>, relations: Option<&Relations<'_>>, since: &Since, allowed: u64) -> Option<Overrun> {
    let is_new = |block: &Block| block.epoch >= since.body_epoch;
    let measured = scene.snapshot.blocks().iter().filter(|block| is_new(block)).map(|block| block.size).sum();
    let overrun = || {
        let parts = parts(scene, relations, &is_new);
        Overrun { figure: Figure::LiveBytes, measured, allowed, parts }
    };
    (measured > allowed).then(overrun)
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

/// These blocks by type and stack, the largest sum first; with their holders. Empty if nobody asks for them.
fn parts(scene: &Scene<'_>, relations: Option<&Relations<'_>>, is_part: &dyn Fn(&Block) -> bool) -> Vec<Part> {
    let Some(relations) = relations else { return Vec::new() };
    let mut alike: HashMap<(Option<Rc<str>>, StackId), Vec<u32>> = HashMap::new();
    for (block, index) in scene.snapshot.blocks().iter().zip(0..).filter(|(block, _)| is_part(block)) {
        alike.entry((scene.type_name(index), block.stack)).or_default().push(index);
    }
    let bytes = |blocks: &[u32]| blocks.iter().map(|block| scene.size(*block)).sum::<u64>();
    let mut alike: Vec<_> = alike.into_iter().map(|(what, blocks)| (bytes(&blocks), what, blocks)).collect();
    alike.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let part = |(number, (bytes, (type_name, stack), mut blocks)): (usize, (u64, _, Vec<u32>))| {
        // The newest say best who goes on holding more.
        blocks.sort_by_key(|block| std::cmp::Reverse(scene.snapshot.blocks()[*block as usize].epoch));
        let asked = if number < EXPLAINED { &blocks[..blocks.len().min(ASKED)] } else { &[] };
        let type_name: Option<Rc<str>> = type_name;
        let homes = asked.iter().map(|block| (Home::Block(*block as usize), None));
        let mut held = Holders::by(relations, homes);
        let lost = |block: &u32| relations.reach.trust(*block).is_none();
        if held.holders.is_empty() && !asked.is_empty() && asked.iter().all(lost) {
            held = Holders::by_nothing(relations);
        }
        let sizes: HashSet<u64> = blocks.iter().map(|block| scene.size(*block)).collect();
        Part {
            type_name: type_name.map(|name| name.to_string()),
            blocks: blocks.len() as u64,
            bytes,
            size: sizes.iter().next().copied().filter(|_| sizes.len() == 1),
            stack: frames(scene.program, stack),
            slope: None,
            holders: held.holders,
            more_holders: held.more,
            advice: held.advice,
        }
    };
    alike.into_iter().enumerate().map(part).collect()
}
