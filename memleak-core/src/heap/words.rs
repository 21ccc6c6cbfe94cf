//! What a word is, going by the type of the value it is in: whether it is alive, and what kind of pointer.
//!
//! May use: `debuginfo` (types only), `address`.
//!
//! [`crate::heap::places`] answers the same for the text, with names. Here it is asked for every word that leads into a block, so the way
//! down a type is worked out once for each offset; what is left is to read the discriminants on the way.

use crate::debuginfo::types::{Discriminant, Type, TypeId, TypeKind, Variant};
use crate::heap::containers::slots::Told;
use crate::heap::containers::{View, parameter, told};
use crate::heap::evidence::{certain_in_coroutine, is_counted};
use crate::heap::graph::EdgeKind;
use crate::heap::places::Liveness;
use crate::heap::thread_locals::Layout;
use std::collections::HashMap;
use std::rc::Rc;

/// Pointers in these types are of this kind: the start of the type's name, and the field; no field stands for all.
const KINDS: &[(&str, &str, EdgeKind)] = &[
    ("alloc::boxed::Box<", "", EdgeKind::Owning),
    ("alloc::raw_vec::RawVec", "", EdgeKind::Owning),
    ("alloc::vec::Vec<", "", EdgeKind::Owning),
    ("alloc::vec::into_iter::IntoIter<", "buf", EdgeKind::Owning),
    ("alloc::collections::vec_deque::VecDeque<", "", EdgeKind::Owning),
    ("alloc::collections::btree::map::BTreeMap<", "root", EdgeKind::Owning),
    ("alloc::collections::btree::node::InternalNode<", "edges", EdgeKind::Owning),
    ("alloc::collections::linked_list::LinkedList<", "head", EdgeKind::Owning),
    ("alloc::collections::linked_list::Node<", "next", EdgeKind::Owning),
    ("hashbrown::raw::RawTable", "ctrl", EdgeKind::Owning),
    ("hashbrown::raw::inner::RawTable", "ctrl", EdgeKind::Owning),
    ("hashbrown::raw::RawIntoIter<", "allocation", EdgeKind::Owning),
    ("alloc::rc::Rc<", "", EdgeKind::Counted),
    ("alloc::sync::Arc<", "", EdgeKind::Counted),
    ("alloc::rc::Weak<", "", EdgeKind::Weak),
    ("alloc::sync::Weak<", "", EdgeKind::Weak),
];

fn kind(ty: &Type, field: &str) -> Option<EdgeKind> {
    let row = KINDS.iter().find(|(prefix, of, _)| *of == field && ty.name.starts_with(prefix));
    row.map(|(_, _, kind)| *kind)
}

/// Whether this owns a block by a pointer in itself, which no value has that lies in it.
fn owns_a_buffer(ty: &Type) -> bool {
    KINDS.iter().any(|(prefix, _, kind)| *kind == EdgeKind::Owning && ty.name.starts_with(prefix))
}

/// What the types say of one word.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Word {
    /// Whether it is alive if the value is.
    pub liveness: Liveness,
    /// What kind of pointer it is.
    pub kind: EdgeKind,
    /// What it points to, for a thin pointer.
    pub pointee: Option<TypeId>,
    /// Whether it is a reference: what it leads to is a value.
    pub reference: bool,
    /// The innermost container that it is in, and where that starts.
    pub container: Option<(TypeId, u64)>,
}

impl Word {
    /// A word of this kind that is alive, and of which no more is known.
    pub const fn of(kind: EdgeKind) -> Word {
        Word { liveness: Liveness::Certain, kind, pointee: None, reference: false, container: None }
    }
}

/// Reads numbers of up to 16 bytes: from an address, so many bytes.
pub type Read<'r> = &'r dyn Fn(u64, u64) -> Option<u128>;

/// The ways down the types of a heap, as far as they were asked for.
pub struct Words<'a> {
    view: View<'a>,
    /// By type and by offset in words.
    aligned: Vec<Vec<Option<Rc<Way>>>>,
    /// By type and offset: those that are not at a multiple of 8, or far behind.
    others: HashMap<(TypeId, u64), Rc<Way>>,
}

/// In bytes.
pub const WORD: u64 = 8;

/// So many words of a type have their ways in a table.
const IN_TABLE: u64 = 1 << 12;

