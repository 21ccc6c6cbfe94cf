//! Memory that nothing leads to any more: grouped into leaks, each with what it owns, and the cycles among them.
//!
//! May use: `debuginfo` (types only), `address`.
//!
//! Who keeps whom is told from the kinds of the edges and from the reference counts. A block whose owners were all found (its `Box`, or as many
//! `Rc`s as its count says) is kept by them alone: other pointers to it only refer to it. If an owner is missing, any reference, raw
//! pointer or unknown word that leads to the block may be it: the data of a `Waker`, an `Arc::into_raw`, a container of which nothing is known.
//!
//! So there are two kinds of leaks. A cycle is a ring of owners, which is certain. Blocks that only may own each other (nodes of a
//! doubly linked list that was forgotten, a parent pointer) are one leak too, but no cycle is claimed.

use crate::heap::components::{Hold, Link, Links, NONE, Rings};
use crate::heap::cycles::{self, Cycle, Owners};
use crate::heap::graph::{Edge, EdgeKind, Graph, Source};
use crate::heap::holders::Counted;
use std::collections::VecDeque;

/// One leak: a block or a cycle that nothing leads to, and all that only it keeps.
#[derive(Clone, PartialEq, Debug)]
pub struct Leak {
    /// The block that nothing leads to; for a cycle, its blocks in the order in which they point to each other, from the lowest on.
    ///
    /// If more blocks keep each other alive than one ring has, this is the shortest ring, because a reader has to follow it; the others are
    /// in `owned`. Without a cycle there are several entries if blocks lead to each other that nothing is known to own.
    pub entries: Vec<u32>,
    /// The blocks that are reachable from the entries and not themselves entries, by index.
    ///
    /// A block that several leaks lead to is listed with the one that does so by the most trustworthy edges, then by the fewest.
    pub owned: Vec<u32>,
    /// All of the above, in bytes.
    pub bytes: u64,
    /// How the entries keep each other alive, if they do.
    pub cycle: Option<Cycle>,
    /// Pointers that lead in a ring through an entry, of which it is not known whether each owns its target. Empty if there is a cycle.
    pub ring: Vec<Edge>,
    /// The reference counts of the entries that have one, and of those other blocks of the cycle that have owners which were not found.
    pub counts: Vec<Count>,
}

/// The reference count of a lost block.
#[derive(Clone, PartialEq, Debug)]
pub struct Count {
    /// The block.
    pub block: u32,
    /// How many owners were found, and how many there should be.
    pub owners: Counted,
    /// If some were not found: the pointers in lost memory that may be the missing ones, because they lead to the block and nothing says
    /// that they do not own it.
    pub suspects: Vec<Edge>,
}

impl Count {
    /// Owners that were forgotten, or are where memleak cannot look.
    pub fn missing(&self) -> u64 {
        self.owners.strong.saturating_sub(self.owners.found)
    }
}

impl Leak {
    /// What leaks alike have in common: `of` each entry, in an order that does not depend on addresses.
    pub fn shape<K: Ord>(&self, of: impl Fn(u32) -> K) -> Vec<K> {
        let mut keys: Vec<K> = self.entries.iter().map(|entry| of(*entry)).collect();
        if self.cycle.is_none() {
            keys.sort();
            keys.dedup();
            return keys;
        }
        let rotated = |by: usize| keys[by..].iter().chain(&keys[..by]);
        let lowest = keys.iter().min();
        let starts = (0..keys.len()).filter(|by| Some(&keys[*by]) == lowest);
        // A ring of thousands of blocks alike has as many starts; that they are compared from the first few is enough for a group.
        let first = starts.take(64).min_by(|a, b| rotated(*a).cmp(rotated(*b)));
        keys.rotate_left(first.unwrap_or(0));
        keys
    }
}

/// What is known of the blocks of a graph, block by block or edge by edge.
pub struct Facts<'a> {
    /// The size of a block.
    pub size: &'a dyn Fn(u32) -> u64,
    /// The strong count of a block that has one.
    pub strong: &'a dyn Fn(u32) -> Option<u64>,
    /// A number that is the same for edges that are the same field of the same type: a change to the source changes all of them.
    pub field: &'a dyn Fn(&Edge) -> u64,
}

