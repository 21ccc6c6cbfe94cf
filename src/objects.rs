//! Sets of objects.

use crate::objects::scope::Scope;
use crate::snapshots::{Name, path};
use crate::{Object, QueryError, Snapshot};
use memleak_core::check;
use memleak_core::check::verdict::Obstacle;
use memleak_core::debuginfo::types::TypeId;
use memleak_core::heap::instances::{Home, Instance};
use memleak_core::query::copy::Copy;
use memleak_core::query::held::Holder;
use memleak_core::query::scene::frames;
use memleak_core::query::short::short_block;
use memleak_core::query::subjects::Subjects;
use memleak_core::report::{self, Look};
use memleak_core::tracker;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{BitAnd, BitOr, Sub};
use std::rc::Rc;
use std::sync::Arc;

mod groups;
pub(crate) mod scope;

pub use groups::Group;

/// A set of objects of one snapshot.
///
/// Its members certainly live. Beside them a set knows those of which that cannot be told, for example a local of a suspended future that may
/// have been dropped: they are in [`possible`](Objects::possible), and no member. Only [`is_empty`](Objects::is_empty) counts them too.
///
/// An object is the same in two sets if its address and its type are. Sets can be put together with [`and`](Objects::and), [`or`](Objects::or) and
/// [`not`](Objects::not), or the operators `&`, `|` and `-`.
///
/// Set in an assertion, it says what is in it:
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(u64);
/// #[leak_test]
/// fn reads_well() {
///     let session = Box::new(Session(1));
///     let sessions = memleak::snapshot().of::<Session>();
///     let text = sessions.to_string();
///     assert!(text.starts_with("1 object, 8 bytes"), "{text}");
///     drop(session);
/// }
/// ```
#[derive(Clone)]
pub struct Objects {
    snapshot: Snapshot,
    set: Arc<Set>,
    scope: Scope,
}

/// What is in a set, each list in order. It is in memory of memleak's own: an address in the program's would keep an object reachable.
#[derive(Default)]
pub(crate) struct Set {
    pub(crate) members: Vec<Item>,
    pub(crate) possible: Vec<Item>,
}

/// An object.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) type_name: Arc<str>,
    pub(crate) ty: Option<TypeId>,
    pub(crate) address: u64,
    /// Which of several it is, if they have no size: they are all at one address.
    pub(crate) nth: u32,
    pub(crate) size: u64,
    pub(crate) home: Home,
    /// The epoch of its block; none in a static.
    pub(crate) epoch: Option<u32>,
    /// Why it is not certain.
    pub(crate) doubt: Option<Arc<str>>,
}

impl Item {
    fn key(&self) -> (u64, &str, u32) {
        (self.address, &self.type_name, self.nth)
    }

    /// As memleak's thread knows it.
    pub(crate) fn instance(&self) -> Instance {
        let address = memleak_core::address::RuntimeAddress(self.address);
        Instance { type_name: (*self.type_name).into(), size: self.size, address, doubt: None, home: self.home }
    }
}

/// Makes items, each name once.
struct Itemizer<'c> {
    copy: &'c Copy,
    names: HashMap<Rc<str>, Arc<str>>,
    /// How many objects without size there were, by type.
    without_size: HashMap<Arc<str>, u32>,
}

impl Itemizer<'_> {
    fn item(&mut self, instance: &Instance, ty: Option<TypeId>) -> Item {
        let known = self.names.get(&instance.type_name).cloned();
        let type_name = known.unwrap_or_else(|| {
            let name: Arc<str> = (*instance.type_name).into();
            self.names.insert(Rc::clone(&instance.type_name), Arc::clone(&name));
            name
        });
        let epoch = match instance.home {
            Home::Block(block) => Some(self.copy.scene.snapshot.blocks()[block].epoch),
            Home::Root(_) => None,
        };
        let doubt = instance.doubt.as_ref().map(|doubt| report::doubt(&check::doubt(doubt)).into());
        let (address, size, home) = (instance.address.0, instance.size, instance.home);
        let nth = if size == 0 {
            let nth = self.without_size.entry(Arc::clone(&type_name)).or_default();
            std::mem::replace(nth, *nth + 1)
        } else {
            0
        };
        Item { type_name, ty, address, nth, size, home, epoch, doubt }
    }
}

