//! Which objects there are, and sets of them.

use crate::Session;
use memleak::{leak_test, snapshot};
use std::cell::Cell;
use std::collections::HashMap;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};

#[leak_test]
fn a_session_is_seen_while_it_lives() {
    let session = black_box(Box::new(Session::new(1)));
    let sessions = black_box(Box::new(vec![Session::new(2), Session::new(3)]));
    assert_eq!((session.id, sessions[0].user.as_str()), (1, "user 2"));
    assert_eq!(snapshot().of::<Session>().count(), 3);
    drop(session);
    assert_eq!(snapshot().of::<Session>().count(), 2);
    drop(sessions);
    assert_eq!(snapshot().of::<Session>().count(), 0);
    assert!(snapshot().named("Session").is_empty());
}

static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);

struct Registry {
    sessions: HashMap<u64, Arc<Session>>,
    spare: Vec<Arc<Session>>,
}

#[leak_test(unreachable = "allow")]
fn holders_are_found_by_name() {
    let sessions: Vec<Arc<Session>> = (1..=5).map(|id| Arc::new(Session::new(id))).collect();
    let spare = vec![sessions[2].clone()];
    let by_id = HashMap::from([(1, sessions[0].clone()), (2, sessions[1].clone())]);
    *REGISTRY.lock().unwrap() = Some(Registry { sessions: by_id, spare });
    let task = std::thread::Builder::new().name("keeper".to_owned());
    let (ready, wait) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let kept = sessions[3].clone();
    let keeper = task.spawn(move || {
        let kept = black_box(kept);
        ready.send(()).unwrap();
        let _ = stopped.recv();
        drop(kept);
    });
    wait.recv().unwrap();
    let all = snapshot().of::<Session>();
    let ids = |holder: &str| {
        let mut ids: Vec<i128> =
            all.held_by(holder).iter().filter_map(|session| session.field("id").as_integer()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("REGISTRY"), [1, 2, 3]);
    assert_eq!(ids("sets::REGISTRY"), [1, 2, 3]);
    assert_eq!(ids("Registry"), [1, 2, 3]);
    assert_eq!(ids("Registry.sessions"), [1, 2]);
    assert_eq!(ids("Registry.spare"), [3]);
    assert_eq!(ids(".spare"), [3]);
    assert_eq!(ids("keeper"), [4]);
    assert!(all.held_by("HashMap").count() == 2);
    for wrong in ["REGISTRI", "Registry.sesions", "Registry.", "keepr"] {
        let error = catch_unwind(|| all.held_by(wrong)).expect_err(wrong);
        let text = error.downcast_ref::<String>().expect("a text");
        assert!(text.contains(wrong.trim_end_matches('.')), "{text}");
    }
    drop(stop);
    keeper.unwrap().join().unwrap();
    let left = REGISTRY.lock().unwrap().take().map(|registry| (registry.sessions.len(), registry.spare.len()));
    assert_eq!(left, Some((2, 1)));
}

#[inline(never)]
fn connect(id: u64) -> Box<Session> {
    Box::new(Session::new(id))
}

#[leak_test]
fn where_they_were_allocated() {
    let sessions = [connect(1), connect(2), Box::new(Session::new(3))];
    let all = snapshot().of::<Session>();
    assert_eq!(all.allocated_in("connect").count(), 2);
    assert_eq!(all.allocated_in("sets::connect").count(), 2);
    assert_eq!(all.allocated_in("where_they_were_allocated").count(), 3);
    assert_eq!(all.allocated_in("what_is_asked_may_ask").count(), 0, "a function that has allocated none of them");
    let error = catch_unwind(|| all.allocated_in("conect")).unwrap_err();
    let text = error.downcast_ref::<String>().unwrap();
    assert!(text.contains("`conect`") && text.contains("sets::connect"), "{text}");
    let sites = all.group_by_site();
    assert_eq!((sites.len(), sites[0].count()), (2, 2));
    assert!(sites[0].name().contains("tests/queries/sets.rs:") && sites[0].name().contains("connect"), "{}", sites[0]);
    drop(sessions);
}

#[leak_test]
fn sets_can_be_put_together() {
    let sessions: Vec<Box<Session>> = (1..=6).map(|id| Box::new(Session::new(id))).collect();
    let heap = snapshot();
    let all = heap.of::<Session>();
    let less = all.filter(|session| session.field("id").as_integer().unwrap() <= 4);
    let even = all.filter(|session| session.field("id").as_integer().unwrap() % 2 == 0);
    assert_eq!((all.count(), less.count(), even.count()), (6, 4, 3));
    assert_eq!((less.and(&even).count(), less.or(&even).count(), less.not(&even).count()), (2, 5, 2));
    assert_eq!(((&less & &even).count(), (&less | &even).count(), (&less - &even).count()), (2, 5, 2));
    assert_eq!((heap.objects() & all.clone()).count(), 6, "an object is the same in both");
    assert_eq!(heap.objects().of::<Session>().count(), 6);
    assert_eq!(all.bytes(), 6 * size_of::<Session>() as u64);
    let names: usize = sessions.iter().map(|session| session.user.capacity()).sum();
    assert_eq!(all.retained_bytes(), all.bytes() + names as u64);
    let text = even.to_string();
    assert!(
        text.starts_with(
            "3 objects, 96 bytes\n  queries::Session: 3, 96 bytes\n    3 allocated at tests/queries/sets.rs:"
        ),
        "{text}"
    );
    let other = snapshot().of::<Session>();
    assert!(catch_unwind(|| all.and(&other)).is_err(), "of two snapshots");
    drop(sessions);
}

/// What a closure leaks is the program's, and it may itself take a snapshot.
#[leak_test(unreachable = "allow", expect_at_most("Session" = 2))]
fn what_is_asked_may_ask() {
    let session = connect(1);
    let nested = Cell::new(0);
    let before = snapshot();
    let asked = before.of::<Session>().filter(|_| {
        std::mem::forget(black_box(Box::new(Session::new(7))));
        nested.set(snapshot().of::<Session>().count());
        true
    });
    assert_eq!((asked.count(), nested.get()), (1, 2));
    let heap = snapshot();
    assert_eq!(heap.since(&before).created().of::<Session>().count(), 1);
    assert_eq!(heap.unreachable().of::<Session>().count(), 1);
    let traffic = heap.traffic_since(&before);
    assert_eq!(traffic.allocated().of::<Session>().count(), 1);
    drop(session);
}

#[leak_test]
fn a_wrong_name_is_said_with_the_nearest() {
    let session = connect(1);
    let heap = snapshot();
    let error = |pattern: &str| heap.try_named(pattern).unwrap_err().to_string();
    assert!(error("Sesion").contains("queries::Session"), "{}", error("Sesion"));
    assert!(error("Session<").contains("^"), "{}", error("Session<"));
    let panic = catch_unwind(|| heap.named("Sesion")).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("queries::Session"));
    drop(session);
}

