//! For those who come from another tool: what is done there, and the line that does it here. `tests/compile/manual.rs` runs the examples, and holds
//! that each line of a table is in one of them. And for pipelines: the lines to copy.

/// From dotMemory Unit.
///
/// What a `dotMemory.Check` asks is asked of a [`Snapshot`](crate::Snapshot) here, and the most frequent question, that no object of a type is left,
/// is an argument of the attribute: `#[leak_test(expect_zero = "Session")]`. Two things are different:
///
/// * There is no special runner. The process of a test records its allocations because it is a leak test, under `cargo test` and nextest alike.
/// * Tests may be async, and the heap is looked at while their runtime goes on.
///
/// There is no garbage collector either. An object that nothing leads to is not collected later, it is lost: a leak test fails on it without
/// being asked. And a `Session` in a field or in a `Vec` is an object as one in a `Box` is.
///
/// # Objects
///
/// | dotMemory Unit | memleak |
/// |---|---|
/// | `dotMemory.Check(memory => …)` | `memleak::check(\|heap\| assert!(heap.of::<Closed>().is_empty()));` |
/// | the same in an async test | `memleak::check_async(\|heap\| assert!(heap.of::<Closed>().is_empty())).await;` |
/// | `dotMemory.Check()`, `dotMemoryApi.GetSnapshot()` | `let heap = memleak::snapshot();` |
/// | `GetObjects(where => where.Type.Is<Session>()).ObjectsCount` | `heap.of::<Session>().count()` |
/// | `SizeInBytes` | `heap.of::<Session>().bytes()` |
/// | `memory.ObjectsCount`, `memory.SizeInBytes` | `(heap.len(), heap.total_bytes())` |
/// | `Type.Is(typeof(Session), typeof(User))` | `heap.of::<Session>().or(&heap.of::<User>())` |
/// | `Type.IsNot<Session>()`, `!=` | `heap.objects().not(&heap.of::<Session>())` |
/// | `Type.Like("*Session")` | `heap.named("*Session")` |
/// | `Type.Is(typeof(Link<>))`, an open generic type | `heap.named("Link")` |
/// | `Interface.Is<IChat>()`, `Interface.Is(typeof(IChat))` | `heap.of::<dyn Chat>()` |
/// | `Interface.Like("*Chat")` | `heap.named("dyn Chat")` |
/// | `Namespace.Like("Links*")` | `heap.named("links::**")` |
/// | `Assembly.Is(…)`, `Assembly.Like("std*")` | `heap.named("::alloc::**")` |
/// | `GetObjects(…).GetObjects(…)` | `heap.of::<Session>().allocated_in("log_on").held_by("ROOM")` |
/// | the operators `&`, `\|` and `==` between queries | `&heap.named("Session { closed: true }") \| &heap.of::<Closed>()` |
/// | `GetExclusivelyRetainedObjects()` | `heap.of::<Session>().retained()` |
/// | their `SizeInBytes` | `heap.of::<Session>().retained_bytes()` |
/// | `GroupByType()` | `heap.objects().group_by_type()` |
/// | the creation stack trace, in the profiler | `heap.objects().group_by_site()` |
/// | the path to the root, in the profiler | `session.paths_from_roots()` |
/// | the values of fields, in the profiler | `session.field("user")` |
/// | `QueryBuilder.GetObjects(…)`, a query to use again | `fn closed(heap: &Snapshot) -> Objects { heap.named("Session { closed: true }") }` |
/// | `GC.KeepAlive(session)` | `drop(sessions)` |
///
/// ```
/// # use memleak::leak_test;
/// use memleak::{Objects, Snapshot};
/// # use std::sync::Mutex;
/// # trait Chat {} struct Bot(u8); impl Chat for Bot {} struct Closed(u64);
/// # struct User(String); struct Session { user: User, closed: bool } static ROOM: Mutex<Vec<Session>> = Mutex::new(Vec::new());
/// # mod links { pub struct Tcp(pub u8); pub struct Link<T>(pub T); } use links::{Link, Tcp};
/// # fn log_on(user: &str) { ROOM.lock().unwrap().push(Session { user: User(user.to_owned()), closed: false }); }
///
/// fn closed(heap: &Snapshot) -> Objects { heap.named("Session { closed: true }") }
///
/// #[leak_test]
/// async fn questions() {
///     log_on("ada");
///     let sessions = vec![Session { user: User("grace".to_owned()), closed: true }];
///     let others: (Box<dyn Chat>, Box<Link<Tcp>>) = (Box::new(Bot(1)), Box::new(Link(Tcp(4))));
///
///     let heap = memleak::snapshot();
///     assert_eq!(heap.of::<Session>().count(), 2);
///     assert_eq!(heap.of::<Session>().bytes(), 64);
///     assert!((heap.len(), heap.total_bytes()) > (3, 0));
///     assert_eq!(heap.of::<Session>().or(&heap.of::<User>()).count(), 4);
///     assert!(heap.objects().not(&heap.of::<Session>()).count() > 2);
///     assert_eq!(heap.named("*Session").count(), 2);
///     assert_eq!(heap.named("Link").count(), 1);
///     assert_eq!(heap.of::<dyn Chat>().count(), 1);
///     assert_eq!(heap.named("dyn Chat").count(), 1);
///     assert_eq!(heap.named("links::**").count(), 2, "the link, and what it is made of");
///     assert!(heap.named("::alloc::**").count() > 1, "strings among others");
///     assert_eq!(heap.of::<Session>().allocated_in("log_on").held_by("ROOM").count(), 1);
///     assert_eq!((&heap.named("Session { closed: true }") | &heap.of::<Closed>()).count(), 1);
///     assert_eq!(heap.of::<Session>().retained().bytes(), 8, "two names");
///     assert_eq!(heap.of::<Session>().retained_bytes(), 72);
///     assert!(!heap.objects().group_by_type().is_empty());
///     assert!(!heap.objects().group_by_site().is_empty());
///     assert_eq!(closed(&heap).count(), 1);
///
///     let session = heap.of::<Session>().held_by("ROOM").iter().next().unwrap();
///     assert!(session.paths_from_roots()[0].root().contains("ROOM"));
///     assert_eq!(session.field("user").field("0"), "ada");
///     drop(sessions);
///
///     memleak::check(|heap| assert!(heap.of::<Closed>().is_empty()));
///     memleak::check_async(|heap| assert!(heap.of::<Closed>().is_empty())).await;
///     # drop((others, Closed(0).0));
/// }
/// ```
///
/// There are no generations, no large object heap and no finalizers to ask for.
///
/// # Two snapshots
///
/// | dotMemory Unit | memleak |
/// |---|---|
/// | `memory.GetDifference(before)` | `let difference = heap.since(&before);` |
/// | `GetNewObjects()` | `difference.created()` |
/// | `GetNewObjects(where => where.Type.Is<Session>())` | `difference.created().of::<Session>()` |
/// | `GetSurvivedObjects()` | `difference.survived()` |
/// | `GetDeadObjects()` | `difference.freed()` |
/// | `dotMemoryApi.GetDifference(first, second)` | `second.since(&first)` |
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(u64);
/// #[leak_test]
/// fn differences() {
///     let (old, gone) = (Box::new(Session(1)), Box::new(Session(2)));
///     let before = memleak::snapshot();
///     drop(gone);
///     let new = Box::new(Session(3));
///
///     let heap = memleak::snapshot();
///     let difference = heap.since(&before);
///     assert_eq!(difference.created().of::<Session>().count(), 1);
///     assert!(difference.created().count() >= 1);
///     assert_eq!(difference.survived().of::<Session>().count(), 1);
///     assert_eq!(difference.freed().of::<Session>().count(), 1);
///     let (first, second) = (before, heap);
///     assert_eq!(second.since(&first).created().named("Session").bytes(), 8);
///     drop((old, new));
/// }
/// ```
///
/// # Traffic
///
/// Each leak test records what is allocated, so there is nothing to turn on.
///
/// | dotMemory Unit | memleak |
/// |---|---|
/// | `memory.GetTrafficFrom(before)`, `dotMemoryApi.GetTrafficBetween(…)` | `let traffic = heap.traffic_since(&before);` |
/// | `AllocatedMemory.ObjectsCount`, `AllocatedMemory.SizeInBytes` | `(traffic.allocated().count(), traffic.allocated().bytes())` |
/// | `CollectedMemory.ObjectsCount`, `CollectedMemory.SizeInBytes` | `(traffic.freed().count(), traffic.freed().bytes())` |
/// | `Where(traffic => traffic.Type.Is<Session>())` | `traffic.allocated().of::<Session>()` |
/// | `Where(traffic => traffic.Namespace.Like("Chat*"))` | `traffic.allocated().named("chat::**")` |
/// | `Where(traffic => traffic.Interface.Is<IChat>())` | `traffic.allocated().of::<dyn Chat>()` |
/// | `GroupByType()` | `traffic.allocated().group_by_type()` |
/// | `[AssertTraffic(AllocatedObjectsCount = 1000)]` | `#[leak_test(max_allocations = 1000)]` |
/// | `[AssertTraffic(AllocatedSizeInBytes = 10000)]` | `#[leak_test(max_allocated_bytes = "10 KB")]` |
/// | `[AssertTraffic(AllocatedObjectsCount = 1, Types = new[] { typeof(Session) })]` | `#[leak_test(max_allocated(Session = 1))]` |
/// | `[AssertTraffic(…)]` for an interface or a namespace | `assert!(traffic.allocated().of::<dyn Chat>().count() <= 1);` |
///
/// ```
/// # use memleak::leak_test;
/// # mod chat { pub struct Session(pub u64); } use chat::Session; trait Chat {} impl Chat for Session {}
/// #[leak_test]
/// fn traffic() {
///     let before = memleak::snapshot();
///     drop(Box::new(Session(1)) as Box<dyn Chat>);
///
///     let heap = memleak::snapshot();
///     let traffic = heap.traffic_since(&before);
///     assert_eq!(traffic.allocated().of::<Session>().count(), 1);
///     assert_eq!(traffic.allocated().named("chat::**").count(), 1);
///     assert_eq!(traffic.allocated().of::<dyn Chat>().bytes(), 8);
///     assert!((traffic.allocated().count(), traffic.allocated().bytes()) >= (1, 8));
///     assert!((traffic.freed().count(), traffic.freed().bytes()) >= (1, 8));
///     assert!(traffic.allocated().group_by_type().iter().any(|group| group.name().ends_with("Session")));
///     assert!(traffic.allocated().of::<dyn Chat>().count() <= 1);
/// }
///
/// #[leak_test(max_allocations = 1000)]
/// fn not_many_blocks() {
///     drop(Box::new(Session(1)));
/// }
///
/// #[leak_test(max_allocated_bytes = "10 KB")]
/// fn not_many_bytes() {
///     drop(Box::new(Session(1)));
/// }
///
/// #[leak_test(max_allocated(Session = 1))]
/// fn one_session_at_most() {
///     drop(Box::new(Session(1)));
/// }
/// ```
///
/// # Settings and runners
///
/// | dotMemory Unit | memleak |
/// |---|---|
/// | run under dotMemory Unit; `dotMemoryUnit.exe` and its `--propagate-exit-code` | `cargo test`, `cargo nextest run` |
/// | `[DotMemoryUnit(CollectAllocations = true)]` | nothing: stacks and traffic are always there |
/// | `[DotMemoryUnit(FailIfRunWithoutSupport = false)]` | `#[leak_test(unsupported = "skip")]` |
/// | `dotMemoryApi.IsEnabled` | `memleak::Recording::start().is_ok()` |
/// | `SavingStrategy.OnCheckFail`, `OnAnyFail`, `Never`, `SaveCollectedData` | `MEMLEAK_REPORT=on_failure`, `always`, `never`; for the heap as well, `MEMLEAK_SNAPSHOT=on_failure` |
/// | `Directory` | the variable `MEMLEAK_REPORT_DIR` |
/// | `DiskSpaceLimit`, `WorkspaceNumberLimit` | nothing: twenty runs are kept, at most 200 MiB |
/// | a saved workspace, opened in the profiler | a file for the Memory panel of Chrome's DevTools: `heap.save(folder.join("heap.heapsnapshot"))?;` |
/// | `dotMemoryUnitTestOutput.SetOutputMethod(…)` | nothing: texts are the test's own output |
/// | `DotMemoryUnitController.TestStart()` in a framework that is not known | `let recording = memleak::Recording::start()?;` |
/// | `DotMemoryUnitController.TestEnd()` | `let heap = recording.stop();` |
/// | a test framework with a `Main` of its own | `#[leak_test(harness = false)]` |
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(u64);
/// #[leak_test(unsupported = "skip")]
/// fn where_it_can_be_checked() {
///     drop(Box::new(Session(1)));
/// }
///
/// #[leak_test(harness = false)]
/// fn called_by_another_framework() {
///     drop(Box::new(Session(1)));
/// }
///
/// # #[test]
/// fn framework() -> Result<(), Box<dyn std::error::Error>> {
///     let recording = memleak::Recording::start()?;
///     let sessions = Box::new(Session(1));
///     let heap = recording.stop();
///     assert!(heap.of::<Session>().count() >= 1);
///     # let folder = std::env::temp_dir().join(format!("memleak-workspace-{}", std::process::id()));
///     # std::fs::create_dir_all(&folder)?;
///     heap.save(folder.join("heap.heapsnapshot"))?;
///     # std::fs::remove_dir_all(&folder)?;
///     drop(sessions);
///     assert!(memleak::Recording::start().is_ok());
///     Ok(())
/// }
/// # #[test]
/// # fn main_of_the_test_target() { called_by_another_framework(); }
/// ```
pub mod from_dotmemory_unit {}

