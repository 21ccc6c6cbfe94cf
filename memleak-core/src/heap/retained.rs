//! What would be freed if certain blocks were: their retained size.
//!
//! May use: nothing but the graph's edges. The sizes are exact. An estimate by dominators of a search tree is not: it can be wrong a
//! thousandfold.

use crate::heap::graph::{Edge, EdgeKind, Graph};

/// How much is retained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retained {
    /// In bytes.
    pub bytes: u64,
    /// In blocks.
    pub blocks: u64,
}

/// A graph, prepared for many questions. Each then costs as much as the blocks that can be reached from the ones it is about.
pub struct Retention<'a> {
    graph: &'a Graph,
    /// Whether a root leads to the block.
    reached: Vec<bool>,
    /// How many pointers lead to the block: to a reached one from roots and reached blocks, to a lost one from lost ones.
    leading: Vec<u32>,
    /// How many of them are in what the present question's blocks lead to.
    inside: Vec<u32>,
    mark: Vec<Mark>,
}

/// What is known of a block while a question is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Not reachable from the blocks in question.
    Outside,
    /// One of these.
    Removed,
    /// Reachable from them, and from nowhere else as far as is known.
    Retained,
    /// Reachable from elsewhere too.
    Kept,
}

impl<'a> Retention<'a> {
    /// Finds what the roots lead to.
    pub fn new(graph: &'a Graph) -> Retention<'a> {
        let blocks = graph.blocks();
        let mut reached = vec![false; blocks];
        let mut leading = vec![0; blocks];
        let mut next = Vec::new();
        let mut lead_to = |block: u32, reached: &mut Vec<bool>, next: &mut Vec<u32>| {
            leading[block as usize] += 1;
            if !std::mem::replace(&mut reached[block as usize], true) {
                next.push(block);
            }
        };
        for edge in graph.from_outside() {
            if edge.kind != EdgeKind::Weak {
                lead_to(edge.to, &mut reached, &mut next);
            }
        }
        while let Some(block) = next.pop() {
            for edge in graph.from_block(block) {
                if edge.kind != EdgeKind::Weak {
                    lead_to(edge.to, &mut reached, &mut next);
                }
            }
        }
        for block in 0..blocks as u32 {
            if reached[block as usize] {
                continue;
            }
            for edge in graph.from_block(block) {
                if edge.kind != EdgeKind::Weak && !reached[edge.to as usize] {
                    leading[edge.to as usize] += 1;
                }
            }
        }
        Retention { graph, reached, leading, inside: vec![0; blocks], mark: vec![Mark::Outside; blocks] }
    }

    /// What the roots lead to only through the blocks `removed`, these included. Of lost blocks: what only those lost blocks lead to that
    /// can themselves be reached from `removed`, so that the blocks of a cycle retain each other.
    pub fn of(&mut self, removed: &[u32], size: impl Fn(u32) -> u64) -> Retained {
        let blocks = self.blocks(removed);
        Retained { blocks: blocks.len() as u64, bytes: blocks.into_iter().map(size).sum() }
    }

    /// The blocks of [`Retention::of`].
    pub fn blocks(&mut self, removed: &[u32]) -> Vec<u32> {
        // All that can be reached from `removed`, and how many pointers to each block come from there.
        let mut found = Vec::new();
        for block in removed {
            if std::mem::replace(&mut self.mark[*block as usize], Mark::Removed) != Mark::Removed {
                found.push(*block);
            }
        }
        let mut at = 0;
        while let Some(&block) = found.get(at) {
            at += 1;
            for edge in self.edges(block) {
                let to = edge.to as usize;
                if self.reached[block as usize] == self.reached[to] {
                    self.inside[to] += 1;
                }
                if self.mark[to] == Mark::Outside {
                    self.mark[to] = Mark::Retained;
                    found.push(edge.to);
                }
            }
        }
        // What has more pointers is reachable from elsewhere, and so is all that it leads to.
        let mut kept = Vec::new();
        for block in &found {
            let block = *block as usize;
            if self.mark[block] == Mark::Retained && self.leading[block] > self.inside[block] {
                self.mark[block] = Mark::Kept;
                kept.push(block as u32);
            }
        }
        while let Some(block) = kept.pop() {
            for edge in self.edges(block) {
                let to = edge.to as usize;
                // What is lost keeps nothing that roots lead to.
                if self.mark[to] == Mark::Retained && self.reached[block as usize] == self.reached[to] {
                    self.mark[to] = Mark::Kept;
                    kept.push(edge.to);
                }
            }
        }
        let (mark, inside) = (&mut self.mark, &mut self.inside);
        found.retain(|block| {
            inside[*block as usize] = 0;
            std::mem::replace(&mut mark[*block as usize], Mark::Outside) != Mark::Kept
        });
        found
    }

    fn edges(&self, block: u32) -> impl Iterator<Item = &'a Edge> + use<'a> {
        self.graph.from_block(block).iter().filter(|edge| edge.kind != EdgeKind::Weak)
    }
}
