//! Leaks, cycles and retained sizes: small graphs by hand, and random ones against slow and simple answers.
//!
//! What a `Weak` would free is compared with real `Rc`s that are dropped.

use crate::address::RuntimeAddress;
use crate::heap::cycles::Cycle;
use crate::heap::graph::{Edge, EdgeKind, Graph, Source};
use crate::heap::lost::{Facts, Leak, leaks};
use crate::heap::retained::{Retained, Retention};
use EdgeKind::{Borrowed, Counted, Owning, Unknown};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

fn size(block: u32) -> u64 {
    u64::from(block) + 100
}

/// A heap in which block `b` is at `0x1000 * (b + 1)`.
#[derive(Clone, Default, Debug)]
struct Made {
    blocks: u32,
    edges: Vec<Edge>,
    strong: BTreeMap<u32, u64>,
}

impl Made {
    /// Pointers between blocks, each block's one behind the other. Counted ones raise the target's count.
    fn new(blocks: u32, pointers: &[(u32, u32, EdgeKind)]) -> Made {
        let mut made = Made { blocks, ..Made::default() };
        for (from, to, kind) in pointers {
            made.point(*from, *to, *kind);
        }
        made
    }

    fn point(&mut self, from: u32, to: u32, kind: EdgeKind) {
        let before = self.edges.iter().filter(|edge| edge.from == Source::Block(from)).count() as u64;
        let at = RuntimeAddress(0x1000 * (u64::from(from) + 1) + 8 * before);
        self.edges.push(Edge { from: Source::Block(from), at, to, kind });
        if kind == Counted {
            *self.strong.entry(to).or_default() += 1;
        }
    }

    fn root(&mut self, to: u32) {
        let at = RuntimeAddress(0x10 + self.edges.len() as u64 * 8);
        self.edges.push(Edge { from: Source::Segment, at, to, kind: Unknown });
    }

    fn graph(&self) -> Graph {
        Graph::new(self.blocks as usize, self.edges.clone())
    }

    /// The leaks if nothing leads to any block, and each word is a field of its own.
    fn leaks(&self) -> Vec<Leak> {
        self.leaks_with(&|edge| edge.at.0)
    }

    fn leaks_with(&self, field: &dyn Fn(&Edge) -> u64) -> Vec<Leak> {
        let all: Vec<u32> = (0..self.blocks).collect();
        let strong = |block| self.strong.get(&block).copied();
        leaks(&self.graph(), &all, &Facts { size: &size, strong: &strong, field })
    }

    fn only_leak(&self) -> Leak {
        let mut leaks = self.leaks();
        assert_eq!(leaks.len(), 1, "{leaks:?}");
        leaks.remove(0)
    }
}

/// From and to of the edges that each set would make weak.
fn weakened(cycle: &Cycle) -> Vec<Vec<(u32, u32)>> {
    let ends = |at: &usize| match cycle.edges[*at] {
        Edge { from: Source::Block(from), to, .. } => (from, to),
        edge => panic!("not in a block: {edge:?}"),
    };
    cycle.weaken.iter().map(|set| set.iter().map(ends).collect()).collect()
}

#[test]
fn a_forgotten_box_and_what_it_owns() {
    let leak = Made::new(3, &[(2, 0, Owning), (0, 1, Owning)]).only_leak();
    assert_eq!((leak.entries, leak.owned, leak.bytes), (vec![2], vec![0, 1], 303));
    assert_eq!((leak.cycle, leak.ring, leak.counts), (None, Vec::new(), Vec::new()));
}

#[test]
fn two_that_hold_each_other() {
    let leak = Made::new(3, &[(0, 1, Counted), (1, 0, Counted), (1, 2, Owning)]).only_leak();
    assert_eq!((&leak.entries, &leak.owned), (&vec![0, 1], &vec![2]));
    let cycle = leak.cycle.unwrap();
    assert_eq!(cycle.edges.len(), 2);
    assert_eq!(weakened(&cycle), [[(0, 1)], [(1, 0)]]);
}

