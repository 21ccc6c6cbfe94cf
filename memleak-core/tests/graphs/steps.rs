//! A graph is a list of steps. Each is done twice: to real pointers, and to the model. Any list of steps makes sense, so a list that shows
//! a fault can be shortened step by step.

use crate::fields::{FIELDS, Field};
use crate::model::{Form, Kind, Link, Model, ROOTS, Root, is_weak};
use crate::random::Random;
use crate::real::{Ptr, Request, at_root, park_with, write_down};
use memleak_core::tracker;
use std::sync::atomic::{AtomicU32, Ordering};

/// One step. Numbers that say which pointer are taken modulo how many there are in the hand, which is the locals of the program.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step {
    /// A node with places for pointers.
    New(Kind),
    /// A node that takes pointers in.
    Around(Kind, Option<usize>, Option<usize>),
    /// `clone`
    Share(usize),
    Downgrade(usize),
    Upgrade(usize),
    /// Moves a pointer into a field of the node that another leads to.
    Put {
        moved: usize,
        into: usize,
        field: Field,
        key: u64,
    },
    /// Takes one out into the hand.
    Take {
        from: usize,
        field: Field,
        key: u64,
    },
    /// Moves a pointer to a root.
    Hang {
        moved: usize,
        root: Root,
        field: Field,
        key: u64,
    },
    /// Takes one from a root.
    Fetch {
        root: Root,
        field: Field,
        key: u64,
    },
    /// Drops all that a root holds.
    Clear(Root),
    Drop(usize),
    /// `mem::forget`
    Forget(usize),
    IntoRaw(usize, Form),
    /// `from_raw`, or `ManuallyDrop::into_inner`
    Restore(usize),
    IntoManual(usize),
    /// Writes an address into a static.
    WriteDown(usize),
    /// Leaves a pointer on the stack of a parked thread.
    Park(usize),
    /// A cycle of so many nodes, one of its edges a `Weak` or none; one pointer to it in the hand.
    Ring {
        kind: Kind,
        length: usize,
        weak: bool,
        field: Field,
    },
    /// A list of so many boxes.
    Chain {
        length: usize,
        field: Field,
    },
}

const MADE_BY_NEW: [Kind; 8] = [
    Kind::Shared,
    Kind::Shared,
    Kind::Shared,
    Kind::Atomic,
    Kind::Atomic,
    Kind::Unique,
    Kind::SharedDyn,
    Kind::UniqueDyn,
];
const AROUND: [Kind; 3] = [Kind::Closure, Kind::Future, Kind::Slice];
const FORMS: [Form; 4] = [Form::Pointer, Form::Number, Form::TaggedLow, Form::TaggedHigh];

/// The steps of a random graph.
pub fn random_steps(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let length = 4 + random.below(40);
    // Graphs differ in how much is lost in them: some only share, drop and hang.
    let careless = random.below(4) > 0;
    (0..length).map(|_| random_step(&mut random, careless)).collect()
}

fn random_step(random: &mut Random, careless: bool) -> Step {
    let any = random.below(1000);
    let other = random.below(1000);
    let (field, root) = (random.of(&FIELDS), random.of(&ROOTS));
    let key = random.below(4) as u64;
    match random.below(if careless { 100 } else { 82 }) {
        0..16 => Step::New(random.of(&MADE_BY_NEW)),
        16..22 => {
            let second = (random.below(2) == 0).then_some(other);
            Step::Around(random.of(&AROUND), (random.below(4) > 0).then_some(any), second)
        }
        22..32 => Step::Share(any),
        32..36 => Step::Downgrade(any),
        36..38 => Step::Upgrade(any),
        38..54 => Step::Put { moved: any, into: other, field, key },
        54..60 => Step::Take { from: any, field, key },
        60..72 => Step::Hang { moved: any, root, field, key },
        72..76 => Step::Fetch { root, field, key },
        76..77 => Step::Clear(root),
        77..80 => Step::Drop(any),
        80..81 => Step::Chain { length: 1 + random.below(6), field },
        81..82 => Step::Restore(any),
        82..85 => Step::Forget(any),
        85..89 => Step::IntoRaw(any, random.of(&FORMS)),
        89..91 => Step::IntoManual(any),
        91..94 => Step::WriteDown(any),
        94..95 if random.below(20) == 0 => Step::Park(any),
        _ => {
            let kind = random.of(&[Kind::Shared, Kind::Atomic, Kind::SharedDyn]);
            Step::Ring { kind, length: 1 + random.below(5), weak: random.below(3) == 0, field }
        }
    }
}