/// From dhat.
///
/// dhat counts blocks and bytes, and so can the heap here be asked; it also knows what the blocks are, and who holds them. A test needs no
/// allocator of its own and no profiler in it, several tests may be in one file, and they may run at once: each has a process of its own.
///
/// | dhat | memleak |
/// |---|---|
/// | `#[global_allocator] static ALLOC: dhat::Alloc = dhat::Alloc;` | nothing: the dev-dependency installs its own |
/// | `let _profiler = dhat::Profiler::builder().testing().build();` | `let before = memleak::snapshot();` |
/// | `let stats = dhat::HeapStats::get();` | `let heap = memleak::snapshot();` |
/// | `stats.max_bytes` | `#[leak_test(max_peak_bytes = "1 MiB")]` |
/// | `stats.curr_blocks` | `heap.since(&before).created().count()` |
/// | `stats.curr_bytes` | `heap.since(&before).created().bytes()` |
/// | `stats.total_blocks` | `heap.traffic_since(&before).allocated().count()` |
/// | `stats.total_bytes` | `heap.traffic_since(&before).allocated().bytes()` |
/// | `dhat::assert!(stats.curr_bytes <= 4096)` at the end of a test | `#[leak_test(max_live_bytes = "4 KiB")]` |
/// | `dhat::assert!(stats.total_blocks <= 1000)` | `#[leak_test(max_allocations = 1000)]` |
/// | `dhat::assert!(stats.total_bytes <= 10_000)` | `#[leak_test(max_allocated_bytes = "10 KB")]` |
/// | `dhat::assert!`, `dhat::assert_eq!`, `dhat::assert_ne!`, which save the profile | `memleak::check(\|heap\| assert_eq!(heap.of::<Session>().count(), 1));` |
/// | the sites in `dhat-heap.json` | `heap.objects().group_by_site()` |
/// | `dhat-heap.json` in its viewer | a file for the Memory panel of Chrome's DevTools: `heap.save(folder.join("heap.heapsnapshot"))?;` |
/// | `dhat::Profiler::new_heap()` in a program | `let recording = memleak::Recording::start()?;` |
/// | the frames that `trim_backtraces` leaves | `session.backtrace()` |
///
/// ```
/// # use memleak::leak_test;
/// # struct Session(u64);
/// #[leak_test(max_live_bytes = "4 KiB")]
/// fn a_session_costs_eight_bytes() {
///     let before = memleak::snapshot();
///     drop(vec![0_u8; 1000]);
///     let session = Box::new(Session(1));
///
///     let heap = memleak::snapshot();
///     assert_eq!(heap.since(&before).created().count(), 1);
///     assert_eq!(heap.since(&before).created().bytes(), 8);
///     assert_eq!(heap.traffic_since(&before).allocated().count(), 2);
///     assert_eq!(heap.traffic_since(&before).allocated().bytes(), 1008);
///     assert!(!heap.objects().group_by_site().is_empty());
///     memleak::check(|heap| assert_eq!(heap.of::<Session>().count(), 1));
///     drop(session);
/// }
///
/// #[leak_test(max_peak_bytes = "1 MiB")]
/// fn not_much_at_once() {
///     drop(vec![0_u8; 1000]);
/// }
///
/// #[leak_test(max_allocations = 1000)]
/// fn not_many_blocks() {
///     drop(vec![0_u8; 1000]);
/// }
///
/// #[leak_test(max_allocated_bytes = "10 KB")]
/// fn not_many_bytes() {
///     drop(vec![0_u8; 1000]);
/// }
///
/// # #[test]
/// fn program() -> Result<(), Box<dyn std::error::Error>> {
///     let recording = memleak::Recording::start()?;
///     let sessions = Box::new(Session(1));
///     let heap = recording.stop();
///     let session = heap.of::<Session>().iter().next().unwrap();
///     assert!(session.backtrace().to_string().contains("program"));
///     # let folder = std::env::temp_dir().join(format!("memleak-guide-{}", std::process::id()));
///     # std::fs::create_dir_all(&folder)?;
///     heap.save(folder.join("heap.heapsnapshot"))?;
///     # std::fs::remove_dir_all(&folder)?;
///     drop(sessions);
///     Ok(())
/// }
/// ```
///
/// A snapshot has the whole process in it, as dhat's figures have, so those of a test with an async runtime have the runtime's blocks in them: ask for
/// types, or let the attribute count, which leaves out what a runtime's threads allocate for themselves. `stats.max_blocks` and dhat's ad hoc events have no counterpart.
pub mod from_dhat {}

