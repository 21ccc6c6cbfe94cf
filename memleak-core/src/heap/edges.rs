//! The words of a heap that lead into blocks: found by the kernel, then named after where they are.
//!
//! May use: `kernel`, `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::heap::graph::{Edge, EdgeKind, Heap, Source};
use crate::heap::snapshot::{Region, Snapshot};
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
        let blocks = snapshot.blocks();
        let targets = Targets::new(blocks.iter().map(|block| block.address.0..block.address.0 + block.size));
        let inside = targets.pointers(snapshot.copies_of_blocks());
        let inside = inside
            .into_iter()
            .map(|Pointer { at, from, to }| Edge {
                from: Source::Block(from),
                at: RuntimeAddress(at),
                to,
                kind: EdgeKind::Unknown,
            })
            .collect();
        let mut outside = Vec::new();
        in_regions(heap, &targets, &mut outside);
        in_registers(snapshot, &targets, &mut outside);
        in_foreign_memory(heap, &mut outside);
        Edges { inside, outside, dropped: vec![false; blocks.len()] }
    }
}

/// Statics, the rest of segments, thread-locals, stacks.
fn in_regions(heap: &Heap<'_>, targets: &Targets, edges: &mut Vec<Edge>) {
    let places = Places::of(heap);
    for Pointer { at, to, .. } in targets.pointers(heap.view.snapshot.copies_of_regions()) {
        let at = RuntimeAddress(at);
        edges.push(Edge { from: places.of_word(at), at, to, kind: EdgeKind::Unknown });
    }
}

fn in_registers(snapshot: &Snapshot, targets: &Targets, edges: &mut Vec<Edge>) {
    for (thread, record) in (0..).zip(snapshot.threads()) {
        let found = record.registers.iter().filter_map(|value| targets.at(*value));
        let at = RuntimeAddress(u64::from(record.id));
        edges.extend(found.map(|to| Edge { from: Source::Register(thread), at, to, kind: EdgeKind::Unknown }));
    }
}

/// Another allocator's memory may be free, so what is there has to look more like a pointer than elsewhere.
fn in_foreign_memory(heap: &Heap<'_>, edges: &mut Vec<Edge>) {
    let snapshot = heap.view.snapshot;
    for word in snapshot.foreign() {
        if let Some(block) = snapshot.block_starting(RuntimeAddress(word.value)) {
            edges.push(Edge { from: Source::Foreign, at: word.at, to: block as u32, kind: EdgeKind::Unknown });
        }
    }
}

/// What is where outside of the heap.
struct Places<'a> {
    snapshot: &'a Snapshot,
    /// By address: start, end, index.
    roots: Vec<(RuntimeAddress, RuntimeAddress, u32)>,
}

impl<'a> Places<'a> {
    fn of(heap: &Heap<'a>) -> Places<'a> {
        let sized = (0..).zip(heap.roots).map(|(index, root)| {
            let size = heap.view.types.get(root.ty).size;
            (root.address, RuntimeAddress(root.address.0 + size), index)
        });
        let mut roots: Vec<_> = sized.filter(|(start, end, _)| start < end).collect();
        roots.sort_unstable();
        Places { snapshot: heap.view.snapshot, roots }
    }

    fn of_word(&self, at: RuntimeAddress) -> Source {
        let root = self.roots.partition_point(|(start, _, _)| *start <= at).checked_sub(1).map(|last| self.roots[last]);
        if let Some((_, end, index)) = root
            && at < end
        {
            return Source::Root(index);
        }
        let holds =
            |region: &Option<Region>| region.is_some_and(|region| at.0.wrapping_sub(region.start.0) < region.size);
        let threads = || (0..).zip(self.snapshot.threads());
        if let Some((thread, _)) = threads().find(|(_, thread)| holds(&thread.thread_locals)) {
            return Source::ThreadMemory(thread);
        }
        if let Some((thread, _)) = threads().find(|(_, thread)| holds(&thread.stack)) {
            return Source::Stack(thread);
        }
        Source::Segment
    }
}
