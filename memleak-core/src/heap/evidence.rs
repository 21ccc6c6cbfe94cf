//! Whether a value that may be stale is one: ownership decides.
//!
//! May use: `debuginfo` (types only), `address`.
//!
//! Some places may hold the bytes of a value that was dropped or moved away: locals of a suspended future, `MaybeUninit`, union fields,
//! slots of a buffer whose owner is unknown. There every owning pointer inside must lead to a live block of the right size that nobody
//! else owns. One that does not means the value is dead. A value without owning pointers cannot be judged this way.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, Variant};
use crate::heap::containers::{Claim, Elements, Owned, Pointee, Unreadable, View, at, parameter};
use crate::heap::contents::Content;
use crate::heap::locals::Call;
use crate::heap::roots::Root;
use crate::heap::thread_locals::InThreadLocal;
use std::collections::HashMap;
use std::rc::Rc;

/// What the bytes of a place say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// They cannot be a live value.
    Dead,
    /// They own at least one live block that nobody else owns.
    Alive,
    /// They could be either.
    Undecided,
    /// They could be either, because this type in them is laid out in a way that is not known.
    NotUnderstood(Rc<str>),
}

/// Which variant of an enum is active.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Active<'t> {
    /// This one.
    Variant(&'t Variant),
    /// None: the discriminant has no meaning.
    Invalid,
}

impl View<'_> {
    /// The active variant of the enum `ty` at `address`.
    pub fn active<'t>(self, ty: &'t Type, address: RuntimeAddress) -> Active<'t> {
        let TypeKind::Enum { discriminant, variants, .. } = &ty.kind else { return Active::Invalid };
        let Some(discriminant) = discriminant else {
            return variants.first().map_or(Active::Invalid, Active::Variant);
        };
        let Some(value) = self.snapshot.number(at(address, discriminant.offset), discriminant.size) else {
            return Active::Invalid;
        };
        variants
            .iter()
            .find(|variant| variant.values.contains(&value))
            .or_else(|| variants.iter().find(|variant| variant.values.is_empty()))
            .map_or(Active::Invalid, Active::Variant)
    }

    /// Whether this is the block of an `Rc` or `Arc` whose value was dropped, because only `Weak`s are left.
    pub fn dropped(self, ty: &Type, address: RuntimeAddress) -> bool {
        is_counted(ty) && self.field_number(ty, address, "strong") == Some(0)
    }

    /// The value of type `ty` inside `MaybeUninit<T>` or `ManuallyDrop<T>`, if it is one of them: the language does not say whether
    /// it is there.
    pub fn maybe_absent(self, ty: &Type) -> Option<TypeId> {
        let wrapper = ["core::mem::maybe_uninit::MaybeUninit<", "core::mem::manually_drop::ManuallyDrop<"]
            .iter()
            .any(|prefix| ty.name.starts_with(prefix));
        wrapper.then(|| parameter(ty, "T")).flatten()
    }
}

/// The two counts before the value of an `Rc` or `Arc`, in bytes.
pub const COUNTS: u64 = 16;

/// Whether this is what an `Rc` or `Arc` points to: the counts and the value.
pub fn is_counted(ty: &Type) -> bool {
    ["alloc::sync::ArcInner<", "alloc::rc::RcInner<", "alloc::rc::RcBox<"]
        .iter()
        .any(|prefix| ty.name.starts_with(prefix))
}

/// Who owns which block, as far as values known to be live say.
#[derive(Clone, Debug)]
pub struct Claims<'c> {
    /// By index of the block: who was found to own it.
    owners: HashMap<usize, Owners>,
    /// Blocks of which an owner was found that have not been asked for yet.
    fresh: Vec<usize>,
    contents: &'c [Content],
}

/// The owners of a block.
#[derive(Clone, Copy, Debug)]
struct Owners {
    count: u64,
    /// What they say of it.
    pointee: Pointee,
    /// Whether one is a container that says which elements are in it.
    told: bool,
}

impl<'c> Claims<'c> {
    /// None so far, to blocks with these contents.
    pub fn none(contents: &'c [Content]) -> Claims<'c> {
        Claims { owners: HashMap::new(), fresh: Vec::new(), contents }
    }

    /// What the owner of `block` says of it, if one was found.
    pub fn pointee(&self, block: usize) -> Option<Pointee> {
        self.owners.get(&block).map(|owners| owners.pointee)
    }

    /// Whether a container was found that says which elements are in `block`.
    pub fn told(&self, block: usize) -> bool {
        self.owners.get(&block).is_some_and(|owners| owners.told)
    }

    /// The blocks of which an owner was found since this was called last.
    pub fn take_fresh(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.fresh)
    }

    /// Whether `block`, held like this, has all the owners it can have.
    fn taken(&self, block: usize, claim: Claim) -> bool {
        let owners = self.owners.get(&block).map_or(0, |owners| owners.count);
        match claim {
            Claim::Exclusive => owners > 0,
            Claim::Shared { strong } => owners >= strong,
        }
    }

