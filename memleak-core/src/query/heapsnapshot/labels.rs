//! What the pointers of a heap are called: by the field or element that they are in.

use super::format::EdgeType;
use super::strings::Strings;
use crate::address::RuntimeAddress;
use crate::debuginfo::types::{TypeId, Types as _};
use crate::heap::containers::at;
use crate::heap::contents::Content;
use crate::heap::evidence::COUNTS;
use crate::heap::graph::{Edge, EdgeKind};
use crate::heap::holders::Way;
use crate::heap::naming;
use crate::heap::places::{Descent, Part};
use crate::query::read::{Datum, Place, is_text};
use crate::query::scene::Scene;
use std::collections::HashMap;

/// Finds out what pointers are called. What is known of a field is kept.
///
/// A file has as many pointers as the heap, so the way to what is known is short: a look into a table, and for enums one into a map.
pub(super) struct Labels<'s> {
    scene: &'s Scene<'s>,
    /// By the type of a value and the number of the word in it, where that is the same for all values of the type.
    fixed: Vec<Vec<Option<Word>>>,
    /// By the types on the way down to the word, which say what variants are active, and the offset of the word.
    known: HashMap<(Vec<TypeId>, u64), Word>,
    /// What the bytes of a text of this type are called.
    texts: HashMap<TypeId, u32>,
    /// Where the control bytes of the table begin that is read.
    table: Option<(u32, RuntimeAddress)>,
}

/// What a word of a value is called.
#[derive(Clone, Copy, Debug)]
struct Word {
    /// Of the field; none if the word is all that a user sees of the value.
    name: Option<u32>,
    /// What it is called in a value that is not an element.
    inner: Option<u32>,
    /// The text that it is in: its offset and type.
    text: Option<(u64, TypeId)>,
}

/// What a pointer is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) kind: EdgeType,
    /// A number of a text, or that of an element.
    pub(super) name: u32,
    /// The text whose bytes it leads to.
    pub(super) text: Option<Place>,
}

/// Words further in than this have no place in the table.
const LONGEST_ROW: u64 = 4096;

