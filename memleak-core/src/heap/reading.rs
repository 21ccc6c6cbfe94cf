//! Reads the blocks of a heap word by word, each as its best witness says.
//!
//! May use: `kernel`, `debuginfo` (types only), `address`.
//!
//! What a block holds is known from the stack that allocated it, and better from who points to it: a `Box<T>` in a static knows more than
//! a stack, and only a `Vec` knows how many of its elements are there. So blocks are read from the named roots on. Then the rest is read,
//! where a pointer may be a copy that was moved away; and last what no typed pointer leads to. There nothing is declared dead.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::TypeId;
use crate::heap::containers::{Elements, at};
use crate::heap::contents::Content;
use crate::heap::evidence::{COUNTS, is_counted};
use crate::heap::graph::{EdgeKind, Heap};
use crate::heap::places::Liveness;
use crate::heap::words::{WORD, Word, Words};
use crate::kernel::pointers::Pointer;
use std::collections::VecDeque;
use std::rc::Rc;

/// What became of a word that leads into a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing yet.
    Unread,
    /// No live value has it.
    Dead,
    /// It is alive, and of this kind.
    Alive(EdgeKind),
    /// It may be a stale copy; if it is alive, it is of this kind.
    Possible(EdgeKind),
}

/// How far the reading of a block can be believed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Level {
    /// A typed pointer leads there from a named root: its value is in its place.
    Certain,
    /// Its type is known; its value may have been moved away.
    Possible,
    /// Its type may be wrong.
    Guess,
}

/// Who says what a block holds.
#[derive(Clone, Debug)]
enum Witness {
    /// The stack that allocated it.
    Stack,
    /// A pointer to this type.
    Pointer(TypeId),
    /// The container at this address: these elements are there.
    Container(u64, Rc<[Elements]>),
    /// The container at this address, which may be a stale copy: its elements are of this type, but there may be more or fewer by now.
    StaleContainer(u64, TypeId),
    /// Two containers, which contradict each other.
    Several,
}

/// A pointer to follow.
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    to: u32,
    word: Word,
}

/// The state of the reading.
pub struct Reader<'a> {
    heap: Heap<'a>,
    pointers: &'a [Pointer],
    /// Where each block's pointers start; one more than there are blocks.
    starts: Vec<u32>,
    words: Words<'a>,
    /// By pointer.
    verdicts: Vec<Verdict>,
    /// By block, once it was reached.
    witnesses: Vec<Option<(Level, Witness)>>,
    /// Reached, and not read yet.
    queue: VecDeque<u32>,
    /// Pointers that may be stale, found while certain ones were followed.
    later: Vec<Lead>,
    /// What stacks say cannot be relied on.
    merged: bool,
}

