//! The namespaces around an entry: DWARF states only the last segment of a name, and an entry does not know its parent.
//!
//! May use: `load`, `entries`.

use crate::debuginfo::entries::Entry;
use crate::debuginfo::load::{Binary, DieRef};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Qualified names. A unit is walked once, when a name in it is first asked for.
pub(super) struct Paths<'b> {
    binary: &'b Binary,
    units: RefCell<HashMap<u32, Rc<[Scope]>>>,
    /// By the entry of the scope.
    names: RefCell<HashMap<DieRef, Rc<str>>>,
}

/// A namespace, or a type that has entries of its own: the variants of an enum are in the enum.
#[derive(Clone, Copy)]
struct Scope {
    /// Offset of its entry.
    start: u32,
    /// Offset of the first entry after all that is in it.
    end: u32,
    /// Index of the scope around it.
    parent: Option<u32>,
    is_type: bool,
}

impl<'b> Paths<'b> {
    pub(super) fn new(binary: &'b Binary) -> Paths<'b> {
        Paths { binary, units: RefCell::default(), names: RefCell::default() }
    }

    pub(super) fn binary(&self) -> &'b Binary {
        self.binary
    }

    /// `name`, the name of the entry `die`, after the names of everything around that entry.
    pub(super) fn qualify(&self, die: DieRef, name: &str) -> Rc<str> {
        match self.scope_of(die) {
            Some((scope, _)) => format!("{}::{name}", self.scope_name(scope)).into(),
            None => name.into(),
        }
    }

    /// The enum that the entry, the struct of a variant, is in.
    pub(super) fn enum_of(&self, die: DieRef) -> Option<DieRef> {
        self.scope_of(die).filter(|(_, is_type)| *is_type).map(|(scope, _)| scope)
    }

    /// The namespace or type that the entry is in, and whether it is a type.
    fn scope_of(&self, die: DieRef) -> Option<(DieRef, bool)> {
        let scopes = self.scopes(die.unit);
        let before = scopes.partition_point(|scope| scope.start < die.offset).checked_sub(1)?;
        let mut scope = scopes[before];
        while scope.end <= die.offset {
            scope = scopes[scope.parent? as usize];
        }
        Some((DieRef { unit: die.unit, offset: scope.start }, scope.is_type))
    }

    fn scope_name(&self, scope: DieRef) -> Rc<str> {
        if let Some(name) = self.names.borrow().get(&scope) {
            return Rc::clone(name);
        }
        let own = Entry::at(self.binary, scope).and_then(|entry| entry.name_text()).unwrap_or("{unnamed}".into());
        let name = self.qualify(scope, &own);
        self.names.borrow_mut().insert(scope, Rc::clone(&name));
        name
    }

    fn scopes(&self, unit: u32) -> Rc<[Scope]> {
        if let Some(scopes) = self.units.borrow().get(&unit) {
            return Rc::clone(scopes);
        }
        // A unit that cannot be walked to its end is broken; what was read of it still holds.
        let mut scopes = Vec::new();
        let _ = collect(self.binary, unit, &mut scopes);
        let scopes: Rc<[Scope]> = scopes.into();
        self.units.borrow_mut().insert(unit, Rc::clone(&scopes));
        scopes
    }
}

fn collect(binary: &Binary, index: u32, scopes: &mut Vec<Scope>) -> gimli::Result<()> {
    let unit = binary.unit(index)?;
    let mut entries = unit.entries_raw(None)?;
    // The open scopes, each with the depth its children have.
    let mut open: Vec<(u32, isize)> = Vec::new();
    while !entries.is_empty() {
        let offset = entries.next_offset().0 as u32;
        while let Some((scope, inside)) = open.last().copied()
            && entries.next_depth() < inside
        {
            scopes[scope as usize].end = offset;
            open.pop();
        }
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        entries.skip_attributes(abbreviation.attributes())?;
        let is_scope = matches!(
            abbreviation.tag(),
            gimli::DW_TAG_namespace
                | gimli::DW_TAG_structure_type
                | gimli::DW_TAG_union_type
                | gimli::DW_TAG_enumeration_type
        );
        if is_scope && abbreviation.has_children() {
            let parent = open.last().map(|(scope, _)| *scope);
            open.push((scopes.len() as u32, entries.next_depth()));
            let is_type = abbreviation.tag() != gimli::DW_TAG_namespace;
            scopes.push(Scope { start: offset, end: u32::MAX, parent, is_type });
        }
    }
    Ok(())
}
