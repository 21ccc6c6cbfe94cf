//! The search for the live instances of a type: in blocks, in statics, and in what those own.
//!
//! May use: `debuginfo` (types and `DieRef` only), `tracker`, `stack`, `address`.
//!
//! Certain places come first: values that fill a block or a static, their fields, active variants, and the live elements of their
//! containers. They also tell who owns what. Places that may be stale are judged afterwards, by [`crate::heap::evidence`].

mod judging;
mod unowned;

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{Elements, Owned, Unreadable, View, at, has_slots};
use crate::heap::contents::Content;
use crate::heap::evidence::{Active, certain_in_coroutine, is_counted};
use crate::heap::ownership::behind_counts;
use crate::heap::roots::{Presence, Root};
use crate::heap::thread_locals::InThreadLocal;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

/// Which values are looked for.
pub trait Subject {
    /// The types of the binary whose values are looked for, as far as they have a definition.
    fn candidates(&self) -> &[TypeId];

    /// Values of this type.
    fn wants(&self, ty: &Type) -> bool;

    /// Values of this enum while this variant is active.
    fn wants_variant(&self, ty: &Type, variant: &str) -> bool;
}

/// A live instance.
#[derive(Clone, PartialEq, Debug)]
pub struct Instance {
    /// Its type, or `type::variant`.
    pub type_name: Rc<str>,
    /// In bytes.
    pub size: u64,
    /// Where it is.
    pub address: RuntimeAddress,
    /// Why it is not certain; none if it is.
    pub doubt: Option<Doubt>,
    /// What it lies in.
    pub home: Home,
}

/// What an instance lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// The block with this index in the snapshot.
    Block(usize),
    /// The static with this index in the roots.
    Root(usize),
}

/// Why an instance is not certain.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Doubt {
    /// It is listed for this suspended future, which may have moved or dropped it before the await.
    Suspended(Rc<str>),
    /// It was captured by this closure, which may have moved or dropped it: nobody who could still call it was found.
    Captured(Rc<str>),
    /// It is in memory that need not be initialised: a union, `MaybeUninit`, `ManuallyDrop`.
    MaybeUninit,
    /// It is in a buffer whose owner was not found.
    NoOwner,
    /// The bytes of its container make no sense; this is the container.
    NotUnderstood(Rc<str>),
    /// It is listed for a call on the stack of a live thread, which may have moved or dropped it.
    OnStack {
        /// The function called.
        function: Rc<str>,
        /// The index of its thread in the snapshot.
        thread: u32,
    },
    /// It may be in a block that this function allocated with a layout of its own.
    OwnLayout(Rc<str>),
    /// Only the stack that allocated its block says what is there, and the optimiser may have changed that.
    Optimised,
}

/// Finds the live instances.
///
/// `contents` has one entry per block of the snapshot.
pub fn find(view: View<'_>, contents: &[Content], roots: &[Root], subject: &dyn Subject) -> Vec<Instance> {
    let mut search = Search {
        view,
        subject,
        holds: HashMap::new(),
        containers: HashMap::new(),
        queue: Vec::new(),
        uncertain: Default::default(),
        waiting: Vec::new(),
        slots: Vec::new(),
        read_by_owner: HashSet::new(),
        doubtful: HashSet::new(),
        seen: HashSet::new(),
        names: Names::default(),
        found: Vec::new(),
    };
    search.certain_places(contents, roots);
    search.locals(roots);
    search.unowned_tables(contents);
    search.unowned_buffers(contents);
    search.own_layouts(contents);
    search.judge(contents, roots);
    search.found
}

/// A value to visit.
#[derive(Clone, Debug)]
struct Place {
    ty: TypeId,
    address: RuntimeAddress,
    home: Home,
    doubt: Option<Doubt>,
    /// Which of several it is that have no size and so one address.
    nth: u64,
    /// The value may have been moved on and changed: what it says of its elements may be out of date, for this reason.
    outdated: Option<Doubt>,
}

