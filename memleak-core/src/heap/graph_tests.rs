//! The graph of made-up heaps: every kind of edge, and every place where a word is dead.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{TypeId, TypeKind};
use crate::heap::contents::Content;
use crate::heap::graph::{EdgeKind, Source, Trust};
use crate::heap::made_up::{MadeUpHeap, words};
use crate::heap::reach::Reach;
use crate::heap::snapshot::Region;
use EdgeKind::{Borrowed, Counted, Owning, Unknown, Weak};

/// The session that all is about: a block without type.
const SESSION: u64 = 0x9000;

/// A heap with nothing but the session.
fn heap() -> MadeUpHeap {
    let mut heap = MadeUpHeap::default();
    heap.block(SESSION, vec![0; 32], Content::Unknown);
    heap
}

/// The edges to the session: where they are, and of what kind.
fn edges(heap: &MadeUpHeap) -> Vec<(u64, EdgeKind)> {
    heap.edges().into_iter().filter(|(_, to, _)| *to == SESSION).map(|(at, _, kind)| (at, kind)).collect()
}

fn session_box(heap: &MadeUpHeap) -> TypeId {
    heap.types.pointer("alloc::boxed::Box<chat::Session, alloc::alloc::Global>", session_type(heap))
}

fn session_type(heap: &MadeUpHeap) -> TypeId {
    heap.types.structure("chat::Session", 32, &[("id", 0, heap.types.scalar("u64", 8))])
}

/// Something with a pointer to `target` in it.
fn wrapper(heap: &MadeUpHeap, name: &str, target: TypeId) -> TypeId {
    let pointer = heap.types.pointer("*const u8", target);
    let non_null = heap.types.structure("core::ptr::non_null::NonNull<u8>", 8, &[("pointer", 0, pointer)]);
    heap.types.structure(name, 8, &[("ptr", 0, non_null)])
}

#[test]
fn the_kinds_of_pointers() {
    let session = |heap: &MadeUpHeap| session_type(heap);
    let cases: [(&str, EdgeKind); 8] = [
        ("alloc::boxed::Box<dyn chat::Chat, alloc::alloc::Global>", Owning),
        ("alloc::raw_vec::RawVec<chat::Session, alloc::alloc::Global>", Owning),
        ("alloc::rc::Rc<chat::Session, alloc::alloc::Global>", Counted),
        ("alloc::sync::Arc<chat::Session, alloc::alloc::Global>", Counted),
        ("alloc::rc::Weak<chat::Session, alloc::alloc::Global>", Weak),
        ("alloc::sync::Weak<chat::Session, alloc::alloc::Global>", Weak),
        ("core::ptr::unique::Unique<chat::Session>", Borrowed),
        ("chat::Handle", Borrowed),
    ];
    for (name, kind) in cases {
        let mut heap = heap();
        let ty = wrapper(&heap, name, session(&heap));
        heap.root(0x500, words(&[SESSION]), ty);
        assert_eq!(edges(&heap), [(0x500, kind)], "{name}");
    }
    for (name, kind) in [("&chat::Session", Borrowed), ("*mut chat::Session", Borrowed)] {
        let mut heap = heap();
        let ty = heap.types.pointer(name, session(&heap));
        heap.root(0x500, words(&[SESSION]), ty);
        assert_eq!(edges(&heap), [(0x500, kind)], "{name}");
    }
    let mut heap = heap();
    heap.root(0x500, words(&[SESSION]), heap.types.scalar("usize", 8));
    assert_eq!(edges(&heap), [(0x500, Unknown)], "an integer may be a pointer");
}

#[test]
fn an_owner_leads_to_the_start_of_its_block() {
    for (value, kind) in
        [(SESSION, Owning), (SESSION + 4, Unknown), (SESSION + 32, Unknown), (SESSION | 0xbeef << 48, Unknown)]
    {
        let mut heap = heap();
        let ty = session_box(&heap);
        heap.root(0x500, words(&[value]), ty);
        assert_eq!(edges(&heap), [(0x500, kind)], "{value:x}");
    }
}

