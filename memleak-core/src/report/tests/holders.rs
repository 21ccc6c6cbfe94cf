//! Who holds an instance.

use super::{TOKIO, at, counted, failed, field, frame, group, held_by, hop, missed, shows, stack};
use crate::check::verdict::{Ended, Failure, Group, Holder, Missed, SecondCount, Verdict};
use crate::heap::advice::Advice;
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{Await, Counted, HeldBy, Hop, Task, TaskKind, TaskState, Way};
use expect_test::expect;

fn in_the_registry() -> Holder {
    let root =
        HeldBy::Static { name: "chat::REGISTRY".into(), ty: "chat::Registry".into(), declared: at("registry.rs", 9) };
    let map = "std::collections::hash::map::HashMap<u64, alloc::sync::Arc<chat::Session, alloc::alloc::Global>, std::hash::random::RandomState, alloc::alloc::Global>";
    let arc = "alloc::sync::Arc<chat::Session, alloc::alloc::Global>";
    let hops = vec![
        hop(&[field("sessions")], map, EdgeKind::Owning),
        counted(hop(&[Way::Value], arc, EdgeKind::Counted), 2, 2),
    ];
    held_by(root, hops)
}

fn in_a_task() -> Holder {
    let task = Task {
        kind: TaskKind::Spawned,
        future: "chat::heartbeat::{async_fn_env#0}".into(),
        spawned: crate::stack::StackId::default(),
        state: TaskState::Suspended {
            awaits: vec![Await { future: "chat::heartbeat::{async_fn_env#0}".into(), at: at("heartbeat.rs", 17) }],
            branches: Vec::new(),
        },
    };
    let arc = "alloc::sync::Arc<chat::Session, alloc::alloc::Global>";
    let local = counted(hop(&[Way::Local("session".into())], arc, EdgeKind::Counted), 2, 2);
    let spawned = vec![
        frame("tokio::task::spawn::spawn<_>", TOKIO, 9),
        frame("chat::Session::connect::{async_fn#0}", "/work/chat/src/session.rs", 58),
    ];
    Holder { spawned, ..held_by(HeldBy::Task(task), vec![local]) }
}