#[test]
fn an_rc_that_holds_itself() {
    let leak = Made::new(1, &[(0, 0, Counted)]).only_leak();
    assert_eq!((leak.entries, weakened(&leak.cycle.unwrap())), (vec![0], vec![vec![(0, 0)]]));
}

#[test]
fn a_pointer_to_itself_is_no_cycle() {
    let leak = Made::new(1, &[(0, 0, Borrowed), (0, 0, Unknown)]).only_leak();
    assert_eq!((leak.cycle, leak.ring), (None, Vec::new()));
}

#[test]
fn parent_and_children() {
    // Block 0 owns the buffer 1 of its children 2, 3 and 4, which hold it.
    let mut made = Made::new(5, &[(0, 1, Owning)]);
    for child in 2..5 {
        made.point(1, child, Counted);
        made.point(child, 0, Counted);
    }
    let leak = made.only_leak();
    assert_eq!((&leak.entries, &leak.owned), (&vec![0, 1, 2], &vec![3, 4]));
    assert_eq!(leak.cycle.unwrap().weaken.len(), 0, "no pointer alone frees it");

    let field = |edge: &Edge| u64::from(edge.from == Source::Block(1));
    let cycle = made.leaks_with(&field).remove(0).cycle.unwrap();
    let up = vec![(2, 0), (3, 0), (4, 0)];
    let down = vec![(1, 2), (1, 3), (1, 4)];
    assert_eq!(weakened(&cycle), [up, down], "the field that leaves one block without an owner comes first");
}

#[test]
fn an_owner_that_was_not_found() {
    let mut made = Made::new(2, &[(0, 1, Counted), (1, 0, Counted)]);
    made.strong.insert(1, 3);
    let leak = made.only_leak();
    assert_eq!(leak.cycle.unwrap().weaken.len(), 0);
    let missing: Vec<(u32, u64)> = leak.counts.iter().map(|count| (count.block, count.missing())).collect();
    assert_eq!(missing, [(0, 0), (1, 2)]);

    // The ring is of 0 and 1; its third block has an owner that was not found.
    let mut made = Made::new(3, &[(0, 1, Counted), (1, 0, Counted), (1, 2, Counted), (2, 0, Counted)]);
    made.strong.insert(2, 2);
    let leak = made.only_leak();
    let missing: Vec<(u32, u64)> = leak.counts.iter().map(|count| (count.block, count.missing())).collect();
    assert_eq!((leak.entries, missing), (vec![0, 1], vec![(0, 0), (1, 0), (2, 1)]));
}

#[test]
fn a_block_held_by_memory_that_does_not_count() {
    // Block 2 is not among the lost ones; it would have to let go as well.
    let made = Made::new(3, &[(0, 1, Counted), (1, 0, Counted), (2, 0, Counted)]);
    let strong = |block| made.strong.get(&block).copied();
    let facts = Facts { size: &size, strong: &strong, field: &|edge| edge.at.0 };
    let leak = leaks(&made.graph(), &[1, 0, 1], &facts).remove(0);
    assert_eq!((leak.counts[0].missing(), leak.cycle.unwrap().weaken.len()), (0, 0));
}

#[test]
fn a_list_of_boxes_with_pointers_back_is_no_cycle() {
    let leak = Made::new(3, &[(2, 1, Owning), (1, 0, Owning), (1, 2, Borrowed), (0, 1, Borrowed)]).only_leak();
    assert_eq!((leak.entries, leak.owned, leak.cycle), (vec![2], vec![0, 1], None));
}

#[test]
fn a_list_of_raw_pointers_is_no_cycle() {
    let leak = Made::new(3, &[(0, 1, Borrowed), (1, 2, Borrowed), (2, 1, Borrowed), (1, 0, Borrowed)]).only_leak();
    assert_eq!((leak.entries, leak.owned, leak.cycle, leak.ring.len()), (vec![0, 1, 2], vec![], None, 2));
}

