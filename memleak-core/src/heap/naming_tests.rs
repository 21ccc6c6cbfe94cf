//! Ways through made-up heaps, in words: one test for each rule.

use crate::address::RuntimeAddress;
use crate::debuginfo::functions::Location;
use crate::debuginfo::load::DieRef;
use crate::debuginfo::types::{TypeId, TypeKind, Types as _};
use crate::heap::contents::Content;
use crate::heap::graph::{Edge, EdgeKind, Graph, Heap, Source};
use crate::heap::holders::{HeldBy, Holder, Task, TaskKind, TaskState, Way};
use crate::heap::instances::Home;
use crate::heap::locals::Call;
use crate::heap::made_up::{MadeUpHeap, words};
use crate::heap::naming::{End, Names, holder, holders};
use crate::heap::reach::Reach;
use crate::heap::snapshot::Thread;
use crate::stack::StackId;
use EdgeKind::{Borrowed, Counted, Owning, Unknown};

const SESSION: &str = "chat::Session";

/// These blocks are tasks.
struct Tasks(Vec<u32>);

impl Names for Tasks {
    fn declared_at(&self, _: DieRef) -> Option<Location> {
        None
    }
    fn place_of(&self, _: &Call) -> Option<Location> {
        None
    }
    fn task(&self, block: u32) -> Option<Task> {
        self.0.contains(&block).then(|| Task {
            kind: TaskKind::Spawned,
            future: format!("task {block}").into(),
            spawned: StackId(1),
            state: TaskState::Unknown,
        })
    }
}

/// Of these tasks, this one has ended.
struct Ended<'a>(&'a Tasks, u32);

impl Names for Ended<'_> {
    fn declared_at(&self, die: DieRef) -> Option<Location> {
        self.0.declared_at(die)
    }
    fn place_of(&self, call: &Call) -> Option<Location> {
        self.0.place_of(call)
    }
    fn task(&self, block: u32) -> Option<Task> {
        let task = self.0.task(block)?;
        Some(if block == self.1 { Task { state: TaskState::Finished, ..task } } else { task })
    }
}

/// The pointer at this address: where it leads to is in memory.
fn edge(heap: &Heap<'_>, at: u64, kind: EdgeKind) -> Edge {
    let at = RuntimeAddress(at);
    let holds = |root: &crate::heap::roots::Root| {
        (root.address.0..root.address.0 + heap.view.types.get(root.ty).size).contains(&at.0)
    };
    let from = match (heap.view.snapshot.block_around(at), heap.roots.iter().position(holds)) {
        (Some(block), _) => Source::Block(block as u32),
        (None, Some(root)) => Source::Root(root as u32),
        (None, None) => Source::Stack(0),
    };
    let value = RuntimeAddress(heap.view.snapshot.word(at).unwrap());
    Edge { from, at, to: heap.view.snapshot.block_around(value).unwrap() as u32, kind }
}

fn text(holder: &Holder) -> Vec<String> {
    let part = |way: &Way| match way {
        Way::Field(name) => format!(".{name}"),
        Way::Local(name) => format!("local {name}"),
        Way::Captured(name) => format!("captured {name}"),
        Way::Future { future, .. } => format!("future {future}"),
        Way::Index(index) => format!("[{index}]"),
        Way::Variant(name) => name.to_string(),
        other => format!("{other:?}"),
    };
    let hops = holder.hops.iter().map(|hop| {
        let way: Vec<String> = hop.way.iter().map(part).collect();
        let counted = hop.counted.map(|counted| format!(" {}/{}", counted.found, counted.strong)).unwrap_or_default();
        let kind = hop.kind.map(|kind| format!(" {kind:?}")).unwrap_or_default();
        format!("{}: {}{kind}{counted}", way.join(" "), hop.ty)
    });
    hops.collect()
}

/// The way along the pointers at these addresses, to the value at an address.
fn way(heap: &MadeUpHeap, at: &[(u64, EdgeKind)], end: Option<(u64, &str)>) -> Vec<String> {
    text(&held(heap, at, end, &Tasks(Vec::new())))
}

