//! Layouts of other compiler versions, on made-up heaps: the readers go by names and find the same in all of them. A layout without the names
//! that are known is told as not understood, never as zero.

use crate::debuginfo::types::{TypeId, TypeKind};
use crate::heap::contents::Content;
use crate::heap::graph::EdgeKind;
use crate::heap::instances::Doubt;
use crate::heap::made_up::{MadeUpHeap, words};

const SESSION: &str = "chat::Session";

/// A heap whose `Session` is one number.
fn plain() -> (MadeUpHeap, TypeId) {
    let heap = MadeUpHeap::default();
    let number = heap.types.scalar("u64", 8);
    let session = heap.types.structure(SESSION, 8, &[("id", 0, number)]);
    (heap, session)
}

fn generic(heap: &MadeUpHeap, name: &str, size: u64, fields: &[(&str, u64, TypeId)], of: TypeId) -> TypeId {
    heap.types.add(name, size, TypeKind::Struct { fields: heap.types.fields(fields) }, &[("T", of)])
}

/// One around the other, from the outside in: name and field.
fn wrapped(heap: &MadeUpHeap, inner: TypeId, size: u64, around: &[(&str, &str)]) -> TypeId {
    around.iter().rev().fold(inner, |inner, (name, field)| heap.types.structure(name, size, &[(*field, 0, inner)]))
}

fn word(heap: &MadeUpHeap) -> TypeId {
    heap.types.scalar("usize", 8)
}

/// `Atomic<usize>` of Rust 1.96.
fn atomic(heap: &MadeUpHeap) -> TypeId {
    let around = [
        ("core::sync::atomic::Atomic<usize>", "v"),
        ("core::cell::UnsafeCell<core::sync::atomic::Align8<usize>>", "value"),
        ("core::sync::atomic::Align8<usize>", "__0"),
    ];
    wrapped(heap, word(heap), 8, &around)
}

fn pointer(heap: &MadeUpHeap) -> TypeId {
    let raw = heap.types.pointer("*const u8", heap.types.scalar("u8", 1));
    let around = [("core::ptr::unique::Unique<u8>", "pointer"), ("core::ptr::non_null::NonNull<u8>", "pointer")];
    wrapped(heap, raw, 8, &around)
}

/// `RawVec` as it was before it had an `inner`, with a capacity of this type.
fn raw_vec(heap: &MadeUpHeap, capacity: TypeId) -> TypeId {
    heap.types.structure("alloc::raw_vec::RawVec<_>", 16, &[("ptr", 0, pointer(heap)), ("cap", 8, capacity)])
}

/// As it is now, with the fields in another order.
fn raw_vec_with_inner(heap: &MadeUpHeap) -> TypeId {
    let capacity = wrapped(heap, word(heap), 8, &[("core::num::niche_types::UsizeNoHighBit", "__0")]);
    let inner = [("cap", 0, capacity), ("ptr", 8, pointer(heap))];
    let inner = heap.types.structure("alloc::raw_vec::RawVecInner<_>", 16, &inner);
    heap.types.structure("alloc::raw_vec::RawVec<_>", 16, &[("inner", 0, inner)])
}

const VEC: &str = "alloc::vec::Vec<chat::Session, alloc::alloc::Global>";

#[test]
fn vectors() {
    for (old, bytes) in [(true, [0x1000, 4, 3]), (false, [4, 0x1000, 3])] {
        let (mut heap, session) = plain();
        let buf = if old { raw_vec(&heap, word(&heap)) } else { raw_vec_with_inner(&heap) };
        let vec = generic(&heap, VEC, 24, &[("buf", 0, buf), ("len", 16, word(&heap))], session);
        heap.root(0x500, words(&bytes), vec);
        heap.block(0x1000, words(&[1, 2, 3, 4]), Content::Buffer(session));
        assert_eq!(heap.count(SESSION), (3, 0));
        let at = 0x500 + if old { 0 } else { 8 };
        assert_eq!(heap.edges(), [(at, 0x1000, EdgeKind::Owning)]);
    }
}

#[test]
fn counts_of_shared_values() {
    for (name, field) in [
        ("alloc::sync::ArcInner<chat::Session>", "data"),
        ("alloc::rc::RcBox<chat::Session>", "value"),
        ("alloc::rc::RcInner<chat::Session>", "value"),
    ] {
        let (mut heap, session) = plain();
        let count = atomic(&heap);
        let fields = [("strong", 0, count), ("weak", 8, count), (field, 16, session)];
        let inner = heap.types.structure(name, 24, &fields);
        heap.block(0x1000, words(&[1, 1, 7]), Content::Value(inner));
        heap.block(0x2000, words(&[0, 1, 7]), Content::Value(inner));
        assert_eq!(heap.count(SESSION), (1, 0), "{name}");
    }
}

/// `ManuallyDrop` has a `MaybeDangling` in it since Rust 1.94.
fn manually_drop(heap: &MadeUpHeap, name: &str, value: TypeId, size: u64) -> TypeId {
    let dangling = heap.types.structure("core::mem::maybe_dangling::MaybeDangling<_>", size, &[("__0", 0, value)]);
    generic(heap, name, size, &[("value", 0, dangling)], value)
}

