//! Memory that nothing leads to, found while the body still runs.

use memleak::{leak_test, snapshot};
use std::cell::RefCell;
use std::rc::Rc;

struct Node {
    next: RefCell<Option<Rc<Node>>>,
    name: String,
}

#[inline(never)]
fn lose_a_cycle() {
    let first = Rc::new(Node { next: RefCell::default(), name: "first".to_owned() });
    let second = Rc::new(Node { next: RefCell::new(Some(Rc::clone(&first))), name: "second".to_owned() });
    *first.next.borrow_mut() = Some(second);
}

#[leak_test(unreachable = "allow", expect_at_most("lost::Node" = 2))]
fn a_cycle_is_found_at_once() {
    lose_a_cycle();
    let heap = snapshot();
    let lost = heap.unreachable();
    assert_eq!(lost.of::<Node>().count(), 2, "{lost}");
    assert_eq!(lost.count(), 4, "with their names: {lost}");
    let first = lost.named("lost::Node { name: \"first\" }");
    let blocks = 2 * (16 + size_of::<Node>() as u64) + 11;
    assert_eq!((first.count(), first.retained_bytes()), (1, blocks), "a node frees the other, and the names");
}

#[leak_test]
fn what_is_held_is_not_found() {
    let node = Rc::new(Node { next: RefCell::default(), name: "held".to_owned() });
    assert!(snapshot().unreachable().is_empty());
    assert_eq!(node.name, "held");
}

/// What a snapshot shows must not look alive because of the snapshot: it knows where everything is.
#[leak_test(unreachable = "allow", expect_at_most("lost::Node" = 2))]
fn a_snapshot_keeps_nothing_for_the_next() {
    lose_a_cycle();
    let heap = snapshot();
    let (objects, nodes, lost) = (heap.objects(), heap.of::<Node>(), heap.unreachable());
    let node = nodes.iter().next().expect("a node");
    let (value, fields, paths) = (node.value(), node.fields(), node.paths_from_roots());
    let next = node.field("next").pointee();
    let diff = snapshot().since(&heap);
    let again = snapshot().unreachable();
    assert_eq!((again.count(), lost.count()), (4, 4), "{again}");
    // All of that is still there.
    std::hint::black_box((&heap, &objects, &nodes, &node, &value, &fields, &paths, &next, &diff));
}
