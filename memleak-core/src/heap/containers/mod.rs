//! What is known of containers: which blocks each owns, and which of its elements are live.
//!
//! May use: `debuginfo` (types only), `address`. [`KNOWN`] is the one table; to add a container, add a row and a reader in the file of its
//! kind. Fields are found by name, breadth first, because their offsets and nesting change between compiler versions.

mod buffers;
mod channels;
mod counted;
mod inline;
pub mod slots;
mod tables;
mod trees;

pub use counted::{Pointee, counted_values};

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, Types};
use crate::heap::evidence::is_counted;
use crate::heap::snapshot::Snapshot;
use slots::Told;
use std::rc::Rc;
use std::sync::LazyLock;

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
    /// The blocks, and how each is owned; none for an empty container, and for one that keeps its elements in itself.
    pub blocks: Vec<(usize, Claim)>,
    /// Live elements whose liveness the owner alone knows: in its blocks or in itself.
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

/// Why a container could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Its bytes are not those of a live value.
    Stale,
    /// Its type has not the fields that it is known by: another version than any that is known here.
    Layout,
}

/// A container of which more is known than its fields say.
struct Known {
    /// The start of its type's name.
    name: &'static str,
    /// The generic parameters whose values it holds; `C/T` is the parameter `T` of the parameter `C`, and `A[]` the element of the array `A`.
    holds: &'static [&'static str],
    read: Reader,
}

