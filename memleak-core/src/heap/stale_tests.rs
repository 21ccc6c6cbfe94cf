//! Instances in places that may be stale, on made-up heaps: who owns what decides, part by part.

use crate::debuginfo::types::{TypeId, TypeKind, Types as _};
use crate::heap::contents::Content;
use crate::heap::instances::Doubt;
use crate::heap::made_up::{MadeUpHeap, words};

const SESSION: &str = "chat::Session";

/// A heap whose `Session` owns a `Box<[u8; 4]>` and has a number, and a block for one such box at 0x9000.
fn owning() -> (MadeUpHeap, TypeId) {
    let mut heap = MadeUpHeap::default();
    let bytes = heap.types.scalar("[u8; 4]", 4);
    let name = heap.types.pointer("alloc::boxed::Box<[u8; 4], alloc::alloc::Global>", bytes);
    let number = heap.types.scalar("u64", 8);
    let session = heap.types.structure(SESSION, 16, &[("name", 0, name), ("id", 8, number)]);
    heap.block(0x9000, vec![0; 4], Content::Unknown);
    (heap, session)
}

/// A heap whose `Session` is one number.
fn plain() -> (MadeUpHeap, TypeId) {
    let heap = MadeUpHeap::default();
    let number = heap.types.scalar("u64", 8);
    let session = heap.types.structure(SESSION, 8, &[("id", 0, number)]);
    (heap, session)
}

fn closure(heap: &MadeUpHeap, captures: &[(&str, u64, TypeId)]) -> TypeId {
    heap.types.structure("chat::connect::{closure_env#0}", 32, captures)
}

/// `MaybeUninit` of a plain session.
fn maybe_uninit(heap: &MadeUpHeap, session: TypeId) -> TypeId {
    let kind = TypeKind::Union { fields: heap.types.fields(&[("value", 0, session)]) };
    heap.types.add("core::mem::maybe_uninit::MaybeUninit<chat::Session>", 8, kind, &[("T", session)])
}

#[test]
fn what_the_captures_of_an_owned_closure_own_has_its_owner() {
    let (mut heap, session) = owning();
    let closure = closure(&heap, &[("session", 0, session)]);
    heap.block(0x1000, words(&[0x9000, 1, 0, 0]), Content::Value(closure));
    let word = heap.types.scalar("usize", 8);
    let fields = heap.types.fields(&[("pointer", 0, word), ("vtable", 8, word)]);
    let boxed = heap.types.add("alloc::boxed::Box<dyn Fn()>", 16, TypeKind::Struct { fields }, &[]);
    heap.root(0x500, words(&[0x1000, 0x42]), boxed);
    heap.block(0x2000, words(&[0x9000, 1]), Content::Buffer(session));
    let found = heap.find(SESSION);
    assert_eq!(found.len(), 1, "the slot of the buffer is a stale copy");
    assert_eq!((found[0].address.0, &found[0].doubt), (0x1000, &None));
}

#[test]
fn captures_of_a_closure_without_owner_come_and_go_one_by_one() {
    let (mut heap, session) = owning();
    let closure = closure(&heap, &[("first", 0, session), ("second", 16, session)]);
    heap.block(0x1000, words(&[0xdead, 1, 0x9000, 2]), Content::Value(closure));
    let found = heap.find(SESSION);
    assert_eq!(found.iter().map(|found| found.address.0).collect::<Vec<_>>(), [0x1010], "the first was moved away");
}

#[test]
fn captures_come_before_slots_of_buffers() {
    let (mut heap, session) = owning();
    heap.block(0x1000, words(&[0x9000, 1]), Content::Buffer(session));
    let closure = closure(&heap, &[("session", 0, session)]);
    heap.block(0x2000, words(&[0x9000, 1, 0, 0]), Content::Value(closure));
    let found = heap.find(SESSION);
    assert_eq!(found.iter().map(|found| found.address.0).collect::<Vec<_>>(), [0x2000]);
}

