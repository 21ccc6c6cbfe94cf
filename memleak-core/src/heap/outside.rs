//! What is where outside of the heap.
//!
//! May use: `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::heap::graph::{Heap, Source};
use crate::heap::snapshot::{Region, Snapshot};

/// The statics, thread-locals and stacks of a heap.
pub struct Places<'a> {
    snapshot: &'a Snapshot,
    /// By address: start, end, index.
    roots: Vec<(RuntimeAddress, RuntimeAddress, u32)>,
}

impl<'a> Places<'a> {
    /// Those of this heap.
    pub fn of(heap: &Heap<'a>) -> Places<'a> {
        // A word of a local is one of a stack.
        let apart = (0..).zip(heap.roots).filter(|(_, root)| root.call.is_none());
        let sized = apart.map(|(index, root)| {
            let size = heap.view.types.get(root.ty).size;
            (root.address, RuntimeAddress(root.address.0 + size), index)
        });
        let mut roots: Vec<_> = sized.filter(|(start, end, _)| start < end).collect();
        roots.sort_unstable();
        Places { snapshot: heap.view.snapshot, roots }
    }

    /// What the word at this address is in. Thread-local memory and stacks may lie in one region, and thread-locals in both.
    pub fn of_word(&self, at: RuntimeAddress) -> Source {
        let before = self.roots.partition_point(|(start, _, _)| *start <= at);
        if let Some((_, end, index)) = before.checked_sub(1).map(|last| self.roots[last])
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
        match threads().find(|(_, thread)| holds(&thread.stack)) {
            Some((thread, _)) => Source::Stack(thread),
            None => Source::Segment,
        }
    }
}