fn held(heap: &MadeUpHeap, at: &[(u64, EdgeKind)], end: Option<(u64, &str)>, tasks: &dyn Names) -> Holder {
    let threads = [Thread { name: "worker".into(), ..Thread::default() }];
    heap.with(&threads, |heap| {
        let way: Vec<Edge> = at.iter().map(|(at, kind)| edge(heap, *at, *kind)).collect();
        let graph = Graph::new(heap.contents.len(), way.clone());
        let end = end.map(|(address, name)| End { address: RuntimeAddress(address), name });
        holder(heap, &graph, &way, end, tasks)
    })
}

struct Types {
    heap: MadeUpHeap,
    session: TypeId,
    arc: TypeId,
    arc_inner: TypeId,
}

/// `Session`, `Arc<Session>`, and what that leads to.
fn types() -> Types {
    let heap = MadeUpHeap::default();
    let number = heap.types.scalar("u64", 8);
    let session = heap.types.structure(SESSION, 8, &[("id", 0, number)]);
    let fields = [("strong", 0, number), ("weak", 8, number), ("data", 16, session)];
    let arc_inner = heap.types.structure("alloc::sync::ArcInner<chat::Session>", 24, &fields);
    let pointer = heap.types.pointer("*const alloc::sync::ArcInner<chat::Session>", arc_inner);
    let arc = heap.types.structure("alloc::sync::Arc<chat::Session>", 8, &[("ptr", 0, pointer)]);
    Types { heap, session, arc, arc_inner }
}

/// A library's type around one value at offset 8.
fn around(heap: &MadeUpHeap, name: &str, inner: TypeId) -> TypeId {
    let size = heap.types.get(inner).size;
    let number = heap.types.scalar("u64", 8);
    let fields = heap.types.fields(&[("value", 0, inner)]);
    let value = heap.types.add("core::cell::UnsafeCell<…>", size, TypeKind::Struct { fields }, &[("T", inner)]);
    let fields = heap.types.fields(&[("inner", 0, number), ("data", 8, value)]);
    let name = format!("{name}<{}>", heap.types.get(inner).name);
    heap.types.add(&name, size + 8, TypeKind::Struct { fields }, &[("T", inner)])
}

#[test]
fn locks_and_containers_are_left_out_and_the_place_in_them_stays() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let vec = heap.types.vec(arc);
    let mutex = around(&heap, "std::sync::poison::mutex::Mutex", vec);
    let number = heap.types.scalar("u64", 8);
    let state = heap.types.structure("chat::State", 40, &[("id", 0, number), ("sessions", 8, mutex)]);
    heap.root(0x500, words(&[0, 0, 2, 0x1000, 2]), state);
    heap.block(0x1000, words(&[0x3000, 0x2000]), Content::Buffer(arc));
    heap.block(0x2000, words(&[3, 1, 7]), Content::Value(arc_inner));
    heap.block(0x3000, words(&[1, 1, 7]), Content::Value(arc_inner));
    let sessions = ".sessions: std::sync::poison::mutex::Mutex<alloc::vec::Vec<alloc::sync::Arc<chat::Session>, alloc::alloc::Global>> Owning";
    let way = |end| way(&heap, &[(0x518, Owning), (0x1008, Counted)], end);
    let expected = [sessions, "[1]: alloc::sync::Arc<chat::Session> Counted 1/3"];
    assert_eq!(way(None), expected);
    assert_eq!(way(Some((0x2010, SESSION))), expected, "the value is all that the pointer leads to");
    assert_eq!(way(Some((0x2010, "chat::Other"))), expected, "of a value that is not there nothing is said");
    let id = [&expected[..], &[".id: u64"]].concat();
    assert_eq!(way(Some((0x2010, "u64"))), id, "a part of the value");
}

