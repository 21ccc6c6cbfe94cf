//! Strongly connected components and short rings of a directed graph, without recursion: lists of 300,000 blocks are common.
//!
//! May use: nothing but the graph's edges.

use crate::heap::graph::Edge;
use std::ops::Range;

/// No node, no component.
pub(super) const NONE: u32 = u32::MAX;

/// What a link says about who keeps its target alive; the first is the strongest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Hold {
    /// It owns its target, alone or with others.
    Owns,
    /// A reference or a raw pointer, to a block that has an owner less than it should have.
    MayOwn,
    /// A word of which nothing is known, to such a block.
    Unknown,
}

/// One pointer between two nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// The node it is in.
    pub from: u32,
    /// The node it leads to.
    pub to: u32,
    /// Whether it keeps that one alive.
    pub hold: Hold,
    /// The edge it was made from.
    pub edge: Edge,
}

/// A graph of nodes `0..nodes()`.
pub(super) struct Links {
    /// By the node they are in.
    all: Vec<Link>,
    /// Where the links of each node start; one more than there are nodes.
    starts: Vec<u32>,
}

impl Links {
    /// `all` is in order of `from`.
    pub(super) fn new(nodes: usize, all: Vec<Link>) -> Links {
        debug_assert!(all.is_sorted_by_key(|link| link.from), "links are given by the node they are in");
        let mut starts = vec![0; nodes + 1];
        for link in &all {
            starts[link.from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        Links { all, starts }
    }

    pub(super) fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn all(&self) -> &[Link] {
        &self.all
    }

    /// Those that begin at `node`.
    pub(super) fn from(&self, node: u32) -> &[Link] {
        &self.all[self.numbers_from(node)]
    }

    /// Where those are in all.
    pub(super) fn numbers_from(&self, node: u32) -> Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }

    /// The component of each node over the links that `follow` accepts: nodes with the same number can reach each other.
    ///
    /// This is Tarjan's algorithm with a stack of its own.
    pub(super) fn components(&self, follow: impl Fn(&Link) -> bool) -> Vec<u32> {
        let nodes = self.nodes();
        let mut component = vec![NONE; nodes];
        let mut seen = vec![NONE; nodes];
        let mut low = vec![NONE; nodes];
        // Nodes without a component yet, in the order in which they were seen.
        let mut open: Vec<u32> = Vec::new();
        // The way down to the present node: each with its next link.
        let mut way: Vec<(u32, u32)> = Vec::new();
        let (mut seen_so_far, mut components) = (0, 0);
        for root in 0..nodes as u32 {
            if seen[root as usize] != NONE {
                continue;
            }
            let mut enter = Some(root);
            loop {
                if let Some(node) = enter.take() {
                    (seen[node as usize], low[node as usize]) = (seen_so_far, seen_so_far);
                    seen_so_far += 1;
                    open.push(node);
                    way.push((node, self.starts[node as usize]));
                }
                let Some((node, next)) = way.last_mut() else { break };
                let node = *node as usize;
                if *next < self.starts[node + 1] {
                    let link = &self.all[*next as usize];
                    *next += 1;
                    let to = link.to as usize;
                    if !follow(link) {
                        continue;
                    }
                    if seen[to] == NONE {
                        enter = Some(link.to);
                    } else if component[to] == NONE {
                        low[node] = low[node].min(seen[to]);
                    }
                    continue;
                }
                way.pop();
                if let Some(&(above, _)) = way.last() {
                    low[above as usize] = low[above as usize].min(low[node]);
                }
                if low[node] == seen[node] {
                    while let Some(member) = open.pop() {
                        component[member as usize] = components;
                        if member as usize == node {
                            break;
                        }
                    }
                    components += 1;
                }
            }
        }
        component
    }
}

/// The search for short rings; made once, used for many components.
pub(super) struct Rings<'a> {
    links: &'a Links,
    /// The round in which each node was last seen.
    seen: Vec<u32>,
    /// The link by which it was.
    by: Vec<usize>,
    round: u32,
}

impl<'a> Rings<'a> {
    pub(super) fn new(links: &'a Links) -> Rings<'a> {
        Rings { links, seen: vec![0; links.nodes()], by: vec![0; links.nodes()], round: 0 }
    }

    /// A ring through `members`, over links that `follow` accepts: the numbers of its links in pointing order, from its lowest member
    /// on. None if there is none.
    ///
    /// It is the shortest one, unless the component is so large that looking from each of its nodes would take more than linear time.
    /// Then it is the shortest through one of the first few.
    pub(super) fn shortest(&mut self, members: &[u32], follow: impl Fn(&Link) -> bool) -> Option<Vec<usize>> {
        let links: usize = members.iter().map(|member| self.links.from(*member).len()).sum();
        let mut budget = 10_000 + 4 * links;
        // A shorter ring than those so far leads through none of the members so far: it begins at its lowest one by itself.
        let mut best: Option<Vec<usize>> = None;
        for start in members {
            let limit = best.as_ref().map_or(usize::MAX, |ring| ring.len() - 1);
            if let Some(ring) = self.through(*start, limit, &mut budget, best.is_some(), &follow) {
                best = Some(ring);
            }
            if (best.is_some() && budget == 0) || best.as_ref().is_some_and(|ring| ring.len() == 1) {
                break;
            }
        }
        best
    }

    /// The shortest ring through `start` of at most `limit` links. `budget` ends it only if it `may_stop`.
    fn through(
        &mut self,
        start: u32,
        limit: usize,
        budget: &mut usize,
        may_stop: bool,
        follow: &impl Fn(&Link) -> bool,
    ) -> Option<Vec<usize>> {
        self.round += 1;
        let mut level = vec![start];
        for _length in 0..limit {
            let mut next = Vec::new();
            for node in level {
                for at in self.links.numbers_from(node) {
                    let link = &self.links.all[at];
                    if *budget == 0 && may_stop {
                        return None;
                    }
                    *budget = budget.saturating_sub(1);
                    let to = link.to as usize;
                    if follow(link) && self.seen[to] != self.round {
                        (self.seen[to], self.by[to]) = (self.round, at);
                        next.push(link.to);
                    }
                }
            }
            if self.seen[start as usize] == self.round {
                return Some(self.back_to(start));
            }
            if next.is_empty() {
                return None;
            }
            level = next;
        }
        None
    }

    fn back_to(&self, start: u32) -> Vec<usize> {
        let mut ring = Vec::new();
        let mut node = start;
        loop {
            let link = self.by[node as usize];
            ring.push(link);
            node = self.links.all[link].from;
            if node == start {
                break;
            }
        }
        ring.reverse();
        ring
    }
}
