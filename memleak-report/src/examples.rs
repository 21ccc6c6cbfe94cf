//! Documents for tests.
//!
//! May use: `document`.

use crate::document::{
    Code, Cycle, CycleEdge, Document, Expectation, Findings, Frame, Group, Holder, Location, Lost, Outcome, Owners,
    Place, Pointer, Root, RootKind, Step, Test, VERSION,
};

/// A session in a registry.
pub fn held() -> Document {
    let at = |file: &str, line| Some(Location { file: file.to_owned(), line, own: true });
    let steps = vec![
        Step {
            way: vec![".sessions".to_owned()],
            type_name: "HashMap<u64, Arc<chat::Session>>".to_owned(),
            type_short: "HashMap<u64, Arc<Session>>".to_owned(),
            pointer: Some(Pointer::Owning),
            owners: None,
        },
        Step {
            way: vec!["[value]".to_owned()],
            type_name: "Arc<chat::Session>".to_owned(),
            type_short: "Arc<Session>".to_owned(),
            pointer: Some(Pointer::Shared),
            owners: Some(Owners { found: 1, strong: 1 }),
        },
    ];
    let holder = Holder {
        root: Root {
            kind: RootKind::Static,
            name: "chat::REGISTRY".to_owned(),
            type_name: "std::sync::Mutex<chat::Registry>".to_owned(),
            thread: String::new(),
            function: None,
            location: at("src/registry.rs", 7),
            spawned: None,
        },
        steps,
        lines: vec![
            "static chat::REGISTRY (src/registry.rs:7)".to_owned(),
            "  .sessions: HashMap<u64, Arc<Session>>".to_owned(),
        ],
    };
    let group = Group {
        fingerprint: "held:0f3a".to_owned(),
        type_name: "chat::Session".to_owned(),
        type_short: "Session".to_owned(),
        count: 2,
        known: 0,
        size: 112,
        retained: Some(4096),
        before: 0,
        doubt: None,
        place: Place::Heap { inside: None },
        stack: vec![
            Frame {
                function: "chat::Session::connect".to_owned(),
                location: at("src/session.rs", 41),
                code: Code::User,
            },
            Frame {
                function: "chat::tests::logging_off".to_owned(),
                location: at("src/tests.rs", 12),
                code: Code::User,
            },
        ],
        holders: vec![holder],
        more_holders: 0,
        values: Vec::new(),
        help: Some("chat::REGISTRY.sessions still has it: take it out when it is done with".to_owned()),
    };
    let expectation = Expectation {
        written: "Session".to_owned(),
        at_least: 0,
        at_most: 0,
        headlines: vec!["2 live `Session`, expected 0".to_owned()],
        certain: 2,
        possible: 0,
        groups: vec![group],
    };
    Document {
        version: VERSION,
        memleak: "0.1.0".to_owned(),
        test: Test {
            package: "chat".to_owned(),
            binary: "chat".to_owned(),
            name: "tests::logging_off".to_owned(),
            location: at("src/tests.rs", 10),
        },
        outcome: Outcome::Leaked,
        text: "2 live `Session`, expected 0\n".to_owned(),
        notes: vec!["one thread could not be stopped".to_owned()],
        findings: Findings { settled_ms: 200, expectations: vec![expectation], ..Findings::default() },
    }
}

/// A room and its members.
pub fn cycle() -> Document {
    let mut document = held();
    document.test.name = "tests::leaving_a_room".to_owned();
    let stack = document.findings.expectations.remove(0).groups.remove(0).stack;
    let edge = |from, to, way: &str, weaken| CycleEdge { from, to, way: way.to_owned(), weaken };
    document.text = "1 block of 112 bytes, a `Room`, is lost\n".to_owned();
    document.findings.unreachable = vec![Lost {
        fingerprint: "lost:77c1".to_owned(),
        type_name: Some("chat::Room".to_owned()),
        type_short: "Room".to_owned(),
        count: 1,
        known: 0,
        blocks: 3,
        bytes: 300,
        stack,
        cycle: Some(Cycle {
            members: vec!["Room".to_owned(), "Member".to_owned()],
            ring: 2,
            edges: vec![edge(0, 1, ".members[0]", None), edge(1, 0, ".room", Some(0))],
            certain: true,
        }),
        owners: None,
        values: Vec::new(),
        help: Some("make Member.room a `Weak`".to_owned()),
    }];
    document
}
