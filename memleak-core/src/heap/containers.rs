//! What is known of owners: which block each owns, and which of its elements are live.
//!
//! May use: `debuginfo` (types only), `address`. [`KNOWN`] is the one table; to add a container, add a row. Fields are found by name,
//! breadth first, because their offsets and nesting change between compiler versions.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, Types};
use crate::heap::snapshot::Snapshot;
use std::rc::Rc;

/// Reads a snapshot through the types of the binary.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The memory.
    pub snapshot: &'a Snapshot,
    /// The types.
    pub types: &'a dyn Types,
}

/// What an owner (a `Box`, a `Vec`, an `Arc`, …) owns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owned {
    /// The block, and how it is owned; none for an empty container.
    pub block: Option<(usize, Claim)>,
    /// Live elements whose liveness the owner alone knows.
    pub elements: Vec<Elements>,
}

/// How an owner holds a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Alone.
    Exclusive,
    /// With `strong` owners in all.
    Shared {
        /// The reference count as found in the block.
        strong: u64,
    },
}

/// A run of live elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elements {
    /// Their type.
    pub ty: TypeId,
    /// The first one.
    pub start: RuntimeAddress,
    /// How many, one behind the other.
    pub count: u64,
}

/// The bytes of an owner do not describe what it should own: the value is stale, or its layout is not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsound;

/// A reader of one container: its type, and where it is.
type Reader = fn(View<'_>, &Type, RuntimeAddress) -> Result<Owned, Unsound>;

/// Owners by the start of their type's name, and the generic parameters whose values they hold outside of themselves.
const KNOWN: &[(&str, &[&str], Reader)] = &[
    ("alloc::vec::Vec<", &["T"], vec),
    ("alloc::vec::into_iter::IntoIter<", &["T"], vec_into_iter),
    ("alloc::collections::vec_deque::VecDeque<", &["T"], vec_deque),
    ("hashbrown::raw::RawTable<", &["T"], raw_table),
    ("alloc::collections::btree::node::LeafNode<", &[], leaf_node),
    ("alloc::boxed::Box<", &[], boxed),
    ("alloc::sync::Arc<", &[], shared),
    ("alloc::rc::Rc<", &[], shared),
];

fn known(name: &str) -> Option<&'static (&'static str, &'static [&'static str], Reader)> {
    KNOWN.iter().find(|(prefix, _, _)| name.starts_with(prefix))
}

impl<'a> View<'a> {
    /// What the value of type `ty` at `address` owns; none if `ty` is not an owner.
    ///
    /// # Errors
    /// [`Unsound`] if its bytes cannot be those of a live value.
    pub fn owned(self, ty: &Type, address: RuntimeAddress) -> Option<Result<Owned, Unsound>> {
        known(&ty.name).map(|(_, _, reader)| reader(self, ty, address))
    }

    /// The types of the elements an owner of type `ty` has outside of itself, in a buffer that only it can read.
    pub fn element_types(self, ty: &Type) -> Vec<TypeId> {
        let Some((_, held, _)) = known(&ty.name) else { return Vec::new() };
        let mut elements: Vec<TypeId> = held.iter().filter_map(|name| parameter(ty, name)).collect();
        elements.extend(self.slice_element(ty));
        elements
    }

    /// The element type of a fat pointer to a slice (`Box<[T]>`).
    fn slice_element(self, ty: &Type) -> Option<TypeId> {
        let TypeKind::Struct { fields } = &ty.kind else { return None };
        fields.iter().find(|field| &*field.name == "length")?;
        let data = fields.iter().find(|field| &*field.name == "data_ptr")?;
        match self.types.get(data.ty).kind {
            TypeKind::Pointer { target } => target,
            _ => None,
        }
    }

    /// The offset and type of the field called `name`, searched breadth first through structs.
    pub fn field(self, ty: &Type, name: &str) -> Option<(u64, TypeId)> {
        let TypeKind::Struct { fields } = &ty.kind else { return None };
        if let Some(field) = fields.iter().find(|field| &*field.name == name) {
            return Some((field.offset, field.ty));
        }
        let mut level: Vec<(u64, Rc<Type>)> =
            fields.iter().map(|field| (field.offset, self.types.get(field.ty))).collect();
        for _depth in 0..8 {
            let mut next = Vec::new();
            for (base, ty) in &level {
                let TypeKind::Struct { fields } = &ty.kind else { continue };
                if let Some(field) = fields.iter().find(|field| &*field.name == name) {
                    return Some((base + field.offset, field.ty));
                }
                next.extend(fields.iter().map(|field| (base + field.offset, self.types.get(field.ty))));
            }
            level = next;
        }
        None
    }

