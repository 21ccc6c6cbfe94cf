//! The walk over the entries (DIEs) of one unit of `.debug_info`.
//!
//! Once the abbreviations are decoded, an entry that nobody wants costs one table look-up and, mostly, one addition. Broken data ends the
//! walk with a status; nothing is guessed.

mod abbreviations;
mod dwarf;
mod spans;

use super::interface_dies::{
    Abbreviation, DieTable, Level, NONE, Node, Output, Sections, Span, Status, Step, Walk, Wanted, flags,
};
use abbreviations::{Encoding, decode, find, skip, space};
use core::mem::MaybeUninit;
use dwarf::{Cursor, attribute, form, operation, slice, tag};
use spans::Ranges;

#[unsafe(no_mangle)]
pub static MEMLEAK_DIES: DieTable =
    DieTable { walk, aranges: spans::aranges, sort: spans::sort, spans_up_to: spans::up_to, nodes_up_to };

unsafe extern "C" fn nodes_up_to(nodes: *const Node, len: usize, offset: u32) -> usize {
    // SAFETY: the contract of `DieTable::nodes_up_to`.
    let nodes = unsafe { core::slice::from_raw_parts(nodes, len) };
    nodes.partition_point(|node| node.offset <= offset)
}

unsafe extern "C" fn walk(sections: &Sections, wanted: &Wanted, state: &mut Walk, output: &Output) -> Status {
    // SAFETY: the contract of `DieTable::walk`.
    let mut walker = match unsafe { Walker::new(sections, wanted, state, output) } {
        Ok(walker) => walker,
        Err(status) => return status,
    };
    let result = walker.run(state);
    match result {
        Ok(()) => Status::Done,
        Err(status) => status,
    }
}

/// Where the unit's part of each table of DWARF 5 begins.
#[derive(Clone, Copy, Default)]
struct Bases {
    str_offsets: u64,
    addr: u64,
    rnglists: u64,
}

/// All that stays the same during one call.
struct Walker<'w> {
    /// `.debug_info` up to the end of the unit.
    cursor: Cursor<'w>,
    unit: usize,
    encoding: Encoding,
    str_offsets: &'w [u8],
    ranges: Ranges<'w>,
    bases: Bases,
    abbreviations: &'w [Abbreviation],
    steps: &'w [Step],
    wanted: &'w Wanted,
    names: &'w [u64],
    lowest_code: u64,
    nodes: &'w mut [MaybeUninit<Node>],
    spans: &'w mut [MaybeUninit<Span>],
    inlined: &'w mut [MaybeUninit<Span>],
}

/// What was read of one entry.
struct Entry {
    node: Node,
    low: Option<u64>,
    high: Option<High>,
    ranges: Option<u64>,
    place: Option<Place>,
}

/// Where a static is.
#[derive(Clone, Copy)]
enum Place {
    Address(u64),
    /// In the block that each thread has.
    ThreadLocal,
}

enum High {
    Address(u64),
    Size(u64),
}

/// A reference to an entry: in this unit, or anywhere in `.debug_info`.
enum Target {
    Here(u32),
    Elsewhere(u32),
}

