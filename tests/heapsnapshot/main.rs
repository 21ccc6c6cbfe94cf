//! Heaps of real programs as files for DevTools: what is in them, and that they say the same as memleak does.

mod file;

use file::File;
use memleak::{Snapshot, leak_test};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Mutex, Weak};

struct Session {
    user: String,
    sent: Vec<Message>,
    twin: Mutex<Weak<Session>>,
}

struct Message {
    text: String,
    to: Option<Box<Peer>>,
}

struct Peer([u64; 4]);

struct Node {
    next: RefCell<Option<Rc<Node>>>,
    weight: Box<[u64; 8]>,
}

static SESSIONS: Mutex<Option<HashMap<u64, Arc<Session>>>> = Mutex::new(None);

fn session(user: &str) -> Arc<Session> {
    let message = |text: &str| Message { text: text.to_owned(), to: Some(Box::new(Peer([7; 4]))) };
    let sent = vec![message("hello"), message("again")];
    Arc::new(Session { user: user.to_owned(), sent, twin: Mutex::default() })
}

fn both<T>(one: T, other: T) -> Vec<T> {
    vec![one, other]
}

fn log_on(id: u64, user: &str) {
    SESSIONS.lock().unwrap().get_or_insert_default().insert(id, session(user));
}

fn log_all_off() {
    let sessions = SESSIONS.lock().unwrap().take().unwrap_or_default();
    let used = |session: Arc<Session>| {
        session.user.len() + session.sent.iter().map(|m| m.text.len() + m.to.as_ref().unwrap().0.len()).sum::<usize>()
    };
    assert!(sessions.into_values().map(used).sum::<usize>() > 0);
}

/// The snapshot as a file that goes with this.
struct Saved(PathBuf);

/// A directory where files are to stay, for other readers.
const KEEP: &str = "MEMLEAK_KEEP_FILES";

impl Saved {
    fn new(heap: &Snapshot, name: &str, texts: bool) -> (Saved, File) {
        let temporary = || std::env::temp_dir().join(format!("memleak-{name}-{}.heapsnapshot", std::process::id()));
        let kept = std::env::var_os(KEEP).map(|kept| PathBuf::from(kept).join(name).with_extension("heapsnapshot"));
        let path = kept.unwrap_or_else(temporary);
        if texts { heap.save_with_texts(&path) } else { heap.save(&path) }.unwrap();
        let file = File::read(&path);
        assert_eq!(file.nodes.iter().map(|node| node.size).sum::<u64>(), heap.total_bytes());
        (Saved(path), file)
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        if std::env::var_os(KEEP).is_none() {
            fs::remove_file(&self.0).unwrap();
        }
    }
}

#[leak_test(expect_zero = "Session")]
fn a_session_is_found_with_its_holder_and_its_size() {
    log_on(1, "ada");
    let heap = memleak::snapshot();
    let (_saved, file) = Saved::new(&heap, "session", false);
    let session = file.one("heapsnapshot::Session");
    let [(table, edge)] = file.retainers(session)[..] else { panic!("{:?}", file.retainers(session)) };
    assert_eq!((&*edge.kind, &*edge.name), ("property", "[value]"));
    let [(holder, edge)] = file.retainers(table)[..] else { panic!("{:?}", file.retainers(table)) };
    assert_eq!(
        (&*edge.kind, &*edge.name, &*file.nodes[holder].name),
        ("property", "table", "static heapsnapshot::SESSIONS")
    );
    let [(group, edge)] = file.retainers(holder)[..] else { panic!() };
    assert_eq!((&*edge.name, &*file.nodes[group].name), ("heapsnapshot::SESSIONS", "(Statics)"));
    assert_eq!(file.retained(session), heap.of::<Session>().retained_bytes());
    assert_eq!(file.retained(session), 221, "as `check.mjs` has it");
    let innermost = &file.stack(session)[0];
    assert_eq!(innermost.0, "heapsnapshot::session");
    assert!(innermost.1.ends_with("tests/heapsnapshot/main.rs") && innermost.2 > 0, "{innermost:?}");
    log_all_off();
}