#[test]
fn where_words_are() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    heap.root(0x500, words(&[0, SESSION]), heap.types.structure("chat::Static", 16, &[("session", 8, boxed)]));
    heap.segment(0x600, words(&[SESSION]));
    heap.thread((0x700, &[0, SESSION]), (0x800, &[SESSION]), &[1, SESSION]);
    heap.thread((0xa00, &[SESSION]), (0xb00, &[0]), &[]);
    heap.foreign(0xc00, SESSION);
    heap.foreign(0xc08, SESSION + 8);
    heap.foreign(0xc10, SESSION + 16);
    let graph = heap.graph();
    let mut found: Vec<_> = graph.from_outside().iter().map(|edge| (edge.from, edge.at.0, edge.kind)).collect();
    found.sort_unstable();
    let mut expected = [
        (Source::Root(0), 0x508, Owning),
        (Source::Segment, 0x600, Unknown),
        (Source::ThreadMemory(0), 0x800, Unknown),
        (Source::Stack(0), 0x708, Unknown),
        (Source::Stack(1), 0xa00, Unknown),
        (Source::Register(0), 100, Unknown),
        (Source::Foreign, 0xc00, Unknown),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn foreign_memory_may_have_the_value_of_an_arc() {
    let mut heap = heap();
    let inner = arc_inner(&heap, session_box(&heap));
    heap.block(0x1000, words(&[1, 1, 0]), Content::Value(inner));
    heap.foreign(0xc00, 0x1010);
    heap.foreign(0xc08, 0x1008);
    assert_eq!(heap.edges(), [(0xc00, 0x1000, Unknown)]);
}

fn arc_inner(heap: &MadeUpHeap, value: TypeId) -> TypeId {
    let word = heap.types.scalar("usize", 8);
    let fields = [("strong", 0, word), ("weak", 8, word), ("data", 16, value)];
    let size = 16 + crate::debuginfo::types::Types::get(&heap.types, value).size;
    heap.types.structure("alloc::sync::ArcInner<chat::Holder>", size, &fields)
}

#[test]
fn a_dropped_value_of_an_arc_holds_nothing_and_a_weak_keeps_its_block() {
    for (strong, edge) in [(1, &[(0x1010, Owning)][..]), (0, &[])] {
        for shared in [false, true] {
            let mut heap = heap();
            let value = session_box(&heap);
            let inner = arc_inner(&heap, value);
            let content = if shared { Content::Shared(value) } else { Content::Value(inner) };
            heap.block(0x1000, words(&[strong, 1, SESSION]), content);
            let weak = wrapper(&heap, "alloc::sync::Weak<chat::Holder, alloc::alloc::Global>", inner);
            heap.root(0x500, words(&[0x1000]), weak);
            assert_eq!(edges(&heap), edge, "{strong} {shared}");
            let reach = Reach::of(&heap.graph());
            assert_eq!(reach.trust(0), (strong == 0).then_some(Trust::Owned), "{strong} {shared}");
            assert_eq!(reach.trust(1), None);
        }
    }
    let mut heap = heap();
    let function = "alloc::sync::Arc::allocate_for_ptr_in".into();
    heap.block(0x1000, words(&[0, 1, SESSION]), Content::OwnLayout { function, parameters: [].into() });
    assert_eq!(edges(&heap), [], "of a type that is not told");
}

#[test]
fn padding_and_inactive_variants_are_dead() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let some = heap.types.structure("Some", 24, &[("__0", 8, boxed)]);
    let none = heap.types.structure("None", 24, &[]);
    let variants = [("None", Some(0), none), ("Some", Some(1), some)];
    let option = heap.types.enumeration("chat::Option", 24, 8, &variants, false);
    heap.root(0x500, words(&[1, SESSION, SESSION]), option);
    heap.root(0x600, words(&[0, SESSION, SESSION]), option);
    let number = heap.types.scalar("u8", 1);
    let padded = heap.types.structure("chat::Padded", 24, &[("number", 0, number), ("session", 16, boxed)]);
    heap.root(0x700, words(&[7, SESSION, SESSION]), padded);
    assert_eq!(edges(&heap), [(0x508, Owning), (0x710, Owning)]);
    heap.root(0x800, words(&[9, SESSION, SESSION]), option);
    assert_eq!(edges(&heap)[2..], [(0x808, Unknown), (0x810, Unknown)], "a discriminant without meaning");
}