impl Set {
    fn of<'i>(copy: &Copy, objects: impl IntoIterator<Item = (&'i Instance, Option<TypeId>)>) -> Set {
        let mut itemizer = Itemizer { copy, names: HashMap::new(), without_size: HashMap::new() };
        let items = objects.into_iter().map(|(instance, ty)| itemizer.item(instance, ty));
        let (possible, members): (Vec<Item>, Vec<Item>) = items.partition(|item| item.doubt.is_some());
        Set::in_order(members, possible)
    }

    fn in_order(mut members: Vec<Item>, mut possible: Vec<Item>) -> Set {
        for items in [&mut members, &mut possible] {
            items.sort_by(|a, b| a.key().cmp(&b.key()));
            items.dedup_by(|a, b| a.key() == b.key());
        }
        possible.retain(|item| !has(&members, item));
        Set { members, possible }
    }

    /// Whether the item is a member, or a possible one.
    pub(crate) fn knows(&self, item: &Item) -> bool {
        has(&self.members, item) || has(&self.possible, item)
    }

    /// The items that `keep` wants, by their place in the list of members and then of possible ones.
    fn kept(&self, keep: impl Fn(usize, &Item) -> bool) -> Set {
        let chosen = |items: &[Item], first: usize| {
            let wanted = items.iter().enumerate().filter(|(index, item)| keep(first + index, item));
            wanted.map(|(_, item)| item.clone()).collect()
        };
        Set { members: chosen(&self.members, 0), possible: chosen(&self.possible, self.members.len()) }
    }

    fn instances(&self) -> Vec<Instance> {
        self.members.iter().chain(&self.possible).map(Item::instance).collect()
    }
}

fn has(items: &[Item], item: &Item) -> bool {
    items.binary_search_by(|other| other.key().cmp(&item.key())).is_ok()
}

impl Objects {
    pub(crate) fn new(snapshot: &Snapshot, set: Set, scope: Scope) -> Objects {
        Objects { snapshot: snapshot.clone(), set: Arc::new(set), scope }
    }

    pub(crate) fn find(snapshot: &Snapshot, name: Name) -> Result<Objects, QueryError> {
        let found = snapshot.ask(move |copy| {
            let subject = name.subject();
            let types = Subjects::resolve(copy.scene.program.types(), subject)
                .map_err(|error| Obstacle::of_name(subject.written(), error))?;
            let found = types.find(&copy.scene);
            Ok(Set::of(copy, found.iter().map(|instance| (instance, types.type_of(instance)))))
        });
        Ok(Objects::new(snapshot, found.map_err(QueryError::new)?, Scope::Narrowed))
    }

    pub(crate) fn all(snapshot: &Snapshot) -> Objects {
        let set = snapshot.ask(|copy| Set::of(copy, copy.objects().iter().map(|(object, ty)| (object, *ty))));
        Objects::new(snapshot, set, Scope::Whole)
    }

    pub(crate) fn unreachable(snapshot: &Snapshot) -> Objects {
        let since = memleak_core::query::body::begun();
        let set =
            snapshot.ask(move |copy| Set::of(copy, copy.unreachable(since).iter().map(|(object, ty)| (object, *ty))));
        Objects::new(snapshot, set, Scope::Narrowed)
    }

