//! From what a test wrote to the types of the binary.
//!
//! May use: `query`, `heap`, `debuginfo`.

use crate::check::verdict::Obstacle;
use crate::check::{Expectation, Subject};
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::LoadError;
use crate::debuginfo::names::{self, Named};
use crate::debuginfo::types::{Type, TypeId, Types as _};
use crate::heap::instances;
use crate::query::nearest::{Candidate, nearest};
use crate::query::pattern::{Pattern, PatternError};
use std::collections::HashSet;
use std::rc::Rc;

/// The types one expectation is about.
pub(super) struct Resolved {
    /// As the test has it.
    pub(super) written: &'static str,
    /// How many may live.
    pub(super) at_most: u64,
    names: HashSet<Rc<str>>,
    /// Enum and variant.
    variants: HashSet<(Rc<str>, Rc<str>)>,
    /// If the compiler told the size: types of another size have the same name by chance.
    size: Option<u64>,
    candidates: Vec<TypeId>,
}

impl instances::Subject for Resolved {
    fn candidates(&self) -> &[TypeId] {
        &self.candidates
    }

    fn wants(&self, ty: &Type) -> bool {
        self.size.is_none_or(|size| size == ty.size) && self.names.contains(&ty.name)
    }

    fn wants_variant(&self, ty: &Type, variant: &str) -> bool {
        !self.variants.is_empty() && self.variants.contains(&(Rc::clone(&ty.name), Rc::from(variant)))
    }
}

impl From<LoadError> for Obstacle {
    fn from(error: LoadError) -> Obstacle {
        Obstacle::DebugInfo(error)
    }
}

/// Finds the types of an expectation in the binary.
pub(super) fn resolve(types: &TypeTable, expectation: &Expectation) -> Result<Resolved, Obstacle> {
    let crate::check::Bound::AtMost(at_most) = expectation.bound;
    let (written, pattern, size) = match expectation.subject {
        Subject::Pattern(text) => (text, Pattern::parse(text), None),
        Subject::Path { written, name, size } => (written, Pattern::exact(name()), size),
    };
    let pattern = pattern.map_err(|error: PatternError| Obstacle::Pattern { written: written.to_owned(), error })?;
    let mut resolved = Resolved {
        written,
        at_most,
        names: HashSet::new(),
        variants: HashSet::new(),
        size: size.map(|size| size as u64),
        candidates: Vec::new(),
    };
    if pattern.is_trait_object() {
        resolved.add_implementors(types, &pattern)?;
    } else {
        resolved.add_named(types, &pattern)?;
    }
    if resolved.names.is_empty() && resolved.variants.is_empty() {
        return Err(unknown(types, expectation, written)?);
    }
    Ok(resolved)
}

impl Resolved {
    fn add_named(&mut self, types: &TypeTable, pattern: &Pattern) -> Result<(), LoadError> {
        let accept = |name: &str| {
            let variant = name.rsplit_once("::").is_some_and(|(of, variant)| pattern.matches_variant(of, variant));
            variant || pattern.matches(name)
        };
        for Named { die, name, variant_of } in names::find(types, pattern.last_segment(), &accept)? {
            let id = types.id_of(die);
            match variant_of {
                None => self.add(types, id, name),
                Some(of) => {
                    let of = types.get(types.id_of(of)).name.clone();
                    let variant = name.rsplit("::").next().unwrap_or(&name);
                    if pattern.matches_variant(&of, variant) {
                        self.variants.insert((of, Rc::from(variant)));
                    }
                }
            }
        }
        Ok(())
    }

    fn add_implementors(&mut self, types: &TypeTable, pattern: &Pattern) -> Result<(), LoadError> {
        let accept = |of_trait: &str| pattern.matches_trait(of_trait);
        for implementor in names::implementors(types, &accept)? {
            let id = types.id_of(implementor.die);
            let name = types.get(id).name.clone();
            self.add(types, id, name);
        }
        Ok(())
    }

    fn add(&mut self, types: &TypeTable, id: TypeId, name: Rc<str>) {
        if self.size.is_none_or(|size| types.get(id).size == size) {
            self.names.insert(name);
            self.candidates.push(id);
        }
    }
}

fn unknown(types: &TypeTable, expectation: &Expectation, written: &str) -> Result<Obstacle, LoadError> {
    let name = match expectation.subject {
        Subject::Pattern(text) => text,
        Subject::Path { name, .. } => name(),
    };
    let all = names::all_names(types)?;
    let resolved = matches!(expectation.subject, Subject::Path { .. });
    // The test did not mean memleak itself.
    let own = |name: &str| ["memleak::", "memleak_core::"].iter().any(|krate| name.starts_with(krate));
    let others = all.iter().filter(|(name, _)| !own(name));
    let candidates = others.map(|(name, kind)| Candidate { name, kind: *kind });
    Ok(Obstacle::UnknownName { written: written.to_owned(), resolved, nearest: nearest(name, candidates) })
}
