//! How two snapshots differ, and what was allocated between them.

use crate::objects::scope::{Side, Which};
use crate::snapshots::{Name, path};
use crate::{Objects, QueryError, Snapshot};
use memleak_core::check::verdict::Obstacle;
use memleak_core::query::scene::frames;
use memleak_core::query::short::short_block;
use memleak_core::query::subjects::Kinds;
use memleak_core::report::{self, Look};
use memleak_core::stack::StackId;
use memleak_core::tracker;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// How a snapshot differs from an earlier one; see [`Snapshot::since`].
///
/// An object is the same in both if it is at the same address, of the same type, and its block was not freed in between. So the earlier
/// snapshot has as many objects as [`survived`](Diff::survived) and [`freed`](Diff::freed) together, and the later as many as `survived` and
/// [`created`](Diff::created). A value that was moved to another block, such as an element of a `Vec` that has grown, is another object: one was
/// freed and one created.
#[derive(Clone)]
pub struct Diff {
    later: Snapshot,
    earlier: Snapshot,
}

impl Diff {
    pub(crate) fn new(later: &Snapshot, earlier: &Snapshot) -> Diff {
        Diff { later: later.clone(), earlier: earlier.clone() }
    }

    /// The objects of the later snapshot that are not in the earlier one.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64); struct User(u64);
    /// #[leak_test]
    /// fn logging_on_makes_one_session() {
    ///     let before = memleak::snapshot();
    ///     let session = (Box::new(Session(1)), Box::new(User(1)));
    ///     let created = memleak::snapshot().since(&before).created();
    ///     assert_eq!(created.of::<Session>().count(), 1);
    ///     assert_eq!(created.count(), 2);
    ///     drop(session);
    /// }
    /// ```
    pub fn created(&self) -> Objects {
        self.side(Which::Created)
    }

    /// The objects that are in both, as the later snapshot has them.
    pub fn survived(&self) -> Objects {
        self.side(Which::Survived)
    }

    /// The objects of the earlier snapshot that are not in the later one.
    pub fn freed(&self) -> Objects {
        self.side(Which::Freed)
    }

    fn side(&self, which: Which) -> Objects {
        let _own = tracker::untracked();
        let (of, other) = match which {
            Which::Created | Which::Survived => (&self.later, &self.earlier),
            Which::Freed => (&self.earlier, &self.later),
        };
        Side { which, other: other.clone() }.among(&of.objects(), &other.objects())
    }
}

impl fmt::Debug for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (created, survived, freed) = (self.created().count(), self.survived().count(), self.freed().count());
        write!(f, "Diff({created} created, {survived} survived, {freed} freed)")
    }
}

/// What was allocated and freed between two snapshots; see [`Snapshot::traffic_since`].
///
/// It counts blocks: those that came and went in between are in none of the snapshots, and are counted here. A `Vec` that grows moves to a new
/// block, which is an allocation of the new size and a free of the old one. What memleak allocates for itself is not counted.
#[derive(Clone)]
pub struct Traffic {
    allocated: TrafficSide,
    freed: TrafficSide,
}

impl Traffic {
    pub(crate) fn new(later: &Snapshot, earlier: &Snapshot) -> Traffic {
        let _own = tracker::untracked();
        let before = earlier.ask(|copy| copy.before());
        let (allocated, freed) = later.ask(move |copy| {
            let flows = copy.traffic_since(&before);
            let plain = |flows: Vec<memleak_core::query::traffic::Flow>| -> Arc<[Flow]> {
                let plain = |flow: &memleak_core::query::traffic::Flow| Flow {
                    type_name: (*flow.type_name).into(),
                    stack: flow.stack,
                    count: flow.count,
                    bytes: flow.bytes,
                };
                flows.iter().map(plain).collect()
            };
            (plain(flows.allocated), plain(flows.freed))
        });
        let side = |flows| TrafficSide { snapshot: later.clone(), flows };
        Traffic { allocated: side(allocated), freed: side(freed) }
    }

    /// What was allocated, freed again or not.
    pub fn allocated(&self) -> TrafficSide {
        self.allocated.clone()
    }

    /// What was freed, whenever it was allocated.
    pub fn freed(&self) -> TrafficSide {
        self.freed.clone()
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traffic(allocated {}\nfreed {})", self.allocated, self.freed)
    }
}

/// What was allocated, or what was freed, between two snapshots.
#[derive(Clone)]
pub struct TrafficSide {
    snapshot: Snapshot,
    flows: Arc<[Flow]>,
}

/// Blocks of one type that one stack allocated.
#[derive(Clone)]
struct Flow {
    type_name: Arc<str>,
    stack: StackId,
    count: u64,
    bytes: u64,
}