    /// The live values of type `T` among these objects: those that are objects of the set, and those that lie in one.
    ///
    /// Of the sets of a [`Diff`](crate::Diff) these are the values that came, stayed or went: a new element in a buffer that was there before
    /// was created.
    ///
    /// # Panics
    /// As [`Snapshot::of`].
    #[track_caller]
    pub fn of<T: ?Sized>(&self) -> Objects {
        self.find_in(path::<T>()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The live values of the types that this [pattern](crate#patterns) matches, among these objects; see [`of`](Objects::of).
    ///
    /// # Panics
    /// As [`Snapshot::named`].
    #[track_caller]
    pub fn named(&self, pattern: &str) -> Objects {
        let name = {
            let _own = tracker::untracked();
            Name::Pattern(pattern.to_owned())
        };
        self.find_in(name).unwrap_or_else(|error| panic!("{error}"))
    }

    fn find_in(&self, name: Name) -> Result<Objects, QueryError> {
        let _own = tracker::untracked();
        let found = self.snapshot.find(name.clone())?;
        match &self.scope {
            Scope::Whole => Ok(found),
            Scope::Side(side) => side.of(&found, name),
            Scope::Narrowed => {
                let set = found.set.kept(|_, item| self.set.knows(item) || self.contains(item));
                Ok(Objects::new(&self.snapshot, set, Scope::Narrowed))
            }
        }
    }

    /// Whether the item lies in an object of this set.
    fn contains(&self, item: &Item) -> bool {
        let around = |items: &[Item]| {
            let before = items.partition_point(|other| other.address <= item.address);
            let other = before.checked_sub(1).and_then(|before| items.get(before));
            other.is_some_and(|other| item.address - other.address < other.size)
        };
        around(&self.set.members) || around(&self.set.possible)
    }

    /// How many there are for certain.
    ///
    /// Those that may live, and may not, are not counted. To be sure that there is none of either kind, ask
    /// [`is_empty`](Objects::is_empty).
    pub fn count(&self) -> usize {
        self.set.members.len()
    }

    /// Whether there is none, nor one that may live.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn none_is_left() {
    ///     drop(std::hint::black_box(Box::new(Session(1))));
    ///     let sessions = memleak::snapshot().of::<Session>();
    ///     assert!(sessions.is_empty(), "{sessions}");
    /// }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.set.members.is_empty() && self.set.possible.is_empty()
    }

    /// Those of which it cannot be told whether they live, as a set of its own. [`Object::doubt`] says why not.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn all_are_certain() {
    ///     let session = Box::new(Session(1));
    ///     let sessions = memleak::snapshot().of::<Session>();
    ///     assert_eq!((sessions.count(), sessions.possible().count()), (1, 0));
    ///     drop(session);
    /// }
    /// ```
    #[must_use]
    pub fn possible(&self) -> Objects {
        let _own = tracker::untracked();
        let set = Set { members: self.set.possible.clone(), possible: Vec::new() };
        Objects::new(&self.snapshot, set, Scope::Narrowed)
    }

    /// The sum of their sizes: what each takes itself, without what it owns.
    pub fn bytes(&self) -> u64 {
        self.set.members.iter().map(|item| item.size).sum()
    }

    /// What would be freed if they were: they themselves, what they own, and what that owns, as far as nobody else does. In bytes.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session { user: String }
    /// #[leak_test]
    /// fn a_session_keeps_a_kilobyte() {
    ///     let session = Box::new(Session { user: "a".repeat(1000) });
    ///     let sessions = memleak::snapshot().of::<Session>();
    ///     assert_eq!(sessions.bytes(), 24);
    ///     assert_eq!(sessions.retained_bytes(), 1024);
    ///     drop(session);
    /// }
    /// ```
    pub fn retained_bytes(&self) -> u64 {
        let _own = tracker::untracked();
        let set = Arc::clone(&self.set);
        self.snapshot.ask(move |copy| {
            let members: Vec<Instance> = set.members.iter().map(Item::instance).collect();
            copy.retained(&members)
        })
    }

    /// What would be freed with them, as objects: what they own, and what that owns, as far as nobody else does. They themselves are left out.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # use std::sync::Arc;
    /// # struct User(String); struct Session { user: Box<User>, shared: Arc<User> }
    /// #[leak_test]
    /// fn a_session_has_a_user_of_its_own() {
    ///     let ada = || User("ada".to_owned());
    ///     let shared = Arc::new(ada());
    ///     let session = Box::new(Session { user: Box::new(ada()), shared: shared.clone() });
    ///     let retained = memleak::snapshot().of::<Session>().retained();
    ///     assert_eq!(retained.named("User").count(), 1, "the other one is kept by `shared`");
    ///     assert_eq!(retained.count(), 2, "the user, and the text of its name");
    ///     drop((session, shared));
    /// }
    /// ```
    #[must_use]
    pub fn retained(&self) -> Objects {
        let _own = tracker::untracked();
        let set = Arc::clone(&self.set);
        let retained = self.snapshot.ask(move |copy| {
            let members: Vec<Instance> = set.members.iter().map(Item::instance).collect();
            // A value may be all of a block that is known as a buffer of one.
            let own: HashSet<(u64, u64)> = members.iter().map(|member| (member.address.0, member.size)).collect();
            let blocks = copy.retained_blocks(&members).0.into_iter().map(|block| copy.scene.object(block));
            let others: Vec<_> = blocks.filter(|(object, _)| !own.contains(&(object.address.0, object.size))).collect();
            Set::of(copy, others.iter().map(|(object, ty)| (object, *ty)))
        });
        Objects::new(&self.snapshot, retained, Scope::Narrowed)
    }

    /// Those for which `keep` says yes.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session { user: String, messages: Vec<String> }
    /// #[leak_test]
    /// fn one_is_silent() {
    ///     let sessions = [
    ///         Box::new(Session { user: "ada".to_owned(), messages: vec!["hello".to_owned()] }),
    ///         Box::new(Session { user: "grace".to_owned(), messages: Vec::new() }),
    ///     ];
    ///     let silent = memleak::snapshot().of::<Session>().filter(|session| session.field("messages").items().is_empty());
    ///     assert_eq!(silent.count(), 1);
    ///     assert_eq!(silent.iter().next().unwrap().field("user"), "grace");
    ///     drop(sessions);
    /// }
    /// ```
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&Object) -> bool) -> Objects {
        // Only what is memleak's own is kept from the record: `keep` is the program's.
        let answers: Vec<bool> = {
            let mut answers = {
                let _own = tracker::untracked();
                Vec::with_capacity(self.set.members.len() + self.set.possible.len())
            };
            for object in self.each(true) {
                answers.push(keep(&object));
            }
            answers
        };
        self.where_(&answers)
    }

