//! Unreachable memory, and what does not decide.

use super::super::notes;
use super::{failed, field, hop, look, shows, stack};
use crate::check::verdict::{
    Advice, Aside, Cycle, CycleEdge, Failure, Ignored, LostGroup, OnStack, Owned, UnusedIgnore, Verdict,
};
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{Counted, Way};
use expect_test::expect;

fn lost(type_name: &str, count: u64) -> LostGroup {
    LostGroup {
        type_name: Some(type_name.to_owned()),
        count,
        size: Some(64),
        blocks: count,
        bytes: count * 64,
        owned: Vec::new(),
        stack: stack()[..4].to_vec(),
        cycle: None,
        owners: None,
        advice: None,
    }
}

#[test]
fn unreachable_memory() {
    let arc = |of: &str| format!("alloc::sync::Arc<{of}, alloc::alloc::Global>");
    let members = format!("alloc::vec::Vec<{}, alloc::alloc::Global>", arc("chat::Member"));
    let cycle = Cycle {
        members: vec!["chat::Room".to_owned(), "chat::Member".to_owned()],
        edges: vec![
            CycleEdge {
                from: 0,
                to: 1,
                hops: vec![
                    hop(&[field("members")], &members, EdgeKind::Owning),
                    hop(&[Way::Index(0)], &arc("chat::Member"), EdgeKind::Counted),
                ],
                weaken: false,
            },
            CycleEdge {
                from: 1,
                to: 0,
                hops: vec![hop(&[field("room")], &arc("chat::Room"), EdgeKind::Counted)],
                weaken: true,
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
        advice: Some(Advice::Forgotten),
        ..lost("chat::Session", 2)
    };
    let unknown = LostGroup { type_name: None, stack: Vec::new(), ..lost("", 1) };
    shows(
        Verdict::Failed(Failure { lost: vec![room, forgotten, unknown], ..failed(vec![]) }),
        expect![[r#"
        11 blocks (1.4 KiB) are unreachable: nothing points to them any more

          chat::Room  1 unreachable cycle, 1.2 KiB in 8 blocks
            allocated at  src/session.rs:41  chat::Session::connect
            cycle         chat::Room .members: Vec<Arc<chat::Member>>[0]
                            → chat::Member .room: Arc<chat::Room>  ← make this one a `Weak`
                              → back to chat::Room
            keeps         3 chat::Message (96 bytes) and 2 of unknown type (40 bytes)

          chat::Session  2 unreachable, 64 bytes each
            allocated at  src/session.rs:41  chat::Session::connect
            owners        its strong count is 1, and its owner was not found: it was forgotten (`mem::forget`, `into_raw`), or is kept where memleak does not look
          help: it was forgotten: look for `mem::forget`, `ManuallyDrop`, `leak`, or `into_raw` without `from_raw`

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
    let aside = Aside {
        ignored: vec![
            Ignored { reason: "lives as long as the process".to_owned(), count: 3, bytes: 120 },
            Ignored { reason: "a bug of theirs".to_owned(), count: 1, bytes: 4096 },
        ],
        unused_ignores: vec![
            UnusedIgnore { ty: Some("tracing::*".to_owned()), function: None },
            UnusedIgnore { ty: Some("Link".to_owned()), function: Some("third_party::init".to_owned()) },
        ],
        on_stacks: vec![
            OnStack { type_name: Some("chat::Session".to_owned()), blocks: 2, bytes: 64, thread: "pump".to_owned() },
            OnStack { type_name: None, blocks: 1, bytes: 2048, thread: String::new() },
        ],
        unstopped_threads: vec!["pump".to_owned(), String::new()],
    };
    let noted = notes(&aside, &look()).join("\n") + "\n";
    expect![[r#"
        chat::tests::logging_off_cleans_up_session: ignored 3 leaks, 120 bytes: lives as long as the process
        chat::tests::logging_off_cleans_up_session: ignored 1 leak, 4.0 KiB: a bug of theirs
        chat::tests::logging_off_cleans_up_session: `ignore(type = "tracing::*", …)` matched nothing: leave it out
        chat::tests::logging_off_cleans_up_session: `ignore(type = "Link", function = "third_party::init", …)` matched nothing: leave it out
        chat::tests::logging_off_cleans_up_session: thread `pump` and a thread without a name could not be stopped while memleak looked at the heap, so what changed meanwhile may have been misread
    "#]].assert_eq(&noted);
    shows(
        Verdict::Failed(Failure { lost: vec![lost("chat::Room", 1)], aside, ..failed(vec![]) }),
        expect![[r#"
        1 block (64 bytes) is unreachable: nothing points to it any more

          chat::Room  1 unreachable, 64 bytes
            allocated at  src/session.rs:41  chat::Session::connect

        Unreachable memory was looked for when the thread of the test's body had ended.
        Only the stack of thread `pump` leads to 2 blocks (64 bytes) of `chat::Session`: they count as reachable.
        Only the stack of a thread without a name leads to 1 block (2.0 KiB): it counts as reachable.
        Ignored 3 leaks, 120 bytes: lives as long as the process.
        Ignored 1 leak, 4.0 KiB: a bug of theirs.
        `ignore(type = "tracing::*", …)` matched nothing: leave it out.
        `ignore(type = "Link", function = "third_party::init", …)` matched nothing: leave it out.
        Thread `pump` and a thread without a name could not be stopped while memleak looked at the heap, so what changed meanwhile may have been misread.
    "#]],
    );
}
