//! Reads types from the debug info: what each is called, how large it is, and what is where in it.
//!
//! May use: `load`, `types`, `entries`, `paths`, `definitions`, `awaits`, `names`.

use crate::debuginfo::awaits::{self, Places};
use crate::debuginfo::definitions::Definitions;
use crate::debuginfo::entries::{Constant, Entry, Walk};
use crate::debuginfo::functions::Location;
use crate::debuginfo::load::{Binary, DieMap, DieRef};
use crate::debuginfo::names;
use crate::debuginfo::paths::{Paths, UNNAMED};
use crate::debuginfo::types::{Discriminant, Field, Type, TypeId, TypeKind, Types, Variant};
use gimli::constants as dw;
use once_cell::unsync::OnceCell;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Whether the program was built with optimisation. The level this crate was built at stands for that of the whole program, whose crates have
/// the same unless a profile names some of them.
pub const OPTIMISED: bool = cfg!(memleak_optimised);

/// All types of the executable. A type is read when it is first asked for.
///
/// Each compilation unit describes a type anew, so one Rust type has several ids. Two ids of the same type have equal names; the reverse
/// does not hold, because names do not tell two versions of a crate apart.
pub struct TypeTable<'b> {
    paths: Paths<'b>,
    ids: RefCell<DieMap<TypeId>>,
    /// By [`TypeId`].
    rows: RefCell<Vec<Row>>,
    /// Where declared types are defined, once a declaration was met.
    definitions: OnceCell<Definitions>,
    /// Of the coroutines that were asked about.
    awaits: RefCell<HashMap<TypeId, Places>>,
    /// The names of types that the binary has a function to drop of, once that was asked for.
    dropped: OnceCell<HashSet<String>>,
}

struct Row {
    die: DieRef,
    ty: Option<Rc<Type>>,
    inhabited: Option<bool>,
}

impl Types for TypeTable<'_> {
    fn get(&self, id: TypeId) -> Rc<Type> {
        let (die, known) = {
            let rows = self.rows.borrow();
            let row = &rows[id.0 as usize];
            (row.die, row.ty.clone())
        };
        if let Some(ty) = known {
            return ty;
        }
        let ty = Rc::new(self.read(die));
        self.rows.borrow_mut()[id.0 as usize].ty = Some(Rc::clone(&ty));
        ty
    }

    fn await_location(&self, coroutine: TypeId, state: &str) -> Option<Location> {
        let known = self.awaits.borrow().get(&coroutine).cloned();
        let places = known.unwrap_or_else(|| {
            let die = self.rows.borrow()[coroutine.0 as usize].die;
            let places = awaits::places(self, coroutine, die);
            self.awaits.borrow_mut().insert(coroutine, Rc::clone(&places));
            places
        });
        places.iter().find(|(name, _)| &**name == state).map(|(_, place)| place.clone())
    }

    fn needs_drop(&self, id: TypeId) -> bool {
        // What cannot be read is not dropped, as far as is known.
        let dropped = self.dropped.get_or_init(|| names::dropped(self.binary()).unwrap_or_default());
        dropped.contains(&*self.get(id).name)
    }

    /// The optimiser does.
    fn merged_functions(&self) -> bool {
        OPTIMISED
    }
}

impl<'b> TypeTable<'b> {
    /// The types of `binary`.
    pub fn new(binary: &'b Binary) -> TypeTable<'b> {
        TypeTable {
            paths: Paths::new(binary),
            ids: RefCell::default(),
            rows: RefCell::default(),
            definitions: OnceCell::new(),
            awaits: RefCell::default(),
            dropped: OnceCell::new(),
        }
    }

    /// The id of the type that `die` describes or declares. Reads nothing.
    pub fn id_of(&self, die: DieRef) -> TypeId {
        *self.ids.borrow_mut().entry(die).or_insert_with(|| {
            let mut rows = self.rows.borrow_mut();
            rows.push(Row { die, ty: None, inhabited: None });
            TypeId(rows.len() as u32 - 1)
        })
    }

    /// The binary that the types are read from.
    pub fn binary(&self) -> &'b Binary {
        self.paths.binary()
    }