#[test]
fn who_holds_it() {
    let group = Group {
        holders: vec![in_the_registry(), in_a_task()],
        retained: Some(3200),
        advice: Some(Advice::Remove { from: "chat::REGISTRY.sessions".to_owned(), task: None }),
        ..group("chat::Session", 2, stack()[..4].to_vec())
    };
    let missed = Missed { second: SecondCount::Live { certain: 2, possible: 0 }, ..missed("Session", vec![group]) };
    shows(
        Verdict::Failed(Failure { ended: Ended::Runtime, ..failed(vec![missed]) }),
        expect![[r#"
            2 live `chat::Session`, expected 0

              chat::Session  2 live, 112 bytes each, 3.1 KiB retained
                allocated at  src/session.rs:41  chat::Session::connect
                held by       static chat::REGISTRY (src/registry.rs:9)
                                .sessions: HashMap<u64, Arc<Session>> [value], strong 2 of 2 found
                and by        task chat::heartbeat, spawned at src/session.rs:58,
                                suspended at src/heartbeat.rs:17, local `session`: Arc<Session>, strong 2 of 2 found
              help: chat::REGISTRY.sessions still has it: take it out when it is done with

            Counted when the test's body had ended, while the runtime was still running.
            Once the runtime was shut down, 2 still lived.
        "#]],
    );
}

const ARC: &str = "alloc::sync::Arc<chat::Session, alloc::alloc::Global>";

/// The text from the first holder on, of one group with these.
fn holders(holders: Vec<Holder>, expected: expect_test::Expect) {
    let group = Group { holders, ..group("chat::Session", 1, Vec::new()) };
    let text = super::super::text(&Verdict::Failed(failed(vec![missed("Session", vec![group])])), &super::look());
    let start = text.find("    held by").expect("there is a holder");
    let end = text.find("\nCounted").expect("there is an end");
    // Without the indentation that all lines have.
    let lines = text[start..end].lines().map(|line| line.get(4..).unwrap_or_default().to_owned() + "\n");
    expected.assert_eq(&lines.collect::<String>());
}

fn of_task(kind: TaskKind, state: TaskState) -> Holder {
    let future = "chat::serve::{async_block_env#0}".into();
    let task = Task { kind, future, spawned: crate::stack::StackId::default(), state };
    let spawned = vec![frame("chat::serve", "/work/chat/src/serve.rs", 5)];
    Holder {
        spawned,
        ..held_by(HeldBy::Task(task), vec![hop(&[Way::Captured("session".into())], ARC, EdgeKind::Counted)])
    }
}

fn parked(future: &str, line: u32) -> Await {
    Await { future: future.into(), at: (line > 0).then(|| at("serve.rs", line)).flatten() }
}

#[test]
fn roots_of_every_kind() {
    let vec = "std::sync::poison::mutex::Mutex<alloc::vec::Vec<alloc::sync::Arc<chat::Session, alloc::alloc::Global>, alloc::alloc::Global>>";
    let counted = |way: &[Way]| counted(hop(way, ARC, EdgeKind::Counted), 1, 1);
    let sessions = HeldBy::Static { name: "chat::SESSIONS".into(), ty: vec.into(), declared: None };
    let (name, ty) = ("chat::CURRENT".into(), ARC.into());
    let current = HeldBy::ThreadLocal { name, ty, declared: at("lib.rs", 3), thread: "pump".into() };
    let slot = HeldBy::Static { name: "chat::SLOT".into(), ty: "usize".into(), declared: None };
    let roots = [
        (sessions, counted(&[Way::Index(1)])),
        (current, counted(&[])),
        (slot, hop(&[], "usize", EdgeKind::Unknown)),
        (HeldBy::Thread { name: "pump".into() }, counted(&[field("session")])),
        (HeldBy::ThreadMemory { name: "".into() }, hop(&[Way::Unknown], "", EdgeKind::Unknown)),
        (HeldBy::UnnamedStatic, counted(&[field("inner"), Way::Variant("Conn::Open".into()), field("0")])),
        (HeldBy::Foreign, counted(&[Way::Unknown, field("session")])),
        (HeldBy::Nothing, counted(&[Way::Captured("session".into())])),
    ];
    let mut text = String::new();
    for (root, hop) in roots {
        let lines = super::super::holder::lines(
            &held_by(root, vec![hop]),
            super::super::holder::Positions::Shown,
            &super::look(),
        );
        text += &(lines.join("\n") + "\n");
    }
    expect![[r#"
        static chat::SESSIONS: Mutex<Vec<Arc<Session>>>
          [1], strong 1 of 1 found
        thread-local chat::CURRENT: Arc<Session> (src/lib.rs:3) of thread `pump`, strong 1 of 1 found
        static chat::SLOT: usize, perhaps a pointer
        the stack of thread `pump`
          .session: Arc<Session>, strong 1 of 1 found
        thread-local memory of a thread without a name
          memory of unknown type
        a static without a name: of the standard library, or not of Rust
          .inner Conn::Open .0: Arc<Session>, strong 1 of 1 found
        memory of another allocator, such as a C library's
          memory of unknown type .session: Arc<Session>, strong 1 of 1 found
        nothing: it is unreachable, or only unreachable memory leads to it
          captured `session`: Arc<Session>, strong 1 of 1 found
    "#]]
    .assert_eq(&text);
}

#[test]
fn tasks_in_every_state() {
    let branches = vec![
        vec![parked("chat::read::{async_fn_env#0}", 30), parked("tokio::io::Readable", 0)],
        vec![parked("tokio::time::sleep::Sleep", 0)],
    ];
    let awaits = vec![
        parked("chat::serve::{async_block_env#0}", 7),
        parked("chat::handle::{async_fn_env#0}<u8>", 12),
        parked("tokio::sync::notify::Notified", 0),
    ];
    let mut text = String::new();
    for (kind, state) in [
        (TaskKind::Spawned, TaskState::NotBegun),
        (TaskKind::Spawned, TaskState::Suspended { awaits: awaits[..1].to_vec(), branches: Vec::new() }),
        (TaskKind::Spawned, TaskState::Suspended { awaits: awaits.clone(), branches: Vec::new() }),
        (TaskKind::Spawned, TaskState::Suspended { awaits: awaits[..2].to_vec(), branches }),
        (TaskKind::Blocking, TaskState::Running),
        (TaskKind::InSet, TaskState::Finished),
        (TaskKind::Spawned, TaskState::Consumed),
        (TaskKind::Spawned, TaskState::Panicked),
        (TaskKind::Spawned, TaskState::Cancelled),
        (TaskKind::Spawned, TaskState::Unknown),
    ] {
        let lines =
            super::super::holder::lines(&of_task(kind, state), super::super::holder::Positions::Shown, &super::look());
        text += &(lines.join("\n") + "\n");
    }
    expect![[r#"
        task async block in chat::serve, spawned at src/serve.rs:5, not begun yet
          captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5,
          suspended at src/serve.rs:7, captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5,
          suspended at src/serve.rs:7 on chat::handle,
          which is suspended at src/serve.rs:12 on tokio::sync::notify::Notified
          captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5,
          suspended at src/serve.rs:7 on chat::handle,
          which is suspended at src/serve.rs:12, waiting for 2 futures at once:
            chat::read, suspended at src/serve.rs:30 on tokio::io::Readable
            tokio::time::sleep::Sleep
          captured `session`: Arc<Session>
        blocking task async block in chat::serve, spawned at src/serve.rs:5, running at this moment
          captured `session`: Arc<Session>
        future async block in chat::serve in a set of futures, put there at src/serve.rs:5, which has ended: its result was not taken
          captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5, which has ended
          captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5, which has panicked
          captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5, which was aborted
          captured `session`: Arc<Session>
        task async block in chat::serve, spawned at src/serve.rs:5
          captured `session`: Arc<Session>
    "#]].assert_eq(&text);
}

#[test]
fn holders_that_read_alike_are_said_once() {
    let at_index = |index| {
        let root = HeldBy::Static { name: "chat::ROOMS".into(), ty: "chat::Rooms".into(), declared: None };
        let vec = format!("alloc::vec::Vec<{ARC}, alloc::alloc::Global>");
        let hops = vec![
            hop(&[field("all")], &vec, EdgeKind::Owning),
            counted(hop(&[Way::Index(index)], ARC, EdgeKind::Counted), 9, 11),
        ];
        held_by(root, hops)
    };
    let named = |name: &str| {
        let root = HeldBy::Static { name: name.into(), ty: ARC.into(), declared: None };
        held_by(root, vec![counted(hop(&[], ARC, EdgeKind::Counted), 9, 11)])
    };
    let many = (0..4).map(at_index).chain(["A", "B", "C", "D", "E"].map(named)).collect();
    holders(
        many,
        expect![[r#"
                held by       static chat::ROOMS
                                .all: Vec<Arc<Session>> [_], strong 9 of 11 found
                              … and 3 more holders like this
                and by        static A: Arc<Session>, strong 9 of 11 found
                and by        static B: Arc<Session>, strong 9 of 11 found
                              … and 3 holders not shown
                owners        2 of 11 not found: forgotten (`mem::forget`, `into_raw`), or kept where memleak does not look
        "#]],
    );
}

#[test]
fn a_long_way_is_folded() {
    let node = "core::option::Option<alloc::boxed::Box<chat::Node, alloc::alloc::Global>>";
    let root = || HeldBy::Static { name: "chat::LIST".into(), ty: "chat::List".into(), declared: None };
    let mut list = vec![hop(&[field("head")], node, EdgeKind::Owning)];
    list.extend((0..300_000).map(|_| hop(&[field("next")], node, EdgeKind::Owning)));
    list.push(Hop { kind: None, ..hop(&[field("session")], "chat::Session", EdgeKind::Owning) });
    let tree = (0..40).map(|i| hop(&[field(&format!("level{i}"))], node, EdgeKind::Owning)).collect();
    holders(
        vec![held_by(root(), list), held_by(root(), tree)],
        expect![[r#"
                held by       static chat::LIST
                                .head: Option<Box<Node>>
                                .next: Option<Box<Node>>
                                … the same 299999 times more
                                .session: Session
                and by        static chat::LIST
                                .level0: Option<Box<Node>>
                                .level1: Option<Box<Node>>
                                .level2: Option<Box<Node>>
                                .level3: Option<Box<Node>>
                                .level4: Option<Box<Node>>
                                .level5: Option<Box<Node>>
                                … 30 lines of the way not shown
                                .level36: Option<Box<Node>>
                                .level37: Option<Box<Node>>
                                .level38: Option<Box<Node>>
                                .level39: Option<Box<Node>>
        "#]],
    );
}

#[test]
fn groups_that_read_alike_are_one() {
    let by = |caller: &str, line| {
        let caller = frame(caller, "/work/chat/src/main.rs", line);
        [&stack()[..4], &[caller]].concat()
    };
    let at_index = |index| {
        let vec = format!("alloc::vec::Vec<{ARC}, alloc::alloc::Global>");
        let root = HeldBy::Static { name: "chat::SESSIONS".into(), ty: vec.into(), declared: None };
        held_by(root, vec![counted(hop(&[Way::Index(index)], ARC, EdgeKind::Counted), 1, 1)])
    };
    let one = |stack, index| Group {
        holders: vec![at_index(index)],
        retained: Some(200),
        ..group("chat::Session", 1, stack)
    };
    let before = Group { before: 1, ..one(by("chat::main", 7), 1) };
    let other_line = one(stack()[4..].to_vec(), 2);
    let other_holder = Group { holders: vec![in_a_task()], ..one(by("chat::main", 7), 0) };
    let groups = vec![one(by("chat::main", 7), 0), before, one(by("chat::start", 9), 5), other_line, other_holder];
    shows(
        Verdict::Failed(failed(vec![missed("Session", groups)])),
        expect![[r#"
            5 live `chat::Session`, expected 0

              chat::Session  3 live, 112 bytes each, 600 bytes retained
                allocated at  src/session.rs:41  chat::Session::connect
                              … called from 2 places
                held by       static chat::SESSIONS: Vec<Arc<Session>>
                                [_], strong 1 of 1 found
                before        1 of them lived before the test began

              chat::Session  1 live, 112 bytes, 200 bytes retained
                allocated at  src/lib.rs:110  chat::tests::logging_off_cleans_up_session
                              … 2 frames of tokio
                              src/lib.rs:95   chat::tests::in_a_server
                              … 3 frames of memleak and std
                held by       static chat::SESSIONS: Vec<Arc<Session>>
                                [2], strong 1 of 1 found

              chat::Session  1 live, 112 bytes, 200 bytes retained
                allocated at  src/session.rs:41  chat::Session::connect
                              src/main.rs:7      chat::main
                held by       task chat::heartbeat, spawned at src/session.rs:58,
                                suspended at src/heartbeat.rs:17, local `session`: Arc<Session>, strong 2 of 2 found

            Counted when the test's body had ended, while its thread was still alive.
        "#]],
    );
}

#[test]
fn advice_of_every_kind() {
    let (future, notified) = ("chat::heartbeat::{async_fn_env#0}", "tokio::sync::notify::Notified");
    let (from, field) = ("chat::REGISTRY.sessions".to_owned(), "chat::Member .room".to_owned());
    let owners = Counted { found: 1, strong: 2 };
    let all = [
        Advice::Remove { from: from.clone(), task: None },
        Advice::Remove { from: "sessions".to_owned(), task: Some(future.into()) },
        Advice::Clear { from },
        Advice::EndTask { future: future.into(), waits_for: Some(notified.into()) },
        Advice::EndTask { future: future.into(), waits_for: None },
        Advice::PollTask { future: future.into() },
        Advice::TakeResult { future: future.into() },
        Advice::Receive,
        Advice::EndThread { thread: "pump".into() },
        Advice::Weaken { field: field.clone() },
        Advice::WeakenSeveral,
        Advice::Forgotten { owners: Some(owners) },
        Advice::DropRaw { owners, field },
    ];
    let text: String =
        all.iter().map(|advice| super::super::advice::text(advice, &super::super::Look::default()) + "\n").collect();
    expect![[r#"
        chat::REGISTRY.sessions still has it: take it out when it is done with
        `sessions` of the task chat::heartbeat still has it: take it out when it is done with
        chat::REGISTRY.sessions still leads to it: clear it when it is done with
        the task chat::heartbeat has not ended: it waits for tokio::sync::notify::Notified; let that happen, or abort the task
        the task chat::heartbeat has not ended: let it end, or abort it
        the task chat::heartbeat was never polled: let it run, or abort it
        the task chat::heartbeat has ended: await its handle, or drop the handle
        nobody has received this message: receive it, or drop the receiver
        thread `pump` has not ended: let it end
        make chat::Member .room a `Weak`
        no single field frees this cycle: more than one has to become a `Weak`
        it was forgotten: look for `mem::forget`, `ManuallyDrop`, `leak`, or an `into_raw` without its `from_raw`
        an owner may have become the raw pointer chat::Member .room: drop it as an owner, as `from_raw` makes one of it
    "#]].assert_eq(&text);
}
