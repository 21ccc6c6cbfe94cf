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
use crate::heap::evidence::{COUNTS, Claims, Evidence, Inline};
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
    /// Blocks of doubtful type that own what a value of this type would own.
    alive: HashSet<usize>,
}

impl<'a> Ownership<'a> {
    /// As told by the roots and by all blocks but those whose elements only a container can tell: [`Ownership::claim_slots`].
    pub fn of(view: View<'a>, contents: &'a [Content], roots: &[Root]) -> Ownership<'a> {
        let mut ownership = Ownership {
            view,
            contents,
            claims: Claims::none(contents),
            seen: HashSet::new(),
            closures_are_judged: false,
            alive: HashSet::new(),
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
                !ty.is_closure() && !has_slots(&ty) && !view.snapshot.is_block_used_up(block)
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
                values.extend(self.told(block).filter(|_| !self.alive.contains(&block)));
            }
        }
    }

    /// Notes what is owned by what [`Ownership::told`] says of a block, if it was not noted already, when only the stack had told its type.
    pub fn claim_told(&mut self, block: usize, run: Elements) {
        if !self.alive.contains(&block) {
            self.claim(vec![run]);
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

    /// Notes what is owned by blocks of doubtful type of which no owner was found, if it fits. Those come first that none of them would own: an
    /// owner knows better than a stack.
    pub fn claim_stated(&mut self) {
        let stated: Vec<(usize, Elements)> = (0..self.contents.len())
            .filter_map(|block| match self.contents[block] {
                Content::Stated(ty) => {
                    let start = self.view.snapshot.blocks()[block].address;
                    Some((block, Elements { ty, start, count: 1 }))
                }
                _ => None,
            })
            .collect();
        let mut owned_by_one = HashSet::new();
        for (_, value) in &stated {
            self.view.inline_owners(value.ty, value.start, &mut |found| {
                if let Inline::Owner(_, _, owned) = found {
                    owned_by_one.extend(owned.blocks.iter().map(|(block, _)| *block));
                }
            });
        }
        let (inner, outer): (Vec<_>, Vec<_>) = stated.into_iter().partition(|(block, _)| owned_by_one.contains(block));
        for (block, value) in outer.into_iter().chain(inner) {
            let owned = self.claims.pointee(block).is_some() || self.view.snapshot.is_block_used_up(block);
            if !owned && self.claims.judge(self.view, value.ty, value.start) == Evidence::Alive {
                self.alive.insert(block);
                self.claim(vec![value]);
            }
        }
    }

    /// From now on what a closure captured is judged part by part: an owner that is found now may be a stale copy.
    pub fn judge_closures(&mut self) {
        self.closures_are_judged = true;
    }

    fn is(&self, one: TypeId, other: TypeId) -> bool {
        one == other || self.view.types.get(one).name == self.view.types.get(other).name
    }

    /// The values in a block of which only its owner can tell whether they are there, if an owner says that they are.
    pub fn told(&self, block: usize) -> Option<Elements> {
        let pointee = match self.claims.pointee(block) {
            Some(pointee) => pointee,
            None if self.alive.contains(&block) => Pointee::Untold,
            None => return None,
        };
        if self.view.snapshot.is_block_used_up(block) {
            return None;
        }
        let start = self.view.snapshot.blocks()[block].address;
        match (&self.contents[block], pointee) {
            // The stack may have named a closure for another type.
            (&Content::Value(ty), Pointee::Values(run))
                if self.view.types.merged_functions() && !self.is(run.ty, ty) =>
            {
                Some(run)
            }
            (&Content::Value(ty), _) if self.view.types.get(ty).is_closure() => {
                (!self.closures_are_judged).then_some(Elements { ty, start, count: 1 })
            }
            (
                Content::Stated(_) | Content::Unwritten(_) | Content::Shared(_) | Content::Buffer(_),
                Pointee::Values(run),
            ) => Some(run),
            (&Content::Stated(ty), _) if self.alive.contains(&block) => Some(Elements { ty, start, count: 1 }),
            // Nobody but the stack says what it is.
            _ if self.view.types.merged_functions() => None,
            (&Content::Unwritten(ty), Pointee::Untold) => Some(Elements { ty, start, count: 1 }),
            (&Content::Shared(ty), Pointee::Untold) => Some(Elements { ty, start: at(start, COUNTS), count: 1 }),
            _ => None,
        }
    }
}

/// The values of this type that there is room for behind the two counts of a block, and how many of them are there certainly: none, if the type
/// itself is not certain.
pub fn behind_counts(view: View<'_>, block: usize, element: TypeId) -> Option<(Elements, u64)> {
    let size = view.types.get(element).size;
    let record = view.snapshot.blocks()[block];
    if size == 0 || view.snapshot.word(record.address) == Some(0) {
        return None;
    }
    let (least, most) = counted_values(record.size, size);
    let least = if view.types.merged_functions() { 0 } else { least };
    Some((Elements { ty: element, start: at(record.address, COUNTS), count: most }, least))
}