    fn read(&self, die: DieRef) -> Type {
        match Reading::of(self, die) {
            Ok(reading) => reading.into_type(self),
            Err(_) => Type { name: "{unreadable}".into(), size: 0, kind: TypeKind::Opaque, parameters: Vec::new() },
        }
    }

    /// `own`, the name of an entry that is where the struct `die` is, in full.
    pub(super) fn full_name(&self, die: DieRef, own: &str) -> Rc<str> {
        self.paths.of_type(die, own)
    }

    fn definition(&self, name: &str) -> Option<DieRef> {
        self.definitions.get_or_init(|| Definitions::collect(self.binary())).get(name)
    }

    /// Whether a value of the type can exist. What is not known can.
    fn inhabited(&self, id: TypeId) -> bool {
        if let Some(known) = self.rows.borrow()[id.0 as usize].inhabited {
            return known;
        }
        let ty = self.get(id);
        let inhabited = match &ty.kind {
            TypeKind::Scalar => &*ty.name != "!",
            TypeKind::Struct { fields } => fields.iter().all(|field| self.inhabited(field.ty)),
            TypeKind::Array { element, count } => *count == 0 || self.inhabited(*element),
            TypeKind::Enum { variants, .. } => variants.iter().any(|variant| self.inhabited(variant.ty)),
            TypeKind::Pointer { .. } | TypeKind::Union { .. } | TypeKind::Opaque => true,
        };
        self.rows.borrow_mut()[id.0 as usize].inhabited = Some(inhabited);
        inhabited
    }
}

/// What one walk over the entry of a type finds.
struct Reading {
    entry: Entry,
    parameters: Vec<(Rc<str>, TypeId)>,
    fields: Vec<Field>,
    /// There are variants, or could be: `enum Never {}` has a list of none.
    variant_part: bool,
    discriminant: Option<RawDiscriminant>,
    variants: Vec<RawVariant>,
    /// The structs of the variants by their entries: names and, for generic enums, the parameters.
    structs: HashMap<DieRef, Rc<str>>,
    count: Option<u64>,
    strange: bool,
}

struct RawDiscriminant {
    ty: DieRef,
    offset: u64,
    /// It is the state of a coroutine.
    state: bool,
}

#[derive(Default)]
struct RawVariant {
    value: Option<Constant>,
    ty: Option<DieRef>,
}

impl Reading {
    fn of(table: &TypeTable, die: DieRef) -> gimli::Result<Reading> {
        let mut walk = Walk::new(table.binary(), die)?;
        let entry = walk.next()?.ok_or(gimli::Error::MissingUnitDie)?;
        let mut reading = Reading {
            strange: entry.strange,
            entry,
            parameters: Vec::new(),
            fields: Vec::new(),
            variant_part: false,
            discriminant: None,
            variants: Vec::new(),
            structs: HashMap::new(),
            count: None,
        };
        // The tags of the entries around the current one, the type's own first.
        let mut around = vec![reading.entry.tag];
        while let Some(entry) = walk.next()? {
            around.truncate(entry.depth as usize);
            reading.take(table, &around, &entry);
            around.push(entry.tag);
        }
        Ok(reading)
    }