#[test]
fn in_a_union_nothing_is_certain() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let weak = wrapper(&heap, "alloc::rc::Weak<chat::Session, alloc::alloc::Global>", session_type(&heap));
    let fields = heap.types.fields(&[("weak", 0, weak), ("boxed", 0, boxed)]);
    let union = heap.types.add("chat::Union", 8, TypeKind::Union { fields }, &[]);
    heap.root(0x500, words(&[SESSION]), union);
    assert_eq!(edges(&heap), [(0x500, Unknown)], "it may be the box");
    let fields = heap.types.fields(&[("value", 0, weak)]);
    let name = "core::mem::maybe_uninit::MaybeUninit<alloc::rc::Weak<chat::Session>>";
    let maybe = heap.types.add(name, 8, TypeKind::Union { fields }, &[("T", weak)]);
    heap.root(0x600, words(&[SESSION]), maybe);
    assert_eq!(edges(&heap)[1..], [(0x600, Weak)], "it is a Weak or nothing");
}

/// A future that awaits at 8, with a local at 16.
fn future(heap: &MadeUpHeap, held: TypeId) -> TypeId {
    let captured = heap.types.structure("captured", 24, &[("session", 16, held)]);
    let suspended = heap.types.structure("Suspend0", 24, &[("__awaitee", 8, held), ("session", 16, held)]);
    let variants = [
        ("Unresumed", Some(0), captured),
        ("Returned", Some(1), captured),
        ("Panicked", Some(2), captured),
        ("Suspend0", Some(3), suspended),
    ];
    heap.types.enumeration("chat::heartbeat::{async_fn_env#0}", 24, 8, &variants, true)
}

#[test]
fn the_states_of_a_future() {
    let expected: [&[_]; 4] = [&[(0x510, Owning)], &[], &[], &[(0x508, Owning), (0x510, Unknown)]];
    for (state, expected) in (0..).zip(expected) {
        let mut heap = heap();
        let future = future(&heap, session_box(&heap));
        heap.root(0x500, words(&[state, SESSION, SESSION]), future);
        assert_eq!(edges(&heap), expected, "state {state}: the local may be a copy of what was moved away");
    }
}

#[test]
fn a_local_of_a_future_is_the_owner_if_nobody_else_is() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let future = future(&heap, boxed);
    heap.root(0x500, words(&[3, 0, SESSION]), future);
    assert_eq!(edges(&heap), [(0x510, Owning)]);
    heap.root(0x600, words(&[SESSION]), boxed);
    assert_eq!(edges(&heap), [(0x510, Unknown), (0x600, Owning)]);
}

#[test]
fn as_many_arcs_are_live_as_are_counted() {
    let (mut heap, mut counts) = (MadeUpHeap::default(), Vec::new());
    let inner = arc_inner(&heap, heap.types.scalar("u64", 8));
    let arc = wrapper(&heap, "alloc::sync::Arc<chat::Holder, alloc::alloc::Global>", inner);
    let future = future(&heap, arc);
    heap.block(0x1000, words(&[2, 1, 0]), Content::Value(inner));
    heap.root(0x500, words(&[0x1000]), arc);
    heap.root(0x600, words(&[3, 0, 0x1000]), future);
    for _ in 0..2 {
        let graph = heap.graph();
        counts.push((graph.owners_found(0), graph.to_block(0).len()));
        heap.root(0x700, words(&[3, 0, 0x1000]), future);
    }
    assert_eq!(counts, [(2, 2), (1, 3)], "of two that may be live one is too many, and which is not known");
}

#[test]
fn spare_capacity_is_dead_if_a_certain_vec_says_so() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let vec = heap.types.vec(boxed);
    heap.root(0x500, words(&[4, 0x1000, 1]), vec);
    heap.block(0x1000, words(&[SESSION, SESSION, 0, 0]), Content::Buffer(boxed));
    assert_eq!(edges(&heap), [(0x1000, Owning)]);
    heap.root(0x600, words(&[4, 0x1000, 2]), vec);
    assert_eq!(edges(&heap), [(0x1000, Unknown), (0x1008, Unknown)], "two who contradict each other");
}