/// In GitHub Actions.
///
/// Nothing has to be set up. A leak test that fails says so to the runner:
///
/// * an error at the line that allocated the leak, or at the `.await` of the task that holds it: on the page of the run, and in the files of a pull request. Paths are from
///   the repository on. GitHub shows ten errors of a step, so a test prints no more than ten;
/// * a part of the job's summary: what leaks, with the ways to it as pictures, and the text of the test.
///
/// To have the page with all of it, and the JSON, keep the reports as an artifact:
///
/// ```yaml
/// jobs:
///   test:
///     runs-on: ubuntu-latest
///     steps:
///       - uses: actions/checkout@v4
///       - run: cargo test
///       - uses: actions/upload-artifact@v4
///         if: failure()
///         with:
///           name: memleak
///           path: target/memleak/
/// ```
///
/// With `MEMLEAK_SNAPSHOT: on_failure` in the `env` of the step, the heaps of the failed tests are in the artifact too. `MEMLEAK_PIPELINE: never` turns
/// errors and summary off.
///
/// Under `cargo nextest run` it is the same. A test that is tried again is in the report as its last attempt ended. What it said of an earlier one stays in the log.
///
/// Several machines, each with a part of the tests, are put together by [`cargo memleak merge`](crate::guide::in_other_pipelines#several-machines):
///
/// ```yaml
/// jobs:
///   test:
///     runs-on: ubuntu-latest
///     strategy:
///       fail-fast: false
///       matrix: { part: [1, 2] }
///     steps:
///       - uses: actions/checkout@v4
///       - uses: taiki-e/install-action@nextest
///       - run: cargo nextest run --partition count:${{ matrix.part }}/2
///       - uses: actions/upload-artifact@v4
///         if: failure()
///         with:
///           name: memleak-${{ matrix.part }}
///           path: target/memleak/
///   reports:
///     needs: test
///     if: failure()
///     runs-on: ubuntu-latest
///     steps:
///       - uses: actions/download-artifact@v4
///         with: { pattern: memleak-*, path: parts }
///       - run: cargo install cargo-memleak
///       - run: cargo memleak merge parts --out all
///       - uses: actions/upload-artifact@v4
///         with: { name: memleak, path: all/ }
/// ```
pub mod in_github_actions {}

