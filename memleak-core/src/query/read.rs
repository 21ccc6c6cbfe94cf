//! Reads values as data: numbers, texts, variants, fields, elements, and what a pointer owns.
//!
//! May use: `heap`, `debuginfo`, `address`.
//!
//! What is only around a value (cells, locks, atomics, `Pin`) is passed: a `Mutex<bool>` reads as its `bool`. Fields and elements are read
//! when they are asked for, because types refer to each other in circles.

use crate::address::RuntimeAddress;
use crate::debuginfo::load::Binary;
use crate::debuginfo::types::{Type, TypeId, TypeKind, Types, pointee};
use crate::heap::containers::{View, at, parameter};
use crate::heap::contents::Content;
use crate::heap::evidence::{Active, COUNTS, is_counted};
use std::rc::Rc;

/// A value: its type, and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its type.
    pub ty: TypeId,
    /// Where it starts.
    pub address: RuntimeAddress,
}

/// What a value is, without its parts.
#[derive(Clone, PartialEq, Debug)]
pub enum Datum {
    /// `bool`.
    Bool(bool),
    /// `char`.
    Char(char),
    /// `u8` to `u128`, `usize`.
    Unsigned(u128),
    /// `i8` to `i128`, `isize`.
    Signed(i128),
    /// `f32`, `f64`.
    Float(f64),
    /// `String`, `&str`, `Box<str>`, `Arc<str>`, `PathBuf` and the like; what is no UTF-8 in it replaced.
    Text(String),
    /// An enum, in this variant.
    Variant(String),
    /// A struct, tuple or closure.
    Struct,
    /// A list with so many elements: `Vec`, slice, array, set, deque.
    List(usize),
    /// A map with so many entries.
    Map(usize),
    /// A pointer, and where it leads.
    Pointer(u64),
    /// It cannot be read: nothing is known of the type, or the bytes make no sense.
    Unreadable,
}

/// Types that are only around one value, which is always there, and the generic parameter that says its type.
const AROUND: &[(&str, &str)] = &[
    ("core::cell::Cell<", "T"),
    ("core::cell::RefCell<", "T"),
    ("core::cell::UnsafeCell<", "T"),
    ("core::cell::SyncUnsafeCell<", "T"),
    ("core::cmp::Reverse<", "T"),
    ("core::mem::manually_drop::ManuallyDrop<", "T"),
    ("core::mem::maybe_dangling::MaybeDangling<", "P"),
    ("core::num::saturating::Saturating<", "T"),
    ("core::num::wrapping::Wrapping<", "T"),
    ("core::pin::Pin<", "Ptr"),
    ("crossbeam_utils::cache_padded::CachePadded<", "T"),
    ("lock_api::mutex::Mutex<", "T"),
    ("lock_api::remutex::ReentrantMutex<", "T"),
    ("lock_api::rwlock::RwLock<", "T"),
    ("std::sync::nonpoison::mutex::Mutex<", "T"),
    ("std::sync::nonpoison::rwlock::RwLock<", "T"),
    ("std::sync::poison::mutex::Mutex<", "T"),
    ("std::sync::poison::rwlock::RwLock<", "T"),
    ("tokio::sync::mutex::Mutex<", "T"),
    ("tokio::sync::rwlock::RwLock<", "T"),
];

/// Numbers in a struct that says no more than the number.
const NUMBERS: &[&str] = &["core::num::nonzero::NonZero<", "core::sync::atomic::Atomic"];

/// Texts in bytes of their own.
const TEXTS: &[&str] = &["alloc::string::String", "std::ffi::os_str::OsString", "std::path::PathBuf"];

/// Where collections that are built on others are defined.
const COLLECTIONS: &[&str] = &[
    "alloc::collections::",
    "hashbrown::map::HashMap<",
    "hashbrown::set::HashSet<",
    "indexmap::map::IndexMap<",
    "indexmap::set::IndexSet<",
    "std::collections::hash::map::HashMap<",
    "std::collections::hash::set::HashSet<",
];

/// How deep a value is shown, and how many of its elements.
const DEEPEST: usize = 6;
const MOST_SHOWN: usize = 16;

/// Reads the values of a copy.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Memory and types.
    pub view: View<'a>,
    /// What each block holds.
    pub contents: &'a [Content],
    /// Has the constants of the program, which are not in the copy because they never change.
    pub binary: Option<&'a Binary>,
}