#[test]
fn the_owner_of_a_buffer_may_be_in_a_buffer() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let vec = heap.types.vec(boxed);
    let outer = heap.types.vec(vec);
    heap.root(0x500, words(&[2, 0x1000, 1]), outer);
    heap.block(0x1000, words(&[2, 0x2000, 1, 2, 0x3000, 2]), Content::Buffer(vec));
    heap.block(0x2000, words(&[SESSION, SESSION]), Content::Buffer(boxed));
    assert_eq!(edges(&heap), [(0x2000, Owning)]);
    assert_eq!(heap.edges().len(), 3, "of the outer one, too, only the first is there");
}

#[test]
fn a_vec_that_may_have_been_moved_away_does_not_know_its_length() {
    let of_closure = |held: bool| {
        let mut heap = heap();
        let boxed = session_box(&heap);
        let vec = heap.types.vec(boxed);
        let closure = heap.types.structure("chat::run::{closure_env#0}", 24, &[("sessions", 0, vec)]);
        heap.block(0x2000, words(&[2, 0x1000, 0]), Content::Value(closure));
        heap.block(0x1000, words(&[SESSION, 0]), Content::Buffer(boxed));
        let holder = heap.types.pointer("alloc::boxed::Box<chat::run::{closure_env#0}>", closure);
        match held {
            true => heap.root(0x500, words(&[0x2000]), holder),
            false => heap.thread((0x700, &[0x2000]), (0x800, &[]), &[]),
        }
        edges(&heap)
    };
    assert_eq!(of_closure(true), [], "in its place it does");
    assert_eq!(of_closure(false), [(0x1000, Owning)], "its thread may run, with the vec on its stack");
}

#[test]
fn the_tree_of_threads_leads_to_names_and_not_to_what_was_on_a_stack() {
    const TYPED: u64 = 0xa000;
    let led_to = |function: &str| {
        let mut heap = heap();
        let content = Content::OwnLayout { function: function.into(), parameters: [].into() };
        heap.block(0x1000, words(&[SESSION, TYPED, 0x2000]), content.clone());
        heap.block(0x2000, words(&[0]), content);
        heap.block(TYPED, vec![0; 32], Content::Value(session_type(&heap)));
        heap.edges().into_iter().map(|(_, to, _)| to).collect::<Vec<_>>()
    };
    assert_eq!(led_to("std::sys::pal::unix::stack_overflow::thread_info"), [SESSION, 0x2000]);
    assert_eq!(led_to("slab::grow"), [SESSION, TYPED, 0x2000]);
}

#[test]
fn frames_of_memleaks_own_lead_nowhere() {
    let mut heap = heap();
    heap.thread((0x500, &[0, SESSION, SESSION]), (0x600, &[]), &[]);
    heap.thread((0x700, &[0, SESSION, SESSION]), (0x800, &[]), &[]);
    heap.threads[0].own_frames = Some(Region { start: RuntimeAddress(0x500), size: 16 });
    assert_eq!(edges(&heap), [(0x510, Unknown), (0x708, Unknown), (0x710, Unknown)]);
}

#[test]
fn what_an_arc_holds_is_in_its_place_whoever_holds_the_arc() {
    for (strong, expected) in [(1, &[(0x2000, Owning)][..]), (0, &[(0x2000, Unknown), (0x2008, Unknown)])] {
        let mut heap = heap();
        let boxed = session_box(&heap);
        let inner = arc_inner(&heap, heap.types.vec(boxed));
        let arc = wrapper(&heap, "alloc::sync::Arc<chat::Holder, alloc::alloc::Global>", inner);
        let suspended = heap.types.structure("Suspend0", 16, &[("holder", 8, arc)]);
        let variants = [("Suspend0", Some(3), suspended)];
        let future = heap.types.enumeration("chat::heartbeat::{async_fn_env#0}", 16, 8, &variants, true);
        heap.root(0x500, words(&[3, 0x1000]), future);
        heap.block(0x1000, words(&[strong, 1, 2, 0x2000, 1]), Content::Value(inner));
        heap.block(0x2000, words(&[SESSION, SESSION]), Content::Buffer(boxed));
        assert_eq!(edges(&heap), expected, "strong {strong}");
    }
}

