//! What to do about a leak, in one line, told from who holds it or from how it is lost.
//!
//! May use: `debuginfo`, `stack`, `address`. It is advice, so it must be right: where nothing fits for certain, there is none.

use crate::heap::awaits::is_poll_fn;
use crate::heap::graph::{Edge, EdgeKind};
use crate::heap::holders::{Counted, HeldBy, Holder, Hop, Task, TaskState, Way};
use crate::heap::lost::Leak;
use std::rc::Rc;

/// What to do about a leak.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advice {
    /// A collection still has the entry.
    Remove {
        /// The collection: `chat::REGISTRY.sessions`.
        from: String,
        /// The future, in full, if the collection belongs to a task and not to a static or thread-local.
        task: Option<Rc<str>>,
    },
    /// A static or thread-local still leads to it, not through a collection.
    Clear {
        /// Where it is: `chat::CURRENT`, `chat::SERVER.last`.
        from: String,
    },
    /// The value was dropped, and a `Weak` in a static or thread-local keeps the memory.
    DropWeak {
        /// What has the `Weak`: `chat::OBSERVERS`.
        from: String,
    },
    /// A task has not ended.
    EndTask {
        /// The future of the task, in full.
        future: Rc<str>,
        /// The innermost future that it waits for, in full, if it is one only.
        waits_for: Option<Rc<str>>,
    },
    /// A task has not been polled even once.
    PollTask {
        /// The future of the task, in full.
        future: Rc<str>,
    },
    /// A task has ended, and nobody took its result or let go of its handle.
    TakeResult {
        /// The future of the task, in full.
        future: Rc<str>,
    },
    /// It is in a channel from which nobody has received it.
    Receive,
    /// It is on the stack of a thread that has not ended.
    EndThread {
        /// The thread's name; empty if it has none.
        thread: Rc<str>,
    },
    /// Its owners own each other, and one field made a `Weak` would free them.
    Weaken {
        /// That field.
        field: String,
    },
    /// Its owners own each other, and no field alone would free them.
    WeakenSeveral,
    /// The pointer to it was given up without a drop.
    Forgotten {
        /// For an `Rc` or `Arc`: how many owners were found.
        owners: Option<Counted>,
    },
    /// Not all owners of an `Rc` or `Arc` were found; a raw pointer, or a word of which nothing is known, may be the missing one.
    DropRaw {
        /// How many owners were found.
        owners: Counted,
        /// The field that may be the missing one.
        field: String,
    },
}

/// Threads of runtimes. They do not end before the process does, and their stacks are full of what they did last.
const POOLS: &[&str] = &["tokio-", "async-std/", "smol-", "blocking-", "rayon-", "actix-"];

/// Collections that give their elements numbers. Out of an array or a boxed slice nothing can be taken.
const LISTS: &[&str] = &["Vec", "VecDeque", "LinkedList", "BinaryHeap", "SmallVec", "ArrayVec", "Slab"];

/// What the types of pointers that own nothing contain.
const REFERENCES: &[&str] = &["&", "*const ", "*mut ", "NonNull<", "AtomicPtr<"];

