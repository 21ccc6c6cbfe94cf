//! The search for instances on made-up heaps: each place where a value can be, and each way it can be gone.

use crate::debuginfo::types::{TypeId, TypeKind};
use crate::heap::contents::Content;
use crate::heap::instances::Doubt;
use crate::heap::made_up::{MadeUpHeap, words};

const SESSION: &str = "chat::Session";

/// A heap whose `Session` owns a `Box<[u8; 4]>` and has a number: word 0 and word 1.
fn owning() -> (MadeUpHeap, TypeId) {
    let heap = MadeUpHeap::default();
    let bytes = heap.types.scalar("[u8; 4]", 4);
    let name = heap.types.pointer("alloc::boxed::Box<[u8; 4], alloc::alloc::Global>", bytes);
    let number = heap.types.scalar("u64", 8);
    let session = heap.types.structure(SESSION, 16, &[("name", 0, name), ("id", 8, number)]);
    (heap, session)
}

/// A heap whose `Session` is one number.
fn plain() -> (MadeUpHeap, TypeId) {
    let heap = MadeUpHeap::default();
    let number = heap.types.scalar("u64", 8);
    let session = heap.types.structure(SESSION, 8, &[("id", 0, number)]);
    (heap, session)
}

fn arc_inner(heap: &MadeUpHeap, session: TypeId, size: u64) -> TypeId {
    let word = heap.types.scalar("usize", 8);
    let fields = [("strong", 0, word), ("weak", 8, word), ("data", 16, session)];
    heap.types.structure("alloc::sync::ArcInner<chat::Session>", 16 + size, &fields)
}

#[test]
fn whole_blocks_and_arcs() {
    let (mut heap, session) = plain();
    let inner = arc_inner(&heap, session, 8);
    heap.block(0x1000, words(&[7]), Content::Value(session));
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(inner));
    heap.block(0x3000, words(&[0, 1, 7]), Content::Value(inner));
    heap.block(0x4000, words(&[7]), Content::Unknown);
    assert_eq!(heap.count(SESSION), (2, 0), "the one with only weak references left is dropped");
}

#[test]
fn only_the_active_variant_counts() {
    let (mut heap, session) = plain();
    let some = heap.types.structure("Some", 16, &[("__0", 8, session)]);
    let none = heap.types.structure("None", 16, &[]);
    let option = heap.types.enumeration(
        "core::option::Option<chat::Session>",
        16,
        8,
        &[("None", Some(0), none), ("Some", Some(1), some)],
        false,
    );
    heap.block(0x1000, words(&[0, 7]), Content::Value(option));
    heap.block(0x2000, words(&[1, 7]), Content::Value(option));
    assert_eq!(heap.count(SESSION), (1, 0));
    assert_eq!(heap.count("core::option::Option<chat::Session>::None"), (1, 0));
    heap.block(0x3000, words(&[9, 7]), Content::Value(option));
    assert_eq!(heap.count(SESSION), (1, 1), "a discriminant without meaning is not a zero");
}

#[test]
fn a_vec_counts_up_to_its_length() {
    let (mut heap, session) = owning();
    let vec = heap.types.vec(session);
    heap.root(0x500, words(&[4, 0x1000, 1]), vec);
    heap.block(0x1000, words(&[0x2000, 1, 0x2000, 1, 0, 0, 0, 0]), Content::Buffer(session));
    heap.block(0x2000, vec![0; 4], Content::Unknown);
    assert_eq!(heap.count(SESSION), (1, 0));
}

#[test]
fn a_vec_in_a_vec() {
    let (mut heap, session) = plain();
    let vec = heap.types.vec(session);
    let outer = heap.types.vec(vec);
    heap.root(0x500, words(&[2, 0x1000, 1]), outer);
    heap.block(0x1000, words(&[2, 0x2000, 2, 2, 0x3000, 1]), Content::Buffer(vec));
    heap.block(0x2000, words(&[7, 7]), Content::Buffer(session));
    heap.block(0x3000, words(&[7, 7]), Content::Value(heap.types.scalar("unrelated", 16)));
    assert_eq!(heap.count(SESSION), (2, 0));
}

#[test]
fn a_vec_whose_bytes_make_no_sense_is_not_a_zero() {
    let (mut heap, session) = plain();
    let vec = heap.types.vec(session);
    heap.root(0x500, words(&[4, 0x9000, 1]), vec);
    assert_eq!(heap.count(SESSION), (0, 1));
}

