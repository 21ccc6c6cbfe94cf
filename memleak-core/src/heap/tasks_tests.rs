//! What tasks and futures are doing, on made-up heaps: each state, and each thing that may stand between two coroutines.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{TypeId, TypeKind, Types as _};
use crate::heap::awaits::Futures;
use crate::heap::contents::Content;
use crate::heap::holders::{Await, TaskKind, TaskState};
use crate::heap::made_up::{MadeUpHeap, words};
use crate::heap::tasks::Tasks;
use std::collections::HashSet;

/// States of a made-up coroutine: its first word.
const UNRESUMED: u64 = 0;
const RETURNED: u64 = 1;
const PANICKED: u64 = 2;
const SUSPENDED: u64 = 3;

/// A coroutine that in its only suspended state awaits what is at its second word, on line 5.
fn coroutine(heap: &MadeUpHeap, name: &str, awaited: TypeId) -> TypeId {
    let size = 8 + heap.types.get(awaited).size;
    let empty = heap.types.structure("{empty}", size, &[]);
    let suspended = heap.types.structure("Suspend5", size, &[("__awaitee", 8, awaited)]);
    let states = [
        ("Unresumed", Some(0), empty),
        ("Returned", Some(1), empty),
        ("Panicked", Some(2), empty),
        ("Suspend5", Some(3), suspended),
    ];
    heap.types.enumeration(name, size, 8, &states, true)
}

/// A future without anything that could be followed.
fn leaf(heap: &MadeUpHeap) -> TypeId {
    heap.types.scalar("Notified", 8)
}

fn boxed_future(heap: &MadeUpHeap) -> TypeId {
    let word = heap.types.scalar("usize", 8);
    let name =
        "alloc::boxed::Box<(dyn core::future::future::Future<Output=()> + core::marker::Send), alloc::alloc::Global>";
    let boxed = heap.types.structure(name, 16, &[("pointer", 0, word), ("vtable", 8, word)]);
    heap.types.structure(&format!("core::pin::Pin<{name}>"), 16, &[("pointer", 0, boxed)])
}

/// The state of the one future at 0x1000, which fills a block: `outer:5 > Notified`, with branches in brackets.
fn state(heap: &MadeUpHeap, future: TypeId) -> String {
    text(&heap.with(&[], |heap| Futures::new(*heap).state(future, RuntimeAddress(0x1000))))
}

fn text(state: &TaskState) -> String {
    let chain = |awaits: &[Await]| {
        let one = |parked: &Await| match &parked.at {
            Some(at) => format!("{}:{}", at.file, at.line),
            None => parked.future.to_string(),
        };
        awaits.iter().map(one).collect::<Vec<_>>().join(" > ")
    };
    match state {
        TaskState::Suspended { awaits, branches } if branches.is_empty() => chain(awaits),
        TaskState::Suspended { awaits, branches } => {
            let branches: Vec<String> = branches.iter().map(|branch| chain(branch)).collect();
            format!("{} [{}]", chain(awaits), branches.join(" | "))
        }
        other => format!("{other:?}"),
    }
}

/// The state of an outer coroutine that awaits an inner one, which awaits a leaf.
fn nested(outer_state: u64, inner_state: u64) -> String {
    let mut heap = MadeUpHeap::default();
    let inner = coroutine(&heap, "inner", leaf(&heap));
    let outer = coroutine(&heap, "outer", inner);
    heap.block(0x1000, words(&[outer_state, inner_state, 0]), Content::Value(outer));
    state(&heap, outer)
}

#[test]
fn the_states_of_a_coroutine_and_of_one_it_awaits() {
    assert_eq!(nested(UNRESUMED, SUSPENDED), "NotBegun");
    assert_eq!(nested(RETURNED, SUSPENDED), "Consumed");
    assert_eq!(nested(PANICKED, SUSPENDED), "Panicked");
    assert_eq!(nested(9, SUSPENDED), "Unknown");
    assert_eq!(nested(SUSPENDED, SUSPENDED), "outer:5 > inner:5 > Notified");
    assert_eq!(nested(SUSPENDED, UNRESUMED), "outer:5 > inner");
    assert_eq!(nested(SUSPENDED, RETURNED), "Running", "a parked coroutine does not await one that has ended");
    assert_eq!(nested(SUSPENDED, PANICKED), "Running");
    assert_eq!(nested(SUSPENDED, 9), "Unknown");
}

