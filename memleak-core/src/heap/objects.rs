//! Blocks whose stack does not say what they hold, and that trait objects lead to: a pointer to a vtable stands beside the pointer to the value.
//!
//! May use: `kernel` (the search for pointers), `debuginfo`, `address`.
//!
//! An `Arc<dyn Trait>` that is made from a `Box` has its block allocated by code that knows only the trait. And where the optimiser has merged
//! functions that do the same for several types, a stack may name another type than the one that is there.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Field, TypeId, TypeKind};
use crate::heap::containers::{View, has_slots};
use crate::heap::contents::Content;
use crate::heap::evidence::{COUNTS, is_counted};
use crate::kernel::pointers::Targets;
use std::collections::HashMap;
use std::rc::Rc;

/// The vtables of a program.
pub struct Vtables {
    /// By address. One vtable may be that of several types.
    all: Vec<Vtable>,
    targets: Targets,
}

/// Where a trait object says what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vtable {
    /// Where it is.
    pub address: RuntimeAddress,
    /// The type behind the trait object.
    pub concrete: TypeId,
    /// The trait in full: `chat::Chat`.
    pub of_trait: Rc<str>,
}

/// The pointer to `drop`, the size and the alignment: every vtable has at least these.
const LEAST: u64 = 24;
const WORD: u64 = 8;
impl Vtables {
    /// A table of them.
    pub fn new(mut all: Vec<Vtable>) -> Vtables {
        all.sort_by_key(|vtable| vtable.address);
        let mut starts: Vec<u64> = all.iter().map(|vtable| vtable.address.0).collect();
        starts.dedup();
        Vtables { targets: Targets::new(starts.into_iter().map(|start| start..start + LEAST)), all }
    }

    fn at(&self, address: u64) -> &[Vtable] {
        let first = self.all.partition_point(|vtable| vtable.address.0 < address);
        let count = self.all[first..].iter().take_while(|vtable| vtable.address.0 == address).count();
        &self.all[first..first + count]
    }
}

/// Whether the vtables know more of some of these blocks.
pub fn are_of_use(view: View<'_>, contents: &[Content]) -> bool {
    view.types.merged_functions() || contents.iter().any(Content::is_counted_unknown)
}

/// Says what trait objects tell of the blocks that they lead to.
pub fn tell(view: View<'_>, vtables: &Vtables, contents: &mut [Content]) {
    let merged = view.types.merged_functions();
    let mut told: HashMap<usize, Vec<TypeId>> = HashMap::new();
    let memory = view.snapshot.copies_of_blocks().chain(view.snapshot.copies_of_regions());
    for pointer in vtables.targets.pointers(memory) {
        let read = |address| view.snapshot.word(RuntimeAddress(address));
        let (Some(vtable), Some(value)) = (read(pointer.at), read(pointer.at.wrapping_sub(WORD))) else { continue };
        let Some(block) = view.snapshot.block_starting(RuntimeAddress(value)) else { continue };
        if merged || contents[block].is_counted_unknown() {
            let fitting = vtables.at(vtable).iter().map(|vtable| vtable.concrete);
            told.entry(block).or_default().extend(fitting);
        }
    }
    for (block, content) in contents.iter_mut().enumerate() {
        let size = view.snapshot.blocks()[block].size;
        let told = told.remove(&block).unwrap_or_default();
        if content.is_counted_unknown() {
            let mut fitting = distinct(view, told.into_iter().filter(|ty| fits_counted(view, *ty, size)));
            if fitting.is_empty() {
                fitting = distinct(view, behind(view, vtables, content, size));
            }
            if let Content::OwnLayout { parameters, .. } = content {
                *parameters = fitting.into();
            }
        } else if let [only] = distinct(view, told.iter().copied().filter(|ty| view.types.get(*ty).size == size))[..]
            && may_be(view, content, only)
        {
            *content = Content::Value(only);
        } else if let (true, &Content::Value(stated)) = (merged, &*content)
            && !says_itself(view, stated)
            && (told.is_empty() || !told.iter().all(|ty| is_or_wraps(view, stated, *ty)))
        {
            *content = Content::Stated(stated);
        }
    }
}