#[test]
fn what_is_in_a_static_itself_is_not_said_twice() {
    let Types { mut heap, session, arc, arc_inner } = types();
    let vec = heap.types.vec(session);
    heap.root(0x500, words(&[2, 0x1000, 2]), vec);
    heap.root(0x600, words(&[0x2000]), arc);
    heap.block(0x1000, words(&[7, 8]), Content::Buffer(session));
    heap.block(0x2000, words(&[2, 1, 9]), Content::Value(arc_inner));
    assert_eq!(way(&heap, &[(0x508, Owning)], Some((0x1008, SESSION))), ["[1]: chat::Session"]);
    assert_eq!(way(&heap, &[(0x600, Counted)], None), [": alloc::sync::Arc<chat::Session> Counted 1/2"]);
    heap.with(&[], |heap| {
        let end = End { address: RuntimeAddress(0x1008), name: SESSION };
        let graph = Graph::new(2, vec![edge(heap, 0x508, Owning)]);
        let found = holders((heap, &graph, &Reach::of(&graph)), (Home::Block(0), Some(end)), 3, &Tasks(Vec::new()));
        assert_eq!(found.iter().map(text).collect::<Vec<_>>(), [["[1]: chat::Session"]]);
    });
}

#[test]
fn a_type_that_is_not_known_shows_its_fields() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let custom = around(&heap, "other::lock::Mutex", arc);
    let pair = heap.types.structure("(u64, other::lock::Mutex<…>)", 24, &[("__1", 8, custom)]);
    heap.root(0x500, words(&[0, 0, 0x2000]), pair);
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    assert_eq!(way(&heap, &[(0x510, Counted)], None), [".1 .data: core::cell::UnsafeCell<…> Counted 1/1"]);
}

#[test]
fn a_users_value_in_a_known_type_is_seen_even_if_it_is_not_where_it_should_be() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let hasher = heap.types.structure("chat::Hasher", 8, &[("seed", 0, arc)]);
    let map = "std::collections::hash::map::HashMap<u64, u64, chat::Hasher>";
    let map = heap.types.structure(map, 8, &[("hash_builder", 0, hasher)]);
    let holder = heap.types.structure("chat::State", 8, &[("map", 0, map)]);
    heap.root(0x500, words(&[0x2000]), holder);
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    assert_eq!(way(&heap, &[(0x500, Counted)], None), [".map .seed: alloc::sync::Arc<chat::Session> Counted 1/1"]);
}

#[test]
fn variants_tuples_arrays_and_unions() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let open = heap.types.structure("Open", 24, &[("__0", 8, arc)]);
    let closed = heap.types.structure("Closed", 24, &[]);
    let variants = [("Closed", Some(0), closed), ("Open", Some(1), open)];
    let conn = heap.types.enumeration("chat::Conn<chat::Tcp>", 24, 8, &variants, false);
    let array = heap.types.add("[chat::Conn<chat::Tcp>; 2]", 48, TypeKind::Array { element: conn, count: 2 }, &[]);
    let union =
        heap.types.add("chat::Raw", 48, TypeKind::Union { fields: heap.types.fields(&[("conns", 0, array)]) }, &[]);
    heap.root(0x500, words(&[0, 0, 0, 1, 0x2000, 0]), union);
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    let expected = [".conns [1] Conn::Open .0: alloc::sync::Arc<chat::Session> Counted 1/1"];
    assert_eq!(way(&heap, &[(0x520, Counted)], None), expected);
}