/// The leaks among `lost`, which are all blocks that no root leads to and that count; the largest first.
pub fn leaks(graph: &Graph, lost: &[u32], facts: &Facts<'_>) -> Vec<Leak> {
    if lost.is_empty() {
        return Vec::new();
    }
    let lost = Lost::new(graph, lost, facts);
    let heads = lost.heads();
    let leak_of = lost.claim(&heads);
    let mut rest = vec![Vec::new(); heads.len()];
    for (node, leak) in leak_of.iter().enumerate() {
        rest[*leak as usize].push(node as u32);
    }
    let mut rings = Rings::new(&lost.links);
    let mut simulation = cycles::Simulation::new(&lost.links, &lost.owners);
    let suspects = lost.suspects(&heads);
    let mut leaks: Vec<Leak> = heads
        .into_iter()
        .zip(rest)
        .map(|(head, nodes)| lost.leak(head, &nodes, &mut rings, &mut simulation, &suspects))
        .collect();
    leaks.sort_by_key(|leak| (std::cmp::Reverse(leak.bytes), leak.entries.first().copied()));
    leaks
}

/// Where a leak begins; all in nodes.
struct Head {
    /// The blocks that nothing owns; or those that keep each other alive.
    members: Vec<u32>,
    /// Whether they do.
    cyclic: bool,
}

/// The lost blocks as a graph of their own.
struct Lost<'a> {
    facts: &'a Facts<'a>,
    /// The block of each node, in order.
    blocks: Vec<u32>,
    links: Links,
    /// What is known of the owners of each node.
    owners: Vec<Owners>,
    /// The component of each node over all links.
    led: Vec<u32>,
    /// The component of each node over links that own: a part of the above.
    owned: Vec<u32>,
}