    /// Judges the value of type `ty` at `address`.
    pub fn judge(&self, view: View<'_>, ty: TypeId, address: RuntimeAddress) -> Evidence {
        let mut owns = false;
        let mut sound = true;
        let mut unknown = None;
        view.inline_owners(ty, address, &mut |found| match found {
            Inline::Owner(owner, _, owned) => {
                for &(block, claim) in &owned.blocks {
                    let fit = self.contents.get(block).map_or(Fit::Fits, |content| view.fit(&owner, content));
                    owns |= fit == Fit::Fits;
                    sound &= fit != Fit::Never && !self.taken(block, claim);
                }
            }
            Inline::Invalid => sound = false,
            Inline::NotUnderstood(container) => unknown = Some(container),
        });
        match (sound, owns, unknown) {
            (false, _, _) => Evidence::Dead,
            (true, true, _) => Evidence::Alive,
            (true, false, None) => Evidence::Undecided,
            (true, false, Some(container)) => Evidence::NotUnderstood(container),
        }
    }

    /// Notes all that the live value of type `ty` at `address` owns, and appends the elements that it holds elsewhere.
    pub fn add_all(&mut self, view: View<'_>, ty: TypeId, address: RuntimeAddress, elements: &mut Vec<Elements>) {
        view.inline_owners(ty, address, &mut |found| {
            if let Inline::Owner(owner, address, owned) = found {
                for (block, _) in owned.blocks {
                    let owners = self.owners.entry(block).or_insert_with(|| {
                        self.fresh.push(block);
                        Owners { count: 0, pointee: Pointee::Untold, told: false }
                    });
                    owners.count += 1;
                    owners.told |= !view.element_types(&owner).is_empty();
                    if owners.pointee == Pointee::Untold {
                        owners.pointee = view.pointee(&owner, address);
                    }
                }
                elements.extend(owned.elements);
            }
        });
    }
}

/// Whether a block can be what an owner owns, as far as the stack says that allocated it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    /// Nothing speaks against it.
    Fits,
    /// It was allocated as something else, and would have been made into this by `from_raw`, or by a `collect` in place.
    Strange,
    /// It has counts or is a table and the owner does not know of that, or the other way round.
    Never,
}

impl View<'_> {
    fn fit(self, owner: &Type, content: &Content) -> Fit {
        match self.fit_by_stack(owner, content) {
            // The stack may be wrong.
            Fit::Never if self.types.merged_functions() => Fit::Strange,
            fit => fit,
        }
    }

    fn fit_by_stack(self, owner: &Type, content: &Content) -> Fit {
        let of = |modules: &[&str]| modules.iter().any(|module| owner.name.starts_with(module));
        let (counts, table) = (of(&["alloc::sync::", "alloc::rc::"]), of(&["hashbrown::raw::"]));
        let (has_counts, is_table) = match content {
            Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => {
                (is_counted(&self.types.get(*ty)), false)
            }
            Content::Shared(_) => (true, false),
            Content::Buffer(_) => (false, false),
            Content::Table(_) => (false, true),
            Content::OwnLayout { .. } | Content::Unknown => return Fit::Fits,
        };
        if counts != has_counts || table != is_table {
            return Fit::Never;
        }
        let of_one = match owner.kind {
            TypeKind::Pointer { target } => target,
            _ => None,
        };
        let of_several = of(&["alloc::vec::", "alloc::collections::vec_deque::", "alloc::boxed::Box<["]);
        let fits = match (content, of_one) {
            (Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty), Some(pointed)) => {
                self.alike(*ty, pointed)
            }
            (Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty), None) if of_several => {
                match self.types.get(*ty).kind {
                    TypeKind::Array { .. } => true,
                    _ => self.has_elements_like(owner, *ty),
                }
            }
            (Content::Buffer(_), Some(pointed)) => matches!(self.types.get(pointed).kind, TypeKind::Array { .. }),
            (Content::Buffer(element), None) if of_several => self.has_elements_like(owner, *element),
            _ => true,
        };
        if fits { Fit::Fits } else { Fit::Strange }
    }

    fn has_elements_like(self, owner: &Type, ty: TypeId) -> bool {
        self.element_types(owner).iter().any(|element| self.alike(ty, *element))
    }

    /// Whether these types are the same, one of them perhaps not written yet. Each unit describes a type for itself.
    fn alike(self, one: TypeId, other: TypeId) -> bool {
        let written = |id| {
            let ty = self.types.get(id);
            self.maybe_absent(&ty).map_or(ty, |inner| self.types.get(inner))
        };
        one == other || written(one).name == written(other).name
    }
}

/// What [`View::inline_owners`] meets.
pub enum Inline {
    /// An owner of this type, where it is, and what it owns.
    Owner(Rc<Type>, RuntimeAddress, Owned),
    /// Bytes that no live value has.
    Invalid,
    /// An owner of this type, whose layout is not known.
    NotUnderstood(Rc<str>),
}

