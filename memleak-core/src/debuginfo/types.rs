//! Types and their layouts, read on demand and kept.
//!
//! The model is plain data so that a test can make up a heap and its types in ten lines: everything above takes `&dyn Types`.

use crate::debuginfo::functions::Location;
use std::rc::Rc;

/// A type in a [`Types`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId(pub u32);

/// Where types are looked up.
pub trait Types {
    /// The type with this id.
    fn get(&self, id: TypeId) -> Rc<Type>;

    /// Whether the compiler may have merged functions that do the same for several types. Then a stack may name the wrong one of them.
    fn merged_functions(&self) -> bool {
        false
    }

    /// Whether dropping a value of this type does something, as far as the binary has the function that does it.
    fn needs_drop(&self, _id: TypeId) -> bool {
        false
    }

    /// Where the `.await` is that a coroutine of this type is parked on in this state (`Suspend0`), if that is known.
    fn await_location(&self, _coroutine: TypeId, _state: &str) -> Option<Location> {
        None
    }
}

/// A type: what it is called, how large it is, what it is made of.
#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    /// Qualified, with generics, as a user would write it but in full: `alloc::sync::Arc<chat::Session, alloc::alloc::Global>`.
    /// Coroutines: `chat::heartbeat::{async_fn_env#0}`. Primitive and compound: `u8`, `(A, B)`, `[T; 4]`, `&chat::Session`.
    pub name: Rc<str>,
    /// In bytes.
    pub size: u64,
    /// What it is made of.
    pub kind: TypeKind,
    /// Generic parameters by name, types only (`T`, `A`).
    pub parameters: Vec<(Rc<str>, TypeId)>,
}

impl Type {
    /// Its own name, without its path and its generics.
    pub fn own_name(&self) -> &str {
        let end = self.name.find('<').unwrap_or(self.name.len());
        self.name[..end].rsplit("::").next().unwrap_or(&self.name)
    }

    /// Whether it is a closure: its fields are what that captured.
    pub fn is_closure(&self) -> bool {
        self.own_name().starts_with("{closure_env#")
    }
}

/// What a type is made of.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeKind {
    /// Numbers, `bool`, `char`.
    Scalar,
    /// A thin pointer; whether it owns is in its name (`alloc::boxed::Box<…>`, `&T`, `*const T`, `fn…`).
    Pointer {
        /// What it points to; none for `fn` and unknown targets.
        target: Option<TypeId>,
    },
    /// Struct, tuple, closure, fat pointer, variant struct. `dyn Trait` is one without fields, of size 0.
    Struct {
        /// By offset as listed; offsets from the start of the struct.
        fields: Vec<Field>,
    },
    /// Union: at most one field is meant; which, the type does not say.
    Union {
        /// All at offset 0 unless said otherwise.
        fields: Vec<Field>,
    },
    /// Array with its length.
    Array {
        /// Of what.
        element: TypeId,
        /// How many.
        count: u64,
    },
    /// Enums, `Option`, and coroutines.
    Enum {
        /// What tells the variants apart; none if there is only one.
        discriminant: Option<Discriminant>,
        /// In the order listed.
        variants: Vec<Variant>,
        /// A coroutine (async fn, async block): variants are `Unresumed`, `Returned`, `Panicked`, `Suspend0`…
        coroutine: bool,
    },
    /// Declared somewhere, defined nowhere in this binary: nothing is known but the name (and the size, if not 0).
    Opaque,
}

/// A field of a struct, union, or variant.
///
/// A field that ends after its struct does is the struct's unsized tail: the `[T]` at the end of an `ArcInner<[T]>` is listed as a `T`, a
/// `str` as a `u8`. How many there are only the pointer to the struct knows.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// `__0` for tuples.
    pub name: Rc<str>,
    /// From the start of the enclosing type, in bytes.
    pub offset: u64,
    /// Its type.
    pub ty: TypeId,
}

/// Where an enum keeps its discriminant or niche.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discriminant {
    /// From the start of the enum.
    pub offset: u64,
    /// In bytes: 1, 2, 4, 8 or 16.
    pub size: u64,
}

/// A variant of an enum.
#[derive(Clone, PartialEq, Debug)]
pub struct Variant {
    /// `Some`, `Suspend0`.
    pub name: Rc<str>,
    /// The discriminant values that select it, zero-extended; empty = selected when no other variant is (the niche's own variant).
    pub values: Vec<u128>,
    /// The variant's struct: fields with offsets from the start of the enum. Of an enum without data one without fields.
    pub ty: TypeId,
}

/// What a pointer points to, or a struct whose only field is one: `Box<T>`, `NonNull<T>`, `*mut T`.
pub fn pointee(types: &dyn Types, id: TypeId) -> Option<TypeId> {
    match &types.get(id).kind {
        TypeKind::Pointer { target } => *target,
        TypeKind::Struct { fields } => {
            let mut sized = fields.iter().filter(|field| types.get(field.ty).size > 0);
            let only = sized.next()?;
            if sized.next().is_some() { None } else { pointee(types, only.ty) }
        }
        _ => None,
    }
}