#[test]
fn an_empty_vec_is_a_zero() {
    let (mut heap, session) = plain();
    let vec = heap.types.vec(session);
    heap.root(0x500, words(&[0, 8, 0]), vec);
    assert_eq!(heap.count(SESSION), (0, 0));
}

#[test]
fn a_deque_wraps_around() {
    let (mut heap, session) = plain();
    let word = heap.types.scalar("usize", 8);
    let fields = heap.types.fields(&[("head", 0, word), ("len", 8, word), ("cap", 16, word), ("pointer", 24, word)]);
    let name = "alloc::collections::vec_deque::VecDeque<chat::Session, alloc::alloc::Global>";
    let deque = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[3, 2, 4, 0x1000]), deque);
    heap.block(0x1000, words(&[1, 2, 3, 4]), Content::Buffer(session));
    let addresses: Vec<u64> = heap.find(SESSION).iter().map(|found| found.address.0).collect();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.contains(&0x1018) && addresses.contains(&0x1000), "{addresses:x?}");
}

/// A table of 4 buckets of one word: elements, then 4 + 16 control bytes; bucket 0 is the last element.
fn table(full: [bool; 4]) -> Vec<u8> {
    let mut bytes = words(&[1, 2, 3, 4]);
    let control = full.map(|full| if full { 0x11 } else { 0xff });
    bytes.extend(control);
    bytes.extend(control);
    bytes.extend([0xff; 12]);
    bytes
}

#[test]
fn a_table_tells_its_elements_and_its_owner_that_they_are_live() {
    let (mut heap, session) = plain();
    heap.block(0x1000, table([true, false, false, true]), Content::Table(session));
    assert_eq!(heap.count(SESSION), (0, 2), "an iterator may have taken them out");

    let word = heap.types.scalar("usize", 8);
    let fields = heap.types.fields(&[("ctrl", 0, word), ("bucket_mask", 8, word), ("items", 16, word)]);
    let name = "hashbrown::raw::RawTable<chat::Session, alloc::alloc::Global>";
    let owner = heap.types.add(name, 24, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[0x1020, 3, 2]), owner);
    let addresses: Vec<u64> = heap.find(SESSION).iter().map(|found| found.address.0).collect();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.contains(&0x1018) && addresses.contains(&0x1000), "{addresses:x?}");

    heap.root(0x600, words(&[0x400, 0, 0]), owner);
    assert_eq!(heap.count(SESSION), (2, 0), "an empty table adds nothing");
    heap.root(0x700, words(&[0x1020, 3, 4]), owner);
    assert_eq!(heap.count(SESSION), (2, 1), "one that contradicts its control bytes is not a zero");
}

/// A suspended future with an awaited future at 8, and locals at 16 and 32.
fn coroutine(heap: &MadeUpHeap, session: TypeId) -> TypeId {
    let locals = [("__awaitee", 8, heap.types.scalar("u64", 8)), ("a", 16, session), ("b", 32, session)];
    let captured = heap.types.structure("captured", 48, &[("a", 16, session)]);
    let suspended = heap.types.structure("Suspend0", 48, &locals);
    let variants = [
        ("Unresumed", Some(0), captured),
        ("Returned", Some(1), captured),
        ("Panicked", Some(2), captured),
        ("Suspend0", Some(3), suspended),
    ];
    heap.types.enumeration("chat::heartbeat::{async_fn_env#0}", 48, 8, &variants, true)
}

#[test]
fn ownership_decides_for_locals_of_suspended_futures() {
    let (mut heap, session) = owning();
    let future = coroutine(&heap, session);
    heap.block(0x9000, vec![0; 4], Content::Unknown);
    heap.block(0x1000, words(&[3, 0, 0x9000, 1, 0xdead, 2]), Content::Value(future));
    assert_eq!(heap.count(SESSION), (1, 0), "the second leads to no block");

    heap.block(0x2000, words(&[3, 0, 0x9000, 1, 0x9000, 1]), Content::Value(future));
    assert_eq!(heap.count(SESSION), (1, 0), "one block has one owner: the other three are copies");

    heap.block(0x3000, words(&[0x9000, 1]), Content::Value(session));
    let found = heap.find(SESSION);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].address.0, 0x3000, "a certain owner comes first");
}

