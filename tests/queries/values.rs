//! Fields as data, and patterns that say what they have to be.

use memleak::{Value, leak_test, snapshot};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code, reason = "a variant is there to be told from the others")]
enum Level {
    Low = 1,
    High = 7,
}

#[allow(dead_code, reason = "read by memleak")]
enum State {
    Open { retries: u32, peer: Option<Box<User>> },
    Waiting(u8, String),
    Closed,
}

struct User {
    name: String,
    admin: bool,
}

struct Id(u64);

struct All {
    closed: bool,
    small: i8,
    id: Id,
    wide: u128,
    rate: f32,
    key: char,
    fixed: &'static str,
    boxed: Box<str>,
    shared: Arc<str>,
    level: Level,
    state: State,
    none: Option<Box<Option<Box<User>>>>,
    some: Option<Box<Option<Box<User>>>>,
    never_zero: Option<NonZeroU32>,
    seen: HashMap<String, Vec<u32>>,
    names: HashSet<u8>,
    queue: VecDeque<i16>,
    array: [u16; 3],
    pair: (u8, bool),
    flag: AtomicBool,
    count: AtomicU64,
    cell: Cell<i32>,
    user: Arc<User>,
    guarded: Mutex<RefCell<u8>>,
    weak: Weak<User>,
    gone: Weak<User>,
}

fn user(name: &str, admin: bool) -> User {
    User { name: name.to_owned(), admin }
}

fn all() -> Box<All> {
    let shared = Arc::new(user("grace", false));
    let mut queue: VecDeque<i16> = VecDeque::with_capacity(4);
    queue.extend([0, 0, 1, -2]);
    queue.drain(..2);
    queue.extend([3, -4]);
    Box::new(All {
        closed: true,
        small: -3,
        id: Id(u64::MAX),
        wide: 1 << 100,
        rate: 2.5,
        key: 'ß',
        fixed: "fixed",
        boxed: "boxed".into(),
        shared: "shared".into(),
        level: Level::High,
        state: State::Open { retries: 3, peer: Some(Box::new(user("ada", true))) },
        none: Some(Box::new(None)),
        some: Some(Box::new(Some(Box::new(user("kay", true))))),
        never_zero: NonZeroU32::new(9),
        seen: HashMap::from([("room".to_owned(), vec![1, 2, 3]), ("hall".to_owned(), Vec::new())]),
        names: HashSet::from([1, 2]),
        queue,
        array: [7, 8, 9],
        pair: (5, false),
        flag: AtomicBool::new(true),
        count: AtomicU64::new(11),
        cell: Cell::new(-12),
        weak: Arc::downgrade(&shared),
        user: shared,
        guarded: Mutex::new(RefCell::new(13)),
        gone: Weak::new(),
    })
}

/// Keeps the fields from being called unused.
fn used(all: &All) -> bool {
    let All { closed, small, id, wide, rate, key, fixed, boxed, shared, level, state, none, some, .. } = all;
    let All { never_zero, seen, names, queue, array, pair, flag, count, cell, user, guarded, weak, gone, .. } = all;
    let numbers = *small < 0 && id.0 > 0 && *wide > 0 && *rate > 0.0 && *key > 'a' && array[0] > 0 && pair.0 > 0;
    let texts = fixed.len() + boxed.len() + shared.len() + user.name.len() > 0;
    let options = none.is_some() && some.is_some() && never_zero.is_some() && *level == Level::High;
    let lists = seen.len() + names.len() + queue.len() > 0 && !matches!(state, State::Closed | State::Waiting(..));
    let cells = flag.load(Ordering::Relaxed) && count.load(Ordering::Relaxed) > 0 && cell.get() < 0;
    let shared = *guarded.lock().unwrap().borrow() > 0 && weak.upgrade().is_some() && gone.upgrade().is_none();
    *closed && numbers && texts && options && lists && cells && shared && !user.admin
}

#[leak_test]
fn every_kind_of_field() {
    let kept = all();
    assert!(used(&kept));
    let object = snapshot().of::<All>().iter().next().expect("it lives");
    let field = |name: &str| object.field(name);
    assert_eq!(field("closed"), true);
    assert_eq!(field("small"), -3);
    assert_eq!(field("id").field("0"), u64::MAX);
    assert_eq!(field("wide"), 1u128 << 100);
    assert_eq!(field("rate"), 2.5);
    assert_eq!(field("key"), 'ß');
    assert_eq!((field("fixed").as_str(), field("boxed").as_str()), (Some("fixed"), Some("boxed")));
    assert_eq!(field("shared"), "shared");
    assert_eq!(field("level").variant().as_deref(), Some("High"));
    let state = field("state");
    assert_eq!((state.variant().as_deref(), state.field("retries") == 3), (Some("Open"), true));
    assert_eq!(state.field("peer").field("0").field("name"), "ada");
    assert_eq!(field("none").field("0").variant().as_deref(), Some("None"));
    assert_eq!(field("some").field("0").field("0").field("name"), "kay");
    assert_eq!(field("never_zero").field("0"), 9);
    let mut seen: Vec<(String, Vec<i128>)> =
        field("seen").entries().iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), numbers(value))).collect();
    seen.sort();
    assert_eq!(seen, [("hall".to_owned(), vec![]), ("room".to_owned(), vec![1, 2, 3])]);
    assert_eq!(field("names").count(), Some(2));
    assert_eq!(numbers(&field("queue")), [1, -2, 3, -4]);
    assert_eq!(numbers(&field("array")), [7, 8, 9]);
    assert_eq!((field("pair").field("0") == 5, field("pair").field("1") == false), (true, true));
    assert_eq!((field("flag") == true, field("count") == 11, field("cell") == -12), (true, true, true));
    assert_eq!(field("user").field("admin"), false);
    assert_eq!(field("guarded"), 13);
    assert_eq!(field("weak").field("name"), "grace");
    assert!(field("gone").pointee().is_none());
    let text = object.to_string();
    assert!(text.contains("state: Open { retries: 3, peer: Some(User { name: \"ada\", admin: true }) }"), "{text}");
}

