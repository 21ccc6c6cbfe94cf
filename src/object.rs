//! One object: its type, its place, its fields, who holds it.

use crate::objects::{Item, Set};
use crate::{Snapshot, Value};
use memleak_core::check::verdict;
use memleak_core::heap::instances::Home;
use memleak_core::query::read::Place;
use memleak_core::query::scene::frames;
use memleak_core::query::short::short_block;
use memleak_core::report::{self, Look};
use memleak_core::tracker;
use std::fmt;
use std::sync::Arc;

/// An object of a snapshot.
///
/// What it says of itself is as it was when the snapshot was taken.
#[derive(Clone)]
pub struct Object {
    snapshot: Snapshot,
    /// Not the item itself: its address, on the stack of the program, would keep the object reachable.
    set: Arc<Set>,
    index: usize,
}

impl Object {
    pub(crate) fn new(snapshot: Snapshot, set: Arc<Set>, index: usize) -> Object {
        Object { snapshot, set, index }
    }

    fn item(&self) -> &Item {
        let members = self.set.members.len();
        if self.index < members { &self.set.members[self.index] } else { &self.set.possible[self.index - members] }
    }

    /// Its type in full, `chat::Link<chat::Tcp>`; of a variant that was asked for, `chat::Conn::Open`.
    pub fn type_name(&self) -> &str {
        &self.item().type_name
    }

    /// Where it is. A number that is kept in the program looks like a pointer in the next snapshot: what it leads to is not unreachable then.
    pub fn address(&self) -> usize {
        self.item().address as usize
    }

    /// What it takes itself, in bytes, without what it owns.
    pub fn size(&self) -> u64 {
        self.item().size
    }

    /// Whether it certainly lives.
    pub fn is_certain(&self) -> bool {
        self.item().doubt.is_none()
    }

    /// Why it is not certain that it lives; none if it is.
    pub fn doubt(&self) -> Option<&str> {
        self.item().doubt.as_deref()
    }

    /// What would be freed with it, in bytes: it itself, what it owns, and what that owns, as far as nobody else does.
    pub fn retained_bytes(&self) -> u64 {
        let _own = tracker::untracked();
        let (set, index) = (Arc::clone(&self.set), self.index);
        self.snapshot.ask(move |copy| copy.retained(&[item(&set, index).instance()]))
    }

    /// The call stack that allocated its block. Empty for an object that lies in a static.
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
    /// fn where_it_comes_from() {
    ///     let session = connect();
    ///     let stack = memleak::snapshot().of::<Session>().iter().next().unwrap().backtrace();
    ///     assert!(stack.frames().iter().any(|frame| frame.function().ends_with("connect")));
    ///     println!("{stack}");
    ///     drop(session);
    /// }
    /// ```
    pub fn backtrace(&self) -> Backtrace {
        let _own = tracker::untracked();
        let home = self.item().home;
        let frames = self.snapshot.ask(move |copy| match home {
            Home::Block(block) => frames(copy.scene.program, copy.scene.stack(block as u32)),
            Home::Root(_) => Vec::new(),
        });
        Backtrace { frames: frames.into_iter().map(Frame).collect() }
    }

    /// Its fields by name, in the order of the debug info; of an enum those of the active variant, of a tuple `0`, `1`, …. Empty if it has none.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session { id: u64, user: String }
    /// #[leak_test]
    /// fn all_fields() {
    ///     let session = Box::new(Session { id: 7, user: "ada".to_owned() });
    ///     let object = memleak::snapshot().of::<Session>().iter().next().unwrap();
    ///     let mut fields: Vec<String> = object.fields().iter().map(|(name, value)| format!("{name}: {value}")).collect();
    ///     fields.sort();
    ///     assert_eq!(fields, ["id: 7", "user: \"ada\""]);
    ///     drop(session);
    /// }
    /// ```
    pub fn fields(&self) -> Vec<(String, Value)> {
        self.value().fields()
    }

    /// The field with this name.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session { id: u64, user: String }
    /// #[leak_test]
    /// fn one_field() {
    ///     let session = Box::new(Session { id: 7, user: "ada".to_owned() });
    ///     let object = memleak::snapshot().of::<Session>().iter().next().unwrap();
    ///     assert_eq!(object.field("id"), 7);
    ///     assert_eq!(object.field("user"), "ada");
    ///     drop(session);
    /// }
    /// ```
    ///
    /// # Panics
    /// When there is none; the text says which there are. For an `Option` there is [`get`](Object::get).
    #[track_caller]
    pub fn field(&self, name: &str) -> Value {
        self.value().field(name)
    }