impl TrafficSide {
    /// The blocks that are a `T`: in a `Box`, `Rc` or `Arc`. A `T` that is a part of another value, or of a buffer, is not a block of its own, and not
    /// counted: the buffer of a `Vec<T>` is a `[T]`.
    ///
    /// # Panics
    /// As [`Snapshot::of`].
    #[track_caller]
    pub fn of<T: ?Sized>(&self) -> TrafficSide {
        self.find(path::<T>()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The blocks of the types that this [pattern](crate#patterns) matches; `[Session]` are the buffers of `Vec<Session>`. Variants and fields
    /// are not known any more.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn a_buffer_grows_twice() {
    ///     let before = memleak::snapshot();
    ///     let mut sessions: Vec<Session> = Vec::with_capacity(1);
    ///     sessions.reserve_exact(2);
    ///     sessions.push(Session(1));
    ///     let traffic = memleak::snapshot().traffic_since(&before);
    ///     assert_eq!(traffic.allocated().named("[Session]").count(), 2);
    ///     assert_eq!(traffic.freed().named("[Session]").bytes(), 8);
    ///     drop(sessions);
    /// }
    /// ```
    ///
    /// # Panics
    /// As [`Snapshot::named`], and when the pattern says what fields have to be.
    #[track_caller]
    pub fn named(&self, pattern: &str) -> TrafficSide {
        let name = {
            let _own = tracker::untracked();
            Name::Pattern(pattern.to_owned())
        };
        self.find(name).unwrap_or_else(|error| panic!("{error}"))
    }

    fn find(&self, name: Name) -> Result<TrafficSide, QueryError> {
        let _own = tracker::untracked();
        let types: HashSet<Arc<str>> = self.flows.iter().map(|flow| Arc::clone(&flow.type_name)).collect();
        let wanted = self.snapshot.ask(move |copy| {
            let subject = name.subject();
            let kinds = Kinds::resolve(copy.scene.program.types(), subject)
                .map_err(|error| Obstacle::of_name(subject.written(), error))?;
            Ok(types.into_iter().filter(|name| kinds.has(name)).collect::<HashSet<Arc<str>>>())
        });
        let wanted = wanted.map_err(QueryError::new)?;
        let flows = self.flows.iter().filter(|flow| wanted.contains(&flow.type_name)).cloned().collect();
        Ok(TrafficSide { snapshot: self.snapshot.clone(), flows })
    }

    /// How many blocks.
    pub fn count(&self) -> u64 {
        self.flows.iter().map(|flow| flow.count).sum()
    }

    /// Their sum in bytes, as the program asked for them.
    pub fn bytes(&self) -> u64 {
        self.flows.iter().map(|flow| flow.bytes).sum()
    }

    /// The blocks by type, the type with most bytes first.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// #[leak_test]
    /// fn what_a_call_allocates() {
    ///     let before = memleak::snapshot();
    ///     let text = "ada".repeat(100);
    ///     let allocated = memleak::snapshot().traffic_since(&before).allocated();
    ///     assert_eq!(allocated.bytes(), 300);
    ///     assert_eq!(allocated.group_by_type()[0].name(), "[u8]");
    ///     drop(text);
    /// }
    /// ```
    pub fn group_by_type(&self) -> Vec<TrafficGroup> {
        let _own = tracker::untracked();
        self.groups(|flow| short_block(&flow.type_name))
    }

    /// The blocks by the place in the program that allocated them, that with most bytes first: the first function on the stack that is your
    /// own, with file and line. Also what was freed is put to where it was allocated.
    pub fn group_by_site(&self) -> Vec<TrafficGroup> {
        let _own = tracker::untracked();
        let stacks: HashSet<u32> = self.flows.iter().map(|flow| flow.stack.0).collect();
        let sites = self.snapshot.ask(move |copy| {
            let look = Look::of_program();
            let site = |stack: u32| (stack, report::site(&frames(copy.scene.program, StackId(stack)), &look));
            stacks.into_iter().map(site).collect::<BTreeMap<u32, String>>()
        });
        self.groups(|flow| sites[&flow.stack.0].clone())
    }

    fn groups(&self, key: impl Fn(&Flow) -> String) -> Vec<TrafficGroup> {
        let mut by_key: BTreeMap<String, TrafficGroup> = BTreeMap::new();
        for flow in &*self.flows {
            let name = key(flow);
            let group = by_key.entry(name.clone()).or_insert(TrafficGroup { name, count: 0, bytes: 0 });
            group.count += flow.count;
            group.bytes += flow.bytes;
        }
        let mut groups: Vec<TrafficGroup> = by_key.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse((group.bytes, group.count)));
        groups
    }
}

/// How many blocks, and below that the types and where they were allocated.
impl fmt::Display for TrafficSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 10;
        write!(f, "{} blocks, {} bytes", self.count(), self.bytes())?;
        for (what, groups) in [("", self.group_by_type()), ("at ", self.group_by_site())] {
            for group in groups.iter().take(MOST) {
                write!(f, "\n  {what}{group}")?;
            }
            if groups.len() > MOST {
                write!(f, "\n  {what}… and {} others", groups.len() - MOST)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TrafficSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Blocks that have something in common: their type, or where they were allocated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrafficGroup {
    name: String,
    count: u64,
    bytes: u64,
}

impl TrafficGroup {
    /// What they have in common: a type, `chat::Session`, or a place, `src/session.rs:41  chat::Session::connect`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many blocks.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for TrafficGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} bytes", self.name, self.count, self.bytes)
    }
}