#[test]
fn what_a_closure_and_a_future_hold() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let number = heap.types.scalar("u64", 8);
    let closure = heap.types.structure("chat::main::{closure_env#0}<u8>", 16, &[("_ref__a", 0, arc), ("b", 8, arc)]);
    let dynamic = heap.types.structure(
        "alloc::boxed::Box<dyn core::ops::function::Fn<()>>",
        16,
        &[("pointer", 0, number), ("vtable", 8, number)],
    );
    let future = |name: &str| {
        let captured = heap.types.structure("Unresumed", 48, &[("a", 8, arc)]);
        let locals = [("a", 8, arc), ("b", 16, arc), ("__awaitee", 24, dynamic), ("__7", 40, arc)];
        let suspended = heap.types.structure("Suspend0", 48, &locals);
        heap.types.enumeration(name, 48, 8, &[("Unresumed", Some(0), captured), ("Suspend0", Some(3), suspended)], true)
    };
    let (function, block) = (future("chat::f::{async_fn_env#0}"), future("chat::g::{async_block_env#0}"));
    heap.root(0x500, words(&[0x1000, 0]), dynamic);
    heap.root(0x600, words(&[0x4000, 0]), dynamic);
    heap.root(0x700, words(&[0x5000, 0]), dynamic);
    heap.block(0x1000, words(&[0x2000, 0x2000]), Content::Value(closure));
    heap.block(0x2000, words(&[2, 1, 7]), Content::Value(arc_inner));
    heap.block(0x4000, words(&[3, 0x2000, 0x2000, 0x5000, 0, 0x2000]), Content::Value(function));
    heap.block(0x5000, words(&[3, 0x2000, 0x2000, 0, 0, 0x2000]), Content::Value(block));
    let last = |at| way(&heap, at, None).pop().unwrap();
    let (f, g) = ("future chat::f::{async_fn_env#0}", "future chat::g::{async_block_env#0}");
    let arc = "alloc::sync::Arc<chat::Session> Counted 1/2";
    assert_eq!(last(&[(0x500, Owning), (0x1000, Counted)]), format!("captured a: {arc}"));
    assert_eq!(last(&[(0x500, Owning), (0x1008, Counted)]), format!("captured b: {arc}"));
    assert_eq!(last(&[(0x600, Owning), (0x4008, Counted)]), format!("{f} local a: {arc}"), "a parameter");
    assert_eq!(last(&[(0x600, Owning), (0x4010, Counted)]), format!("{f} local b: {arc}"));
    assert_eq!(last(&[(0x600, Owning), (0x4028, Counted)]), format!(": {arc}"), "a temporary has no name");
    assert_eq!(last(&[(0x700, Owning), (0x5008, Counted)]), format!("{g} captured a: {arc}"));
    assert_eq!(last(&[(0x700, Owning), (0x5010, Counted)]), format!("{g} local b: {arc}"));
    let through = way(&heap, &[(0x600, Owning), (0x4018, Owning), (0x5010, Counted)], None);
    let both = [format!("{f}: "), format!("{g} local b: {arc}")];
    assert_eq!(through, both, "the box that is awaited is not on the way, the futures are");
}

#[test]
fn memory_without_a_type_is_said_to_be_unknown() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let number = heap.types.scalar("usize", 8);
    heap.root(0x500, words(&[0x1000]), number);
    heap.block(0x1000, words(&[0, 0x2000]), Content::Unknown);
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    let at = [(0x500, Unknown), (0x1008, Unknown)];
    assert_eq!(way(&heap, &at, None), [": usize Unknown", "Unknown:  Unknown"]);
    assert_eq!(way(&heap, &at[..1], Some((0x1008, SESSION))), [": usize Unknown"]);
    // A pointer that says what it leads to, and a block of just that size.
    let node = heap.types.structure("chat::Node", 16, &[("session", 8, arc)]);
    let pointer = heap.types.pointer("*mut chat::Node", node);
    heap.root(0x600, words(&[0x1000]), pointer);
    let expected = [".session: alloc::sync::Arc<chat::Session> Counted 1/1"];
    assert_eq!(way(&heap, &[(0x600, Borrowed), (0x1008, Counted)], None), expected);
    heap.root(0x700, words(&[0x1004]), pointer);
    let expected = ["Unknown:  Unknown"];
    assert_eq!(way(&heap, &[(0x700, Borrowed), (0x1008, Unknown)], None), expected, "not to its start");
}

