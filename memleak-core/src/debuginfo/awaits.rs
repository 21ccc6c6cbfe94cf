//! From a suspended coroutine to the place of the `.await` in the source.
//!
//! May use: `load`, `entries`, `layouts`, `lines`, `scan`, `functions` (its `Location`).
//!
//! Each state of a coroutine says where it was left. Where a macro of another crate wrote the await (`select!`, `join!`), that is a place
//! inside of the macro. The variable that holds the awaited future in the coroutine's function says where the macro was called.

use crate::debuginfo::entries::{Entry, Walk};
use crate::debuginfo::functions::Location;
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::lines;
use crate::debuginfo::load::{Binary, DieRef};
use crate::debuginfo::scan;
use crate::debuginfo::types::{TypeId, TypeKind, Types as _};
use gimli::constants as dw;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What rustc calls the variable that an awaited future is kept in.
pub const AWAITED: &str = "__awaitee";

/// Where a coroutine of a type is, by its state.
pub(super) type Places = Rc<[(Rc<str>, Location)]>;

/// The places of all states of the coroutine that `die` defines, whose id is `coroutine`.
pub(super) fn places(table: &TypeTable, coroutine: TypeId, die: DieRef) -> Places {
    let Ok(mut places) = stated(table.binary(), die) else { return Rc::from([]) };
    let file = places.iter().find(|(state, _)| &**state == "Unresumed").map(|(_, place)| Rc::clone(&place.file));
    // The variables of the coroutine's function are looked for only if need be: that takes a pass over the debug info.
    let mut awaited = None;
    for (state, place) in &mut places {
        if state.starts_with("Suspend") && file.as_ref().is_some_and(|file| *file != place.file) {
            let awaited = awaited.get_or_insert_with(|| awaited_variables(table, die));
            if let Some(call) = call_of(table, coroutine, state, awaited) {
                *place = call;
            }
        }
    }
    places.into()
}

/// What the states of the coroutine say themselves.
fn stated(binary: &Binary, die: DieRef) -> gimli::Result<Vec<(Rc<str>, Location)>> {
    let mut walk = Walk::new(binary, die)?;
    let mut members = Vec::new();
    let mut structs = Vec::new();
    let mut around: Vec<dw::DwTag> = Vec::new();
    while let Some(entry) = walk.next()? {
        around.truncate(entry.depth as usize);
        match (around.get(1..).unwrap_or_default(), entry.tag) {
            ([dw::DW_TAG_variant_part, dw::DW_TAG_variant], dw::DW_TAG_member) => {
                members.push((entry.ty, place(binary, &entry)))
            }
            ([], dw::DW_TAG_structure_type) if !around.is_empty() => structs.push((entry.die, entry.name_text())),
            _ => {}
        }
        around.push(entry.tag);
    }
    let state = |(ty, place): (Option<DieRef>, Option<Location>)| {
        let (_, name) = structs.iter().find(|(die, _)| Some(*die) == ty)?;
        Some((Rc::from(name.as_deref()?), place?))
    };
    Ok(members.into_iter().filter_map(state).collect())
}

fn place(binary: &Binary, entry: &Entry) -> Option<Location> {
    let file = lines::file(binary, entry.die.unit, entry.file?)?;
    Some(Location { file, line: u32::try_from(entry.line?).ok()? })
}

/// A variable that an awaited future is kept in.
struct Awaited {
    /// Of the future.
    ty: DieRef,
    /// From the start of the coroutine.
    offset: u64,
    place: Location,
}

/// The variables of the coroutine's function that awaited futures are kept in.
fn awaited_variables(table: &TypeTable, coroutine: DieRef) -> Vec<Awaited> {
    let binary = table.binary();
    let mut found = Vec::new();
    let Some(own) = Entry::at(binary, coroutine).and_then(|entry| entry.name_text()) else { return found };
    // `{async_fn_env#0}<u8>` is the coroutine, `{async_fn#0}<u8>` its function, which may be in another unit.
    let function = own.replacen("_env#", "#", 1);
    let full = table.full_name(coroutine, &function);
    let segment = function.split('<').next().unwrap_or_default();
    let mut functions = Vec::new();
    // What cannot be read says nothing of where an await is; the place inside of the macro is left.
    let _ = scan::functions_called(binary, segment, |hit| {
        if hit.full_name() == *full {
            functions.push(hit.die);
        }
    });
    for function in functions {
        let _ = variables(binary, function, &mut found);
    }
    found
}

fn variables(binary: &Binary, function: DieRef, found: &mut Vec<Awaited>) -> gimli::Result<()> {
    let mut walk = Walk::new(binary, function)?;
    while let Some(entry) = walk.next()? {
        let awaited =
            entry.tag == dw::DW_TAG_variable && entry.name.is_some_and(|name| name.slice() == AWAITED.as_bytes());
        if let (true, Some(offset), Some(ty), Some(place)) =
            (awaited, entry.offset_behind_pointer(binary), entry.ty, place(binary, &entry))
        {
            found.push(Awaited { ty, offset, place });
        }
    }
    Ok(())
}

/// The place of the one variable that holds what the coroutine awaits in this state; none if there are several, in different places.
fn call_of(table: &TypeTable, coroutine: TypeId, state: &str, awaited: &[Awaited]) -> Option<Location> {
    let TypeKind::Enum { variants, .. } = &table.get(coroutine).kind else { return None };
    let variant = table.get(variants.iter().find(|variant| &*variant.name == state)?.ty);
    let TypeKind::Struct { fields } = &variant.kind else { return None };
    let field = fields.iter().find(|field| &*field.name == AWAITED)?;
    let name = &table.get(field.ty).name;
    let fitting = awaited
        .iter()
        .filter(|awaited| awaited.offset == field.offset && table.get(table.id_of(awaited.ty)).name == *name)
        .map(|awaited| (&awaited.place.file, awaited.place.line));
    let places: BTreeSet<_> = fitting.collect();
    match places.into_iter().collect::<Vec<_>>().as_slice() {
        [(file, line)] => Some(Location { file: Rc::clone(file), line: *line }),
        _ => None,
    }
}