/// Reads one container: its type, and where it is.
type Reader = fn(View<'_>, &Type, RuntimeAddress) -> Result<Owned, Unreadable>;

/// The table of containers. To add one, add a row and its reader, which goes by the names of fields and of generic parameters.
#[rustfmt::skip]
const KNOWN: &[Known] = &[
    Known { name: "alloc::vec::Vec<", holds: &["T"], read: buffers::vec },
    Known { name: "alloc::vec::into_iter::IntoIter<", holds: &["T"], read: buffers::vec_into_iter },
    Known { name: "alloc::collections::vec_deque::VecDeque<", holds: &["T"], read: buffers::vec_deque },
    Known { name: "alloc::vec::drain::Drain<", holds: &["T"], read: buffers::vec_drain },
    Known { name: "alloc::vec::extract_if::ExtractIf<", holds: &["T", "F"], read: buffers::vec_extract_if },
    Known { name: "alloc::collections::vec_deque::drain::Drain<", holds: &["T"], read: buffers::vec_deque_drain },
    Known { name: "core::array::iter::IntoIter<", holds: &["T"], read: inline::array_into_iter },
    Known { name: "alloc::boxed::Box<", holds: &[], read: buffers::boxed },
    Known { name: TABLES[0], holds: &["T"], read: tables::raw_table },
    Known { name: TABLES[1], holds: &["T"], read: tables::raw_table },
    Known { name: "alloc::collections::linked_list::LinkedList<", holds: &[], read: trees::list },
    Known { name: "hashbrown::raw::RawIntoIter<", holds: &["T"], read: tables::raw_into_iter },
    Known { name: "hashbrown::raw::inner::RawIntoIter<", holds: &["T"], read: tables::raw_into_iter },
    Known { name: "hashbrown::raw::RawDrain<", holds: &["T"], read: tables::raw_into_iter },
    Known { name: "alloc::collections::btree::map::BTreeMap<", holds: &[], read: trees::map },
    Known { name: "alloc::collections::btree::map::IntoIter<", holds: &["K", "V"], read: trees::into_iter },
    Known { name: "alloc::collections::btree::node::LeafNode<", holds: &["K", "V"], read: trees::leaf_node },
    Known { name: "alloc::sync::Arc<", holds: &[], read: counted::shared },
    Known { name: "alloc::rc::Rc<", holds: &[], read: counted::shared },
    Known { name: "std::sync::lazy_lock::LazyLock<", holds: &["T", "F"], read: slots::lazy_lock },
    Known { name: "std::sync::mpmc::counter::Counter<std::sync::mpmc::array::Channel<", holds: &["C/T"], read: channels::received_array },
    Known { name: "arrayvec::arrayvec::ArrayVec<", holds: &["T"], read: inline::array_vec },
    Known { name: "arrayvec::arrayvec::Drain<", holds: &["T"], read: inline::array_vec_drain },
    Known { name: "arrayvec::arrayvec::IntoIter<", holds: &["T"], read: inline::array_vec_into_iter },
    Known { name: "concurrent_queue::bounded::Bounded<", holds: &["T"], read: channels::array },
    Known { name: "crossbeam_channel::flavors::array::Channel<", holds: &["T"], read: channels::array },
    Known { name: "crossbeam_deque::deque::Buffer<", holds: &["T"], read: channels::retired_deque },
    Known { name: "crossbeam_deque::deque::Inner<", holds: &["T"], read: channels::deque },
    Known { name: "crossbeam_queue::array_queue::ArrayQueue<", holds: &["T"], read: channels::array },
    Known { name: "lru::LruEntry<", holds: &["K", "V"], read: slots::lru_entry },
    Known { name: "smallvec::Drain<", holds: &["T[]"], read: inline::small_vec_drain },
    Known { name: "smallvec::IntoIter<", holds: &["A[]"], read: inline::small_vec_into_iter },
    Known { name: "smallvec::SmallVec<", holds: &["A[]"], read: inline::small_vec },
    Known { name: "thread_local::ThreadLocal<", holds: &["T"], read: slots::thread_local },
    Known { name: "tokio::sync::mpsc::list::Rx<", holds: &["T"], read: channels::tokio_mpsc },
];

/// Slots for one value, a `T`, that say themselves whether it is there, by the start of their type's name. To add one, a row is enough.
#[rustfmt::skip]
const TOLD: &[(&str, Told)] = &[
    ("concurrent_queue::single::Single<", Told { value: "slot", by: "state", bits: 3, are: 2 }),
    ("concurrent_queue::unbounded::Slot<", written_and_not_read("value")),
    ("crossbeam_channel::flavors::list::Slot<", written_and_not_read("msg")),
    ("crossbeam_deque::deque::Slot<", written_and_not_read("task")),
    ("crossbeam_queue::seg_queue::Slot<", written_and_not_read("value")),
    ("slotmap::basic::Slot<", Told { value: "u", by: "version", bits: 1, are: 1 }),
    ("slotmap::hop::Slot<", Told { value: "u", by: "version", bits: 1, are: 1 }),
    ("std::sync::mpmc::list::Slot<", written_and_not_read("msg")),
    ("std::sync::once_lock::OnceLock<", Told { value: "value", by: "once", bits: 3, are: 0 }),
    ("thread_local::Entry<", Told { value: "value", by: "present", bits: 1, are: 1 }),
    ("tokio::sync::once_cell::OnceCell<", Told { value: "value", by: "value_set", bits: 1, are: 1 }),
    ("tokio::sync::set_once::SetOnce<", Told { value: "value", by: "value_set", bits: 1, are: 1 }),
];

/// A slot of a queue that is made of blocks of slots: its `state` has one bit for "written", and one for "read".
const fn written_and_not_read(value: &'static str) -> Told {
    Told { value, by: "state", bits: 3, are: 1 }
}

/// hashbrown's table; the second is that of 0.14 with the feature `raw`, which dashmap has.
const TABLES: [&str; 2] = ["hashbrown::raw::RawTable<", "hashbrown::raw::inner::RawTable<"];

/// Blocks of containers in [`KNOWN`] by the start of their type's name: which of their slots are live only the container knows. A node of a
/// B-tree knows it too, but for what an iterator has taken out.
const SLOTS: &[&str] = &["alloc::collections::btree::node::", "tokio::sync::mpsc::block::Block<"];

/// Blocks that are made without a value. They are written at once, or say themselves what of them has been written since.
const TOLD_BY_ITSELF: &[&str] =
    &["alloc::collections::btree::node::", "alloc::collections::linked_list::Node<", "std::sync::mpmc::list::Block<"];

/// A row of one of the tables.
#[derive(Clone, Copy)]
enum Row {
    Known(&'static Known),
    Told(&'static Told),
}

/// The rows by their keys. A type is looked up for each value that is visited, and code in the plain dev profile is slow at comparing text.
static ROWS: LazyLock<Vec<(u64, &str, Row)>> = LazyLock::new(|| {
    let known = KNOWN.iter().map(|known| (known.name, Row::Known(known)));
    let rows = known.chain(TOLD.iter().map(|(name, told)| (*name, Row::Told(told))));
    let mut rows: Vec<_> = rows.filter_map(|(name, row)| Some((key(name)?, name, row))).collect();
    rows.sort_unstable_by_key(|(key, _, _)| *key);
    rows
});

/// Some bytes of a name, by which few rows are alike; each row has as many.
fn key(name: &str) -> Option<u64> {
    name.as_bytes().get(6..14)?.try_into().ok().map(u64::from_le_bytes)
}

/// The row whose name this one starts with.
fn row(name: &str) -> Option<Row> {
    let (key, rows) = (key(name)?, &*ROWS);
    let mut next = rows.partition_point(|(other, _, _)| *other < key);
    while let Some((_, start, row)) = rows.get(next).filter(|(other, _, _)| *other == key) {
        if name.starts_with(start) {
            return Some(*row);
        }
        next += 1;
    }
    None
}

/// How a slot of this type says that its value is there.
pub fn told(name: &str) -> Option<&'static Told> {
    match row(name)? {
        Row::Told(told) => Some(told),
        Row::Known(_) => None,
    }
}

/// Whether this is what a container keeps its elements in, so that only the container knows which are there.
pub fn has_slots(ty: &Type) -> bool {
    SLOTS.iter().any(|name| ty.name.starts_with(name))
}

/// Whether a block of this type says itself what of it has been written, so that nobody need tell that it has been.
pub fn is_told_by_itself(ty: &Type) -> bool {
    is_counted(ty) || TOLD_BY_ITSELF.iter().any(|name| ty.name.starts_with(name))
}

/// Whether this is hashbrown's table, of any version.
pub fn is_table(ty: &Type) -> bool {
    TABLES.iter().any(|name| ty.name.starts_with(name))
}

impl<'a> View<'a> {
    /// What the value of type `ty` at `address` owns; none if `ty` is not an owner.
    ///
    /// # Errors
    /// [`Unreadable`] if its bytes cannot be those of a live value, or its layout is another than is known.
    pub fn owned(self, ty: &Type, address: RuntimeAddress) -> Option<Result<Owned, Unreadable>> {
        Some(match row(&ty.name)? {
            Row::Known(known) => (known.read)(self, ty, address),
            Row::Told(told) => slots::slot(self, ty, address, told),
        })
    }

    /// Whether these elements lie in their container itself, which is of type `container` and at `address`. What is left of one may lead to itself,
    /// so each has to be smaller.
    pub fn is_inside(self, elements: &Elements, container: &Type, address: RuntimeAddress) -> bool {
        let inside = address..at(address, container.size);
        inside.contains(&elements.start) && self.types.get(elements.ty).size < container.size
    }

    /// The types of the elements of an owner of type `ty` that only it can find.
    pub fn element_types(self, ty: &Type) -> Vec<TypeId> {
        let holds = match row(&ty.name) {
            Some(Row::Known(known)) => known.holds,
            Some(Row::Told(_)) => &["T"],
            None => return Vec::new(),
        };
        let mut elements: Vec<TypeId> = holds.iter().filter_map(|path| self.parameter_at(ty, path)).collect();
        elements.extend(self.slice_element(ty));
        elements.extend(self.boxed_without_size(ty));
        elements
    }

    /// The type of what a `Box` holds that has no size, so that there is no block for it.
    fn boxed_without_size(self, ty: &Type) -> Option<TypeId> {
        match ty.kind {
            TypeKind::Pointer { target: Some(target) } if ty.name.starts_with("alloc::boxed::Box<") => {
                let ty = self.types.get(target);
                (ty.size == 0 && ty.kind != TypeKind::Opaque).then_some(target)
            }
            _ => None,
        }
    }

    /// The generic parameter at this path, as in [`Known::holds`].
    pub fn parameter_at(self, ty: &Type, path: &str) -> Option<TypeId> {
        if let Some((first, rest)) = path.split_once('/') {
            return self.parameter_at(&self.types.get(parameter(ty, first)?), rest);
        }
        let Some(array) = path.strip_suffix("[]") else { return parameter(ty, path) };
        match self.types.get(parameter(ty, array)?).kind {
            TypeKind::Array { element, .. } => Some(element),
            _ => None,
        }
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

    /// The number in the field called `name`, searched as by [`View::field`].
    fn number(self, ty: &Type, address: RuntimeAddress, name: &str) -> Result<u64, Unreadable> {
        self.field(ty, name).ok_or(Unreadable::Layout)?;
        self.field_number(ty, address, name).ok_or(Unreadable::Stale)
    }

    /// The number in the field called `name`; none if there is no such field or its memory was not copied.
    pub fn field_number(self, ty: &Type, address: RuntimeAddress, name: &str) -> Option<u64> {
        let (offset, field) = self.field(ty, name)?;
        let (offset, size) = self.only_part(field, offset);
        u64::try_from(self.snapshot.number(at(address, offset), size)?).ok()
    }

    /// Where the only part with a size of a value is, below all that is wrapped around it, and its size.
    pub fn only_part(self, ty: TypeId, offset: u64) -> (u64, u64) {
        let ty = self.types.get(ty);
        if let TypeKind::Struct { fields } = &ty.kind {
            let mut sized = fields.iter().filter(|field| self.types.get(field.ty).size > 0);
            if let (Some(only), None) = (sized.next(), sized.next()) {
                return self.only_part(only.ty, offset + only.offset);
            }
        }
        (offset, ty.size)
    }
}

/// `address + offset`.
pub fn at(address: RuntimeAddress, offset: u64) -> RuntimeAddress {
    RuntimeAddress(address.0.wrapping_add(offset))
}

/// The generic parameter that the readers of a container need.
fn generic(ty: &Type, name: &str) -> Result<TypeId, Unreadable> {
    parameter(ty, name).ok_or(Unreadable::Layout)
}

/// The generic parameter called `name`.
pub fn parameter(ty: &Type, name: &str) -> Option<TypeId> {
    ty.parameters.iter().find(|(parameter, _)| &**parameter == name).map(|(_, id)| *id)
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_the_names_of_its_types() {
        for known in KNOWN {
            let found = row(&format!("{}chat::Session>", known.name));
            assert!(matches!(found, Some(Row::Known(row)) if row.name == known.name), "{}", known.name);
        }
        for (name, told) in TOLD {
            assert_eq!(super::told(&format!("{name}chat::Session>")), Some(told), "{name}");
        }
        assert!(row("u64").is_none() && row("alloc::vec::Vector<u64>").is_none());
    }
}