impl<'a> Reader<'a> {
    /// A reader of the blocks in which the kernel found these pointers.
    pub fn new(heap: &Heap<'a>, pointers: &'a [Pointer]) -> Reader<'a> {
        let blocks = heap.contents.len();
        let mut starts = Vec::with_capacity(blocks + 1);
        for (index, pointer) in (0..).zip(pointers) {
            while starts.len() <= pointer.from as usize {
                starts.push(index);
            }
        }
        starts.resize(blocks + 1, pointers.len() as u32);
        Reader {
            heap: *heap,
            pointers,
            starts,
            words: Words::new(heap.view),
            verdicts: vec![Verdict::Unread; pointers.len()],
            witnesses: vec![None; blocks],
            queue: VecDeque::new(),
            later: Vec::new(),
            merged: heap.view.types.merged_functions(),
        }
    }

    /// Judges a word of a root of this type, and follows it.
    pub fn in_root(&mut self, ty: TypeId, start: RuntimeAddress, pointer: &Pointer) -> Verdict {
        let snapshot = self.heap.view.snapshot;
        let read = |address, size| snapshot.number(RuntimeAddress(address), size);
        let word = self.words.at(ty, start.0, pointer.at, &read);
        let value = snapshot.word(RuntimeAddress(pointer.at)).unwrap_or(0);
        self.judged(pointer.to, value, word, Level::Certain)
    }

    /// Reads all blocks, after the words of the roots were judged. Says what became of each pointer.
    pub fn read_all(mut self) -> Vec<Verdict> {
        self.drain();
        for lead in std::mem::take(&mut self.later) {
            self.follow(lead, Level::Possible);
        }
        self.drain();
        for block in 0..self.witnesses.len() {
            let typed = matches!(
                self.heap.contents[block],
                Content::Value(_) | Content::Unwritten(_) | Content::Shared(_) | Content::Table(_)
            );
            // Tables have their turn when all who may own one have been found.
            if typed && !self.merged && !matches!(self.heap.contents[block], Content::Table(_)) {
                self.reach(block as u32, Level::Possible, || Witness::Stack);
                self.drain();
            }
        }
        for block in 0..self.witnesses.len() {
            let level = match self.heap.contents[block] {
                Content::Table(_) if !self.merged => Level::Possible,
                _ => Level::Guess,
            };
            self.reach(block as u32, level, || Witness::Stack);
            self.drain();
        }
        for block in 0..self.witnesses.len() as u32 {
            if let Some((_, Witness::Several)) = self.witnesses[block as usize] {
                self.read(block);
            }
        }
        self.verdicts
    }

    fn drain(&mut self) {
        while let Some(block) = self.queue.pop_front() {
            self.read(block);
        }
    }

    /// Notes who says what a block holds, unless somebody better has done so.
    fn reach(&mut self, block: u32, level: Level, witness: impl FnOnce() -> Witness) {
        if self.witnesses[block as usize].is_none() {
            let level = if self.keeps_its_value(block) { Level::Certain } else { level };
            self.witnesses[block as usize] = Some((level, witness()));
            self.queue.push_back(block);
        }
    }

    /// Whether this is the block of an `Rc` or `Arc` with a strong count: its value is in its place, whoever leads there.
    fn keeps_its_value(&self, block: u32) -> bool {
        let content = &self.heap.contents[block as usize];
        let counted =
            !self.merged && matches!(content, Content::Value(_) | Content::Shared(_)) && counted(self.heap, content);
        counted && self.heap.view.snapshot.bytes_of(block as usize).first_chunk().is_some_and(|count| *count != [0; 8])
    }

    /// What a word is that leads to `to`. If it tells what is there, that is followed.
    fn judged(&mut self, to: u32, value: u64, word: Word, level: Level) -> Verdict {
        let certain = match word.liveness {
            Liveness::Dead if level == Level::Guess => return Verdict::Alive(EdgeKind::Unknown),
            Liveness::Dead => return Verdict::Dead,
            Liveness::Certain => level == Level::Certain,
            Liveness::Possible => false,
        };
        let kind = self.fitting(to, value, &word);
        if level == Level::Guess {
            // If its type is wrong, it may be a pointer that keeps its block.
            return Verdict::Possible(if kind == EdgeKind::Weak { EdgeKind::Unknown } else { kind });
        }
        if kind != EdgeKind::Unknown {
            let lead = Lead { to, word: Word { kind, ..word } };
            match (certain, level) {
                (true, _) => self.follow(lead, Level::Certain),
                (false, Level::Certain) => self.later.push(lead),
                (false, _) => self.follow(lead, Level::Possible),
            }
        }
        if certain { Verdict::Alive(kind) } else { Verdict::Possible(kind) }
    }

    /// A pointer that owns or counts leads to the start of a block. One that does not is something else.
    fn fitting(&self, to: u32, value: u64, word: &Word) -> EdgeKind {
        let exact = value == self.heap.view.snapshot.blocks()[to as usize].address.0;
        let is_table = || {
            let container = word.container.map(|(ty, _)| self.heap.view.types.get(ty));
            container.is_some_and(|ty| ty.name.starts_with("hashbrown::"))
        };
        match word.kind {
            EdgeKind::Owning if exact || is_table() => EdgeKind::Owning,
            EdgeKind::Counted | EdgeKind::Weak if exact => word.kind,
            EdgeKind::Borrowed => EdgeKind::Borrowed,
            _ => EdgeKind::Unknown,
        }
    }

    /// Learns from a pointer what its block holds.
    fn follow(&mut self, lead: Lead, level: Level) {
        let Lead { to, word } = lead;
        let nothing_in_it = self.starts[to as usize] == self.starts[to as usize + 1];
        if let (Some((ty, address)), EdgeKind::Owning) = (word.container, word.kind) {
            if nothing_in_it {
                return self.reach(to, level, || Witness::Stack);
            }
            return self.follow_container(to, ty, address, level);
        }
        if self.witnesses[to as usize].is_some() {
            return;
        }
        let view = self.heap.view;
        let block = view.snapshot.blocks()[to as usize];
        let pointee = word.pointee.filter(|ty| view.types.get(*ty).size == block.size);
        let owns = matches!(word.kind, EdgeKind::Owning | EdgeKind::Counted | EdgeKind::Weak);
        let by_stack = match self.heap.contents[to as usize] {
            Content::Value(ty) | Content::Stated(ty) => Some(ty),
            Content::Unwritten(_) | Content::Shared(_) if !self.merged => None,
            // Only their owner knows more of them.
            _ if pointee.is_none() || !owns => return,
            _ => None,
        };
        // A reference leads to a value, not to memory that is yet to be written (`Box::default` is made that way).
        let written =
            word.reference && !self.merged && matches!(self.heap.contents[to as usize], Content::Unwritten(_));
        match pointee {
            Some(pointee) if owns || written => self.reach(to, level, || Witness::Pointer(pointee)),
            Some(pointee) if self.merged => {
                let same = by_stack.is_some_and(|ty| view.types.get(ty).name == view.types.get(pointee).name);
                if same {
                    self.reach(to, level, || Witness::Stack);
                }
            }
            _ if self.merged => {}
            _ => self.reach(to, level, || Witness::Stack),
        }
    }

    fn follow_container(&mut self, to: u32, ty: TypeId, address: u64, level: Level) {
        match &mut self.witnesses[to as usize] {
            None => {}
            Some((_, Witness::Container(other, _) | Witness::StaleContainer(other, _))) if *other == address => return,
            // One that is as certain as the first: neither can be relied on.
            Some((known, witness)) if *known == level => {
                *witness = Witness::Several;
                return;
            }
            Some(_) => return,
        }
        let view = self.heap.view;
        let Some(Ok(owned)) = view.owned(&view.types.get(ty), RuntimeAddress(address)) else { return };
        if !owned.blocks.iter().any(|(block, _)| *block == to as usize) {
            return;
        }
        let block = view.snapshot.blocks()[to as usize];
        let inside = block.address..at(block.address, block.size);
        let mut elements: Vec<Elements> =
            owned.elements.into_iter().filter(|run| inside.contains(&run.start)).collect();
        let element = elements.first().map(|run| run.ty);
        elements.sort_unstable_by_key(|run| run.start);
        match (level, &self.heap.contents[to as usize], element) {
            (Level::Certain, _, _) => self.reach(to, level, || Witness::Container(address, elements.into())),
            // A table tells itself what is in it.
            (_, Content::Table(_), _) if !self.merged => self.reach(to, level, || Witness::Stack),
            (_, _, Some(element)) => self.reach(to, level, || Witness::StaleContainer(address, element)),
            _ => {}
        }
    }

    /// Judges all words of a block.
    fn read(&mut self, block: u32) {
        let Some((level, witness)) = self.witnesses[block as usize].clone() else { return };
        let range = self.starts[block as usize] as usize..self.starts[block as usize + 1] as usize;
        if range.is_empty() {
            return;
        }
        let snapshot = self.heap.view.snapshot;
        let start = snapshot.blocks()[block as usize].address.0;
        let bytes = snapshot.bytes_of(block as usize);
        let read = |address: u64, size: u64| {
            let offset = usize::try_from(address.checked_sub(start)?).ok()?;
            let mut number = [0; 16];
            number.get_mut(..size as usize)?.copy_from_slice(bytes.get(offset..offset + size as usize)?);
            Some(u128::from_le_bytes(number))
        };
        let layout = self.layout(block, &witness);
        let level = layout.at_best(level);
        for index in range {
            let pointer = self.pointers[index];
            let value = read(pointer.at, 8).unwrap_or(0) as u64;
            let word = match layout.part(start, pointer.at, &read) {
                Inside::Value(ty, start) => self.words.at(ty, start, pointer.at, &read),
                Inside::Unknown => UNKNOWN,
                Inside::Dead => Word { liveness: Liveness::Dead, ..UNKNOWN },
            };
            self.verdicts[index] = match layout {
                Layout::Threads if !self.may_be_of_threads(pointer.to) => Verdict::Dead,
                _ => self.judged(pointer.to, value, word, level),
            };
        }
    }

    /// Whether the tree of threads may lead to this block: to another node, or to a name, which the standard library allocates.
    fn may_be_of_threads(&self, block: u32) -> bool {
        let content = &self.heap.contents[block as usize];
        *content == Content::Unknown || content.is_of_threads()
    }

    fn layout(&self, block: u32, witness: &Witness) -> Layout {
        let view = self.heap.view;
        let size = |ty: TypeId| view.types.get(ty).size;
        match (witness, &self.heap.contents[block as usize]) {
            (Witness::Pointer(ty), _) | (Witness::Stack, Content::Value(ty) | Content::Stated(ty)) => {
                Layout::Value(*ty)
            }
            (Witness::Container(_, runs), _) => {
                let size = runs.first().map_or(0, |run| size(run.ty));
                Layout::Elements(Rc::clone(runs), size)
            }
            (Witness::StaleContainer(_, ty), _) if size(*ty) > 0 => {
                Layout::Slots { ty: *ty, size: size(*ty), level: Level::Possible }
            }
            (_, Content::Unwritten(ty)) => Layout::Unwritten(*ty),
            (_, Content::Buffer(ty)) if size(*ty) > 0 => {
                Layout::Slots { ty: *ty, size: size(*ty), level: Level::Guess }
            }
            (_, Content::Table(ty)) => match view.table_elements(block as usize, *ty) {
                Ok(mut elements) => {
                    elements.sort_unstable_by_key(|run| run.start);
                    Layout::Table(elements.into(), size(*ty))
                }
                Err(_) => Layout::Unknown,
            },
            (_, Content::Shared(ty)) if size(*ty) > 0 => Layout::Shared(*ty, size(*ty)),
            (_, content) if counted(self.heap, content) => Layout::CountedUnknown,
            (_, content) if content.is_of_threads() => Layout::Threads,
            _ => Layout::Unknown,
        }
    }
}

