//! What is reachable, on which way, and how far that way can be trusted.
//!
//! May use: nothing but [`crate::heap::graph`].
//!
//! One breadth-first search with a queue per class of trust. The way that is kept for a block is of the best trust there is, and
//! among those the shortest.

use crate::heap::graph::{Edge, EdgeKind, Graph, Source, Trust};

const CLASSES: [Trust; 5] = [Trust::Owned, Trust::Borrowed, Trust::Unknown, Trust::Foreign, Trust::Stack];

/// Where a search begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Whether it begins at what is outside of the heap: statics, stacks, and so on.
    pub roots: bool,
    /// Blocks that it begins at as well.
    pub starts: &'a [u32],
    /// Blocks that are reached, and nothing through them.
    pub leaves: &'a [u32],
}

/// What a search reached.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// By block; none if it was not reached.
    reached: Vec<Option<Reached>>,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    trust: Trust,
    /// None for a block that the search began at.
    edge: Option<Edge>,
}

impl Reach {
    /// What is reachable from outside of the heap.
    pub fn of(graph: &Graph) -> Reach {
        Reach::search(graph, Search { roots: true, starts: &[], leaves: &[] })
    }

    /// What is reachable from outside of the heap on a way that runs through none of `leaves`.
    pub fn with_leaves(graph: &Graph, leaves: &[u32]) -> Reach {
        Reach::search(graph, Search { roots: true, starts: &[], leaves })
    }

    /// What is reachable from these blocks; they themselves are.
    pub fn from(graph: &Graph, starts: &[u32]) -> Reach {
        Reach::search(graph, Search { roots: false, starts, leaves: &[] })
    }

    /// What such a search reaches.
    pub fn search(graph: &Graph, search: Search<'_>) -> Reach {
        let mut leaf = vec![false; graph.blocks()];
        search.leaves.iter().for_each(|block| leaf[*block as usize] = true);
        let mut course = Course { graph, leaf, reached: vec![None; graph.blocks()], runs: Default::default() };
        for start in search.starts {
            course.reached[*start as usize] = Some(Reached { trust: Trust::Owned, edge: None });
        }
        for start in search.starts {
            course.leave(*start, Trust::Owned, 0);
        }
        if search.roots {
            // All of them are as near as can be.
            for edge in graph.from_outside() {
                course.wait(edge, Trust::Owned, 0);
            }
        }
        for class in CLASSES {
            course.run(class);
        }
        Reach { reached: course.reached }
    }

    /// How far the best way to a block can be trusted; none if no way leads there.
    pub fn trust(&self, block: u32) -> Option<Trust> {
        self.reached[block as usize].map(|reached| reached.trust)
    }

    /// The shortest way of the best trust, its first edge first. Empty for a block that the search began at or did not reach.
    pub fn way_to(&self, block: u32) -> Vec<Edge> {
        let mut way = Vec::new();
        let mut next = self.edge_to(block);
        while let Some(edge) = next {
            way.push(edge);
            next = match edge.from {
                Source::Block(block) => self.edge_to(block),
                _ => None,
            };
        }
        way.reverse();
        way
    }

    /// The last edge of that way.
    pub fn edge_to(&self, block: u32) -> Option<Edge> {
        self.reached[block as usize]?.edge
    }

    /// How many live `Rc`s or `Arc`s lead to this block from outside of the heap and from blocks that were reached.
    pub fn owners_found(&self, graph: &Graph, block: u32) -> u64 {
        let reached = |edge: &&Edge| match edge.from {
            Source::Block(from) => self.trust(from).is_some(),
            _ => true,
        };
        graph.to_block(block).iter().filter(|edge| edge.kind == EdgeKind::Counted).filter(reached).count() as u64
    }
}

struct Course<'g> {
    graph: &'g Graph,
    leaf: Vec<bool>,
    reached: Vec<Option<Reached>>,
    /// Edges to follow: by the class of the way up to them, and the class of the way with them. The nearest first in each run,
    /// because a class is searched breadth first.
    runs: [[Run<'g>; CLASSES.len()]; CLASSES.len()],
}

#[derive(Default)]
struct Run<'g> {
    /// With how many edges come before them.
    edges: Vec<(u32, &'g Edge)>,
    next: usize,
}

impl<'g> Course<'g> {
    /// Follows all ways of this class.
    fn run(&mut self, class: Trust) {
        while let Some((distance, edge)) = self.nearest(class) {
            let reached = &mut self.reached[edge.to as usize];
            if reached.is_none() {
                *reached = Some(Reached { trust: class, edge: Some(*edge) });
                self.leave(edge.to, class, distance + 1);
            }
        }
    }

    /// The nearest of the edges that wait with this class.
    fn nearest(&mut self, class: Trust) -> Option<(u32, &'g Edge)> {
        let mut best: Option<(usize, u32)> = None;
        for before in 0..=class as usize {
            let run = &self.runs[before][class as usize];
            if let Some((distance, _)) = run.edges.get(run.next)
                && best.is_none_or(|(_, shortest)| *distance < shortest)
            {
                best = Some((before, *distance));
            }
        }
        let run = &mut self.runs[best?.0][class as usize];
        run.next += 1;
        Some(run.edges[run.next - 1])
    }

    /// The edges out of a block that was reached.
    fn leave(&mut self, block: u32, class: Trust, distance: u32) {
        if self.leaf[block as usize] {
            return;
        }
        let graph = self.graph;
        for edge in graph.from_block(block) {
            self.wait(edge, class, distance);
        }
    }

    fn wait(&mut self, edge: &'g Edge, before: Trust, distance: u32) {
        if self.reached[edge.to as usize].is_some() {
            return;
        }
        if edge.kind == EdgeKind::Weak && !self.graph.dropped(edge.to) {
            return;
        }
        let with = before.max(trust(edge));
        self.runs[before as usize][with as usize].edges.push((distance, edge));
    }
}

/// How far an edge alone can be trusted.
pub fn trust(edge: &Edge) -> Trust {
    match (edge.from, edge.kind) {
        (Source::Stack(_) | Source::Register(_), _) => Trust::Stack,
        (Source::Foreign, _) => Trust::Foreign,
        (Source::Segment | Source::ThreadMemory(_), _) | (_, EdgeKind::Unknown) => Trust::Unknown,
        (_, EdgeKind::Borrowed) => Trust::Borrowed,
        // A `Weak` is followed only to a block whose value is gone, and that it owns together with others.
        (_, EdgeKind::Owning | EdgeKind::Counted | EdgeKind::Weak) => Trust::Owned,
    }
}