fn numbers(list: &Value) -> Vec<i128> {
    list.items().iter().map(|item| item.as_integer().expect("a number")).collect()
}

#[leak_test]
fn patterns_say_what_fields_have_to_be() {
    let kept = [all(), all()];
    let mut closed = all();
    (closed.closed, closed.state, closed.level) = (false, State::Waiting(2, "for ada".to_owned()), Level::Low);
    let heap = snapshot();
    let count = |pattern: &str| heap.named(pattern).count();
    assert_eq!((count("All"), count("All { closed: true }"), count("All { closed: false }")), (3, 2, 1));
    for (pattern, expected) in [
        ("values::All { small: -3, rate: 2.5, key: 'ß', .. }", 3),
        ("All { small: 3 }", 0),
        ("All { fixed: \"fixed\", boxed: \"boxed\", shared: \"shared\" }", 3),
        ("All { fixed: \"other\" }", 0),
        ("All { id: Id(18446744073709551615), wide: _ }", 3),
        ("All { level: High }", 2),
        ("All { level: Level::Low }", 1),
        ("All { state: Open }", 2),
        ("All { state: State::Open { retries: 3, peer: Some(User { admin: true }) } }", 2),
        ("All { state: Open { peer: None } }", 0),
        ("All { state: Waiting(2, \"for ada\") }", 1),
        ("All { none: Some(None), some: Some(Some(User { name: \"kay\" })) }", 3),
        ("All { user: User { admin: false, name: \"grace\" } }", 3),
        ("All { flag: true, count: 11, cell: -12, guarded: 13, never_zero: Some(9) }", 3),
        ("State::Open", 2),
        ("State::Open { retries: 3 }", 2),
        ("State::Open { retries: 4 }", 0),
        ("State::Waiting(2, _)", 1),
        ("User { admin: true }", 5),
    ] {
        assert_eq!(count(pattern), expected, "{pattern}");
    }
    drop((kept, closed));
}

#[leak_test]
fn what_can_never_match_is_an_error() {
    let kept = all();
    let heap = snapshot();
    for (pattern, words) in [
        ("All { clsoed: true }", "no field `clsoed`\n  fields   closed, small"),
        ("All { closed: 1 }", "the field `closed` is of type `bool`, and can never be `1`"),
        ("All { small: \"a\" }", "can never be `\"a\"`"),
        ("All { state: Opened }", "has no variant `Opened`\n  variants Open, Waiting, Closed"),
        ("All { user: User { name: 7 } }", "the field `name` is of type `String`"),
        ("State::Open { retires: 3 }", "no field `retires`"),
        ("All { closed: true", "never closed"),
    ] {
        let error = heap.try_named(pattern).expect_err(pattern).to_string();
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&error).contains(&squeezed(words)), "{pattern}: {error}");
    }
    let object = heap.of::<All>().iter().next().expect("it lives");
    assert!(object.get("clsoed").is_none());
    let panic = std::panic::catch_unwind(|| object.field("clsoed")).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("has no field `clsoed`") && text.contains("closed"), "{text}");
    drop(kept);
}

#[leak_test(expect_zero = "User { admin: true }")]
fn the_attribute_takes_them_too() {
    let user = Rc::new(user("grace", false));
    thread_local!(static KEPT: RefCell<Vec<Rc<User>>> = const { RefCell::new(Vec::new()) });
    KEPT.with_borrow_mut(|kept| kept.push(user));
}

#[leak_test]
fn a_thousand_objects() {
    let users: Vec<Box<User>> =
        (0..1000).map(|number| Box::new(user(&format!("user {number}"), number % 4 == 0))).collect();
    let started = std::time::Instant::now();
    let heap = snapshot();
    let mut seen = BTreeMap::new();
    for object in heap.of::<User>().iter() {
        seen.insert(object.field("name").to_string(), object.fields().len());
    }
    assert_eq!((seen.len(), seen.values().sum::<usize>()), (1000, 2000));
    assert_eq!(heap.of::<User>().filter(|user| user.field("admin") == true).count(), 250);
    eprintln!("read in {:?}", started.elapsed());
    drop(users);
}