impl Reader<'_> {
    fn ty(&self, place: Place) -> Rc<Type> {
        self.view.types.get(place.ty)
    }

    /// The value inside of what is only around it.
    pub fn inside(&self, place: Place) -> Place {
        let ty = self.ty(place);
        match value_inside(self.view.types, &ty) {
            Some((offset, inner)) => self.inside(Place { ty: inner, address: at(place.address, offset) }),
            None => place,
        }
    }

    /// What the value is.
    pub fn datum(&self, place: Place) -> Datum {
        let place = self.inside(place);
        let ty = self.ty(place);
        if let Some(text) = self.text(&ty, place) {
            return text.map_or(Datum::Unreadable, Datum::Text);
        }
        if let Some(entries) = self.entries(place) {
            return Datum::Map(entries.len());
        }
        if let Some(items) = self.items(place) {
            return Datum::List(items.len());
        }
        if is_pointer(&ty) {
            return self.view.snapshot.word(place.address).map_or(Datum::Unreadable, Datum::Pointer);
        }
        if scalar_kind(&ty.name) != Scalar::Other {
            return self.scalar(&ty, place).unwrap_or(Datum::Unreadable);
        }
        match &ty.kind {
            TypeKind::Enum { .. } => match self.view.active(&ty, place.address) {
                Active::Variant(variant) => Datum::Variant(variant.name.to_string()),
                Active::Invalid => Datum::Unreadable,
            },
            TypeKind::Struct { .. } if self.view.snapshot.read(place.address, ty.size).is_some() => Datum::Struct,
            _ => Datum::Unreadable,
        }
    }

    fn scalar(&self, ty: &Type, place: Place) -> Option<Datum> {
        let bits = self.view.snapshot.number(place.address, ty.size)?;
        let unused = 128 - 8 * ty.size.clamp(1, 16) as u32;
        Some(match scalar_kind(&ty.name) {
            Scalar::Bool => Datum::Bool(bits != 0),
            Scalar::Char => Datum::Char(char::from_u32(bits as u32)?),
            Scalar::Float if ty.size == 4 => Datum::Float(f32::from_bits(bits as u32).into()),
            Scalar::Float if ty.size == 8 => Datum::Float(f64::from_bits(bits as u64)),
            Scalar::Signed => Datum::Signed((bits << unused).cast_signed() >> unused),
            Scalar::Unsigned => Datum::Unsigned(bits),
            Scalar::Float | Scalar::Other => return None,
        })
    }

    /// The text that a value of this type is; an inner none if its bytes cannot be read.
    fn text(&self, ty: &Type, place: Place) -> Option<Option<String>> {
        let name = &*ty.name;
        if name.starts_with("alloc::borrow::Cow<str") {
            let (_, inner) = self.fields(place)?.into_iter().next()?;
            return self.text(&self.ty(inner), inner);
        }
        if TEXTS.contains(&name) {
            let bytes = self.elements(place)?.first().copied();
            return Some(bytes.map_or(Some(String::new()), |(start, count)| self.string(start.address, count)));
        }
        let counted = ["alloc::sync::Arc<str", "alloc::rc::Rc<str"].iter().any(|prefix| name.starts_with(prefix));
        let plain = ["&str", "&mut str", "&std::path::Path", "&std::ffi::os_str::OsStr"].contains(&name)
            || name.starts_with("alloc::boxed::Box<str");
        if !counted && !plain {
            return None;
        }
        let number = |field| self.view.field_number(ty, place.address, field);
        let (Some(start), Some(length)) = (number("data_ptr"), number("length")) else { return Some(None) };
        Some(self.string(RuntimeAddress(start + if counted { COUNTS } else { 0 }), length))
    }

    fn string(&self, start: RuntimeAddress, length: u64) -> Option<String> {
        if length == 0 {
            return Some(String::new());
        }
        let constant = || self.binary?.constant(start, length);
        let bytes = self.view.snapshot.read(start, length).or_else(constant)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The fields of a struct or tuple, or of the active variant of an enum; none if the value has no fields. What a pointer owns or refers to is
    /// read through it.
    pub fn fields(&self, place: Place) -> Option<Vec<(Rc<str>, Place)>> {
        let place = self.inside(place);
        let ty = self.ty(place);
        if is_pointer(&ty) {
            return self.fields(self.target(place)?);
        }
        let of = match &ty.kind {
            TypeKind::Struct { .. } => Rc::clone(&ty),
            TypeKind::Enum { .. } => match self.view.active(&ty, place.address) {
                Active::Variant(variant) => self.view.types.get(variant.ty),
                Active::Invalid => return None,
            },
            _ => return None,
        };
        let TypeKind::Struct { fields } = &of.kind else { return None };
        let field = |field: &crate::debuginfo::types::Field| {
            (field_name(&field.name), Place { ty: field.ty, address: at(place.address, field.offset) })
        };
        Some(fields.iter().map(field).collect())
    }

    /// What a pointer leads to, if that is a value: a `Box`, `Rc`, `Arc` or reference, or a `Weak` whose value lives. A raw pointer is not
    /// followed: it need not lead to anything.
    pub fn target(&self, place: Place) -> Option<Place> {
        let place = self.inside(place);
        let ty = self.ty(place);
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| ty.name.starts_with(prefix));
        if !starts(&["alloc::boxed::Box<", "&"]) && !starts(COUNTED) && !starts(WEAK) {
            return None;
        }
        let address = RuntimeAddress(self.view.snapshot.word(place.address)?);
        let block = self.view.snapshot.block_starting(address);
        let known = match &ty.kind {
            TypeKind::Pointer { target } => *target,
            _ => pointee(self.view.types, place.ty),
        };
        let pointed = match known.filter(|id| self.view.types.get(*id).size > 0) {
            Some(id) => id,
            None => match self.contents.get(block?)? {
                Content::Value(id) | Content::Stated(id) => *id,
                _ => return None,
            },
        };
        let inner = self.view.types.get(pointed);
        if !is_counted(&inner) {
            return Some(Place { ty: pointed, address });
        }
        if self.view.field_number(&inner, address, "strong").is_none_or(|strong| strong == 0) {
            return None;
        }
        let (offset, value) = ["data", "value"].iter().find_map(|name| self.view.field(&inner, name))?;
        Some(Place { ty: value, address: at(address, offset) })
    }

    /// The elements of a list; none if the value is none.
    pub fn items(&self, place: Place) -> Option<Vec<Place>> {
        let place = self.inside(place);
        let ty = self.ty(place);
        let runs = match ty.kind {
            TypeKind::Array { element, count } => vec![(Place { ty: element, address: place.address }, count)],
            _ => self.elements(place)?,
        };
        let each = |(first, count): (Place, u64)| {
            let size = self.view.types.get(first.ty).size;
            (0..count).map(move |index| Place { ty: first.ty, address: at(first.address, index * size) })
        };
        let items = runs.into_iter().flat_map(each);
        // The table of a set has pairs of a member and nothing.
        let member = |item: Place| Some(self.fields(item)?.first()?.1);
        if ["set::HashSet<", "set::IndexSet<"].iter().any(|of| ty.name.contains(of) && is_collection(&ty.name)) {
            return items.map(member).collect();
        }
        Some(items.collect())
    }

    /// The keys and values of a map; none if the value is none.
    pub fn entries(&self, place: Place) -> Option<Vec<(Place, Place)>> {
        let place = self.inside(place);
        let name = self.ty(place).name.clone();
        if !["map::HashMap<", "map::BTreeMap<", "map::IndexMap<"]
            .iter()
            .any(|of| name.contains(of) && is_collection(&name))
        {
            return None;
        }
        let entry = |item: Place| {
            let fields = self.fields(item)?;
            let field =
                |names: [&str; 2]| fields.iter().find(|(name, _)| names.contains(&&**name)).map(|(_, place)| *place);
            Some((field(["0", "key"])?, field(["1", "value"])?))
        };
        self.items(place)?.into_iter().map(entry).collect()
    }

    /// Runs of elements: the first, and how many.
    fn elements(&self, place: Place) -> Option<Vec<(Place, u64)>> {
        let ty = self.ty(place);
        if ty.name.starts_with("&[") || ty.name.starts_with("&mut [") {
            let number = |field| self.view.field_number(&ty, place.address, field);
            let (start, count) = (number("data_ptr")?, number("length")?);
            let (_, data) = self.view.field(&ty, "data_ptr")?;
            return Some(vec![(Place { ty: pointee(self.view.types, data)?, address: RuntimeAddress(start) }, count)]);
        }
        let owner = self.owner_of_elements(place, is_collection(&ty.name) || TEXTS.contains(&&*ty.name))?;
        let owned = self.view.owned(&self.ty(owner), owner.address)?.ok()?;
        let run = |run: &crate::heap::containers::Elements| (Place { ty: run.ty, address: run.start }, run.count);
        Some(owned.elements.iter().map(run).collect())
    }

    /// The container that knows the elements: the value itself, or what a collection is built on.
    fn owner_of_elements(&self, place: Place, deep: bool) -> Option<Place> {
        const DEEPEST: usize = 6;
        let mut level = vec![place];
        for _ in 0..DEEPEST {
            let mut next = Vec::new();
            for place in level {
                let ty = self.ty(place);
                if !self.view.element_types(&ty).is_empty() {
                    return Some(place);
                }
                if let (TypeKind::Struct { fields }, true) = (&ty.kind, deep) {
                    next.extend(
                        fields.iter().map(|field| Place { ty: field.ty, address: at(place.address, field.offset) }),
                    );
                }
            }
            level = next;
        }
        None
    }

    /// The value as a text, as `{:?}` would have it, as far as that is short.
    pub fn show(&self, place: Place) -> String {
        self.shown(place, DEEPEST)
    }

    /// The same, no deeper than this, and with no more characters.
    pub fn show_some(&self, place: Place, depth: usize, most: usize) -> String {
        let text = self.shown(place, depth);
        match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    fn shown(&self, place: Place, depth: usize) -> String {
        let place = self.inside(place);
        match self.datum(place) {
            Datum::Bool(value) => value.to_string(),
            Datum::Char(value) => format!("{value:?}"),
            Datum::Unsigned(value) => value.to_string(),
            Datum::Signed(value) => value.to_string(),
            Datum::Float(value) => format!("{value:?}"),
            Datum::Text(value) => format!("{value:?}"),
            Datum::Variant(name) => self.with_fields(&name, place, depth),
            Datum::Struct => self.with_fields(&last_segment(&self.ty(place).name), place, depth),
            Datum::List(_) => self.list(place, depth),
            Datum::Map(_) => self.map(place, depth),
            Datum::Pointer(address) => match self.target(place) {
                Some(target) if depth > 0 => self.shown(target, depth - 1),
                Some(target) => format!("{}(…)", last_segment(&self.ty(target).name)),
                None if WEAK.iter().any(|prefix| self.ty(place).name.starts_with(prefix)) => "(Weak)".to_owned(),
                None => format!("{address:#x}"),
            },
            Datum::Unreadable => format!("{{{}}}", last_segment(&self.ty(place).name)),
        }
    }

    fn with_fields(&self, name: &str, place: Place, depth: usize) -> String {
        let fields = self.fields(place).unwrap_or_default();
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|(_, field)| !self.ty(*field).name.starts_with("core::marker::Phantom"))
            .collect();
        if fields.is_empty() {
            return name.to_owned();
        }
        let tuple = fields.iter().all(|(name, _)| name.starts_with(|first: char| first.is_ascii_digit()));
        let (open, close) = if tuple { ("(", ")") } else { (" { ", " }") };
        if depth == 0 {
            return format!("{name}{open}…{close}");
        }
        let value = |(name, field): &(Rc<str>, Place)| {
            let value = self.shown(*field, depth - 1);
            if tuple { value } else { format!("{name}: {value}") }
        };
        let name = if name.starts_with('(') { "" } else { name };
        format!("{name}{open}{}{close}", fields.iter().map(value).collect::<Vec<_>>().join(", "))
    }

    fn list(&self, place: Place, depth: usize) -> String {
        let items = self.items(place).unwrap_or_default();
        if depth == 0 && !items.is_empty() {
            return format!("[… {}]", items.len());
        }
        let mut shown: Vec<String> =
            items.iter().take(MOST_SHOWN).map(|item| self.shown(*item, depth.saturating_sub(1))).collect();
        if items.len() > MOST_SHOWN {
            shown.push(format!("… {} more", items.len() - MOST_SHOWN));
        }
        format!("[{}]", shown.join(", "))
    }

    fn map(&self, place: Place, depth: usize) -> String {
        let entries = self.entries(place).unwrap_or_default();
        if depth == 0 && !entries.is_empty() {
            return format!("{{… {}}}", entries.len());
        }
        let depth = depth.saturating_sub(1);
        let mut shown: Vec<String> = entries
            .iter()
            .take(MOST_SHOWN)
            .map(|(key, value)| format!("{}: {}", self.shown(*key, depth), self.shown(*value, depth)))
            .collect();
        if entries.len() > MOST_SHOWN {
            shown.push(format!("… {} more", entries.len() - MOST_SHOWN));
        }
        format!("{{{}}}", shown.join(", "))
    }
}

