//! Memory-leak tests: the one crate that a user names, and the manual. All about the attribute is at [`leak_test`](macro@leak_test).
//!
#![doc = include_str!("../README.md")]

/// Makes a function a leak test.
///
/// The function runs as a test. When its body has ended and its locals are dropped, the instances of the named types are counted; if more
/// live than the arguments allow, the test fails and says how many there are, where they were allocated and who holds them. It fails as well
/// if memory that the body allocated is [unreachable](#unreachable) afterwards; for that no type need be named. What counts as live, and what
/// happens when that cannot be told, is in [the crate's introduction](crate#what-a-verdict-means), and there is
/// [how to read the text](crate#reading-the-text).
///
/// ```
/// use memleak::leak_test;
/// # struct Session;
/// # impl Session {
/// #     async fn connect() -> std::io::Result<Session> { Ok(Session) }
/// #     async fn log_off(self) -> std::io::Result<()> { Ok(()) }
/// # }
///
/// #[leak_test(expect_zero = "Session")]
/// async fn logging_off_ends_the_session() -> std::io::Result<()> {
///     let session = Session::connect().await?;
///     session.log_off().await
/// }
/// ```
///
/// # The function
///
/// It is an `fn` or an `async fn` without arguments that returns what a test can return: `()`, a `Result`, an `ExitCode`. An async function
/// runs on a tokio runtime with time and IO, on one thread if [`flavor`](#flavor-worker_threads) does not say otherwise; without memleak's
/// feature `tokio` it runs on a plain executor.
///
/// `#[should_panic]`, `#[ignore]`, `#[cfg(…)]`, doc comments and lints work as on any test. `#[test]` is not needed: the attribute takes its
/// place, and tells you to remove it where it stands above. A `#[test]` that a macro puts above this attribute may escape it; the test is
/// then registered twice, and runs twice.
///
/// # Other test attributes
///
/// `#[tokio::test]`, `#[test_log::test]`, `#[actix_rt::test]`, `#[async_std::test]`, `#[sqlx::test]`, `#[traced_test]` and others go below this
/// attribute. What they do is done as ever: their runtime runs the body, with the arguments that they give it, and the heap is looked at while
/// that runtime goes on, and again when it has been shut down. All of that takes place in the test's own process only, so a database that an
/// attribute creates is created once.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session")]
/// #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn on_tokios_own_runtime() {
///     let session = Session("ada".to_owned());
///     tokio::spawn(async move { drop(session) }).await.unwrap();
/// }
/// ```
///
/// Above this attribute such an attribute is expanded first. If the body can be found in what it has made of the function, that is as good;
/// else it is a compile error, because the heap would be looked at when the runtime has ended. `#[serial]` and `#[file_serial]` may be anywhere:
/// their lock is held in the process of the test run while the test's own process runs.
///
/// `#[rstest]` and `#[test_case]` may be above or below; each case is a leak test. A case that test-case expects to panic cannot be one, which is a
/// compile error: the test harness would take a leak for that panic. An async function under `#[rstest]` that has no other test attribute needs the
/// name [`#[memleak::test]`](macro@test).
///
/// The body becomes a function inside of the test function, under the same name. Nothing else of it changes.
///
/// # Arguments
///
/// All may be left out: the bare attribute looks for unreachable memory. Each is given once, in any order; only [`ignore`](#ignore) may be given
/// several times.
///
/// ## `expect_zero`
///
/// No instance of these types may live. A type is written
///
/// * as a string: a [pattern](crate#patterns) that is matched, when the test runs, against all types in the debug info. A pattern that
///   matches none fails the test and shows the nearest names;
/// * as a path, which the compiler resolves: it has to be in scope and visible, with its generics. A misspelt one is a compile error;
/// * as `dyn Trait`: every type that is seen behind this trait object.
///
/// Several types go into brackets.
///
/// ```
/// # use memleak::leak_test;
/// # mod chat { pub struct Session; pub struct Link<T>(pub T); pub struct Tcp; pub trait Chat {} impl Chat for Session {} }
/// # use chat::Chat;
/// #[leak_test(expect_zero = "Session")]
/// fn by_pattern() {
///     let _session = Box::new(chat::Session);
/// }
///
/// #[leak_test(expect_zero = chat::Link<chat::Tcp>)]
/// fn by_path() {
///     let _link = Box::new(chat::Link(chat::Tcp));
/// }
///
/// #[leak_test(expect_zero = ["Session", chat::Link<chat::Tcp>, dyn Chat])]
/// fn several() {
///     let _chat: Box<dyn Chat> = Box::new(chat::Session);
///     let _link = Box::new(chat::Link(chat::Tcp));
/// }
/// ```
///
/// ## `expect_at_most`
///
/// As many instances of each type may live, and no more.
///
/// ```
/// # use memleak::leak_test;
/// # use std::sync::OnceLock;
/// # struct Pool(Vec<Conn>); struct Conn(u8);
/// static POOL: OnceLock<Pool> = OnceLock::new();
///
/// #[leak_test(expect_at_most("Conn" = 4, Pool = 1))]
/// fn the_pool_stays_small() {
///     let pool = POOL.get_or_init(|| Pool((0..4).map(Conn).collect()));
///     assert_eq!(pool.0[3].0, 3);
/// }
/// ```
///
/// ## `expect_exactly`
///
/// As many instances of each type have to live, no more and no fewer, when the body has ended and background work has had its time to
/// [settle](#settle). Later no more may live: what the runtime or the thread of the body keeps may end with it. Instances that are only
/// ["possibly"](#possibly) live do not decide: with one that lives and one that may, neither one nor two is wrong.
///
/// ```
/// # use memleak::leak_test;
/// # use std::sync::OnceLock;
/// # struct Worker(u8);
/// static WORKERS: OnceLock<Vec<Worker>> = OnceLock::new();
///
/// #[leak_test(expect_exactly("Worker" = 4))]
/// fn the_workers_stay() {
///     let workers = WORKERS.get_or_init(|| (0..4).map(Worker).collect());
///     assert_eq!(workers[3].0, 3);
/// }
/// ```
///
/// ## `max_live_bytes`
///
/// How many bytes may be left of those that were allocated since the body began, whatever they hold, values that are gone but whose memory is
/// still held as well. They are counted where instances are: when the body has ended and background work has had its time to
/// [settle](#settle), while the runtime goes on. The text names the types that make them up, where they were allocated and who holds them. A size
/// is written with its unit, in quotes: `"0"`, `"512 B"`, `"64 KiB"`, `"1.5 MiB"`, `"10 MB"`. Leaks that an [`ignore`](#ignore) accepts count here.
///
/// ```
/// # use memleak::leak_test;
/// # use std::sync::Mutex;
/// static CACHE: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// #[leak_test(max_live_bytes = "4 KiB")]
/// fn the_cache_stays_small() {
///     for user in 0..1000 {
///         let mut cache = CACHE.lock().unwrap();
///         cache.push(format!("user {user}"));
///         if cache.len() > 10 {
///             cache.clear();
///         }
///     }
/// }
/// ```
///
/// What the threads of a runtime allocate for themselves does not count, as in all limits below.
///
/// ## `max_peak_bytes`
///
/// How many bytes may live at any moment of the body, of those that were allocated since it began: by its own thread, its tasks and all other
/// threads. The text says how far it went up, and which types lived when it first was too much, where they were allocated, and who holds those
/// that still live. A `Vec` that grows counts with its new size, not with both. A size is written as for [`max_live_bytes`](#max_live_bytes).
///
/// ```
/// # use memleak::leak_test;
/// #[leak_test(max_peak_bytes = "100 KiB")]
/// fn a_file_is_read_in_pieces() {
///     let mut sum = 0u64;
///     for piece in 0..100 {
///         let buffer = vec![1u8; 64 * 1024];
///         sum += u64::from(buffer[piece]);
///     }
///     assert_eq!(sum, 100);
/// }
/// ```
///
/// ## `max_allocated_bytes`, `max_allocations`
///
/// How many bytes, and in how many allocations, the body may allocate, freed again or not; with [`iterations`](#iterations-warmup-max_growth) in all
/// runs together. A `Vec` that grows is an allocation of its new size each time. What memleak, the test harness and the threads of a runtime
/// allocate for themselves does not count. The text names the types and places, the largest first.
///
/// ```
/// # use memleak::leak_test;
/// # use std::fmt::Write;
/// #[leak_test(max_allocations = 1, max_allocated_bytes = "1 KiB")]
/// fn the_buffer_is_used_again() {
///     let mut line = String::with_capacity(100);
///     for number in 0..1000 {
///         line.clear();
///         write!(line, "line {number}").unwrap();
///     }
/// }
/// ```
///
/// ## `max_allocated`
///
/// How many values of each type the body may allocate, freed again or not: in a `Box`, `Rc` or `Arc`, or as a part of what is in one. A buffer counts
/// as many as it has room for, each time it is allocated: `Vec::with_capacity` and `collect` make it once, a `Vec` that grows makes it again. `"[Session]"`
/// counts such buffers instead. What is in an enum or in a future may be there or not, and does not count; nor do values on the stack.
///
/// ```
/// # use memleak::leak_test;
/// # use std::sync::Arc;
/// # struct Session(u64); struct Config { name: String }
/// #[leak_test(max_allocated("Session" = 10, Config = 1))]
/// fn all_sessions_share_one_config() {
///     let config = Arc::new(Config { name: "test".to_owned() });
///     let sessions: Vec<(Box<Session>, Arc<Config>)> =
///         (0..10).map(|id| (Box::new(Session(id)), Arc::clone(&config))).collect();
///     assert!(sessions.iter().all(|(session, config)| session.0 < 10 && config.name == "test"));
/// }
/// ```
///
/// ## `iterations`, `warmup`, `max_growth`
///
/// The body runs `iterations` times, one run after the other, inside one runtime. With `max_growth` the memory that is left is counted after each
/// run, by the place that allocated it. What has grown since the first `warmup` runs, a fifth of all if it is not said, by more than this size in each run,
/// on average, fails the test. The text names the types and places, whether they grow in each run or in steps, as the buffer of a `Vec` does, and
/// the collection that holds what is new.
///
/// Memory that goes up and down again is no growth, nor is what is made once, late: a place has to go up in at least two runs. Between two
/// runs background work has a few milliseconds to end; after the last it is waited for as [`settle`](#settle) says.
///
/// ```
/// # use memleak::leak_test;
/// # use std::sync::Mutex;
/// static REQUESTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// #[leak_test(iterations = 20, warmup = 3, max_growth = "0")]
/// async fn nothing_piles_up() {
///     REQUESTS.lock().unwrap().push("GET /".to_owned());
///     tokio::spawn(async { REQUESTS.lock().unwrap().pop() }).await.unwrap();
/// }
/// ```
///
/// `iterations` alone repeats the body, for what goes wrong now and then; instances and unreachable memory are looked for at the end. A run
/// that panics or returns a failure is the last. A body that other attributes give arguments cannot be repeated.
///
/// ## `unreachable`
///
/// Memory that the test allocated and that nothing points to any more lets every leak test fail, whatever else it checks: values that own
/// each other in a cycle of `Rc` or `Arc`, a forgotten `Box`, a raw pointer that was lost. It is looked for when the runtime is shut down, or
/// the thread of the body has ended.
///
/// ```
/// # use memleak::leak_test;
/// # use std::{cell::RefCell, rc::{Rc, Weak}};
/// struct Parent {
///     children: RefCell<Vec<Rc<Child>>>,
/// }
///
/// struct Child {
///     parent: Weak<Parent>, // an `Rc` would let the test fail
/// }
///
/// #[leak_test]
/// fn a_family_is_no_cycle() {
///     let parent = Rc::new(Parent { children: RefCell::new(Vec::new()) });
///     let child = Rc::new(Child { parent: Rc::downgrade(&parent) });
///     assert!(child.parent.upgrade().is_some());
///     parent.children.borrow_mut().push(child);
/// }
/// ```
///
/// With `"allow"` it is not looked for; then the test names a type, or asks [the heap](crate::snapshot) itself. `"fail"` is the default.
///
/// ```
/// # use memleak::leak_test;
/// # struct Config(String); struct Session(String);
/// #[leak_test(expect_zero = "Session", unreachable = "allow")]
/// fn a_config_may_be_lost() {
///     std::mem::forget(Box::new(Config("on".to_owned())));
///     let _session = Box::new(Session("ada".to_owned()));
/// }
/// ```
///
/// ## `possibly`
///
/// Of some instances it [cannot be told](crate#what-a-verdict-means) whether they live: plain data in a local of a suspended future, for
/// example, looks the same after it was moved away. They do not decide. If the certain ones alone are as expected, the test passes, and says on stderr
/// how many may live besides, where, and why that is not certain. With `"fail"` they count like the others. `"show"` is the default.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", possibly = "fail")]
/// async fn not_even_possibly() {
///     let session = Session("ada".to_owned());
///     tokio::spawn(async move { drop(session) }).await.unwrap();
/// }
/// ```
///
/// ## `ignore`
///
/// Leaks that are known and accepted: `type` is a [pattern](crate#patterns) for the type of an instance, or of the unreachable block that
/// nothing leads to; `function` is one for a function on the stack that allocated it; `held_by` names what holds it. What is given has to match,
/// all of it. What an ignored block keeps is ignored with it. `reason` has to be there. Instances that are ignored do not count for
/// [`expect_zero`](#expect_zero) and [`expect_at_most`](#expect_at_most).
///
/// `held_by` is a static or thread-local, a type, a field of either (`CACHE.pages`, `Cache.pages`, `.pages`), the async function of a task, or
/// the name of a thread, [as for a set of objects](crate::Objects::held_by). It matches what is held on any way that it is on, also if something
/// else holds that too.
///
/// For the leaks that a program has already, when it gets its first leak tests, there is [a list](crate#known-leaks).
///
/// The test says on stderr how many leaks were ignored, also when it passes, and which `ignore` matched nothing and can be left out. One that
/// names what is not there, because it is misspelt, lets the test fail.
///
/// ```
/// # use memleak::leak_test;
/// mod third_party {
///     # struct Callsite(String);
///     pub fn init() {
///         Box::leak(Box::new(Callsite("on".to_owned())));
///     }
/// }
///
/// #[leak_test(ignore(type = "Callsite", function = "third_party::init", reason = "lives as long as the process"))]
/// fn starts_with_a_library_that_leaks() {
///     third_party::init();
/// }
/// ```
///
/// ## `settle`
///
/// How long work in the background may take to let go of the instances before they are counted, and of memory before it is unreachable: a
/// task that is about to end, a connection that is being closed. The count is repeated until it is as expected, at once for a clean test, or
/// until this time is over. The default is 200 ms. A number and a unit, in quotes: `"500ms"`, `"1s"`, `"2m"`.
///
/// ```
/// # use memleak::leak_test;
/// # use std::time::Duration;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", settle = "2s")]
/// async fn a_session_ends_by_itself() {
///     let session = Box::new(Session("ada".to_owned()));
///     tokio::spawn(async move {
///         tokio::time::sleep(Duration::from_millis(300)).await;
///         drop(session);
///     });
/// }
/// ```
///
/// ## `timeout`
///
/// When the test counts as hung: it is killed, and fails. Written as for `settle`, and longer than it. The default is one minute.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", timeout = "5m")]
/// fn a_long_scenario() {
///     let _session = Session("ada".to_owned());
/// }
/// ```
///
/// ## `unsupported`
///
/// What to do where the heap cannot be read: on another platform, or in a binary without debug info. With `"fail"`, the default, the test
/// fails. With `"skip"` the body is run, its result counts, and the test says on stderr that nothing was checked. The environment variable
/// `MEMLEAK_UNSUPPORTED=skip` does the same for all tests.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", unsupported = "skip")]
/// fn runs_everywhere() {
///     let _session = Session("ada".to_owned());
/// }
/// ```
///
/// ## `flavor`, `worker_threads`
///
/// The tokio runtime of an async function, as in `#[tokio::test]`: `"current_thread"`, the default, or `"multi_thread"`, the latter with as
/// many worker threads as the machine has cores, or as said.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", flavor = "multi_thread", worker_threads = 4)]
/// async fn on_four_threads() {
///     let session = Session("ada".to_owned());
///     tokio::spawn(async move { drop(session) }).await.unwrap();
/// }
/// ```
///
/// ## `start_paused`
///
/// Starts with tokio's clock paused, as in `#[tokio::test]`: sleeps end at once when nothing else is to do. It needs the feature `test-util`
/// of tokio, and one thread.
///
/// ```
/// # use memleak::leak_test;
/// # use std::time::Duration;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", start_paused = true)]
/// async fn an_idle_session_is_closed_within_an_hour() {
///     let session = Box::new(Session("ada".to_owned()));
///     tokio::time::sleep(Duration::from_secs(3600)).await;
///     drop(session);
/// }
/// ```
///
/// ## `harness`
///
/// With `false` the function is not a `#[test]`, but one to call: by the `main` of a test target with `harness = false` in Cargo.toml, such as one of
/// libtest-mimic. It panics if the test fails.
///
/// The test still gets a process of its own if the program, started with `--exact` and the path of the function (`sessions::log_on`, without the
/// crate), calls it: so give the trial that name. Else the body runs where it is called, what other tests have on the heap counts as well, and
/// a note says so.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(String);
/// #[leak_test(expect_zero = "Session", harness = false)]
/// fn a_session_ends() {
///     let _session = Session("ada".to_owned());
/// }
/// # #[test]
/// # fn main_of_the_test_target() {
/// a_session_ends();
/// # }
/// ```
///
/// ## `crate`
///
/// The path of this crate, where it is not `memleak`: because Cargo.toml gives it another name, or because another crate re-exports it.
///
/// ```
/// # extern crate memleak as checks;
/// # use checks::leak_test;
/// # struct Session(String);
/// // Cargo.toml: checks = { package = "memleak", version = "0.1" }
/// #[leak_test(expect_zero = "Session", crate = checks)]
/// fn under_another_name() {
///     let _session = Session("ada".to_owned());
/// }
/// ```
pub use memleak_macros::leak_test;