    /// The number in the field called `name`.
    pub fn field_number(self, ty: &Type, address: RuntimeAddress, name: &str) -> Option<u64> {
        let (offset, field) = self.field(ty, name)?;
        let size = self.types.get(field).size;
        u64::try_from(self.snapshot.number(at(address, offset), size)?).ok()
    }
}

/// `address + offset`.
pub fn at(address: RuntimeAddress, offset: u64) -> RuntimeAddress {
    RuntimeAddress(address.0.wrapping_add(offset))
}

/// The generic parameter called `name`.
pub fn parameter(ty: &Type, name: &str) -> Option<TypeId> {
    ty.parameters.iter().find(|(parameter, _)| &**parameter == name).map(|(_, id)| *id)
}

/// A buffer of `capacity` elements of `element_size` bytes at `pointer`: the block, if one is needed, is exactly that large.
fn buffer(view: View<'_>, pointer: u64, capacity: u64, element_size: u64) -> Result<Option<(usize, Claim)>, Unsound> {
    let size = capacity.checked_mul(element_size).ok_or(Unsound)?;
    if pointer == 0 {
        return Err(Unsound);
    }
    if size == 0 {
        return Ok(None);
    }
    let block = view.snapshot.block_starting(RuntimeAddress(pointer)).ok_or(Unsound)?;
    if view.snapshot.blocks()[block].size != size {
        return Err(Unsound);
    }
    Ok(Some((block, Claim::Exclusive)))
}

fn vec(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let element = parameter(ty, "T").ok_or(Unsound)?;
    let size = view.types.get(element).size;
    let pointer = view.field_number(ty, address, "pointer").ok_or(Unsound)?;
    let capacity = if size == 0 { u64::MAX } else { view.field_number(ty, address, "cap").ok_or(Unsound)? };
    let len = view.field_number(ty, address, "len").ok_or(Unsound)?;
    let block = buffer(view, pointer, if size == 0 { 0 } else { capacity }, size)?;
    if len > capacity {
        return Err(Unsound);
    }
    Ok(Owned { block, elements: vec![Elements { ty: element, start: RuntimeAddress(pointer), count: len }] })
}

/// What is left to come: from `ptr` to `end`.
fn vec_into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let element = parameter(ty, "T").ok_or(Unsound)?;
    let size = view.types.get(element).size;
    let number = |name| view.field_number(ty, address, name).ok_or(Unsound);
    if size == 0 {
        return Ok(Owned::default());
    }
    let (buffer_start, first, end) = (number("buf")?, number("ptr")?, number("end")?);
    let block = buffer(view, buffer_start, number("cap")?, size)?;
    let left = end.checked_sub(first).filter(|left| left.is_multiple_of(size)).ok_or(Unsound)?;
    if first < buffer_start {
        return Err(Unsound);
    }
    Ok(Owned { block, elements: vec![Elements { ty: element, start: RuntimeAddress(first), count: left / size }] })
}

fn vec_deque(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let element = parameter(ty, "T").ok_or(Unsound)?;
    let size = view.types.get(element).size;
    let pointer = view.field_number(ty, address, "pointer").ok_or(Unsound)?;
    let len = view.field_number(ty, address, "len").ok_or(Unsound)?;
    if size == 0 {
        return Ok(Owned {
            block: None,
            elements: vec![Elements { ty: element, start: RuntimeAddress(pointer), count: len }],
        });
    }
    let head = view.field_number(ty, address, "head").ok_or(Unsound)?;
    let capacity = view.field_number(ty, address, "cap").ok_or(Unsound)?;
    let block = buffer(view, pointer, capacity, size)?;
    if len > capacity || (head >= capacity && capacity > 0) {
        return Err(Unsound);
    }
    let until_end = len.min(capacity - head);
    let elements = [(head, until_end), (0, len - until_end)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(first, count)| Elements { ty: element, start: RuntimeAddress(pointer + first * size), count })
        .collect();
    Ok(Owned { block, elements })
}

/// hashbrown: `ctrl` points into the block; element `i` ends `i` elements before it, and its control byte says whether it is there.
fn raw_table(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let element = parameter(ty, "T").ok_or(Unsound)?;
    let size = view.types.get(element).size;
    let control = RuntimeAddress(view.field_number(ty, address, "ctrl").ok_or(Unsound)?);
    let mask = view.field_number(ty, address, "bucket_mask").ok_or(Unsound)?;
    let items = view.field_number(ty, address, "items").ok_or(Unsound)?;
    if mask == 0 {
        // The empty table: `ctrl` leads to a constant.
        return if items == 0 && control.0 != 0 { Ok(Owned::default()) } else { Err(Unsound) };
    }
    let buckets = mask.checked_add(1).filter(|buckets| buckets.is_power_of_two()).ok_or(Unsound)?;
    let block = view.snapshot.block_around(control).ok_or(Unsound)?;
    let elements = full_buckets(view, element, size, control, buckets)?;
    if elements.len() as u64 != items {
        return Err(Unsound);
    }
    Ok(Owned { block: Some((block, Claim::Exclusive)), elements })
}