/// What a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scalar {
    Bool,
    Char,
    Signed,
    Unsigned,
    Float,
    Other,
}

pub(super) fn scalar_kind(name: &str) -> Scalar {
    match name {
        // The field of the latter is a number.
        "bool" | "core::sync::atomic::AtomicBool" => Scalar::Bool,
        "char" => Scalar::Char,
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => Scalar::Signed,
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => Scalar::Unsigned,
        "f16" | "f32" | "f64" | "f128" => Scalar::Float,
        _ => Scalar::Other,
    }
}

const COUNTED: &[&str] = &["alloc::sync::Arc<", "alloc::rc::Rc<"];
const WEAK: &[&str] = &["alloc::sync::Weak<", "alloc::rc::Weak<"];
/// Whether this is a pointer of any kind.
pub(super) fn is_pointer(ty: &Type) -> bool {
    let others = ["alloc::boxed::Box<", "core::ptr::non_null::NonNull<", "&", "*const ", "*mut "];
    let named = others.iter().chain(COUNTED).chain(WEAK).any(|prefix| ty.name.starts_with(prefix));
    named || matches!(ty.kind, TypeKind::Pointer { .. })
}

/// Whether this is a text.
pub(super) fn is_text(ty: &Type) -> bool {
    let prefixes = ["alloc::sync::Arc<str", "alloc::rc::Rc<str", "alloc::boxed::Box<str", "alloc::borrow::Cow<str"];
    let names = ["&str", "&mut str", "&std::path::Path", "&std::ffi::os_str::OsStr"];
    TEXTS.contains(&&*ty.name)
        || names.contains(&&*ty.name)
        || prefixes.iter().any(|prefix| ty.name.starts_with(prefix))
}