/// An ordinary test: nothing is recorded in its process.
#[test]
fn nothing_is_recorded_outside_of_a_leak_test() {
    let panic = catch_unwind(snapshot).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("nothing is recorded here") && text.contains("Recording::start()"), "{text}");
}

struct Mark;

#[leak_test]
fn values_without_size_are_counted_one_by_one() {
    let marks = vec![Mark, Mark, Mark];
    let boxed = Box::new(Mark);
    let heap = snapshot();
    let all = heap.of::<Mark>();
    assert_eq!(all.count(), 4, "{all:?}");
    assert_eq!((&all | &heap.named("Mark")).count(), 4, "they are the same ones");
    assert_eq!((&all - &heap.named("Mark")).count(), 0);
    let sites: Vec<String> = all.group_by_site().iter().map(|site| site.name().to_owned()).collect();
    assert!(
        sites.iter().any(|site| site.starts_with("local `marks` of queries::sets::values_without_size")),
        "{sites:?}"
    );
    drop((marks, boxed));
}

#[leak_test]
fn the_body_is_called_as_the_test() {
    let mark = Box::new((Mark, 7_u64));
    let heap = snapshot();
    let sites = heap.objects().allocated_in("the_body_is_called_as_the_test").group_by_site();
    let name = sites[0].name();
    assert!(name.ends_with("queries::sets::the_body_is_called_as_the_test"), "{name}");
    drop(mark);
}