    /// The field with this name, if there is one: of an enum, in its active variant.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.value().get(name)
    }

    /// If it is an enum, its active variant.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # enum Conn { Open { retries: u32 }, Closed }
    /// #[leak_test]
    /// fn open_or_closed() {
    ///     let conns = [Box::new(Conn::Open { retries: 3 }), Box::new(Conn::Closed)];
    ///     let objects = memleak::snapshot().of::<Conn>();
    ///     let mut variants: Vec<String> = objects.iter().filter_map(|conn| conn.variant()).collect();
    ///     variants.sort();
    ///     assert_eq!(variants, ["Closed", "Open"]);
    ///     drop(conns);
    /// }
    /// ```
    pub fn variant(&self) -> Option<String> {
        self.value().variant()
    }

    /// It itself as a value, to be read.
    pub fn value(&self) -> Value {
        let _own = tracker::untracked();
        let (set, index) = (Arc::clone(&self.set), self.index);
        Value::read(&self.snapshot, move |_| {
            let item = item(&set, index);
            Some(Place { ty: item.ty?, address: memleak_core::address::RuntimeAddress(item.address) })
        })
        .unwrap_or_else(|| Value::unknown(&self.snapshot, &self.item().type_name))
    }

    /// If it is the value of an `Rc` or `Arc`: how many there are of them.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # use std::sync::Arc;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn counts() {
    ///     let session = Arc::new(Session(1));
    ///     let (second, weak) = (session.clone(), Arc::downgrade(&session));
    ///     let object = memleak::snapshot().of::<Session>().iter().next().unwrap();
    ///     assert_eq!((object.strong_count(), object.weak_count()), (Some(2), Some(1)));
    ///     drop((session, second, weak));
    /// }
    /// ```
    pub fn strong_count(&self) -> Option<u64> {
        self.counts().map(|(strong, _)| strong)
    }

    /// If it is the value of an `Rc` or `Arc`: how many `Weak`s there are.
    pub fn weak_count(&self) -> Option<u64> {
        self.counts().map(|(_, weak)| weak)
    }

    fn counts(&self) -> Option<(u64, u64)> {
        let _own = tracker::untracked();
        let (set, index) = (Arc::clone(&self.set), self.index);
        self.snapshot.ask(move |copy| copy.counts(&item(&set, index).instance()))
    }

    /// Who holds it: the ways that lead to it from statics, thread-locals, tasks and stacks, the most telling first; at most sixteen. Empty if
    /// nothing leads to it.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # use std::sync::{Arc, Mutex};
    /// # struct Session(u64);
    /// static REGISTRY: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());
    ///
    /// #[leak_test]
    /// fn is_registered() {
    ///     REGISTRY.lock().unwrap().push(Arc::new(Session(1)));
    ///     let session = memleak::snapshot().of::<Session>().iter().next().unwrap();
    ///     let paths = session.paths_from_roots();
    ///     assert!(paths[0].root().contains("REGISTRY"), "{}", paths[0]);
    ///     REGISTRY.lock().unwrap().clear();
    /// }
    /// ```
    pub fn paths_from_roots(&self) -> Vec<Path> {
        let _own = tracker::untracked();
        let (set, index) = (Arc::clone(&self.set), self.index);
        self.snapshot.ask(move |copy| {
            let look = Look::of_program();
            let holders = copy.holders(&item(&set, index).instance());
            holders.iter().map(|holder| Path { lines: report::way(holder, &look) }).collect()
        })
    }
}

fn item(set: &Set, index: usize) -> &Item {
    set.members.get(index).unwrap_or_else(|| &set.possible[index - set.members.len()])
}

/// The value with its fields, as `{:?}` would have it.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _own = tracker::untracked();
        match self.item().ty {
            Some(_) => fmt::Display::fmt(&self.value(), f),
            None => f.write_str(&short_block(self.type_name())),
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A call stack, innermost first.
#[derive(Clone)]
pub struct Backtrace {
    frames: Vec<Frame>,
}

impl Backtrace {
    /// All functions on the stack, those of the standard library and of dependencies too.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

/// Your own functions, and how many of others are between them, one line each.
impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _own = tracker::untracked();
        let frames: Vec<verdict::Frame> = self.frames.iter().map(|frame| frame.0.clone()).collect();
        f.write_str(&report::backtrace(&frames, &Look::of_program()).join("\n"))
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A function on a call stack.
#[derive(Clone)]
pub struct Frame(verdict::Frame);

impl Frame {
    /// Its path as the debug info has it.
    pub fn function(&self) -> &str {
        &self.0.function
    }

    /// The file, as an absolute path, if it is known.
    pub fn file(&self) -> Option<&str> {
        self.0.location.as_ref().map(|(file, _)| file.as_str())
    }

    /// The line, from 1 on, if it is known.
    pub fn line(&self) -> Option<u32> {
        self.0.location.as_ref().map(|(_, line)| *line).filter(|line| *line > 0)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.function(), self.file().unwrap_or("?"), self.line().unwrap_or(0))
    }
}

/// A way from a root to an object, in the words of [a failing test's text](crate#reading-the-text).
#[derive(Clone)]
pub struct Path {
    lines: Vec<String>,
}

impl Path {
    /// Where it begins: `static chat::REGISTRY (src/registry.rs:9)`, `task chat::heartbeat, spawned at …`.
    pub fn root(&self) -> &str {
        &self.lines[0]
    }

    /// What it says below that, field by field.
    pub fn steps(&self) -> &[String] {
        &self.lines[1..]
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            write!(f, "{}{line}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