const UNKNOWN: Word = Word::of(EdgeKind::Unknown);

/// Whether a block that holds this is that of an `Rc` or `Arc`: it starts with the strong count.
pub fn counted(heap: Heap<'_>, content: &Content) -> bool {
    match content {
        Content::Value(ty) | Content::Stated(ty) => is_counted(&heap.view.types.get(*ty)),
        Content::Shared(_) => true,
        // From a box, so its type is not told.
        other => other.is_counted_unknown(),
    }
}

/// How the words of a block are read.
enum Layout {
    Value(TypeId),
    Unwritten(TypeId),
    /// Sorted runs of live elements of this size.
    Elements(Rc<[Elements]>, u64),
    /// As above, as far as the block itself tells.
    Table(Rc<[Elements]>, u64),
    /// Elements, any of which may be there.
    Slots {
        ty: TypeId,
        size: u64,
        /// A buffer's type by its stack may be out of date: `collect` fills the buffer of another type's elements where it can.
        level: Level,
    },
    /// Two counts, then elements of this size.
    Shared(TypeId, u64),
    /// Two counts, then a value.
    CountedUnknown,
    /// A node of the standard library's tree of threads.
    Threads,
    Unknown,
}

/// What a word of a block is in.
enum Inside {
    /// A value of this type that starts here.
    Value(TypeId, u64),
    Unknown,
    Dead,
}

