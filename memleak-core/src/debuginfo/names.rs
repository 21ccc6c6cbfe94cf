//! The names of all types of the executable, and the types behind each trait object.
//!
//! May use: `load`, `layouts`, `entries`, `paths`, `scan`, `code`.

use crate::address::FileAddress;
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::entries::Entry;
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{Binary, DieRef};
use crate::debuginfo::scan;
use std::collections::{BTreeSet, HashSet};
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
/// then only types of that name are looked at.
///
/// Finds structs, unions, enums, primitive types, tuples, closures, coroutines, and variants with a struct of their own.
pub fn find(table: &TypeTable, segment: Option<&str>, accept: &dyn Fn(&str) -> bool) -> Vec<Named> {
    let mut found = Vec::new();
    scan::types(table.binary(), |ty| {
        let own = ty.name.slice();
        if segment.is_some_and(|segment| !is_called(own, segment.as_bytes())) {
            return;
        }
        let name = table.paths().qualify(ty.die, &String::from_utf8_lossy(own));
        if accept(&name) {
            found.push(Named { die: ty.die, name, variant_of: table.paths().enum_of(ty.die) });
        }
    });
    found
}

/// Whether `own`, as DWARF has it, is `segment` with or without generics.
fn is_called(own: &[u8], segment: &[u8]) -> bool {
    own.strip_prefix(segment).is_some_and(|rest| rest.is_empty() || rest[0] == b'<')
}

/// The full names of all types that have one of their own, those of the user's crates first. For a text that offers the nearest names:
/// this builds every name.
pub fn all_names(table: &TypeTable) -> Vec<Rc<str>> {
    let mut names = BTreeSet::new();
    scan::types(table.binary(), |ty| {
        names.insert(table.paths().qualify(ty.die, &ty.name.to_string_lossy()));
    });
    let user = user_crates(table.binary());
    let (mut first, then): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name.split("::").next().is_some_and(|krate| user.contains(krate)));
    first.extend(then);
    first
}

/// The crates of the package under test and its path dependencies.
fn user_crates(binary: &Binary) -> HashSet<String> {
    let mut crates = HashSet::new();
    for index in 0..binary.units().len() as u32 {
        // `src/main.rs/@/chat.8bac0f`: the source file of the crate's root and, after the `@`, the crate.
        let Some(name) = binary.unit(index).ok().and_then(|unit| unit.name) else { continue };
        let name = name.to_string_lossy();
        let Some((root, unit)) = name.split_once("/@/") else { continue };
        let krate = unit.split('.').next().unwrap_or_default();
        if CodeKind::of(krate, Some(root)) == CodeKind::User {
            crates.insert(krate.to_owned());
        }
    }
    crates
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
pub fn implementors(table: &TypeTable, accept: &dyn Fn(&str) -> bool) -> Vec<Implementor> {
    let binary = table.binary();
    let mut found = Vec::new();
    scan::globals(binary, |die| {
        let Some(variable) = Entry::at(binary, die) else { return };
        let Some(name) = variable.name_text() else { return };
        let Some(of_trait) = vtable_trait(&name) else { return };
        let address = variable.address(binary).filter(|address| *address != FileAddress(0));
        let (Some(vtable), true) = (address, accept(of_trait)) else { return };
        let concrete = variable.ty.and_then(|ty| Entry::at(binary, ty)?.containing);
        found.extend(concrete.map(|die| Implementor { die, of_trait: of_trait.to_owned(), vtable }));
    });
    found
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
