//! Who owns what, as told by all values that certainly live.
//!
//! May use: `debuginfo` (types only), `address`.
//!
//! Of some blocks only an owner can tell whether there is a value in them, or how many: the box of a closure, which is a stale copy while the
//! closure runs; a block that was allocated before its value was made (`Box::default`, `clone`); the slice of an `Arc`; a buffer that became a
//! box of an array.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::TypeId;
use crate::heap::containers::{Elements, Pointee, View, at, counted_values, has_slots};
use crate::heap::contents::Content;
use crate::heap::evidence::Claims;
use crate::heap::roots::{Presence, Root};
use std::collections::HashSet;

/// What is owned by what certainly lives, and by what was found to live since.
pub struct Ownership<'a> {
    view: View<'a>,
    contents: &'a [Content],
    /// Who owns which block.
    pub claims: Claims<'a>,
    /// Where values were noted.
    seen: HashSet<(RuntimeAddress, u64)>,
    /// What closures captured is judged part by part.
    closures_are_judged: bool,
}

/// The two counts before the value of an `Rc` or `Arc`.
pub const COUNTS: u64 = 16;

impl<'a> Ownership<'a> {
    /// As told by the roots and by all blocks but those whose elements only a container can tell: [`Ownership::claim_slots`].
    pub fn of(view: View<'a>, contents: &'a [Content], roots: &[Root]) -> Ownership<'a> {
        let mut ownership = Ownership {
            view,
            contents,
            claims: Claims::none(contents),
            seen: HashSet::new(),
            closures_are_judged: false,
        };
        let certain = roots.iter().filter(|root| root.presence == Presence::Certain);
        let mut values: Vec<Elements> =
            certain.map(|root| Elements { ty: root.ty, start: root.address, count: 1 }).collect();
        values.extend((0..contents.len()).filter_map(|block| match contents[block] {
            Content::Shared(ty) => {
                behind_counts(view, block, ty).map(|(all, certain)| Elements { count: certain, ..all })
            }
            _ => ownership.whole(block).filter(|run| {
                let ty = view.types.get(run.ty);
                !ty.is_closure() && !has_slots(&ty) && !view.snapshot.is_used_up(run.start)
            }),
        }));
        ownership.claim(values);
        ownership
    }

    /// The value that fills a block.
    fn whole(&self, block: usize) -> Option<Elements> {
        let &Content::Value(ty) = &self.contents[block] else { return None };
        Some(Elements { ty, start: self.view.snapshot.blocks()[block].address, count: 1 })
    }

    /// Notes what these values own, and what the elements own that they have elsewhere.
    pub fn claim(&mut self, mut values: Vec<Elements>) {
        while let Some(run) = values.pop() {
            let size = self.view.types.get(run.ty).size;
            for index in 0..if size == 0 { 0 } else { run.count } {
                let address = at(run.start, index * size);
                // A coroutine that a thread is in is where a local of it may be.
                if self.seen.insert((address, size)) {
                    self.claims.add_all(self.view, run.ty, address, &mut values);
                }
            }
            for block in self.claims.take_fresh() {
                values.extend(self.told(block));
            }
        }
    }

    /// Notes what is owned by the blocks of containers whose slots no container has told.
    pub fn claim_slots(&mut self) {
        let slots = (0..self.contents.len()).filter_map(|block| {
            let run = self.whole(block)?;
            (has_slots(&self.view.types.get(run.ty)) && !self.claims.told(block)).then_some(run)
        });
        let slots = slots.collect();
        self.claim(slots);
    }

    /// From now on what a closure captured is judged part by part: an owner that is found now may be a stale copy.
    pub fn judge_closures(&mut self) {
        self.closures_are_judged = true;
    }

    /// The values in a block of which only its owner can tell whether they are there, if an owner says that they are.
    pub fn told(&self, block: usize) -> Option<Elements> {
        let pointee = self.claims.pointee(block)?;
        let start = self.view.snapshot.blocks()[block].address;
        if self.view.snapshot.is_used_up(start) {
            return None;
        }
        match (&self.contents[block], pointee) {
            (&Content::Value(ty), _) if self.view.types.get(ty).is_closure() => {
                (!self.closures_are_judged).then_some(Elements { ty, start, count: 1 })
            }
            (Content::Unwritten(_) | Content::Shared(_) | Content::Buffer(_), Pointee::Values(run)) => Some(run),
            (&Content::Unwritten(ty), Pointee::Untold) => Some(Elements { ty, start, count: 1 }),
            (&Content::Shared(ty), Pointee::Untold) => Some(Elements { ty, start: at(start, COUNTS), count: 1 }),
            _ => None,
        }
    }
}

/// The values of this type that there is room for behind the two counts of a block, and how many of them are there certainly.
pub fn behind_counts(view: View<'_>, block: usize, element: TypeId) -> Option<(Elements, u64)> {
    let size = view.types.get(element).size;
    let record = view.snapshot.blocks()[block];
    if size == 0 || view.snapshot.word(record.address) == Some(0) {
        return None;
    }
    let (least, most) = counted_values(record.size, size);
    Some((Elements { ty: element, start: at(record.address, COUNTS), count: most }, least))
}
