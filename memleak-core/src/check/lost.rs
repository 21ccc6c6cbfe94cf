//! Unreachable memory: which blocks count, and leaks that are alike put together.
//!
//! May use: `heap`, `debuginfo` (types only), `stack`.

use crate::check::ignores::{Held, Ignores, Matched};
use crate::check::values;
use crate::check::verdict::{Cycle, CycleEdge, Frame, LostGroup, OnStack, Owned, Suspect};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::functions::Location;
use crate::debuginfo::load::DieRef;
use crate::heap::advice::{Advice, for_leak};
use crate::heap::contents::Content;
use crate::heap::graph::{Edge, Source, Trust};
use crate::heap::holders::{Counted, Hop, Task, Way};
use crate::heap::instances::{Home, Instance};
use crate::heap::locals::Call;
use crate::heap::lost::{Facts, Leak, leaks};
use crate::heap::naming::{self, Names};
use crate::query::scene::{Relations, Scene, frames};
use crate::stack::StackId;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// The blocks that the test allocated and that no root leads to.
pub(super) fn unreached(relations: &Relations<'_>, body_epoch: u32) -> Vec<u32> {
    let blocks = relations.scene.snapshot.blocks().iter().zip(0..);
    let lost = blocks.filter(|(block, index)| block.epoch >= body_epoch && relations.reach.trust(*index).is_none());
    lost.map(|(_, index)| index).collect()
}

/// What leaks have in common that are shown as one: the types of their entries, the stacks that allocated them, and the kind of cycle.
type Alike = (Vec<(Option<Rc<str>>, StackId)>, bool, Option<(u64, u64)>);

