//! The search for what is reachable, on made-up graphs.

use crate::address::RuntimeAddress;
use crate::heap::graph::{Edge, EdgeKind, Graph, Source, Trust};
use crate::heap::reach::{Reach, Search};
use EdgeKind::{Borrowed, Counted, Owning, Unknown, Weak};

/// From one block to another. The word's address tells the edges of a block apart.
fn edge(from: u32, to: u32, kind: EdgeKind) -> Edge {
    Edge { from: Source::Block(from), at: RuntimeAddress(u64::from(from) * 0x1000 + u64::from(to)), to, kind }
}

fn root(from: Source, to: u32, kind: EdgeKind) -> Edge {
    Edge { from, at: RuntimeAddress(0x100 + u64::from(to)), to, kind }
}

const STATIC: Source = Source::Root(0);

/// The blocks on the way to one, itself included.
fn way(reach: &Reach, block: u32) -> Vec<u32> {
    reach.way_to(block).iter().map(|edge| edge.to).collect()
}

#[test]
fn the_shortest_way_of_the_best_trust() {
    let graph = Graph::new(
        6,
        vec![
            root(STATIC, 0, Owning),
            edge(0, 1, Owning),
            edge(1, 2, Counted),
            edge(2, 3, Owning),
            // Shorter, and worse.
            edge(0, 3, Borrowed),
            root(STATIC, 3, Unknown),
            // As good, and longer.
            edge(3, 4, Owning),
            edge(0, 4, Owning),
            edge(0, 5, Borrowed),
        ],
    );
    let reach = Reach::of(&graph);
    assert_eq!(way(&reach, 3), [0, 1, 2, 3]);
    assert_eq!(way(&reach, 4), [0, 4]);
    let trust: Vec<_> = (0..6).map(|block| reach.trust(block).unwrap()).collect();
    assert_eq!(trust, [Trust::Owned, Trust::Owned, Trust::Owned, Trust::Owned, Trust::Owned, Trust::Borrowed]);
    assert_eq!(reach.way_to(3)[0].from, STATIC);
}

#[test]
fn among_ways_that_are_equally_bad_the_shortest_wins_wherever_they_turn_bad() {
    let graph = Graph::new(
        7,
        vec![
            root(STATIC, 0, Owning),
            // Turns bad late: five edges.
            edge(0, 1, Owning),
            edge(1, 2, Owning),
            edge(2, 3, Owning),
            edge(3, 6, Borrowed),
            // Turns bad at once: four edges, and listed later.
            edge(0, 4, Borrowed),
            edge(4, 5, Owning),
            edge(5, 6, Owning),
        ],
    );
    let reach = Reach::of(&graph);
    assert_eq!(way(&reach, 6), [0, 4, 5, 6]);
    assert_eq!(reach.trust(6), Some(Trust::Borrowed));
}

#[test]
fn the_order_of_trust() {
    let sources = [
        (STATIC, Counted, Trust::Owned),
        (STATIC, Borrowed, Trust::Borrowed),
        (STATIC, Unknown, Trust::Unknown),
        (Source::Segment, Unknown, Trust::Unknown),
        (Source::ThreadMemory(0), Unknown, Trust::Unknown),
        (Source::Foreign, Unknown, Trust::Foreign),
        (Source::Stack(0), Unknown, Trust::Stack),
        (Source::Register(0), Unknown, Trust::Stack),
    ];
    for (source, kind, trust) in sources {
        let graph = Graph::new(2, vec![root(source, 0, kind), edge(0, 1, Owning)]);
        assert_eq!(Reach::of(&graph).trust(1), Some(trust), "{source:?}");
    }
    for pair in sources.windows(2).filter(|pair| pair[0].2 != pair[1].2) {
        let [(best, kind, trust), (worse, worse_kind, _)] = [pair[0], pair[1]];
        let edges = vec![root(worse, 1, worse_kind), root(best, 0, kind), edge(0, 1, Owning)];
        let reach = Reach::of(&Graph::new(2, edges));
        assert_eq!((reach.trust(1), way(&reach, 1)), (Some(trust), vec![0, 1]), "{best:?} before {worse:?}");
    }
}

#[test]
fn a_weak_leads_nowhere_and_a_block_does_not_hold_itself() {
    let graph = Graph::new(4, vec![root(STATIC, 0, Weak), edge(0, 1, Owning), edge(2, 2, Counted), edge(3, 2, Weak)]);
    let reach = Reach::of(&graph);
    assert!((0..4).all(|block| reach.trust(block).is_none()));
    assert_eq!(reach.way_to(1), []);
}

#[test]
fn a_way_runs_through_no_leaf() {
    let graph = Graph::new(
        4,
        vec![root(STATIC, 0, Owning), edge(0, 1, Owning), edge(1, 2, Owning), edge(0, 3, Unknown), edge(3, 2, Owning)],
    );
    assert_eq!(way(&Reach::of(&graph), 2), [0, 1, 2]);
    let reach = Reach::with_leaves(&graph, &[1, 2]);
    assert_eq!(way(&reach, 1), [0, 1]);
    assert_eq!(way(&reach, 2), [0, 3, 2]);
    assert_eq!(Reach::with_leaves(&graph, &[0]).trust(1), None);
}

#[test]
fn from_given_blocks() {
    let graph =
        Graph::new(4, vec![root(STATIC, 0, Owning), edge(0, 1, Owning), edge(2, 3, Owning), edge(3, 2, Counted)]);
    let kept = Reach::from(&graph, &[2]);
    assert_eq!((0..4).map(|block| kept.trust(block).is_some()).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!((way(&kept, 3), way(&kept, 2)), (vec![3], vec![]));
    let both = Reach::search(&graph, Search { roots: true, starts: &[2], leaves: &[] });
    assert_eq!((way(&both, 1), way(&both, 3)), (vec![0, 1], vec![3]));
}

#[test]
fn long_lists_and_wide_fans() {
    const COUNT: u32 = 300_000;
    let list = (0..COUNT - 1).map(|block| edge(block, block + 1, Owning));
    let graph = Graph::new(COUNT as usize, list.chain([root(STATIC, 0, Owning)]).collect());
    let reach = Reach::of(&graph);
    assert_eq!(reach.way_to(COUNT - 1).len(), COUNT as usize);
    let fan = (1..COUNT).map(|block| edge(0, block, Owning));
    let graph = Graph::new(COUNT as usize, fan.chain([root(STATIC, 0, Owning)]).collect());
    assert_eq!(way(&Reach::of(&graph), COUNT - 1), [0, COUNT - 1]);
}

#[test]
fn what_leads_to_a_block() {
    let edges = vec![
        root(STATIC, 1, Counted),
        edge(0, 1, Counted),
        edge(2, 1, Counted),
        edge(1, 1, Counted),
        edge(0, 2, Weak),
        root(Source::Stack(3), 2, Unknown),
    ];
    let graph = Graph::new(4, edges.clone());
    assert_eq!(graph.to_block(1), [edges[1], edges[3], edges[2], edges[0]]);
    assert_eq!(graph.to_block(2), [edges[4], edges[5]]);
    assert_eq!([graph.to_block(0), graph.to_block(3)], [[], []]);
    assert_eq!(graph.owners_found(1), 4);
    assert_eq!(Reach::of(&graph).owners_found(&graph, 1), 3, "nothing leads to block 0; block 2 is on a stack");
    assert_eq!(graph.owners_found(2), 0);
    assert_eq!(graph.from_block(0), [edges[1], edges[4]]);
    assert_eq!(graph.from_block(3), []);
}