#[test]
fn states_of_a_future() {
    let (mut heap, session) = owning();
    let future = coroutine(&heap, session);
    heap.block(0x9000, vec![0; 4], Content::Unknown);
    heap.block(0x1000, words(&[1, 0, 0x9000, 1, 0, 0]), Content::Value(future));
    heap.block(0x2000, words(&[2, 0, 0x9000, 1, 0, 0]), Content::Value(future));
    assert_eq!(heap.count(SESSION), (0, 0), "finished futures hold nothing");
    heap.block(0x3000, words(&[0, 0, 0x9000, 1, 0, 0]), Content::Value(future));
    assert_eq!(heap.count(SESSION), (1, 0), "one that has not begun holds its captures");
}

#[test]
fn plain_data_in_a_suspended_future_is_possible() {
    let (mut heap, session) = plain();
    let future = coroutine(&heap, session);
    heap.block(0x1000, words(&[3, 0, 7, 0, 7, 0]), Content::Value(future));
    assert_eq!(heap.count(SESSION), (0, 2));
}

#[test]
fn slots_of_a_buffer_without_owner() {
    let (mut heap, session) = owning();
    heap.block(0x9000, vec![0; 4], Content::Unknown);
    heap.block(0x1000, words(&[0x9000, 1, 0, 0, 0xdead, 1]), Content::Buffer(session));
    assert_eq!(heap.count(SESSION), (1, 0));
    let (mut heap, session) = plain();
    heap.block(0x1000, words(&[7, 7]), Content::Buffer(session));
    assert_eq!(heap.count(SESSION), (0, 2), "plain data is never silently zero");
}

#[test]
fn blocks_with_a_layout_of_their_own() {
    let (mut heap, session) = plain();
    let layout =
        |parameters: &[TypeId]| Content::OwnLayout { function: "slab::grow".into(), parameters: parameters.into() };
    let other = heap.types.scalar("u8", 1);
    heap.block(0x1000, words(&[7]), layout(&[other]));
    heap.block(0x2000, words(&[7, 7, 7]), layout(&[other]));
    heap.block(0x3000, words(&[7, 7, 7]), layout(&[session]));
    assert_eq!(heap.count(SESSION), (0, 2), "the size fits, or the function is generic over it");
}

#[test]
fn types_that_refer_to_each_other_in_a_circle() {
    let (mut heap, session) = plain();
    let node = heap.types.structure("chat::Node", 32, &[]);
    let children = heap.types.vec(node);
    let link = heap.types.structure("chat::Link", 24, &[("children", 0, children)]);
    heap.types
        .replace(node, TypeKind::Struct { fields: heap.types.fields(&[("link", 0, link), ("session", 24, session)]) });
    heap.block(0x1000, words(&[1, 0x2000, 1]), Content::Value(link));
    heap.block(0x2000, words(&[0, 8, 0, 7]), Content::Buffer(node));
    heap.block(0x3000, words(&[0, 8, 0, 7]), Content::Value(node));
    assert_eq!(heap.count(SESSION), (2, 0));
}

#[test]
fn memory_that_need_not_be_initialised() {
    let (mut heap, session) = owning();
    let fields = heap.types.fields(&[("value", 0, session)]);
    let name = "core::mem::maybe_uninit::MaybeUninit<chat::Session>";
    let slot = heap.types.add(name, 16, TypeKind::Union { fields }, &[("T", session)]);
    heap.block(0x9000, vec![0; 4], Content::Unknown);
    heap.block(0x1000, words(&[0x9000, 1]), Content::Value(slot));
    heap.block(0x2000, words(&[0, 1]), Content::Value(slot));
    assert_eq!(heap.count(SESSION), (1, 0));
}