fn is_collection(name: &str) -> bool {
    COLLECTIONS.iter().any(|prefix| name.starts_with(prefix))
}

/// The offset and type of the value in a type that is only around it.
pub(super) fn value_inside(types: &dyn Types, ty: &Type) -> Option<(u64, TypeId)> {
    if scalar_kind(&ty.name) != Scalar::Other {
        return None;
    }
    if NUMBERS.iter().any(|prefix| ty.name.starts_with(prefix)) {
        return number_inside(types, ty);
    }
    let (_, parameter_name) = AROUND.iter().find(|(prefix, _)| ty.name.starts_with(prefix))?;
    let inner = types.get(parameter(ty, parameter_name)?);
    let mut level = vec![(0, ty.clone())];
    for _ in 0..4 {
        let mut next = Vec::new();
        for (base, ty) in level {
            let TypeKind::Struct { fields } = &ty.kind else { continue };
            for field in fields {
                let of = types.get(field.ty);
                if of.name == inner.name {
                    return Some((base + field.offset, field.ty));
                }
                next.push((base + field.offset, (*of).clone()));
            }
        }
        level = next;
    }
    None
}

/// The number in an atomic or a `NonZero`.
fn number_inside(types: &dyn Types, ty: &Type) -> Option<(u64, TypeId)> {
    if let Some(inner) = parameter(ty, "T").filter(|inner| types.get(*inner).size == ty.size) {
        return Some((0, inner));
    }
    let TypeKind::Struct { fields } = &ty.kind else { return None };
    let field = fields.iter().find(|field| types.get(field.ty).size == ty.size)?;
    Some((field.offset, field.ty))
}

/// A field as a user writes it: `0` of a tuple.
pub(super) fn field_name(name: &Rc<str>) -> Rc<str> {
    match name.strip_prefix("__") {
        Some(number) if number.starts_with(|first: char| first.is_ascii_digit()) => number.into(),
        _ => Rc::clone(name),
    }
}

/// `Link` of `chat::Link<chat::Tcp>`.
pub(super) fn last_segment(name: &str) -> String {
    if name.starts_with(['(', '[', '&', '*']) {
        return name.to_owned();
    }
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path).to_owned()
}