#[test]
fn a_waker_may_be_the_missing_owner() {
    let mut made = Made::new(2, &[(0, 1, Counted), (1, 0, Borrowed)]);
    made.strong.insert(0, 1);
    let leak = made.only_leak();
    assert_eq!((&leak.entries, &leak.owned, &leak.cycle, leak.ring.len()), (&vec![0], &vec![1], &None, 2));
    assert_eq!((leak.counts[0].missing(), leak.counts[0].suspects.len()), (1, 1));
}

#[test]
fn what_has_all_its_owners_is_not_kept_by_others() {
    // An unknown word in block 2 leads to a cycle whose counts say that it is no owner.
    let made = Made::new(3, &[(0, 1, Counted), (1, 0, Counted), (2, 0, Unknown)]);
    let found: Vec<_> = made.leaks().into_iter().map(|leak| (leak.entries, leak.cycle.is_some())).collect();
    assert_eq!(found, [(vec![0, 1], true), (vec![2], false)]);
}

#[test]
fn a_weak_keeps_the_memory_of_a_dropped_value() {
    let mut made = Made::new(2, &[(1, 0, EdgeKind::Weak)]);
    made.strong.insert(0, 0);
    assert_eq!(made.only_leak().owned, [0]);
    made.strong.insert(0, 1);
    assert_eq!(made.leaks().len(), 2, "a value is not kept by it");
}

#[test]
fn leaks_come_by_size_and_a_block_goes_to_the_one_that_owns_it() {
    // Both 0 and 1 lead to 2; 1 owns it, through 3.
    let made = Made::new(4, &[(0, 2, Unknown), (1, 3, Owning), (3, 2, Borrowed)]);
    let found: Vec<_> = made.leaks().into_iter().map(|leak| (leak.entries, leak.owned)).collect();
    assert_eq!(found, [(vec![1], vec![2, 3]), (vec![0], vec![])]);
}

#[test]
fn rings_alike_have_one_shape() {
    let mut made = Made::new(6, &[]);
    for (first, second, third) in [(0, 1, 2), (5, 4, 3)] {
        made.point(first, second, Counted);
        made.point(second, third, Counted);
        made.point(third, first, Counted);
    }
    let kind = |block: u32| ["a", "b", "c", "c", "b", "a"][block as usize];
    let shapes: Vec<_> = made.leaks().iter().map(|leak| (leak.entries.clone(), leak.shape(kind))).collect();
    let shape = vec!["a", "b", "c"];
    assert_eq!(shapes, [(vec![3, 5, 4], shape.clone()), (vec![0, 1, 2], shape)]);
}

#[test]
fn three_hundred_thousand_blocks() {
    let number = 300_000;
    let ring = |kind| {
        let at = |from: u32| RuntimeAddress(0x1000 + 64 * u64::from(from));
        let next = |from| Edge { from: Source::Block(from), at: at(from), to: (from + 1) % number, kind };
        Made { blocks: number, edges: (0..number).map(next).collect(), strong: BTreeMap::new() }
    };
    let mut counted = ring(Counted);
    counted.strong = (0..number).map(|block| (block, 1)).collect();
    let leak = counted.leaks_with(&|_| 7).remove(0);
    assert_eq!((leak.entries.len(), leak.cycle.unwrap().weaken[0].len()), (300_000, 300_000));
    let leak = ring(Borrowed).only_leak();
    assert_eq!((leak.entries.len(), leak.ring.len()), (300_000, 300_000));
    let mut list = ring(Owning);
    list.edges.pop();
    let leak = list.only_leak();
    assert_eq!((leak.entries, leak.owned.len()), (vec![0], 299_999));
    list.root(0);
    assert_eq!(Retention::new(&list.graph()).of(&[1], |_| 1), Retained { bytes: 299_999, blocks: 299_999 });
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(limit)) >> 32) as u32
    }

    fn kind(&mut self) -> EdgeKind {
        [Owning, Counted, Counted, Counted, Borrowed, Unknown, EdgeKind::Weak][self.below(7) as usize]
    }
}