impl<'s> Labels<'s> {
    pub(super) fn new(scene: &'s Scene<'s>) -> Labels<'s> {
        Labels { scene, fixed: Vec::new(), known: HashMap::new(), texts: HashMap::new(), table: None }
    }

    /// Of a pointer in this block.
    pub(super) fn in_block(&mut self, block: u32, edge: &Edge, strings: &mut Strings) -> Label {
        let record = self.scene.snapshot.blocks()[block as usize];
        let types = self.scene.program.types();
        let (ty, start, index) = match self.scene.contents[block as usize] {
            Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => (ty, record.address, None),
            Content::Buffer(element) => self.element(element, record.address, edge.at),
            Content::Shared(element) => {
                let (ty, start, index) = self.element(element, at(record.address, COUNTS), edge.at);
                (ty, start, index.filter(|_| types.get(ty).size + COUNTS < record.size))
            }
            Content::Table(element) => match self.bucket(block, element, edge.at) {
                Some(start) => return self.in_bucket(element, start, edge, strings),
                None => return self.unknown(edge.at.0 - record.address.0, strings),
            },
            Content::OwnLayout { .. } | Content::Unknown => {
                return self.unknown(edge.at.0 - record.address.0, strings);
            }
        };
        let word = self.word(ty, start, edge, strings);
        let text = word.text.map(|(offset, ty)| Place { ty, address: at(start, offset) });
        match (index, word.name) {
            (None, Some(name)) => Label { kind: EdgeType::Property, name, text },
            (None, None) => Label { kind: EdgeType::Property, name: self.inner(edge, &word, strings), text },
            (Some(index), None) => Label { kind: EdgeType::Element, name: index as u32, text },
            (Some(index), Some(name)) => Label { kind: EdgeType::Property, name: strings.numbered(index, name), text },
        }
    }

    /// Of a pointer in the static, thread-local or local of this type at `start`.
    pub(super) fn in_root(&mut self, ty: TypeId, start: RuntimeAddress, edge: &Edge, strings: &mut Strings) -> Label {
        let word = self.word(ty, start, edge, strings);
        let text = word.text.map(|(offset, ty)| Place { ty, address: at(start, offset) });
        let name = word.name.unwrap_or_else(|| self.inner(edge, &word, strings));
        Label { kind: EdgeType::Property, name, text }
    }

    /// Of a pointer in memory whose type is not known.
    fn unknown(&self, offset: u64, strings: &mut Strings) -> Label {
        Label { kind: EdgeType::Property, name: strings.of(&format!("at byte {offset}")), text: None }
    }

    fn element(
        &self,
        ty: TypeId,
        first: RuntimeAddress,
        word: RuntimeAddress,
    ) -> (TypeId, RuntimeAddress, Option<u64>) {
        let index = word.0.saturating_sub(first.0).checked_div(self.scene.program.types().get(ty).size);
        let start = index.map_or(first, |index| at(first, index * self.scene.program.types().get(ty).size));
        (ty, start, index)
    }

    /// Where the bucket begins that a word of a table is in; they end where the control bytes begin.
    fn bucket(&mut self, block: u32, element: TypeId, word: RuntimeAddress) -> Option<RuntimeAddress> {
        let control = match self.table {
            Some((of, control)) if of == block => control,
            _ => {
                let (control, _) = self.scene.view().table_control(block as usize, element)?;
                self.table = Some((block, control));
                control
            }
        };
        let size = self.scene.program.types().get(element).size;
        let number = control.0.checked_sub(word.0)?.checked_sub(1)?.checked_div(size)? + 1;
        Some(RuntimeAddress(control.0.checked_sub(number * size)?))
    }

    /// A map's buckets are pairs, a set's too, with nothing as the second.
    fn in_bucket(&mut self, pair: TypeId, start: RuntimeAddress, edge: &Edge, strings: &mut Strings) -> Label {
        let view = self.scene.view();
        let ty = view.types.get(pair);
        let half = |name| view.field(&ty, name).map(|(offset, half)| (half, at(start, offset)));
        let inside =
            |(ty, start): &(TypeId, RuntimeAddress)| edge.at.0.wrapping_sub(start.0) < view.types.get(*ty).size;
        let found = [("__0", "[key]"), ("__1", "[value]")].into_iter().find_map(|(field, slot)| {
            half(field).filter(|half| ty.name.starts_with('(') && inside(half)).zip(Some(slot))
        });
        let Some(((ty, start), slot)) = found else { return self.in_root(pair, start, edge, strings) };
        let word = self.word(ty, start, edge, strings);
        let text = word.text.map(|(offset, ty)| Place { ty, address: at(start, offset) });
        let name = match word.name {
            Some(name) => {
                let name = strings.text(name).into_owned();
                let apart = if name.contains(' ') { " " } else { "." };
                strings.of(&format!("{slot}{apart}{name}"))
            }
            None => strings.of(slot),
        };
        Label { kind: EdgeType::Property, name, text }
    }

    /// What leads on from a container, or is a pointer alone: by what it leads to.
    fn inner(&self, edge: &Edge, word: &Word, strings: &mut Strings) -> u32 {
        match (&self.scene.contents[edge.to as usize], word.inner) {
            (Content::Buffer(_), _) => strings.of("elements"),
            (Content::Table(_), _) => strings.of("table"),
            (_, Some(inner)) => inner,
            (_, None) => strings.of("value"),
        }
    }

    fn word(&mut self, ty: TypeId, start: RuntimeAddress, edge: &Edge, strings: &mut Strings) -> Word {
        let offset = edge.at.0.wrapping_sub(start.0);
        let (row, column) = (ty.0 as usize, (offset / 8) as usize);
        let aligned = offset.is_multiple_of(8) && offset < LONGEST_ROW;
        if let Some(Some(known)) = self.fixed.get(row).filter(|_| aligned).and_then(|row| row.get(column)) {
            return *known;
        }
        let descent = self.scene.view().descend(ty, start, edge.at);
        let key = (descent.steps.iter().map(|step| step.ty).collect(), offset);
        let word = match self.known.get(&key) {
            Some(known) => *known,
            None => {
                let word = self.read(&descent, start, edge, strings);
                *self.known.entry(key).or_insert(word)
            }
        };
        if descent.fixed && aligned {
            if self.fixed.len() <= row {
                self.fixed.resize(row + 1, Vec::new());
            }
            let row = &mut self.fixed[row];
            if row.len() <= column {
                row.resize(column + 1, None);
            }
            row[column] = Some(word);
        }
        word
    }

    fn read(&self, descent: &Descent, start: RuntimeAddress, edge: &Edge, strings: &mut Strings) -> Word {
        let types = self.scene.program.types();
        let parts = naming::parts(&self.scene.heap(), &descent.steps);
        let name = written(&parts);
        let owns = matches!(edge.kind, EdgeKind::Owning | EdgeKind::Counted);
        let text = descent.steps.iter().find(|step| owns && is_text(&types.get(step.ty)));
        Word {
            name: (!name.is_empty()).then(|| strings.of(&name)),
            inner: inner_field(descent).map(|name| strings.of(name)),
            text: text.map(|step| (step.address.0 - start.0, step.ty)),
        }
    }

    /// What a block of a text is called: the text itself, or only its type.
    pub(super) fn text(&mut self, text: Place, values: bool, strings: &mut Strings) -> u32 {
        // As long as V8 writes them.
        const LONGEST: usize = 1024;
        if values && let Datum::Text(text) = self.scene.reader().datum(text) {
            return strings.of(&text.chars().take(LONGEST).collect::<String>());
        }
        let name = || strings.of(self.scene.program.types().get(text.ty).own_name());
        *self.texts.entry(text.ty).or_insert_with(name)
    }
}

/// The last field on the way that is not one of those that every pointer is in.
fn inner_field(descent: &Descent) -> Option<&str> {
    const IN_ALL: &[&str] = &["pointer", "ptr", "data_ptr", "inner", "value", "buf", "raw", "cap", "p"];
    descent.steps.iter().rev().find_map(|step| match &step.part {
        Part::Field(name) | Part::Local(name) if !IN_ALL.contains(&&**name) && !name.starts_with("__") => Some(&**name),
        _ => None,
    })
}

/// As a name: `peer.sessions[3]`, `local session`.
fn written(parts: &[Way]) -> String {
    let mut text = String::new();
    for part in parts {
        let (word, apart) = match part {
            Way::Field(name) => (name.to_string(), "."),
            Way::Index(index) => (format!("[{index}]"), ""),
            Way::Key => ("[key]".to_owned(), ""),
            Way::Value => ("[value]".to_owned(), ""),
            Way::Message => ("[message]".to_owned(), ""),
            Way::Local(name) => (format!("local {name}"), " "),
            Way::Captured(name) => (format!("captured {name}"), " "),
            Way::Variant(name) => (name.to_string(), "."),
            // Its local says enough.
            Way::Future { .. } | Way::Unknown => continue,
        };
        text += if text.is_empty() { "" } else { apart };
        text += &word;
    }
    text
}