impl<'w> Walker<'w> {
    /// Reads the unit's header, its abbreviations and its bases.
    ///
    /// # Safety
    /// As for [`DieTable::walk`].
    unsafe fn new(
        sections: &'w Sections,
        wanted: &'w Wanted,
        state: &mut Walk,
        output: &'w Output,
    ) -> Result<Walker<'w>, Status> {
        // SAFETY: the contract of `DieTable::walk`.
        let (info, abbrev, names, nodes, spans, inlined) = unsafe {
            (
                slice(sections.info),
                slice(sections.abbrev),
                if wanted.names_len == 0 { &[] } else { core::slice::from_raw_parts(wanted.names, wanted.names_len) },
                core::slice::from_raw_parts_mut(output.nodes.cast(), output.nodes_len),
                core::slice::from_raw_parts_mut(output.spans.cast(), output.spans_len),
                core::slice::from_raw_parts_mut(output.inlined.cast(), output.inlined_len),
            )
        };
        // SAFETY: as above.
        let (str_offsets, addr, ranges, rnglists) = unsafe {
            (slice(sections.str_offsets), slice(sections.addr), slice(sections.ranges), slice(sections.rnglists))
        };
        // SAFETY: as above.
        let (abbreviation_space, step_space) = unsafe { space(state) };
        let mut cursor = Cursor { data: info, at: state.unit };
        let (encoding, abbreviations_at) = header(&mut cursor, state)?;
        let (abbreviations, steps) =
            decode(abbrev, abbreviations_at, encoding, wanted, abbreviation_space, step_space, &mut state.detail)?;
        let mut walker = Walker {
            cursor,
            unit: state.unit,
            encoding,
            str_offsets,
            ranges: Ranges { addr, ranges, rnglists, lowest: sections.lowest_code, base: 0, version: encoding.version },
            bases: Bases::default(),
            abbreviations: abbreviation_space.get(..abbreviations).unwrap_or_default(),
            steps: step_space.get(..steps).unwrap_or_default(),
            wanted,
            names,
            lowest_code: sections.lowest_code,
            nodes,
            spans,
            inlined,
        };
        walker.find_bases(state)?;
        if state.position != 0 {
            walker.cursor.at = state.position;
        }
        Ok(walker)
    }

    /// Reads of the unit's own entry what all others depend on.
    fn find_bases(&mut self, state: &mut Walk) -> Result<(), Status> {
        let start = self.cursor.at;
        let code = self.cursor.uleb()?;
        if code != 0 {
            let abbreviation = *find(self.abbreviations, code)?;
            let attributes = self.cursor.at;
            for what in [attribute::STR_OFFSETS_BASE, attribute::ADDR_BASE, attribute::RNGLISTS_BASE] {
                self.cursor.at = attributes;
                let base = self.base(&abbreviation, what)?;
                match what {
                    attribute::STR_OFFSETS_BASE => self.bases.str_offsets = base,
                    attribute::ADDR_BASE => self.bases.addr = base,
                    _ => self.bases.rnglists = base,
                }
            }
            self.cursor.at = attributes;
            let root = self.read(&abbreviation, start, state)?;
            self.ranges.base = root.low.unwrap_or(0);
        }
        self.cursor.at = start;
        Ok(())
    }

    fn base(&mut self, abbreviation: &Abbreviation, wanted: u64) -> Result<u64, Status> {
        for step in self.steps_of(abbreviation) {
            self.cursor.at = self.cursor.at.wrapping_add(usize::from(step.skip));
            if u64::from(step.what) == wanted && step.form == form::SEC_OFFSET {
                return self.cursor.offset(self.encoding.offset_size);
            }
            skip(&mut self.cursor, step.form, self.encoding)?;
        }
        Ok(0)
    }

    #[inline(always)]
    fn steps_of(&self, abbreviation: &Abbreviation) -> &'w [Step] {
        let first = abbreviation.first_step as usize;
        self.steps.get(first..first.wrapping_add(usize::from(abbreviation.steps))).unwrap_or_default()
    }

    fn run(&mut self, state: &mut Walk) -> Result<(), Status> {
        loop {
            let start = self.cursor.at;
            state.position = start;
            let code = self.cursor.uleb()?;
            if code == 0 {
                self.close(state);
                if state.depth == 0 {
                    return Ok(());
                }
                continue;
            }
            let abbreviation = find(self.abbreviations, code)?;
            let mut level = None;
            if abbreviation.wanted {
                let entry = self.read(abbreviation, start, state)?;
                level = self.judge(entry, state)?;
            } else {
                for step in self.steps_of(abbreviation) {
                    self.cursor.at = self.cursor.at.wrapping_add(usize::from(step.skip));
                    skip(&mut self.cursor, step.form, self.encoding)?;
                }
                self.cursor.at = self.cursor.at.wrapping_add(usize::from(abbreviation.tail));
            }
            let over = !abbreviation.children || self.wanted.root_only != 0;
            if !over {
                self.open(level, state)?;
            } else if state.depth == 0 {
                return Ok(());
            }
        }
    }

    /// Goes one level down, below an entry that is `level` or, if none, not wanted.
    #[inline(always)]
    fn open(&mut self, level: Option<Level>, state: &mut Walk) -> Result<(), Status> {
        let level = match level {
            Some(level) => {
                state.pending += usize::from(level.pending);
                level
            }
            None => Level { node: NO_NODE, own: NONE, nearest: nearest(state), pending: false },
        };
        state.levels.get_mut(state.depth).ok_or(Status::TooDeep)?.write(level);
        state.depth += 1;
        Ok(())
    }

    /// Comes back up.
    #[inline(always)]
    fn close(&mut self, state: &mut Walk) {
        let Some(depth) = state.depth.checked_sub(1) else { return };
        state.depth = depth;
        let Some(level) = level(state, depth) else { return };
        state.pending -= usize::from(level.pending);
        let end = state.nodes as u32;
        if level.own != NONE
            && let Some(node) = self.nodes.get_mut(level.own as usize)
        {
            // SAFETY: an open level's own node has been written.
            unsafe { node.assume_init_mut() }.end = end;
        }
    }

    /// Decides what becomes of an entry that was read, and makes it a node if it is wanted.
    #[inline(always)]
    fn judge(&mut self, entry: Entry, state: &mut Walk) -> Result<Option<Level>, Status> {
        let code = u64::from(entry.node.tag);
        let statics_only = entry.node.tag == tag::VARIABLE && entry.place.is_none();
        let now = self.wanted.always.has(code) || self.wanted.named.has(code) && self.is_named(&entry.node);
        if now && !statics_only {
            if state.pending > 0 {
                self.flush(state)?;
            }
            let own = self.put(&entry, nearest(state), state)?;
            return Ok(Some(Level { node: entry.node, own, nearest: own, pending: false }));
        }
        let pending = self.wanted.around.has(code);
        Ok(pending.then(|| Level { node: entry.node, own: NONE, nearest: nearest(state), pending }))
    }

    fn is_named(&self, node: &Node) -> bool {
        node.name != NONE
            && node.flags & (flags::NAME_INLINE | flags::NAME_IN_LINE_STR) == 0
            && self.names.get((node.name / 64) as usize).is_some_and(|word| word >> (node.name % 64) & 1 == 1)
    }

    /// Makes nodes of the open levels that waited for one below them.
    #[cold]
    fn flush(&mut self, state: &mut Walk) -> Result<(), Status> {
        let mut above = NONE;
        for depth in 0..state.depth {
            let Some(mut level) = level(state, depth) else { return Err(Status::TooDeep) };
            if level.pending {
                let entry = Entry { node: level.node, low: None, high: None, ranges: None, place: None };
                level.own = self.put(&entry, above, state)?;
                level.pending = false;
                state.pending -= 1;
            }
            level.nearest = if level.own == NONE { above } else { level.own };
            above = level.nearest;
            if let Some(place) = state.levels.get_mut(depth) {
                place.write(level);
            }
        }
        Ok(())
    }

    /// Writes a node and its spans, both or neither; says its index.
    #[inline(always)]
    fn put(&mut self, entry: &Entry, parent: u32, state: &mut Walk) -> Result<u32, Status> {
        let index = state.nodes;
        let place = self.nodes.get_mut(index).ok_or(Status::Full)?;
        let own = index as u32;
        if own == NONE {
            return Err(Status::TooLarge);
        }
        place.write(Node { parent, end: own + 1, ..entry.node });
        if entry.node.tag == tag::INLINED_SUBROUTINE {
            state.inlined = self.put_spans(entry, own, state.inlined)?;
        } else {
            state.spans = self.put_spans(entry, own, state.spans)?;
        }
        state.nodes = index + 1;
        Ok(own)
    }

    /// Writes the spans of an entry after the first `count`; says how many there are then.
    #[inline(always)]
    fn put_spans(&mut self, entry: &Entry, node: u32, mut count: usize) -> Result<usize, Status> {
        if entry.low.is_none() && entry.ranges.is_none() && entry.place.is_none() {
            return Ok(count);
        }
        let spans = match entry.node.tag {
            tag::INLINED_SUBROUTINE => &mut *self.inlined,
            _ => &mut *self.spans,
        };
        let mut put = |low, high| {
            spans.get_mut(count).ok_or(Status::FullOfSpans)?.write(Span { low, high, node });
            count += 1;
            Ok(())
        };
        if let Some(place) = entry.place {
            if let Place::Address(address @ 1..) = place {
                put(address, address)?;
            }
        } else if let Some(ranges) = entry.ranges {
            self.ranges.each(ranges, self.bases.addr, &mut put)?;
        } else if let (Some(low), Some(high)) = (entry.low, &entry.high) {
            let high = match high {
                High::Address(high) => *high,
                High::Size(size) => low.wrapping_add(*size),
            };
            if low >= self.lowest_code && low < high {
                put(low, high)?;
            }
        }
        Ok(count)
    }

    /// Reads the attributes of a wanted entry.
    #[inline(always)]
    fn read(&mut self, abbreviation: &Abbreviation, start: usize, state: &mut Walk) -> Result<Entry, Status> {
        let offset = u32::try_from(start - self.unit).map_err(|_| Status::TooLarge)?;
        let node = Node { offset, tag: abbreviation.tag, ..NO_NODE };
        let mut entry = Entry { node, low: None, high: None, ranges: None, place: None };
        for step in self.steps_of(abbreviation) {
            self.cursor.at = self.cursor.at.wrapping_add(usize::from(step.skip));
            let understood = match u64::from(step.what) {
                attribute::NAME => self.name(step.form, &mut entry.node)?,
                attribute::TYPE => match self.reference(step.form)? {
                    Some(target) => {
                        entry.node.ty = target.value(&mut entry.node.flags, flags::TYPE_ELSEWHERE);
                        true
                    }
                    None => false,
                },
                attribute::ABSTRACT_ORIGIN | attribute::SPECIFICATION => match self.reference(step.form)? {
                    Some(target) => {
                        entry.node.origin = target.value(&mut entry.node.flags, flags::ORIGIN_ELSEWHERE);
                        true
                    }
                    None => false,
                },
                attribute::LOW_PC => {
                    entry.low = self.address(step.form)?;
                    entry.low.is_some()
                }
                attribute::HIGH_PC => {
                    entry.high = self.high(step.form)?;
                    entry.high.is_some()
                }
                attribute::RANGES => {
                    entry.ranges = self.ranges_offset(step.form)?;
                    entry.ranges.is_some()
                }
                attribute::DECLARATION => self.declaration(step.form, &mut entry.node)?,
                attribute::LOCATION if step.form == form::EXPRLOC => {
                    entry.place = self.place()?;
                    true
                }
                _ => {
                    skip(&mut self.cursor, step.form, self.encoding)?;
                    true
                }
            };
            if !understood {
                state.detail = u64::from(step.form);
                return Err(Status::WrongForm);
            }
        }
        self.cursor.at = self.cursor.at.wrapping_add(usize::from(abbreviation.tail));
        Ok(entry)
    }

    #[inline(always)]
    fn name(&mut self, code: u8, node: &mut Node) -> Result<bool, Status> {
        let name = match code {
            form::STRP => self.cursor.offset(self.encoding.offset_size)?,
            form::LINE_STRP => {
                node.flags |= flags::NAME_IN_LINE_STR;
                self.cursor.offset(self.encoding.offset_size)?
            }
            form::STRING => {
                node.flags |= flags::NAME_INLINE;
                let at = self.cursor.at;
                self.cursor.skip_text()?;
                at as u64
            }
            _ => {
                let Some(index) = self.index(code, form::STRX, form::STRX1)? else { return Ok(false) };
                let size = self.encoding.offset_size;
                let at = entry_of_table(self.bases.str_offsets, index, size)?;
                Cursor { data: self.str_offsets, at }.offset(size)?
            }
        };
        node.name = u32::try_from(name).ok().filter(|name| *name != NONE).ok_or(Status::TooLarge)?;
        Ok(true)
    }

    /// An index into a table, in one of the five forms that there are for it.
    #[inline(always)]
    fn index(&mut self, code: u8, any: u8, first: u8) -> Result<Option<u64>, Status> {
        if code == any {
            return self.cursor.uleb().map(Some);
        }
        Ok(Some(match code.wrapping_sub(first) {
            0 => u64::from(self.cursor.u8()?),
            1 => u64::from(self.cursor.u16()?),
            2 => u64::from(self.cursor.u24()?),
            3 => u64::from(self.cursor.u32()?),
            _ => return Ok(None),
        }))
    }

    #[inline(always)]
    fn address(&mut self, code: u8) -> Result<Option<u64>, Status> {
        if code == form::ADDR {
            return self.cursor.u64().map(Some);
        }
        match self.index(code, form::ADDRX, form::ADDRX1)? {
            Some(index) => self.ranges.address(self.bases.addr, index).map(Some),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn high(&mut self, code: u8) -> Result<Option<High>, Status> {
        let size = match code {
            form::DATA1 => u64::from(self.cursor.u8()?),
            form::DATA2 => u64::from(self.cursor.u16()?),
            form::DATA4 => u64::from(self.cursor.u32()?),
            form::DATA8 => self.cursor.u64()?,
            form::UDATA => self.cursor.uleb()?,
            _ => return Ok(self.address(code)?.map(High::Address)),
        };
        Ok(Some(High::Size(size)))
    }

    #[inline(always)]
    fn ranges_offset(&mut self, code: u8) -> Result<Option<u64>, Status> {
        Ok(Some(match code {
            form::SEC_OFFSET => self.cursor.offset(self.encoding.offset_size)?,
            form::DATA4 => u64::from(self.cursor.u32()?),
            form::DATA8 => self.cursor.u64()?,
            form::RNGLISTX => {
                let index = self.cursor.uleb()?;
                let size = self.encoding.offset_size;
                let at = entry_of_table(self.bases.rnglists, index, size)?;
                let offset = Cursor { data: self.ranges.rnglists, at }.offset(size)?;
                self.bases.rnglists.checked_add(offset).ok_or(Status::Truncated)?
            }
            _ => return Ok(None),
        }))
    }

    fn declaration(&mut self, code: u8, node: &mut Node) -> Result<bool, Status> {
        let set = match code {
            form::FLAG_PRESENT => true,
            form::FLAG => self.cursor.u8()? != 0,
            _ => return Ok(false),
        };
        node.flags |= if set { flags::DECLARATION } else { 0 };
        Ok(true)
    }

    #[inline(always)]
    fn reference(&mut self, code: u8) -> Result<Option<Target>, Status> {
        let offset = match code {
            form::REF4 => u64::from(self.cursor.u32()?),
            form::REF1 => u64::from(self.cursor.u8()?),
            form::REF2 => u64::from(self.cursor.u16()?),
            form::REF8 => self.cursor.u64()?,
            form::REF_UDATA => self.cursor.uleb()?,
            form::REF_ADDR => {
                let size = if self.encoding.version <= 2 { 8 } else { self.encoding.offset_size };
                let offset = self.cursor.offset(size)?;
                let offset = u32::try_from(offset).map_err(|_| Status::TooLarge)?;
                let inside = self.unit..self.cursor.data.len();
                return Ok(Some(match inside.contains(&(offset as usize)) {
                    true => Target::Here(offset.wrapping_sub(self.unit as u32)),
                    false => Target::Elsewhere(offset),
                }));
            }
            _ => return Ok(None),
        };
        Ok(Some(Target::Here(u32::try_from(offset).map_err(|_| Status::TooLarge)?)))
    }

    /// The place of a static; none for anything else, such as a local.
    #[inline(always)]
    fn place(&mut self) -> Result<Option<Place>, Status> {
        let len = self.cursor.uleb()?;
        let at = self.cursor.at;
        self.cursor.skip(len)?;
        let end = self.cursor.at;
        let mut expression = Cursor { data: self.cursor.data.get(..end).unwrap_or_default(), at };
        if len == 0 {
            return Ok(None);
        }
        let place = match expression.u8()? {
            operation::ADDR => Place::Address(expression.u64()?),
            operation::ADDRX => {
                let index = expression.uleb()?;
                Place::Address(self.ranges.address(self.bases.addr, index)?)
            }
            // The offset, by itself or by its index, and the step to the thread's block.
            operation::CONST8U | operation::CONSTX
                if expression.data.last().is_some_and(operation::is_thread_local) =>
            {
                return Ok(Some(Place::ThreadLocal));
            }
            _ => return Ok(None),
        };
        // More than the address is a piece of a static.
        Ok((expression.at == end).then_some(place))
    }
}

impl Target {
    #[inline(always)]
    fn value(self, flags: &mut u16, elsewhere: u16) -> u32 {
        match self {
            Target::Here(offset) => offset,
            Target::Elsewhere(offset) => {
                *flags |= elsewhere;
                offset
            }
        }
    }
}

const NO_NODE: Node = Node { offset: 0, parent: NONE, end: 0, name: NONE, ty: 0, origin: 0, tag: 0, flags: 0 };

/// Where the entry of a table with entries of this size is.
fn entry_of_table(base: u64, index: u64, size: u8) -> Result<usize, Status> {
    let at = index.checked_mul(u64::from(size)).and_then(|within| base.checked_add(within)).ok_or(Status::Truncated)?;
    usize::try_from(at).map_err(|_| Status::Truncated)
}

#[inline(always)]
fn level(state: &Walk, depth: usize) -> Option<Level> {
    debug_assert!(depth < state.levels.len());
    // SAFETY: all levels that have been open, and so all up to the depth of the walk, have been written.
    state.levels.get(depth).map(|level| unsafe { level.assume_init() })
}

/// The nearest node above the next entry.
#[inline(always)]
fn nearest(state: &Walk) -> u32 {
    match state.depth.checked_sub(1) {
        Some(above) => level(state, above).map_or(NONE, |level| level.nearest),
        None => NONE,
    }
}

/// Reads a unit's header; the cursor is then at its first entry and its data ends with the unit.
fn header(cursor: &mut Cursor, state: &mut Walk) -> Result<(Encoding, u64), Status> {
    let (length, offset_size) = cursor.length()?;
    let end = usize::try_from(length).ok().and_then(|length| cursor.at.checked_add(length)).ok_or(Status::Truncated)?;
    cursor.data = cursor.data.get(..end).ok_or(Status::Truncated)?;
    let version = cursor.u16()?;
    let unknown = |detail: &mut u64, found| {
        *detail = found;
        Err(Status::UnknownVersion)
    };
    let (abbreviations, address_size) = match version {
        2..=4 => (cursor.offset(offset_size)?, cursor.u8()?),
        5 => {
            let unit_type = cursor.u8()?;
            let address_size = cursor.u8()?;
            let abbreviations = cursor.offset(offset_size)?;
            match unit_type {
                // Compile, partial.
                1 | 3 => {}
                // Skeleton, split compile: an id.
                4 | 5 => cursor.skip(8)?,
                // Type, split type: a signature and an offset.
                2 | 6 => cursor.skip(8 + u64::from(offset_size))?,
                _ => return unknown(&mut state.detail, u64::from(unit_type)),
            }
            (abbreviations, address_size)
        }
        _ => return unknown(&mut state.detail, u64::from(version)),
    };
    if address_size != 8 {
        return unknown(&mut state.detail, u64::from(address_size));
    }
    Ok((Encoding { version, offset_size }, abbreviations))
}