/// `vec::IntoIter<Session>` in a static.
fn into_iter(heap: &mut MadeUpHeap, session: TypeId, values: &[u64; 4]) {
    let word = heap.types.scalar("usize", 8);
    let fields = heap.types.fields(&[("buf", 0, word), ("cap", 8, word), ("ptr", 16, word), ("end", 24, word)]);
    let name = "alloc::vec::into_iter::IntoIter<chat::Session, alloc::alloc::Global>";
    let ty = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(values), ty);
    heap.block(0x1000, words(&[1, 2, 3, 4]), Content::Buffer(session));
}

#[test]
fn an_iterator_over_a_vec_has_what_is_left_to_come() {
    let (mut heap, session) = plain();
    into_iter(&mut heap, session, &[0x1000, 4, 0x1008, 0x1018]);
    let mut found: Vec<u64> = heap.find(SESSION).iter().map(|found| found.address.0).collect();
    found.sort_unstable();
    assert_eq!((found, heap.count(SESSION)), (vec![0x1008, 0x1010], (2, 0)));

    let (mut heap, session) = plain();
    into_iter(&mut heap, session, &[0x1000, 4, 0x1020, 0x1020]);
    assert_eq!(heap.count(SESSION), (0, 0), "used up");

    let (mut heap, session) = plain();
    into_iter(&mut heap, session, &[0x1000, 4, 0xff8, 0x1018]);
    assert_ne!(heap.count(SESSION), (0, 0), "one that begins before its buffer is not a zero");
    assert_eq!(heap.count(SESSION).0, 0, "nor does it tell what is live");
}

#[test]
fn a_deque_that_was_emptied_keeps_stale_bytes() {
    let (mut heap, session) = plain();
    let word = heap.types.scalar("usize", 8);
    let fields = heap.types.fields(&[("head", 0, word), ("len", 8, word), ("cap", 16, word), ("pointer", 24, word)]);
    let name = "alloc::collections::vec_deque::VecDeque<chat::Session, alloc::alloc::Global>";
    let deque = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[2, 0, 4, 0x1000]), deque);
    heap.block(0x1000, words(&[1, 2, 3, 4]), Content::Buffer(session));
    assert_eq!(heap.count(SESSION), (0, 0));
}

#[test]
fn why_a_part_of_a_moved_value_is_not_certain_is_that_it_may_have_moved() {
    let (mut heap, session) = plain();
    let bytes = heap.types.scalar("[u8; 4]", 4);
    let name = heap.types.pointer("alloc::boxed::Box<[u8; 4], alloc::alloc::Global>", bytes);
    let slot = maybe_uninit(&heap, session);
    let local = heap.types.structure("chat::Link", 16, &[("name", 0, name), ("slot", 8, slot)]);
    let suspended = heap.types.structure("Suspend0", 24, &[("link", 8, local)]);
    let variants = [("Suspend0", Some(3), suspended)];
    let future = heap.types.enumeration("chat::heartbeat::{async_fn_env#0}", 24, 8, &variants, true);
    heap.block(0x9000, vec![0; 4], Content::Unknown);
    heap.block(0x1000, words(&[3, 0x9000, 7]), Content::Value(future));
    let doubts: Vec<_> = heap.find(SESSION).into_iter().map(|found| found.doubt).collect();
    assert_eq!(doubts, [Some(Doubt::Suspended("chat::heartbeat::{async_fn_env#0}".into()))]);
}

#[test]
fn a_box_that_need_not_be_written() {
    let (mut heap, session) = owning();
    heap.block(0x1000, words(&[0x9000, 1]), Content::Unwritten(session));
    heap.block(0x2000, words(&[0xdead, 1]), Content::Unwritten(session));
    assert_eq!(heap.count(SESSION), (1, 0));
    let (mut heap, session) = plain();
    heap.block(0x1000, words(&[7]), Content::Unwritten(session));
    assert_eq!(heap.count(SESSION), (0, 1));
}

