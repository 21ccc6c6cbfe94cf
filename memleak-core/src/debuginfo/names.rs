//! The names of all types and functions of the executable, and the types behind each trait object.
//!
//! May use: `load`, `layouts`, `entries`, `scan`, `code`.

use crate::address::FileAddress;
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::entries::Entry;
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{Binary, DieRef, LoadError, Reader, root_file};
use crate::debuginfo::scan::{self, Hit};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// A type whose name was asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Named {
    /// Its entry. The same type has others in other units.
    pub die: DieRef,
    /// In full, as [`Type::name`](crate::debuginfo::types::Type::name) has it.
    pub name: Rc<str>,
    /// It is not a type of its own but a variant of the enum with this entry: `name` is `chat::Conn::Open`.
    pub variant_of: Option<DieRef>,
}

/// All types whose name in full `accept`s. `segment`, where the caller knows it, is the last segment of each such name, without generics:
/// then only types of that name are looked at, which takes a small part of the time.
///
/// Finds structs, unions, enums, primitive types, tuples, closures, coroutines, and variants.
///
/// # Errors
/// When a unit cannot be read: a type in it would be missed.
pub fn find(table: &TypeTable, segment: Option<&str>, accept: &dyn Fn(&str) -> bool) -> Result<Vec<Named>, LoadError> {
    let mut found = Vec::new();
    let each = |hit: Hit| {
        // `<A as B>::{vtable_type}`: what the compiler made, not a type of the program.
        let name = hit.full_name();
        if !name.starts_with('<') && accept(&name) {
            found.push(Named { die: hit.die, name: name.into(), variant_of: hit.enum_around() });
        }
    };
    match segment {
        Some(segment) => scan::types_called(table.binary(), segment, each)?,
        None => scan::types(table.binary(), each)?,
    }
    found.retain(|found| is_rust(table.binary(), found.die));
    Ok(found)
}

/// The names of all types that the executable has a function to drop of.
///
/// # Errors
/// When a unit cannot be read.
pub(super) fn dropped(binary: &Binary) -> Result<HashSet<String>, LoadError> {
    let mut found = HashSet::new();
    for function in ["drop_in_place", "drop_glue"] {
        scan::functions_called(binary, function, |hit| {
            let name = hit.own_name();
            let ty = name.split_once('<').and_then(|(_, ty)| ty.strip_suffix('>'));
            found.extend(ty.map(str::to_owned));
        })?;
    }
    Ok(found)
}

/// The paths of the functions whose last segment, without generics, is `name`, and whose they are.
///
/// # Errors
/// When a unit cannot be read: a function in it would be missed.
pub fn functions_called(table: &TypeTable, name: &str) -> Result<Vec<(String, CodeKind)>, LoadError> {
    let mut found = Vec::new();
    scan::functions_called(table.binary(), name, |hit| {
        let (path, root) = (hit.full_name(), root_of(table.binary(), hit.die.unit));
        let kind = CodeKind::of(&path, root.as_deref());
        found.push((path, kind));
    })?;
    Ok(found)
}

/// The last segments of the paths of all functions, without generics.
///
/// # Errors
/// When a unit cannot be read.
pub fn function_words(table: &TypeTable) -> Result<BTreeSet<String>, LoadError> {
    let mut found = BTreeSet::new();
    scan::functions(table.binary(), |hit| {
        let name = hit.own_name();
        let word = name.split('<').next().unwrap_or_default();
        if !word.is_empty() && !found.contains(word) {
            found.insert(word.to_owned());
        }
    })?;
    Ok(found)
}

/// Not of a C library that the program contains.
fn is_rust(binary: &Binary, die: DieRef) -> bool {
    let root = |unit: &gimli::Unit<Reader>| {
        Some(unit.entry(unit.header.root_offset()).ok()?.attr_value(gimli::DW_AT_language))
    };
    let language = binary.unit(die.unit).ok().and_then(root).flatten();
    matches!(language, Some(gimli::AttributeValue::Language(gimli::DW_LANG_Rust)))
}

