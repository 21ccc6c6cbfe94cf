//! From what somebody wrote to the types of the binary, and to their live instances.
//!
//! May use: `heap`, `debuginfo`.

use crate::debuginfo::code::{CodeKind, is_memleak};
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{DieRef, LoadError};
use crate::debuginfo::names::{self, Named};
use crate::debuginfo::types::{Type, TypeId, Types as _};
use crate::heap::instances::{self, Doubt, Instance};
use crate::query::nearest::{Candidate, nearest};
use crate::query::pattern::{Pattern, PatternError};
use crate::query::predicate::{self, StateError};
use crate::query::read::Place;
use crate::query::scene::Scene;
use crate::query::state::State;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
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
    /// There are such types, and no value of them can be in the state that is asked for.
    State(StateError),
    /// It says a variant or fields where only types are known.
    NotATypeAlone,
    /// The debug info cannot be read.
    DebugInfo(LoadError),
}

impl From<LoadError> for NameError {
    fn from(error: LoadError) -> NameError {
        NameError::DebugInfo(error)
    }
}

/// What was asked for: whether it is a type that the compiler resolved, its size if that is known, and its name.
type Key = (bool, Option<usize>, String);

/// The full names of types, and whose they are.
type Names = Rc<[(Rc<str>, CodeKind)]>;

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
    /// The types by the names of their instances, which for a variant is `enum::variant`.
    by_name: HashMap<Rc<str>, TypeId>,
    /// What the fields of an instance have to be.
    state: Option<State>,
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
    /// Finds them in the binary. What was found once is kept: it takes a pass over the debug info.
    ///
    /// # Errors
    /// When there are none, or it cannot be told.
    pub fn resolve(types: &'static TypeTable<'static>, subject: Subject<'_>) -> Result<Rc<Subjects>, NameError> {
        thread_local! {
            static KNOWN: RefCell<HashMap<Key, Rc<Subjects>>> = RefCell::default();
        }
        let key = match subject {
            Subject::Pattern(text) => (false, None, text.to_owned()),
            Subject::Path { name, size, .. } => (true, size, name().to_owned()),
        };
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
            return Ok(known);
        }
        let found = Rc::new(Subjects::read(types, subject)?);
        KNOWN.with_borrow_mut(|known| known.insert(key, Rc::clone(&found)));
        Ok(found)
    }

    fn read(types: &TypeTable, subject: Subject<'_>) -> Result<Subjects, NameError> {
        let (pattern, size) = match subject {
            Subject::Pattern(text) => (Pattern::parse_with_state(text), None),
            Subject::Path { name, size, .. } => (Pattern::exact(name()), size),
        };
        let pattern = pattern.map_err(NameError::Pattern)?;
        let mut found = Subjects {
            names: HashSet::new(),
            variants: HashSet::new(),
            size: size.map(|size| size as u64),
            candidates: Vec::new(),
            units: Some(HashSet::new()),
            by_name: HashMap::new(),
            state: pattern.state().cloned(),
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
        found.keep_those_with_the_state(types)?;
        Ok(found)
    }

    /// The units of the debug info that describe them; none if it is not known of all.
    pub fn units(&self) -> Option<&HashSet<u32>> {
        self.units.as_ref()
    }

    /// Their live instances. Where it cannot be told what is in the fields of one, it stays.
    pub fn find(&self, scene: &Scene<'_>) -> Vec<Instance> {
        let mut found = instances::find(scene.view(), &scene.contents, &scene.roots, self);
        if let Some(state) = &self.state {
            let reader = scene.reader();
            found.retain(|instance| {
                let nowhere = matches!(instance.doubt, Some(Doubt::NotUnderstood(_) | Doubt::OwnLayout(_)));
                let place = self.type_of(instance).map(|ty| Place { ty, address: instance.address });
                nowhere || place.is_none_or(|place| reader.is_in(place, state))
            });
        }
        found
    }

    /// The type of an instance that was found.
    pub fn type_of(&self, instance: &Instance) -> Option<TypeId> {
        self.by_name.get(&instance.type_name).copied()
    }

    /// Leaves the types out no value of which can be in the state, unless that is all of them.
    fn keep_those_with_the_state(&mut self, types: &TypeTable) -> Result<(), NameError> {
        let Some(state) = &self.state else { return Ok(()) };
        let mut error = None;
        let mut kept = HashMap::new();
        for (name, ty) in &self.by_name {
            let variant = name.strip_prefix(&*types.get(*ty).name).and_then(|rest| rest.strip_prefix("::"));
            match predicate::check(types, *ty, variant, state) {
                Ok(()) => {
                    kept.insert(Rc::clone(name), *ty);
                }
                Err(another) => error = error.or(Some(another)),
            }
        }
        if kept.is_empty() {
            return error.map_or(Ok(()), |error| Err(NameError::State(error)));
        }
        self.names.retain(|name| kept.contains_key(name));
        self.variants.retain(|(of, variant)| kept.contains_key(&*format!("{of}::{variant}")));
        self.candidates.retain(|ty| kept.contains_key(&types.get(*ty).name));
        self.by_name = kept;
        Ok(())
    }

    fn add_variant(&mut self, of: Rc<str>, variant: &str, id: TypeId) {
        self.by_name.insert(format!("{of}::{variant}").into(), id);
        self.variants.insert((of, Rc::from(variant)));
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
                    let id = types.id_of(of);
                    let of = types.get(id).name.clone();
                    let variant = name.rsplit("::").next().unwrap_or(&name);
                    if pattern.matches_variant(&of, variant) {
                        self.add_variant(of, variant, id);
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
            self.by_name.insert(Rc::clone(&name), id);
            self.names.insert(name);
            self.candidates.push(id);
            self.units.iter_mut().for_each(|units| _ = units.insert(die.unit));
        }
    }
}