#[test]
fn a_reference_leads_to_a_value_also_in_a_box_that_need_not_be_written() {
    for (name, expected) in
        [("&chat::Holder", &[(0x2000, Owning)][..]), ("*mut chat::Holder", &[(0x2000, Unknown), (0x2008, Unknown)])]
    {
        let mut heap = heap();
        let boxed = session_box(&heap);
        let holder = heap.types.structure("chat::Holder", 24, &[("sessions", 0, heap.types.vec(boxed))]);
        heap.root(0x500, words(&[0x1000]), heap.types.pointer(name, holder));
        heap.block(0x1000, words(&[2, 0x2000, 1]), Content::Unwritten(holder));
        heap.block(0x2000, words(&[SESSION, SESSION]), Content::Buffer(boxed));
        assert_eq!(edges(&heap), expected, "{name}");
    }
}

#[test]
fn a_number_that_is_too_small_is_no_pointer_with_what_is_behind_it() {
    let array = |heap: &MadeUpHeap, count| {
        let element = heap.types.scalar("u8", 1);
        heap.types.add("[u8; _]", count, TypeKind::Array { element, count }, &[])
    };
    for (bytes, expected) in [(8, &[(0x508, Unknown)][..]), (4, &[])] {
        let mut heap = heap();
        let fields = [("id", 0, heap.types.scalar("u32", 4)), ("bytes", 8, array(&heap, bytes))];
        heap.root(0x500, words(&[SESSION, SESSION]), heap.types.structure("chat::Token", 16, &fields));
        assert_eq!(edges(&heap), expected, "{bytes} bytes may be anything");
    }
}

#[test]
fn what_a_buffer_was_allocated_for_does_not_say_what_is_dead_in_it() {
    // A buffer of `Weak` that `collect` filled with `Arc`.
    let mut heap = heap();
    let weak = wrapper(&heap, "alloc::sync::Weak<chat::Session, alloc::alloc::Global>", session_type(&heap));
    let arc = wrapper(&heap, "alloc::sync::Arc<chat::Session, alloc::alloc::Global>", session_type(&heap));
    heap.block(0x1000, words(&[SESSION]), Content::Buffer(weak));
    heap.thread((0x700, &[0x1000]), (0x800, &[]), &[]);
    assert_eq!(edges(&heap), [(0x1000, Unknown)]);
    heap.root(0x500, words(&[1, 0x1000, 1]), heap.types.vec(arc));
    assert_eq!(edges(&heap), [(0x1000, Counted)]);
    // An owner that may be stale still knows the type.
    let mut heap = self::heap();
    let weak = wrapper(&heap, "alloc::sync::Weak<chat::Session, alloc::alloc::Global>", session_type(&heap));
    let suspended = heap.types.structure("Suspend0", 32, &[("weaks", 8, heap.types.vec(weak))]);
    let variants = [("Suspend0", Some(3), suspended)];
    let future = heap.types.enumeration("chat::heartbeat::{async_fn_env#0}", 32, 8, &variants, true);
    heap.block(0x1000, words(&[SESSION]), Content::Buffer(weak));
    heap.root(0x500, words(&[3, 1, 0x1000, 0]), future);
    assert_eq!(edges(&heap), [(0x1000, Weak)]);
}

#[test]
fn a_deque_is_live_from_its_head_on() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let word = heap.types.scalar("usize", 8);
    let pointer = heap.types.pointer("*const u8", word);
    let fields = heap.types.fields(&[("head", 0, word), ("len", 8, word), ("cap", 16, word), ("pointer", 24, pointer)]);
    let name = "alloc::collections::vec_deque::VecDeque<alloc::boxed::Box<chat::Session>, alloc::alloc::Global>";
    let deque = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", boxed)]);
    heap.block(0x1000, words(&[SESSION; 4]), Content::Buffer(boxed));
    heap.root(0x500, words(&[3, 2, 4, 0x1000]), deque);
    let at = |heap: &MadeUpHeap| edges(heap).iter().map(|(at, _)| *at).collect::<Vec<_>>();
    assert_eq!(at(&heap), [0x1000, 0x1018]);
    let mut heap = self::heap();
    let boxed = session_box(&heap);
    let word = heap.types.scalar("usize", 8);
    let pointer = heap.types.pointer("*const u8", word);
    let fields = heap.types.fields(&[("head", 0, word), ("len", 8, word), ("cap", 16, word), ("pointer", 24, pointer)]);
    let deque = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", boxed)]);
    heap.block(0x1000, words(&[SESSION; 4]), Content::Buffer(boxed));
    heap.root(0x500, words(&[1, 0, 4, 0x1000]), deque);
    assert_eq!(at(&heap), [0u64; 0], "an empty one");
}

