//! From what somebody wrote to the types of the binary, and to their live instances.
//!
//! May use: `heap`, `debuginfo`.

use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{DieRef, LoadError};
use crate::debuginfo::names::{self, Named};
use crate::debuginfo::types::{Type, TypeId, Types as _};
use crate::heap::instances::{self, Instance};
use crate::query::nearest::{Candidate, nearest};
use crate::query::pattern::{Pattern, PatternError};
use crate::query::scene::Scene;
use std::collections::HashSet;
use std::rc::Rc;

/// Which types are meant.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Written as a string: a pattern, matched against the types of the binary.
    Pattern(&'a str),
    /// Written as a path, resolved by the compiler.
    Path {
        /// As written, for the text.
        written: &'a str,
        /// `core::any::type_name` of it.
        name: fn() -> &'static str,
        /// `core::mem::size_of` of it, to tell same-named types apart; none if unsized, or not known.
        size: Option<usize>,
    },
}

impl<'a> Subject<'a> {
    /// As it is written.
    pub fn written(self) -> &'a str {
        match self {
            Subject::Pattern(written) | Subject::Path { written, .. } => written,
        }
    }
}

/// Why it is not known which types are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NameError {
    /// The text is not a pattern.
    Pattern(PatternError),
    /// No type of the binary has this name.
    Unknown {
        /// Whether the compiler resolved it (`expect_zero = Session`) or it is a pattern.
        resolved: bool,
        /// Names that are there, the most likely first.
        nearest: Vec<String>,
        /// What a pointer, an array or a slice is of, if that is what was meant: what to name instead.
        instead: Option<String>,
    },
    /// The debug info cannot be read.
    DebugInfo(LoadError),
}

impl From<LoadError> for NameError {
    fn from(error: LoadError) -> NameError {
        NameError::DebugInfo(error)
    }
}

/// The types that are meant.
#[derive(Clone, Debug)]
pub struct Subjects {
    names: HashSet<Rc<str>>,
    /// Enum and variant.
    variants: HashSet<(Rc<str>, Rc<str>)>,
    /// If the compiler told the size: types of another size have the same name by chance.
    size: Option<u64>,
    candidates: Vec<TypeId>,
    /// The units of the debug info that describe them; none if it is not known of all.
    units: Option<HashSet<u32>>,
}

impl instances::Subject for Subjects {
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

impl Subjects {
    /// Finds them in the binary.
    ///
    /// # Errors
    /// When there are none, or it cannot be told.
    pub fn resolve(types: &TypeTable, subject: Subject<'_>) -> Result<Subjects, NameError> {
        let (pattern, size) = match subject {
            Subject::Pattern(text) => (Pattern::parse(text), None),
            Subject::Path { name, size, .. } => (Pattern::exact(name()), size),
        };
        let pattern = pattern.map_err(NameError::Pattern)?;
        let mut found = Subjects {
            names: HashSet::new(),
            variants: HashSet::new(),
            size: size.map(|size| size as u64),
            candidates: Vec::new(),
            units: Some(HashSet::new()),
        };
        if pattern.is_trait_object() {
            // Vtables say where the type is described, and not where else.
            found.units = None;
            found.add_implementors(types, &pattern)?;
        } else {
            found.add_named(types, &pattern)?;
        }
        if found.names.is_empty() && found.variants.is_empty() {
            return Err(unknown(types, subject, &pattern)?);
        }
        Ok(found)
    }

    /// The units of the debug info that describe them; none if it is not known of all.
    pub fn units(&self) -> Option<&HashSet<u32>> {
        self.units.as_ref()
    }

    /// Their live instances.
    pub fn find(&self, scene: &Scene<'_>) -> Vec<Instance> {
        instances::find(scene.view(), &scene.contents, &scene.roots, self)
    }

    fn add_named(&mut self, types: &TypeTable, pattern: &Pattern) -> Result<(), LoadError> {
        let accept = |name: &str| {
            let variant = name.rsplit_once("::").is_some_and(|(of, variant)| pattern.matches_variant(of, variant));
            variant || pattern.matches(name)
        };
        for Named { die, name, variant_of } in names::find(types, pattern.last_segment(), &accept)? {
            match variant_of {
                None => self.add(types, die, name),
                Some(of) => {
                    self.units.iter_mut().for_each(|units| _ = units.insert(of.unit));
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
            let name = types.get(types.id_of(implementor.die)).name.clone();
            self.add(types, implementor.die, name);
        }
        Ok(())
    }

    fn add(&mut self, types: &TypeTable, die: DieRef, name: Rc<str>) {
        let id = types.id_of(die);
        if self.size.is_none_or(|size| types.get(id).size == size) {
            self.names.insert(name);
            self.candidates.push(id);
            self.units.iter_mut().for_each(|units| _ = units.insert(die.unit));
        }
    }
}

fn unknown(types: &TypeTable, subject: Subject<'_>, pattern: &Pattern) -> Result<NameError, LoadError> {
    let (name, resolved) = match subject {
        Subject::Pattern(text) => (text, false),
        Subject::Path { name, .. } => (name(), true),
    };
    let all = names::all_names(types)?;
    // The test did not mean memleak itself.
    let own = |name: &str| ["memleak::", "memleak_core::"].iter().any(|krate| name.starts_with(krate));
    let others = all.iter().filter(|(name, _)| !own(name));
    let candidates = others.map(|(name, kind)| Candidate { name, kind: *kind });
    Ok(NameError::Unknown { resolved, nearest: nearest(name, candidates), instead: pattern.without_pointers() })
}
