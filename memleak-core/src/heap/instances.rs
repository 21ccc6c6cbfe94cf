//! The search for the live instances of a type: in blocks, in statics, and in what those own.
//!
//! May use: `debuginfo` (types only), `tracker`, `stack`, `address`.
//!
//! Certain places come first: values that fill a block or a static, their fields, active variants, and the live elements of their
//! containers. They also tell who owns what. Places that may be stale are judged afterwards, by [`crate::heap::evidence`].

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{Elements, Owned, Unsound, View, at};
use crate::heap::contents::Content;
use crate::heap::evidence::{Active, Claims, Evidence, certain_in_coroutine, is_counted};
use std::collections::{HashMap, HashSet};
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

/// A static, to be searched as a whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Root {
    /// Qualified.
    pub name: Rc<str>,
    /// Where it is.
    pub address: RuntimeAddress,
    /// Its type.
    pub ty: TypeId,
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
    /// It is in memory that need not be initialised: a union, `MaybeUninit`, `ManuallyDrop`.
    MaybeUninit,
    /// It is in a buffer whose owner was not found.
    NoOwner,
    /// The bytes of its container make no sense; this is the container.
    NotUnderstood(Rc<str>),
    /// It may be in a block that this function allocated with a layout of its own.
    OwnLayout(Rc<str>),
}

/// Finds the live instances.
///
/// `contents` has one entry per block of the snapshot.
pub fn find(view: View<'_>, contents: &[Content], roots: &[Root], subject: &dyn Subject) -> Vec<Instance> {
    let mut search = Search {
        view,
        subject,
        holds: HashMap::new(),
        queue: Vec::new(),
        uncertain: Vec::new(),
        read_by_owner: HashSet::new(),
        seen: HashSet::new(),
        found: Vec::new(),
    };
    search.certain_places(contents, roots);
    search.unowned_tables(contents);
    search.unowned_buffers(contents);
    search.own_layouts(contents);
    search.judge_uncertain(contents, roots);
    search.found
}

/// A value to visit.
#[derive(Clone, Debug)]
struct Place {
    ty: TypeId,
    address: RuntimeAddress,
    home: Home,
    doubt: Option<Doubt>,
}

struct Search<'a> {
    view: View<'a>,
    subject: &'a dyn Subject,
    /// Whether a value of the type can hold an instance, in itself or in the elements it owns.
    holds: HashMap<TypeId, bool>,
    queue: Vec<Place>,
    uncertain: Vec<Place>,
    /// Blocks whose elements an owner told.
    read_by_owner: HashSet<usize>,
    seen: HashSet<(RuntimeAddress, Rc<str>)>,
    found: Vec<Instance>,
}