#[test]
fn a_pointer_into_the_middle_of_a_block() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let number = heap.types.scalar("u64", 8);
    let inner = heap.types.structure("chat::Inner", 16, &[("id", 0, number), ("session", 8, arc)]);
    let outer = heap.types.structure("chat::Outer", 40, &[("other", 0, arc), ("inner", 8, inner), ("last", 24, inner)]);
    let pointer = heap.types.pointer("&chat::Inner", inner);
    heap.root(0x500, words(&[0x1008]), pointer);
    heap.block(0x1000, words(&[0x2000, 0, 0x2000, 0, 0x2000]), Content::Value(outer));
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    let arc = "alloc::sync::Arc<chat::Session> Counted 1/1";
    let way = |word| way(&heap, &[(0x500, Borrowed), (word, Counted)], None);
    assert_eq!(way(0x1010), [format!(".session: {arc}")]);
    assert_eq!(way(0x1000), [format!("Unknown .other: {arc}")], "it is not in what the pointer leads to");
    assert_eq!(way(0x1020), [format!("Unknown .last .session: {arc}")]);
}

#[test]
fn keys_and_values_of_one_type() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let number = heap.types.scalar("usize", 8);
    let pair = heap.types.structure("(Arc, Arc)", 16, &[("__0", 0, arc), ("__1", 8, arc)]);
    let fields = heap.types.fields(&[("ctrl", 0, number), ("bucket_mask", 8, number), ("items", 16, number)]);
    let table = heap.types.add("hashbrown::raw::RawTable<(Arc, Arc)>", 24, TypeKind::Struct { fields }, &[("T", pair)]);
    let map = "std::collections::hash::map::HashMap<Arc, Arc>";
    let fields = heap.types.fields(&[("table", 0, table)]);
    let map = heap.types.add(map, 24, TypeKind::Struct { fields }, &[("K", arc), ("V", arc)]);
    let mut bytes = words(&[0, 0x2000, 0x2000, 0x2000]);
    bytes.extend([0x11; 18]);
    heap.root(0x500, words(&[0x1020, 1, 2]), map);
    heap.block(0x1000, bytes, Content::Table(pair));
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    let way = |word| way(&heap, &[(0x500, Owning), (word, Counted)], None).pop().unwrap();
    let arc = "alloc::sync::Arc<chat::Session> Counted 1/1";
    assert_eq!(way(0x1008), format!("Value: {arc}"));
    assert_eq!(way(0x1010), format!("Key: {arc}"));
    assert_eq!(way(0x1018), format!("Value: {arc}"));
}

#[test]
fn numbers_in_a_deque_and_a_list() {
    let Types { mut heap, session, .. } = types();
    let word = heap.types.scalar("usize", 8);
    let fields = heap.types.fields(&[("head", 0, word), ("len", 8, word), ("cap", 16, word), ("pointer", 24, word)]);
    let name = "alloc::collections::vec_deque::VecDeque<chat::Session>";
    let deque = heap.types.add(name, 32, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x500, words(&[3, 2, 4, 0x1000]), deque);
    heap.block(0x1000, words(&[1, 2, 3, 4]), Content::Buffer(session));
    assert_eq!(way(&heap, &[(0x518, Owning)], Some((0x1018, SESSION))), ["[0]: chat::Session"]);
    assert_eq!(way(&heap, &[(0x518, Owning)], Some((0x1000, SESSION))), ["[1]: chat::Session"]);

    let node = "alloc::collections::linked_list::Node<chat::Session>";
    let node = heap.types.structure(node, 24, &[("next", 0, word), ("prev", 8, word), ("element", 16, session)]);
    let fields = heap.types.fields(&[("head", 0, word), ("tail", 8, word), ("len", 16, word)]);
    let list = "alloc::collections::linked_list::LinkedList<chat::Session>";
    let list = heap.types.add(list, 24, TypeKind::Struct { fields }, &[("T", session)]);
    heap.root(0x600, words(&[0x2000, 0x4000, 3]), list);
    heap.block(0x2000, words(&[0x3000, 0, 7]), Content::Value(node));
    heap.block(0x3000, words(&[0x4000, 0x2000, 7]), Content::Value(node));
    heap.block(0x4000, words(&[0, 0x3000, 7]), Content::Value(node));
    let list = |at: &[u64], end| {
        let at: Vec<_> = at.iter().map(|at| (*at, Borrowed)).collect();
        way(&heap, &at, Some((end, SESSION)))
    };
    assert_eq!(list(&[0x600], 0x2010), ["[0]: chat::Session"]);
    assert_eq!(list(&[0x600, 0x2000], 0x3010), ["[1]: chat::Session"]);
    assert_eq!(list(&[0x608], 0x4010), ["[2]: chat::Session"]);
    assert_eq!(list(&[0x608, 0x4008], 0x3010), ["[1]: chat::Session"]);
    let to_and_fro: [&str; 0] = [];
    assert_eq!(list(&[0x600, 0x2000, 0x3008], 0x2010), to_and_fro);
}