/// The way down from a type, as far as it is the same for all values.
#[derive(Clone, Default)]
struct Way {
    possible: bool,
    kind: Option<EdgeKind>,
    /// Its type, and where it is in the value.
    container: Option<(TypeId, u64)>,
    end: End,
}

/// How a way ends.
#[derive(Clone, Default)]
enum End {
    /// A number, or nothing that is known.
    #[default]
    Number,
    Pointer {
        target: Option<TypeId>,
        /// `&T`, `&mut T`.
        reference: bool,
    },
    Dead,
    /// The number at this offset says how it goes on.
    Choice {
        number: Discriminant,
        arms: Vec<(Test, Part)>,
        otherwise: Part,
    },
}

#[derive(Clone)]
enum Test {
    Values(Vec<u128>),
    AtLeast(u128),
    /// Of these bits, these are set and no others.
    Bits(u128, u128),
}

/// A part of a value that may be there.
#[derive(Clone, Copy)]
enum Part {
    Dead,
    Unclear,
    /// A value of this type at this offset.
    Value {
        ty: TypeId,
        offset: u64,
        certain: bool,
        kind: Option<EdgeKind>,
    },
}

/// One step down.
enum Below {
    /// The same for all values.
    Part(Part),
    End(End),
}

/// A part that is certainly there.
fn there(ty: TypeId, offset: u64) -> Part {
    Part::Value { ty, offset, certain: true, kind: None }
}

/// A part that may be there.
fn perhaps(ty: TypeId, offset: u64) -> Part {
    Part::Value { ty, offset, certain: false, kind: None }
}

