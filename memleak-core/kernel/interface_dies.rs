//! What the walk over `.debug_info` takes and gives. Included by the kernel and by memleak-core.

/// Borrowed bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub start: *const u8,
    pub len: usize,
}

/// The sections of one file that the walk reads; those that the file lacks are empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sections {
    pub info: Bytes,
    pub abbrev: Bytes,
    pub str_offsets: Bytes,
    pub addr: Bytes,
    pub ranges: Bytes,
    pub rnglists: Bytes,
    /// Code below this address is none: linkers give 0 or 1 to what they left out.
    pub lowest_code: u64,
}

/// A set of tags below 128; the others are never wanted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Tags(pub [u64; 2]);

impl Tags {
    /// The set of these tags.
    pub const fn of(tags: &[u16]) -> Tags {
        let mut set = [0; 2];
        let mut next = 0;
        while next < tags.len() {
            set[(tags[next] / 64) as usize] |= 1 << (tags[next] % 64);
            next += 1;
        }
        Tags(set)
    }

    pub fn has(&self, tag: u64) -> bool {
        tag < 128 && self.0[if tag < 64 { 0 } else { 1 }] >> (tag % 64) & 1 == 1
    }
}

/// Which entries become nodes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Wanted {
    /// All with these tags. A variable only if it is a static or a thread-local; the latter has no span.
    pub always: Tags,
    /// Those with these tags whose name is in `names`.
    pub named: Tags,
    /// Those with these tags that have a wanted entry below them.
    pub around: Tags,
    /// One bit for each offset into `.debug_str`.
    pub names: *const u64,
    /// Words in `names`.
    pub names_len: usize,
    /// 1: nothing below the unit's own entry. 0: all.
    pub root_only: u32,
}

/// No node, or no name.
pub const NONE: u32 = u32::MAX;

/// An entry that was wanted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Of the entry, from the start of the unit's header.
    pub offset: u32,
    /// The nearest node above, as an index, or [`NONE`].
    pub parent: u32,
    /// The index after the last node below this one.
    pub end: u32,
    /// Where the name is, see [`flags`]; or [`NONE`].
    pub name: u32,
    /// `DW_AT_type`, as an offset like `offset`; 0 if there is none.
    pub ty: u32,
    /// `DW_AT_abstract_origin` or `DW_AT_specification`, likewise.
    pub origin: u32,
    pub tag: u16,
    pub flags: u16,
}

/// The bits of [`Node::flags`].
pub mod flags {
    /// `DW_AT_declaration`.
    pub const DECLARATION: u16 = 1;
    /// `name` is an offset into `.debug_info`; otherwise into `.debug_str`.
    pub const NAME_INLINE: u16 = 2;
    /// `name` is an offset into `.debug_line_str`.
    pub const NAME_IN_LINE_STR: u16 = 4;
    /// `ty` is an offset into `.debug_info`: it is in another unit.
    pub const TYPE_ELSEWHERE: u16 = 8;
    /// `origin` is an offset into `.debug_info`: it is in another unit.
    pub const ORIGIN_ELSEWHERE: u16 = 16;
}

/// Addresses, and the node they belong to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub low: u64,
    /// The address after the last; equal to `low` for a static.
    pub high: u64,
    /// Index of the node; from [`DieTable::aranges`] the offset of the unit into `.debug_info`.
    pub node: u32,
}

/// What all attributes of one abbreviation come down to: its steps, then `tail` bytes to skip.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Abbreviation {
    pub code: u32,
    pub first_step: u32,
    pub steps: u16,
    pub tail: u16,
    pub tag: u16,
    pub children: bool,
    /// Whether entries with this abbreviation are looked at, not only stepped over.
    pub wanted: bool,
}

/// `skip` bytes that nobody wants, then one attribute.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Step {
    pub skip: u16,
    pub form: u8,
    pub what: u8,
}

/// The deepest nesting of entries that is walked; rustc's is about 40.
pub const DEPTH: usize = 512;