impl Layout {
    /// The best level that such a layout can have.
    fn at_best(&self, level: Level) -> Level {
        match self {
            Layout::Unwritten(_) | Layout::Table(..) => level.max(Level::Possible),
            Layout::Slots { level: known, .. } => level.max(*known),
            // Nothing is told by types.
            Layout::CountedUnknown | Layout::Threads | Layout::Unknown => Level::Certain,
            Layout::Value(_) | Layout::Elements(..) | Layout::Shared(..) => level,
        }
    }

    fn part(&self, start: u64, word: u64, read: &dyn Fn(u64, u64) -> Option<u128>) -> Inside {
        let offset = word - start;
        match self {
            Layout::Value(ty) | Layout::Unwritten(ty) => Inside::Value(*ty, start),
            // Bytes may hold anything.
            Layout::Slots { size, .. } if *size < WORD => Inside::Unknown,
            Layout::Slots { ty, size, .. } => Inside::Value(*ty, start + offset / size * size),
            Layout::Elements(runs, size) | Layout::Table(runs, size) => {
                let run = runs.partition_point(|run| run.start.0 <= word).checked_sub(1).map(|last| runs[last]);
                match run.map(|run| (run, (word - run.start.0).checked_div(*size))) {
                    Some((run, Some(index))) if *size < WORD && run.count.saturating_sub(index) * size >= WORD => {
                        Inside::Unknown
                    }
                    Some((run, Some(index))) if index < run.count => Inside::Value(run.ty, run.start.0 + index * size),
                    _ => Inside::Dead,
                }
            }
            Layout::Shared(..) | Layout::CountedUnknown if offset < COUNTS => Inside::Unknown,
            Layout::Shared(..) | Layout::CountedUnknown if read(start, 8) == Some(0) => Inside::Dead,
            Layout::Shared(_, size) if *size < WORD => Inside::Unknown,
            Layout::Shared(ty, size) => Inside::Value(*ty, start + COUNTS + (offset - COUNTS) / size * size),
            Layout::CountedUnknown | Layout::Threads | Layout::Unknown => Inside::Unknown,
        }
    }
}
