//! Places that may be stale, judged one after the other once all certain ones are known.
//!
//! May use: `debuginfo` (types only), `address`.

use super::{Doubt, Home, Place, Search};
use crate::debuginfo::types::TypeId;
use crate::heap::containers::View;
use crate::heap::contents::Content;
use crate::heap::evidence::{Claims, Evidence, Inline};
use crate::heap::ownership::Ownership;
use crate::heap::roots::Root;
use std::collections::{HashSet, VecDeque};

/// The turn of what owns nothing in a block of doubtful type.
const LAST: usize = 4;

/// Who owns what. Looking all owners up, whatever their type, takes long, so it is done only when it is asked for.
struct Lazy<'a, 'r> {
    view: View<'a>,
    contents: &'a [Content],
    roots: &'r [Root],
    known: Option<Ownership<'a>>,
}

impl<'a> Lazy<'a, '_> {
    fn get(&mut self) -> &mut Ownership<'a> {
        self.known.get_or_insert_with(|| {
            let mut ownership = Ownership::of(self.view, self.contents, self.roots);
            ownership.claim_slots();
            ownership.claim_stated();
            ownership.judge_closures();
            ownership
        })
    }
}

impl<'a> Search<'a> {
    /// Judges what may be stale.
    pub(super) fn judge(&mut self, contents: &'a [Content], roots: &[Root]) {
        let mut lazy = Lazy { view: self.view, contents, roots, known: None };
        let in_doubt = self.uncertain.iter().any(|places| !places.is_empty());
        if !self.waiting.is_empty() || (!self.slots.is_empty() && in_doubt) {
            let mut ownership = Ownership::of(self.view, contents, roots);
            self.told_by_owners(&mut ownership);
            self.iterators(&mut ownership);
            ownership.claim_slots();
            ownership.claim_stated();
            // Of what those own.
            self.told_by_owners(&mut ownership);
            ownership.judge_closures();
            lazy.known = Some(ownership);
        }
        for block in std::mem::take(&mut self.slots) {
            if let (false, &Content::Value(ty)) = (self.read_by_owner.contains(&block), &contents[block]) {
                self.enter(ty, self.start_of(block), Home::Block(block));
                self.drain();
            }
        }
        let (parts, others): (Vec<usize>, Vec<usize>) = std::mem::take(&mut self.waiting)
            .iter()
            .partition(|block| matches!(contents[**block], Content::Value(_) | Content::Buffer(_)));
        parts.into_iter().for_each(|block| self.without_owner(block, &contents[block]));
        self.judge_uncertain(&mut lazy);
        if others.is_empty() {
            return;
        }
        // Their owners may be among those that were uncertain.
        self.waiting = others;
        self.told_by_owners(lazy.get());
        for block in std::mem::take(&mut self.waiting) {
            self.without_owner(block, &contents[block]);
        }
        self.judge_uncertain(&mut lazy);
    }

    fn judge_uncertain(&mut self, lazy: &mut Lazy<'a, '_>) {
        let next = |uncertain: &mut [VecDeque<Place>; 5]| {
            (0..).zip(uncertain).find_map(|(turn, places)| places.pop_front().map(|place| (turn, place)))
        };
        while let Some((turn, place)) = next(&mut self.uncertain) {
            let slot_of = match (place.home, &place.doubt) {
                (Home::Block(block), Some(Doubt::NoOwner | Doubt::Optimised)) => Some(block),
                _ => None,
            };
            if slot_of.is_some_and(|block| self.read_by_owner.contains(&block)) {
                continue;
            }
            // Without claims, what is dead can be told, and what owns nothing.
            match Claims::none(lazy.contents).judge(self.view, place.ty, place.address) {
                Evidence::Dead => continue,
                Evidence::Undecided if place.doubt == Some(Doubt::Optimised) && turn < LAST => {
                    self.uncertain[LAST].push_back(place);
                    continue;
                }
                Evidence::Undecided if slot_of.is_none() => {
                    self.queue.push(place);
                    self.drain();
                    continue;
                }
                _ => {}
            }
            let ownership = lazy.get();
            match slot_of.map(|block| (block, ownership.told(block))) {
                Some((block, Some(run))) => {
                    self.read_by_owner.insert(block);
                    self.elements(&run, 0, place.home);
                    ownership.claim_told(block, run);
                    self.drain();
                }
                Some((block, None)) if ownership.claims.told(block) => {}
                _ => self.judge_place(place, ownership),
            }
        }
    }

