//! Who holds an instance.

use super::{TOKIO, at, counted, failed, field, frame, group, held_by, hop, missed, shows, stack};
use crate::check::verdict::{Advice, Ended, Failure, Group, Holder, Missed, SecondCount, Verdict};
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{Await, HeldBy, Task, TaskKind, TaskState, Way};
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
        advice: Some(Advice::Remove { from: "chat::REGISTRY".to_owned() }),
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
                            .sessions: HashMap<u64, Arc<chat::Session>>[value], strong 2 of 2 found
            and by        task chat::heartbeat, spawned at src/session.rs:58,
                            suspended at src/heartbeat.rs:17, local `session`: Arc<chat::Session>, strong 2 of 2 found
          help: chat::REGISTRY still has it: take it out when it is done with

        Counted when the test's body had ended, while the runtime was still running.
        Once the runtime was shut down, 2 still lived.
    "#]],
    );
}