    fn take(&mut self, table: &TypeTable, around: &[dw::DwTag], entry: &Entry) {
        let name = || -> Rc<str> { entry.name_text().unwrap_or_default().into() };
        match (&around[1..], entry.tag) {
            ([], dw::DW_TAG_member) if !entry.artificial => match entry.ty {
                Some(ty) => {
                    let offset = entry.member_offset.unwrap_or(0);
                    let field = Field { name: name(), offset, ty: table.id_of(ty) };
                    // A suspended coroutine lists what it captured twice: as captured and as a local.
                    if !self.fields.contains(&field) {
                        self.fields.push(field);
                    }
                    self.strange |= entry.strange;
                }
                None => self.strange = true,
            },
            ([], dw::DW_TAG_template_type_parameter) => {
                self.parameters.extend(entry.ty.map(|ty| (name(), table.id_of(ty))));
            }
            ([], dw::DW_TAG_subrange_type) => {
                // C has arrays of several dimensions; in Rust each is an array of its own.
                self.strange |= entry.count.is_none() || self.count.is_some();
                self.count = entry.count;
            }
            ([], dw::DW_TAG_variant_part) => self.variant_part = true,
            ([], dw::DW_TAG_structure_type) => {
                self.structs.insert(entry.die, name());
            }
            ([dw::DW_TAG_variant_part], dw::DW_TAG_member) => {
                self.strange |= entry.strange || entry.ty.is_none();
                let state = entry.name.is_some_and(|name| name.slice() == b"__state");
                let offset = entry.member_offset.unwrap_or(0);
                self.discriminant = entry.ty.map(|ty| RawDiscriminant { ty, offset, state });
            }
            ([dw::DW_TAG_variant_part], dw::DW_TAG_variant) => {
                self.strange |= entry.strange;
                self.variants.push(RawVariant { value: entry.discriminant_value, ..RawVariant::default() });
            }
            ([dw::DW_TAG_variant_part, dw::DW_TAG_variant], dw::DW_TAG_member) => {
                self.strange |= entry.strange || entry.member_offset.unwrap_or(0) != 0;
                if let Some(variant) = self.variants.last_mut() {
                    variant.ty = entry.ty;
                }
            }
            ([], dw::DW_TAG_enumerator) => {
                self.strange |= entry.strange || entry.discriminant_value.is_none();
                self.structs.insert(entry.die, name());
                self.variants.push(RawVariant { value: entry.discriminant_value, ty: Some(entry.die) });
            }
            // The parameters of a generic enum are stated in each variant only. They are the same in all: the first one's are kept.
            ([dw::DW_TAG_structure_type], dw::DW_TAG_template_type_parameter) if self.structs.len() == 1 => {
                self.parameters.extend(entry.ty.map(|ty| (name(), table.id_of(ty))));
            }
            _ => {}
        }
    }
}

impl Reading {
    fn into_type(self, table: &TypeTable) -> Type {
        let own = self.entry.name_text().unwrap_or(UNNAMED.into());
        match self.entry.tag {
            dw::DW_TAG_base_type => self.finish(own.into(), TypeKind::Scalar),
            dw::DW_TAG_enumerator => self.finish(own.into(), TypeKind::Struct { fields: Vec::new() }),
            dw::DW_TAG_pointer_type => self.into_pointer(table),
            dw::DW_TAG_array_type => self.into_array(table),
            dw::DW_TAG_enumeration_type | dw::DW_TAG_structure_type | dw::DW_TAG_union_type => {
                let name = table.paths.of_type(self.entry.die, &own);
                if self.entry.declaration {
                    return match table.definition(&name) {
                        Some(die) => table.read(die),
                        None => self.finish(name, TypeKind::Opaque),
                    };
                }
                self.into_named(table, name)
            }
            _ => self.finish(own.into(), TypeKind::Opaque),
        }
    }

    fn into_named(mut self, table: &TypeTable, name: Rc<str>) -> Type {
        let mut fields = std::mem::take(&mut self.fields);
        let kind = match self.entry.tag {
            _ if self.strange || self.entry.byte_size.is_none() => None,
            dw::DW_TAG_enumeration_type => self.take_enumeration(table),
            dw::DW_TAG_union_type => Some(TypeKind::Union { fields }),
            _ if !self.variant_part => {
                fields.retain(|field| !self.is_function_item(table, field));
                Some(TypeKind::Struct { fields })
            }
            // Fields beside the variants would be lost.
            _ if !fields.is_empty() => None,
            _ => self.take_enum(table),
        };
        self.finish(name, kind.unwrap_or(TypeKind::Opaque))
    }

    /// Whether the field holds a function's own type, which has no size and yet is described as a pointer to a function.
    ///
    /// Told by there being no room for a pointer. Where there happens to be room, a pointer without a target is listed that is not there.
    fn is_function_item(&self, table: &TypeTable, field: &Field) -> bool {
        const POINTER: u64 = 8;
        let no_room = self.entry.byte_size.is_some_and(|size| size < field.offset.saturating_add(POINTER));
        let tag = || Entry::at(table.binary(), table.rows.borrow()[field.ty.0 as usize].die).map(|ty| ty.tag);
        no_room && tag() == Some(dw::DW_TAG_pointer_type)
    }