/// In Azure Pipelines.
///
/// Nothing has to be set up. A leak test that fails logs an issue with file and line, from the repository on, and uploads a summary, which is on the
/// page of the run under "Extensions". The agent shows ten issues of a step, so a test logs no more than ten.
///
/// The page with all of it, and the JSON, as an artifact; and the results of all tests on the page "Tests", by nextest:
///
/// ```yaml
/// steps:
///   - script: cargo nextest run --profile ci
///   - task: PublishTestResults@2
///     condition: succeededOrFailed()
///     inputs:
///       testResultsFormat: JUnit
///       testResultsFiles: target/nextest/ci/junit.xml
///   - publish: target/memleak
///     artifact: memleak
///     condition: failed()
/// ```
///
/// The profile `ci` is in `.config/nextest.toml`:
///
/// ```toml
/// [profile.ci]
/// fail-fast = false
///
/// [profile.ci.junit]
/// path = "junit.xml"
/// ```
///
/// `cargo test` in place of nextest needs neither of the two. `MEMLEAK_PIPELINE=never` turns issues and summary off.
pub mod in_azure_pipelines {}

/// In GitLab.
///
/// GitLab reads JUnit, which nextest writes: the whole text of a failed leak test is in it, and GitLab shows it on the merge request and on the page of the
/// pipeline.
///
/// ```toml
/// # .config/nextest.toml
/// [profile.ci]
/// fail-fast = false
///
/// [profile.ci.junit]
/// path = "junit.xml"
/// ```
///
/// ```yaml
/// test:
///   script:
///     - cargo nextest run --profile ci
///   artifacts:
///     when: always
///     expose_as: Leaks
///     paths:
///       - target/memleak/
///     reports:
///       junit: target/nextest/ci/junit.xml
/// ```
///
/// Several jobs, each with a part of the tests, are put together by [`cargo memleak merge`](crate::guide::in_other_pipelines#several-machines):
///
/// ```yaml
/// test:
///   parallel: 2
///   variables:
///     MEMLEAK_REPORT_DIR: reports/$CI_NODE_INDEX
///   script:
///     - cargo nextest run --profile ci --partition count:$CI_NODE_INDEX/$CI_NODE_TOTAL
///   artifacts:
///     when: always
///     paths: [reports/]
///     reports:
///       junit: target/nextest/ci/junit.xml
///
/// leaks:
///   stage: .post
///   when: on_failure
///   script:
///     - cargo install cargo-memleak
///     - cargo memleak merge reports --out all
///   artifacts:
///     paths: [all/]
/// ```
pub mod in_gitlab {}

