//! Places that may be stale, judged one after the other once all certain ones are known.
//!
//! May use: `debuginfo` (types only), `address`.

use super::{Doubt, Home, Place, Search, is_closure};
use crate::debuginfo::types::TypeId;
use crate::heap::containers::{Elements, at};
use crate::heap::contents::Content;
use crate::heap::evidence::{Claims, Evidence};
use crate::heap::roots::{Presence, Root};
use std::collections::{HashSet, VecDeque};

impl Search<'_> {
    /// Judges what may be stale. Only if there is any are all owners looked up, whatever their type.
    pub(super) fn judge_uncertain(&mut self, contents: &[Content], roots: &[Root]) {
        if self.uncertain.iter().all(VecDeque::is_empty) && self.closures.is_empty() {
            return;
        }
        // Looking all owners up takes long; without claims, what is dead can be told, and what owns nothing.
        let mut claims = None;
        if !self.closures.is_empty() {
            let mut known = self.all_claims(contents, roots);
            self.closures(contents, &mut known);
            claims = Some(known);
        }
        while let Some(place) = self.uncertain.iter_mut().find_map(VecDeque::pop_front) {
            let slot_of = match place.home {
                Home::Block(block) if place.doubt == Some(Doubt::NoOwner) => Some(block),
                _ => None,
            };
            if slot_of.is_some_and(|block| self.read_by_owner.contains(&block)) {
                continue;
            }
            match Claims::none(contents).judge(self.view, place.ty, place.address) {
                Evidence::Dead => continue,
                Evidence::Undecided if slot_of.is_none() => {
                    self.queue.push(place);
                    self.drain();
                    continue;
                }
                _ => {}
            }
            if claims.is_none() {
                claims = Some(self.all_claims(contents, roots));
            }
            let Some(claims) = &mut claims else { continue };
            if slot_of.is_some_and(|block| claims.owned(block)) {
                continue;
            }
            match claims.judge(self.view, place.ty, place.address) {
                Evidence::Dead => continue,
                Evidence::Alive => {
                    let moves =
                        matches!(place.doubt, Some(Doubt::Suspended(_) | Doubt::Captured(_) | Doubt::OnStack { .. }));
                    let outdated = place.doubt.clone().filter(|_| moves);
                    let mut elements = Vec::new();
                    claims.add_all(self.view, place.ty, place.address, &mut elements);
                    if outdated.is_none() {
                        self.claim_all(claims, elements);
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
    }

    /// A closure that somebody certainly owns is not running by value, so its captures are there. Those of the others are put off.
    fn closures(&mut self, contents: &[Content], claims: &mut Claims<'_>) {
        let mut waiting = std::mem::take(&mut self.closures);
        loop {
            let (owned, others): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|block| claims.owned(**block));
            waiting = others;
            if owned.is_empty() {
                break;
            }
            for block in owned {
                let &Content::Value(ty) = &contents[block] else { continue };
                let start = self.view.snapshot.blocks()[block].address;
                self.claim_all(claims, vec![Elements { ty, start, count: 1 }]);
                self.enter(ty, start, Home::Block(block));
            }
        }
        self.drain();
        for block in waiting {
            let &Content::Value(ty) = &contents[block] else { continue };
            let name = self.view.types.get(ty).name.clone();
            self.put_off(ty, self.view.snapshot.blocks()[block].address, Home::Block(block), &Doubt::Captured(name));
        }
    }

    /// Who owns what, as told by all values that certainly live.
    fn all_claims<'c>(&self, contents: &'c [Content], roots: &[Root]) -> Claims<'c> {
        let mut claims = Claims::none(contents);
        let certain = roots.iter().filter(|root| root.presence == Presence::Certain);
        let mut values: Vec<Elements> =
            certain.map(|root| Elements { ty: root.ty, start: root.address, count: 1 }).collect();
        for (index, content) in contents.iter().enumerate() {
            let start = self.view.snapshot.blocks()[index].address;
            match *content {
                Content::Value(ty) if !is_closure(&self.view.types.get(ty)) => {
                    values.push(Elements { ty, start, count: 1 });
                }
                Content::Shared(element) => {
                    let shared = self.behind_counts(index, element);
                    values.extend(shared.map(|(all, certain)| Elements { count: certain, ..all }));
                }
                _ => {}
            }
        }
        self.claim_all(&mut claims, values);
        claims
    }

    /// Notes what these values own, and what the elements own that they have elsewhere.
    fn claim_all(&self, claims: &mut Claims<'_>, mut values: Vec<Elements>) {
        let mut seen = HashSet::new();
        while let Some(run) = values.pop() {
            let size = self.view.types.get(run.ty).size;
            for index in 0..if size == 0 { 0 } else { run.count } {
                let address = at(run.start, index * size);
                if seen.insert(address) {
                    claims.add_all(self.view, run.ty, address, &mut values);
                }
            }
        }
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
