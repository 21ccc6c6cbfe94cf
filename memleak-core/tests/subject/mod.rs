//! The values of one type, as what is looked for.

use memleak_core::debuginfo::types::{Type, TypeId};
use memleak_core::heap::instances::Subject;

/// The values of the type with this name.
pub struct Named(pub &'static str, pub Vec<TypeId>);

impl Subject for Named {
    fn candidates(&self) -> &[TypeId] {
        &self.1
    }

    fn wants(&self, ty: &Type) -> bool {
        &*ty.name == self.0
    }

    fn wants_variant(&self, _: &Type, _: &str) -> bool {
        false
    }
}
