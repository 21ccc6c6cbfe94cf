//! Blocks that keep each other alive, and which field made a `Weak` would let them be freed.
//!
//! May use: nothing but the graph's edges. The counts in memory decide, by a simulation of what the program would do: an owner the less, and
//! what has none left dies and lets go of what it owns.

use crate::heap::components::{Hold, Link, Links};
use crate::heap::graph::{Edge, EdgeKind};
use std::collections::BTreeMap;

/// Blocks that keep each other alive.
#[derive(Clone, PartialEq, Debug)]
pub struct Cycle {
    /// Every edge between two of the blocks that owns its target; first those of the ring that the entries form, in their order.
    pub edges: Vec<Edge>,
    /// Sets of indices into `edges`. Each set is the edges that are one field of the source; that field alone, made a `Weak`, would let all of
    /// the blocks be freed, as the strong counts say.
    ///
    /// First the one that leaves the fewest blocks without an owner: of a parent and its children, that is the pointer to the parent.
    /// Empty if several fields would have to change, or if one of the blocks has an owner that was not found.
    pub weaken: Vec<Vec<usize>>,
}

/// What is known of the owners of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owners {
    /// Its strong count, if it has one.
    pub strong: Option<u64>,
    /// `Rc`s and `Arc`s that lead to it.
    pub counted: u64,
    /// Boxes and other sole owners that do; more than one is a contradiction, and then none of them is believed to be the last.
    pub owning: u64,
}

impl Owners {
    /// Counted owners that were not found.
    pub(super) fn missing(self) -> u64 {
        self.strong.map_or(0, |strong| strong.saturating_sub(self.counted))
    }

    /// Whether an edge of this kind keeps the block alive; none if it only refers to it.
    pub(super) fn hold(self, kind: EdgeKind) -> Option<Hold> {
        let all_found = self.owning > 0 || self.strong.is_some() && self.missing() == 0;
        match kind {
            EdgeKind::Owning | EdgeKind::Counted => Some(Hold::Owns),
            // The value is dropped, and the last `Weak` will free the block.
            EdgeKind::Weak => (self.strong == Some(0)).then_some(Hold::Owns),
            EdgeKind::Borrowed => (!all_found).then_some(Hold::MayOwn),
            EdgeKind::Unknown => (!all_found).then_some(Hold::Unknown),
        }
    }

    /// How many owners have to let go before it dies. Where the count is unknown or less than what was found, nobody is believed to be the last.
    fn to_let_go(self) -> u64 {
        let counted = match self.strong {
            Some(strong) => strong.max(self.counted),
            None if self.counted > 0 => return u64::MAX,
            None => 0,
        };
        counted + self.owning
    }
}

/// The most fields that are tried. Cycles go through few; more than this would be numbers that do not stand for fields.
const FIELDS: usize = 64;

/// What would happen if owners let go.
pub(super) struct Simulation<'a> {
    links: &'a Links,
    owners: &'a [Owners],
    /// How many owners each node has left; set anew for each run.
    left: Vec<u64>,
    /// A mark for each link, for the time of one function.
    marked: Vec<bool>,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(links: &'a Links, owners: &'a [Owners]) -> Simulation<'a> {
        Simulation { links, owners, left: vec![0; owners.len()], marked: vec![false; links.all().len()] }
    }

    /// The cycle of `members`, which keep each other alive through the links that are `inside`; `ring` has the numbers of one ring's links.
    pub(super) fn cycle(
        &mut self,
        members: &[u32],
        ring: &[usize],
        inside: impl Fn(&Link) -> bool,
        field: &dyn Fn(&Edge) -> u64,
    ) -> Cycle {
        let mut all = ring.to_vec();
        self.mark(ring, true);
        let links = members.iter().flat_map(|member| self.links.numbers_from(*member));
        all.extend(links.filter(|link| !self.marked[*link] && inside(&self.links.all()[*link])));
        self.mark(ring, false);
        let weaken = self.weaken(members, &all, ring.len(), field);
        Cycle { edges: all.iter().map(|link| self.links.all()[*link].edge).collect(), weaken }
    }

    fn mark(&mut self, links: &[usize], marked: bool) {
        links.iter().for_each(|link| self.marked[*link] = marked);
    }

    /// The sets of indices into `links` that free all members; the first `ring` links are the ring.
    fn weaken(
        &mut self,
        members: &[u32],
        links: &[usize],
        ring: usize,
        field: &dyn Fn(&Edge) -> u64,
    ) -> Vec<Vec<usize>> {
        // Only an `Rc` or `Arc` can become a `Weak`. A field that opens every ring of the cycle is on this one too.
        let mut fields: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, link) in links.iter().enumerate() {
            let edge = &self.links.all()[*link].edge;
            if edge.kind != EdgeKind::Counted {
                continue;
            }
            let field = field(edge);
            if at < ring && fields.len() < FIELDS || fields.contains_key(&field) {
                fields.entry(field).or_default().push(at);
            }
        }
        let mut freeing = Vec::new();
        for edges in fields.into_values() {
            let weak: Vec<usize> = edges.iter().map(|at| links[*at]).collect();
            self.mark(&weak, true);
            if let Some(at_once) = self.frees(members, &weak) {
                freeing.push((at_once, edges));
            }
            self.mark(&weak, false);
        }
        // Of equal ones not that which has the lower address: it is another in each run.
        freeing.sort_by_key(|(at_once, _)| *at_once);
        freeing.into_iter().map(|(_, edges)| edges).collect()
    }

    /// If all `members` die when these links, which are marked, let go: how many of them die at once, because nobody else owns them.
    fn frees(&mut self, members: &[u32], weak: &[usize]) -> Option<usize> {
        let Simulation { links, owners, left, marked } = self;
        members.iter().for_each(|member| left[*member as usize] = owners[*member as usize].to_let_go());
        let mut dying = Vec::new();
        let mut let_go = |to: u32, dying: &mut Vec<u32>| {
            let left = &mut left[to as usize];
            if *left == 1 {
                dying.push(to);
            }
            *left = left.saturating_sub(1);
        };
        for link in weak {
            let_go(links.all()[*link].to, &mut dying);
        }
        let at_once = dying.len();
        let mut dead = 0;
        while let Some(node) = dying.pop() {
            dead += 1;
            for number in links.numbers_from(node) {
                let link = &links.all()[number];
                let inside = members.binary_search(&link.to).is_ok();
                if link.hold == Hold::Owns && inside && !marked[number] {
                    let_go(link.to, &mut dying);
                }
            }
        }
        (dead == members.len()).then_some(at_once)
    }
}