/// An open entry.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Level {
    pub node: Node,
    /// The index of this entry's node, or [`NONE`].
    pub own: u32,
    /// The index of the nearest node: this entry's or one above; or [`NONE`].
    pub nearest: u32,
    /// Whether this entry becomes a node as soon as there is one below it.
    pub pending: bool,
}

/// A walk under way, and the space it works in. A caller that gets [`Status::Full`] or its like makes room and goes on.
#[repr(C)]
pub struct Walk {
    /// Where the unit's header is in `.debug_info`; set by the caller.
    pub unit: usize,
    /// Where the next entry is in `.debug_info`; 0 at the start. When a walk has failed: about there.
    pub position: usize,
    pub depth: usize,
    /// Nodes so far.
    pub nodes: usize,
    /// Spans so far.
    pub spans: usize,
    /// Spans of inlined functions so far.
    pub inlined: usize,
    /// Levels that are pending.
    pub pending: usize,
    /// A form or version that is not known, when that is the status.
    pub detail: u64,
    pub abbreviations: *mut Abbreviation,
    pub abbreviations_len: usize,
    pub steps: *mut Step,
    pub steps_len: usize,
    pub levels: [core::mem::MaybeUninit<Level>; DEPTH],
}

/// Where nodes and spans go.
#[repr(C)]
pub struct Output {
    pub nodes: *mut Node,
    pub nodes_len: usize,
    /// Of functions with code of their own, statics, and units.
    pub spans: *mut Span,
    pub spans_len: usize,
    /// Of functions inlined into others, in the order of their nodes.
    pub inlined: *mut Span,
    pub inlined_len: usize,
}

/// How a call ended.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The unit has been walked to its end.
    Done,
    /// There is no room for the next node.
    Full,
    /// There is no room for the spans of the next node.
    FullOfSpans,
    /// There is no room for the unit's abbreviations.
    FullOfAbbreviations,
    /// The data ends too early, or points outside.
    Truncated,
    /// A form that is not known: `detail`.
    UnknownForm,
    /// An attribute that is understood has a form that makes no sense: `detail`.
    WrongForm,
    /// A version of DWARF that is not known: `detail`.
    UnknownVersion,
    /// An entry has an abbreviation that is not there.
    NoAbbreviation,
    /// Entries are nested deeper than [`DEPTH`].
    TooDeep,
    /// An offset that needs more than 32 bits.
    TooLarge,
}

/// The functions of the walk.
#[repr(C)]
pub struct DieTable {
    /// Walks a unit, or goes on with it.
    ///
    /// # Safety
    /// All pointers are valid for their lengths. `Walk`'s space and `Output` are for writing, and overlap nothing else; the nodes and spans
    /// that the walk has counted are those it wrote. Between the calls of one walk only `Output` and the space for abbreviations may change.
    pub walk: unsafe extern "C" fn(&Sections, &Wanted, &mut Walk, &Output) -> Status,
    /// Reads `.debug_aranges`: the code and statics of each unit, unsorted. Says in the last argument how many there are, also if
    /// they do not fit.
    ///
    /// # Safety
    /// The pointers are valid for their lengths, the second one for writing.
    pub aranges: unsafe extern "C" fn(Bytes, *mut Span, usize, &mut usize) -> Status,
    /// Sorts spans by address.
    ///
    /// # Safety
    /// The pointer is valid for reading and writing this many spans.
    pub sort: unsafe extern "C" fn(*mut Span, usize),
    /// How many of the spans, which are sorted by address, begin at this address or before it.
    ///
    /// # Safety
    /// The pointer is valid for reading this many spans.
    pub spans_up_to: unsafe extern "C" fn(*const Span, usize, u64) -> usize,
    /// How many of the nodes of one unit are of entries at this offset or before it.
    ///
    /// # Safety
    /// The pointer is valid for reading this many nodes.
    pub nodes_up_to: unsafe extern "C" fn(*const Node, usize, u32) -> usize,
}