/// A heap as a program could have it: a block has one `Box` that owns it, or any number of `Rc`s, and may have been forgotten.
fn program(random: &mut Random) -> Made {
    let blocks = 1 + random.below(9);
    let mut made = Made::new(blocks, &[]);
    let boxed: Vec<bool> = (0..blocks).map(|_| random.below(3) == 0).collect();
    for to in 0..blocks {
        if boxed[to as usize] {
            if random.below(4) > 0 {
                made.point(random.below(blocks), to, Owning);
            }
        } else {
            made.strong.insert(to, 0);
            for _owner in 0..random.below(3) {
                made.point(random.below(blocks), to, Counted);
            }
            let forgotten = u64::from(random.below(6) == 0 || made.strong[&to] == 0);
            *made.strong.entry(to).or_default() += forgotten;
        }
        if random.below(3) == 0 {
            made.point(random.below(blocks), to, [Borrowed, Unknown, EdgeKind::Weak][random.below(3) as usize]);
        }
    }
    made
}

/// What each block leads to over the edges that `follow` accepts, itself only through a ring: by repetition until nothing changes.
fn closure(made: &Made, follow: impl Fn(&Edge) -> bool) -> Vec<BTreeSet<u32>> {
    let mut leads_to = vec![BTreeSet::new(); made.blocks as usize];
    loop {
        let mut changed = false;
        for edge in made.edges.iter().filter(|edge| follow(edge)) {
            let Source::Block(from) = edge.from else { continue };
            let further = leads_to[edge.to as usize].clone();
            let known = &mut leads_to[from as usize];
            let before = known.len();
            known.insert(edge.to);
            known.extend(further);
            changed |= known.len() > before;
        }
        if !changed {
            return leads_to;
        }
    }
}

fn owns(edge: &Edge) -> bool {
    matches!(edge.kind, Owning | Counted)
}

/// A value that says when it is dropped, and holds others.
struct Node {
    dead: Rc<Cell<bool>>,
    held: RefCell<Vec<Rc<Node>>>,
}

/// Builds the heap of real `Rc`s, makes `weak` edges `Weak`, and tells which blocks are then freed. A box is an `Rc` that has one owner.
fn freed(made: &Made, weak: &BTreeSet<u64>) -> BTreeSet<u32> {
    let dead: Vec<Rc<Cell<bool>>> = (0..made.blocks).map(|_| Rc::default()).collect();
    let nodes: Vec<Rc<Node>> =
        dead.iter().map(|dead| Rc::new(Node { dead: Rc::clone(dead), held: RefCell::default() })).collect();
    let mut weaks: Vec<Weak<Node>> = Vec::new();
    for edge in made.edges.iter().filter(|edge| owns(edge)) {
        let Source::Block(from) = edge.from else { continue };
        let target = &nodes[edge.to as usize];
        if weak.contains(&edge.at.0) {
            weaks.push(Rc::downgrade(target));
        } else {
            nodes[from as usize].held.borrow_mut().push(Rc::clone(target));
        }
    }
    // Counts that nothing explains, and boxes that nothing owns, are held here: they were forgotten.
    let mut forgotten: Vec<Rc<Node>> = Vec::new();
    for (block, node) in (0..).zip(&nodes) {
        let found = made.edges.iter().filter(|edge| edge.to == block && owns(edge)).count() as u64;
        let missing = match made.strong.get(&block) {
            Some(strong) => strong - found,
            None => u64::from(found == 0),
        };
        forgotten.extend((0..missing).map(|_| Rc::clone(node)));
    }
    let all: Vec<Weak<Node>> = nodes.iter().map(Rc::downgrade).collect();
    drop(nodes);
    let freed = (0..made.blocks).filter(|block| dead[*block as usize].get()).collect();
    for node in all.iter().filter_map(Weak::upgrade) {
        let held = node.held.take();
        drop(held);
    }
    freed
}