/// Types by their names alone, where there are no values to look at: of blocks that came and went.
pub enum Kinds {
    /// Those that are meant.
    Types(Rc<Subjects>),
    /// Those that a pattern matches which is for none that the debug info has by name: `[Session]`.
    Matching(Pattern),
}

impl Kinds {
    /// Finds them in the binary.
    ///
    /// # Errors
    /// When there are none, or more is asked for than a name tells.
    pub fn resolve(types: &'static TypeTable<'static>, subject: Subject<'_>) -> Result<Kinds, NameError> {
        if let Subject::Pattern(text) = subject
            && let Some(element) = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        {
            Subjects::resolve(types, Subject::Pattern(element))?;
            return Pattern::parse(text).map(Kinds::Matching).map_err(NameError::Pattern);
        }
        let found = Subjects::resolve(types, subject)?;
        if found.names.is_empty() || found.state.is_some() {
            return Err(NameError::NotATypeAlone);
        }
        Ok(Kinds::Types(found))
    }

    /// Whether the type of this name is among them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Kinds::Types(found) => found.names.contains(name),
            Kinds::Matching(pattern) => pattern.matches(name),
        }
    }
}

/// The full names of all types and whose they are; read once, because that takes long.
///
/// # Errors
/// When the debug info cannot be read.
pub(super) fn every_name(types: &TypeTable) -> Result<Names, LoadError> {
    thread_local! {
        static KNOWN: OnceCell<Names> = const { OnceCell::new() };
    }
    if let Some(known) = KNOWN.with(|known| known.get().cloned()) {
        return Ok(known);
    }
    let all: Names = names::all_names(types)?.into();
    Ok(KNOWN.with(|known| known.get_or_init(|| all).clone()))
}

fn unknown(types: &TypeTable, subject: Subject<'_>, pattern: &Pattern) -> Result<NameError, LoadError> {
    let (name, resolved) = match subject {
        Subject::Pattern(text) => (text, false),
        Subject::Path { name, .. } => (name(), true),
    };
    let all = every_name(types)?;
    let others = all.iter().filter(|(name, _)| !is_memleak(name));
    let candidates = others.map(|(name, kind)| Candidate { name, kind: *kind });
    Ok(NameError::Unknown { resolved, nearest: nearest(name, candidates), instead: pattern.without_pointers() })
}