#[test]
fn what_an_into_iter_has_given_out_is_dead() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let word = heap.types.scalar("usize", 8);
    let pointer = heap.types.pointer("*const u8", word);
    let fields = [("buf", 0, pointer), ("cap", 8, word), ("ptr", 16, pointer), ("end", 24, pointer)];
    let fields = heap.types.fields(&fields);
    let name = "alloc::vec::into_iter::IntoIter<alloc::boxed::Box<chat::Session>, alloc::alloc::Global>";
    let iter = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", boxed)]);
    heap.block(0x1000, words(&[SESSION; 4]), Content::Buffer(boxed));
    heap.root(0x500, words(&[0x1000, 4, 0x1008, 0x1018]), iter);
    assert_eq!(edges(&heap).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0x1008, 0x1010]);
    let kinds: Vec<_> = heap.edges().iter().filter(|edge| edge.1 == 0x1000).map(|edge| edge.2).collect();
    assert_eq!(kinds, [Owning, Borrowed, Borrowed]);
}

#[test]
fn bytes_may_hold_anything_wherever_they_are() {
    for initialised in [true, false] {
        let mut heap = heap();
        let mut byte = heap.types.scalar("u8", 1);
        if !initialised {
            let fields = heap.types.fields(&[("value", 0, byte)]);
            let name = "core::mem::maybe_uninit::MaybeUninit<u8>";
            byte = heap.types.add(name, 1, TypeKind::Union { fields }, &[("T", byte)]);
        }
        let array = heap.types.add("[_; 8]", 8, TypeKind::Array { element: byte, count: 8 }, &[]);
        heap.root(0x500, words(&[SESSION]), array);
        // The last eight bytes are spare capacity.
        heap.root(0x600, words(&[24, 0x1000, 16]), heap.types.vec(byte));
        heap.block(0x1000, words(&[SESSION; 3]), Content::Buffer(byte));
        heap.block(0x2000, words(&[1, 1, SESSION]), Content::Shared(byte));
        // A Vec that may have been moved on.
        let suspended = heap.types.structure("Suspend0", 32, &[("bytes", 8, heap.types.vec(byte))]);
        let variants = [("Suspend0", Some(3), suspended)];
        let future = heap.types.enumeration("chat::heartbeat::{async_fn_env#0}", 32, 8, &variants, true);
        heap.root(0x700, words(&[3, 8, 0x3000, 0]), future);
        heap.block(0x3000, words(&[SESSION]), Content::Buffer(byte));
        let at: Vec<u64> = edges(&heap).iter().map(|(at, _)| *at).collect();
        assert_eq!(at, [0x500, 0x1000, 0x1008, 0x2010, 0x3000]);
    }
}

/// Four buckets, of which the first and the last are full: elements from the last to the first, control bytes.
fn table() -> Vec<u8> {
    let mut bytes = words(&[SESSION; 4]);
    bytes.extend([0x11, 0xff, 0x80, 0x11]);
    bytes.extend([0xff; 16]);
    bytes
}

#[test]
fn empty_buckets_are_dead() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    heap.block(0x1000, table(), Content::Table(boxed));
    assert_eq!(edges(&heap), [(0x1000, Unknown), (0x1018, Unknown)], "the block tells itself");
    let word = heap.types.scalar("usize", 8);
    let control = heap.types.pointer("*const u8", word);
    let fields = heap.types.fields(&[("ctrl", 0, control), ("bucket_mask", 8, word), ("items", 16, word)]);
    let name = "hashbrown::raw::RawTable<alloc::boxed::Box<chat::Session>, alloc::alloc::Global>";
    let owner = heap.types.add(name, 24, TypeKind::Struct { fields }, &[("T", boxed)]);
    heap.root(0x500, words(&[0x1020, 3, 2]), owner);
    assert_eq!(edges(&heap), [(0x1000, Owning), (0x1018, Owning)]);
    assert_eq!(heap.edges()[0], (0x500, 0x1000, Owning), "from the middle of the block");
}