/// The first number that no node has yet.
static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// A graph while it is made.
struct Making {
    graph: usize,
    hand: Vec<Ptr>,
    links: Vec<Link>,
    model: Model,
}

/// Makes a graph. What is in the hand at the end is dropped, as locals are.
#[inline(never)]
pub fn make(graph: usize, steps: &[Step]) -> Model {
    let (links, model) = {
        let _own = tracker::untracked();
        (Vec::with_capacity(1000), Model::default())
    };
    let mut making = Making { graph, hand: Vec::new(), links, model };
    for step in steps {
        making.step(*step);
    }
    while !making.hand.is_empty() {
        making.step(Step::Drop(0));
    }
    making.model
}

impl Making {
    /// Does something to the model, which is none of the program's memory.
    fn tell<T>(&mut self, what: impl FnOnce(&mut Model, &mut Vec<Link>) -> T) -> T {
        let _own = tracker::untracked();
        what(&mut self.model, &mut self.links)
    }

    fn hold(&mut self, pointer: Ptr, link: Link) {
        assert_eq!(pointer.kind(), link.kind, "the oracle has lost its way");
        self.hand.push(pointer);
        self.tell(|_, links| links.push(link));
    }

    fn hold_both(&mut self, pointer: Option<Ptr>, link: Option<Link>) {
        match (pointer, link) {
            (Some(pointer), Some(link)) => self.hold(pointer, link),
            (None, None) => {}
            (pointer, link) => panic!("the oracle has lost its way: {:?}, {link:?}", pointer.map(|it| it.kind())),
        }
    }

    fn which(&self, number: usize) -> Option<usize> {
        (!self.hand.is_empty()).then(|| number % self.hand.len())
    }

    fn take_from_hand(&mut self, number: usize) -> Option<(Ptr, Link)> {
        let at = self.which(number)?;
        Some((self.hand.swap_remove(at), self.tell(|_, links| links.swap_remove(at))))
    }

    /// Moves a pointer out of the hand, changes it, and moves it back.
    fn change(&mut self, number: usize, pointer: impl FnOnce(Ptr) -> Ptr) {
        if let Some((old, link)) = self.take_from_hand(number) {
            let new = pointer(old);
            let kind = new.kind();
            self.hold(new, Link { kind, ..link });
        }
    }

    fn let_go(&mut self, pointer: Option<Ptr>, link: Option<Link>) {
        drop(pointer);
        if let Some(link) = link {
            self.tell(|model, _| model.let_go(link));
        }
    }