/// The leaks among `lost` that no `ignore` matches, alike ones together, the largest first.
pub(super) fn groups(
    relations: &Relations<'_>,
    lost: &[u32],
    (ignores, held): (&Ignores, &Held<'_>),
    matched: &mut Matched,
    with_values: bool,
) -> Vec<LostGroup> {
    let scene = relations.scene;
    let facts = Facts {
        size: &|block| scene.size(block),
        strong: &|block| scene.strong(block),
        field: &|edge| field(scene, edge),
    };
    let mut alike: HashMap<Alike, Vec<Leak>> = HashMap::new();
    for mut leak in leaks(&relations.graph, lost, &facts) {
        arrange(scene, &mut leak);
        let counted = owners(&leak).map(|owners| (owners.found, owners.strong));
        let shape = leak.shape(|block| (scene.type_name(block), scene.stack(block)));
        alike.entry((shape, leak.cycle.is_some(), counted)).or_default().push(leak);
    }
    let mut groups = Vec::new();
    for leaks in alike.into_values() {
        let mut group = group(relations, &leaks);
        if with_values {
            group.values = values(scene, &leaks);
        }
        let held = held.of(&entry(scene, leaks[0].entries[0]));
        match ignores.find(group.type_name.as_deref(), &group.stack, &held) {
            Some(ignore) => matched.add(ignore, group.count, group.bytes),
            None => groups.push(group),
        }
    }
    groups.sort_by(|a, b| (b.bytes, b.blocks, &a.type_name).cmp(&(a.bytes, a.blocks, &b.type_name)));
    groups
}

fn values(scene: &Scene<'_>, leaks: &[Leak]) -> Vec<String> {
    let entries = leaks.iter().take(values::SOME).map(|leak| scene.object(leak.entries[0]));
    entries.filter_map(|(value, ty)| Some(values::of(scene, &value, ty?))).collect()
}

/// The block that nothing leads to.
fn entry(scene: &Scene<'_>, block: u32) -> Instance {
    let record = scene.snapshot.blocks()[block as usize];
    let type_name = scene.type_name(block).unwrap_or_default();
    let (address, size) = (record.address, record.size);
    Instance { type_name, size, address, doubt: None, home: Home::Block(block as usize) }
}

/// Puts a cycle into the order in which it is read: it ends with the pointer that is best made a `Weak`. Of several, that is one in a field of
/// its own; what a collection holds is what its owner is there for.
fn arrange(scene: &Scene<'_>, leak: &mut Leak) {
    let Some(cycle) = &mut leak.cycle else { return };
    let in_buffer = |index: &usize| matches!(cycle.edges[*index].from, Source::Block(block) if is_buffer(scene, block));
    cycle.weaken.sort_by_key(|field| field.iter().any(in_buffer));
    let ring = leak.entries.len();
    let last = cycle.weaken.first().and_then(|field| field.iter().copied().find(|index| *index < ring));
    let first = match last {
        Some(last) => (last + 1) % ring,
        None => leak.entries.iter().position(|entry| !is_buffer(scene, *entry)).unwrap_or(0),
    };
    leak.entries.rotate_left(first);
    cycle.edges[..ring].rotate_left(first);
    for index in cycle.weaken.iter_mut().flatten().filter(|index| **index < ring) {
        *index = (*index + ring - first) % ring;
    }
}

fn is_buffer(scene: &Scene<'_>, block: u32) -> bool {
    matches!(scene.contents[block as usize], Content::Buffer(_) | Content::Table(_))
}

/// The owners of the first entry whose count says that there are more than were found.
fn owners(leak: &Leak) -> Option<Counted> {
    let entry = |count: &&crate::heap::lost::Count| leak.entries.contains(&count.block);
    let counts = || leak.counts.iter().filter(entry);
    counts().find(|count| count.missing() > 0).or_else(|| counts().next()).map(|count| count.owners)
}

fn group(relations: &Relations<'_>, leaks: &[Leak]) -> LostGroup {
    let scene = relations.scene;
    let first = &leaks[0];
    let entry = first.entries[0];
    let size = scene.size(entry);
    let mut owned: BTreeMap<Option<Rc<str>>, (u64, u64)> = BTreeMap::new();
    for block in leaks.iter().flat_map(|leak| &leak.owned) {
        let (blocks, bytes) = owned.entry(scene.type_name(*block)).or_default();
        (*blocks, *bytes) = (*blocks + 1, *bytes + scene.size(*block));
    }
    let mut owned: Vec<Owned> = owned
        .into_iter()
        .map(|(name, (blocks, bytes))| Owned { type_name: name.map(|name| name.to_string()), blocks, bytes })
        .collect();
    owned.sort_by_key(|owned| std::cmp::Reverse(owned.bytes));
    let stack = frames(scene.program, scene.stack(entry));
    let is_foreign = |name: &str| is_of_dependency(name, &stack);
    LostGroup {
        type_name: scene.type_name(entry).map(|name| name.to_string()),
        count: leaks.len() as u64,
        known: 0,
        size: leaks.iter().all(|leak| scene.size(leak.entries[0]) == size).then_some(size),
        blocks: leaks.iter().map(|leak| (leak.entries.len() + leak.owned.len()) as u64).sum(),
        bytes: leaks.iter().map(|leak| leak.bytes).sum(),
        owned,
        cycle: cycle(relations, first),
        owners: owners(first),
        suspects: suspects(relations, first, is_foreign),
        values: Vec::new(),
        advice: for_leak(first, |edge| field_name(relations, edge)).map(|advice| match advice {
            // Nobody can change what a library does inside.
            Advice::DropRaw { owners, field } if is_foreign(&field) => Advice::Forgotten { owners: Some(owners) },
            other => other,
        }),
        stack,
    }
}

/// Whether a type or a field of one is of a dependency that had a part in the allocation.
fn is_of_dependency(name: &str, stack: &[Frame]) -> bool {
    let krate = |path: &str| path.trim_start_matches(['<', '&']).split(['<', ':', '.']).next().map(str::to_owned);
    stack.iter().any(|frame| frame.kind == CodeKind::Dependency && krate(&frame.function) == krate(name))
}

/// How the blocks of a leak keep each other alive, or may: a member is what is not a buffer between two others.
fn cycle(relations: &Relations<'_>, leak: &Leak) -> Option<Cycle> {
    let (edges, weaken) = match &leak.cycle {
        Some(cycle) => (&cycle.edges, cycle.weaken.as_slice()),
        None => (&leak.ring, [].as_slice()),
    };
    let ring = if leak.cycle.is_some() { leak.entries.len() } else { edges.len() };
    let scene = relations.scene;
    let source = |edge: &Edge| match edge.from {
        Source::Block(block) => Some(block),
        _ => None,
    };
    let mut members: Vec<u32> = Vec::new();
    let mut numbers: HashMap<u32, usize> = HashMap::new();
    let mut after: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut ring_members = 0;
    for (index, edge) in edges.iter().enumerate() {
        let from = source(edge)?;
        after.entry(from).or_default().push(index);
        if !is_buffer(scene, from) {
            let next = members.len();
            numbers.entry(from).or_insert_with(|| {
                members.push(from);
                next
            });
        }
        if index < ring {
            ring_members = members.len();
        }
    }
    let mut found = Vec::new();
    for (from, member) in members.iter().enumerate() {
        // Through buffers to the next member; each buffer has one owner, so that no way is gone twice.
        if found.len() >= MOST_EDGES {
            break;
        }
        let mut ways: Vec<Vec<usize>> = after[member].iter().rev().map(|index| vec![*index]).collect();
        while let Some(way) = ways.pop() {
            let last = edges[way[way.len() - 1]];
            if let Some(to) = numbers.get(&last.to).copied() {
                let rank = weaken.iter().position(|field| way.iter().any(|index| field.contains(index)));
                let way: Vec<Edge> = way.into_iter().map(|index| edges[index]).collect();
                found.push(CycleEdge { from, to, hops: hops(relations, &way), weaken: rank });
            } else if way.len() < MOST_BUFFERS {
                let next = after.get(&last.to).into_iter().flatten();
                ways.extend(next.map(|index| [way.as_slice(), &[*index]].concat()));
            }
        }
    }
    if found.is_empty() {
        return None;
    }
    let name = |block: &u32| scene.type_name(*block).map(|name| name.to_string());
    Some(Cycle {
        members: members.iter().map(name).collect(),
        ring: ring_members,
        edges: found,
        certain: leak.cycle.is_some(),
    })
}

/// The most edges of a cycle that are worded. No text shows more.
const MOST_EDGES: usize = 64;

/// The most buffers between two members: a `Vec` in a `Vec`, a node of a B-tree.
const MOST_BUFFERS: usize = 8;

/// The field that an edge is in: `chat::Member.room`.
fn field_name(relations: &Relations<'_>, edge: &Edge) -> Option<String> {
    let Source::Block(block) = edge.from else { return None };
    let owner = relations.scene.type_name(block)?;
    let hops = hops(relations, &[*edge]);
    match hops.first()?.way.first()? {
        Way::Field(field) => Some(format!("{owner}.{}", field.trim_start_matches('.'))),
        _ => None,
    }
}

/// The way from a block through these edges, in words. That the block is a future is said already.
fn hops(relations: &Relations<'_>, way: &[Edge]) -> Vec<Hop> {
    let found = naming::holder(&relations.scene.heap(), &relations.graph, way, None, &WithoutTasks(relations));
    let mut hops = found.hops;
    hops.iter_mut().for_each(|hop| hop.way.retain(|part| !matches!(part, Way::Future { .. })));
    hops
}

/// The pointers that may be the owners which were not found.
fn suspects(relations: &Relations<'_>, leak: &Leak, is_foreign: impl Fn(&str) -> bool) -> Vec<Suspect> {
    let edges = leak.counts.iter().filter(|count| count.missing() > 0).flat_map(|count| &count.suspects);
    let suspect = |edge: &Edge| {
        let in_type = match edge.from {
            Source::Block(block) => relations.scene.type_name(block).map(|name| name.to_string()),
            _ => None,
        };
        Suspect { in_type, hops: hops(relations, &[*edge]) }
    };
    let known = |suspect: &Suspect| !suspect.in_type.as_deref().is_some_and(&is_foreign);
    edges.map(suspect).filter(known).take(MOST_SUSPECTS).collect()
}

/// How many of them are looked at.
const MOST_SUSPECTS: usize = 4;

/// A task in a cycle is a member like any other.
struct WithoutTasks<'r>(&'r Relations<'r>);

impl Names for WithoutTasks<'_> {
    fn declared_at(&self, die: DieRef) -> Option<Location> {
        self.0.names.declared_at(die)
    }

    fn place_of(&self, call: &Call) -> Option<Location> {
        self.0.names.place_of(call)
    }

    fn task(&self, _block: u32) -> Option<Task> {
        None
    }
}

