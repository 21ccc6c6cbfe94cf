//! Unreachable memory, and what does not decide.

use super::super::notes;
use super::{failed, field, hop, look, shows, stack};
use crate::check::verdict::{
    AgainstBaseline, Aside, Cycle, CycleEdge, Failure, Gone, Ignore, Ignored, LostGroup, Obstacle, OnStack, Owned,
    Suspect, Verdict,
};
use crate::heap::advice::Advice;
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{Counted, Way};
use expect_test::expect;

fn lost(type_name: &str, count: u64) -> LostGroup {
    LostGroup {
        type_name: Some(type_name.to_owned()),
        known: 0,
        count,
        size: Some(64),
        blocks: count,
        bytes: count * 64,
        owned: Vec::new(),
        stack: stack()[..4].to_vec(),
        cycle: None,
        owners: None,
        suspects: Vec::new(),
        values: Vec::new(),
        advice: None,
    }
}

#[test]
fn unreachable_memory() {
    let arc = |of: &str| format!("alloc::sync::Arc<{of}, alloc::alloc::Global>");
    let members = format!("alloc::vec::Vec<{}, alloc::alloc::Global>", arc("chat::Member"));
    let cycle = Cycle {
        members: vec![Some("chat::Room".to_owned()), Some("chat::Member".to_owned())],
        ring: 2,
        certain: true,
        edges: vec![
            CycleEdge {
                from: 0,
                to: 1,
                hops: vec![
                    hop(&[field("members")], &members, EdgeKind::Owning),
                    hop(&[Way::Index(0)], &arc("chat::Member"), EdgeKind::Counted),
                ],
                weaken: None,
            },
            CycleEdge {
                from: 1,
                to: 0,
                hops: vec![hop(&[field("room")], &arc("chat::Room"), EdgeKind::Counted)],
                weaken: Some(0),
            },
        ],
    };
    let owned = vec![
        Owned { type_name: Some("chat::Message".to_owned()), blocks: 3, bytes: 96 },
        Owned { type_name: None, blocks: 2, bytes: 40 },
    ];
    let room = LostGroup { cycle: Some(cycle), blocks: 8, bytes: 1300, owned, ..lost("chat::Room", 1) };
    let forgotten = LostGroup {
        owners: Some(Counted { found: 0, strong: 1 }),
        advice: Some(Advice::Forgotten { owners: None }),
        ..lost("chat::Session", 2)
    };
    let unknown = LostGroup { type_name: None, stack: Vec::new(), ..lost("", 1) };
    shows(
        Verdict::Failed(Failure { lost: vec![room, forgotten, unknown], ..failed(vec![]) }),
        expect![[r#"
            11 blocks (1.4 KiB) are unreachable: nothing points to them any more

              chat::Room  1 unreachable cycle, 1.2 KiB in 8 blocks
                allocated at  src/session.rs:41  chat::Session::connect
                cycle         chat::Room .members: Vec<Arc<Member>> [0]
                                → chat::Member .room: Arc<Room>  ← make this one a `Weak`
                                  → back to chat::Room
                keeps         3 chat::Message (96 bytes) and 2 of unknown type (40 bytes)

              chat::Session  2 unreachable, 64 bytes each
                allocated at  src/session.rs:41  chat::Session::connect
                owners        1 of 1 not found: forgotten (`mem::forget`, `into_raw`), or kept where memleak does not look
              help: it was forgotten: look for `mem::forget`, `ManuallyDrop`, `leak`, or an `into_raw` without its `from_raw`

              memory of unknown type  1 unreachable, 64 bytes
                allocated at  unknown: the call stack could not be read

            Unreachable memory was looked for when the thread of the test's body had ended.
        "#]],
    );
    shows(
        Verdict::Failed(Failure { lost: vec![lost("chat::Room", 1)], ..failed(vec![]) }),
        expect![[r#"
        1 block (64 bytes) is unreachable: nothing points to it any more

          chat::Room  1 unreachable, 64 bytes
            allocated at  src/session.rs:41  chat::Session::connect

        Unreachable memory was looked for when the thread of the test's body had ended.
    "#]],
    );
}

#[test]
fn what_does_not_decide() {
    let ignore = |ty, function, held_by| Ignore { ty, function, held_by, reason: "known" };
    let gone = |line, left| Gone { line, type_name: "chat::Session".to_owned(), listed: 3, left };
    let baseline = AgainstBaseline {
        file: "memleak-baseline.toml".to_owned(),
        known: 2,
        gone: (0..7).map(|index| gone(3 + 8 * index, index as u64 % 3)).collect(),
        written: None,
    };
    let aside = Aside {
        doubtful: Vec::new(),
        baseline: Some(baseline),
        ignored: vec![
            Ignored { reason: "lives as long as the process".to_owned(), count: 3, bytes: 120 },
            Ignored { reason: "a bug of theirs".to_owned(), count: 1, bytes: 4096 },
        ],
        unused_ignores: vec![
            ignore(Some("tracing::*"), None, None),
            ignore(Some("Link"), Some("third_party::init"), Some("REGISTRY.links")),
        ],
        on_stacks: vec![
            OnStack { type_name: Some("chat::Session".to_owned()), blocks: 2, bytes: 64, thread: "pump".to_owned() },
            OnStack { type_name: None, blocks: 1, bytes: 2048, thread: String::new() },
        ],
        unstopped_threads: vec!["pump".to_owned(), String::new()],
    };
    let nearest = vec!["chat::Link".to_owned(), "net::Link".to_owned()];
    let misspelt = Obstacle::Ignore {
        ignore: ignore(Some("Lnik"), None, None),
        why: Box::new(Obstacle::UnknownName { written: "Lnik".to_owned(), resolved: false, nearest, instead: None }),
    };
    let noted = notes(&aside, &look()).join("\n") + "\n";
    expect![[r#"
        chat::tests::logging_off_cleans_up_session: ignored 3 leaks, 120 bytes: lives as long as the process
        chat::tests::logging_off_cleans_up_session: ignored 1 leak, 4.0 KiB: a bug of theirs
        chat::tests::logging_off_cleans_up_session: 2 leaks known from memleak-baseline.toml
        chat::tests::logging_off_cleans_up_session: of 3 leaks of `chat::Session` that memleak-baseline.toml:3 lists, none is left: remove the entry
        chat::tests::logging_off_cleans_up_session: of 3 leaks of `chat::Session` that memleak-baseline.toml:11 lists, 1 is left: write `count = 1`
        chat::tests::logging_off_cleans_up_session: of 3 leaks of `chat::Session` that memleak-baseline.toml:19 lists, 2 are left: write `count = 2`
        chat::tests::logging_off_cleans_up_session: of 3 leaks of `chat::Session` that memleak-baseline.toml:27 lists, none is left: remove the entry
        chat::tests::logging_off_cleans_up_session: of 3 leaks of `chat::Session` that memleak-baseline.toml:35 lists, 1 is left: write `count = 1`
        chat::tests::logging_off_cleans_up_session: leaks of 2 more kinds that memleak-baseline.toml lists are gone
        chat::tests::logging_off_cleans_up_session: MEMLEAK_BASELINE=write does that for the tests that run
        chat::tests::logging_off_cleans_up_session: `ignore(type = "tracing::*", …)` matched nothing: leave it out
        chat::tests::logging_off_cleans_up_session: `ignore(type = "Link", function = "third_party::init", held_by = "REGISTRY.links", …)` matched nothing: leave it out
        chat::tests::logging_off_cleans_up_session: thread `pump` and a thread without a name could not be stopped while memleak looked at the heap, so what changed meanwhile may have been misread
    "#]].assert_eq(&noted);
    shows(
        Verdict::Failed(Failure { lost: vec![lost("chat::Room", 1)], untold: vec![misspelt], aside, ..failed(vec![]) }),
        expect![[r#"
            1 block (64 bytes) is unreachable: nothing points to it any more

              chat::Room  1 unreachable, 64 bytes
                allocated at  src/session.rs:41  chat::Session::connect

            `ignore(type = "Lnik", …)` can match nothing: no type in this test binary is called `Lnik`
              nearest  chat::Link
                       net::Link
              help: write a name that is there, or leave the `ignore` out

            Unreachable memory was looked for when the thread of the test's body had ended.
            Only the stack of thread `pump` leads to 2 blocks (64 bytes) of `chat::Session`: they count as reachable.
            Only the stack of a thread without a name leads to 1 block (2.0 KiB): it counts as reachable.
            Ignored 3 leaks, 120 bytes: lives as long as the process.
            Ignored 1 leak, 4.0 KiB: a bug of theirs.
            2 leaks known from memleak-baseline.toml.
            Of 3 leaks of `chat::Session` that memleak-baseline.toml:3 lists, none is left: remove the entry.
            Of 3 leaks of `chat::Session` that memleak-baseline.toml:11 lists, 1 is left: write `count = 1`.
            Of 3 leaks of `chat::Session` that memleak-baseline.toml:19 lists, 2 are left: write `count = 2`.
            Of 3 leaks of `chat::Session` that memleak-baseline.toml:27 lists, none is left: remove the entry.
            Of 3 leaks of `chat::Session` that memleak-baseline.toml:35 lists, 1 is left: write `count = 1`.
            Leaks of 2 more kinds that memleak-baseline.toml lists are gone.
            MEMLEAK_BASELINE=write does that for the tests that run.
            `ignore(type = "tracing::*", …)` matched nothing: leave it out.
            `ignore(type = "Link", function = "third_party::init", held_by = "REGISTRY.links", …)` matched nothing: leave it out.
            Thread `pump` and a thread without a name could not be stopped while memleak looked at the heap, so what changed meanwhile may have been misread.
        "#]],
    );
}

#[test]
fn cycles_of_every_kind() {
    let arc = |of: &str| format!("alloc::sync::Arc<{of}, alloc::alloc::Global>");
    let edge = |from, to, name: &str, ty: &str, weaken| {
        let hops = vec![hop(&[field(name)], &arc(ty), EdgeKind::Counted)];
        CycleEdge { from, to, hops, weaken }
    };
    let names = |names: &[&str]| names.iter().map(|name| Some((*name).to_owned())).collect::<Vec<_>>();
    let itself = Cycle {
        members: names(&["chat::Node"]),
        ring: 1,
        edges: vec![edge(0, 0, "me", "chat::Node", Some(0))],
        certain: true,
    };
    let nodes = Cycle {
        members: names(&["chat::Node", "chat::Node", "chat::Tree"]),
        ring: 2,
        edges: vec![
            edge(0, 1, "next", "chat::Node", Some(0)),
            edge(1, 0, "next", "chat::Node", Some(0)),
            edge(0, 2, "tree", "chat::Tree", None),
            edge(2, 0, "root", "chat::Node", None),
        ],
        certain: true,
    };
    let stuck = Cycle {
        members: names(&["chat::A", "chat::B"]),
        ring: 2,
        edges: vec![edge(0, 1, "b", "chat::B", None), edge(1, 0, "a", "chat::A", None)],
        certain: true,
    };
    let maybe = Cycle {
        members: vec![Some("chat::Driver".to_owned()), None],
        ring: 2,
        edges: vec![
            CycleEdge {
                from: 0,
                to: 1,
                hops: vec![hop(&[field("waker")], "core::task::wake::Waker", EdgeKind::Borrowed)],
                weaken: None,
            },
            CycleEdge { from: 1, to: 0, hops: vec![hop(&[Way::Unknown], "", EdgeKind::Unknown)], weaken: None },
        ],
        certain: false,
    };
    let long = Cycle {
        members: names(&["chat::Link"; 30]),
        ring: 30,
        edges: (0..30)
            .map(|i| edge(i, (i + 1) % 30, "next", "chat::Link", Some(if i == 29 { 0 } else { 1 })))
            .collect(),
        certain: true,
    };
    let group = |cycle: Cycle| LostGroup { stack: Vec::new(), cycle: Some(cycle), ..lost("chat::Node", 1) };
    let suspects = vec![Suspect {
        in_type: Some("chat::Driver".to_owned()),
        hops: vec![hop(&[field("waker")], "core::task::wake::Waker", EdgeKind::Borrowed)],
    }];
    let maybe = LostGroup { owners: Some(Counted { found: 1, strong: 2 }), suspects, ..group(maybe) };
    let lost = vec![
        group(itself),
        LostGroup { advice: Some(Advice::Weaken { field: "chat::Node .next".to_owned() }), ..group(nodes) },
        LostGroup { advice: Some(Advice::WeakenSeveral), ..group(stuck) },
        maybe,
        group(long),
    ];
    shows(
        Verdict::Failed(Failure { lost, ..failed(vec![]) }),
        expect![[r#"
            5 blocks (320 bytes) are unreachable: nothing points to them any more

              chat::Node  1 unreachable cycle, 64 bytes in 1 block
                allocated at  unknown: the call stack could not be read
                cycle         chat::Node .me: Arc<Node>  ← make this one a `Weak`
                                → back to chat::Node

              chat::Node  1 unreachable cycle, 64 bytes in 1 block
                allocated at  unknown: the call stack could not be read
                cycle         chat::Node .next: Arc<Node>      ← make this one a `Weak`
                                → chat::Node .next: Arc<Node>  ← the same field
                                  → back to chat::Node
                and           chat::Node .tree: Arc<Tree> → chat::Tree
                              chat::Tree .root: Arc<Node> → chat::Node

              chat::Node  1 unreachable cycle, 64 bytes in 1 block
                allocated at  unknown: the call stack could not be read
                cycle         chat::A .b: Arc<B>
                                → chat::B .a: Arc<A>
                                  → back to chat::A
              help: no single field frees this cycle: more than one has to become a `Weak`

              chat::Node  1 unreachable, 64 bytes
                allocated at  unknown: the call stack could not be read
                ring          chat::Driver .waker: Waker
                                → memory of unknown type
                                  → back to chat::Driver
                owners        1 of 2 not found, unless it is one of these pointers:
                                chat::Driver .waker: Waker
              help: if each of these pointers owns what it leads to, one has to become a `Weak`

              chat::Node  1 unreachable cycle, 64 bytes in 1 block
                allocated at  unknown: the call stack could not be read
                cycle         chat::Link .next: Arc<Link>      ← make this one a `Weak`
                                → chat::Link .next: Arc<Link>  ← or this one
                                  → … the same 28 times more
                                    → back to chat::Link

            Unreachable memory was looked for when the thread of the test's body had ended.
        "#]],
    );
}

#[test]
fn what_is_not_shown_is_counted() {
    let owned = (0..9).map(|i| Owned { type_name: Some(format!("chat::T{i}")), blocks: 2, bytes: 100 }).collect();
    let first = LostGroup { owned, blocks: 19, bytes: 964, size: None, ..lost("chat::Room", 1) };
    let groups = std::iter::once(first).chain((0..24).map(|i| lost(&format!("chat::G{i}"), 2))).collect();
    let text = super::super::text(&Verdict::Failed(Failure { lost: groups, ..failed(vec![]) }), &look());
    assert!(text.starts_with("67 blocks (3.9 KiB) are unreachable: nothing points to them any more\n"), "{text}");
    assert!(text.contains("\n  chat::Room  1 unreachable, 964 bytes in 19 blocks\n"), "{text}");
    let keeps = "    keeps         2 chat::T0 (100 bytes), 2 chat::T1 (100 bytes), 2 chat::T2 (100 bytes), 2 chat::T3 (100 bytes) and 10 other blocks (500 bytes)\n";
    assert!(text.contains(keeps), "{text}");
    assert!(text.contains("\n  … 10 more blocks (640 bytes) in 5 other groups not shown\n"), "{text}");
}

#[test]
fn groups_that_read_alike_are_one() {
    let message = |bytes| vec![Owned { type_name: Some("chat::Message".to_owned()), blocks: 1, bytes }];
    let called = [&stack()[..4], &stack()[8..]].concat();
    let with = |bytes| LostGroup { owned: message(bytes), blocks: 2, bytes: 64 + bytes, ..lost("chat::Room", 1) };
    let groups = vec![
        with(10),
        LostGroup { stack: called, ..with(30) },
        LostGroup { size: Some(65), ..with(10) },
        LostGroup { owners: Some(Counted { found: 0, strong: 1 }), ..with(10) },
    ];
    shows(
        Verdict::Failed(Failure { lost: groups, ..failed(vec![]) }),
        expect![[r#"
        8 blocks (316 bytes) are unreachable: nothing points to them any more

          chat::Room  2 unreachable, 64 bytes each, 168 bytes in 4 blocks
            allocated at  src/session.rs:41  chat::Session::connect
                          … called from 2 places
            keeps         2 chat::Message (40 bytes)

          chat::Room  1 unreachable, 65 bytes, 74 bytes in 2 blocks
            allocated at  src/session.rs:41  chat::Session::connect
            keeps         1 chat::Message (10 bytes)

          chat::Room  1 unreachable, 64 bytes, 74 bytes in 2 blocks
            allocated at  src/session.rs:41  chat::Session::connect
            owners        1 of 1 not found: forgotten (`mem::forget`, `into_raw`), or kept where memleak does not look
            keeps         1 chat::Message (10 bytes)

        Unreachable memory was looked for when the thread of the test's body had ended.
    "#]],
    );
}
