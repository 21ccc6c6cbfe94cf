//! What the standard library keeps a `thread_local!` in: a value, and how far it has got.
//!
//! May use: `debuginfo` (types only), `address`.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{View, at, parameter};
use crate::heap::evidence::Active;

/// What is in the place of a `thread_local!`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InThreadLocal {
    /// A value of this type, here.
    Value(TypeId, RuntimeAddress),
    /// None: the thread has not used it yet, or has destroyed it.
    Nothing,
    /// Its state could not be read.
    Unclear,
}

/// Where a place for a `thread_local!` has its parts, from its start.
pub struct Layout {
    /// The enum that says whether there is a value: it is `Alive`.
    pub state: (u64, TypeId),
    /// The value. Before Rust 1.90 it is in the state.
    pub value: (u64, TypeId),
}

impl View<'_> {
    /// What a `thread_local!` holds, if `ty` is what the standard library keeps one in.
    ///
    /// A value made by a constant is in its place from the start, but it becomes the thread's with its first use: only from then on will it be
    /// dropped.
    pub fn in_thread_local(self, ty: &Type, address: RuntimeAddress) -> Option<InThreadLocal> {
        if !is_storage(ty) {
            return None;
        }
        let Some(Layout { state, value }) = self.thread_local(ty) else { return Some(InThreadLocal::Unclear) };
        Some(match self.active(&self.types.get(state.1), at(address, state.0)) {
            Active::Variant(variant) if &*variant.name == "Alive" => {
                InThreadLocal::Value(value.1, at(address, value.0))
            }
            Active::Variant(_) => InThreadLocal::Nothing,
            Active::Invalid => InThreadLocal::Unclear,
        })
    }

    /// The type of what a `thread_local!` holds that is kept in a `ty`.
    pub fn held_in_thread_local(self, ty: &Type) -> Option<TypeId> {
        is_storage(ty).then(|| parameter(ty, "T")).flatten()
    }

    /// The parts of the place of a `thread_local!`; none if `ty` is no such place, or has not the parts that are known.
    pub fn thread_local(self, ty: &Type) -> Option<Layout> {
        let held = self.held_in_thread_local(ty)?;
        let (mut offset, mut id) = self.field(ty, "state")?;
        let state = loop {
            let state = self.types.get(id);
            match &state.kind {
                TypeKind::Enum { .. } => break state,
                // A cell.
                TypeKind::Struct { fields } => {
                    let field = fields.iter().find(|field| self.types.get(field.ty).size > 0)?;
                    (offset, id) = (offset + field.offset, field.ty);
                }
                _ => return None,
            }
        };
        let TypeKind::Enum { variants, .. } = &state.kind else { return None };
        let alive = self.types.get(variants.iter().find(|variant| &*variant.name == "Alive")?.ty);
        let TypeKind::Struct { fields } = &alive.kind else { return None };
        let same = |id| self.types.get(id).name == self.types.get(held).name;
        let value = match fields.iter().find(|field| same(field.ty)) {
            Some(field) => offset + field.offset,
            None => ["value", "val"].iter().find_map(|name| self.field(ty, name))?.0,
        };
        Some(Layout { state: (offset, id), value: (value, held) })
    }
}

fn is_storage(ty: &Type) -> bool {
    let path = ty.name.split('<').next().unwrap_or_default();
    path.starts_with("std::sys::thread_local::") && path.ends_with("::Storage")
}
