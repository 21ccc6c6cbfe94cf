//! Passes over all of `.debug_info`, by the kernel: the types or functions of a name, all types, all statics.
//!
//! May use: `kernel`, `load`, `tree`, `paths`.

use crate::debuginfo::load::{Binary, DieRef, LoadError, Reader};
use crate::debuginfo::{paths, tree};
use crate::kernel::interface_dies::{NONE, Node, Tags, flags};
use crate::kernel::search;
use crate::kernel::walk::{self, Found, Selection};
use gimli::{DebugInfoOffset, SectionId};
use object::elf;
use object::read::elf::ProgramHeader as _;
use std::borrow::Cow;
use std::collections::BTreeSet;

const TYPES: Tags = Tags::of(&[
    gimli::DW_TAG_structure_type.0,
    gimli::DW_TAG_union_type.0,
    gimli::DW_TAG_enumeration_type.0,
    gimli::DW_TAG_base_type.0,
    gimli::DW_TAG_enumerator.0,
]);
/// What types, functions and statics are in.
const SCOPES: Tags =
    Tags::of(&[gimli::DW_TAG_namespace.0, gimli::DW_TAG_structure_type.0, gimli::DW_TAG_enumeration_type.0]);

/// An entry that a pass came by, and the scopes around it.
pub(super) struct Hit<'n> {
    binary: &'n Binary,
    nodes: &'n [Node],
    index: u32,
    pub(super) die: DieRef,
}

impl Hit<'_> {
    fn node(&self) -> &Node {
        &self.nodes[self.index as usize]
    }

    /// Its own name, without what is around it.
    pub(super) fn own_name(&self) -> Cow<'static, str> {
        tree::name(self.binary, self.node()).unwrap_or(paths::UNNAMED.into())
    }

    /// Its name in full.
    pub(super) fn full_name(&self) -> String {
        paths::full_name(self.binary, self.nodes, self.index)
    }

    /// It is in this enum: a variant, or the struct of one.
    pub(super) fn enum_around(&self) -> Option<DieRef> {
        let parent = self.nodes.get(self.node().parent as usize)?;
        let is_type = parent.tag != gimli::DW_TAG_namespace.0;
        is_type.then_some(DieRef { unit: self.die.unit, offset: parent.offset })
    }

    pub(super) fn is_declaration(&self) -> bool {
        self.node().flags & flags::DECLARATION != 0
    }
}

/// Calls `each` for the types called `name`, with or without generics.
pub(super) fn types_called(binary: &Binary, name: &str, each: impl FnMut(Hit)) -> Result<(), LoadError> {
    called(binary, name, TYPES, each)
}

/// Calls `each` for the functions called `name`, with or without generics.
pub(super) fn functions_called(binary: &Binary, name: &str, each: impl FnMut(Hit)) -> Result<(), LoadError> {
    called(binary, name, Tags::of(&[gimli::DW_TAG_subprogram.0]), each)
}

/// Calls `each` for every function.
pub(super) fn functions(binary: &Binary, each: impl FnMut(Hit)) -> Result<(), LoadError> {
    let functions = Tags::of(&[gimli::DW_TAG_subprogram.0]);
    let selection = Selection { always: functions, named: Tags::of(&[]), around: SCOPES, names: &[], root_only: false };
    pass(binary, all_units(binary), &selection, functions, each)
}

fn called(binary: &Binary, name: &str, tags: Tags, each: impl FnMut(Hit)) -> Result<(), LoadError> {
    // A name that is nowhere in the file is no type's; this takes a tenth of the time of a pass.
    let Some(names) = search::find_names(binary.section(SectionId::DebugStr), name.as_bytes()) else {
        return Ok(());
    };
    let selection =
        Selection { always: Tags::of(&[]), named: tags, around: SCOPES, names: &names.bits, root_only: false };
    match names.offsets.and_then(|offsets| units_that_refer(binary, &offsets)) {
        Some(units) => pass(binary, units, &selection, tags, each),
        None => pass(binary, all_units(binary), &selection, tags, each),
    }
}

fn all_units(binary: &Binary) -> impl Iterator<Item = u32> {
    0..binary.units().len() as u32
}

/// The units with a reference to one of these offsets into `.debug_str`, or with bytes that look like one. None if that takes longer than
/// to walk all, or where references are not offsets (in DWARF 5 they are indices).
fn units_that_refer(binary: &Binary, offsets: &[u32]) -> Option<BTreeSet<u32>> {
    const FEW: usize = 1024;
    let is_plain = |unit: &gimli::UnitHeader<Reader>| unit.version() <= 4 && unit.format() == gimli::Format::Dwarf32;
    if !binary.units().iter().all(is_plain) {
        return None;
    }
    let mut units = BTreeSet::new();
    for offset in offsets {
        let places = search::find_word(binary.section(SectionId::DebugInfo), *offset, FEW)?;
        units.extend(places.iter().filter_map(|at| binary.die(DebugInfoOffset(*at as usize))).map(|die| die.unit));
    }
    Some(units)
}