#[leak_test]
fn parts_are_called_by_their_fields() {
    let session = session("ada");
    *session.twin.lock().unwrap() = Arc::downgrade(&session);
    let heap = memleak::snapshot();
    let (_saved, file) = Saved::new(&heap, "parts", false);
    let node = file.one("heapsnapshot::Session");
    let edges = |node: usize| {
        let name = |edge: &file::Edge| file.nodes[edge.to].name.as_str();
        let edges = file.nodes[node].edges.iter();
        let mut found: Vec<_> = edges.map(|edge| (edge.kind.as_str(), edge.name.as_str(), name(edge))).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(
        edges(node),
        [
            ("property", "sent", "[heapsnapshot::Message]"),
            ("property", "user", "String"),
            ("weak", "twin", "heapsnapshot::Session"),
        ]
    );
    let sent = file.one("[heapsnapshot::Message]");
    assert_eq!(
        edges(sent),
        [
            ("property", "[0].text", "String"),
            ("property", "[0].to", "heapsnapshot::Peer"),
            ("property", "[1].text", "String"),
            ("property", "[1].to", "heapsnapshot::Peer"),
        ]
    );
    let weak = both(Weak::new(), Arc::downgrade(&session));
    let boxed = both(Box::new(Peer([1; 4])), Box::new(Peer([2; 4])));
    let (_saved, file) = Saved::new(&memleak::snapshot(), "elements", false);
    let edges = |name: &str| {
        let edges = file.nodes[file.one(name)].edges.iter();
        edges.map(|edge| (edge.kind.as_str(), edge.name.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(edges("[Weak<heapsnapshot::Session>]"), [("weak", "[1]")]);
    assert_eq!(edges("[Box<heapsnapshot::Peer>]"), [("element", "0"), ("element", "1")]);
    assert!(weak[1].strong_count() == 1 && boxed[1].0[0] == 2);
    let texts: Vec<&str> = file.named("String").into_iter().map(|node| &*file.nodes[node].kind).collect();
    assert!(texts.len() >= 3 && texts.iter().all(|kind| *kind == "string"), "{texts:?}");
    drop(session);
}

#[leak_test]
fn texts_are_written_only_if_they_are_asked_for() {
    let secret = ["correct", "horse"].join(" ");
    let heap = memleak::snapshot();
    let (_saved, file) = Saved::new(&heap, "secret", false);
    assert!(!file.strings.iter().any(|text| text.contains("correct horse")));
    let (_saved, file) = Saved::new(&heap, "told", true);
    assert_eq!(file.nodes[file.one("correct horse")].kind, "string");
    drop(secret);
}

#[inline(never)]
fn lose_a_cycle() {
    let node = || Rc::new(Node { next: RefCell::new(None), weight: Box::new([1; 8]) });
    let (one, other) = (node(), node());
    *one.next.borrow_mut() = Some(Rc::clone(&other));
    *other.next.borrow_mut() = Some(Rc::clone(&one));
    assert_eq!(one.weight.len(), other.weight.len());
}

#[leak_test(unreachable = "allow")]
fn what_nothing_leads_to_is_in_a_group_and_keeps_its_size() {
    lose_a_cycle();
    let heap = memleak::snapshot();
    let (_saved, file) = Saved::new(&heap, "cycle", false);
    let group = file.one("(unreachable)");
    let lost = file.nodes[group].edges.iter().map(|edge| edge.to);
    let cycle: Vec<usize> = lost.filter(|node| file.nodes[*node].name == "heapsnapshot::Node").collect();
    let [first] = cycle[..] else { panic!("a cycle is one leak: {cycle:?}") };
    assert_eq!(file.named("heapsnapshot::Node").len(), 2);
    assert_eq!(file.retained(first), heap.unreachable().of::<Node>().retained_bytes());
    assert_eq!(file.retained(first), 2 * (64 + 16 + 24));
}

#[leak_test]
fn what_stays_has_the_same_number_in_two_files() {
    log_on(1, "ada");
    let before = memleak::snapshot();
    log_on(2, "grace");
    let after = memleak::snapshot();
    // The later one first: numbers do not go by the order of the files.
    let (_saved, later) = Saved::new(&after, "later", false);
    let (_saved, earlier) = Saved::new(&before, "earlier", false);
    let ids = |file: &File, name: &str| -> Vec<u64> {
        file.named(name).into_iter().map(|node| file.nodes[node].id).collect()
    };
    let (two, one) = (ids(&later, "heapsnapshot::Session"), ids(&earlier, "heapsnapshot::Session"));
    assert_eq!((two.len(), one.len()), (2, 1));
    assert!(two.contains(&one[0]));
    for name in ["(GC roots)", "(Statics)", "static heapsnapshot::SESSIONS"] {
        assert_eq!(ids(&later, name), ids(&earlier, name), "{name}");
    }
    // memleak says the same of what came.
    let all = |file: &File| file.nodes.iter().map(|node| node.id).collect::<std::collections::HashSet<_>>();
    let differ = |one: &File, other: &File| all(one).difference(&all(other)).count();
    let diff = after.since(&before);
    assert_eq!((differ(&later, &earlier), differ(&earlier, &later)), (diff.created().count(), diff.freed().count()));
    log_all_off();
}

async fn waits(session: Arc<Session>, until: tokio::sync::oneshot::Receiver<()>) {
    let _ = until.await;
    assert!(!session.user.is_empty());
}

#[leak_test]
async fn a_task_and_a_thread_are_roots() {
    let (go_on, until) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(waits(session("ada"), until));
    tokio::task::yield_now().await;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
        let peer = Box::new(Peer([1; 4]));
        begin.send(()).unwrap();
        let _ = stopped.recv();
        assert_eq!(peer.0[0], 1);
    });
    begun.recv().unwrap();
    let (_saved, file) = Saved::new(&memleak::snapshot(), "roots", false);
    let session = file.one("heapsnapshot::Session");
    let holders: Vec<_> =
        file.retainers(session).into_iter().map(|(from, edge)| (&*file.nodes[from].name, &*edge.name)).collect();
    assert!(holders.contains(&("task heapsnapshot::waits", "local session")), "{holders:?}");
    let tasks: Vec<_> =
        file.nodes[file.one("(Tasks)")].edges.iter().map(|edge| (&*edge.name, &*file.nodes[edge.to].name)).collect();
    assert_eq!(tasks, [("heapsnapshot::waits", "task heapsnapshot::waits")]);
    let threads = &file.nodes[file.one("(Threads)")].edges;
    let worker = threads.iter().find(|edge| edge.name == "thread worker").unwrap();
    let locals: Vec<&str> = file.nodes[worker.to].edges.iter().map(|edge| &*edge.name).collect();
    assert!(locals.iter().any(|name| name.starts_with("local peer in ")), "{locals:?}");
    go_on.send(()).unwrap();
    task.await.unwrap();
    drop(stop);
    thread.unwrap().join().unwrap();
}

#[leak_test]
fn what_cannot_be_written_is_said() {
    let heap = memleak::snapshot();
    assert!(heap.save("/nowhere/at.heapsnapshot").is_err());
    assert!(heap.save("").is_err());
}

mod fixtures {
    use super::*;

    #[leak_test(expect_zero = "Session")]
    #[ignore = "run by `a_failed_test_leaves_its_heap`"]
    fn holds() {
        log_on(1, "ada");
    }

    #[leak_test]
    #[ignore = "run by `a_failed_test_leaves_its_heap`"]
    fn loses() {
        lose_a_cycle();
    }

    /// Of which it cannot be told whether it lives: nothing is left to drop, and the future still lists it.
    struct Token(u64);

    async fn work_with_a_token() {
        let token = Token(7);
        std::future::pending::<()>().await;
        assert_eq!(token.0, 7);
    }

    #[leak_test(expect_zero = "Token")]
    #[ignore = "run by `a_failed_test_leaves_its_heap`"]
    async fn is_doubtful() {
        tokio::spawn(work_with_a_token());
        tokio::task::yield_now().await;
    }

    #[leak_test]
    #[ignore = "run by `a_failed_test_leaves_its_heap`"]
    fn panics() {
        panic!("the body gave up");
    }

    #[leak_test(expect_zero = "Session")]
    #[ignore = "run by `a_failed_test_leaves_its_heap`"]
    fn is_clean() {
        drop(session("ada"));
    }
}

/// Runs a fixture and gives its report, and the page of all.
fn report(name: &str, values: &str, directory: &Path) -> (serde_json::Value, String) {
    let name = format!("fixtures::{name}");
    Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--ignored"])
        .env("MEMLEAK_SNAPSHOT", "on_failure")
        .env("MEMLEAK_REPORT", "on_failure")
        .env("MEMLEAK_REPORT_VALUES", values)
        .env("MEMLEAK_REPORT_DIR", directory)
        .output()
        .unwrap();
    let run = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let run = run
        .filter(|path| path.join("index.html").exists())
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let run = run.unwrap();
    let file = run.join("heapsnapshot").join(name.replace("::", ".") + ".json");
    let page = fs::read_to_string(run.join("index.html")).unwrap();
    (serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap(), page)
}

#[test]
fn a_report_has_values_only_if_asked_and_names_the_heap() {
    let directory = std::env::temp_dir().join(format!("memleak-values-{}", std::process::id()));
    for (values, some) in [("", false), ("0", false), ("1", true)] {
        let (held, page) = report("holds", values, &directory);
        let shown = &held["expectations"][0]["groups"][0]["values"];
        let file = "heaps/heapsnapshot/fixtures.holds.heapsnapshot";
        assert_eq!(held["heap_file"], file);
        assert!(directory.join(file).exists() && page.contains(&format!("href=\"../{file}\"")), "{page}");
        let text = shown[0].as_str().unwrap_or_default();
        let first = "Session { user: \"ada\", sent: [Message { text: \"hello\", to: ";
        assert_eq!(text.starts_with(first), some, "{values}: {held}");
        assert_eq!(held.to_string().contains("hello"), some, "{values}: {held}");
        assert_eq!(page.contains("hello"), some, "{page}");
        let (lost, _) = report("loses", values, &directory);
        let text = lost["unreachable"][0]["values"][0].as_str().unwrap_or_default();
        assert_eq!(text.starts_with("Node { next: "), some, "{values}: {lost}");
    }
    fs::remove_dir_all(directory).unwrap();
}

/// Runs a fixture, with the heap in `directory` when the variable says so; what it has printed, and the file if there is one.
fn run_fixture(name: &str, when: &str, directory: &Path) -> (bool, String, Option<File>) {
    let name = format!("fixtures::{name}");
    let ran = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--ignored", "--nocapture"])
        .env("MEMLEAK_SNAPSHOT", when)
        .env("MEMLEAK_REPORT_DIR", directory)
        .output()
        .unwrap();
    let path = directory.join("heaps/heapsnapshot").join(name.replace("::", ".") + ".heapsnapshot");
    let text = String::from_utf8_lossy(&ran.stderr).into_owned();
    let said = text.contains(&format!("memleak: note: the heap is in {}, for", path.display()));
    assert_eq!(said, path.exists(), "{text}");
    (ran.status.success(), text, path.exists().then(|| File::read(&path)))
}

#[test]
fn a_failed_test_leaves_its_heap() {
    let directory = std::env::temp_dir().join(format!("memleak-heaps-{}", std::process::id()));
    let run = |name: &str, when: &str| run_fixture(name, when, &directory);
    for when in ["", "never"] {
        let (passed, _, file) = run("holds", when);
        assert!(!passed && file.is_none(), "{when}");
    }
    let (_, _, file) = run("holds", "on_failure");
    let file = file.expect("a file");
    assert_eq!(file.retainers(file.one("heapsnapshot::Session")).len(), 1);
    let (_, _, file) = run("loses", "on_failure");
    let file = file.expect("a file");
    let lost = &file.nodes[file.one("(unreachable)")].edges;
    assert_eq!(lost.iter().filter(|edge| file.nodes[edge.to].name == "heapsnapshot::Node").count(), 1);
    let (passed, _, file) = run("is_clean", "always");
    assert!(passed && file.is_some());
    let (passed, _, file) = run("is_clean", "on_failure");
    assert!(passed && file.is_none(), "what an earlier run has left is taken away");
    let (passed, text, file) = run("is_doubtful", "on_failure");
    assert!(passed && text.contains("possibly live") && file.is_none(), "{text}");
    let (passed, text, _) = run_fixture("holds", "on_failure", Path::new("/dev/null"));
    assert!(!passed && text.contains("memleak: note: the heap could not be saved to /dev/null/heaps/"), "{text}");
    let left = directory.join("heaps/heapsnapshot/fixtures.panics.heapsnapshot");
    fs::write(&left, "of another run").unwrap();
    let (passed, text, file) = run("panics", "always");
    assert!(!passed && text.contains("memleak: note: the heap was not saved: ") && file.is_none(), "{text}");
    let (_, text, _) = run("is_clean", "onfailure");
    assert!(text.contains("`MEMLEAK_SNAPSHOT=onfailure` is not understood"), "{text}");
    fs::remove_dir_all(directory).unwrap();
}
