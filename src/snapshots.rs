//! Copies of the heap.

use crate::{Diff, Objects, Traffic};
use memleak_core::check::checker::recording;
use memleak_core::check::verdict::Obstacle;
use memleak_core::check::{self, Subject};
use memleak_core::query::analyst::Kept;
use memleak_core::query::body;
use memleak_core::query::copy::Copy;
use memleak_core::query::subjects::Subjects;
use memleak_core::report::{self, Look};
use memleak_core::tracker;
use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A copy of the heap at one moment, to be asked what was in it.
///
/// Nothing that happens later changes it. It is kept in memory of memleak's own, which is never searched: what a snapshot shows does not stay
/// alive because of it, and does not look so in the next one. A clone is the same snapshot and costs nothing.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session { user: String, closed: bool }
/// #[leak_test]
/// fn sessions_are_closed() {
///     let sessions = vec![
///         Session { user: "ada".to_owned(), closed: true },
///         Session { user: "grace".to_owned(), closed: false },
///     ];
///     let heap = memleak::snapshot();
///     assert_eq!(heap.of::<Session>().count(), 2);
///     assert_eq!(heap.named("Session { closed: true }").count(), 1);
///     for session in heap.named("Session { closed: false }").iter() {
///         assert_eq!(session.field("user"), "grace");
///     }
///     drop(sessions);
/// }
/// ```
#[derive(Clone)]
pub struct Snapshot(Arc<Shared>);

struct Shared {
    copy: Kept<Copy>,
    epoch: u32,
    blocks: usize,
    bytes: u64,
    objects: OnceLock<Objects>,
    /// The types that were asked for, each once.
    asked: Mutex<Vec<Name>>,
}

/// Takes a snapshot of the heap: in the body of a leak test, or while a [`Recording`](crate::Recording) runs.
///
/// All other threads stand still while the heap is copied, which takes a millisecond or a few. What the snapshot is asked afterwards is read
/// from the copy.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session { user: String }
/// #[leak_test]
/// fn logging_off_drops_the_session() {
///     let session = Box::new(Session { user: "ada".to_owned() });
///     assert_eq!(memleak::snapshot().of::<Session>().count(), 1);
///     drop(session);
///     assert_eq!(memleak::snapshot().of::<Session>().count(), 0);
/// }
/// ```
///
/// A thread that is just about to let go of something still has it in the snapshot. Where work in the background has to end first, let
/// [`check`](crate::check) take the snapshots.
///
/// # Panics
/// When nothing is recorded here, when memleak's allocator is not the program's, when the binary has no debug info, or when the platform is
/// not supported.
#[track_caller]
pub fn snapshot() -> Snapshot {
    // Before anything else, and in a frame that has no variables: see there.
    wipe_dead_frames();
    taken()
}

#[track_caller]
fn taken() -> Snapshot {
    Snapshot::take().unwrap_or_else(|error| panic!("{error}"))
}

/// Why a question cannot be answered: a name that nothing has, or a text that is no pattern.
///
/// Its text says what to write instead, with the nearest names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryError(String);