impl Drop for Node {
    fn drop(&mut self) {
        self.dead.set(true);
    }
}

/// Fields: a few words share one.
fn field(edge: &Edge) -> u64 {
    edge.at.0 % 5
}

#[test]
fn random_programs_leak_as_real_ones_do() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut cycles, mut freeing, mut helpless) = (0, 0, 0);
    for _program in 0..10_000 {
        let made = program(&mut random);
        let leaks = made.leaks_with(&field);
        each_block_once(&made, &leaks);
        let own = closure(&made, owns);
        let alive = freed(&made, &BTreeSet::new());
        for leak in &leaks {
            let Some(cycle) = &leak.cycle else {
                let alone = leak.entries.iter().all(|entry| !own[*entry as usize].contains(entry));
                assert!(alone, "entries that keep each other alive: {leak:?} of {made:?}");
                continue;
            };
            cycles += 1;
            assert!(alive.is_disjoint(&leak.entries.iter().copied().collect()), "{leak:?} of {made:?}");
            let members = ring_and_members(&made, leak, cycle, &own);
            let counted = |edge: &&Edge| edge.kind == Counted;
            let fields: BTreeSet<u64> = cycle.edges.iter().filter(counted).map(field).collect();
            for one in fields {
                let weak = cycle.edges.iter().filter(counted).filter(|edge| field(edge) == one);
                let weak: BTreeSet<u64> = weak.map(|edge| edge.at.0).collect();
                let frees = freed(&made, &weak).is_superset(&members);
                let said = cycle.weaken.iter().any(|set| set.iter().all(|at| field(&cycle.edges[*at]) == one));
                assert_eq!(said, frees, "field {one} of {cycle:?} of {made:?}");
                *(if frees { &mut freeing } else { &mut helpless }) += 1;
            }
        }
    }
    assert!(cycles > 1000 && freeing > 1000 && helpless > 1000, "{cycles} {freeing} {helpless}: too few to tell");
}

/// Each block is in one leak; nothing outside of a leak owns an entry; each leak's blocks can be reached from its entries.
fn each_block_once(made: &Made, leaks: &[Leak]) {
    let blocks = |leak: &Leak| leak.entries.iter().chain(&leak.owned).copied().collect::<Vec<_>>();
    let mut listed: Vec<u32> = leaks.iter().flat_map(blocks).collect();
    listed.sort_unstable();
    assert_eq!(listed, (0..made.blocks).collect::<Vec<_>>(), "{leaks:?} of {made:?}");
    let any = closure(made, |edge| edge.kind != EdgeKind::Weak || made.strong.get(&edge.to) == Some(&0));
    for leak in leaks {
        let own = blocks(leak);
        assert_eq!(leak.bytes, own.iter().map(|block| size(*block)).sum::<u64>());
        for edge in made.edges.iter().filter(|edge| owns(edge) && leak.entries.contains(&edge.to)) {
            let Source::Block(from) = edge.from else { continue };
            let part = leak.cycle.as_ref().is_some_and(|_| own.contains(&from));
            assert!(part, "{from} owns an entry of {leak:?} of {made:?}");
        }
        for block in &leak.owned {
            let led = leak.entries.iter().any(|entry| any[*entry as usize].contains(block));
            assert!(led, "{block} of {leak:?} of {made:?}");
        }
    }
}