#[test]
fn an_arc_that_was_made_before_its_value() {
    let (mut heap, session) = plain();
    let word = heap.types.scalar("usize", 8);
    let slot = maybe_uninit(&heap, session);
    let fields = [("strong", 0, word), ("weak", 8, word), ("data", 16, slot)];
    let name = "alloc::sync::ArcInner<core::mem::maybe_uninit::MaybeUninit<chat::Session>>";
    let inner = heap.types.structure(name, 24, &fields);
    heap.block(0x1000, words(&[1, 1, 7]), Content::Value(inner));
    heap.block(0x2000, words(&[0, 1, 7]), Content::Value(inner));
    assert_eq!(heap.count(SESSION), (1, 0), "with a strong count there is a value");
}

#[test]
fn arcs_of_several_values_that_were_dropped() {
    let (mut heap, session) = plain();
    heap.block(0x1000, words(&[1, 1, 7, 7]), Content::Shared(session));
    heap.block(0x2000, words(&[0, 1, 7, 7]), Content::Shared(session));
    assert_eq!(heap.count(SESSION), (2, 0));
}

#[test]
fn small_values_behind_counts_may_not_reach_to_the_end_of_the_block() {
    let (mut heap, _) = plain();
    let byte = heap.types.scalar("chat::Byte", 1);
    heap.block(0x1000, [words(&[1, 1]), vec![7; 16]].concat(), Content::Shared(byte));
    assert_eq!(heap.count("chat::Byte"), (9, 7), "nine to sixteen have a block of this size");
    let word = heap.types.scalar("usize", 8);
    let inner = heap.types.structure("alloc::sync::ArcInner<[chat::Byte]>", 16, &[("data", 16, byte)]);
    let data = heap.types.pointer("*const alloc::sync::ArcInner<[chat::Byte]>", inner);
    let fat = heap.types.structure("*const [chat::Byte]", 16, &[("data_ptr", 0, data), ("length", 8, word)]);
    let arc = heap.types.structure("alloc::sync::Arc<[chat::Byte]>", 16, &[("pointer", 0, fat)]);
    heap.root(0x500, words(&[0x1000, 11]), arc);
    assert_eq!(heap.count("chat::Byte"), (11, 0), "the pointer knows");
}

/// `Arc<u64>`, and what it leads to.
fn arc(heap: &MadeUpHeap) -> (TypeId, TypeId) {
    let word = heap.types.scalar("u64", 8);
    let fields = [("strong", 0, word), ("weak", 8, word), ("data", 16, word)];
    let inner = heap.types.structure("alloc::sync::ArcInner<u64>", 24, &fields);
    let pointer = heap.types.pointer("*const alloc::sync::ArcInner<u64>", inner);
    (heap.types.structure("alloc::sync::Arc<u64>", 8, &[("pointer", 0, pointer)]), inner)
}

#[test]
fn a_block_of_another_size_is_not_what_an_arc_leads_to() {
    let mut heap = MadeUpHeap::default();
    let (arc, inner) = arc(&heap);
    let session = heap.types.structure(SESSION, 8, &[("shared", 0, arc)]);
    heap.block(0x2000, words(&[1, 1]), Content::Unknown);
    heap.block(0x3000, words(&[1, 1, 9]), Content::Value(inner));
    heap.block(0x1000, words(&[0x2000]), Content::Unwritten(session));
    assert_eq!(heap.count(SESSION), (0, 0));
    heap.block(0x1100, words(&[0x3000]), Content::Unwritten(session));
    assert_eq!(heap.count(SESSION), (1, 0));
}

#[test]
fn a_block_that_was_allocated_as_something_else_is_no_evidence() {
    let mut heap = MadeUpHeap::default();
    let (_, inner) = arc(&heap);
    let other = heap.types.scalar("[u8; 24]", 24);
    let bytes = heap.types.pointer("alloc::boxed::Box<[u8; 24], alloc::alloc::Global>", other);
    let guest = heap.types.structure("chat::Guest", 8, &[("bytes", 0, bytes)]);
    heap.block(0x1000, words(&[0x2000]), Content::Unwritten(guest));
    heap.block(0x2000, words(&[1, 1, 9]), Content::Value(inner));
    assert_eq!(heap.count("chat::Guest"), (0, 0), "it has counts, and is an `Arc`'s");
    heap.block(0x1100, words(&[0x2100]), Content::Unwritten(guest));
    heap.block(0x2100, words(&[1, 1, 9]), Content::Value(heap.types.structure("chat::Other", 24, &[])));
    assert_eq!(heap.count("chat::Guest"), (0, 1), "it may have been made into one by `from_raw`");
    heap.block(0x1200, words(&[0x2200]), Content::Unwritten(guest));
    heap.block(0x2200, words(&[1, 1, 9]), Content::Value(heap.types.scalar("[u8; 24]", 24)));
    assert_eq!(heap.count("chat::Guest"), (1, 1), "another unit's description of the same type");
}