impl Search<'_> {
    fn certain_places(&mut self, contents: &[Content], roots: &[Root]) {
        for (index, root) in roots.iter().enumerate() {
            self.enter(root.ty, root.address, Home::Root(index), None);
        }
        for (index, content) in contents.iter().enumerate() {
            let start = self.view.snapshot.blocks()[index].address;
            match *content {
                Content::Value(ty) => self.enter(ty, start, Home::Block(index), None),
                Content::Shared(element) => self.shared(index, element),
                _ => {}
            }
        }
        self.drain();
    }

    /// Two counts, then values to the end of the block.
    fn shared(&mut self, block: usize, element: TypeId) {
        const COUNTS: u64 = 16;
        let size = self.view.types.get(element).size;
        let record = self.view.snapshot.blocks()[block];
        if size == 0 || !self.can_hold(element) || self.view.snapshot.word(record.address) == Some(0) {
            return;
        }
        let count = record.size.saturating_sub(COUNTS) / size;
        self.elements(&Elements { ty: element, start: at(record.address, COUNTS), count }, Home::Block(block), None);
    }

    /// A hashbrown block tells its elements itself, so one whose owner is on a stack or in a thread-local still counts.
    fn unowned_tables(&mut self, contents: &[Content]) {
        for (index, content) in contents.iter().enumerate() {
            let &Content::Table(element) = content else { continue };
            if !self.can_hold(element) || self.read_by_owner.contains(&index) {
                continue;
            }
            match self.view.table_elements(index, element) {
                Ok(elements) => elements.iter().for_each(|run| self.elements(run, Home::Block(index), None)),
                Err(_) => self.not_understood(element, Home::Block(index)),
            }
        }
        self.drain();
    }

    fn unowned_buffers(&mut self, contents: &[Content]) {
        for (index, content) in contents.iter().enumerate() {
            let &Content::Buffer(element) = content else { continue };
            if !self.can_hold(element) || self.read_by_owner.contains(&index) {
                continue;
            }
            let block = self.view.snapshot.blocks()[index];
            let size = self.view.types.get(element).size;
            for slot in 0..block.size.checked_div(size).unwrap_or(0) {
                self.uncertain.push(Place {
                    ty: element,
                    address: at(block.address, slot * size),
                    home: Home::Block(index),
                    doubt: Some(Doubt::NoOwner),
                });
            }
        }
    }

    /// Judges what may be stale. Only if there is any are all owners looked up, whatever their type.
    fn judge_uncertain(&mut self, contents: &[Content], roots: &[Root]) {
        if self.uncertain.is_empty() {
            return;
        }
        let mut claims = self.all_claims(contents, roots);
        // Those that an owner of a buffer turned up come before the slots of buffers without one.
        let mut next = 0;
        while let Some(place) = self.uncertain.get(next).cloned() {
            next += 1;
            if matches!(place.home, Home::Block(block) if place.doubt == Some(Doubt::NoOwner) && self.read_by_owner.contains(&block))
            {
                continue;
            }
            match claims.judge(self.view, place.ty, place.address) {
                Evidence::Dead => continue,
                Evidence::Alive => {
                    claims.add_all(self.view, place.ty, place.address, &mut Vec::new());
                    self.queue.push(Place { doubt: None, ..place });
                }
                Evidence::Undecided => self.queue.push(place),
            }
            self.drain();
        }
    }

    /// Who owns what, as told by all values that certainly live.
    fn all_claims(&mut self, contents: &[Content], roots: &[Root]) -> Claims {
        let mut claims = Claims::default();
        let mut queue: Vec<Elements> =
            roots.iter().map(|root| Elements { ty: root.ty, start: root.address, count: 1 }).collect();
        for (index, content) in contents.iter().enumerate() {
            let start = self.view.snapshot.blocks()[index].address;
            match *content {
                Content::Value(ty) => queue.push(Elements { ty, start, count: 1 }),
                Content::Table(element) => queue.extend(self.view.table_elements(index, element).unwrap_or_default()),
                _ => {}
            }
        }
        let mut seen = HashSet::new();
        while let Some(run) = queue.pop() {
            let size = self.view.types.get(run.ty).size;
            for index in 0..if size == 0 { 0 } else { run.count } {
                let address = at(run.start, index * size);
                if seen.insert((address, run.ty)) {
                    claims.add_all(self.view, run.ty, address, &mut queue);
                }
            }
        }
        claims
    }

    /// Blocks with a layout of their allocator's own: a value may be in there if the size is that of a wanted type, or if the
    /// function is generic over one.
    fn own_layouts(&mut self, contents: &[Content]) {
        for (index, content) in contents.iter().enumerate() {
            let Content::OwnLayout { function, parameters } = content else { continue };
            let block = self.view.snapshot.blocks()[index];
            let home = Home::Block(index);
            let doubt = Some(Doubt::OwnLayout(function.clone()));
            let fitting =
                self.subject.candidates().iter().copied().find(|ty| self.view.types.get(*ty).size == block.size);
            if let Some(ty) = fitting {
                self.uncertain.push(Place { ty, address: block.address, home, doubt });
            } else if let Some(ty) = parameters.iter().copied().find(|ty| self.can_hold(*ty)) {
                let name = self.view.types.get(ty).name.clone();
                self.record(&name, block.size, block.address, home, doubt);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(place) = self.queue.pop() {
            self.visit(&place);
        }
    }

    fn enter(&mut self, ty: TypeId, address: RuntimeAddress, home: Home, doubt: Option<Doubt>) {
        if self.can_hold(ty) {
            self.queue.push(Place { ty, address, home, doubt });
        }
    }

    fn elements(&mut self, run: &Elements, home: Home, doubt: Option<Doubt>) {
        if !self.can_hold(run.ty) {
            return;
        }
        let size = self.view.types.get(run.ty).size;
        for index in 0..run.count {
            self.queue.push(Place {
                ty: run.ty,
                address: at(run.start, index.wrapping_mul(size)),
                home,
                doubt: doubt.clone(),
            });
        }
    }

    fn visit(&mut self, place: &Place) {
        let ty = self.view.types.get(place.ty);
        if self.subject.wants(&ty) {
            self.record(&ty.name, ty.size, place.address, place.home, place.doubt.clone());
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
                for field in fields {
                    let address = at(place.address, field.offset);
                    // `Arc::new_uninit` and `new_cyclic`: with a strong count there is a value.
                    let value = if counted { self.view.maybe_absent(&self.view.types.get(field.ty)) } else { None };
                    self.enter(value.unwrap_or(field.ty), address, place.home, place.doubt.clone());
                }
            }
            TypeKind::Union { fields } => {
                for field in fields {
                    self.maybe(field.ty, at(place.address, field.offset), place, Doubt::MaybeUninit);
                }
            }
            &TypeKind::Array { element, count } => {
                let run = Elements { ty: element, start: place.address, count };
                self.elements(&run, place.home, place.doubt.clone());
            }
            TypeKind::Enum { coroutine, .. } => self.visit_enum(&ty, *coroutine, place),
            TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Opaque => {}
        }
    }

    fn visit_owner(&mut self, ty: &Type, owned: Result<Owned, Unsound>, place: &Place) {
        match owned {
            Ok(owned) => {
                let home = owned.block.map_or(place.home, |(block, _)| Home::Block(block));
                if let Some((block, _)) = owned.block
                    && !owned.elements.is_empty()
                {
                    self.read_by_owner.insert(block);
                }
                for run in &owned.elements {
                    self.elements(run, home, None);
                }
            }
            Err(_) if place.doubt.is_none() => {
                for element in self.view.element_types(ty) {
                    self.not_understood(element, place.home);
                }
            }
            Err(_) => {}
        }
    }

    fn visit_enum(&mut self, ty: &Type, coroutine: bool, place: &Place) {
        let Active::Variant(variant) = self.view.active(ty, place.address) else {
            if place.doubt.is_none() {
                self.not_understood(place.ty, place.home);
            }
            return;
        };
        if self.subject.wants_variant(ty, &variant.name) {
            let name = format!("{}::{}", ty.name, variant.name);
            self.record(&Rc::from(name), ty.size, place.address, place.home, place.doubt.clone());
        }
        let TypeKind::Struct { fields } = &self.view.types.get(variant.ty).kind else { return };
        for field in fields {
            let address = at(place.address, field.offset);
            if !coroutine || certain_in_coroutine(&variant.name, &field.name) {
                self.enter(field.ty, address, place.home, place.doubt.clone());
            } else if !matches!(&*variant.name, "Returned" | "Panicked") {
                self.maybe(field.ty, address, place, Doubt::Suspended(ty.name.clone()));
            }
        }
    }

    /// Puts off a place that may be stale until all certain ones are known.
    fn maybe(&mut self, ty: TypeId, address: RuntimeAddress, place: &Place, doubt: Doubt) {
        if self.can_hold(ty) {
            let doubt = place.doubt.clone().unwrap_or(doubt);
            self.uncertain.push(Place { ty, address, home: place.home, doubt: Some(doubt) });
        }
    }

    fn not_understood(&mut self, ty: TypeId, home: Home) {
        if self.can_hold(ty) {
            let ty = self.view.types.get(ty);
            let address = match home {
                Home::Block(block) => self.view.snapshot.blocks()[block].address,
                Home::Root(_) => RuntimeAddress(0),
            };
            self.record(&ty.name, ty.size, address, home, Some(Doubt::NotUnderstood(ty.name.clone())));
        }
    }

    fn record(&mut self, name: &Rc<str>, size: u64, address: RuntimeAddress, home: Home, doubt: Option<Doubt>) {
        if self.seen.insert((address, name.clone())) {
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

    fn is_wanted(&self, ty: &Type) -> bool {
        let variant = matches!(&ty.kind, TypeKind::Enum { variants, .. }
            if variants.iter().any(|variant| self.subject.wants_variant(ty, &variant.name)));
        variant || self.subject.wants(ty)
    }

    fn parts(&self, ty: &Type) -> Vec<TypeId> {
        let mut parts = self.view.element_types(ty);
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