#[test]
fn values_that_are_dropped_by_hand() {
    let name = "core::mem::manually_drop::ManuallyDrop<chat::Session>";
    let (mut heap, session) = plain();
    let ty = manually_drop(&heap, name, session, 8);
    heap.block(0x1000, words(&[7]), Content::Value(ty));
    assert_eq!(heap.count(SESSION), (0, 1));

    let (mut heap, session) = plain();
    let array = heap.types.add("[_; 3]", 24, TypeKind::Array { element: session, count: 3 }, &[]);
    let alive = [("start", 0, word(&heap)), ("end", 8, word(&heap))];
    let alive = heap.types.structure("core::ops::index_range::IndexRange", 16, &alive);
    let iter = heap.types.structure(
        "core::array::iter::iter_inner::PolymorphicIter<_>",
        40,
        &[("alive", 24, alive), ("data", 0, array)],
    );
    let inner = manually_drop(&heap, "core::mem::manually_drop::ManuallyDrop<_>", iter, 40);
    let iter = generic(&heap, "core::array::iter::IntoIter<chat::Session, 3>", 40, &[("inner", 0, inner)], session);
    heap.block(0x1000, words(&[7, 8, 9, 1, 3]), Content::Value(iter));
    assert_eq!(heap.count(SESSION), (2, 0));
}

#[test]
fn a_channel_with_wrapped_numbers() {
    let (mut heap, session) = plain();
    let (stamp, wide) = (atomic(&heap), word(&heap));
    let slot = [("msg", 0, session), ("state", 8, stamp)];
    let slot = generic(&heap, "std::sync::mpmc::list::Slot<chat::Session>", 16, &slot, session);
    let slots = heap.types.add("[_; 2]", 32, TypeKind::Array { element: slot, count: 2 }, &[]);
    let block = [("next", 0, wide), ("slots", 8, slots)];
    let block = heap.types.structure("std::sync::mpmc::list::Block<chat::Session>", 40, &block);
    heap.block(0x1000, words(&[0, 7, 1, 8, 3]), Content::Value(block));
    assert_eq!(heap.count(SESSION), (1, 0), "one was read");
}

/// A thread-local's state as it was up to Rust 1.89: with the value in it.
fn state_with_value(heap: &MadeUpHeap, value: TypeId) -> TypeId {
    let nothing = heap.types.structure("Initial", 0, &[]);
    let alive = heap.types.structure("Alive", 16, &[("__0", 8, value)]);
    let variants = [("Initial", Some(0), nothing), ("Alive", Some(1), alive), ("Destroyed", Some(2), nothing)];
    heap.types.enumeration("std::sys::thread_local::native::lazy::State<_, ()>", 16, 8, &variants, false)
}

#[test]
fn a_thread_local_with_the_value_in_its_state() {
    let path = "std::sys::thread_local::native::lazy::Storage<chat::Session, ()>";
    for (name, state, count) in [(path, 0, 0), (path, 1, 1), (path, 2, 0)] {
        let (mut heap, session) = plain();
        let state_type = state_with_value(&heap, session);
        let cell = heap.types.structure("core::cell::UnsafeCell<_>", 16, &[("value", 0, state_type)]);
        let storage = generic(&heap, name, 16, &[("state", 0, cell)], session);
        heap.root(0x500, words(&[state, 7]), storage);
        let found: Vec<u64> = heap.find(SESSION).iter().map(|found| found.address.0).collect();
        assert_eq!(found, vec![0x508; count]);
        assert_eq!(heap.count(SESSION), (count, 0));
    }
}

/// Of whom it is said that it was not understood.
fn not_understood(heap: &MadeUpHeap) -> Vec<String> {
    let doubts = heap.find(SESSION).into_iter().map(|found| match found.doubt {
        Some(Doubt::NotUnderstood(container)) => container.to_string(),
        other => format!("{other:?}"),
    });
    doubts.collect()
}

#[test]
fn a_layout_without_the_known_fields_is_not_a_zero() {
    for name in [
        "alloc::vec::Vec<chat::Session>",
        "alloc::vec::into_iter::IntoIter<chat::Session>",
        "alloc::vec::drain::Drain<chat::Session>",
        "alloc::collections::vec_deque::VecDeque<chat::Session>",
        "alloc::collections::vec_deque::drain::Drain<chat::Session>",
        "core::array::iter::IntoIter<chat::Session, 3>",
        "hashbrown::raw::RawTable<chat::Session>",
        "hashbrown::raw::RawIntoIter<chat::Session>",
        "std::sync::lazy_lock::LazyLock<chat::Session>",
        "std::sync::once_lock::OnceLock<chat::Session>",
        "std::sync::mpmc::list::Slot<chat::Session>",
        "std::sys::thread_local::native::lazy::Storage<chat::Session, ()>",
        "std::sys::thread_local::renamed::Storage<chat::Session, ()>",
    ] {
        let (mut heap, session) = plain();
        let renamed = generic(&heap, name, 24, &[("renamed", 0, word(&heap))], session);
        heap.root(0x500, words(&[0; 3]), renamed);
        assert_eq!(not_understood(&heap), [name]);
    }
    for name in ["node::LeafNode<u64, chat::Session>", "map::IntoIter<u64, chat::Session>"] {
        let (mut heap, session) = plain();
        let kind = TypeKind::Struct { fields: heap.types.fields(&[("renamed", 0, word(&heap))]) };
        let name = format!("alloc::collections::btree::{name}");
        let ty = heap.types.add(&name, 24, kind, &[("K", word(&heap)), ("V", session)]);
        heap.block(0x1000, words(&[0; 3]), Content::Value(ty));
        assert_eq!(not_understood(&heap), [name]);
    }
}