#[test]
fn a_thread_local_holds_its_value_while_it_is_alive() {
    let (mut heap, session) = plain();
    let slot = heap.types.add(
        "core::mem::maybe_uninit::MaybeUninit<chat::Session>",
        8,
        TypeKind::Union { fields: heap.types.fields(&[("value", 0, session)]) },
        &[("T", session)],
    );
    let nothing = heap.types.structure("Nothing", 1, &[]);
    let variants = [("Uninitialized", Some(0), nothing), ("Alive", Some(1), nothing), ("Destroyed", Some(2), nothing)];
    let state = heap.types.enumeration("std::sys::thread_local::native::lazy::State<()>", 1, 1, &variants, false);
    let cell = heap.types.structure("core::cell::Cell<…>", 1, &[("value", 0, state)]);
    let fields = heap.types.fields(&[("value", 0, slot), ("state", 8, cell)]);
    let name = "std::sys::thread_local::native::lazy::Storage<chat::Session, ()>";
    let lazy = heap.types.add(name, 16, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[7, 0]), lazy);
    heap.root(0x600, words(&[7, 2]), lazy);
    assert_eq!(heap.count(SESSION), (0, 0), "not made yet, and destroyed");
    heap.root(0x700, words(&[7, 1]), lazy);
    assert_eq!(heap.count(SESSION), (1, 0));
    heap.root(0x800, words(&[7, 9]), lazy);
    assert_eq!(heap.count(SESSION), (1, 1), "a state without meaning is not a zero");
}

#[test]
fn a_thread_local_made_by_a_constant_counts_from_its_first_use() {
    let (mut heap, session) = plain();
    let nothing = heap.types.structure("Nothing", 0, &[]);
    let variants = [("Initial", Some(0), nothing), ("Alive", Some(1), nothing), ("Destroyed", Some(2), nothing)];
    let state = heap.types.enumeration("std::sys::thread_local::native::eager::State", 1, 1, &variants, false);
    let fields = heap.types.fields(&[("val", 0, session), ("state", 8, state)]);
    let name = "std::sys::thread_local::native::eager::Storage<chat::Session>";
    let eager = heap.types.add(name, 16, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[7, 0]), eager);
    heap.root(0x600, words(&[7, 2]), eager);
    assert_eq!(heap.count(SESSION), (0, 0), "not used yet, and destroyed");
    heap.root(0x700, words(&[7, 1]), eager);
    assert_eq!(heap.count(SESSION), (1, 0));
}

/// What is said of the instances that are in doubt because something was not understood.
fn not_understood(heap: &MadeUpHeap) -> Vec<(String, String)> {
    let doubts = heap.find(SESSION).into_iter().filter_map(|found| match found.doubt {
        Some(Doubt::NotUnderstood(container)) => Some((found.type_name.to_string(), container.to_string())),
        _ => None,
    });
    doubts.collect()
}

#[test]
fn a_container_that_makes_no_sense_is_named() {
    let (mut heap, session) = plain();
    let vec = heap.types.vec(session);
    heap.root(0x500, words(&[4, 0x1000, 9]), vec);
    heap.root(0x600, words(&[4, 0x1000, 9]), vec);
    heap.block(0x1000, words(&[1, 2, 3, 4]), Content::Unknown);
    let said = (SESSION.to_owned(), "alloc::vec::Vec<chat::Session, alloc::alloc::Global>".to_owned());
    assert_eq!(not_understood(&heap), [said.clone(), said], "more elements than there is room for");

    let (mut heap, session) = plain();
    let some = heap.types.structure("Some", 16, &[("__0", 8, session)]);
    let option = heap.types.enumeration("chat::State", 16, 8, &[("Some", Some(1), some)], false);
    heap.block(0x1000, words(&[9, 7]), Content::Value(option));
    assert_eq!(not_understood(&heap), [(SESSION.to_owned(), "chat::State".to_owned())]);
}

#[test]
fn a_container_at_the_start_of_an_instance_is_not_taken_for_it() {
    let mut heap = MadeUpHeap::default();
    let session = heap.types.structure(SESSION, 24, &[]);
    let vec = heap.types.vec(session);
    heap.types.replace(session, TypeKind::Struct { fields: heap.types.fields(&[("guests", 0, vec)]) });
    heap.block(0x1000, words(&[4, 0x2000, 9]), Content::Value(session));
    assert_eq!(heap.count(SESSION), (1, 1));
}

#[test]
fn an_owner_of_an_unknown_layout_does_not_make_a_value_dead() {
    let (mut heap, _) = plain();
    let strange = heap.types.scalar("alloc::boxed::Box<[u8; 4], alloc::alloc::Global>", 8);
    let session = heap.types.structure("chat::Guest", 8, &[("name", 0, strange)]);
    heap.block(0x1000, words(&[0xdead]), Content::Unwritten(session));
    let doubts: Vec<_> = heap.find("chat::Guest").into_iter().map(|found| found.doubt).collect();
    assert_eq!(doubts, [Some(Doubt::NotUnderstood("alloc::boxed::Box<[u8; 4], alloc::alloc::Global>".into()))]);
}