impl<'a> Words<'a> {
    /// Nothing is worked out yet.
    pub fn new(view: View<'a>) -> Words<'a> {
        Words { view, aligned: Vec::new(), others: HashMap::new() }
    }

    /// What the word at `word` is, in a value of type `ty` at `start`.
    pub fn at(&mut self, ty: TypeId, start: u64, word: u64, read: Read<'_>) -> Word {
        let (mut ty, mut start) = (ty, start);
        let mut found = Word::of(EdgeKind::Borrowed);
        loop {
            let way = self.way(ty, word.wrapping_sub(start));
            if way.possible {
                found.liveness = found.liveness.max(Liveness::Possible);
            }
            found.kind = way.kind.unwrap_or(found.kind);
            if let Some((container, offset)) = way.container {
                found.container = Some((container, start.wrapping_add(offset)));
            }
            let part = match &way.end {
                End::Dead => Part::Dead,
                End::Number => Part::Unclear,
                End::Pointer { target, reference } => {
                    (found.pointee, found.reference) = (*target, *reference);
                    if *reference {
                        found.kind = EdgeKind::Borrowed;
                    }
                    return found;
                }
                End::Choice { number, arms, otherwise } => match read(start.wrapping_add(number.offset), number.size) {
                    None => {
                        found.liveness = found.liveness.max(Liveness::Possible);
                        Part::Unclear
                    }
                    Some(value) => {
                        let part = choose(value, arms, *otherwise);
                        if matches!(part, Part::Unclear) {
                            found.liveness = found.liveness.max(Liveness::Possible);
                        }
                        part
                    }
                },
            };
            match part {
                Part::Dead => return Word { liveness: Liveness::Dead, kind: EdgeKind::Unknown, ..found },
                Part::Unclear => return Word { kind: EdgeKind::Unknown, ..found },
                Part::Value { ty: inner, offset, certain, kind } => {
                    found.kind = kind.unwrap_or(found.kind);
                    ty = inner;
                    start = start.wrapping_add(offset);
                    if !certain {
                        found.liveness = found.liveness.max(Liveness::Possible);
                    }
                }
            }
        }
    }

    fn way(&mut self, ty: TypeId, offset: u64) -> Rc<Way> {
        if !offset.is_multiple_of(8) || offset / 8 >= IN_TABLE {
            if let Some(way) = self.others.get(&(ty, offset)) {
                return Rc::clone(way);
            }
            let way = Rc::new(self.work_out(ty, offset));
            self.others.insert((ty, offset), Rc::clone(&way));
            return way;
        }
        let (row, column) = (ty.0 as usize, offset as usize / 8);
        if let Some(Some(way)) = self.aligned.get(row).and_then(|row| row.get(column)) {
            return Rc::clone(way);
        }
        let way = Rc::new(self.work_out(ty, offset));
        if self.aligned.len() <= row {
            self.aligned.resize(row + 1, Vec::new());
        }
        let row = &mut self.aligned[row];
        if row.len() <= column {
            row.resize(column + 1, None);
        }
        row[column] = Some(Rc::clone(&way));
        way
    }

    fn work_out(&self, ty: TypeId, offset: u64) -> Way {
        let mut way = Way::default();
        let (mut id, mut start) = (ty, 0);
        loop {
            let ty = self.view.types.get(id);
            way.kind = kind(&ty, "").or(way.kind);
            if owns_a_buffer(&ty) && !self.view.element_types(&ty).is_empty() {
                way.container = Some((id, start));
            }
            match self.below(&ty, offset - start) {
                Below::Part(Part::Value { ty, offset, certain, kind }) => {
                    way.possible |= !certain;
                    way.kind = kind.or(way.kind);
                    (id, start) = (ty, start + offset);
                }
                Below::Part(Part::Dead) => return Way { end: End::Dead, ..way },
                Below::Part(Part::Unclear) => return Way { end: unclear(), ..way },
                Below::End(End::Choice { mut number, mut arms, mut otherwise }) => {
                    // From the start of the part to that of the whole.
                    number.offset += start;
                    for part in arms.iter_mut().map(|(_, part)| part).chain([&mut otherwise]) {
                        if let Part::Value { offset, .. } = part {
                            *offset += start;
                        }
                    }
                    return Way { end: End::Choice { number, arms, otherwise }, ..way };
                }
                Below::End(end) => return Way { end, ..way },
            }
        }
    }

    fn below(&self, ty: &Type, offset: u64) -> Below {
        if let Some(special) = self.special(ty, offset) {
            return special;
        }
        match &ty.kind {
            // Too small for a pointer; what is behind it in the word is padding or another number.
            TypeKind::Scalar if ty.size < WORD => Below::End(End::Dead),
            TypeKind::Scalar | TypeKind::Opaque => Below::End(End::Number),
            TypeKind::Pointer { target } => {
                Below::End(End::Pointer { target: *target, reference: ty.name.starts_with('&') })
            }
            TypeKind::Struct { fields } => match self.field_around(fields, offset) {
                Some(field) => {
                    let kind = kind(ty, &field.name);
                    Below::Part(Part::Value { ty: field.ty, offset: field.offset, certain: true, kind })
                }
                None => self.behind_fields(ty, fields, offset),
            },
            TypeKind::Union { fields } => {
                // Of several it is not known which is meant.
                let mut sized = fields.iter().filter(|field| self.size(field.ty) > 0);
                match (sized.next(), sized.next()) {
                    (Some(field), None) if offset >= field.offset => Below::Part(perhaps(field.ty, field.offset)),
                    _ => Below::End(unclear()),
                }
            }
            &TypeKind::Array { element, count } => {
                let size = self.size(element);
                match offset.checked_div(size).filter(|index| *index < count) {
                    // An array of bytes, initialised or not, may hold anything.
                    Some(_) if size < WORD && count * size - offset >= WORD => Below::End(End::Number),
                    Some(index) => Below::Part(there(element, index * size)),
                    None => Below::End(End::Number),
                }
            }
            TypeKind::Enum { discriminant, variants, coroutine } => {
                let part = |variant: &Variant| self.in_variant(variant, *coroutine, offset);
                let Some(number) = *discriminant else {
                    return Below::Part(variants.first().map_or(Part::Unclear, part));
                };
                let valued = variants.iter().filter(|variant| !variant.values.is_empty());
                let arms = valued.map(|variant| (Test::Values(variant.values.clone()), part(variant))).collect();
                let otherwise = variants.iter().find(|variant| variant.values.is_empty()).map_or(Part::Unclear, part);
                Below::End(End::Choice { number, arms, otherwise })
            }
        }
    }

    fn in_variant(&self, variant: &Variant, coroutine: bool, offset: u64) -> Part {
        if coroutine && matches!(&*variant.name, "Returned" | "Panicked") {
            return Part::Dead;
        }
        let inner = self.view.types.get(variant.ty);
        let TypeKind::Struct { fields } = &inner.kind else { return Part::Unclear };
        // Captures are listed twice in a suspended state, as captures and as locals: the first will do.
        match self.field_around(fields, offset) {
            None => Part::Dead,
            Some(field) => Part::Value {
                ty: field.ty,
                offset: field.offset,
                certain: !coroutine || certain_in_coroutine(&variant.name, &field.name),
                kind: None,
            },
        }
    }

    fn field_around<'f>(
        &self,
        fields: &'f [crate::debuginfo::types::Field],
        offset: u64,
    ) -> Option<&'f crate::debuginfo::types::Field> {
        fields.iter().find(|field| (field.offset..field.offset + self.size(field.ty)).contains(&offset))
    }

    /// In no field: padding, or the unsized tail, of which one element is listed.
    fn behind_fields(&self, ty: &Type, fields: &[crate::debuginfo::types::Field], offset: u64) -> Below {
        let tail = fields.iter().max_by_key(|field| field.offset);
        match tail.map(|tail| (tail, self.size(tail.ty))) {
            Some((tail, size)) if size > 0 && tail.offset + size > ty.size && offset >= tail.offset => {
                let index = (offset - tail.offset) / size;
                if size < WORD {
                    return Below::End(End::Number);
                }
                Below::Part(there(tail.ty, tail.offset + index * size))
            }
            _ if offset < ty.size => Below::End(End::Dead),
            _ => Below::End(unclear()),
        }
    }

    fn size(&self, ty: TypeId) -> u64 {
        self.view.types.get(ty).size
    }
}

