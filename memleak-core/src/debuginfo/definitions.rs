//! Where the types are defined that a unit of an optimised build only declares.
//!
//! May use: `load`, `entries`, `scan`.

use crate::debuginfo::entries::Entry;
use crate::debuginfo::load::{Binary, DieRef};
use crate::debuginfo::scan;
use std::collections::{HashMap, HashSet};

/// The definitions of all types that some unit declares, by full name.
pub(super) struct Definitions(HashMap<String, Definition>);

enum Definition {
    /// Here, and wherever else it is defined it has the same size.
    At { die: DieRef, size: Option<u64> },
    /// Types of this name differ in size: they are from two versions of a crate, and a declaration does not say which it means.
    Ambiguous,
}

impl Definitions {
    /// If a unit is broken, the definitions are not complete, and a type that cannot be found is opaque.
    pub(super) fn collect(binary: &Binary) -> Definitions {
        // First their own names, which are cheap to compare; full names are built only for types of these.
        let mut declared = HashSet::new();
        let _ = scan::types(binary, |hit| {
            if hit.is_declaration() {
                declared.insert(hit.own_name());
            }
        });
        let mut definitions = HashMap::new();
        let _ = scan::types(binary, |hit| {
            if hit.is_declaration() || !declared.contains(&hit.own_name()) {
                return;
            }
            let size = Entry::at(binary, hit.die).and_then(|entry| entry.byte_size);
            definitions
                .entry(hit.full_name())
                .and_modify(|known| match known {
                    Definition::At { size: other, .. } if *other != size => *known = Definition::Ambiguous,
                    Definition::At { .. } | Definition::Ambiguous => {}
                })
                .or_insert(Definition::At { die: hit.die, size });
        });
        Definitions(definitions)
    }

    /// The definition of the type with this full name, if there is one and only one.
    pub(super) fn get(&self, name: &str) -> Option<DieRef> {
        match self.0.get(name)? {
            Definition::At { die, .. } => Some(*die),
            Definition::Ambiguous => None,
        }
    }
}