/// The state of an outer coroutine that awaits a struct with these fields, of one coroutine each, in this state.
fn wrapped(states: &[u64]) -> String {
    let mut heap = MadeUpHeap::default();
    let inner = coroutine(&heap, "inner", leaf(&heap));
    let names: Vec<String> = (0..states.len()).map(|index| format!("field{index}")).collect();
    let fields: Vec<_> = names.iter().zip(0..).map(|(name, index)| (name.as_str(), 16 * index, inner)).collect();
    let wrapper = heap.types.structure("Wrapper", 16 * states.len() as u64, &fields);
    let outer = coroutine(&heap, "outer", wrapper);
    let mut bytes = vec![SUSPENDED];
    bytes.extend(states.iter().flat_map(|state| [*state, 0]));
    heap.block(0x1000, words(&bytes), Content::Value(outer));
    state(&heap, outer)
}

#[test]
fn a_struct_is_stepped_into_if_it_has_one_coroutine() {
    assert_eq!(wrapped(&[]), "outer:5 > Wrapper");
    assert_eq!(wrapped(&[SUSPENDED]), "outer:5 > Wrapper > inner:5 > Notified");
    assert_eq!(wrapped(&[RETURNED]), "outer:5 > Wrapper", "it may go on after that");
    assert_eq!(wrapped(&[SUSPENDED, SUSPENDED]), "outer:5 > Wrapper [inner:5 > Notified | inner:5 > Notified]");
    assert_eq!(wrapped(&[RETURNED, UNRESUMED]), "outer:5 > Wrapper [inner]");
    assert_eq!(wrapped(&[9, SUSPENDED]), "Unknown");
}

#[test]
fn a_branch_that_awaits_what_has_ended_is_being_polled() {
    let mut heap = MadeUpHeap::default();
    let inner = coroutine(&heap, "inner", leaf(&heap));
    let branch = coroutine(&heap, "branch", inner);
    let both = heap.types.structure("Both", 48, &[("first", 0, branch), ("second", 24, branch)]);
    let outer = coroutine(&heap, "outer", both);
    let bytes = [SUSPENDED, SUSPENDED, RETURNED, 0, SUSPENDED, SUSPENDED, 0];
    heap.block(0x1000, words(&bytes), Content::Value(outer));
    assert_eq!(state(&heap, outer), "Running");
}

#[test]
fn a_future_by_hand_alone_is_as_far_as_the_coroutine_in_it() {
    for (inner_state, expected) in
        [(UNRESUMED, "NotBegun"), (SUSPENDED, "Wrapper > inner:5 > Notified"), (RETURNED, "Unknown")]
    {
        let mut heap = MadeUpHeap::default();
        let inner = coroutine(&heap, "inner", leaf(&heap));
        let wrapper = heap.types.structure("Wrapper", 16, &[("inner", 0, inner)]);
        heap.block(0x1000, words(&[inner_state, 0]), Content::Value(wrapper));
        assert_eq!(state(&heap, wrapper), expected);
    }
    let mut heap = MadeUpHeap::default();
    let inner = coroutine(&heap, "inner", leaf(&heap));
    let both = heap.types.structure("Both", 32, &[("first", 0, inner), ("second", 16, inner)]);
    heap.block(0x1000, words(&[UNRESUMED, 0, SUSPENDED, 0]), Content::Value(both));
    assert_eq!(state(&heap, both), "Both [inner | inner:5 > Notified]");
    let mut heap = MadeUpHeap::default();
    let leaf = leaf(&heap);
    heap.block(0x1000, words(&[0]), Content::Value(leaf));
    assert_eq!(state(&heap, leaf), "Unknown");
}