/// What would make this holder let go.
pub fn for_holder(holder: &Holder) -> Option<Advice> {
    let steps = steps(holder);
    if let Some(last) = holder.hops.iter().rposition(|hop| hop.kind.is_some())
        && holder.hops[last].kind == Some(EdgeKind::Weak)
    {
        return for_weak(holder, &steps, last);
    }
    // Of several collections the innermost: a room outlives the session that should have left it.
    let collection = steps.iter().rposition(|step| step.takes_out());
    if let Some(at) = collection
        && owned_from(&holder.hops, steps[at].hop)
    {
        if *steps[at].way == Way::Message {
            return Some(Advice::Receive);
        }
        let is_list = matches!(steps[at].way, Way::Index(_));
        let path = path(&steps[..at]);
        match (&holder.root, path) {
            (HeldBy::Static { name, .. } | HeldBy::ThreadLocal { name, .. }, Some(path)) => {
                return Some(Advice::Remove { from: format!("{name}{path}"), task: None });
            }
            // What a task has in a list is often all it works on; a map is kept for others.
            (HeldBy::Task(task), Some(path)) if !is_list && lives(task) && !path.is_empty() => {
                let from = path.trim_start_matches('.').to_owned();
                return Some(Advice::Remove { from, task: Some(Rc::clone(&task.future)) });
            }
            _ => {}
        }
    }
    match &holder.root {
        HeldBy::Static { name, ty, .. } | HeldBy::ThreadLocal { name, ty, .. } => {
            // A reference may be on the way: what counts is that the last pointer owns the value, if it is not in the static itself.
            let owned = match holder.hops.iter().rposition(|hop| hop.kind.is_some()) {
                Some(last) => owned_from(&holder.hops, last),
                // The pointer is the static itself.
                None => !REFERENCES.iter().any(|reference| ty.contains(reference)),
            };
            let path = path(outside(&steps)).filter(|_| owned && path(&steps).is_some())?;
            Some(Advice::Clear { from: format!("{name}{path}") })
        }
        HeldBy::Task(task) => {
            path(&steps).filter(|_| owned_from(&holder.hops, 0))?;
            for_task(task)
        }
        HeldBy::Thread { name } | HeldBy::Local { thread: name, .. } => {
            let ours = !POOLS.iter().any(|pool| name.starts_with(pool));
            (ours && owned_from(&holder.hops, 0)).then(|| Advice::EndThread { thread: Rc::clone(name) })
        }
        HeldBy::ThreadMemory { .. } | HeldBy::UnnamedStatic | HeldBy::Foreign | HeldBy::Nothing => None,
    }
}

/// What would free this leak; `field` names the field that an edge is in.
pub fn for_leak(leak: &Leak, field: impl Fn(&Edge) -> Option<String>) -> Option<Advice> {
    let missing = leak.counts.iter().find(|count| count.missing() > 0);
    if let Some(cycle) = &leak.cycle {
        return match (cycle.weaken.first().and_then(|edges| edges.first()), missing) {
            (Some(edge), _) => Some(Advice::Weaken { field: field(&cycle.edges[*edge])? }),
            (None, Some(count)) => Some(Advice::Forgotten { owners: Some(count.owners) }),
            (None, None) => Some(Advice::WeakenSeveral),
        };
    }
    match missing {
        Some(count) => match count.suspects.first() {
            Some(suspect) => Some(Advice::DropRaw { owners: count.owners, field: field(suspect)? }),
            None => Some(Advice::Forgotten { owners: Some(count.owners) }),
        },
        // What points to each other in a ring may own each other through containers of which nothing is known.
        None => (leak.counts.is_empty() && leak.ring.is_empty()).then_some(Advice::Forgotten { owners: None }),
    }
}

/// The `Weak` of this hop keeps the memory of a value that was dropped.
fn for_weak(holder: &Holder, steps: &[Step<'_>], hop: usize) -> Option<Advice> {
    let (HeldBy::Static { name, .. } | HeldBy::ThreadLocal { name, .. }) = &holder.root else { return None };
    let collection = steps.iter().rposition(Step::takes_out).map(|at| &steps[..at]);
    let path = path(collection.unwrap_or(outside(steps))).filter(|_| owned(&holder.hops[..hop]))?;
    Some(Advice::DropWeak { from: format!("{name}{path}") })
}

fn for_task(task: &Task) -> Option<Advice> {
    let future = Rc::clone(&task.future);
    match &task.state {
        TaskState::Suspended { awaits, branches } => {
            // `poll_fn` is how others are written: what awaits it has a name.
            let named = awaits.iter().skip(1).rfind(|parked| !is_poll_fn(&parked.future));
            let innermost = named.filter(|_| branches.is_empty());
            Some(Advice::EndTask { future, waits_for: innermost.map(|parked| Rc::clone(&parked.future)) })
        }
        TaskState::Running => Some(Advice::EndTask { future, waits_for: None }),
        TaskState::NotBegun => Some(Advice::PollTask { future }),
        TaskState::Finished => Some(Advice::TakeResult { future }),
        TaskState::Aborted | TaskState::Consumed | TaskState::Panicked | TaskState::Cancelled | TaskState::Unknown => {
            None
        }
    }
}

fn lives(task: &Task) -> bool {
    matches!(task.state, TaskState::Suspended { .. } | TaskState::Running)
}

/// One part of the way.
struct Step<'a> {
    way: &'a Way,
    /// The hop it belongs to.
    hop: usize,
    /// The type of what the way was in before, if this is the first part of the hop.
    inside: Option<&'a str>,
}