    fn new_node(&mut self, make: impl FnOnce(u32) -> Ptr, captured: [Option<Link>; 2]) {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let pointer = make(id);
        let (kind, address) = (pointer.kind(), pointer.address());
        let link = self.tell(|model, _| model.add(id, kind, address, captured.into_iter().flatten().collect()));
        self.hold(pointer, link);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::New(kind) => self.new_node(|id| Ptr::new(kind, id), [None, None]),
            Step::Around(kind, first, second) => {
                let (first, first_link) = first.and_then(|first| self.take_from_hand(first)).unzip();
                let (second, second_link) = second.and_then(|second| self.take_from_hand(second)).unzip();
                self.new_node(|id| Ptr::around(kind, id, first, second), [first_link, second_link]);
            }
            Step::Share(number) => {
                let Some(at) = self.which(number) else { return };
                if let Some(pointer) = self.hand[at].share() {
                    let link = self.tell(|model, links| model.share(links[at]));
                    self.hold(pointer, link);
                }
            }
            Step::Downgrade(number) => self.derive(number, Ptr::downgrade),
            Step::Upgrade(number) => self.derive(number, Ptr::upgrade),
            Step::Put { moved, into, field, key } => self.put(moved, into, field, key),
            Step::Take { from, field, key } => self.take(from, field, key),
            Step::Hang { moved, root, field, key } => {
                let Some((pointer, link)) = self.take_from_hand(moved) else { return };
                let old = at_root(root, self.graph, Request::Put(field, key, pointer));
                let old_link = self.tell(|model, _| model.roots.entry(root).or_default().put(field, key, link));
                self.hold_both(old, old_link);
            }
            Step::Fetch { root, field, key } => {
                let pointer = at_root(root, self.graph, Request::Take(field, key));
                let link = self.tell(|model, _| model.roots.get_mut(&root)?.take(field, key));
                self.hold_both(pointer, link);
            }
            Step::Clear(root) => {
                at_root(root, self.graph, Request::Clear);
                self.tell(|model, _| {
                    let all = model.roots.get_mut(&root).map(crate::fields::Fields::drain);
                    all.into_iter().flatten().for_each(|link| model.let_go(link));
                });
            }
            Step::Drop(number) => {
                let (pointer, link) = self.take_from_hand(number).unzip();
                self.let_go(pointer, link);
            }
            Step::Forget(number) => std::mem::forget(self.take_from_hand(number)),
            Step::IntoRaw(number, form) => self.change(number, |pointer| pointer.into_raw(form)),
            Step::Restore(number) => self.change(number, Ptr::restore),
            Step::IntoManual(number) => self.change(number, Ptr::into_manual),
            Step::WriteDown(number) => {
                let Some((pointer, link)) = self.take_from_hand(number) else { return };
                match write_down(pointer) {
                    None => self.tell(|model, _| model.words.push(link)),
                    Some(pointer) => self.hold(pointer, link),
                }
            }
            Step::Park(number) => {
                // On a stack a `Weak` looks like any other pointer.
                let weak = self.which(number).is_some_and(|at| is_weak(self.hand[at].kind()));
                if !weak
                    && self.model.parked.is_none()
                    && let Some((pointer, link)) = self.take_from_hand(number)
                {
                    park_with(pointer);
                    self.model.parked = Some(link);
                }
            }
            Step::Ring { kind, length, weak, field } => self.ring(kind, length, weak, field),
            Step::Chain { length, field } => {
                for n in 0..length {
                    self.step(Step::New(Kind::Unique));
                    if n > 0 {
                        let last = self.hand.len() - 1;
                        self.step(Step::Put { moved: last - 1, into: last - 1, field, key: 0 });
                    }
                }
            }
        }
    }

    fn derive(&mut self, number: usize, derive: impl FnOnce(&Ptr) -> Option<Ptr>) {
        let Some(at) = self.which(number) else { return };
        if let Some(pointer) = derive(&self.hand[at]) {
            let kind = pointer.kind();
            let link = self.tell(|model, links| model.share(Link { kind, ..links[at] }));
            self.hold(pointer, link);
        }
    }

    fn put(&mut self, moved: usize, into: usize, field: Field, key: u64) {
        if self.hand.len() < 2 {
            return;
        }
        let Some((pointer, link)) = self.take_from_hand(moved) else { return };
        let Some(at) = self.which(into) else { return };
        let (mut pointer, mut old, mut reached) = (Some(pointer), None, false);
        self.hand[at].with_fields(&mut |fields| {
            reached = true;
            old = pointer.take().and_then(|pointer| fields.put(field, key, pointer));
        });
        if !reached {
            return self.hold_both(pointer, Some(link));
        }
        let old_link = self.tell(|model, links| model.nodes[links[at].to].fields.put(field, key, link));
        self.hold_both(old, old_link);
    }

    fn take(&mut self, from: usize, field: Field, key: u64) {
        let Some(at) = self.which(from) else { return };
        let (mut taken, mut reached) = (None, false);
        self.hand[at].with_fields(&mut |fields| {
            reached = true;
            taken = fields.take(field, key);
        });
        if reached {
            let link = self.tell(|model, links| model.nodes[links[at].to].fields.take(field, key));
            self.hold_both(taken, link);
        }
    }

    /// Node after node is put into the one before; the first into the last.
    fn ring(&mut self, kind: Kind, length: usize, weak: bool, field: Field) {
        let first = self.hand.len();
        for _ in 0..length {
            self.step(Step::New(kind));
        }
        for n in 0..length {
            let (holder, held) = (first + n, first + (n + 1) % length);
            let pointer = if weak && n + 1 == length { Step::Downgrade(held) } else { Step::Share(held) };
            self.step(pointer);
            self.step(Step::Put { moved: first + length, into: holder, field, key: 1 });
            // A field for another kind of pointer gives it back.
            self.hand.truncate(first + length);
            let returned = self.tell(|_, links| links.split_off(first + length));
            returned.into_iter().for_each(|link| self.tell(|model, _| model.let_go(link)));
        }
        while self.hand.len() > first + 1 {
            self.step(Step::Drop(first + 1));
        }
    }
}