impl Place {
    fn new(ty: TypeId, address: RuntimeAddress, home: Home, doubt: Option<Doubt>) -> Place {
        Place { ty, address, home, doubt, nth: 0, outdated: None }
    }
}

struct Search<'a> {
    view: View<'a>,
    subject: &'a dyn Subject,
    /// Whether a value of the type can hold an instance, in itself or in the elements it owns.
    holds: HashMap<TypeId, bool>,
    /// Whether a value of the type has elements in a buffer of its own that can hold an instance.
    containers: HashMap<TypeId, bool>,
    queue: Vec<Place>,
    /// Places that may be stale, in the order in which they are judged. A container comes before a value: what is judged to be in the buffer of one
    /// is there, and a stale copy of it elsewhere must not have been taken for it. Slots of buffers without an owner come later, and last what
    /// owns nothing in a block of doubtful type: an owner may be found until then.
    uncertain: [VecDeque<Place>; 5],
    /// Blocks of which only an owner can tell what is in them.
    waiting: Vec<usize>,
    /// Blocks of which only a container can tell which elements are in them.
    slots: Vec<usize>,
    /// Blocks whose elements an owner told.
    read_by_owner: HashSet<usize>,
    /// Elements that were put off because their container is in doubt: where they begin, and their type.
    doubtful: HashSet<(RuntimeAddress, TypeId)>,
    /// Found already: where, the number of its name, which of several without size, and whether it is only said to be somewhere in a container.
    seen: HashSet<(RuntimeAddress, usize, u64, bool)>,
    names: Names,
    found: Vec<Instance>,
}