impl<'a> Lost<'a> {
    fn new(graph: &Graph, lost: &[u32], facts: &'a Facts<'a>) -> Lost<'a> {
        let mut blocks = lost.to_vec();
        blocks.sort_unstable();
        blocks.dedup();
        let mut node_of = vec![NONE; graph.blocks()];
        for (node, block) in (0..).zip(&blocks) {
            node_of[*block as usize] = node;
        }
        let owners = owners(graph, &blocks, &node_of, facts);
        let mut links = Vec::new();
        for (from, block) in (0..).zip(&blocks) {
            for edge in graph.from_block(*block) {
                let to = node_of[edge.to as usize];
                if to == NONE {
                    continue;
                }
                let Some(hold) = owners[to as usize].hold(edge.kind) else { continue };
                if from != to || hold == Hold::Owns {
                    links.push(Link { from, to, hold, edge: *edge });
                }
            }
        }
        let links = Links::new(blocks.len(), links);
        let led = links.components(|_| true);
        let owned = links.components(|link| link.hold == Hold::Owns);
        Lost { facts, blocks, links, owners, led, owned }
    }

    /// Where leaks begin: in each component that no other leads to, at the cycles that nothing owns; if there are none, at the blocks that
    /// nothing owns.
    fn heads(&self) -> Vec<Head> {
        let nodes = self.blocks.len();
        let (mut is_led, mut is_owned, mut cyclic) = (vec![false; nodes], vec![false; nodes], vec![false; nodes]);
        for link in self.links.all() {
            let (from, to) = (link.from as usize, link.to as usize);
            is_led[self.led[to] as usize] |= self.led[from] != self.led[to];
            if link.hold == Hold::Owns {
                is_owned[self.owned[to] as usize] |= self.owned[from] != self.owned[to];
                cyclic[self.owned[to] as usize] |= self.owned[from] == self.owned[to];
            }
        }
        let (led, owned) = (|node: &u32| self.led[*node as usize], |node: &u32| self.owned[*node as usize]);
        let mut first: Vec<u32> =
            (0..nodes as u32).filter(|node| !is_led[led(node) as usize] && !is_owned[owned(node) as usize]).collect();
        first.sort_by_key(|node| (led(node), owned(node), *node));
        let mut heads = Vec::new();
        for component in first.chunk_by(|a, b| led(a) == led(b)) {
            let before = heads.len();
            let rings = component.chunk_by(|a, b| owned(a) == owned(b)).filter(|ring| cyclic[owned(&ring[0]) as usize]);
            heads.extend(rings.map(|ring| Head { members: ring.to_vec(), cyclic: true }));
            if heads.len() == before {
                let mut members = component.to_vec();
                members.sort_unstable();
                heads.push(Head { members, cyclic: false });
            }
        }
        heads.sort_by_key(|head| head.members.first().copied());
        heads
    }

    /// Which leak each node belongs to: the one that leads to it by the most trustworthy links, then by the fewest.
    fn claim(&self, heads: &[Head]) -> Vec<u32> {
        let mut leak_of = vec![NONE; self.blocks.len()];
        // By the worst link on the way.
        let mut queues: [VecDeque<(u32, u32)>; 3] = Default::default();
        for (leak, head) in (0..).zip(heads) {
            queues[Hold::Owns as usize].extend(head.members.iter().map(|member| (*member, leak)));
        }
        while let Some(worst) = queues.iter().position(|queue| !queue.is_empty()) {
            let Some((node, leak)) = queues[worst].pop_front() else { break };
            if leak_of[node as usize] != NONE {
                continue;
            }
            leak_of[node as usize] = leak;
            for link in self.links.from(node).iter().filter(|link| leak_of[link.to as usize] == NONE) {
                queues[worst.max(link.hold as usize)].push_back((link.to, leak));
            }
        }
        leak_of
    }

    /// By node: the links that may be owners which are missing, where a text would want to know them.
    fn suspects(&self, heads: &[Head]) -> Vec<Vec<Edge>> {
        let mut wanted = vec![false; self.blocks.len()];
        for member in heads.iter().flat_map(|head| &head.members) {
            wanted[*member as usize] = self.owners[*member as usize].missing() > 0;
        }
        let mut suspects = vec![Vec::new(); self.blocks.len()];
        for link in self.links.all().iter().filter(|link| link.hold != Hold::Owns && wanted[link.to as usize]) {
            suspects[link.to as usize].push(link.edge);
        }
        suspects
    }

    fn leak(
        &self,
        head: Head,
        nodes: &[u32],
        rings: &mut Rings<'_>,
        simulation: &mut cycles::Simulation<'_>,
        suspects: &[Vec<Edge>],
    ) -> Leak {
        let block = |node: &u32| self.blocks[*node as usize];
        let within = |component: &[u32], link: &Link| component[link.from as usize] == component[link.to as usize];
        let links = self.links.all();
        let (mut entries, cycle, ring) = if head.cyclic {
            let owning = |link: &Link| link.hold == Hold::Owns && within(&self.owned, link);
            let ring = rings.shortest(&head.members, owning).unwrap_or_default();
            let cycle = simulation.cycle(&head.members, &ring, owning, self.facts.field);
            (ring.iter().map(|link| links[*link].from).collect(), Some(cycle), Vec::new())
        } else {
            let ring = rings.shortest(&head.members, |link| within(&self.led, link)).unwrap_or_default();
            (head.members.clone(), None, ring.iter().map(|link| links[*link].edge).collect())
        };
        let mut sorted = entries.clone();
        sorted.sort_unstable();
        let is_entry = |node: &u32| sorted.binary_search(node).is_ok();
        let incomplete = |node: &&u32| self.owners[**node as usize].missing() > 0 && !is_entry(node);
        let others = head.members.iter().filter(incomplete);
        let counts = entries.iter().chain(others).filter_map(|node| self.count(*node, suspects)).collect();
        let owned = nodes.iter().filter(|node| !is_entry(node)).map(block).collect();
        for node in &mut entries {
            *node = block(node);
        }
        let bytes = nodes.iter().map(|node| (self.facts.size)(block(node))).sum();
        Leak { entries, owned, bytes, cycle, ring, counts }
    }

    fn count(&self, node: u32, suspects: &[Vec<Edge>]) -> Option<Count> {
        let owners = self.owners[node as usize];
        let owners = Counted { found: owners.counted, strong: owners.strong? };
        Some(Count { block: self.blocks[node as usize], owners, suspects: suspects[node as usize].clone() })
    }
}

/// Counts the owners of each lost block, in all of the heap: a block that does not count may own one that does.
fn owners(graph: &Graph, blocks: &[u32], node_of: &[u32], facts: &Facts<'_>) -> Vec<Owners> {
    let mut owners: Vec<Owners> =
        blocks.iter().map(|block| Owners { strong: (facts.strong)(*block), counted: 0, owning: 0 }).collect();
    let inside = (0..graph.blocks() as u32).flat_map(|block| graph.from_block(block));
    for edge in inside.chain(graph.from_outside()) {
        let node = node_of[edge.to as usize];
        if node == NONE || edge.from == Source::Block(edge.to) && edge.kind > EdgeKind::Counted {
            continue;
        }
        match edge.kind {
            EdgeKind::Owning => owners[node as usize].owning += 1,
            EdgeKind::Counted => owners[node as usize].counted += 1,
            EdgeKind::Borrowed | EdgeKind::Unknown | EdgeKind::Weak => {}
        }
    }
    owners
}
