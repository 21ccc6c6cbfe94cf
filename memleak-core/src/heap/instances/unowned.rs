//! Blocks whose owner was not found, or who need none to be read.
//!
//! May use: `debuginfo` (types only), `address`.

use super::{Doubt, Home, Place, Search};
use crate::debuginfo::types::TypeId;
use crate::heap::containers::{Elements, at};
use crate::heap::contents::Content;
use crate::heap::evidence::COUNTS;
use crate::heap::ownership::behind_counts;

impl Search<'_> {
    /// A hashbrown block tells its elements itself, so one whose owner is on a stack or in a thread-local still counts. An iterator that
    /// takes the elements out leaves the block as it was.
    pub(super) fn unowned_tables(&mut self, contents: &[Content]) {
        for (index, content) in contents.iter().enumerate() {
            let &Content::Table(element) = content else { continue };
            if !self.can_hold(element) || self.read_by_owner.contains(&index) {
                continue;
            }
            match self.view.table_elements(index, element) {
                Ok(elements) => {
                    elements.iter().for_each(|run| self.put_off_elements(run, Home::Block(index), &Doubt::NoOwner))
                }
                Err(_) => {
                    let container = format!("hashbrown::raw::RawTable<{}>", self.view.types.get(element).name);
                    let place = Place::new(element, self.start_of(index), Home::Block(index), None);
                    self.not_understood(&container.into(), element, &place);
                }
            }
        }
    }

    /// Buffers that no certain container has told. Their owner may be a box of an array, or be uncertain itself.
    pub(super) fn unowned_buffers(&mut self, contents: &[Content]) {
        for (index, content) in contents.iter().enumerate() {
            let &Content::Buffer(element) = content else { continue };
            let may_hold = self.view.types.merged_functions() || self.can_hold(element);
            if may_hold && !self.read_by_owner.contains(&index) {
                self.waiting.push(index);
            }
        }
    }

    /// Blocks with a layout of their allocator's own: a value may be in there if the size is that of a wanted type, or if the
    /// function is generic over one.
    pub(super) fn own_layouts(&mut self, contents: &[Content]) {
        for (index, content) in contents.iter().enumerate() {
            let Content::OwnLayout { function, parameters } = content else { continue };
            if content.is_of_threads() {
                continue;
            }
            let block = self.view.snapshot.blocks()[index];
            let home = Home::Block(index);
            let doubt = Some(Doubt::OwnLayout(function.clone()));
            if content.is_counted_unknown() {
                self.counted_unknown(index, parameters, doubt);
                continue;
            }
            let fits = |ty: &TypeId| self.view.types.get(*ty).size == block.size;
            let fitting = self.subject.candidates().iter().copied().find(fits);
            if let Some(ty) = fitting {
                self.wait(Place::new(ty, block.address, home, doubt));
            } else if let Some(ty) = parameters.iter().copied().find(|ty| self.can_hold(*ty)) {
                let wanted = self.subject.candidates().first().copied().unwrap_or(ty);
                let name = self.view.types.get(wanted).name.clone();
                self.record(&name, block.size, &Place::new(wanted, block.address, home, None), doubt);
            }
        }
        self.drain();
    }

    /// An `Arc<dyn Trait>` from a box: two counts, then a value of one of these types, if any is known.
    fn counted_unknown(&mut self, block: usize, types: &[TypeId], doubt: Option<Doubt>) {
        let record = self.view.snapshot.blocks()[block];
        let (home, address) = (Home::Block(block), at(record.address, COUNTS));
        if self.view.snapshot.word(record.address) == Some(0) {
            return;
        }
        match types {
            [only] if !self.view.types.merged_functions() => self.enter(*only, address, home),
            [] => {
                let fits = |ty: &TypeId| self.view.types.get(*ty).size + COUNTS == record.size;
                if let Some(ty) = self.subject.candidates().iter().copied().find(fits) {
                    self.wait(Place::new(ty, address, home, doubt));
                }
            }
            several => {
                for ty in several.iter().copied() {
                    if self.can_hold(ty) {
                        self.wait(Place::new(ty, address, home, doubt.clone()));
                    }
                }
            }
        }
    }

    /// What may be in a block of which only an owner could tell, and none was found.
    pub(super) fn without_owner(&mut self, block: usize, content: &Content) {
        let home = Home::Block(block);
        match *content {
            // Its container has told what is in it.
            Content::Stated(_) if self.read_by_owner.contains(&block) => {}
            Content::Stated(ty) => self.put_off(ty, self.start_of(block), home, &Doubt::Optimised),
            Content::Unwritten(ty) => self.put_off(ty, self.start_of(block), home, &Doubt::MaybeUninit),
            Content::Shared(ty) => {
                if let Some((all, certain)) = behind_counts(self.view, block, ty) {
                    let start = at(all.start, certain * self.view.types.get(ty).size);
                    let rest = Elements { start, count: all.count - certain, ..all };
                    self.put_off_elements(&rest, home, &Doubt::NoOwner);
                }
            }
            Content::Buffer(element) => {
                let record = self.view.snapshot.blocks()[block];
                let count = record.size.checked_div(self.view.types.get(element).size).unwrap_or(0);
                let slots = Elements { ty: element, start: record.address, count };
                self.put_off_elements(&slots, home, &Doubt::NoOwner);
            }
            Content::Value(ty) => {
                let captured = Doubt::Captured(self.view.types.get(ty).name.clone());
                self.put_off(ty, self.start_of(block), home, &captured);
            }
            _ => {}
        }
    }
}
