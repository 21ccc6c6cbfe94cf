//! By which ways a block is held, of the many that lead to it: each owner once, and each on the way that explains most.
//!
//! May use: nothing but the graph and what is reachable in it.

use crate::heap::graph::{Edge, EdgeKind, Graph, Source, Trust};
use crate::heap::reach::{self, Reach};
use std::collections::HashSet;

/// How many of the pointers to a block are looked at: a settings block may have an owner in each of a million sessions.
const LOOKED_AT: usize = 100;

/// For each pointer that holds this block a way through it, from outside of the heap or from a task; the best first.
///
/// What owns the block counts; what only points to it counts if nothing owns it.
pub(super) fn ways(graph: &Graph, reach: &Reach, block: u32, is_task: &dyn Fn(u32) -> bool) -> Vec<Vec<Edge>> {
    // The best way to the block is none of those that run through the block itself.
    let best = reach.edge_to(block);
    let mut found: Vec<_> = graph
        .to_block(block)
        .into_iter()
        // Of a value that is gone, what is left is its memory: that a `Weak` does hold.
        .filter(|edge| edge.kind != EdgeKind::Weak || graph.dropped(block))
        .filter_map(|edge| Some((!owns(&edge), trust_with(reach, &edge)?, edge)))
        .collect();
    found.sort_by_key(|(points, trust, edge)| (Some(*edge) != best, *points, *trust, edge.at));
    found.truncate(LOOKED_AT);
    let through = |(points, trust, edge): (bool, Trust, Edge)| Some((points, trust, way(graph, reach, edge, is_task)?));
    let mut found: Vec<_> = found.into_iter().filter_map(through).collect();
    found.sort_by_key(|(points, trust, way)| (*points, *trust, way.len()));
    let owned = found.iter().any(|(points, ..)| !points);
    found.into_iter().filter(|(points, ..)| !(owned && *points)).map(|(.., way)| way).collect()
}

fn owns(edge: &Edge) -> bool {
    edge.kind <= EdgeKind::Counted
}

/// How far a way that ends with this pointer can be trusted; none if nothing leads to the pointer.
fn trust_with(reach: &Reach, edge: &Edge) -> Option<Trust> {
    let up_to = match edge.from {
        Source::Block(from) => reach.trust(from)?,
        _ => Trust::Owned,
    };
    Some(up_to.max(reach::trust(edge)))
}

/// A way that ends with this pointer; none if all run through the block that it leads to.
///
/// The shortest way is often through what waits in a list (of a `Notify`, a timer) for something that a future is parked on. It is the
/// owner of the future that says why it is kept, so the way goes from owner to owner as long as there is one.
fn way(graph: &Graph, reach: &Reach, last: Edge, is_task: &dyn Fn(u32) -> bool) -> Option<Vec<Edge>> {
    if is_task(last.to) {
        return Some(vec![last]);
    }
    by_owners(graph, reach, last, is_task).or_else(|| {
        let Source::Block(from) = last.from else { return Some(vec![last]) };
        let mut way = reach.way_to(from);
        way.push(last);
        // What leads to a task is not told, so it may run through the block.
        let begin = way.iter().rposition(|edge| is_task(edge.to)).map_or(0, |task| task + 1);
        let is_through = way[begin..].iter().any(|edge| edge.from == Source::Block(last.to));
        (!is_through).then_some(way)
    })
}

/// The way from owner to owner, up to a task; none if it comes to a block again.
fn by_owners(graph: &Graph, reach: &Reach, last: Edge, is_task: &dyn Fn(u32) -> bool) -> Option<Vec<Edge>> {
    let mut passed = HashSet::from([last.to]);
    let mut way = vec![last];
    while let Some(&Edge { from: Source::Block(block), .. }) = way.last() {
        if !passed.insert(block) {
            return None;
        }
        way.push(edge_to(graph, reach, block, &passed)?);
        if is_task(block) {
            break;
        }
    }
    way.reverse();
    Some(way)
}

/// The pointer to follow to this block: that of the best way, or an owner's, if that is none.
fn edge_to(graph: &Graph, reach: &Reach, block: u32, passed: &HashSet<u32>) -> Option<Edge> {
    let best = reach.edge_to(block)?;
    let is_new = |edge: &Edge| !matches!(edge.from, Source::Block(from) if passed.contains(&from));
    if owns(&best) && is_new(&best) {
        return Some(best);
    }
    let owners = graph.to_block(block).into_iter().filter(|edge| owns(edge) && is_new(edge));
    let trusted = owners.filter_map(|edge| Some((trust_with(reach, &edge)?, edge.at, edge)));
    trusted.min_by_key(|(trust, at, _)| (*trust, *at)).map_or(Some(best), |(.., edge)| Some(edge))
}