#[test]
fn a_slot_is_live_while_its_number_says_so() {
    let boxed_slot = |heap: &MadeUpHeap| {
        let boxed = session_box(heap);
        let word = heap.types.scalar("u32", 4);
        let fields = heap.types.fields(&[("value", 0, boxed), ("next_free", 0, word)]);
        let union = heap.types.add("slotmap::basic::SlotUnion<_>", 8, TypeKind::Union { fields }, &[("T", boxed)]);
        let fields = heap.types.fields(&[("u", 0, union), ("version", 8, word)]);
        heap.types.add("slotmap::basic::Slot<_>", 16, TypeKind::Struct { fields }, &[("T", boxed)])
    };
    for (version, expected) in [(4, vec![]), (5, vec![(0x500, Owning)])] {
        let mut heap = heap();
        let slot = boxed_slot(&heap);
        heap.root(0x500, words(&[SESSION, version]), slot);
        assert_eq!(edges(&heap), expected, "version {version}");
    }
}

#[test]
fn a_node_of_a_tree_is_live_up_to_its_length() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let maybe = |held: TypeId| {
        let fields = heap.types.fields(&[("value", 0, held)]);
        heap.types.add("core::mem::maybe_uninit::MaybeUninit<_>", 8, TypeKind::Union { fields }, &[("T", held)])
    };
    let array = |held| heap.types.add("[_; 3]", 24, TypeKind::Array { element: maybe(held), count: 3 }, &[]);
    let (keys, values) = (array(heap.types.scalar("u64", 8)), array(boxed));
    let len = heap.types.scalar("u16", 2);
    let fields = heap.types.fields(&[("keys", 0, keys), ("vals", 24, values), ("len", 48, len)]);
    let parameters = [("K", heap.types.scalar("u64", 8)), ("V", boxed)];
    let name = "alloc::collections::btree::node::LeafNode<u64, alloc::boxed::Box<chat::Session>>";
    let leaf = heap.types.add(name, 56, TypeKind::Struct { fields }, &parameters);
    let children = array(heap.types.pointer("*const LeafNode", leaf));
    let fields = heap.types.fields(&[("data", 0, leaf), ("edges", 56, children)]);
    let name = "alloc::collections::btree::node::InternalNode<u64, alloc::boxed::Box<chat::Session>>";
    let internal = heap.types.add(name, 80, TypeKind::Struct { fields }, &parameters);
    let map = "alloc::collections::btree::map::BTreeMap<u64, alloc::boxed::Box<chat::Session>>";
    let map = heap.types.structure(map, 8, &[("root", 0, heap.types.pointer("*const LeafNode", leaf))]);
    heap.root(0x500, words(&[0x2000]), map);
    heap.block(0x2000, words(&[1, 2, 3, 0, 0, 0, 1, 0x1000, 0x1000, 0x1000]), Content::Value(internal));
    heap.block(0x1000, words(&[1, 2, SESSION, SESSION, SESSION, SESSION, 2]), Content::Value(leaf));
    assert_eq!(edges(&heap), [(0x1018, Owning), (0x1020, Owning)]);
    let nodes: Vec<_> = heap.edges().into_iter().filter(|edge| edge.1 != SESSION).collect();
    assert_eq!(nodes, [(0x500, 0x2000, Owning), (0x2038, 0x1000, Owning), (0x2040, 0x1000, Owning)]);
}