    fn where_(&self, answers: &[bool]) -> Objects {
        let _own = tracker::untracked();
        Objects::new(&self.snapshot, self.set.kept(|index, _| answers[index]), Scope::Narrowed)
    }

    /// Those whose block was allocated by a function that this [pattern](crate#patterns) matches, or by one that it called: any
    /// function on the stack counts.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// # #[inline(never)]
    /// fn connect() -> Box<Session> {
    ///     Box::new(Session(1))
    /// }
    ///
    /// #[leak_test]
    /// fn one_was_connected() {
    ///     let sessions = [connect(), Box::new(Session(2))];
    ///     let heap = memleak::snapshot();
    ///     assert_eq!(heap.of::<Session>().allocated_in("connect").count(), 1);
    ///     assert_eq!(heap.of::<Session>().allocated_in("one_was_connected").count(), 2);
    ///     drop(sessions);
    /// }
    /// ```
    ///
    /// # Panics
    /// When the text is not a pattern, or no function of the binary has the name.
    #[track_caller]
    #[must_use]
    pub fn allocated_in(&self, function: &str) -> Objects {
        self.try_allocated_in(function).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_allocated_in(&self, function: &str) -> Result<Objects, QueryError> {
        let _own = tracker::untracked();
        let (set, written) = (Arc::clone(&self.set), function.to_owned());
        let answers = self.snapshot.ask(move |copy| {
            let by = copy.allocated_in(&written, &set.instances());
            by.map_err(|error| Obstacle::of_function(&written, error))
        });
        Ok(self.where_(&answers.map_err(QueryError::new)?))
    }

    /// Those that are held by what has this name: there is a way from it to them, through any number of owners, or they lie in it.
    ///
    /// It is the name of a static or `thread_local!`, of a type, of an async function whose task it is, of a thread; or a field, as
    /// `Registry.sessions` or, of any type, `.sessions`.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # use std::sync::{Arc, Mutex};
    /// # struct Session(u64);
    /// static REGISTRY: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());
    ///
    /// #[leak_test]
    /// fn one_is_registered() {
    ///     let sessions = [Arc::new(Session(1)), Arc::new(Session(2))];
    ///     REGISTRY.lock().unwrap().push(sessions[0].clone());
    ///     let heap = memleak::snapshot();
    ///     assert_eq!(heap.of::<Session>().held_by("REGISTRY").count(), 1);
    ///     REGISTRY.lock().unwrap().clear();
    /// }
    /// ```
    ///
    /// # Panics
    /// When the text is not a pattern, or nothing has the name.
    #[track_caller]
    #[must_use]
    pub fn held_by(&self, holder: &str) -> Objects {
        self.try_held_by(holder).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_held_by(&self, holder: &str) -> Result<Objects, QueryError> {
        let _own = tracker::untracked();
        let (set, written) = (Arc::clone(&self.set), holder.to_owned());
        let answers = self.snapshot.ask(move |copy| {
            let holder = Holder::parse(&written);
            let held = holder.holds(&copy.scene, &copy.links().graph);
            let held = held.map(|held| set.instances().iter().map(|object| held.contains(object)).collect::<Vec<_>>());
            held.map_err(|error| Obstacle::of_holder(&written, error))
        });
        Ok(self.where_(&answers.map_err(QueryError::new)?))
    }

    /// Those that are in both sets; also `a & b`.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # use std::sync::{Arc, Mutex};
    /// # struct Session { closed: bool }
    /// # static REGISTRY: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());
    /// #[leak_test]
    /// fn closed_sessions_are_not_registered() {
    ///     let sessions = [Arc::new(Session { closed: true }), Arc::new(Session { closed: false })];
    ///     REGISTRY.lock().unwrap().push(sessions[1].clone());
    ///     let heap = memleak::snapshot();
    ///     let closed = heap.named("Session { closed: true }");
    ///     let registered = heap.of::<Session>().held_by("REGISTRY");
    ///     assert!((&closed & &registered).is_empty());
    ///     assert_eq!((&closed | &registered).count(), 2);
    ///     assert_eq!((&heap.of::<Session>() - &closed).count(), 1);
    ///     REGISTRY.lock().unwrap().clear();
    /// }
    /// ```
    ///
    /// # Panics
    /// When the sets are of two snapshots. What two snapshots have in common says [`Snapshot::since`].
    #[track_caller]
    #[must_use]
    pub fn and(&self, other: &Objects) -> Objects {
        self.must_be_with(other);
        let _own = tracker::untracked();
        let both = |item: &Item| has(&self.set.members, item) && has(&other.set.members, item);
        let all = self.set.members.iter().chain(&self.set.possible).filter(|item| other.set.knows(item));
        self.sorted_out(all, both)
    }

    /// Those that are in one of the sets, or in both; also `a | b`.
    ///
    /// # Panics
    /// When the sets are of two snapshots.
    #[track_caller]
    #[must_use]
    pub fn or(&self, other: &Objects) -> Objects {
        self.must_be_with(other);
        let _own = tracker::untracked();
        let either = |item: &Item| has(&self.set.members, item) || has(&other.set.members, item);
        let sets = [&self.set, &other.set];
        let all = sets.into_iter().flat_map(|set| set.members.iter().chain(&set.possible));
        self.sorted_out(all, either)
    }

    /// Those that are in this set and not in the other; also `a - b`.
    ///
    /// # Panics
    /// When the sets are of two snapshots.
    #[track_caller]
    #[must_use]
    pub fn not(&self, other: &Objects) -> Objects {
        self.must_be_with(other);
        let _own = tracker::untracked();
        let only = |item: &Item| has(&self.set.members, item) && !has(&other.set.possible, item);
        let all = self.set.members.iter().chain(&self.set.possible).filter(|item| !has(&other.set.members, item));
        self.sorted_out(all, only)
    }

    #[track_caller]
    fn must_be_with(&self, other: &Objects) {
        let together = self.snapshot.is(&other.snapshot);
        assert!(together, "memleak: the two sets are of two snapshots: compare those by `later.since(&earlier)`");
    }

    fn sorted_out<'i>(&self, all: impl Iterator<Item = &'i Item>, certain: impl Fn(&Item) -> bool) -> Objects {
        let (members, possible) = all.cloned().partition(certain);
        Objects::new(&self.snapshot, Set::in_order(members, possible), Scope::Narrowed)
    }

    /// The objects by type, the type that takes most bytes first.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64); struct User(u8);
    /// #[leak_test]
    /// fn by_type() {
    ///     let all = (Box::new(Session(1)), Box::new(Session(2)), Box::new(User(3)));
    ///     let heap = memleak::snapshot();
    ///     let groups = (heap.of::<Session>() | heap.of::<User>()).group_by_type();
    ///     assert_eq!(groups.len(), 2);
    ///     assert!(groups[0].name().ends_with("Session"));
    ///     assert_eq!((groups[0].count(), groups[0].bytes()), (2, 16));
    ///     drop(all);
    /// }
    /// ```
    pub fn group_by_type(&self) -> Vec<Group> {
        let _own = tracker::untracked();
        let keys = self.set.members.iter().map(|item| Arc::clone(&item.type_name)).collect();
        self.groups(keys, short_block)
    }

    /// The objects by the place in the program that allocated them, the place with most bytes first: the first function on the stack that is
    /// your own, with file and line. Of what is not on the heap it is the static, thread-local or local.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn by_site() {
    ///     let all = [Box::new(Session(1)), Box::new(Session(2))];
    ///     let groups = memleak::snapshot().of::<Session>().group_by_site();
    ///     assert!(groups[0].name().contains("by_site"), "{}", groups[0].name());
    ///     drop(all);
    /// }
    /// ```
    pub fn group_by_site(&self) -> Vec<Group> {
        let _own = tracker::untracked();
        let set = Arc::clone(&self.set);
        let sites = self.snapshot.ask(move |copy| {
            let mut known: HashMap<u32, Arc<str>> = HashMap::new();
            let mut site = |item: &Item| match item.home {
                Home::Block(block) => {
                    let stack = copy.scene.stack(block as u32);
                    let look = || report::site(&frames(copy.scene.program, stack), &Look::of_program()).into();
                    Arc::clone(known.entry(stack.0).or_insert_with(look))
                }
                Home::Root(root) => copy.root(root).into(),
            };
            set.members.iter().map(&mut site).collect::<Vec<Arc<str>>>()
        });
        self.groups(sites, str::to_owned)
    }

    /// Puts members together that have the same key.
    fn groups(&self, keys: Vec<Arc<str>>, name: impl Fn(&str) -> String) -> Vec<Group> {
        let mut by_key: BTreeMap<Arc<str>, Vec<Item>> = BTreeMap::new();
        for (key, item) in keys.into_iter().zip(&self.set.members) {
            by_key.entry(key).or_default().push(item.clone());
        }
        let group = |(key, members): (Arc<str>, Vec<Item>)| {
            let set = Set { members, possible: Vec::new() };
            Group { name: name(&key), objects: Objects::new(&self.snapshot, set, Scope::Narrowed) }
        };
        let mut groups: Vec<Group> = by_key.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse((group.bytes(), group.count())));
        groups
    }