    fn judge_place(&mut self, place: Place, ownership: &mut Ownership<'_>) {
        match ownership.claims.judge(self.view, place.ty, place.address) {
            Evidence::Dead => return,
            Evidence::Alive => {
                let moves =
                    matches!(place.doubt, Some(Doubt::Suspended(_) | Doubt::Captured(_) | Doubt::OnStack { .. }));
                let outdated = place.doubt.clone().filter(|_| moves);
                let mut elements = Vec::new();
                ownership.claims.add_all(self.view, place.ty, place.address, &mut elements);
                if outdated.is_none() {
                    ownership.claim(elements);
                }
                self.queue.push(Place { doubt: None, outdated, ..place });
            }
            Evidence::Undecided => self.queue.push(place),
            Evidence::NotUnderstood(container) => {
                self.queue.push(Place { doubt: Some(Doubt::NotUnderstood(container)), ..place });
            }
        }
        self.drain();
    }

    /// Enters what is in the waiting blocks of which an owner was found.
    fn told_by_owners(&mut self, ownership: &mut Ownership<'_>) {
        let (told, others): (Vec<usize>, Vec<usize>) =
            self.waiting.iter().partition(|block| ownership.told(**block).is_some());
        self.waiting = others;
        for block in told {
            let Some(run) = ownership.told(block) else { continue };
            self.elements(&run, 0, Home::Block(block));
            ownership.claim_told(block, run);
        }
        self.drain();
    }

    /// An iterator by value over a tree leaves in the nodes what it has taken out. One that lives says what is left, before the nodes do.
    fn iterators(&mut self, ownership: &mut Ownership<'_>) {
        let slots: HashSet<usize> = self.slots.iter().copied().collect();
        let view = self.view;
        let over_slots = |place: &Place| {
            let mut found_one = false;
            view.inline_owners(place.ty, place.address, &mut |found| {
                if let Inline::Owner(owner, _, owned) = found {
                    let of_slots = owned.blocks.iter().any(|(block, _)| slots.contains(block));
                    found_one |= of_slots && !view.element_types(&owner).is_empty();
                }
            });
            found_one
        };
        let mut iterators = Vec::new();
        for places in &mut self.uncertain {
            iterators.extend(places.iter().filter(|place| over_slots(place)).cloned());
            places.retain(|place| !over_slots(place));
        }
        iterators.into_iter().for_each(|place| self.judge_place(place, ownership));
    }

    /// Lets a place wait until all certain ones are known.
    pub(super) fn wait(&mut self, place: Place) {
        let value = !self.has_elements_elsewhere(place.ty);
        let slot = matches!(place.doubt, Some(Doubt::NoOwner));
        self.uncertain[2 * usize::from(slot) + usize::from(value)].push_back(place);
    }

    /// Whether a container is in a value of this type that may have what is looked for in a buffer of its own.
    fn has_elements_elsewhere(&mut self, id: TypeId) -> bool {
        if let Some(&known) = self.containers.get(&id) {
            return known;
        }
        let ty = self.view.types.get(id);
        let elements = self.view.element_types(&ty);
        let parts: Vec<TypeId> = self.parts(&ty).into_iter().filter(|part| !elements.contains(part)).collect();
        let found = elements.into_iter().any(|element| self.can_hold(element))
            || parts.into_iter().any(|part| self.has_elements_elsewhere(part));
        self.containers.insert(id, found);
        found
    }
}