/// The ring is one, and as short as can be; the edges are those between blocks that own each other. Returns these.
fn ring_and_members(made: &Made, leak: &Leak, cycle: &Cycle, own: &[BTreeSet<u32>]) -> BTreeSet<u32> {
    let ring = leak.entries.len();
    for (at, entry) in leak.entries.iter().enumerate() {
        let edge = &cycle.edges[at];
        let next = leak.entries[(at + 1) % ring];
        assert_eq!((edge.from, edge.to), (Source::Block(*entry), next), "{leak:?} of {made:?}");
    }
    let first = leak.entries[0];
    assert_eq!(leak.entries.iter().min(), Some(&first));
    let leads_to = &own[first as usize];
    let members: BTreeSet<u32> =
        leads_to.iter().copied().filter(|member| own[*member as usize].contains(&first)).collect();
    let inside = |edge: &&Edge| matches!(edge.from, Source::Block(from) if members.contains(&from));
    let expected = made.edges.iter().filter(inside).filter(|edge| owns(edge) && members.contains(&edge.to));
    let words = |edges: Vec<&Edge>| edges.into_iter().map(|edge| edge.at.0).collect::<BTreeSet<u64>>();
    assert_eq!(words(cycle.edges.iter().collect()), words(expected.collect()), "{leak:?} of {made:?}");
    assert_eq!(ring, shortest(&cycle.edges), "{leak:?} of {made:?}");
    members
}

/// The length of the shortest ring: how many times one has to go on from a block until one is back.
fn shortest(edges: &[Edge]) -> usize {
    let starts = edges.iter().map(|edge| edge.to);
    let from_one = |start: u32| {
        let mut at = BTreeSet::from([start]);
        (1..).find(|_| {
            let leads = |edge: &&Edge| matches!(edge.from, Source::Block(from) if at.contains(&from));
            at = edges.iter().filter(leads).map(|edge| edge.to).collect();
            at.contains(&start)
        })
    };
    starts.filter_map(from_one).min().unwrap()
}

#[test]
fn retained_is_what_is_gone_without_them() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut partly = 0;
    for _graph in 0..10_000 {
        let blocks = 1 + random.below(12);
        let mut made = Made::new(blocks, &[]);
        for _edge in 0..random.below(2 * blocks + 1) {
            made.point(random.below(blocks), random.below(blocks), random.kind());
        }
        for _root in 0..random.below(4) {
            made.root(random.below(blocks));
        }
        let graph = made.graph();
        let mut retention = Retention::new(&graph);
        for _question in 0..3 {
            let removed: Vec<u32> = (0..1 + random.below(3)).map(|_| random.below(blocks)).collect();
            let gone = gone_without(&made, &removed);
            let expected = Retained { bytes: gone.iter().map(|block| size(*block)).sum(), blocks: gone.len() as u64 };
            assert_eq!(retention.of(&removed, size), expected, "without {removed:?}: {gone:?} of {made:?}");
            partly += u32::from(gone.len() > removed.len());
        }
    }
    assert!(partly > 1000, "{partly}: too few to tell");
}

/// Takes the blocks out and looks again at what can be reached, block by block.
fn gone_without(made: &Made, removed: &[u32]) -> BTreeSet<u32> {
    let strong = |edge: &Edge| edge.kind != EdgeKind::Weak;
    let all = closure(made, strong);
    let left = closure(made, |edge| {
        let from_removed = matches!(edge.from, Source::Block(from) if removed.contains(&from));
        strong(edge) && !from_removed && !removed.contains(&edge.to)
    });
    let roots: BTreeSet<u32> =
        made.edges.iter().filter(|edge| edge.from == Source::Segment).map(|edge| edge.to).collect();
    let reach = |from: &BTreeSet<u32>, leads_to: &[BTreeSet<u32>]| {
        let further = from.iter().flat_map(|block| leads_to[*block as usize].iter());
        further.chain(from).copied().collect::<BTreeSet<u32>>()
    };
    let reached = reach(&roots, &all);
    let below = reach(&removed.iter().copied().collect(), &all);
    // A lost block keeps no reached one, but does keep lost ones, if it has nothing to do with `removed`.
    let others = (0..made.blocks).filter(|block| !reached.contains(block) && !below.contains(block)).collect();
    let kept = reach(&roots.iter().copied().filter(|root| !removed.contains(root)).collect(), &left);
    let kept_lost = reach(&others, &left);
    let is_kept = |block: &u32| if reached.contains(block) { kept.contains(block) } else { kept_lost.contains(block) };
    below.iter().copied().filter(|block| !is_kept(block)).collect()
}