impl Search<'_> {
    fn certain_places(&mut self, contents: &[Content], roots: &[Root]) {
        // What memleak keeps in statics of its own is not the program's.
        let own = |root: &Root| root.name.starts_with("memleak_core::");
        let certain = |root: &Root| root.presence == Presence::Certain && !own(root);
        for (index, root) in roots.iter().enumerate().filter(|(_, root)| certain(root)) {
            self.enter(root.ty, root.address, Home::Root(index));
        }
        let merged = self.view.types.merged_functions();
        for (index, content) in contents.iter().enumerate() {
            match *content {
                Content::Stated(_) => self.waiting.push(index),
                Content::Unwritten(_) | Content::Shared(_) if merged => self.waiting.push(index),
                Content::Value(ty) if merged && self.view.types.get(ty).is_closure() => self.waiting.push(index),
                Content::Value(ty) | Content::Unwritten(ty) | Content::Shared(ty) if !self.can_hold(ty) => {}
                Content::Value(_) | Content::Unwritten(_) if self.view.snapshot.is_block_used_up(index) => {}
                Content::Value(ty) if self.view.types.get(ty).is_closure() => self.waiting.push(index),
                Content::Value(ty) if has_slots(&self.view.types.get(ty)) => self.slots.push(index),
                Content::Value(ty) => self.enter(ty, self.start_of(index), Home::Block(index)),
                Content::Unwritten(_) => self.waiting.push(index),
                Content::Shared(element) => self.shared(index, element),
                _ => {}
            }
        }
        self.drain();
    }

    fn start_of(&self, block: usize) -> RuntimeAddress {
        self.view.snapshot.blocks()[block].address
    }

    /// Locals that are in scope and may not be there.
    fn locals(&mut self, roots: &[Root]) {
        for (index, root) in roots.iter().enumerate().filter(|(_, root)| root.presence != Presence::Certain) {
            let (Some(call), Some(thread)) = (&root.call, root.thread) else { continue };
            if self.can_hold(root.ty) && !(root.presence == Presence::NotDropped && self.view.is_gone(root, call)) {
                let doubt = Doubt::OnStack { function: Rc::clone(&call.function), thread };
                self.put_off(root.ty, root.address, Home::Root(index), &doubt);
            }
        }
    }

    /// Two counts, then values. The block is a number of words, so small values may not reach to its end, which only the owner knows.
    fn shared(&mut self, block: usize, element: TypeId) {
        let Some((all, certain)) = behind_counts(self.view, block, element) else { return };
        self.elements(&Elements { count: certain, ..all }, 0, Home::Block(block));
        if all.count > certain {
            self.waiting.push(block);
        }
    }

    fn drain(&mut self) {
        while let Some(place) = self.queue.pop() {
            self.visit(&place);
        }
    }

    /// A whole block or static.
    fn enter(&mut self, ty: TypeId, address: RuntimeAddress, home: Home) {
        if self.can_hold(ty) {
            self.queue.push(Place::new(ty, address, home, None));
        }
    }

    /// A part of a place is as certain as the whole. It is the one with this number of so many.
    fn enter_part(&mut self, ty: TypeId, address: RuntimeAddress, whole: &Place, (number, of): (u64, u64)) {
        if self.can_hold(ty) {
            let nth = whole.nth.wrapping_mul(of).wrapping_add(number);
            self.queue.push(Place { ty, address, nth, ..whole.clone() });
        }
    }

    /// So many of them come before this run; without a size they are told apart by their number alone.
    fn elements(&mut self, run: &Elements, before: u64, home: Home) {
        if !self.can_hold(run.ty) {
            return;
        }
        let size = self.view.types.get(run.ty).size;
        for index in 0..run.count {
            let address = at(run.start, index.wrapping_mul(size));
            self.queue.push(Place { nth: before + index, ..Place::new(run.ty, address, home, None) });
        }
    }

    /// Elements that lie in their container.
    fn parts_of(&mut self, run: &Elements, container: &Place) {
        let size = self.view.types.get(run.ty).size;
        for index in 0..run.count {
            self.enter_part(run.ty, at(run.start, index.wrapping_mul(size)), container, (index, run.count));
        }
    }

    fn visit(&mut self, place: &Place) {
        let ty = self.view.types.get(place.ty);
        if self.subject.wants(&ty) {
            self.record(&ty.name, ty.size, place, place.doubt.clone());
        }
        match self.view.in_thread_local(&ty, place.address) {
            None => {}
            Some(InThreadLocal::Value(inner, address)) => return self.enter_part(inner, address, place, (0, 1)),
            Some(InThreadLocal::Nothing) => return,
            Some(InThreadLocal::Unclear) => return self.not_understood(&ty.name, place.ty, place),
        }
        if let Some(owned) = self.view.owned(&ty, place.address) {
            return self.visit_owner(&ty, owned, place);
        }
        if let Some(inner) = self.view.maybe_absent(&ty) {
            return self.maybe(inner, place.address, place, Doubt::MaybeUninit);
        }
        match &ty.kind {
            TypeKind::Struct { fields } => {
                if self.view.dropped(&ty, place.address) {
                    return;
                }
                let counted = is_counted(&ty);
                for (number, field) in (0..).zip(fields) {
                    let address = at(place.address, field.offset);
                    // `Arc::new_uninit` and `new_cyclic`: with a strong count there is a value.
                    let value = if counted { self.view.maybe_absent(&self.view.types.get(field.ty)) } else { None };
                    self.enter_part(value.unwrap_or(field.ty), address, place, (number, fields.len() as u64));
                }
            }
            TypeKind::Union { fields } => {
                for field in fields {
                    self.maybe(field.ty, at(place.address, field.offset), place, Doubt::MaybeUninit);
                }
            }
            &TypeKind::Array { element, count } => {
                let size = self.view.types.get(element).size;
                for index in 0..count {
                    self.enter_part(element, at(place.address, index * size), place, (index, count));
                }
            }
            TypeKind::Enum { coroutine, .. } => self.visit_enum(&ty, *coroutine, place),
            TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Opaque => {}
        }
    }

    fn visit_owner(&mut self, ty: &Type, owned: Result<Owned, Unreadable>, place: &Place) {
        match owned {
            Ok(owned) => {
                // What is left of a container does not say all that is in a block, which may be another's by now.
                if place.doubt.is_none() && !self.view.element_types(ty).is_empty() {
                    self.read_by_owner.extend(owned.blocks.iter().map(|(block, _)| *block));
                }
                let mut before = 0;
                for run in &owned.elements {
                    // What they own was asked for with the container.
                    if self.view.is_inside(run, ty, place.address) {
                        self.parts_of(run, place);
                        continue;
                    }
                    let home = match &owned.blocks[..] {
                        [(only, _)] => Home::Block(*only),
                        _ => self.view.snapshot.block_around(run.start).map_or(place.home, Home::Block),
                    };
                    match place.outdated.as_ref().or(place.doubt.as_ref()) {
                        // What is left of a container may lead round in a circle.
                        Some(doubt) if self.doubtful.insert((run.start, run.ty)) => {
                            self.put_off_elements(run, home, doubt);
                        }
                        Some(_) => {}
                        None => self.elements(run, before, home),
                    }
                    before += run.count;
                }
            }
            Err(Unreadable::Stale) if place.doubt.is_some() => {}
            Err(_) => {
                for element in self.view.element_types(ty) {
                    self.not_understood(&ty.name, element, place);
                }
            }
        }
    }

    fn visit_enum(&mut self, ty: &Type, coroutine: bool, place: &Place) {
        if coroutine && self.view.snapshot.is_used_up(place.address, ty.size) {
            return;
        }
        let Active::Variant(variant) = self.view.active(ty, place.address) else {
            if place.doubt.is_none() {
                self.not_understood(&ty.name, place.ty, place);
            }
            return;
        };
        if self.subject.wants_variant(ty, &variant.name) {
            let name = self.names.kept(format!("{}::{}", ty.name, variant.name));
            self.record(&name, ty.size, place, place.doubt.clone());
        }
        let TypeKind::Struct { fields } = &self.view.types.get(variant.ty).kind else { return };
        for (number, field) in (0..).zip(fields) {
            let address = at(place.address, field.offset);
            if !coroutine || certain_in_coroutine(&variant.name, &field.name) {
                self.enter_part(field.ty, address, place, (number, fields.len() as u64));
            } else if !matches!(&*variant.name, "Returned" | "Panicked") {
                self.maybe(field.ty, address, place, Doubt::Suspended(ty.name.clone()));
            }
        }
    }

    /// Puts off a part of a place, which may be stale, until all certain ones are known.
    fn maybe(&mut self, ty: TypeId, address: RuntimeAddress, place: &Place, doubt: Doubt) {
        self.put_off(ty, address, place.home, place.doubt.as_ref().or(place.outdated.as_ref()).unwrap_or(&doubt));
    }

    /// Puts off a place. Parts that come and go by themselves are put off one by one: what is captured, elements of an array.
    fn put_off(&mut self, id: TypeId, address: RuntimeAddress, home: Home, doubt: &Doubt) {
        if !self.can_hold(id) {
            return;
        }
        let ty = self.view.types.get(id);
        if let Some(inner) = self.view.maybe_absent(&ty) {
            return self.put_off(inner, address, home, doubt);
        }
        match &ty.kind {
            TypeKind::Struct { fields } if ty.is_closure() => {
                for field in fields {
                    self.put_off(field.ty, at(address, field.offset), home, doubt);
                }
            }
            &TypeKind::Array { element, count } => {
                self.put_off_elements(&Elements { ty: element, start: address, count }, home, doubt);
            }
            _ => self.wait(Place::new(id, address, home, Some(doubt.clone()))),
        }
    }

    fn put_off_elements(&mut self, run: &Elements, home: Home, doubt: &Doubt) {
        let size = self.view.types.get(run.ty).size;
        for index in 0..run.count {
            self.put_off(run.ty, at(run.start, index.wrapping_mul(size)), home, doubt);
        }
    }

    /// Notes that the container of this name, at this place, may hold any number of what is wanted of `ty`.
    fn not_understood(&mut self, container: &Rc<str>, ty: TypeId, place: &Place) {
        let Some(wanted) = self.wanted_in(ty) else { return };
        let wanted = self.view.types.get(wanted);
        self.record(&wanted.name, wanted.size, place, Some(Doubt::NotUnderstood(container.clone())));
    }

    fn record(&mut self, name: &Rc<str>, size: u64, place: &Place, doubt: Option<Doubt>) {
        let number = self.names.number(name);
        // A value may begin with a container that holds others of its type.
        let container = matches!(doubt, Some(Doubt::NotUnderstood(_)));
        let nth = if size == 0 { place.nth } else { 0 };
        let &Place { address, home, .. } = place;
        if self.seen.insert((address, number, nth, container)) {
            self.found.push(Instance { type_name: name.clone(), size, address, doubt, home });
        }
    }

    /// Whether a value of this type can hold what is looked for, in itself or in the elements it owns. Pointers to values that have
    /// a block of their own are not followed: that block is searched by itself.
    fn can_hold(&mut self, id: TypeId) -> bool {
        if let Some(&known) = self.holds.get(&id) {
            return known;
        }
        // Breadth first, because types refer to each other in circles: only the whole search can say no.
        let mut reached = vec![(id, None)];
        let mut seen = HashSet::from([id]);
        let mut next = 0;
        while let Some(&(id, _)) = reached.get(next) {
            let ty = self.view.types.get(id);
            if self.holds.get(&id) == Some(&true) || self.is_wanted(&ty) {
                let mut on_path = Some(next);
                while let Some(index) = on_path {
                    self.holds.insert(reached[index].0, true);
                    on_path = reached[index].1;
                }
                return true;
            }
            if !self.holds.contains_key(&id) {
                reached.extend(
                    self.parts(&ty).into_iter().filter(|part| seen.insert(*part)).map(|part| (part, Some(next))),
                );
            }
            next += 1;
        }
        self.holds.extend(reached.into_iter().map(|(id, _)| (id, false)));
        false
    }

    /// The type that makes [`Search::can_hold`] say yes.
    fn wanted_in(&mut self, id: TypeId) -> Option<TypeId> {
        if !self.can_hold(id) {
            return None;
        }
        let mut reached = vec![id];
        let mut next = 0;
        while let Some(&id) = reached.get(next) {
            let ty = self.view.types.get(id);
            if self.is_wanted(&ty) {
                return Some(id);
            }
            let parts = self.parts(&ty);
            reached.extend(parts.into_iter().filter(|part| !reached.contains(part)).collect::<Vec<_>>());
            next += 1;
        }
        None
    }

    fn is_wanted(&self, ty: &Type) -> bool {
        let variant = matches!(&ty.kind, TypeKind::Enum { variants, .. }
            if variants.iter().any(|variant| self.subject.wants_variant(ty, &variant.name)));
        variant || self.subject.wants(ty)
    }

    fn parts(&self, ty: &Type) -> Vec<TypeId> {
        let mut parts = self.view.element_types(ty);
        parts.extend(self.view.held_in_thread_local(ty));
        match &ty.kind {
            TypeKind::Struct { fields } | TypeKind::Union { fields } => {
                parts.extend(fields.iter().map(|field| field.ty));
            }
            TypeKind::Array { element, .. } => parts.push(*element),
            TypeKind::Enum { variants, .. } => parts.extend(variants.iter().map(|variant| variant.ty)),
            TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Opaque => {}
        }
        parts
    }
}

/// Numbers for names. Units describe the same type each for itself, so the same name comes in several allocations.
#[derive(Default)]
struct Names {
    /// By address of the text, which the types keep, or `texts`.
    known: HashMap<usize, usize>,
    texts: HashMap<Rc<str>, usize>,
}

impl Names {
    /// A name that no type keeps.
    fn kept(&mut self, name: String) -> Rc<str> {
        if let Some((known, _)) = self.texts.get_key_value(name.as_str()) {
            return known.clone();
        }
        let name: Rc<str> = name.into();
        self.texts.insert(name.clone(), self.texts.len());
        name
    }

    fn number(&mut self, name: &Rc<str>) -> usize {
        let address = Rc::as_ptr(name).addr();
        if let Some(number) = self.known.get(&address) {
            return *number;
        }
        let next = self.texts.len();
        let number = *self.texts.entry(name.clone()).or_insert(next);
        self.known.insert(address, number);
        number
    }
}
