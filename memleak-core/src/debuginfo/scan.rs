//! Passes over all of `.debug_info`: every type, every global variable.
//!
//! May use: `kernel`, `load`.

use crate::debuginfo::load::{Binary, DieRef, Reader};
use gimli::AttributeValue;

/// A struct, union, enum or primitive type that a pass came by.
pub(super) struct TypeDie {
    pub(super) die: DieRef,
    pub(super) name: Reader,
    pub(super) declaration: bool,
}

/// Calls `found` for each named type.
pub(super) fn types(binary: &Binary, mut found: impl FnMut(TypeDie)) {
    for index in 0..binary.units().len() as u32 {
        let _ = types_in(binary, index, &mut found);
    }
}

fn types_in(binary: &Binary, index: u32, found: &mut impl FnMut(TypeDie)) -> gimli::Result<()> {
    let unit = binary.unit(index)?;
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let offset = entries.next_offset().0 as u32;
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        if !matches!(
            abbreviation.tag(),
            gimli::DW_TAG_structure_type
                | gimli::DW_TAG_union_type
                | gimli::DW_TAG_enumeration_type
                | gimli::DW_TAG_base_type
        ) {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        let mut name = None;
        let mut declaration = false;
        for specification in abbreviation.attributes() {
            let value = entries.read_attribute(*specification)?.raw_value();
            match specification.name() {
                gimli::DW_AT_name => name = binary.dwarf().attr_string(unit, value).ok(),
                gimli::DW_AT_declaration => declaration = value == AttributeValue::Flag(true),
                _ => {}
            }
        }
        if let Some(name) = name {
            found(TypeDie { die: DieRef { unit: index, offset }, name, declaration });
        }
    }
    Ok(())
}

/// Calls `found` for each variable that is not inside a function: statics, thread-locals and vtables.
pub(super) fn globals(binary: &Binary, mut found: impl FnMut(DieRef)) {
    for index in 0..binary.units().len() as u32 {
        let _ = globals_in(binary, index, &mut found);
    }
}

fn globals_in(binary: &Binary, index: u32, found: &mut impl FnMut(DieRef)) -> gimli::Result<()> {
    let unit = binary.unit(index)?;
    let mut entries = unit.entries_raw(None)?;
    // The depth of the entries in the function that the walk is in.
    let mut function: Option<isize> = None;
    while !entries.is_empty() {
        let offset = entries.next_offset().0 as u32;
        let depth = entries.next_depth();
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        entries.skip_attributes(abbreviation.attributes())?;
        if function.is_some_and(|inside| depth >= inside) {
            continue;
        }
        function = None;
        match abbreviation.tag() {
            gimli::DW_TAG_subprogram if abbreviation.has_children() => function = Some(depth + 1),
            gimli::DW_TAG_variable => found(DieRef { unit: index, offset }),
            _ => {}
        }
    }
    Ok(())
}
