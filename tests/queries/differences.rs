//! What came, stayed and went between two snapshots, and what passed through.

use crate::Session;
use memleak::{Diff, Snapshot, leak_test, snapshot};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many sessions were created, survived and were freed.
fn sessions(diff: &Diff) -> (usize, usize, usize) {
    let [created, survived, freed] = [diff.created(), diff.survived(), diff.freed()];
    (created.of::<Session>().count(), survived.of::<Session>().count(), freed.named("Session").count())
}

/// Everything is on one side, and only there.
fn balances(later: &Snapshot, earlier: &Snapshot) {
    let diff = later.since(earlier);
    let [created, survived, freed] = [diff.created(), diff.survived(), diff.freed()];
    assert_eq!(earlier.objects().count(), survived.count() + freed.count());
    assert_eq!(later.objects().count(), survived.count() + created.count());
    assert!((&created & &survived).is_empty());
}

#[leak_test]
fn boxes_and_arcs_come_and_go() {
    let (stays, goes) = (Box::new(Session::new(1)), Arc::new(Session::new(2)));
    let before = snapshot();
    drop(goes);
    let comes = [Arc::new(Session::new(3)), Arc::new(Session::new(4))];
    let after = snapshot();
    assert_eq!(sessions(&after.since(&before)), (2, 1, 1));
    balances(&after, &before);
    assert_eq!(sessions(&after.since(&after)), (0, 3, 0));
    drop((stays, comes));
}

/// An allocator likes to give out the place again that was just freed.
#[leak_test]
fn an_address_that_is_used_again_is_another_object() {
    let mut reused = 0;
    for round in 0..50 {
        let old = black_box(Box::new(Session::new(round)));
        let place = &raw const *old as usize;
        let before = snapshot();
        drop(old);
        let new = black_box(Box::new(Session::new(round)));
        reused += usize::from(place == &raw const *new as usize);
        assert_eq!(sessions(&snapshot().since(&before)), (1, 0, 1));
        drop(new);
    }
    assert!(reused > 10, "{reused} of 50");
}

/// A buffer that grew is another block; a place in a buffer that stays may be taken by another value.
#[leak_test]
fn elements_of_a_vec_that_grows() {
    let mut list = Box::new(Vec::with_capacity(2));
    list.push(Session::new(1));
    let first = snapshot();
    list.push(Session::new(2));
    let second = snapshot();
    assert_eq!(sessions(&second.since(&first)), (1, 1, 0), "the buffer stayed");
    assert_eq!(second.since(&first).created().count(), 1, "of the blocks only the name is new");
    list.push(Session::new(3));
    let third = snapshot();
    assert_eq!(sessions(&third.since(&second)), (3, 0, 2), "the buffer moved");
    balances(&third, &second);
    list.pop();
    assert_eq!(sessions(&snapshot().since(&third)), (0, 2, 1));
}

/// Two buffers that grow at one place in the program to one size: the one takes the place that the other has left.
#[leak_test]
fn a_buffer_that_moves_to_where_another_was() {
    let grow = |list: &mut Vec<u64>| list.reserve_exact(100);
    let (mut one, mut other) = (Box::new(Vec::with_capacity(4)), Box::new(Vec::with_capacity(4)));
    grow(&mut one);
    let place = one.as_ptr() as usize;
    let before = snapshot();
    drop(one);
    grow(&mut other);
    let after = snapshot();
    assert_eq!(place, other.as_ptr() as usize, "the test is about this");
    let buffers = |objects: memleak::Objects| objects.iter().filter(|object| object.size() == 800).count();
    let diff = after.since(&before);
    assert_eq!((buffers(diff.created()), buffers(diff.survived()), buffers(diff.freed())), (1, 0, 1));
    drop(other);
}

struct Counted(#[allow(dead_code, reason = "it needs a size")] u64);

static MADE: AtomicU64 = AtomicU64::new(0);
static GONE: AtomicU64 = AtomicU64::new(0);

impl Counted {
    fn new() -> Counted {
        Counted(MADE.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        GONE.fetch_add(1, Ordering::Relaxed);
    }
}

#[leak_test]
fn traffic_is_what_a_counter_counts() {
    let mut kept: Vec<Arc<Counted>> = (0..10).map(|_| Arc::new(Counted::new())).collect();
    let (made, gone) = (MADE.load(Ordering::Relaxed), GONE.load(Ordering::Relaxed));
    let before = snapshot();
    std::thread::scope(|scope| {
        for thread in 1..=4u64 {
            scope.spawn(move || (0..100 * thread).for_each(|_| drop(black_box(Box::new(Counted::new())))));
        }
    });
    kept.extend((0..7).map(|_| Arc::new(Counted::new())));
    kept.drain(..3);
    let traffic = snapshot().traffic_since(&before);
    let (allocated, freed) = (traffic.allocated().of::<Counted>(), traffic.freed().of::<Counted>());
    assert_eq!(allocated.count(), MADE.load(Ordering::Relaxed) - made);
    assert_eq!(freed.count(), GONE.load(Ordering::Relaxed) - gone);
    assert_eq!((allocated.bytes(), freed.bytes()), (1000 * 8 + 7 * 24, 1000 * 8 + 3 * 24), "an Arc has two counts");
    let sites = allocated.group_by_site();
    assert_eq!(sites.iter().map(memleak::TrafficGroup::count).sum::<u64>(), allocated.count());
    assert_eq!((sites.len(), sites[0].count()), (2, 1000));
    assert_eq!(allocated.group_by_type().len(), 1);
    assert_eq!(traffic.allocated().named("Counted").count(), allocated.count());
    drop(kept);
}

#[leak_test]
fn a_snapshot_is_no_traffic() {
    let before = snapshot();
    let heap = snapshot();
    heap.objects().group_by_type();
    heap.of::<Session>().filter(|_| true).iter().for_each(|session| drop((session.fields(), session.backtrace())));
    heap.unreachable();
    let after = snapshot();
    let traffic = after.traffic_since(&before);
    assert_eq!((traffic.allocated().count(), traffic.freed().count()), (0, 0), "{traffic:?}");
    assert_eq!(after.since(&before).created().count(), 0);
    drop(black_box(Box::new(Session::new(1))));
}

/// While threads allocate, nothing is seen twice or lost.
#[leak_test]
fn busy_threads_keep_the_balance() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut kept = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    kept.push(Box::new(Session::new(1)));
                    if kept.len() > 50 {
                        kept.clear();
                    }
                }
            });
        }
        let mut before = snapshot();
        for _ in 0..5 {
            let after = snapshot();
            balances(&after, &before);
            let traffic = after.traffic_since(&before);
            let grown = after.len() as i64 - before.len() as i64;
            let passed = traffic.allocated().count() as i64 - traffic.freed().count() as i64;
            assert!((grown - passed).abs() <= 3, "{grown} more live, {passed} more came than went");
            before = after;
        }
        stop.store(true, Ordering::Relaxed);
    });
}