fn full_buckets(
    view: View<'_>,
    element: TypeId,
    size: u64,
    control: RuntimeAddress,
    buckets: u64,
) -> Result<Vec<Elements>, Unsound> {
    let first = buckets.checked_mul(size).and_then(|bytes| control.0.checked_sub(bytes)).ok_or(Unsound)?;
    view.snapshot.read(RuntimeAddress(first), 1).ok_or(Unsound)?;
    let bytes = view.snapshot.read(control, buckets).ok_or(Unsound)?;
    let full = bytes.iter().zip(1..).filter(|(byte, _)| **byte & 0x80 == 0);
    Ok(full
        .map(|(_, number)| Elements { ty: element, start: RuntimeAddress(control.0 - number * size), count: 1 })
        .collect())
}

impl View<'_> {
    /// The elements in a block that a hashbrown table allocated: the block alone tells them, without its owner.
    ///
    /// The layout is: elements, padding to 16, one control byte per bucket, one more group of control bytes. So the number of
    /// buckets is the power of two that gives the block's size.
    ///
    /// # Errors
    /// [`Unsound`] if no number of buckets fits.
    pub fn table_elements(self, block: usize, element: TypeId) -> Result<Vec<Elements>, Unsound> {
        let size = self.types.get(element).size;
        let block = self.snapshot.blocks()[block];
        for group in [16, 8] {
            for shift in 0..48 {
                let buckets = 1u64 << shift;
                let control = buckets.saturating_mul(size).next_multiple_of(group);
                let total = control.saturating_add(buckets + group);
                if total == block.size {
                    return full_buckets(self, element, size, at(block.address, control), buckets);
                }
                if total > block.size {
                    break;
                }
            }
        }
        Err(Unsound)
    }
}

/// A B-tree node: only the first `len` keys and values are there. They lie in the node itself.
fn leaf_node(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let len = view.field_number(ty, address, "len").ok_or(Unsound)?;
    let mut elements = Vec::new();
    for (array, name) in [("keys", "K"), ("vals", "V")] {
        let (offset, _) = view.field(ty, array).ok_or(Unsound)?;
        let element = parameter(ty, name).ok_or(Unsound)?;
        elements.push(Elements { ty: element, start: at(address, offset), count: len });
    }
    // A node has room for 11.
    if len > 11 { Err(Unsound) } else { Ok(Owned { block: None, elements }) }
}

fn boxed(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let pointer = view.snapshot.word(address).ok_or(Unsound)?;
    match &ty.kind {
        TypeKind::Pointer { target } => {
            let size = target.map_or(0, |target| view.types.get(target).size);
            Ok(Owned { block: buffer(view, pointer, 1, size)?, elements: Vec::new() })
        }
        TypeKind::Struct { fields } => match (view.slice_element(ty), fields.len()) {
            (Some(element), _) => {
                let len = view.field_number(ty, address, "length").ok_or(Unsound)?;
                let pointer = view.field_number(ty, address, "data_ptr").ok_or(Unsound)?;
                let block = buffer(view, pointer, len, view.types.get(element).size)?;
                Ok(Owned {
                    block,
                    elements: vec![Elements { ty: element, start: RuntimeAddress(pointer), count: len }],
                })
            }
            // `dyn Trait`: the size is in the vtable, which need not be in the copy. A value without size has no block.
            (None, 2) => {
                let pointer = view.field_number(ty, address, "pointer").ok_or(Unsound)?;
                if pointer == 0 {
                    return Err(Unsound);
                }
                let block = view.snapshot.block_starting(RuntimeAddress(pointer));
                Ok(Owned { block: block.map(|block| (block, Claim::Exclusive)), elements: Vec::new() })
            }
            _ => Err(Unsound),
        },
        _ => Err(Unsound),
    }
}

/// `Rc` and `Arc`: the strong count is the first word of the block.
fn shared(view: View<'_>, _ty: &Type, address: RuntimeAddress) -> Result<Owned, Unsound> {
    let pointer = RuntimeAddress(view.snapshot.word(address).ok_or(Unsound)?);
    let block = view.snapshot.block_starting(pointer).ok_or(Unsound)?;
    match view.snapshot.word(pointer) {
        Some(0) | None => Err(Unsound),
        Some(strong) => Ok(Owned { block: Some((block, Claim::Shared { strong })), elements: Vec::new() }),
    }
}