/// Whether a block of `size` bytes is what an `Rc` or `Arc` of one such value points to.
fn fits_counted(view: View<'_>, ty: TypeId, size: u64) -> bool {
    // The value may need padding before it or behind it.
    const MOST_PADDING: u64 = 16;
    let least = view.types.get(ty).size.saturating_add(COUNTS);
    (least..least.saturating_add(MOST_PADDING)).contains(&size)
}

/// The types of this size that are behind the trait that made the block.
fn behind(view: View<'_>, vtables: &Vtables, content: &Content, size: u64) -> Vec<TypeId> {
    let Content::OwnLayout { parameters, .. } = content else { return Vec::new() };
    let traits: Vec<Rc<str>> = parameters.iter().map(|ty| view.types.get(*ty).name.clone()).collect();
    let of = |vtable: &&Vtable| traits.iter().any(|object| principal(object) == without_generics(&vtable.of_trait));
    let all = vtables.all.iter().filter(of).map(|vtable| vtable.concrete);
    all.filter(|ty| fits_counted(view, *ty, size)).collect()
}

/// `core::any::Any` of `(dyn core::any::Any + core::marker::Send)`.
fn principal(object: &str) -> &str {
    let object = object.trim_start_matches('(');
    without_generics(object.strip_prefix("dyn ").unwrap_or(object))
}

fn without_generics(name: &str) -> &str {
    name.split(['<', ' ', ')']).next().unwrap_or(name)
}

/// One of each name.
fn distinct(view: View<'_>, types: impl IntoIterator<Item = TypeId>) -> Vec<TypeId> {
    let mut names = Vec::new();
    let mut distinct = Vec::new();
    for ty in types {
        let name = view.types.get(ty).name.clone();
        if !names.contains(&name) {
            names.push(name);
            distinct.push(ty);
        }
    }
    distinct
}

/// Whether values of this type are asked for with their owner in any case.
fn says_itself(view: View<'_>, ty: TypeId) -> bool {
    let ty = view.types.get(ty);
    ty.is_closure() || has_slots(&ty)
}

/// Whether a trait object of a value of `ty` is one of a value of `stated`, of the only field of one, or of what an `Rc` or `Arc` holds there.
fn is_or_wraps(view: View<'_>, stated: TypeId, ty: TypeId) -> bool {
    let name = view.types.get(ty).name.clone();
    let mut stated = view.types.get(stated);
    while stated.name != name {
        let TypeKind::Struct { fields } = &stated.kind else { return false };
        let value = |field: &&Field| ["data", "value"].contains(&&*field.name);
        let inner = match is_counted(&stated) {
            true => fields.iter().find(value),
            false => fields.iter().find(|field| view.types.get(field.ty).size == stated.size),
        };
        let Some(inner) = inner.map(|field| view.types.get(field.ty)) else { return false };
        stated = inner;
    }
    true
}

