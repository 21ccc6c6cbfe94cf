//! The words of a heap that lead into blocks: found by the kernel, then judged by the types.
//!
//! May use: `kernel`, `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::heap::evidence::COUNTS;
use crate::heap::graph::{Edge, EdgeKind, Heap, Source};
use crate::heap::outside::Places;
use crate::heap::reading::{Reader, Verdict, counted};
use crate::heap::snapshot::Region;
use crate::kernel::pointers::{Pointer, Targets};

/// The edges of a heap, in order.
pub struct Edges {
    /// In blocks: by the block, and by address.
    pub inside: Vec<Edge>,
    /// Outside of the heap.
    pub outside: Vec<Edge>,
    /// By block: whether it is that of an `Rc` or `Arc` whose value was dropped.
    pub dropped: Vec<bool>,
}

impl Edges {
    /// All of them.
    pub fn of(heap: &Heap<'_>) -> Edges {
        let snapshot = heap.view.snapshot;
        let targets = Targets::new(snapshot.blocks().iter().map(|block| block.address.0..block.address.0 + block.size));
        let in_blocks = targets.pointers(snapshot.copies_of_blocks());
        let mut in_regions = targets.pointers(snapshot.copies_of_regions());
        let own_frames: Vec<Region> = snapshot.threads().iter().filter_map(|thread| thread.own_frames).collect();
        in_regions.retain(|pointer| !own_frames.iter().any(|frames| frames.contains(RuntimeAddress(pointer.at))));
        let mut reader = Reader::new(heap, &in_blocks);
        let places = Places::of(heap);
        let mut found = Vec::with_capacity(in_regions.len());
        for pointer in &in_regions {
            let from = places.of_word(RuntimeAddress(pointer.at));
            let verdict = match from {
                Source::Root(index) => {
                    let root = &heap.roots[index as usize];
                    reader.in_root(root.ty, root.address, pointer)
                }
                // What types say of a stack adds to what is known of its words, and takes none away.
                Source::Stack(_) => match places.local(RuntimeAddress(pointer.at)) {
                    Some(index) => {
                        let local = &heap.roots[index as usize];
                        match reader.in_root(local.ty, local.address, pointer) {
                            alive @ Verdict::Alive(_) => alive,
                            _ => Verdict::Alive(EdgeKind::Unknown),
                        }
                    }
                    None => Verdict::Alive(EdgeKind::Unknown),
                },
                _ => Verdict::Alive(EdgeKind::Unknown),
            };
            found.push((from, verdict));
        }
        let verdicts = reader.read_all();
        let owners = Owners::of(heap, in_regions.iter().zip(found.iter().map(|(_, verdict)| *verdict)))
            .and(in_blocks.iter().zip(verdicts.iter().copied()));
        let edge = |from: Source, pointer: &Pointer, verdict: Verdict| {
            let kind = owners.settle(heap, pointer.to, verdict)?;
            Some(Edge { from, at: RuntimeAddress(pointer.at), to: pointer.to, kind })
        };
        let mut inside = Vec::with_capacity(in_blocks.len());
        for (pointer, verdict) in in_blocks.iter().zip(verdicts) {
            inside.extend(edge(Source::Block(pointer.from), pointer, verdict));
        }
        let mut outside = Vec::new();
        for (pointer, (from, verdict)) in in_regions.iter().zip(found) {
            outside.extend(edge(from, pointer, verdict));
        }
        in_registers(heap, &targets, &mut outside);
        in_foreign_memory(heap, &mut outside);
        Edges { inside, outside, dropped: dropped(heap) }
    }
}

fn in_registers(heap: &Heap<'_>, targets: &Targets, edges: &mut Vec<Edge>) {
    for (thread, record) in (0..).zip(heap.view.snapshot.threads()) {
        let found = record.registers.iter().filter_map(|value| targets.at(*value));
        let at = RuntimeAddress(u64::from(record.id));
        edges.extend(found.map(|to| Edge { from: Source::Register(thread), at, to, kind: EdgeKind::Unknown }));
    }
}

/// Another allocator's memory may be free, so what is there has to look more like a pointer than elsewhere: it leads to the start of a block,
/// or to the value of an `Rc` or `Arc`, which is where `into_raw` and wakers point to.
fn in_foreign_memory(heap: &Heap<'_>, edges: &mut Vec<Edge>) {
    let snapshot = heap.view.snapshot;
    for word in snapshot.foreign() {
        let starting = |address| snapshot.block_starting(RuntimeAddress(address));
        let counted =
            || starting(word.value.wrapping_sub(COUNTS)).filter(|block| counted(*heap, &heap.contents[*block]));
        if let Some(block) = starting(word.value).or_else(counted) {
            edges.push(Edge { from: Source::Foreign, at: word.at, to: block as u32, kind: EdgeKind::Unknown });
        }
    }
}

fn dropped(heap: &Heap<'_>) -> Vec<bool> {
    let without_strong = |block: usize| {
        let bytes = heap.view.snapshot.bytes_of(block);
        bytes.len() >= 8 && bytes[..8] == [0; 8]
    };
    (0..).zip(heap.contents).map(|(block, content)| without_strong(block) && counted(*heap, content)).collect()
}

/// How many owners each block has.
struct Owners {
    /// By block.
    found: Vec<Found>,
}

#[derive(Clone, Copy, Default)]
struct Found {
    /// Certain ones: alone, and counted.
    alive: [u32; 2],
    /// Those that may be stale copies.
    possible: [u32; 2],
}

impl Owners {
    fn of<'p>(heap: &Heap<'_>, words: impl Iterator<Item = (&'p Pointer, Verdict)>) -> Owners {
        Owners { found: vec![Found::default(); heap.contents.len()] }.and(words)
    }

    fn and<'p>(mut self, words: impl Iterator<Item = (&'p Pointer, Verdict)>) -> Owners {
        for (pointer, verdict) in words {
            let found = &mut self.found[pointer.to as usize];
            match verdict {
                Verdict::Alive(EdgeKind::Owning) => found.alive[0] += 1,
                Verdict::Alive(EdgeKind::Counted) => found.alive[1] += 1,
                Verdict::Possible(EdgeKind::Owning) => found.possible[0] += 1,
                Verdict::Possible(EdgeKind::Counted) => found.possible[1] += 1,
                _ => {}
            }
        }
        self
    }

    /// The kind of an edge; none if there is none. What may be a stale copy of an owner is the owner if there is room for one: a block has
    /// one `Box`, and as many `Arc`s as it counts.
    fn settle(&self, heap: &Heap<'_>, to: u32, verdict: Verdict) -> Option<EdgeKind> {
        let Found { alive, possible } = self.found[to as usize];
        Some(match verdict {
            Verdict::Unread | Verdict::Dead => return None,
            Verdict::Alive(kind) => kind,
            Verdict::Possible(EdgeKind::Weak) => EdgeKind::Weak,
            Verdict::Possible(EdgeKind::Owning) if alive[0] == 0 && possible[0] == 1 => EdgeKind::Owning,
            Verdict::Possible(EdgeKind::Counted) => {
                let bytes = heap.view.snapshot.bytes_of(to as usize).first_chunk();
                let strong = bytes.map_or(0, |count| u64::from_le_bytes(*count));
                let fits = u64::from(alive[1] + possible[1]) <= strong;
                if fits { EdgeKind::Counted } else { EdgeKind::Unknown }
            }
            Verdict::Possible(_) => EdgeKind::Unknown,
        })
    }
}
