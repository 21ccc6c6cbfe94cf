//! Where the types are defined that a unit of an optimised build only declares.
//!
//! May use: `load`, `entries`, `paths`, `scan`.

use crate::debuginfo::entries::Entry;
use crate::debuginfo::load::{Binary, DieRef, Reader};
use crate::debuginfo::paths::Paths;
use crate::debuginfo::scan;
use std::collections::HashMap;

/// For each name of a declared type, without its path: the entries that define a type of that name.
pub(super) struct Definitions(HashMap<&'static [u8], Vec<DieRef>>);

impl Definitions {
    pub(super) fn collect(binary: &Binary) -> Definitions {
        let mut defined = Vec::new();
        let mut declared = HashMap::new();
        scan::types(binary, |ty| {
            if ty.declaration {
                declared.entry(ty.name.slice()).or_default();
            } else {
                defined.push((ty.name.slice(), ty.die));
            }
        });
        for (name, die) in defined {
            if let Some(definitions) = declared.get_mut(name) {
                let definitions: &mut Vec<DieRef> = definitions;
                definitions.push(die);
            }
        }
        Definitions(declared)
    }

    /// The definition of the type called `own` in its namespace and `name` in full.
    ///
    /// None if there is none, or if types of this name differ in size: they are from two versions of a crate, and the declaration does
    /// not say which it means.
    pub(super) fn find(&self, paths: &Paths, own: Reader, name: &str) -> Option<DieRef> {
        let mut found: Option<(DieRef, Option<u64>)> = None;
        for die in self.0.get(own.slice())? {
            if *paths.qualify(*die, &own.to_string_lossy()) != *name {
                continue;
            }
            let size = Entry::at(paths.binary(), *die)?.byte_size;
            match found {
                Some((_, other)) if other != size => return None,
                Some(_) => {}
                None => found = Some((*die, size)),
            }
        }
        found.map(|(die, _)| die)
    }
}