/// The full names of all types that have one of their own, and whose they are. For a text that offers the nearest names: this builds
/// every name.
///
/// # Errors
/// When a unit cannot be read.
pub fn all_names(table: &TypeTable) -> Result<Vec<(Rc<str>, CodeKind)>, LoadError> {
    let found = find(table, None, &|_| true)?;
    let foreign = foreign_crates(table.binary(), &found);
    let kind = |name: &str| match crate_of(name) {
        "core" | "alloc" | "std" => CodeKind::Std,
        krate if foreign.contains(krate) => CodeKind::Dependency,
        _ => CodeKind::User,
    };
    let names: BTreeSet<_> = found.iter().map(|found| Rc::clone(&found.name)).collect();
    Ok(names.into_iter().map(|name| (Rc::clone(&name), kind(&name))).collect())
}

/// The crates whose types are described in units of dependencies. A dependency does not know the crates that depend on it, so the user's
/// are not among them. (A unit does not say which crate it is of: its name is that of the root file and, in incremental builds, a hash.)
fn foreign_crates<'n>(binary: &Binary, found: &'n [Named]) -> HashSet<&'n str> {
    let mut roots: HashMap<u32, Option<String>> = HashMap::new();
    let mut foreign = HashSet::new();
    for Named { die, name, .. } in found {
        let root = roots.entry(die.unit).or_insert_with(|| root_of(binary, die.unit));
        if CodeKind::of(name, root.as_deref()) != CodeKind::User {
            foreign.insert(crate_of(name));
        }
    }
    foreign
}

fn root_of(binary: &Binary, unit: u32) -> Option<String> {
    binary.unit(unit).ok().and_then(root_file)
}

fn crate_of(name: &str) -> &str {
    name.split("::").next().unwrap_or_default()
}

/// A concrete type that the program uses behind a trait object.
#[derive(Clone, PartialEq, Debug)]
pub struct Implementor {
    /// The concrete type.
    pub die: DieRef,
    /// The trait in full, with generics: `chat::Chat`.
    pub of_trait: String,
    /// Where its vtable is. Units may share one or have one each.
    pub vtable: FileAddress,
}

/// The types that have a vtable for a trait whose name in full `accept`s.
///
/// A type without one in the binary is never behind that trait object; the linker drops those that nothing uses.
///
/// # Errors
/// When a unit cannot be read: a vtable in it would be missed.
pub fn implementors(table: &TypeTable, accept: &dyn Fn(&str) -> bool) -> Result<Vec<Implementor>, LoadError> {
    let binary = table.binary();
    let mut found = Vec::new();
    scan::statics(binary, |hit| {
        let name = hit.own_name();
        if vtable_trait(&name).is_some_and(accept) {
            found.extend(implementor(binary, hit.die));
        }
    })?;
    Ok(found)
}

/// What the entry of a vtable says; none if the linker dropped it.
pub fn implementor(binary: &Binary, vtable: DieRef) -> Option<Implementor> {
    let variable = Entry::at(binary, vtable)?;
    let name = variable.name_text()?;
    let address = variable.address(binary).filter(|address| *address != FileAddress(0))?;
    let die = Entry::at(binary, variable.ty?)?.containing?;
    Some(Implementor { die, of_trait: vtable_trait(&name)?.to_owned(), vtable: address })
}

/// The trait in `<chat::Bot as chat::Chat>::{vtable}`.
pub(super) fn vtable_trait(name: &str) -> Option<&str> {
    let inner = name.strip_prefix('<')?.strip_suffix(">::{vtable}")?;
    let mut depth = 0usize;
    let mut split = None;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'<' | b'(' | b'[' => depth += 1,
            // Not the arrow of a function's result.
            b'>' if inner[..at].ends_with('-') => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && inner[at..].starts_with(" as ") => split = Some(at + 4),
            _ => {}
        }
    }
    split.map(|at| &inner[at..])
}