/// Whether a block of which a stack says this may be a value of `ty`. A trait object may also be the only field of what is there.
fn may_be(view: View<'_>, content: &Content, ty: TypeId) -> bool {
    let name = view.types.get(ty).name.clone();
    match content {
        Content::Value(stated) => {
            let mut stated = view.types.get(*stated);
            loop {
                let TypeKind::Struct { fields } = &stated.kind else {
                    break !matches!(stated.kind, TypeKind::Enum { .. });
                };
                let whole = fields.iter().find(|field| view.types.get(field.ty).size == stated.size);
                match whole.map(|field| view.types.get(field.ty)) {
                    _ if stated.name == name || is_counted(&stated) => break false,
                    Some(field) => stated = field,
                    None => break true,
                }
            }
        }
        Content::OwnLayout { .. } | Content::Unknown => true,
        Content::Stated(_) | Content::Unwritten(_) | Content::Buffer(_) | Content::Table(_) | Content::Shared(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::made_up::{MadeUpHeap, words};

    const FIRST: u64 = 0x10_000;
    const SECOND: u64 = 0x10_100;

    /// A heap with two types of two words, and a vtable of `chat::Chat` for each.
    fn heap() -> (MadeUpHeap, [TypeId; 2], Vtables) {
        let heap = MadeUpHeap::default();
        let types = ["chat::Bot", "chat::User"].map(|name| heap.types.structure(name, 16, &[]));
        let vtable = |(address, concrete): (u64, TypeId)| Vtable {
            address: RuntimeAddress(address),
            concrete,
            of_trait: "chat::Chat".into(),
        };
        let vtables = Vtables::new([FIRST, SECOND].into_iter().zip(types).map(vtable).collect());
        (heap, types, vtables)
    }

    fn from_box(parameters: &[TypeId]) -> Content {
        Content::OwnLayout { function: "alloc::sync::{impl#9}::from_box".into(), parameters: parameters.into() }
    }

    fn told(heap: &MadeUpHeap, vtables: &Vtables) -> Vec<Content> {
        heap.with(&[], |heap| {
            let mut contents = heap.contents.to_vec();
            tell(heap.view, vtables, &mut contents);
            contents
        })
    }

    #[test]
    fn the_vtable_beside_a_pointer_names_what_is_there() {
        let (mut heap, [_, user], vtables) = heap();
        heap.block(0x1000, words(&[1, 1, 7, 7]), from_box(&[]));
        heap.block(0x2000, words(&[1, 1, 7, 7]), from_box(&[]));
        heap.segment(0x500, words(&[0x1000, SECOND, 0x2000, SECOND + 8]));
        assert_eq!(told(&heap, &vtables), [from_box(&[user]), from_box(&[])], "the other is no vtable");
        heap.segment(0x600, words(&[SECOND, 0x2000]));
        assert_eq!(told(&heap, &vtables)[1], from_box(&[]), "the vtable comes second");
        let stated = heap.types.structure("chat::Other", 16, &[]);
        heap.block(0x3000, words(&[7, 7]), Content::Value(stated));
        heap.segment(0x700, words(&[0x3000, SECOND]));
        assert_eq!(told(&heap, &vtables)[2], Content::Value(stated), "which its stack says");
    }

    #[test]
    fn without_a_pointer_it_is_a_type_of_that_trait_and_size() {
        let (mut heap, [bot, user], vtables) = heap();
        let of = |name: &str| heap.types.structure(name, 0, &[]);
        let (chat, any) = (of("(dyn chat::Chat + core::marker::Send)"), of("dyn core::any::Any"));
        heap.block(0x1000, words(&[1, 1, 7, 7]), from_box(&[chat]));
        heap.block(0x2000, words(&[1, 1, 7, 7, 7, 7]), from_box(&[chat]));
        heap.block(0x3000, words(&[1, 1, 7, 7]), from_box(&[any]));
        assert_eq!(told(&heap, &vtables), [from_box(&[bot, user]), from_box(&[]), from_box(&[])]);
    }

    #[test]
    fn where_functions_were_merged_a_vtable_knows_more_than_a_stack() {
        let (mut heap, [bot, user], vtables) = heap();
        let newtype = heap.types.structure("chat::Admin", 16, &[("user", 0, user)]);
        for (address, content) in
            [(0x1000, bot), (0x2000, newtype), (0x3000, user)].map(|(at, ty)| (at, Content::Value(ty)))
        {
            heap.block(address, words(&[7, 7]), content);
        }
        heap.block(0x4000, words(&[7, 7, 7]), Content::Value(bot));
        heap.block(0x5000, words(&[7, 7]), Content::Unknown);
        let pairs = [0x1000, 0x2000, 0x3000, 0x4000, 0x5000].map(|block| [block, SECOND]);
        heap.segment(0x500, words(&pairs.concat()));
        heap.types.merge_functions();
        let [first, second, third, last] = [user, newtype, user, user].map(Content::Value);
        let expected = [first, second, third, Content::Stated(bot), last];
        assert_eq!(told(&heap, &vtables), expected, "not where it is a field, nor of another size");
        heap.segment(0x700, words(&[0x1000, FIRST]));
        assert_eq!(told(&heap, &vtables)[0], Content::Stated(bot), "two vtables contradict each other");
    }
}