#[test]
fn what_a_struct_only_borrows_is_not_stepped_into() {
    let mut heap = MadeUpHeap::default();
    let inner = coroutine(&heap, "inner", leaf(&heap));
    let shared = heap.types.structure("Shared", 16, &[("other", 0, inner)]);
    let reference = heap.types.pointer("&mut Shared", shared);
    let wrapper = heap.types.structure("Wrapper", 8, &[("shared", 0, reference)]);
    let outer = coroutine(&heap, "outer", wrapper);
    heap.block(0x1000, words(&[SUSPENDED, 0x2000]), Content::Value(outer));
    heap.block(0x2000, words(&[SUSPENDED, 0]), Content::Value(shared));
    assert_eq!(state(&heap, outer), "outer:5 > Wrapper");
    let own = heap.types.pointer("alloc::boxed::Box<Shared, alloc::alloc::Global>", shared);
    heap.types.replace(wrapper, TypeKind::Struct { fields: heap.types.fields(&[("shared", 0, own)]) });
    assert_eq!(state(&heap, outer), "outer:5 > Wrapper > inner:5 > Notified");
}

#[test]
fn a_trait_object_is_what_its_block_holds() {
    let mut heap = MadeUpHeap::default();
    let inner = coroutine(&heap, "inner", leaf(&heap));
    let outer = coroutine(&heap, "outer", boxed_future(&heap));
    heap.block(0x1000, words(&[SUSPENDED, 0x2000, 0x500]), Content::Value(outer));
    heap.block(0x2000, words(&[SUSPENDED, 0]), Content::Value(inner));
    assert_eq!(state(&heap, outer), "outer:5 > inner:5 > Notified");
    let mut heap = MadeUpHeap::default();
    let outer = coroutine(&heap, "outer", boxed_future(&heap));
    heap.block(0x1000, words(&[SUSPENDED, 0x2000, 0x500]), Content::Value(outer));
    heap.block(0x2000, words(&[SUSPENDED, 0]), Content::Unknown);
    assert!(
        state(&heap, outer).starts_with("outer:5 > core::pin::Pin<alloc::boxed::Box<(dyn "),
        "{}",
        state(&heap, outer)
    );
}