impl View<'_> {
    /// Visits the owning pointers in the value itself, where the language says they are initialised.
    pub fn inline_owners(self, id: TypeId, address: RuntimeAddress, found: &mut dyn FnMut(Inline)) {
        let ty = self.types.get(id);
        if ty.size == 0 || self.maybe_absent(&ty).is_some() || self.dropped(&ty, address) {
            return;
        }
        if self.snapshot.read(address, ty.size).is_none() {
            return found(Inline::Invalid);
        }
        match self.in_thread_local(&ty, address) {
            None => {}
            Some(InThreadLocal::Value(inner, address)) => return self.inline_owners(inner, address, found),
            Some(InThreadLocal::Nothing) => return,
            Some(InThreadLocal::Unclear) => return found(Inline::Invalid),
        }
        if let Some(owned) = self.owned(&ty, address) {
            let mut owned = match owned {
                Ok(owned) => owned,
                Err(Unreadable::Stale) => return found(Inline::Invalid),
                Err(Unreadable::Layout) => return found(Inline::NotUnderstood(ty.name.clone())),
            };
            // Elements in the container itself are parts of the value.
            let (parts, elsewhere) = owned.elements.iter().partition(|run| self.is_inside(run, &ty, address));
            owned.elements = elsewhere;
            found(Inline::Owner(Rc::clone(&ty), address, owned));
            let parts: Vec<Elements> = parts;
            for run in parts {
                let size = self.types.get(run.ty).size;
                (0..run.count).for_each(|index| self.inline_owners(run.ty, at(run.start, index * size), found));
            }
            return;
        }
        match &ty.kind {
            TypeKind::Scalar => {
                let value = self.snapshot.number(address, ty.size);
                let limit = match &*ty.name {
                    "bool" => 1,
                    "char" => 0x10_ffff,
                    _ => u128::MAX,
                };
                if value.is_some_and(|value| value > limit) {
                    found(Inline::Invalid);
                }
            }
            TypeKind::Pointer { .. } => {
                // References and `fn` are never null; raw pointers may be.
                let raw = ty.name.starts_with('*');
                if !raw && self.snapshot.word(address) == Some(0) {
                    found(Inline::Invalid);
                }
            }
            TypeKind::Struct { fields } => {
                if ty.name.starts_with("core::ptr::non_null::NonNull<") && self.snapshot.word(address) == Some(0) {
                    found(Inline::Invalid);
                }
                for field in fields {
                    self.inline_owners(field.ty, at(address, field.offset), found);
                }
            }
            TypeKind::Array { element, count } => {
                let size = self.types.get(*element).size;
                for index in 0..*count {
                    self.inline_owners(*element, at(address, index * size), found);
                }
            }
            // What it has is on the stack of the thread that is in it.
            TypeKind::Enum { coroutine: true, .. } if self.snapshot.is_used_up(address, ty.size) => {}
            TypeKind::Enum { coroutine, .. } => match self.active(&ty, address) {
                Active::Invalid => found(Inline::Invalid),
                Active::Variant(variant) => self.variant_owners(variant, *coroutine, address, found),
            },
            TypeKind::Union { .. } | TypeKind::Opaque => {}
        }
    }

    /// Whether a local that its call would not drop is not there any more: it would own something, or a part of it has a destructor. The standard
    /// library puts what it hands on to a closure into unions and the like, and leaves it there.
    pub fn is_gone(self, local: &Root, call: &Call) -> bool {
        let ty = self.types.get(local.ty);
        let is_std = ["std::", "core::", "alloc::"].iter().any(|krate| call.function.starts_with(krate));
        let mut gone = is_std && (matches!(ty.kind, TypeKind::Union { .. }) || self.maybe_absent(&ty).is_some());
        self.inline_owners(local.ty, local.address, &mut |_| gone = true);
        gone || self.needs_drop(local.ty)
    }

    fn needs_drop(self, id: TypeId) -> bool {
        let ty = self.types.get(id);
        if self.maybe_absent(&ty).is_some() {
            return false;
        }
        if self.types.needs_drop(id) {
            return true;
        }
        match &ty.kind {
            TypeKind::Struct { fields } => fields.iter().any(|field| self.needs_drop(field.ty)),
            TypeKind::Array { element, .. } => self.needs_drop(*element),
            TypeKind::Enum { variants, .. } => variants.iter().any(|variant| self.needs_drop(variant.ty)),
            TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Union { .. } | TypeKind::Opaque => false,
        }
    }

    fn variant_owners(
        self,
        variant: &Variant,
        coroutine: bool,
        address: RuntimeAddress,
        found: &mut dyn FnMut(Inline),
    ) {
        let TypeKind::Struct { fields } = &self.types.get(variant.ty).kind else { return };
        for field in fields {
            if !coroutine || certain_in_coroutine(&variant.name, &field.name) {
                self.inline_owners(field.ty, at(address, field.offset), found);
            }
        }
    }
}

/// Whether a coroutine in this state certainly holds this field. The future it awaits is there; a local may have been moved away
/// or dropped before the await; a finished or panicked coroutine holds nothing, though the debug info lists its captures.
pub fn certain_in_coroutine(state: &str, field: &str) -> bool {
    match state {
        "Unresumed" => true,
        "Returned" | "Panicked" => false,
        _ => field == "__awaitee",
    }
}