impl QueryError {
    pub(crate) fn new(obstacle: Obstacle) -> QueryError {
        let _own = tracker::untracked();
        let text = report::obstacles(&[obstacle], &Look::default());
        QueryError(format!("memleak: {}", text.trim_end()))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for QueryError {}

impl Snapshot {
    pub(crate) fn take() -> Result<Snapshot, QueryError> {
        let _own = tracker::untracked();
        match recording() {
            Ok(()) => {}
            Err(Obstacle::NotTracked) => return Err(QueryError(NOT_RECORDED.to_owned())),
            Err(obstacle) => return Err(QueryError::new(obstacle)),
        }
        let copy = match Kept::try_new(Copy::take) {
            Some(Ok(copy)) => copy,
            Some(Err(error)) => return Err(QueryError::new(Obstacle::DebugInfo(error))),
            None => return Err(QueryError(FAILED.to_owned())),
        };
        let facts = |copy: &Copy| {
            let snapshot = &copy.scene.snapshot;
            let bytes = snapshot.blocks().iter().map(|block| block.size).sum();
            (snapshot.epoch(), snapshot.blocks().len(), bytes)
        };
        let Some((epoch, blocks, bytes)) = copy.ask(facts) else { return Err(QueryError(FAILED.to_owned())) };
        let shared = Shared { copy, epoch, blocks, bytes, objects: OnceLock::new(), asked: Mutex::default() };
        Ok(Snapshot(Arc::new(shared)))
    }

    /// The live values of type `T`, wherever they are: in a `Box` or `Arc` of their own, in a field, a collection, a suspended future, a
    /// static. What counts as live is [the same as for a test](crate#what-a-verdict-means).
    ///
    /// `T` may be a trait object: then the values of all types that are seen behind it.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # trait Chat {} struct Session(u64); impl Chat for Session {}
    /// #[leak_test]
    /// fn there_are_two() {
    ///     let sessions: Vec<Box<dyn Chat>> = vec![Box::new(Session(1)), Box::new(Session(2))];
    ///     let heap = memleak::snapshot();
    ///     assert_eq!(heap.of::<Session>().count(), 2);
    ///     assert_eq!(heap.of::<dyn Chat>().count(), 2);
    ///     drop(sessions);
    /// }
    /// ```
    ///
    /// # Panics
    /// When the debug info does not have the type: no code in the binary makes a value of it.
    #[track_caller]
    pub fn of<T: ?Sized>(&self) -> Objects {
        self.find(path::<T>()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The live values of the types that this [pattern](crate#patterns) matches. It can say what their fields have to be.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # enum Conn { Open { retries: u32 }, Closed } struct Pool { conns: Vec<Conn> }
    /// #[leak_test]
    /// fn one_is_open() {
    ///     let pool = Box::new(Pool { conns: vec![Conn::Open { retries: 3 }, Conn::Closed, Conn::Closed] });
    ///     let heap = memleak::snapshot();
    ///     assert_eq!(heap.named("Conn").count(), 3);
    ///     assert_eq!(heap.named("Conn::Open").count(), 1);
    ///     assert_eq!(heap.named("Conn::Open { retries: 3 }").count(), 1);
    ///     drop(pool);
    /// }
    /// ```
    ///
    /// # Panics
    /// When the text is not a pattern, or no type of the binary has the name or the field; the nearest names are shown. For a
    /// `Result` there is [`try_named`](Snapshot::try_named).
    #[track_caller]
    pub fn named(&self, pattern: &str) -> Objects {
        self.try_named(pattern).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`named`](Snapshot::named).
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn a_misspelt_name_is_an_error() {
    ///     let session = Box::new(Session(7));
    ///     let error = memleak::snapshot().try_named("Sesion").unwrap_err();
    ///     assert!(error.to_string().contains("Session"), "{error}");
    ///     drop(session);
    /// }
    /// ```
    ///
    /// # Errors
    /// When the text is not a pattern, or no type of the binary has the name or the field.
    pub fn try_named(&self, pattern: &str) -> Result<Objects, QueryError> {
        let _own = tracker::untracked();
        self.find(Name::Pattern(pattern.to_owned()))
    }

    /// All blocks of the heap, each as the value in it: of an `Arc` the value without its counts, a buffer of a `Vec` as `[T]`, a hash table as
    /// `hash table of (K, V)`. A block of which nothing is known is `unknown`.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn the_largest_types() {
    ///     let sessions = vec![Session(1), Session(2)];
    ///     let heap = memleak::snapshot();
    ///     let groups = heap.objects().group_by_type();
    ///     assert!(groups.windows(2).all(|pair| pair[0].bytes() >= pair[1].bytes()));
    ///     assert_eq!(heap.objects().bytes(), groups.iter().map(|group| group.bytes()).sum());
    ///     drop(sessions);
    /// }
    /// ```
    pub fn objects(&self) -> Objects {
        let _own = tracker::untracked();
        self.0.objects.get_or_init(|| Objects::all(self)).clone()
    }

    /// The blocks that nothing leads to any more, although they were never freed: cycles of `Rc` or `Arc`, forgotten boxes, lost raw pointers.
    /// In a leak test those that were allocated since the body began.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # use std::{cell::RefCell, rc::Rc};
    /// struct Node {
    ///     next: RefCell<Option<Rc<Node>>>,
    /// }
    ///
    /// # #[inline(never)]
    /// fn lose_a_cycle() {
    ///     let node = Rc::new(Node { next: RefCell::new(None) });
    ///     *node.next.borrow_mut() = Some(node.clone());
    /// }
    ///
    /// #[leak_test(unreachable = "allow", expect_at_most("Node" = 1))]
    /// fn finds_it_while_the_test_runs() {
    ///     lose_a_cycle();
    ///     assert_eq!(memleak::snapshot().unreachable().of::<Node>().count(), 1);
    /// }
    /// ```
    ///
    /// What a stale number in memory or on a stack happens to lead to counts as reachable. So a cycle that was made a moment ago in the
    /// function that takes the snapshot may still be held by it.
    pub fn unreachable(&self) -> Objects {
        let _own = tracker::untracked();
        Objects::unreachable(self)
    }

    /// How this snapshot differs from an earlier one of the same process.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn one_more() {
    ///     let mut sessions = vec![Box::new(Session(1))];
    ///     let before = memleak::snapshot();
    ///     sessions.push(Box::new(Session(2)));
    ///     let diff = memleak::snapshot().since(&before);
    ///     assert_eq!(diff.created().of::<Session>().count(), 1);
    ///     assert_eq!(diff.survived().of::<Session>().count(), 1);
    ///     assert_eq!(diff.freed().of::<Session>().count(), 0);
    ///     drop(sessions);
    /// }
    /// ```
    ///
    /// # Panics
    /// When `earlier` was taken after this one.
    #[track_caller]
    pub fn since(&self, earlier: &Snapshot) -> Diff {
        self.must_follow(earlier);
        Diff::new(self, earlier)
    }

    /// What was allocated and freed between an earlier snapshot of the same process and this one.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn a_hundred_came_and_went() {
    ///     let before = memleak::snapshot();
    ///     for number in 0..100 {
    ///         drop(std::hint::black_box(Box::new(Session(number))));
    ///     }
    ///     let traffic = memleak::snapshot().traffic_since(&before);
    ///     assert_eq!(traffic.allocated().of::<Session>().count(), 100);
    ///     assert_eq!(traffic.freed().of::<Session>().bytes(), 800);
    /// }
    /// ```
    ///
    /// # Panics
    /// When `earlier` was taken after this one.
    #[track_caller]
    pub fn traffic_since(&self, earlier: &Snapshot) -> Traffic {
        self.must_follow(earlier);
        Traffic::new(self, earlier)
    }

    #[track_caller]
    fn must_follow(&self, earlier: &Snapshot) {
        let follows = earlier.0.epoch <= self.0.epoch;
        assert!(
            follows,
            "memleak: the snapshot to compare with is the later of the two: ask that one, `later.since(&earlier)`"
        );
    }

    /// Writes the heap to a file that Chrome's DevTools (Memory, Load), and memlab open: see [heap snapshots](crate#heap-snapshots). DevTools
    /// tell the format by the end of the name, `.heapsnapshot`.
    ///
    /// Two files of one process can be compared: a block that is in both has the same number there.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// # struct Session(u64);
    /// #[leak_test]
    /// fn to_be_looked_at() {
    ///     let session = Box::new(Session(1));
    ///     let file = std::env::temp_dir().join("memleak-manual.heapsnapshot");
    ///     memleak::snapshot().save(&file).unwrap();
    ///     assert!(std::fs::read_to_string(&file).unwrap().contains("Session"));
    /// #   std::fs::remove_file(&file).unwrap();
    ///     drop(session);
    /// }
    /// ```
    ///
    /// What is in fields is not written: it may be secret. [`save_with_texts`](Snapshot::save_with_texts) writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.write(path.as_ref(), false)
    }

    /// As [`save`](Snapshot::save), with the texts in the heap: of each `String` as much as its first 1024 characters.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// #[leak_test]
    /// fn whose_name_it_is() {
    ///     let name = "ada lovelace".to_owned();
    ///     let file = std::env::temp_dir().join("memleak-manual-texts.heapsnapshot");
    ///     memleak::snapshot().save_with_texts(&file).unwrap();
    ///     assert!(std::fs::read_to_string(&file).unwrap().contains("ada lovelace"));
    /// #   std::fs::remove_file(&file).unwrap();
    ///     drop(name);
    /// }
    /// ```
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_with_texts(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.write(path.as_ref(), true)
    }

    fn write(&self, path: &Path, texts: bool) -> io::Result<()> {
        let _own = tracker::untracked();
        let path = path.to_owned();
        self.ask(move |copy| copy.save(&path, texts, body::begun()))
    }

    /// All live blocks, in bytes as the program asked for them.
    ///
    /// ```
    /// # use memleak::leak_test;
    /// #[leak_test]
    /// fn a_kilobyte() {
    ///     let before = memleak::snapshot();
    ///     let buffer = vec![0u8; 1024];
    ///     let after = memleak::snapshot();
    ///     assert_eq!(after.total_bytes() - before.total_bytes(), 1024);
    ///     assert_eq!(after.len() - before.len(), 1);
    ///     drop(buffer);
    /// }
    /// ```
    pub fn total_bytes(&self) -> u64 {
        self.0.bytes
    }

    /// How many blocks live.
    pub fn len(&self) -> usize {
        self.0.blocks
    }

    /// Whether no block lives.
    pub fn is_empty(&self) -> bool {
        self.0.blocks == 0
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.0.epoch
    }

    pub(crate) fn is(&self, other: &Snapshot) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn find(&self, name: Name) -> Result<Objects, QueryError> {
        let _own = tracker::untracked();
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if !asked.iter().any(|other| other.subject().written() == name.subject().written()) {
            asked.push(name.clone());
        }
        drop(asked);
        Objects::find(self, name)
    }

    /// What the heap knows of the types that this snapshot was asked for, in the words of a failing test's text.
    pub(crate) fn what_was_asked(&self) -> String {
        let asked = std::mem::take(&mut *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = self.0.copy.ask(move |copy| {
            let look = Look::of_program();
            let types = copy.scene.program.types();
            let known = asked.iter().filter_map(|name| {
                let found = Subjects::resolve(types, name.subject()).ok()?.find(&copy.scene);
                let groups = check::groups(&copy.scene, &found);
                Some(report::instances(name.subject().written(), &groups, &look))
            });
            known.collect::<String>()
        });
        // It is part of the text of a panic: no other may come of it.
        answer.unwrap_or_default()
    }

    /// Asks memleak's thread.
    pub(crate) fn ask<R: Send + 'static>(&self, question: impl FnOnce(&Copy) -> R + Send + 'static) -> R {
        match self.0.copy.ask(question) {
            Some(answer) => answer,
            None => panic!("{FAILED}"),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} blocks, {} bytes)", self.0.blocks, self.0.bytes)
    }
}

/// Overwrites what functions that have returned left on the stack: this thread waits in frames that would cover it, and what shows through
/// between their variables would look like pointers.
#[inline(never)]
fn wipe_dead_frames() {
    const DEEP: usize = 16 << 10;
    std::hint::black_box(&mut [0u8; DEEP]);
}

/// What types are asked for.
#[derive(Clone, Debug)]
pub(crate) enum Name {
    Pattern(String),
    Type(fn() -> &'static str),
}

/// The type `T`.
pub(crate) fn path<T: ?Sized>() -> Name {
    Name::Type(type_name::<T>)
}

impl Name {
    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Name::Pattern(text) => Subject::Pattern(text),
            Name::Type(name) => Subject::Path { written: name(), name: *name, size: None },
        }
    }
}

pub(crate) const FAILED: &str = "memleak: reading the heap failed: its thread panicked, as said above";

const NOT_RECORDED: &str = "memleak: nothing is recorded here\n  \
    help: snapshots are taken in the body of a #[leak_test], which runs in a process of its own, and in any other program after \
    memleak::Recording::start()";
