//! The texts, word for word. Read them cold: what leaked, where, what next?

mod holders;
mod lost;
mod obstacles;

use super::{Look, backtrace, size, text};
use crate::check::verdict::{
    Aside, Bound, Doubt, Doubtful, Ended, Failure, Frame, Group, Holder, Missed, Obstacle, Place, SecondCount, Verdict,
};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::functions::Location;
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{self as heap, Counted, HeldBy, Hop, Way};
use crate::tracker::Losses;
use expect_test::{Expect, expect};
use std::path::PathBuf;
use std::time::Duration;

fn frame(function: &str, file: &str, line: u32) -> Frame {
    let location = (!file.is_empty()).then(|| (file.to_owned(), line));
    Frame { function: function.to_owned(), kind: CodeKind::of(function, (!file.is_empty()).then_some(file)), location }
}

#[test]
fn buffers_of_strings_are_text() {
    let library = "/rustc/library/alloc.rs";
    let own = frame("memleak_core::tracker::alloc", "/src/tracker.rs", 1);
    let grow = frame("alloc::raw_vec::RawVecInner::grow_one", library, 1);
    let push = frame("<alloc::string::String>::push_str", library, 1);
    let show = frame("chat::show", "/src/chat.rs", 1);
    let stack = |frames: &[&Frame]| -> Vec<Frame> { frames.iter().copied().cloned().collect() };
    assert_eq!(backtrace::unnamed(&stack(&[&own, &grow, &push, &show])), "text");
    assert_eq!(
        backtrace::unnamed(&stack(&[&own, &grow, &show, &push])),
        "memory of unknown type",
        "called while text is made"
    );
    assert_eq!(backtrace::unnamed(&[]), "memory of unknown type");
}

#[test]
fn what_is_between_a_test_and_its_body_is_the_test() {
    let look = Look { test: Some("a::t".to_owned()), ..Look::default() };
    for (function, name) in [
        ("a::t::t", "a::t"),
        ("a::t::{async block}::t", "a::t"),
        ("a::t::t::t::{async block}", "a::t::{async block}"),
        ("async block in a::t::t::t", "async block in a::t"),
        ("a::t::t::other::t", "a::t::other::t"),
        ("a::t::{closure}", "a::t::{closure}"),
        ("a::t", "a::t"),
        ("a::t::tt", "a::t::tt"),
        ("b::a::t::t", "b::a::t::t"),
    ] {
        assert_eq!(look.name(function), name);
    }
}

const STD: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/boxed.rs";
const TOKIO: &str = "/home/u/.cargo/registry/src/index-1/tokio-1.48.0/src/runtime/task/core.rs";
const DASHMAP: &str = "/home/u/.cargo/registry/src/index-1/dashmap-6.1.0/src/lib.rs";

fn stack() -> Vec<Frame> {
    vec![
        frame(
            "memleak_core::tracker::{impl#1}::alloc<std::alloc::System>",
            "/work/memleak/memleak-core/src/tracker/mod.rs",
            40,
        ),
        frame("alloc::alloc::exchange_malloc", STD, 100),
        frame("alloc::sync::Arc<chat::Session, alloc::alloc::Global>::new<chat::Session>", STD, 200),
        frame("chat::Session::connect::{async_fn#0}", "/work/chat/src/session.rs", 41),
        frame(
            "chat::tests::logging_off_cleans_up_session::logging_off_cleans_up_session::{async_fn#0}",
            "/work/chat/src/lib.rs",
            110,
        ),
        frame("tokio::runtime::task::core::{impl#6}::poll", TOKIO, 375),
        frame("tokio::runtime::runtime::Runtime::block_on<_>", TOKIO, 12),
        frame("chat::tests::in_a_server<_>", "/work/chat/src/lib.rs", 95),
        frame("memleak_core::runner::run", "/work/memleak/memleak-core/src/runner/mod.rs", 9),
        frame("core::ops::function::FnOnce::call_once<fn()>", STD, 7),
        frame("__libc_start_main", "", 0),
    ]
}

fn group(type_name: &str, count: u64, stack: Vec<Frame>) -> Group {
    Group {
        type_name: type_name.to_owned(),
        count,
        size: 112,
        before: 0,
        known: 0,
        doubt: None,
        place: Place::Block { inside: None, stack },
        holders: Vec::new(),
        more_holders: 0,
        retained: None,
        values: Vec::new(),
        advice: None,
    }
}