/// Calls `each` for every type.
pub(super) fn types(binary: &Binary, each: impl FnMut(Hit)) -> Result<(), LoadError> {
    let selection = Selection { always: TYPES, named: Tags::of(&[]), around: SCOPES, names: &[], root_only: false };
    pass(binary, all_units(binary), &selection, TYPES, each)
}

/// Calls `each` for every static, thread-local and vtable.
pub(super) fn statics(binary: &Binary, each: impl FnMut(Hit)) -> Result<(), LoadError> {
    let statics = Tags::of(&[gimli::DW_TAG_variable.0]);
    let selection = Selection { always: statics, named: Tags::of(&[]), around: SCOPES, names: &[], root_only: false };
    match units_with_statics(binary) {
        Some(units) => pass(binary, units, &selection, statics, each),
        None => pass(binary, all_units(binary), &selection, statics, each),
    }
}

/// The units that `.debug_aranges` says have something else than code, or says nothing of; and those with a `thread_local!`, which it leaves
/// out. None if it takes too long to tell.
fn units_with_statics(binary: &Binary) -> Option<BTreeSet<u32>> {
    let spans = walk::aranges(binary.section(SectionId::DebugAranges)).ok()?;
    let endian = binary.elf().endian();
    let segments = binary.elf().elf_program_headers().iter();
    let code: Vec<_> = segments
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD && segment.p_flags(endian).contains(elf::PF_X))
        .map(|segment| (segment.p_vaddr(endian), segment.p_vaddr(endian) + segment.p_memsz(endian)))
        .collect();
    let mut unlisted: BTreeSet<u32> = all_units(binary).collect();
    let mut units = BTreeSet::new();
    // The unit that the span before was of: mostly the same.
    let mut unit = (u32::MAX, 0);
    // There are ten thousand spans: plain loops are five times as fast in the dev profile.
    'spans: for span in &spans {
        if span.node != unit.0 {
            unit = (span.node, binary.die(DebugInfoOffset(span.node as usize))?.unit);
            unlisted.remove(&unit.1);
        }
        for (start, end) in &code {
            if *start <= span.low && span.low < *end {
                continue 'spans;
            }
        }
        units.insert(unit.1);
    }
    units.append(&mut unlisted);
    if let Some(names) = search::find_names(binary.section(SectionId::DebugStr), THREAD_LOCAL.as_bytes()) {
        units.append(&mut units_that_refer(binary, &names.offsets?)?);
    }
    Some(units)
}

/// What `thread_local!` calls its variables.
pub(super) const THREAD_LOCAL: &str = "__RUST_STD_INTERNAL_VAL";

fn pass(
    binary: &Binary,
    units: impl IntoIterator<Item = u32>,
    selection: &Selection,
    hits: Tags,
    mut each: impl FnMut(Hit),
) -> Result<(), LoadError> {
    let mut found = Found::default();
    for unit in units {
        found.nodes.clear();
        found.spans.clear();
        found.inlined.clear();
        binary.walk(unit, selection, &mut found).map_err(|error| LoadError::Unreadable(error.to_string()))?;
        for (index, node) in found.nodes.iter().enumerate() {
            if hits.has(u64::from(node.tag)) && node.name != NONE && is_wanted(node, selection) {
                let die = DieRef { unit, offset: node.offset };
                each(Hit { binary, nodes: &found.nodes, index: index as u32, die });
            }
        }
    }
    Ok(())
}

/// Whether the node is there for itself, not for something in it.
fn is_wanted(node: &Node, selection: &Selection) -> bool {
    let tag = u64::from(node.tag);
    let named = || selection.names.get(node.name as usize / 64).is_some_and(|word| word >> (node.name % 64) & 1 == 1);
    selection.always.has(tag) || selection.named.has(tag) && named()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::FileAddress;
    use crate::debuginfo::entries::Entry;

    /// The statics that the short way finds in this program are those that a pass over all units finds.
    #[test]
    fn no_unit_with_a_static_is_left_out() {
        let binary = Binary::current().unwrap();
        let units = units_with_statics(&binary).unwrap();
        // Most units are passed over; how many depends on how rustc divides a crate.
        assert!(units.len() < binary.units().len() * 3 / 4, "{} of {}", units.len(), binary.units().len());
        let statics = Tags::of(&[gimli::DW_TAG_variable.0]);
        let selection =
            Selection { always: statics, named: Tags::of(&[]), around: SCOPES, names: &[], root_only: false };
        let mut found = 0;
        pass(&binary, all_units(&binary), &selection, statics, |hit| {
            let variable = Entry::at(&binary, hit.die).unwrap();
            if variable.address(&binary) == Some(FileAddress(0)) {
                return;
            }
            found += 1;
            assert!(units.contains(&hit.die.unit), "{}", hit.full_name());
        })
        .unwrap();
        assert!(found > 20, "{found}");
    }
}
