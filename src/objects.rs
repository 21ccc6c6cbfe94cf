//! Sets of objects.

use crate::Snapshot;
use memleak_core::check::verdict::Obstacle;
use memleak_core::heap::instances::Instance;
use memleak_core::query::copy::Copy;
use memleak_core::query::subjects::{Subject, Subjects};
use memleak_core::tracker;
use std::sync::Arc;

/// A set of objects of one snapshot.
#[derive(Clone)]
pub struct Objects {
    members: Arc<[Item]>,
}

/// An object, in memory of memleak's own: an address on the stack of the program would keep it reachable.
struct Item {
    certain: bool,
}

impl Objects {
    pub(crate) fn find(snapshot: &Snapshot, subject: Subject<'static>) -> Result<Objects, Obstacle> {
        let _own = tracker::untracked();
        let members = snapshot.ask(move |copy| found(copy, subject))?;
        Ok(Objects { members })
    }

    /// How many there are for certain.
    pub fn count(&self) -> usize {
        self.members.iter().filter(|item| item.certain).count()
    }
}

fn found(copy: &Copy, subject: Subject<'_>) -> Result<Arc<[Item]>, Obstacle> {
    let types = Subjects::resolve(copy.scene.program.types(), subject)
        .map_err(|error| Obstacle::of_name(subject.written(), error))?;
    let item = |instance: &Instance| Item { certain: instance.doubt.is_none() };
    Ok(types.find(&copy.scene).iter().map(item).collect())
}