#[test]
fn where_ways_begin() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let storage = around(&heap, "std::sys::thread_local::native::lazy::Storage", arc);
    heap.thread_local(0x500, words(&[1, 0x2000]), storage, 0);
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    let local = held(&heap, &[(0x508, Counted)], None, &Tasks(Vec::new()));
    let (name, ty, thread) = ("chat::CURRENT".into(), "alloc::sync::Arc<chat::Session>".into(), "worker".into());
    assert_eq!(local.root, HeldBy::ThreadLocal { name, ty, declared: None, thread });
    assert_eq!(text(&local), [": alloc::sync::Arc<chat::Session> Counted 1/1"]);
    let from = |from| {
        let way = [Edge { from, at: RuntimeAddress(0), to: 0, kind: Unknown }];
        let threads = [Thread { name: "worker".into(), ..Thread::default() }];
        let held =
            heap.with(&threads, |heap| holder(heap, &Graph::new(1, way.to_vec()), &way, None, &Tasks(Vec::new())));
        assert_eq!(held.hops, []);
        held.root
    };
    assert_eq!(from(Source::Stack(0)), HeldBy::Thread { name: "worker".into() });
    assert_eq!(from(Source::Register(0)), HeldBy::Thread { name: "worker".into() });
    assert_eq!(from(Source::ThreadMemory(0)), HeldBy::ThreadMemory { name: "worker".into() });
    assert_eq!(from(Source::Segment), HeldBy::UnnamedStatic);
    assert_eq!(from(Source::Foreign), HeldBy::Foreign);
}

#[test]
fn a_way_begins_at_the_last_task() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let word = heap.types.scalar("usize", 8);
    let future = heap.types.structure("chat::Polled", 16, &[("next", 0, word), ("session", 8, arc)]);
    let fields = heap.types.fields(&[("header", 0, word), ("stage", 8, future)]);
    let name = "tokio::runtime::task::core::Cell<chat::Polled, S>";
    let cell = heap.types.add(name, 24, TypeKind::Struct { fields }, &[("T", future)]);
    heap.root(0x500, words(&[0x1000]), word);
    heap.block(0x1000, words(&[0, 0x3000, 0]), Content::Value(cell));
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    heap.block(0x3000, words(&[0, 0, 0x2000]), Content::Value(cell));
    let tasks = Tasks(vec![0, 2]);
    let held = held(&heap, &[(0x500, Unknown), (0x1008, Unknown), (0x3010, Counted)], None, &tasks);
    assert!(matches!(&held.root, HeldBy::Task(task) if &*task.future == "task 2"), "{held:?}");
    assert_eq!(text(&held), [".session: alloc::sync::Arc<chat::Session> Counted 1/1"]);
    let held = self::held(&heap, &[(0x500, Unknown), (0x1008, Unknown)], Some((0x3008, "chat::Polled")), &tasks);
    assert!(matches!(&held.root, HeldBy::Task(_)) && held.hops.is_empty(), "{held:?}");
    let way = [(0x500, Unknown), (0x1008, Unknown), (0x3010, Counted)];
    let held = self::held(&heap, &way, None, &Ended(&tasks, 2));
    assert!(matches!(&held.root, HeldBy::Task(task) if &*task.future == "task 0"), "{held:?}");
}