/// The same number for the same field of the same type.
fn field(scene: &Scene<'_>, edge: &Edge) -> u64 {
    let Source::Block(block) = edge.from else { return edge.at.0 };
    let offset = edge.at.0.wrapping_sub(scene.snapshot.blocks()[block as usize].address.0);
    let mut hasher = DefaultHasher::new();
    let in_element = |size: u64| offset.checked_rem(size).unwrap_or(offset);
    let offset = match &scene.contents[block as usize] {
        Content::Buffer(element) | Content::Table(element) => {
            use crate::debuginfo::types::Types as _;
            in_element(scene.program.types().get(*element).size)
        }
        _ => offset,
    };
    // Of a block without a type, the place that allocated it says what it is.
    match scene.type_name(block) {
        Some(name) => (name, offset).hash(&mut hasher),
        None => (scene.stack(block).0, offset).hash(&mut hasher),
    }
    hasher.finish()
}

/// What the test allocated and only stacks or registers lead to: the blocks that they point to, by type and thread.
pub(super) fn on_stacks(relations: &Relations<'_>, body_epoch: u32) -> Vec<OnStack> {
    let scene = relations.scene;
    let mut found = BTreeMap::new();
    for (block, index) in scene.snapshot.blocks().iter().zip(0u32..) {
        if block.epoch < body_epoch || relations.reach.trust(index) != Some(Trust::Stack) {
            continue;
        }
        let way = relations.reach.way_to(index);
        let Some(first) = way.first() else { continue };
        let (Source::Stack(thread) | Source::Register(thread)) = first.from else { continue };
        let Some(thread) = scene.snapshot.threads().get(thread as usize) else { continue };
        // A test never runs on the main thread: what that has is the test harness's.
        if thread.id == std::process::id() {
            continue;
        }
        let thread = thread.name.clone();
        let (blocks, bytes): &mut (u64, u64) = found.entry((thread, scene.type_name(first.to))).or_default();
        (*blocks, *bytes) = (*blocks + 1, *bytes + block.size);
    }
    found
        .into_iter()
        .map(|((thread, name), (blocks, bytes))| OnStack {
            type_name: name.map(|name| name.to_string()),
            blocks,
            bytes,
            thread,
        })
        .collect()
}
