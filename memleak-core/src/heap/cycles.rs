//! Blocks that keep each other alive, and which field made a `Weak` would let them be freed.
//!
//! May use: nothing but the graph's edges. The counts in memory decide, by a simulation of what the program would do: an owner the less, and
//! what has none left dies and lets go of what it owns.

use crate::heap::components::{Hold, Link, Links};
use crate::heap::graph::{Edge, EdgeKind};
use std::collections::{BTreeMap, BTreeSet};

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
}

impl<'a> Simulation<'a> {
    pub(super) fn new(links: &'a Links, owners: &'a [Owners]) -> Simulation<'a> {
        Simulation { links, owners, left: vec![0; owners.len()] }
    }

    /// The cycle of `members`, which keep each other alive through the links that are `inside`; `ring` is one ring through it.
    pub(super) fn cycle(
        &mut self,
        members: &[u32],
        ring: &[Link],
        inside: impl Fn(&Link) -> bool,
        field: &dyn Fn(&Edge) -> u64,
    ) -> Cycle {
        let mut all: Vec<Link> = ring.to_vec();
        let rest = members.iter().flat_map(|member| self.links.from(*member)).filter(|link| inside(link));
        // Two edges are the same one if they are the same word.
        let on_ring: BTreeSet<u64> = ring.iter().map(|link| link.edge.at.0).collect();
        all.extend(rest.filter(|link| !on_ring.contains(&link.edge.at.0)));
        let weaken = self.weaken(members, &all, ring.len(), field);
        Cycle { edges: all.iter().map(|link| link.edge).collect(), weaken }
    }

    fn weaken(
        &mut self,
        members: &[u32],
        links: &[Link],
        ring: usize,
        field: &dyn Fn(&Edge) -> u64,
    ) -> Vec<Vec<usize>> {
        // Only an `Rc` or `Arc` can become a `Weak`. A field that opens every ring of the cycle is on this one too.
        let mut fields: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, link) in links.iter().enumerate().filter(|(_, link)| link.edge.kind == EdgeKind::Counted) {
            let field = field(&link.edge);
            if at < ring && fields.len() < FIELDS || fields.contains_key(&field) {
                fields.entry(field).or_default().push(at);
            }
        }
        let mut freeing: Vec<(usize, Vec<usize>)> =
            fields.into_values().filter_map(|edges| Some((self.frees(members, links, &edges)?, edges))).collect();
        freeing.sort();
        freeing.into_iter().map(|(_, edges)| edges).collect()
    }

    /// If all `members` die when these links let go: how many of them die at once, because nobody else owns them.
    fn frees(&mut self, members: &[u32], links: &[Link], weak: &[usize]) -> Option<usize> {
        for member in members {
            self.left[*member as usize] = self.owners[*member as usize].to_let_go();
        }
        let weak_words: BTreeSet<u64> = weak.iter().map(|at| links[*at].edge.at.0).collect();
        let mut dying = Vec::new();
        let let_go = |left: &mut Vec<u64>, dying: &mut Vec<u32>, to: u32| {
            let left = &mut left[to as usize];
            if *left == 1 {
                dying.push(to);
            }
            *left = left.saturating_sub(1);
        };
        for at in weak {
            let_go(&mut self.left, &mut dying, links[*at].to);
        }
        let at_once = dying.len();
        let mut dead = 0;
        while let Some(node) = dying.pop() {
            dead += 1;
            for link in self.links.from(node) {
                let inside = members.binary_search(&link.to).is_ok();
                if link.hold == Hold::Owns && inside && !weak_words.contains(&link.edge.at.0) {
                    let_go(&mut self.left, &mut dying, link.to);
                }
            }
        }
        (dead == members.len()).then_some(at_once)
    }
}