fn missed(written: &str, groups: Vec<Group>) -> Missed {
    Missed {
        written: written.to_owned(),
        bound: Bound::AtMost(0),
        groups,
        second: SecondCount::Live { certain: 1, possible: 0 },
    }
}

fn failed(missed: Vec<Missed>) -> Failure {
    Failure {
        missed,
        overruns: Vec::new(),
        lost: Vec::new(),
        untold: Vec::new(),
        aside: Aside::default(),
        settled: Duration::ZERO,
        ended: Ended::Thread,
        losses: Losses::default(),
    }
}

fn look() -> Look {
    let test = Some("chat::tests::logging_off_cleans_up_session".to_owned());
    Look { color: false, root: Some(PathBuf::from("/work/chat")), test }
}

#[track_caller]
fn shows(verdict: Verdict, expected: Expect) {
    expected.assert_eq(&text(&verdict, &look()));
}

#[track_caller]
fn explains(obstacle: Obstacle, expected: Expect) {
    shows(Verdict::CouldNotTell(vec![obstacle]), expected);
}

fn at(file: &str, line: u32) -> Option<Location> {
    Some(Location { file: format!("/work/chat/src/{file}").into(), line })
}

fn hop(way: &[Way], ty: &str, kind: EdgeKind) -> Hop {
    Hop { way: way.to_vec(), ty: ty.into(), kind: Some(kind), counted: None }
}

fn counted(hop: Hop, found: u64, strong: u64) -> Hop {
    Hop { counted: Some(Counted { found, strong }), ..hop }
}

fn field(name: &str) -> Way {
    Way::Field(name.into())
}

fn held_by(root: HeldBy, hops: Vec<Hop>) -> Holder {
    Holder { way: heap::Holder { root, hops }, spawned: Vec::new() }
}