impl Step<'_> {
    /// Whether what follows was put into a collection, from where it can be taken out.
    fn takes_out(&self) -> bool {
        match self.way {
            Way::Key | Way::Value | Way::Message => true,
            Way::Index(_) => self.inside.is_some_and(is_list),
            _ => false,
        }
    }
}

/// Whether this is a collection that gives its elements numbers, or one in locks and smart pointers: `Mutex<Vec<…>>`.
fn is_list(ty: &str) -> bool {
    let (path, parameters) = ty.split_once('<').unwrap_or((ty, ""));
    if path.contains(['[', '(', '&', '*']) || path.starts_with("dyn ") {
        return false;
    }
    // Some locks name the kind of lock first: `lock_api::mutex::Mutex<RawMutex, Vec<…>>`.
    let name = path.rsplit(", ").next().and_then(|path| path.rsplit("::").next()).unwrap_or(path);
    LISTS.contains(&name) || (!parameters.is_empty() && is_list(parameters))
}

fn steps(holder: &Holder) -> Vec<Step<'_>> {
    let mut inside = match &holder.root {
        HeldBy::Static { ty, .. } | HeldBy::ThreadLocal { ty, .. } => Some(&**ty),
        _ => None,
    };
    let mut steps = Vec::new();
    for (at, hop) in holder.hops.iter().enumerate() {
        for (part, way) in hop.way.iter().enumerate() {
            steps.push(Step { way, hop: at, inside: inside.filter(|_| part == 0) });
        }
        inside = Some(&*hop.ty);
    }
    steps
}

/// Whether all pointers from this hop on own what they lead to: what is only referred to is not freed when they go.
fn owned_from(hops: &[Hop], first: usize) -> bool {
    owned(hops.get(first..).unwrap_or_default())
}

fn owned(hops: &[Hop]) -> bool {
    hops.iter().filter_map(|hop| hop.kind).all(|kind| matches!(kind, EdgeKind::Owning | EdgeKind::Counted))
}

/// The steps before the first closure or future: nobody can reach into one of those.
fn outside<'s, 'h>(steps: &'s [Step<'h>]) -> &'s [Step<'h>] {
    let within = |step: &Step<'_>| matches!(step.way, Way::Captured(_) | Way::Local(_));
    &steps[..steps.iter().position(within).unwrap_or(steps.len())]
}

