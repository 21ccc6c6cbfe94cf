//! The walk over `.debug_info`, safe to call.

use super::MEMLEAK_DIES;
use super::interface_dies::{
    Abbreviation, Bytes, DEPTH, Node, Output, Sections, Span, Status, Step, Tags, Walk, Wanted,
};
use std::fmt;
use std::mem::MaybeUninit;

#[cfg(test)]
mod tests;

/// The sections of a file; those that it lacks are empty.
#[derive(Clone, Copy)]
pub struct Data<'d> {
    pub info: &'d [u8],
    pub abbrev: &'d [u8],
    pub str_offsets: &'d [u8],
    pub addr: &'d [u8],
    pub ranges: &'d [u8],
    pub rnglists: &'d [u8],
    /// Code below this address is none.
    pub lowest_code: u64,
}

/// Which entries become nodes; see [`Wanted`].
#[derive(Clone, Copy)]
pub struct Selection<'n> {
    pub always: Tags,
    pub named: Tags,
    pub around: Tags,
    /// One bit for each offset into `.debug_str`.
    pub names: &'n [u64],
    /// Only the unit's own entry.
    pub root_only: bool,
}

/// What walks have found. The indices of each count from the first that it appended.
#[derive(Default)]
pub struct Found {
    pub nodes: Vec<Node>,
    /// Of functions with code of their own, statics, and units.
    pub spans: Vec<Span>,
    /// Of functions inlined into others, in the order of their nodes.
    pub inlined: Vec<Span>,
}

/// Why a unit cannot be walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WalkError {
    pub status: Status,
    /// The form or version that is not known, if that is why.
    pub detail: u64,
    /// About where in the section.
    pub position: usize,
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (detail, position) = (self.detail, self.position);
        match self.status {
            Status::UnknownForm => write!(f, "the debug info has a form that is not known (0x{detail:x})")?,
            Status::WrongForm => {
                write!(f, "the debug info has an attribute in a form that makes no sense (0x{detail:x})")?
            }
            Status::UnknownVersion => {
                write!(f, "the debug info has a version or unit type that is not known ({detail})")?
            }
            Status::NoAbbreviation => write!(f, "the debug info has an entry without its abbreviation")?,
            Status::TooDeep => write!(f, "the debug info is nested more than {DEPTH} deep")?,
            Status::TooLarge => write!(f, "the debug info has an offset of more than 32 bits")?,
            Status::Truncated | Status::Done | Status::Full | Status::FullOfSpans | Status::FullOfAbbreviations => {
                write!(f, "the debug info ends too early")?;
            }
        }
        write!(f, " at offset 0x{position:x}")
    }
}

/// The space that walks work in; kept from one to the next.
pub struct Walker {
    walk: Box<Walk>,
    abbreviations: Vec<Abbreviation>,
    steps: Vec<Step>,
}

impl Walker {
    pub fn new() -> Walker {
        let walk = Walk {
            unit: 0,
            position: 0,
            depth: 0,
            nodes: 0,
            spans: 0,
            inlined: 0,
            pending: 0,
            detail: 0,
            abbreviations: std::ptr::null_mut(),
            abbreviations_len: 0,
            steps: std::ptr::null_mut(),
            steps_len: 0,
            levels: [const { MaybeUninit::uninit() }; DEPTH],
        };
        Walker {
            walk: Box::new(walk),
            abbreviations: vec![Abbreviation::default(); 512],
            steps: vec![Step::default(); 4096],
        }
    }