#[test]
fn what_a_doubtful_container_holds_is_doubtful() {
    let (mut heap, session) = plain();
    let vec = heap.types.vec(session);
    heap.block(0x1000, words(&[2, 0x2000, 2]), Content::Unwritten(vec));
    heap.block(0x2000, words(&[7, 8]), Content::Value(heap.types.structure("chat::Other", 16, &[])));
    assert_eq!(heap.count(SESSION), (0, 2), "the buffer was freed, and the memory is another's");
    // What is left of a container leads to itself.
    let (mut heap, session) = plain();
    let list = heap.types.structure("chat::List", 32, &[]);
    let vec = heap.types.vec(list);
    let fields = heap.types.fields(&[("lists", 0, vec), ("session", 24, session)]);
    heap.types.replace(list, TypeKind::Struct { fields });
    let strange = heap.types.structure("chat::Other", 32, &[]);
    heap.block(0x1000, words(&[1, 0x2000, 1]), Content::Unwritten(vec));
    heap.block(0x2000, words(&[1, 0x2000, 1, 7]), Content::Value(strange));
    assert_eq!(heap.count(SESSION), (0, 1));
}

#[test]
fn a_stale_container_does_not_hide_what_is_in_a_block() {
    let (mut heap, session) = owning();
    heap.block(0x9100, vec![0; 4], Content::Unknown);
    heap.block(0x1000, words(&[2, 0x2000, 1]), Content::Unwritten(heap.types.vec(session)));
    let pair = heap.types.structure("(chat::Session, chat::Session)", 32, &[("__0", 0, session), ("__1", 16, session)]);
    heap.block(0x2000, words(&[0x9000, 1, 0x9100, 2]), Content::Buffer(pair));
    assert_eq!(heap.count(SESSION), (2, 0));
}

#[test]
fn what_is_in_a_container_is_not_a_stale_copy() {
    let (mut heap, session) = owning();
    let vec = heap.types.vec(session);
    heap.block(0x1000, words(&[0x9000, 1]), Content::Unwritten(session));
    heap.block(0x2000, words(&[1, 0x3000, 1]), Content::Unwritten(vec));
    heap.block(0x3000, words(&[0x9000, 1]), Content::Buffer(session));
    let found = heap.find(SESSION);
    assert_eq!(found.iter().map(|found| found.address.0).collect::<Vec<_>>(), [0x3000]);
}

#[test]
fn arcs_with_a_layout_of_their_own() {
    let (mut heap, _) = plain();
    let from_box = Content::OwnLayout { function: "alloc::sync::{impl#9}::from_box".into(), parameters: [].into() };
    heap.block(0x1000, words(&[1, 1, 7]), from_box.clone());
    heap.block(0x2000, words(&[0, 1, 7]), from_box.clone());
    heap.block(0x3000, words(&[7]), from_box);
    let found = heap.find(SESSION);
    assert_eq!(found.iter().map(|found| found.address.0).collect::<Vec<_>>(), [0x1010], "counts, then the value");
}

#[test]
fn a_block_of_a_generic_function_is_named_by_what_was_looked_for() {
    let (mut heap, session) = plain();
    let entry = heap.types.structure("chat::Entry", 24, &[("session", 8, session)]);
    let grow = Content::OwnLayout { function: "slab::grow".into(), parameters: [entry].into() };
    heap.block(0x1000, words(&[7; 9]), grow);
    let names: Vec<_> = heap.find(SESSION).into_iter().map(|found| found.type_name).collect();
    assert_eq!(names, [SESSION.into()]);
}