    /// An enum without data: its variants have no struct of their own, and it is its discriminant.
    fn take_enumeration(&mut self, table: &TypeTable) -> Option<TypeKind> {
        let ty = Entry::at(table.binary(), self.entry.ty?)?;
        let size = self.entry.byte_size?;
        let variant = |raw: &RawVariant| {
            let name = Rc::clone(self.structs.get(&raw.ty?)?);
            Some(Variant { name, values: vec![raw.value?.in_bytes(size, ty.signed)], ty: table.id_of(raw.ty?) })
        };
        let variants = self.variants.iter().map(variant).collect::<Option<Vec<Variant>>>()?;
        Some(TypeKind::Enum { discriminant: Some(Discriminant { offset: 0, size }), variants, coroutine: false })
    }

    fn take_enum(&mut self, table: &TypeTable) -> Option<TypeKind> {
        let raw = self.discriminant.take();
        let coroutine = raw.as_ref().is_some_and(|raw| raw.state);
        let stored = match &raw {
            Some(raw) => Some((raw.offset, Entry::at(table.binary(), raw.ty)?)),
            None => None,
        };
        let discriminant = match &stored {
            Some((offset, ty)) => Some(Discriminant { offset: *offset, size: ty.byte_size? }),
            None => None,
        };
        let mut variants = Vec::new();
        for raw in std::mem::take(&mut self.variants) {
            let values = match (raw.value, &stored) {
                (Some(value), Some((_, ty))) => vec![value.in_bytes(ty.byte_size?, ty.signed)],
                (None, _) => Vec::new(),
                (Some(_), None) => return None,
            };
            let die = raw.ty?;
            // In a coroutine the member is called by its number, the struct `Suspend0`.
            let name = Rc::clone(self.structs.get(&die)?);
            variants.push(Variant { name, values, ty: table.id_of(die) });
        }
        keep_possible(table, &mut variants);
        // More than one variant that nothing tells apart: this is not understood.
        let by_default = variants.iter().filter(|variant| variant.values.is_empty()).count();
        (by_default <= 1).then_some(TypeKind::Enum { discriminant, variants, coroutine })
    }

    fn into_pointer(self, table: &TypeTable) -> Type {
        let target = self.entry.ty.filter(|target| {
            Entry::at(table.binary(), *target).is_some_and(|target| target.tag != dw::DW_TAG_subroutine_type)
        });
        let target = target.map(|target| table.id_of(target));
        let name = match (self.entry.name_text(), target) {
            (Some(name), _) => name.into(),
            // The data pointer inside a fat pointer.
            (None, Some(target)) => format!("*const {}", table.get(target).name).into(),
            (None, None) => "*const ()".into(),
        };
        let size = self.entry.byte_size.unwrap_or(8);
        Type { name, size, kind: TypeKind::Pointer { target }, parameters: Vec::new() }
    }

    fn into_array(self, table: &TypeTable) -> Type {
        let (Some(element), Some(count), false) = (self.entry.ty, self.count, self.strange) else {
            return self.finish("{array}".into(), TypeKind::Opaque);
        };
        let element = table.id_of(element);
        let of = table.get(element);
        Type {
            name: format!("[{}; {count}]", of.name).into(),
            size: of.size.saturating_mul(count),
            kind: TypeKind::Array { element, count },
            parameters: Vec::new(),
        }
    }

    fn finish(self, name: Rc<str>, kind: TypeKind) -> Type {
        Type { name, size: self.entry.byte_size.unwrap_or(0), kind, parameters: self.parameters }
    }
}

/// Leaves variants out that no value can have, where they would be taken for others.
///
/// `Result<u32, Infallible>` is stored as its only possible variant: both are listed, neither with a value. And in an enum with a niche an
/// impossible variant has a computed value that the niche's own variant may really hold. With two variants and a niche both are possible.
fn keep_possible(table: &TypeTable, variants: &mut Vec<Variant>) {
    let by_default = variants.iter().filter(|variant| variant.values.is_empty()).count();
    if by_default > 1 || by_default == 1 && variants.len() > 2 {
        variants.retain(|variant| table.inhabited(variant.ty));
    }
}