    /// The objects one by one, by address.
    pub fn iter(&self) -> impl Iterator<Item = Object> {
        self.each(false)
    }

    /// The members; with the possible ones behind them if `all`.
    fn each(&self, all: bool) -> impl Iterator<Item = Object> {
        let count = self.set.members.len() + if all { self.set.possible.len() } else { 0 };
        let (snapshot, set) = (self.snapshot.clone(), Arc::clone(&self.set));
        (0..count).map(move |index| Object::new(snapshot.clone(), Arc::clone(&set), index))
    }

    pub(crate) fn set(&self) -> &Arc<Set> {
        &self.set
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl BitAnd for &Objects {
    type Output = Objects;

    #[track_caller]
    fn bitand(self, other: &Objects) -> Objects {
        self.and(other)
    }
}

impl BitOr for &Objects {
    type Output = Objects;

    #[track_caller]
    fn bitor(self, other: &Objects) -> Objects {
        self.or(other)
    }
}

impl Sub for &Objects {
    type Output = Objects;

    #[track_caller]
    fn sub(self, other: &Objects) -> Objects {
        self.not(other)
    }
}

impl BitAnd for Objects {
    type Output = Objects;

    #[track_caller]
    fn bitand(self, other: Objects) -> Objects {
        self.and(&other)
    }
}

impl BitOr for Objects {
    type Output = Objects;

    #[track_caller]
    fn bitor(self, other: Objects) -> Objects {
        self.or(&other)
    }
}

impl Sub for Objects {
    type Output = Objects;

    #[track_caller]
    fn sub(self, other: Objects) -> Objects {
        self.not(&other)
    }
}