#[test]
fn a_session_that_a_static_holds() {
    let mut missed = missed("Session", vec![group("chat::Session", 2, stack())]);
    missed.second = SecondCount::Live { certain: 2, possible: 0 };
    let failure = Failure { ended: Ended::Runtime, settled: Duration::from_secs(1), ..failed(vec![missed]) };
    shows(
        Verdict::Failed(failure),
        expect![[r#"
            2 live `chat::Session`, expected 0

              chat::Session  2 live, 112 bytes each
                allocated at  src/session.rs:41  chat::Session::connect
                              src/lib.rs:110     chat::tests::logging_off_cleans_up_session
                              … 2 frames of tokio
                              src/lib.rs:95      chat::tests::in_a_server
                              … 3 frames of memleak and std

            Counted 1 s after the test's body had ended, while the runtime was still running.
            Once the runtime was shut down, 2 still lived: look for a static, a thread, a cycle or a forgotten value.
        "#]],
    );
}

#[test]
fn a_session_that_a_task_holds() {
    let mut missed = missed("Session", vec![group("chat::Session", 1, stack())]);
    missed.second = SecondCount::Clean;
    let failure = Failure { ended: Ended::Runtime, settled: Duration::from_millis(250), ..failed(vec![missed]) };
    shows(
        Verdict::Failed(failure),
        expect![[r#"
            1 live `chat::Session`, expected 0

              chat::Session  1 live, 112 bytes
                allocated at  src/session.rs:41  chat::Session::connect
                              src/lib.rs:110     chat::tests::logging_off_cleans_up_session
                              … 2 frames of tokio
                              src/lib.rs:95      chat::tests::in_a_server
                              … 3 frames of memleak and std

            Counted 250 ms after the test's body had ended, while the runtime was still running.
            Once the runtime was shut down, none lived any more, so the runtime held them: look for a task that has not ended.
        "#]],
    );
}

#[test]
fn several_types_and_places() {
    let deep = vec![
        frame("alloc::raw_vec::finish_grow", STD, 1),
        frame("dashmap::DashMap<u64, chat::Session, std::hash::random::RandomState>::insert<u64>", DASHMAP, 90),
        frame("chat::Registry<u64>::add", "/work/chat/src/registry.rs", 7),
        frame("chat::main::{closure#3}", "/work/net/src/link.rs", 1234),
    ];
    let mut inside = Group { before: 1, ..group("chat::Session", 3, deep) };
    if let Place::Block { inside, .. } = &mut inside.place {
        *inside = Some("alloc::vec::Vec<chat::Room, alloc::alloc::Global>".to_owned());
    }
    let in_static = Group {
        size: 1,
        before: 1,
        place: Place::Static("chat::CURRENT".to_owned()),
        ..group("chat::db::Session", 1, vec![])
    };
    let mut elements = group("chat::Session", 2, vec![]);
    elements.place = Place::Block { inside: Some("[chat::Session]".to_owned()), stack: vec![] };
    let unknown = Group { before: 2, ..group("net::Link<net::Tcp>", 2, vec![]) };
    let sessions = missed("Session", vec![inside, in_static, elements]);
    let links = Missed { bound: Bound::AtMost(1), ..missed("Link<Tcp>", vec![unknown]) };
    shows(
        Verdict::Failed(failed(vec![sessions, links])),
        expect![[r#"
            5 live `chat::Session`, expected 0
            1 live `chat::db::Session`, expected 0
            2 live `Link<Tcp>`, expected at most 1

              chat::Session  3 live, 112 bytes each
                as part of    Vec<chat::Room>
                allocated at  src/registry.rs:7           chat::Registry<u64>::add (inside dashmap)
                              /work/net/src/link.rs:1234  chat::main::{closure}
                before        1 of them lived before the test began

              chat::db::Session  1 live, 1 byte
                in static     chat::CURRENT
                before        it lived before the test began

              chat::Session  2 live, 112 bytes each
                as part of    a buffer of them, as a Vec has
                allocated at  unknown: the call stack could not be read

              net::Link<net::Tcp>  2 live, 112 bytes each
                allocated at  unknown: the call stack could not be read
                before        all of them lived before the test began

            Counted when the test's body had ended, while its thread was still alive.
        "#]],
    );
}

#[test]
fn what_is_not_certain_stands_apart() {
    let doubtful = |doubt, count| Group { doubt: Some(doubt), ..group("chat::Session", count, stack()[1..4].to_vec()) };
    let certain = group("chat::Session", 1, stack()[1..4].to_vec());
    let future = Doubt::Suspended("chat::heartbeat::{async_fn_env#0}".to_owned());
    let mut both = missed("Session", vec![doubtful(Doubt::NoOwner, 2), certain, doubtful(future, 1)]);
    both.second = SecondCount::Live { certain: 1, possible: 2 };
    let failure = Failure { ended: Ended::Runtime, losses: Losses { blocks: 3, stacks: 1 }, ..failed(vec![both]) };
    shows(
        Verdict::Failed(failure),
        expect![[r#"
            1 live `chat::Session`, expected 0, and 3 possibly live

              chat::Session  1 live, 112 bytes
                allocated at  src/session.rs:41  chat::Session::connect

              chat::Session  2 possibly live, 112 bytes each
                not certain   in a buffer whose owner was not found, so which of its slots are in use is not known
                allocated at  src/session.rs:41  chat::Session::connect

              chat::Session  1 possibly live, 112 bytes
                not certain   a local of the suspended future chat::heartbeat::{async_fn_env#0}, which may have moved or dropped it before this await
                allocated at  src/session.rs:41  chat::Session::connect

            Counted when the test's body had ended, while the runtime was still running.
            Once the runtime was shut down, 1 still lived for certain and 2 possibly.
            memleak could not record 3 allocations (its table was full) and the call stack of 1 allocation, so more may live than were counted.
        "#]],
    );

    let only = missed(
        "Session",
        vec![
            doubtful(Doubt::MaybeUninit, 1),
            doubtful(Doubt::NotUnderstood("std::collections::hash::map::HashMap<u64, chat::Session>".to_owned()), 1),
            doubtful(Doubt::OwnLayout("slab::Slab<chat::Session>::grow".to_owned()), 1),
        ],
    );
    shows(
        Verdict::Failed(failed(vec![only])),
        expect![[r#"
            3 possibly live `chat::Session`, expected 0

              chat::Session  1 possibly live, 112 bytes
                not certain   in memory that need not hold a value: a union, `MaybeUninit` or `ManuallyDrop`
                allocated at  src/session.rs:41  chat::Session::connect

              chat::Session  1 possibly live, 112 bytes
                not certain   in a HashMap<u64, chat::Session> whose contents make no sense to memleak
                allocated at  src/session.rs:41  chat::Session::connect

              chat::Session  1 possibly live, 112 bytes
                not certain   perhaps in a block that slab::Slab<chat::Session>::grow laid out itself
                allocated at  src/session.rs:41  chat::Session::connect

              memleak cannot decide whether these are alive; with `possibly = "fail"` they count.

            Counted when the test's body had ended, while its thread was still alive.
        "#]],
    );
}

#[test]
fn what_is_not_certain_is_said_of_a_test_that_passes() {
    let group = |doubt, count| Group { doubt: Some(doubt), ..group("chat::Session", count, stack()[1..4].to_vec()) };
    let in_static = Group { place: Place::Static("chat::CURRENT".to_owned()), ..group(Doubt::MaybeUninit, 1) };
    let groups = vec![group(Doubt::NoOwner, 2), in_static, group(Doubt::MaybeUninit, 1)];
    let doubtful = |at_most, certain, groups: &[Group]| Doubtful {
        written: "Session".to_owned(),
        bound: Bound::AtMost(at_most),
        certain,
        groups: groups.to_vec(),
    };
    let others: Vec<Group> = ["a", "b", "c", "d", "e"].map(|f| group(Doubt::OwnLayout(f.to_owned()), 1)).into();
    let aside = Aside { doubtful: vec![doubtful(0, 0, &groups), doubtful(3, 2, &others)], ..Aside::default() };
    let of_a_pass = super::notes(&aside, &look()).join("\n") + "\n";
    expect![[r#"
        chat::tests::logging_off_cleans_up_session: passed, though 2 `chat::Session` are possibly live: in a buffer whose owner was not found, so which of its slots are in use is not known, allocated at src/session.rs:41
        chat::tests::logging_off_cleans_up_session: passed, though 1 `chat::Session` is possibly live: in memory that need not hold a value: a union, `MaybeUninit` or `ManuallyDrop`, in static chat::CURRENT
        chat::tests::logging_off_cleans_up_session: passed, though 1 `chat::Session` is possibly live: in memory that need not hold a value: a union, `MaybeUninit` or `ManuallyDrop`, allocated at src/session.rs:41
        chat::tests::logging_off_cleans_up_session: passed, though 1 `chat::Session` is possibly live besides 2 of at most 3: perhaps in a block that a laid out itself, allocated at src/session.rs:41
        chat::tests::logging_off_cleans_up_session: passed, though 1 `chat::Session` is possibly live besides 2 of at most 3: perhaps in a block that b laid out itself, allocated at src/session.rs:41
        chat::tests::logging_off_cleans_up_session: passed, though 1 `chat::Session` is possibly live besides 2 of at most 3: perhaps in a block that c laid out itself, allocated at src/session.rs:41
        chat::tests::logging_off_cleans_up_session: passed, though 2 more are possibly live at other places
    "#]].assert_eq(&of_a_pass);
    let failure = Failure { aside, ..failed(vec![missed("Conn", vec![self::group("chat::Conn", 1, stack())])]) };
    shows(
        Verdict::Failed(failure),
        expect![[r#"
        1 live `chat::Conn`, expected 0

          chat::Conn  1 live, 112 bytes
            allocated at  src/session.rs:41  chat::Session::connect
                          src/lib.rs:110     chat::tests::logging_off_cleans_up_session
                          … 2 frames of tokio
                          src/lib.rs:95      chat::tests::in_a_server
                          … 3 frames of memleak and std

        Counted when the test's body had ended, while its thread was still alive.
        2 `chat::Session` are possibly live: in a buffer whose owner was not found, so which of its slots are in use is not known, allocated at src/session.rs:41.
        1 `chat::Session` is possibly live: in memory that need not hold a value: a union, `MaybeUninit` or `ManuallyDrop`, in static chat::CURRENT.
        1 `chat::Session` is possibly live: in memory that need not hold a value: a union, `MaybeUninit` or `ManuallyDrop`, allocated at src/session.rs:41.
        1 `chat::Session` is possibly live besides 2 of at most 3: perhaps in a block that a laid out itself, allocated at src/session.rs:41.
        1 `chat::Session` is possibly live besides 2 of at most 3: perhaps in a block that b laid out itself, allocated at src/session.rs:41.
        1 `chat::Session` is possibly live besides 2 of at most 3: perhaps in a block that c laid out itself, allocated at src/session.rs:41.
        2 more are possibly live at other places.
    "#]],
    );
}

#[test]
fn stacks_without_a_frame_of_the_user() {
    let of_tokio = stack().into_iter().filter(|frame| frame.kind != CodeKind::User).collect();
    let of_std = vec![frame("std::thread::Thread::new", STD, 5), frame("start_thread", "", 0)];
    let deep = (0..40).map(|i| frame("chat::descend", "/work/chat/src/deep.rs", i + 1)).collect();
    let groups = vec![group("chat::A", 1, of_tokio), group("chat::B", 1, of_std), group("chat::C", 1, deep)];
    shows(
        Verdict::Failed(failed(vec![missed("?", groups)])),
        expect![[r#"
            1 live `chat::A`, expected 0
            1 live `chat::B`, expected 0
            1 live `chat::C`, expected 0

              chat::A  1 live, 112 bytes
                allocated at  tokio-1.48.0/src/runtime/task/core.rs:375  tokio::runtime::task::core::poll
                              tokio-1.48.0/src/runtime/task/core.rs:12   tokio::runtime::runtime::Runtime::block_on
                              … 3 frames of memleak and std

              chat::B  1 live, 112 bytes
                allocated at  library/alloc/src/boxed.rs:5  std::thread::Thread::new
                              (no line)                     start_thread

              chat::C  1 live, 112 bytes
                allocated at  src/deep.rs:1   chat::descend
                              src/deep.rs:2   chat::descend
                              src/deep.rs:3   chat::descend
                              src/deep.rs:4   chat::descend
                              src/deep.rs:5   chat::descend
                              src/deep.rs:6   chat::descend
                              src/deep.rs:7   chat::descend
                              src/deep.rs:8   chat::descend
                              src/deep.rs:9   chat::descend
                              src/deep.rs:10  chat::descend
                              src/deep.rs:11  chat::descend
                              src/deep.rs:12  chat::descend
                              … 28 frames of chat

            Counted when the test's body had ended, while its thread was still alive.
        "#]],
    );
}

#[test]
fn many_places_are_counted_where_they_are_not_shown() {
    let groups = (0..30).map(|i| group(&format!("chat::T{i}"), 2, vec![])).collect();
    let text = text(&Verdict::Failed(failed(vec![missed("T*", groups)])), &look());
    assert!(text.contains("\n  … 20 more instances at 10 other places not shown\n"), "{text}");
    assert!(text.contains("\n2 live `chat::T29`, expected 0\n"), "{text}");
}

#[test]
fn recursion_is_folded() {
    let walk = || frame("chat::walk", "/work/chat/src/tree.rs", 7);
    let (even, odd) = (frame("chat::even", "/work/chat/src/a.rs", 1), frame("chat::odd", "/work/chat/src/a.rs", 2));
    let mut stack = vec![frame("chat::leaf", "/work/chat/src/tree.rs", 3)];
    stack.extend((0..41).map(|_| walk()));
    stack.push(frame("chat::start", "/work/chat/src/tree.rs", 20));
    for _ in 0..3 {
        stack.extend([even.clone(), frame("core::ops::FnOnce::call_once", STD, 1), odd.clone()]);
    }
    stack.extend([walk(), walk(), frame("chat::main", "/work/chat/src/main.rs", 2)]);
    shows(
        Verdict::Failed(failed(vec![missed("T", vec![group("chat::T", 1, stack)])])),
        expect![[r#"
        1 live `chat::T`, expected 0

          chat::T  1 live, 112 bytes
            allocated at  src/tree.rs:3   chat::leaf
                          src/tree.rs:7   chat::walk
                          … the same 40 times more
                          src/tree.rs:20  chat::start
                          src/a.rs:1      chat::even
                          … 1 frame of std
                          src/a.rs:2      chat::odd
                          … the same 2 times more
                          src/tree.rs:7   chat::walk
                          src/tree.rs:7   chat::walk
                          src/main.rs:2   chat::main

        Counted when the test's body had ended, while its thread was still alive.
    "#]],
    );
}

#[test]
fn colour_only_when_asked() {
    let verdict = Verdict::Failed(failed(vec![missed("Session", vec![group("chat::Session", 1, stack())])]));
    assert!(!text(&verdict, &look()).contains('\x1b'));
    let painted = text(&verdict, &Look { color: true, ..look() });
    let mut plain = String::new();
    for (i, part) in painted.split('\x1b').enumerate() {
        plain.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert!(painted.len() > plain.len());
    assert_eq!(plain, text(&verdict, &look()), "colours change nothing else");
}

#[test]
fn a_pass_says_nothing() {
    shows(Verdict::Passed(Aside::default()), expect![[""]]);
}

#[test]
fn sizes() {
    let sizes = [0, 1, 1023, 1024, 3200, 1024 * 1024 - 1, 1024 * 1024, 5 << 30, u64::MAX].map(size).join(", ");
    expect!["0 bytes, 1 byte, 1023 bytes, 1.0 KiB, 3.1 KiB, 1023.9 KiB, 1.0 MiB, 5.0 GiB, 16777215.9 TiB"]
        .assert_eq(&sizes);
}