    /// Appends what `selection` wants of the unit whose header is at `unit`.
    ///
    /// # Errors
    /// When the unit is broken or has something that is not known; `found` is then as before.
    pub fn walk(
        &mut self,
        data: &Data,
        selection: &Selection,
        unit: usize,
        found: &mut Found,
    ) -> Result<(), WalkError> {
        let sections = Sections {
            info: bytes(data.info),
            abbrev: bytes(data.abbrev),
            str_offsets: bytes(data.str_offsets),
            addr: bytes(data.addr),
            ranges: bytes(data.ranges),
            rnglists: bytes(data.rnglists),
            lowest_code: data.lowest_code,
        };
        let wanted = Wanted {
            always: selection.always,
            named: selection.named,
            around: selection.around,
            names: selection.names.as_ptr(),
            names_len: selection.names.len(),
            root_only: u32::from(selection.root_only),
        };
        let walk = &mut *self.walk;
        (walk.unit, walk.position, walk.depth, walk.pending, walk.detail) = (unit, 0, 0, 0, 0);
        (walk.nodes, walk.spans, walk.inlined) = (0, 0, 0);
        let Found { nodes, spans, inlined } = found;
        loop {
            walk.abbreviations = self.abbreviations.as_mut_ptr();
            walk.abbreviations_len = self.abbreviations.len();
            walk.steps = self.steps.as_mut_ptr();
            walk.steps_len = self.steps.len();
            let output = Output {
                nodes_len: nodes.spare_capacity_mut().len(),
                nodes: nodes.spare_capacity_mut().as_mut_ptr().cast(),
                spans_len: spans.spare_capacity_mut().len(),
                spans: spans.spare_capacity_mut().as_mut_ptr().cast(),
                inlined_len: inlined.spare_capacity_mut().len(),
                inlined: inlined.spare_capacity_mut().as_mut_ptr().cast(),
            };
            // SAFETY: all pointers are of slices and vectors that outlive the call, with their lengths. The lengths of the vectors in `found`
            // stay as they were until the end, so what the walk has written is still the start of their spare capacity, also after
            // `enlarge` has moved it.
            let status = unsafe { (MEMLEAK_DIES.walk)(&sections, &wanted, walk, &output) };
            match status {
                Status::Done => break,
                Status::Full => enlarge(nodes, walk.nodes),
                Status::FullOfSpans => {
                    enlarge(spans, walk.spans);
                    enlarge(inlined, walk.inlined);
                }
                Status::FullOfAbbreviations => {
                    self.abbreviations.resize(2 * self.abbreviations.len(), Abbreviation::default());
                    self.steps.resize(2 * self.steps.len(), Step::default());
                }
                status => return Err(WalkError { status, detail: walk.detail, position: walk.position.max(unit) }),
            }
        }
        // SAFETY: the walk has written this many, and there was room for them.
        unsafe {
            nodes.set_len(nodes.len() + walk.nodes);
            spans.set_len(spans.len() + walk.spans);
            inlined.set_len(inlined.len() + walk.inlined);
        }
        Ok(())
    }
}

/// Makes the spare capacity, of which the first `written` elements are in use, at least twice as large.
fn enlarge<T: Copy>(vector: &mut Vec<T>, written: usize) {
    let len = vector.len();
    let spare = vector.capacity() - len;
    debug_assert!(written <= spare);
    // SAFETY: the walk has written this many elements of the spare capacity.
    unsafe { vector.set_len(len + written) };
    vector.reserve(2 * spare.max(64) - written);
    vector.truncate(len);
}

/// The code and statics of each unit as `.debug_aranges` has them, by address. A span's node is its unit's offset into `.debug_info`.
///
/// # Errors
/// When the section is broken.
pub fn aranges(section: &[u8]) -> Result<Vec<Span>, WalkError> {
    // A pair of addresses takes 16 bytes.
    let mut spans: Vec<Span> = Vec::with_capacity(section.len() / 16);
    let space = spans.spare_capacity_mut();
    let mut count = 0;
    // SAFETY: both pointers are valid for their lengths.
    let status = unsafe { (MEMLEAK_DIES.aranges)(bytes(section), space.as_mut_ptr().cast(), space.len(), &mut count) };
    if status != Status::Done {
        return Err(WalkError { status, detail: 0, position: 0 });
    }
    // SAFETY: the call was done, so it has written `count` spans and there was room for them.
    unsafe { spans.set_len(count) };
    sort(&mut spans);
    Ok(spans)
}

/// Sorts by address.
pub fn sort(spans: &mut [Span]) {
    // SAFETY: a slice.
    unsafe { (MEMLEAK_DIES.sort)(spans.as_mut_ptr(), spans.len()) }
}

/// The last of the spans, which are sorted by address, that begins at this address or before it.
pub fn last_up_to(spans: &[Span], address: u64) -> Option<&Span> {
    // SAFETY: a slice.
    let count = unsafe { (MEMLEAK_DIES.spans_up_to)(spans.as_ptr(), spans.len(), address) };
    spans.get(count.checked_sub(1)?)
}

/// The index of the node of the entry at this offset, among those of one unit.
pub fn node_at(nodes: &[Node], offset: u32) -> Option<u32> {
    // SAFETY: a slice.
    let count = unsafe { (MEMLEAK_DIES.nodes_up_to)(nodes.as_ptr(), nodes.len(), offset) };
    let index = count.checked_sub(1)?;
    (nodes.get(index)?.offset == offset).then_some(index as u32)
}

fn bytes(data: &[u8]) -> Bytes {
    Bytes { start: data.as_ptr(), len: data.len() }
}