/// How many futures are on the chain of a coroutine that awaits another of its kind in a box, and so on, along these blocks.
fn awaits_along(blocks: &[u64]) -> usize {
    let mut heap = MadeUpHeap::default();
    let next = heap.types.pointer("alloc::boxed::Box<outer, alloc::alloc::Global>", leaf(&heap));
    let outer = coroutine(&heap, "outer", next);
    heap.types.replace(next, TypeKind::Pointer { target: Some(outer) });
    let mut written = HashSet::new();
    for (index, block) in blocks.iter().enumerate() {
        let to = blocks.get(index + 1).copied().unwrap_or(0);
        if written.insert(block) {
            heap.block(*block, words(&[SUSPENDED, to]), Content::Value(outer));
        }
    }
    match heap.with(&[], |heap| Futures::new(*heap).state(outer, RuntimeAddress(blocks[0]))) {
        TaskState::Suspended { awaits, .. } => awaits.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn chains_may_be_long_and_may_lead_back() {
    let long: Vec<u64> = (0..2000).map(|block| 0x1000 + 0x20 * block).collect();
    assert_eq!(awaits_along(&long), 2001, "and the box at the end that leads nowhere");
    assert_eq!(awaits_along(&[0x1000, 0x2000, 0x1000]), 2);
}

#[test]
fn branches_of_a_select_that_are_disabled_are_left_out() {
    for (disabled, expected) in
        [(0, "outer:5 [inner:5 > Notified | Notified]"), (1, "outer:5 [Notified]"), (2, "outer:5 [inner:5 > Notified]")]
    {
        let mut heap = MadeUpHeap::default();
        let notified = leaf(&heap);
        let inner = coroutine(&heap, "inner", notified);
        let byte = heap.types.scalar("u8", 1);
        let both = heap.types.structure("(inner, Notified)", 24, &[("__0", 0, inner), ("__1", 16, notified)]);
        let captures = [
            ("_ref__disabled", 0, heap.types.pointer("&mut u8", byte)),
            ("_ref__futures", 8, heap.types.pointer("&mut (inner, Notified)", both)),
        ];
        let closure = heap.types.structure("outer::{closure_env#0}", 16, &captures);
        let name = "core::future::poll_fn::PollFn<outer::{closure_env#0}>";
        let outer = coroutine(&heap, "outer", heap.types.structure(name, 16, &[("f", 0, closure)]));
        heap.block(0x1000, words(&[SUSPENDED, 0x2000, 0x3000]), Content::Value(outer));
        heap.block(0x2000, vec![disabled], Content::Value(byte));
        heap.block(0x3000, words(&[SUSPENDED, 0, 0]), Content::Value(both));
        assert_eq!(state(&heap, outer), expected);
    }
}

/// A tokio cell: a state word, then a stage with the future or its result.
fn cell(heap: &MadeUpHeap, future: TypeId, result: TypeId) -> TypeId {
    let word = heap.types.scalar("usize", 8);
    let header = heap.types.structure("tokio::runtime::task::core::Header", 8, &[("state", 0, word)]);
    let variant = |name: &str, ty| (heap.types.structure(name, 40, &[("__0", 8, ty)]), ty);
    let (running, _) = variant("Running", future);
    let (finished, _) = variant("Finished", result);
    let consumed = heap.types.structure("Consumed", 40, &[]);
    let stages = [("Running", Some(0), running), ("Finished", Some(1), finished), ("Consumed", Some(2), consumed)];
    let stage = heap.types.enumeration("tokio::runtime::task::core::Stage<outer>", 40, 8, &stages, false);
    let core = heap.types.structure("tokio::runtime::task::core::Core<outer, S>", 40, &[("stage", 0, stage)]);
    let fields = heap.types.fields(&[("header", 0, header), ("core", 8, core)]);
    let parameters = [("T", future), ("S", word)];
    heap.types.add("tokio::runtime::task::core::Cell<outer, S>", 48, TypeKind::Struct { fields }, &parameters)
}

/// `Result<(), JoinError>` with the reason in the second word.
fn result(heap: &MadeUpHeap) -> TypeId {
    let empty = heap.types.structure("{empty}", 8, &[]);
    let reasons = [("Cancelled", Some(0), empty), ("Panic", Some(1), empty)];
    let reason = heap.types.enumeration("tokio::runtime::task::error::Repr", 8, 8, &reasons, false);
    let error = heap.types.structure("tokio::runtime::task::error::JoinError", 8, &[("repr", 0, reason)]);
    let ok = heap.types.structure("Ok", 16, &[]);
    let err = heap.types.structure("Err", 16, &[("__0", 8, error)]);
    heap.types.enumeration(
        "core::result::Result<(), JoinError>",
        16,
        8,
        &[("Ok", Some(0), ok), ("Err", Some(1), err)],
        false,
    )
}

#[test]
fn a_cell_says_how_far_its_task_is() {
    const PARKED: u64 = 0b100_1100;
    const POLLED: u64 = PARKED | 1;
    const ABORTED: u64 = 0b10_0000;
    let cases = [
        ([PARKED, 0, UNRESUMED, 0, 0, 0], "NotBegun"),
        ([PARKED, 0, SUSPENDED, 0, 0, 0], "outer:5 > Notified"),
        ([POLLED, 0, SUSPENDED, 0, 0, 0], "Running"),
        ([PARKED | ABORTED, 0, SUSPENDED, 0, 0, 0], "Aborted"),
        ([POLLED | ABORTED, 0, SUSPENDED, 0, 0, 0], "Aborted"),
        ([PARKED | ABORTED, 1, 1, 0, 0, 0], "Cancelled"),
        ([PARKED, 1, 0, 0, 0, 0], "Finished"),
        ([POLLED, 1, 0, 0, 0, 0], "Finished"),
        ([PARKED, 1, 1, 0, 0, 0], "Cancelled"),
        ([PARKED, 1, 1, 1, 0, 0], "Panicked"),
        ([PARKED, 1, 9, 1, 0, 0], "Unknown"),
        ([PARKED, 2, SUSPENDED, 0, 0, 0], "Consumed"),
        ([PARKED, 7, SUSPENDED, 0, 0, 0], "Unknown"),
    ];
    for (bytes, expected) in cases {
        let mut heap = MadeUpHeap::default();
        let outer = coroutine(&heap, "outer", leaf(&heap));
        let cell = cell(&heap, outer, result(&heap));
        heap.block(0x1000, words(&[1, 2]), Content::Value(heap.types.scalar("chat::Session", 16)));
        heap.block(0x2000, words(&bytes), Content::Value(cell));
        heap.block(0x3000, words(&bytes), Content::Unknown);
        heap.with(&[], |heap| {
            let tasks = Tasks::new(*heap);
            assert_eq!(tasks.blocks(), [1]);
            let task = tasks.at(1).unwrap();
            assert_eq!((text(&task.state).as_str(), &*task.future, task.kind), (expected, "outer", TaskKind::Spawned));
            let ended = ["Finished", "Cancelled", "Panicked", "Consumed"].contains(&expected);
            assert_eq!(task.has_ended(), ended);
            assert_eq!((tasks.at(0), tasks.at(2), tasks.at(3)), (None, None, None));
        });
    }
}

#[test]
fn a_blocking_task_has_its_closure_until_it_is_called() {
    for (stage, expected) in
        [([0, 1, 7, 0, 0], "NotBegun"), ([0, 0, 7, 0, 0], "Running"), ([1, 0, 0, 0, 0], "Finished")]
    {
        let mut heap = MadeUpHeap::default();
        let closure = heap.types.scalar("chat::main::{closure_env#0}", 8);
        let none = heap.types.structure("None", 16, &[]);
        let some = heap.types.structure("Some", 16, &[("__0", 8, closure)]);
        let variants = [("None", Some(0), none), ("Some", Some(1), some)];
        let option = heap.types.enumeration("core::option::Option<C>", 16, 8, &variants, false);
        let fields = heap.types.fields(&[("func", 0, option)]);
        let name = "tokio::runtime::blocking::task::BlockingTask<chat::main::{closure_env#0}>";
        let task = heap.types.add(name, 16, TypeKind::Struct { fields }, &[("T", closure)]);
        let cell = cell(&heap, task, result(&heap));
        let mut bytes = vec![0b100_1100];
        bytes.extend(stage);
        heap.block(0x1000, words(&bytes), Content::Value(cell));
        let task = heap.with(&[], |heap| Tasks::new(*heap).at(0).unwrap());
        assert_eq!(
            (text(&task.state).as_str(), &*task.future, task.kind),
            (expected, "chat::main::{closure_env#0}", TaskKind::Blocking)
        );
    }
}

#[test]
fn a_task_in_a_set_is_gone_when_only_weak_pointers_are_left() {
    for (strong, some, expected) in [(1, 1, Some("outer:5 > Notified")), (1, 0, Some("Consumed")), (0, 1, None)] {
        let mut heap = MadeUpHeap::default();
        let outer = coroutine(&heap, "outer", leaf(&heap));
        let none = heap.types.structure("None", 24, &[]);
        let there = heap.types.structure("Some", 24, &[("__0", 8, outer)]);
        let variants = [("None", Some(0), none), ("Some", Some(1), there)];
        let option = heap.types.enumeration("core::option::Option<outer>", 24, 8, &variants, false);
        let fields = heap.types.fields(&[(
            "future",
            0,
            heap.types.structure("core::cell::UnsafeCell<…>", 24, &[("value", 0, option)]),
        )]);
        let name = "futures_util::stream::futures_unordered::task::Task<outer>";
        let task = heap.types.add(name, 24, TypeKind::Struct { fields }, &[("Fut", outer)]);
        let word = heap.types.scalar("usize", 8);
        let counted = [("strong", 0, word), ("weak", 8, word), ("data", 16, task)];
        let inner = heap.types.structure(&format!("alloc::sync::ArcInner<{name}>"), 40, &counted);
        heap.block(0x1000, words(&[strong, 1, some, SUSPENDED, 0]), Content::Value(inner));
        let task = heap.with(&[], |heap| Tasks::new(*heap).at(0));
        assert_eq!(task.as_ref().map(|task| text(&task.state)).as_deref(), expected);
        assert!(task.is_none_or(|task| task.kind == TaskKind::InSet));
    }
}