/// Alive for all that is known.
fn unclear() -> End {
    let number = Discriminant { offset: 0, size: 1 };
    End::Choice { number, arms: Vec::new(), otherwise: Part::Unclear }
}

fn choose(value: u128, arms: &[(Test, Part)], otherwise: Part) -> Part {
    let passes = |test: &Test| match test {
        Test::Values(values) => values.contains(&value),
        Test::AtLeast(least) => value >= *least,
        Test::Bits(bits, are) => value & bits == *are,
    };
    arms.iter().find(|(test, _)| passes(test)).map_or(otherwise, |(_, part)| *part)
}

/// Types of which more is known than their debug info says: a number in them tells which part is there.
impl Words<'_> {
    fn special(&self, ty: &Type, offset: u64) -> Option<Below> {
        let starts = |prefix: &str| ty.name.starts_with(prefix);
        if is_counted(ty) {
            self.counted(ty, offset)
        } else if starts("alloc::collections::btree::node::LeafNode<") {
            [("keys", "K"), ("vals", "V")]
                .iter()
                .find_map(|(array, of)| self.up_to_len(ty, array, parameter(ty, of)?, offset, 1))
        } else if starts("alloc::collections::btree::node::InternalNode<") {
            let (_, edges) = self.view.field(ty, "edges")?;
            let TypeKind::Array { element, .. } = self.view.types.get(edges).kind else { return None };
            let child = self.view.maybe_absent(&self.view.types.get(element))?;
            // There is one child more than there are keys.
            self.up_to_len(ty, "edges", child, offset, 0)
        } else if starts("std::sync::once_lock::OnceLock<") {
            self.once_complete(ty, "value", offset)
        } else if starts("std::sync::lazy_lock::LazyLock<") {
            self.once_complete(ty, "data", offset)
        } else if starts("std::sys::thread_local::") {
            self.thread_local(ty, offset)
        } else if starts("arrayvec::arrayvec::ArrayVec<") {
            self.up_to_len(ty, "xs", parameter(ty, "T")?, offset, 1)
        } else if let Some(told) = told(&ty.name) {
            self.in_slot(ty, told, offset)
        } else {
            let ty = self.view.maybe_absent(ty)?;
            Some(Below::Part(perhaps(ty, 0)))
        }
    }

    /// The value of an `Rc` or `Arc` is there as long as there is a strong count, also behind a `MaybeUninit`.
    fn counted(&self, ty: &Type, offset: u64) -> Option<Below> {
        let TypeKind::Struct { fields } = &ty.kind else { return None };
        let data = fields.iter().max_by_key(|field| field.offset).filter(|data| offset >= data.offset)?;
        let (strong, number) = self.view.field(ty, "strong")?;
        let inner = self.view.maybe_absent(&self.view.types.get(data.ty)).unwrap_or(data.ty);
        let size = self.size(inner);
        let (start, end) = (data.offset, ty.size.max(data.offset + size));
        let part = if size > 0 && (start + size > ty.size || offset < start + size) {
            let index = (offset - start) / size;
            let bytes = size < WORD && start + size > ty.size;
            if bytes { Part::Unclear } else { there(inner, start + index * size) }
        } else if offset < end {
            Part::Dead
        } else {
            Part::Unclear
        };
        let number = Discriminant { offset: strong, size: self.size(number) };
        Some(Below::End(End::Choice { number, arms: vec![(Test::AtLeast(1), part)], otherwise: Part::Dead }))
    }

    /// An element of an array in a B-tree node, of which the first `len` are there.
    fn up_to_len(&self, ty: &Type, name: &str, element: TypeId, offset: u64, more: u64) -> Option<Below> {
        let (start, array) = self.view.field(ty, name)?;
        let inside = offset.checked_sub(start).filter(|inside| *inside < self.size(array))?;
        let index = inside.checked_div(self.size(element))?;
        let (len, number) = self.view.field(ty, "len")?;
        let kind = kind(ty, name);
        let part = Part::Value { ty: element, offset: start + index * self.size(element), certain: true, kind };
        let number = Discriminant { offset: len, size: self.size(number) };
        let test = Test::AtLeast(u128::from(index + more));
        Some(Below::End(End::Choice { number, arms: vec![(test, part)], otherwise: Part::Dead }))
    }

    /// What is in a slot that says itself whether it is there.
    fn in_slot(&self, ty: &Type, told: &Told, offset: u64) -> Option<Below> {
        let (start, held) = self.view.field(ty, told.value)?;
        let value = parameter(ty, "T")?;
        if !(start..start + self.size(held)).contains(&offset) {
            return None;
        }
        let (by, number) = self.view.field(ty, told.by)?;
        let (by, size) = self.view.only_part(number, by);
        let part = if offset - start < self.size(value) { there(value, start) } else { Part::Dead };
        let arms = vec![(Test::Bits(told.bits.into(), told.are.into()), part)];
        let number = Discriminant { offset: by, size };
        Some(Below::End(End::Choice { number, arms, otherwise: Part::Dead }))
    }

    /// What an `OnceLock` or `LazyLock` holds is a `T` once its `Once` has completed, which is zero in its lower bits. With any other state
    /// it is what the field says.
    fn once_complete(&self, ty: &Type, field: &str, offset: u64) -> Option<Below> {
        const COMPLETE: u128 = 0;
        let (start, held) = self.view.field(ty, field)?;
        let value = parameter(ty, "T")?;
        if !(start..start + self.size(held)).contains(&offset) {
            return None;
        }
        let (once, number) = self.view.field(ty, "once")?;
        let number = Discriminant { offset: once, size: self.size(number).min(16) };
        let part = match offset - start < self.size(value) {
            true => there(value, start),
            false => Part::Dead,
        };
        let otherwise = perhaps(held, start);
        Some(Below::End(End::Choice { number, arms: vec![(Test::Values(vec![COMPLETE]), part)], otherwise }))
    }

    /// What a `thread_local!` holds is there while its state is `Alive`.
    fn thread_local(&self, ty: &Type, offset: u64) -> Option<Below> {
        let Layout { state, value: (start, value) } = self.view.thread_local(ty)?;
        if !(start..start + self.size(value)).contains(&offset) {
            return None;
        }
        let TypeKind::Enum { discriminant, variants, .. } = &self.view.types.get(state.1).kind else { return None };
        let number = (*discriminant)?;
        let number = Discriminant { offset: state.0 + number.offset, size: number.size };
        let alive = variants.iter().find(|variant| &*variant.name == "Alive")?;
        let part = there(value, start);
        let (arms, otherwise) = match &alive.values[..] {
            // Of a niche: it is alive in all states that no other variant has.
            [] => {
                let others = variants.iter().flat_map(|variant| variant.values.iter().copied()).collect();
                (vec![(Test::Values(others), Part::Dead)], part)
            }
            values => (vec![(Test::Values(values.to_vec()), part)], Part::Dead),
        };
        Some(Below::End(End::Choice { number, arms, otherwise }))
    }
}