#[test]
fn once_cells_and_thread_locals_know_whether_they_hold_something() {
    let cell = |heap: &MadeUpHeap, held: TypeId| {
        let fields = heap.types.fields(&[("value", 0, held)]);
        let name = "core::mem::maybe_uninit::MaybeUninit<_>";
        let value = heap.types.add(name, 8, TypeKind::Union { fields }, &[("T", held)]);
        let once = heap.types.scalar("std::sync::once::Once", 4);
        let fields = heap.types.fields(&[("value", 0, value), ("once", 8, once)]);
        heap.types.add("std::sync::once_lock::OnceLock<_>", 16, TypeKind::Struct { fields }, &[("T", held)])
    };
    for (state, kind) in [(0, Borrowed), (3, Unknown)] {
        let mut heap = heap();
        let held = heap.types.pointer("&chat::Session", session_type(&heap));
        heap.root(0x500, words(&[SESSION, state]), cell(&heap, held));
        assert_eq!(edges(&heap), [(0x500, kind)], "state {state}");
    }
    for (state, expected) in [(0, &[][..]), (1, &[(0x500, Owning)]), (2, &[])] {
        let mut heap = heap();
        let held = session_box(&heap);
        let nothing = heap.types.structure("Nothing", 0, &[]);
        let variants = [("Initial", Some(0), nothing), ("Alive", Some(1), nothing), ("Destroyed", Some(2), nothing)];
        let how_far = heap.types.enumeration("State", 1, 1, &variants, false);
        let fields = heap.types.fields(&[("val", 0, held), ("state", 8, how_far)]);
        let name = "std::sys::thread_local::native::eager::Storage<_>";
        let storage = heap.types.add(name, 16, TypeKind::Struct { fields }, &[("T", held)]);
        heap.root(0x500, words(&[SESSION, state]), storage);
        assert_eq!(edges(&heap), expected, "state {state}");
    }
}

#[test]
fn where_functions_may_have_been_merged_a_stack_declares_nothing_dead() {
    let mut heap = heap();
    let boxed = session_box(&heap);
    let weak = wrapper(&heap, "alloc::rc::Weak<chat::Session, alloc::alloc::Global>", session_type(&heap));
    let node = heap.types.structure("chat::Node", 24, &[("session", 0, boxed), ("weak", 16, weak)]);
    heap.block(0x1000, words(&[SESSION, SESSION, SESSION]), Content::Value(node));
    assert_eq!(edges(&heap), [(0x1000, Owning), (0x1010, Weak)]);
    heap.types.merge_functions();
    assert_eq!(edges(&heap), [(0x1000, Owning), (0x1008, Unknown), (0x1010, Unknown)]);
    let holder = heap.types.pointer("&chat::Node", node);
    heap.root(0x500, words(&[0x1000]), holder);
    assert_eq!(edges(&heap), [(0x1000, Owning), (0x1010, Weak)], "a typed pointer confirms it");
    let other = heap.types.structure("chat::Other", 24, &[("id", 0, heap.types.scalar("u64", 8))]);
    heap.root(0x500, words(&[0x1000]), heap.types.pointer("alloc::boxed::Box<chat::Other>", other));
    let mut heap = self::heap();
    heap.types.merge_functions();
    let weak = wrapper(&heap, "alloc::rc::Weak<chat::Session, alloc::alloc::Global>", session_type(&heap));
    let node = heap.types.structure("chat::Node", 24, &[("weak", 0, weak)]);
    let arc = wrapper(&heap, "alloc::rc::Rc<chat::Session, alloc::alloc::Global>", session_type(&heap));
    let other = heap.types.structure("chat::Other", 24, &[("session", 0, arc)]);
    heap.block(0x1000, words(&[SESSION, 0, 0]), Content::Value(node));
    heap.root(0x500, words(&[0x1000]), heap.types.pointer("alloc::boxed::Box<chat::Other>", other));
    assert_eq!(edges(&heap), [(0x1000, Counted)], "an owner knows better than a stack");
}

#[test]
fn a_long_list() {
    const COUNT: u64 = 300_000;
    let mut heap = MadeUpHeap::default();
    let node = heap.types.structure("chat::Node", 16, &[]);
    let boxed = heap.types.pointer("alloc::boxed::Box<chat::Node, alloc::alloc::Global>", node);
    heap.types.replace(node, TypeKind::Struct { fields: heap.types.fields(&[("next", 8, boxed)]) });
    let at = |index: u64| 0x10_0000 + index * 32;
    for index in 0..COUNT {
        heap.block_behind(at(index), words(&[0, at(index + 1)]), Content::Value(node));
    }
    heap.root(0x500, words(&[at(0)]), boxed);
    let reach = Reach::of(&heap.graph());
    assert_eq!(reach.way_to(COUNT as u32 - 1).len() as u64, COUNT);
    assert_eq!(reach.trust(COUNT as u32 - 1), Some(Trust::Owned));
}