/// In other pipelines.
///
/// What every pipeline can do is keep files and show an exit code. These are the files:
///
/// | file | what it is |
/// |---|---|
/// | `target/memleak/index.html` | the page of the last run, one file without scripts: open it in a browser |
/// | `target/memleak/*/*/*.json` | the report of each failed test; `memleak-report/schema.json` describes it |
/// | `target/nextest/ci/junit.xml` | the results of all tests as JUnit, with the whole text of those that failed; nextest writes it |
///
/// JUnit is what Jenkins, TeamCity, CircleCI, Bitbucket, Buildkite and others show. nextest writes it with this in `.config/nextest.toml`, and
/// `cargo nextest run --profile ci`:
///
/// ```toml
/// [profile.ci]
/// fail-fast = false
///
/// [profile.ci.junit]
/// path = "junit.xml"
/// ```
///
/// `MEMLEAK_REPORT_DIR` puts the reports elsewhere. A page that can take Markdown gets it from `cargo memleak convert target/memleak --to markdown`.
///
/// # Several machines
///
/// Each machine runs its part, and leaves its reports:
///
/// ```sh
/// cargo nextest run --partition count:1/2     # on the first
/// cargo nextest run --partition count:2/2     # on the second
/// ```
///
/// Where the directories of all of them are, one page and one JSON are made of them, the same as one machine would have left. A leak that several tests
/// show is in there once. All runs below a directory count: where `target/` is kept from one run of the pipeline to the next, let
/// `MEMLEAK_REPORT_DIR` name an empty one.
///
/// ```sh
/// cargo memleak merge first second --out all
/// ```
///
/// # What is new
///
/// With the reports of the main branch at hand, this says which leaks a change has brought, and ends with 1 if there are any:
///
/// ```sh
/// cargo memleak diff main/ branch/
/// ```
pub mod in_other_pipelines {}