/// The way as it would be written; none if a part of it is not known.
fn path(steps: &[Step<'_>]) -> Option<String> {
    let mut path = String::new();
    for step in steps {
        match step.way {
            Way::Field(name) | Way::Local(name) | Way::Captured(name) => {
                path.push('.');
                path.push_str(name);
            }
            Way::Index(_) | Way::Key | Way::Value | Way::Message => path.push_str("[_]"),
            Way::Variant(_) | Way::Future { .. } => {}
            Way::Unknown => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::RuntimeAddress;
    use crate::heap::cycles::Cycle;
    use crate::heap::graph::Source;
    use crate::heap::holders::{Await, TaskKind};
    use crate::heap::lost::Count;
    use crate::stack::StackId;
    use EdgeKind::{Borrowed, Counted as Shared, Owning, Unknown};

    fn hop(way: &[Way], ty: &str, kind: impl Into<Option<EdgeKind>>) -> Hop {
        Hop { way: way.to_vec(), ty: ty.into(), kind: kind.into(), counted: None }
    }

    fn field(name: &str) -> Way {
        Way::Field(name.into())
    }

    fn in_static(ty: &str) -> HeldBy {
        HeldBy::Static { name: "chat::REGISTRY".into(), ty: ty.into(), declared: None }
    }

    fn in_task(state: TaskState) -> HeldBy {
        let future = "chat::heartbeat::{async_fn_env#0}".into();
        HeldBy::Task(Task { kind: TaskKind::Spawned, future, spawned: StackId(1), state })
    }

    fn parked(futures: &[&str]) -> TaskState {
        let awaits = futures.iter().map(|future| Await { future: (*future).into(), at: None }).collect();
        TaskState::Suspended { awaits, branches: Vec::new() }
    }

    fn on_thread(name: &str) -> HeldBy {
        HeldBy::Thread { name: name.into() }
    }

    fn remove(from: &str) -> Option<Advice> {
        Some(Advice::Remove { from: from.to_owned(), task: None })
    }

    fn clear(from: &str) -> Option<Advice> {
        Some(Advice::Clear { from: from.to_owned() })
    }

    #[test]
    fn collections_in_statics() {
        let sessions = hop(&[field("sessions")], "HashMap<u64, Arc<Session>>", Owning);
        let value = |kind| hop(&[Way::Value], "Arc<Session>", kind);
        let advice = |ty, hops: &[Hop]| for_holder(&Holder { root: in_static(ty), hops: hops.to_vec() });
        assert_eq!(advice("Registry", &[sessions.clone(), value(Shared)]), remove("chat::REGISTRY.sessions"));
        assert_eq!(advice("Registry", &[sessions.clone(), value(Borrowed)]), None, "it would not be freed");
        assert_eq!(advice("Registry", &[sessions.clone(), value(Unknown)]), None);
        let rooms = hop(&[Way::Value, field("members")], "parking_lot::Mutex<alloc::vec::Vec<Arc<Session>>>", Owning);
        let member = hop(&[Way::Index(3)], "Arc<Session>", Shared);
        let inner = [sessions, rooms, member.clone()];
        assert_eq!(advice("Registry", &inner), remove("chat::REGISTRY.sessions[_].members"), "the innermost");
        assert_eq!(
            advice("std::sync::Mutex<alloc::vec::Vec<Arc<Session>>>", std::slice::from_ref(&member)),
            remove("chat::REGISTRY")
        );
        // Not out of these.
        for ty in [
            "[Arc<Session>; 4]",
            "Box<[Arc<Session>]>",
            "Mutex<Box<[alloc::vec::Vec<u8>; 2]>>",
            "Box<dyn Fn<(Vec<u8>,)>>",
        ] {
            assert_eq!(advice(ty, std::slice::from_ref(&member)), clear("chat::REGISTRY[_]"), "{ty}");
        }
        let unknown = hop(&[Way::Unknown], "", Unknown);
        assert_eq!(advice("Registry", &[unknown, value(Shared)]), None, "the name of the collection is not known");
    }

    #[test]
    fn memory_that_only_a_weak_keeps() {
        let weak = hop(&[Way::Index(3)], "Weak<Session>", EdgeKind::Weak);
        let list = hop(&[field("observers")], "alloc::vec::Vec<Weak<Session>>", Owning);
        let advice = |root, hops: &[Hop]| for_holder(&Holder { root, hops: hops.to_vec() });
        let drop_weak = |from: &str| Some(Advice::DropWeak { from: from.to_owned() });
        let in_list = [list, weak];
        assert_eq!(advice(in_static("Registry"), &in_list), drop_weak("chat::REGISTRY.observers"));
        let last = hop(&[field("last")], "Weak<Session>", EdgeKind::Weak);
        assert_eq!(advice(in_static("State"), std::slice::from_ref(&last)), drop_weak("chat::REGISTRY.last"));
        let borrowed = hop(&[field("state")], "State", Borrowed);
        assert_eq!(advice(in_static("&State"), &[borrowed, last]), None, "it may be somebody else's");
        assert_eq!(advice(on_thread("worker"), &in_list), None);
    }

    #[test]
    fn statics_that_are_no_collections() {
        let advice = |hops: &[Hop]| for_holder(&Holder { root: in_static("State"), hops: hops.to_vec() });
        let arc = |kind| hop(&[field("last")], "Arc<Session>", kind);
        assert_eq!(advice(&[arc(Shared)]), clear("chat::REGISTRY.last"));
        assert_eq!(
            advice(&[hop(&[field("config")], "&Config", Borrowed), arc(Shared)]),
            clear("chat::REGISTRY.config.last")
        );
        assert_eq!(advice(&[]), clear("chat::REGISTRY"), "the static itself is the value");
        let captured = |name: &str| hop(&[Way::Captured(name.into())], "Arc<Session>", Shared);
        let callback = hop(&[field("callback")], "Box<dyn Fn()>", Owning);
        assert_eq!(advice(&[captured("session")]), clear("chat::REGISTRY"), "nobody can reach into a closure");
        assert_eq!(advice(&[callback, captured("session")]), clear("chat::REGISTRY.callback"));
        assert_eq!(advice(&[arc(Borrowed)]), None, "a raw pointer frees nothing");
        assert_eq!(advice(&[arc(Borrowed), hop(&[field("id")], "Id", None)]), None);
        let thread =
            HeldBy::ThreadLocal { name: "chat::MINE".into(), ty: "State".into(), declared: None, thread: "".into() };
        assert_eq!(for_holder(&Holder { root: thread, hops: vec![arc(Shared)] }), clear("chat::MINE.last"));
        for root in [HeldBy::UnnamedStatic, HeldBy::Foreign, HeldBy::Nothing, HeldBy::ThreadMemory { name: "".into() }]
        {
            assert_eq!(for_holder(&Holder { root, hops: vec![arc(Shared)] }), None);
        }
    }

    #[test]
    fn messages() {
        let channel = hop(&[Way::Local("rx".into())], "Receiver<Session>", Shared);
        let message = |kind| hop(&[Way::Message], "Arc<Session>", kind);
        for root in [in_task(parked(&["a"])), in_static("State"), HeldBy::UnnamedStatic, on_thread("tokio-rt-worker")] {
            let hops = vec![channel.clone(), message(Shared)];
            assert_eq!(for_holder(&Holder { root, hops }), Some(Advice::Receive));
        }
        let hops = vec![channel, message(Borrowed)];
        assert_eq!(for_holder(&Holder { root: in_task(parked(&["a"])), hops }), None);
    }

    #[test]
    fn tasks() {
        let future: Rc<str> = "chat::heartbeat::{async_fn_env#0}".into();
        let local = |kind| vec![hop(&[Way::Local("session".into())], "Arc<Session>", kind)];
        let advice = |state, kind| for_holder(&Holder { root: in_task(state), hops: local(kind) });
        let end = |waits_for: Option<&str>| {
            Some(Advice::EndTask { future: Rc::clone(&future), waits_for: waits_for.map(Rc::from) })
        };
        assert_eq!(advice(parked(&["heartbeat"]), Shared), end(None), "it awaits nothing that is known");
        assert_eq!(advice(parked(&["heartbeat", "wait", "Notified"]), Shared), end(Some("Notified")));
        let by_function = ["heartbeat", "recv", "core::future::poll_fn::PollFn<recv::{closure_env#0}>"];
        assert_eq!(advice(parked(&by_function), Shared), end(Some("recv")));
        assert_eq!(advice(parked(&[by_function[0], by_function[2]]), Shared), end(None));
        let branches = vec![Vec::new()];
        let several = TaskState::Suspended {
            awaits: vec![Await { future: "a".into(), at: None }, Await { future: "b".into(), at: None }],
            branches,
        };
        assert_eq!(advice(several, Shared), end(None), "it waits for more than one");
        assert_eq!(advice(TaskState::Running, Shared), end(None));
        let future = Rc::clone(&future);
        assert_eq!(advice(TaskState::NotBegun, Shared), Some(Advice::PollTask { future: Rc::clone(&future) }));
        assert_eq!(advice(TaskState::Finished, Shared), Some(Advice::TakeResult { future: Rc::clone(&future) }));
        for state in [TaskState::Consumed, TaskState::Panicked, TaskState::Cancelled, TaskState::Unknown] {
            assert_eq!(advice(state, Shared), None);
        }
        assert_eq!(advice(parked(&["heartbeat"]), Borrowed), None, "its end would not free it");
        // What a task keeps by key it keeps for others; a list may be all that it works on.
        let kept = |ty: &str, way| {
            let hops = vec![hop(&[Way::Local("all".into())], ty, Owning), hop(&[way], "Arc<Session>", Shared)];
            for_holder(&Holder { root: in_task(parked(&["a"])), hops })
        };
        let from = "all".to_owned();
        assert_eq!(kept("HashMap<u8, Arc<Session>>", Way::Value), Some(Advice::Remove { from, task: Some(future) }));
        assert_eq!(kept("Vec<Arc<Session>>", Way::Index(0)), end(None));
    }

    #[test]
    fn threads() {
        let advice = |name, kind| {
            let hops = vec![hop(&[field("session")], "Arc<Session>", kind)];
            for_holder(&Holder { root: on_thread(name), hops })
        };
        assert_eq!(advice("reaper", Shared), Some(Advice::EndThread { thread: "reaper".into() }));
        assert_eq!(advice("", Shared), Some(Advice::EndThread { thread: "".into() }));
        assert_eq!(advice("reaper", Unknown), None);
        assert_eq!(advice("tokio-rt-worker", Shared), None, "it never ends, and what it did last is on its stack");
    }

    #[test]
    fn lost_memory() {
        let edge = |at| Edge { from: Source::Block(0), at: RuntimeAddress(at), to: 0, kind: Shared };
        let count = |found, suspects: &[Edge]| Count {
            block: 0,
            owners: Counted { found, strong: 2 },
            suspects: suspects.to_vec(),
        };
        let advice = |cycle: Option<Cycle>, counts: &[Count]| {
            let leak = Leak { entries: vec![0], owned: vec![], bytes: 8, cycle, ring: vec![], counts: counts.to_vec() };
            for_leak(&leak, |edge| (edge.at.0 != 9).then(|| format!("field {}", edge.at.0)))
        };
        let cycle =
            |weaken: &[Vec<usize>]| Some(Cycle { edges: vec![edge(7), edge(8), edge(9)], weaken: weaken.to_vec() });
        let owners = Counted { found: 1, strong: 2 };
        let field = "field 8".to_owned();
        assert_eq!(advice(cycle(&[vec![1], vec![0]]), &[]), Some(Advice::Weaken { field: field.clone() }));
        assert_eq!(advice(cycle(&[vec![2]]), &[]), None, "a field without a name");
        assert_eq!(advice(cycle(&[]), &[count(2, &[])]), Some(Advice::WeakenSeveral));
        assert_eq!(advice(cycle(&[]), &[count(1, &[])]), Some(Advice::Forgotten { owners: Some(owners) }));
        assert_eq!(advice(None, &[]), Some(Advice::Forgotten { owners: None }));
        assert_eq!(advice(None, &[count(1, &[])]), Some(Advice::Forgotten { owners: Some(owners) }));
        assert_eq!(advice(None, &[count(1, &[edge(8)])]), Some(Advice::DropRaw { owners, field }));
        assert_eq!(advice(None, &[count(1, &[edge(9)])]), None, "the word has no name");
        assert_eq!(advice(None, &[count(2, &[])]), None, "all owners are there; who they are belongs to no one");
    }
}
