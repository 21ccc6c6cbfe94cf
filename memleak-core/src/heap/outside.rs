//! What is where outside of the heap.
//!
//! May use: `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::heap::graph::{Heap, Source};
use crate::heap::roots::{Presence, Root};
use crate::heap::snapshot::{Region, Snapshot};

/// The statics, thread-locals and stacks of a heap.
pub struct Places<'a> {
    snapshot: &'a Snapshot,
    /// Statics and thread-locals.
    roots: Vec<Extent>,
    /// What is certainly there of the locals on stacks.
    locals: Vec<Extent>,
}

/// By address: start, end, index.
type Extent = (RuntimeAddress, RuntimeAddress, u32);

impl<'a> Places<'a> {
    /// Those of this heap.
    pub fn of(heap: &Heap<'a>) -> Places<'a> {
        let extents = |wanted: &dyn Fn(&Root) -> bool| {
            let sized = (0..).zip(heap.roots).filter(|(_, root)| wanted(root)).map(|(index, root)| {
                let size = heap.view.types.get(root.ty).size;
                (root.address, RuntimeAddress(root.address.0 + size), index)
            });
            let mut extents: Vec<Extent> = sized.filter(|(start, end, _)| start < end).collect();
            extents.sort_unstable();
            extents
        };
        Places {
            snapshot: heap.view.snapshot,
            roots: extents(&|root| root.call.is_none()),
            locals: extents(&|root| root.call.is_some() && root.presence == Presence::Certain),
        }
    }

    /// The root that is the local which the word at this address is in, if that is certainly there.
    pub fn local(&self, at: RuntimeAddress) -> Option<u32> {
        around(&self.locals, at)
    }

    /// What the word at this address is in. Thread-local memory and stacks may lie in one region, and thread-locals in both.
    pub fn of_word(&self, at: RuntimeAddress) -> Source {
        if let Some(root) = around(&self.roots, at) {
            return Source::Root(root);
        }
        let holds = |region: &Option<Region>| region.is_some_and(|region| region.contains(at));
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

fn around(extents: &[Extent], at: RuntimeAddress) -> Option<u32> {
    let before = extents.partition_point(|(start, _, _)| *start <= at);
    let (_, end, index) = extents[before.checked_sub(1)?];
    (at < end).then_some(index)
}
