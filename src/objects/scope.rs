//! What a set is a part of: it decides which values of a type are in it.

use super::{Item, Objects};
use crate::snapshots::Name;
use crate::{QueryError, Snapshot};

/// What a set is a part of.
#[derive(Clone)]
pub(crate) enum Scope {
    /// It is all of a snapshot.
    Whole,
    /// It is all of one side of a difference.
    Side(Side),
    /// It was chosen in another way: it has what it has.
    Narrowed,
}

/// One side of a difference between two snapshots.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) which: Which,
    /// The snapshot that the objects of this side are not of.
    pub(crate) other: Snapshot,
}

/// Which side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Created,
    Survived,
    Freed,
}

impl Side {
    /// The objects of this side among `found`, which are all of a type in the snapshot of this side.
    pub(crate) fn of(&self, found: &Objects, name: Name) -> Result<Objects, QueryError> {
        let others = self.other.find(name)?;
        Ok(self.among(found, &others))
    }

    /// The same; `others` are those of the other snapshot.
    ///
    /// An object is the same in both if it is at the same address, is of the same type, and its block was there when the earlier of the
    /// two was taken and is still: what was allocated later is of a later epoch.
    pub(crate) fn among(&self, found: &Objects, others: &Objects) -> Objects {
        let (own, other) = (found.snapshot(), &self.other);
        let set = match self.which {
            Which::Created | Which::Survived => {
                let same = |item: &Item| is_old(item, other.epoch()) && others.set().knows(item);
                found.set().kept(|_, item| same(item) == (self.which == Which::Survived))
            }
            Which::Freed => {
                let old = others.set().kept(|_, item| is_old(item, own.epoch()));
                found.set().kept(|_, item| !old.knows(item))
            }
        };
        Objects::new(own, set, Scope::Side(self.clone()))
    }
}

/// Whether the item's block was there when the snapshot that ended this epoch was taken.
fn is_old(item: &Item, epoch: u32) -> bool {
    item.epoch.is_none_or(|own| own <= epoch)
}