#[test]
fn what_lies_in_a_doubtful_container_is_as_doubtful() {
    let (mut heap, session) = plain();
    let room = heap.types.add("[_; 2]", 16, TypeKind::Array { element: maybe_uninit(&heap, session), count: 2 }, &[]);
    let fields = heap.types.fields(&[("xs", 0, room), ("len", 16, heap.types.scalar("u32", 4))]);
    let name = "arrayvec::arrayvec::ArrayVec<chat::Session>";
    let vec = heap.types.add(name, 24, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[7, 8, 1]), vec);
    assert_eq!(heap.count(SESSION), (1, 0), "up to its length");
    heap.block(0x1000, words(&[7, 8, 1]), Content::Unwritten(vec));
    assert_eq!(heap.count(SESSION), (1, 1));
}

#[test]
fn what_a_call_would_drop_is_alive_and_leaves_copies_behind() {
    use crate::heap::roots::Presence::{Certain, NotDropped, Possible};
    let (mut heap, session) = owning();
    heap.local(0x500, words(&[0x9000, 1]), session, Possible);
    heap.local(0x520, words(&[0x9000, 1]), session, NotDropped);
    heap.local(0x540, words(&[0x9000, 1]), session, Certain);
    heap.local(0x560, words(&[0xdead, 1]), session, Possible);
    let found = heap.find(SESSION);
    assert_eq!(found.iter().map(|found| (found.address.0, &found.doubt)).collect::<Vec<_>>(), [(0x540, &None)]);
}

#[test]
fn of_locals_that_are_only_in_scope_one_owns_a_block() {
    use crate::heap::roots::Presence::Possible;
    let (mut heap, session) = owning();
    heap.local(0x500, words(&[0x9000, 1]), session, Possible);
    heap.local(0x520, words(&[0x9000, 1]), session, Possible);
    assert_eq!(heap.count(SESSION), (1, 0));
}

#[test]
fn a_local_without_a_destructor_is_possibly_there() {
    use crate::heap::roots::Presence::{Certain, NotDropped};
    let (mut heap, session) = plain();
    heap.local(0x500, words(&[1]), session, NotDropped);
    let Some(Doubt::OnStack { function, thread: 0 }) = heap.find(SESSION)[0].doubt.clone() else { panic!("certain") };
    assert_eq!(&*function, "chat::serve");
    heap.local(0x520, words(&[1]), session, Certain);
    assert_eq!(heap.count(SESSION), (1, 1));
}

#[test]
fn where_functions_may_have_been_merged_a_stack_alone_is_not_certain() {
    let (mut heap, session) = plain();
    heap.types.merge_functions();
    let other = heap.types.scalar("chat::Other", 8);
    let [of_session, of_other] = [session, other].map(|ty| {
        let name = format!("alloc::boxed::Box<{}, alloc::alloc::Global>", heap.types.get(ty).name);
        heap.types.pointer(&name, ty)
    });
    heap.block(0x1000, words(&[1]), Content::Stated(session));
    heap.block(0x2000, words(&[2]), Content::Stated(other));
    let found = heap.find(SESSION);
    assert_eq!(found.iter().map(|found| &found.doubt).collect::<Vec<_>>(), [&Some(Doubt::Optimised)]);
    heap.root(0x500, words(&[0x1000]), of_other);
    assert_eq!(heap.count(SESSION), (0, 0), "its owner knows better");
    heap.root(0x600, words(&[0x2000]), of_session);
    assert_eq!(heap.count(SESSION), (1, 0), "and so does that of the other");
}

#[test]
fn what_is_owned_by_what_only_a_stack_tells_has_its_owner() {
    let (mut heap, session) = plain();
    heap.types.merge_functions();
    let boxed = heap.types.pointer("alloc::boxed::Box<chat::Session, alloc::alloc::Global>", session);
    let task = heap.types.structure("chat::Task", 8, &[("session", 0, boxed)]);
    heap.block(0x1000, words(&[1]), Content::Stated(session));
    heap.block(0x2000, words(&[0x1000]), Content::Stated(task));
    assert_eq!(heap.count(SESSION), (1, 0), "two stacks and the pointer agree");
}