#[test]
fn owners_before_those_that_only_point() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let both = |name: &str| heap.types.structure(name, 16, &[("a", 0, arc), ("b", 8, arc)]);
    let (first, second) = (both("chat::First"), both("chat::Second"));
    heap.root(0x500, words(&[0x2000, 0x2000]), first);
    heap.root(0x600, words(&[0x2000, 0x2000]), second);
    heap.block(0x2000, words(&[3, 1, 7]), Content::Value(arc_inner));
    heap.block(0x3000, words(&[0x2000, 0]), Content::Value(first));
    let fields = |at: &[(u64, EdgeKind)], most| {
        heap.with(&[], |heap| {
            let edges = at.iter().map(|(at, kind)| edge(heap, *at, *kind)).collect();
            let graph = Graph::new(2, edges);
            let end = End { address: RuntimeAddress(0x2010), name: SESSION };
            let found =
                holders((heap, &graph, &Reach::of(&graph)), (Home::Block(0), Some(end)), most, &Tasks(Vec::new()));
            found.iter().flat_map(text).map(|text| text.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
        })
    };
    let all = [(0x500, Borrowed), (0x508, Counted), (0x600, Unknown), (0x608, Counted), (0x3000, Counted)];
    assert_eq!(fields(&all, 5), [".b", ".b"], "two statics; nothing leads to the block");
    assert_eq!(fields(&all, 1), [".b"]);
    assert_eq!(fields(&[(0x600, Unknown), (0x500, Borrowed)], 5), [".a", ".a"]);
    assert_eq!(fields(&[(0x3000, Counted)], 5), [""; 0], "nothing that lives holds it");
}

#[test]
fn the_owner_of_a_future_before_what_it_is_parked_on() {
    let Types { mut heap, arc, arc_inner, .. } = types();
    let word = heap.types.scalar("usize", 8);
    let future = heap.types.structure("chat::Polled", 16, &[("waiter", 0, word), ("session", 8, arc)]);
    let boxed = heap.types.pointer("alloc::boxed::Box<chat::Polled>", future);
    let stored = heap.types.structure("chat::Stored", 16, &[("id", 0, word), ("future", 8, boxed)]);
    let outer = heap.types.pointer("alloc::boxed::Box<chat::Stored>", stored);
    heap.root(0x500, words(&[0x1000]), word);
    heap.root(0x600, words(&[0x3000]), outer);
    heap.block(0x1000, words(&[0x3000, 0x2000]), Content::Value(future));
    heap.block(0x2000, words(&[1, 1, 7]), Content::Value(arc_inner));
    heap.block(0x3000, words(&[0, 0x1000]), Content::Value(stored));
    let said = |at: &[(u64, EdgeKind)], tasks: &[u32]| {
        heap.with(&[], |heap| {
            let graph = Graph::new(3, at.iter().map(|(at, kind)| edge(heap, *at, *kind)).collect());
            let end = End { address: RuntimeAddress(0x2010), name: SESSION };
            let found =
                holders((heap, &graph, &Reach::of(&graph)), (Home::Block(1), Some(end)), 5, &Tasks(tasks.to_vec()));
            let first = found.first().map(|holder| (matches!(holder.root, HeldBy::Task(_)), text(holder)));
            (found.len(), first)
        })
    };
    let (future, session) =
        (".future: alloc::boxed::Box<chat::Polled> Owning", ".session: alloc::sync::Arc<chat::Session> Counted 1/1");
    let list = [(0x500, Borrowed), (0x1008, Counted)];
    let owner = [(0x600, Owning), (0x3008, Owning)];
    assert_eq!(said(&[list, owner].concat(), &[]), (1, Some((false, vec![future.into(), session.into()]))));
    // Only what the task is parked on leads to it.
    let waker = [(0x1000, Borrowed), (0x3008, Owning)];
    assert_eq!(said(&[list, waker].concat(), &[2]), (1, Some((true, vec![future.into(), session.into()]))));
    let parked = said(&[list, waker].concat(), &[]);
    assert_eq!(parked, (1, Some((false, vec![session.into()]))), "to and fro");
}
