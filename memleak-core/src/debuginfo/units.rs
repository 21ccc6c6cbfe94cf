//! Which unit an address belongs to.
//!
//! May use: `kernel`, `address`, `load`.

use crate::address::FileAddress;
use crate::debuginfo::load::Binary;
use crate::kernel::interface_dies::{Span, Tags};
use crate::kernel::walk::{self, Found, Selection};
use gimli::{DebugInfoOffset, SectionId};

/// The addresses of all units.
pub(super) struct Units {
    /// By address; a span's node is its unit's offset into `.debug_info`.
    spans: Vec<Span>,
}

impl Units {
    /// Reads `.debug_aranges`, and of the units that it does not mention their own entry.
    pub(super) fn new(binary: &Binary) -> Units {
        // A section that is broken is of no use, and not the only source.
        let mut spans = walk::aranges(binary.section(SectionId::DebugAranges)).unwrap_or_default();
        let mut listed = vec![false; binary.units().len()];
        let mut previous = None;
        for span in &spans {
            if previous.replace(span.node) != Some(span.node)
                && let Some(die) = binary.die(DebugInfoOffset(span.node as usize))
            {
                listed[die.unit as usize] = true;
            }
        }
        let unlisted = (0..listed.len()).filter(|index| !listed[*index]);
        let more: Vec<Span> = unlisted.flat_map(|index| own_spans(binary, index as u32)).collect();
        if !more.is_empty() {
            spans.extend(more);
            walk::sort(&mut spans);
        }
        Units { spans }
    }

    /// The index of the unit that has code or a static at `address`.
    pub(super) fn at(&self, binary: &Binary, address: FileAddress) -> Option<u32> {
        let span = walk::last_up_to(&self.spans, address.0)?;
        let die = binary.die(DebugInfoOffset(span.node as usize))?;
        (address.0 < span.high).then_some(die.unit)
    }
}

/// The addresses that the unit's own entry states.
fn own_spans(binary: &Binary, index: u32) -> Vec<Span> {
    const OWN: Selection<'static> = Selection {
        always: Tags::of(&[gimli::DW_TAG_compile_unit.0]),
        named: Tags::of(&[]),
        around: Tags::of(&[]),
        names: &[],
        root_only: true,
    };
    let mut found = Found::default();
    // A unit that cannot be walked has no functions to be found either.
    let _ = binary.walk(index, &OWN, &mut found);
    let start = binary.units()[index as usize].debug_info_offset().map_or(0, |offset| offset.0);
    found.spans.iter_mut().for_each(|span| span.node = start as u32);
    found.spans
}