/// The same attribute as [`#[leak_test]`](macro@leak_test), under a name that other test macros know.
///
/// rstest and others take an attribute for the one that makes a test if its path ends in `test`.
///
/// ```
/// # use rstest::rstest;
/// # #[derive(Clone, Copy)] enum Transport { Tcp, Quic }
/// # struct Session(Transport);
/// # impl Session { async fn connect(by: Transport) -> Session { Session(by) } async fn log_off(self) {} }
/// #[rstest]
/// #[case::tcp(Transport::Tcp)]
/// #[case::quic(Transport::Quic)]
/// #[memleak::test(expect_zero = "Session")]
/// async fn logging_off_ends_the_session(#[case] transport: Transport) {
///     Session::connect(transport).await.log_off().await;
/// }
/// ```
pub use memleak_macros::leak_test as test;

/// The allocator that records every block, over another one.
///
/// The default feature `global-allocator` installs it over the system's. A program that has a global allocator of its own leaves that
/// feature out, and wraps its allocator in the test build:
///
/// ```ignore
/// #[cfg(test)]
/// #[global_allocator]
/// static ALLOCATOR: memleak::Allocator<Jemalloc> = memleak::Allocator::new(Jemalloc);
/// ```
///
/// Only the process of a leak test records anything. Everywhere else an allocation costs one more load.
pub use memleak_core::tracker::Allocator;

#[cfg(feature = "global-allocator")]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

mod checks;
mod differences;
pub mod guide;
mod object;
mod objects;
mod recording;
mod snapshots;
mod value;

pub use checks::{check, check_async};
pub use differences::{Diff, Traffic, TrafficGroup, TrafficSide};
pub use object::{Backtrace, Frame, Object, Path};
pub use objects::{Group, Objects};
pub use recording::{Recording, RecordingError};
pub use snapshots::{QueryError, Snapshot, snapshot};
pub use value::Value;

#[doc(hidden)]
pub mod __private;
