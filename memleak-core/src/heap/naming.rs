//! From a way through the graph to the words of the program: fields, locals, captured variables, and places in containers.
//!
//! May use: `debuginfo`, `stack`, `address`. What is left out of a way is in [`crate::heap::folding`].
//!
//! The way is read from the root on, value by value, and each value from the outside in. Names that the user gave begin a hop; the insides of a
//! container are passed until the user's value in it begins, in however many blocks that is.

use crate::address::RuntimeAddress;
use crate::debuginfo::functions::Location;
use crate::debuginfo::load::DieRef;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::folding::{Open, Slot, is_users, known, written};
use crate::heap::graph::{Edge, EdgeKind, Graph, Heap, Source};
use crate::heap::holders::{Counted, HeldBy, Holder, Hop, Task, Way};
use crate::heap::instances::Home;
use crate::heap::interior::{Inside, Lead, inside};
use crate::heap::locals::Call;
use crate::heap::places::{Part, Step};
use crate::heap::program::Program;
use crate::heap::reach::Reach;
use crate::heap::roots::{Presence, Root};
use crate::heap::tasks::Tasks;
use crate::heap::ways::ways;
use std::rc::Rc;

/// What only the running program knows.
pub trait Names {
    /// Where a static or thread-local is declared.
    fn declared_at(&self, die: DieRef) -> Option<Location>;

    /// Where in the source a call is that has not ended.
    fn place_of(&self, call: &Call) -> Option<Location>;

    /// The task whose memory the block with this index is; none if it is no task's.
    fn task(&self, block: u32) -> Option<Task>;
}

/// What a program knows of a heap of its own.
pub struct Known<'a> {
    /// The program.
    pub program: &'a Program,
    /// The tasks of the heap.
    pub tasks: Tasks<'a>,
}

impl Names for Known<'_> {
    fn declared_at(&self, die: DieRef) -> Option<Location> {
        self.program.declared_at(die)
    }

    fn place_of(&self, call: &Call) -> Option<Location> {
        self.program.place_of(call)
    }

    fn task(&self, block: u32) -> Option<Task> {
        self.tasks.at(block)
    }
}

/// The value at the end of a way: where it is, and its type's full name, or `type::variant`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct End<'a> {
    /// Where it starts.
    pub address: RuntimeAddress,
    /// Of its type.
    pub name: &'a str,
}

/// Tells in words who holds the block at the end of `way`, or the value `end` in it.
///
/// A way through a task begins anew at the last task on it: how a runtime holds its tasks says nothing of why a value is held. Of a task that
/// has ended it does: whoever keeps its handle keeps its result.
pub fn holder(heap: &Heap<'_>, graph: &Graph, way: &[Edge], end: Option<End<'_>>, names: &dyn Names) -> Holder {
    let task = |edge: &Edge| names.task(edge.to).filter(|task| !task.has_ended());
    let task = way.iter().enumerate().rev().find_map(|(hop, edge)| Some((hop, task(edge)?)));
    let (root, way, first) = match task {
        Some((hop, task)) => (HeldBy::Task(task), &way[hop + 1..], Some(way[hop].to)),
        None => (root(heap, way.first(), names), way, None),
    };
    let mut namer = Namer::new(heap, &root);
    for edge in way {
        namer.edge(graph, edge);
    }
    if let (Some(block), Some(end)) = (way.last().map(|edge| edge.to).or(first), end) {
        namer.end_in(block, end);
    }
    Holder { root, hops: namer.finish() }
}

/// Tells in words where the value `end` is in the static or thread-local with this index in the roots.
pub fn in_root(heap: &Heap<'_>, index: usize, end: Option<End<'_>>, names: &dyn Names) -> Holder {
    let (value, root) = (&heap.roots[index], named_root(heap, index, names));
    let mut namer = Namer::new(heap, &root);
    if let Some(end) = end {
        namer.end(heap.view.descend(value.ty, value.address, end.address).steps, end);
    }
    Holder { root, hops: namer.finish() }
}

/// Tells in words who holds the value `end`, which lies in `home`, or all that is there: at most `most` holders, those that are most to be trusted first.
///
/// What owns the block counts, in how many ways it ever does; what only points to it counts if nothing owns it.
pub fn holders(
    (heap, graph, reach): (&Heap<'_>, &Graph, &Reach),
    (home, end): (Home, Option<End<'_>>),
    most: usize,
    names: &dyn Names,
) -> Vec<Holder> {
    let block = match home {
        Home::Root(index) => return vec![in_root(heap, index, end, names)],
        Home::Block(block) => block as u32,
    };
    let mut holders = Vec::new();
    // A way begins at a task, but at none that has ended: see `holder`.
    let begins = |block| names.task(block).is_some_and(|task| !task.has_ended());
    for way in ways(graph, reach, block, &begins) {
        let holder = holder(heap, graph, &way, end, names);
        if holders.len() < most && !holders.contains(&holder) {
            holders.push(holder);
        }
    }
    holders
}

/// The parts on the way down `steps`, in the words of [`holder`].
pub fn parts(heap: &Heap<'_>, steps: &[Step]) -> Vec<Way> {
    let mut namer = Namer::new(heap, &HeldBy::Nothing);
    namer.pass(steps);
    namer.finish().into_iter().flat_map(|hop| hop.way).collect()
}

fn root(heap: &Heap<'_>, first: Option<&Edge>, names: &dyn Names) -> HeldBy {
    let thread = |index: u32| heap.view.snapshot.threads().get(index as usize).map_or("", |thread| &thread.name).into();
    if let Some(local) = first.and_then(|first| local_around(heap, first)) {
        return named_root(heap, local, names);
    }
    match first.map(|edge| edge.from) {
        Some(Source::Root(index)) => named_root(heap, index as usize, names),
        Some(Source::Segment) => HeldBy::UnnamedStatic,
        Some(Source::ThreadMemory(index)) => HeldBy::ThreadMemory { name: thread(index) },
        Some(Source::Stack(index) | Source::Register(index)) => HeldBy::Thread { name: thread(index) },
        Some(Source::Foreign) => HeldBy::Foreign,
        Some(Source::Block(_)) | None => HeldBy::Nothing,
    }
}

/// The index of the local that a word on a stack is in. What lies in a frame further out may be a parameter of a call further in.
pub fn local_around(heap: &Heap<'_>, edge: &Edge) -> Option<usize> {
    let Source::Stack(thread) = edge.from else { return None };
    let holds = |root: &Root| {
        let size = heap.view.types.get(root.ty).size;
        root.call.is_some() && root.thread == Some(thread) && edge.at.0.wrapping_sub(root.address.0) < size
    };
    let certain = |root: &Root| root.presence == Presence::Certain && holds(root);
    heap.roots.iter().position(certain).or_else(|| heap.roots.iter().position(holds))
}

fn named_root(heap: &Heap<'_>, index: usize, names: &dyn Names) -> HeldBy {
    let root = &heap.roots[index];
    let declared = root.die.and_then(|die| names.declared_at(die));
    let (name, ty) = (Rc::clone(&root.name), Rc::clone(&written(heap.view.types, root.ty).name));
    let thread = root.thread.and_then(|thread| heap.view.snapshot.threads().get(thread as usize));
    let thread = thread.map(|thread| Rc::from(&*thread.name));
    match (&root.call, thread) {
        (Some(call), thread) => HeldBy::Local {
            thread: thread.unwrap_or_default(),
            function: Rc::clone(&call.function),
            at: names.place_of(call),
            name,
            ty,
        },
        (None, Some(thread)) => HeldBy::ThreadLocal { name, ty, declared, thread },
        (None, None) => HeldBy::Static { name, ty, declared },
    }
}

/// A hop in the making.
#[derive(Default)]
struct Draft {
    way: Vec<Way>,
    ty: Option<Rc<str>>,
    kind: Option<EdgeKind>,
    counted: Option<Counted>,
    /// Whether the pointer that the user knows of was passed.
    ended: bool,
    /// Whether it is in the future that a future awaits: the task says that already.
    awaited: bool,
}

/// Reads a way, and writes hops.
struct Namer<'a> {
    heap: &'a Heap<'a>,
    hops: Vec<Hop>,
    draft: Draft,
    /// The container that the way is in.
    open: Option<Open>,
    lead: Lead,
    /// The number of the element in the current block.
    index: Option<u64>,
    /// The type that is said of the root.
    root_ty: Option<Rc<str>>,
}

impl<'a> Namer<'a> {
    fn new(heap: &'a Heap<'a>, root: &HeldBy) -> Namer<'a> {
        let (draft, lead) = Default::default();
        let root_ty = match root {
            HeldBy::Static { ty, .. } | HeldBy::ThreadLocal { ty, .. } | HeldBy::Local { ty, .. } => {
                Some(Rc::clone(ty))
            }
            HeldBy::Task(task) => Some(Rc::clone(&task.future)),
            _ => None,
        };
        Namer { heap, hops: Vec::new(), draft, open: None, lead, index: None, root_ty }
    }

    /// From the start of what the pointer is in, to the block that it leads to.
    fn edge(&mut self, graph: &Graph, edge: &Edge) {
        let view = self.heap.view;
        let steps = match edge.from {
            Source::Root(index) => self.steps_in_root(index as usize, edge.at),
            Source::Block(block) => self.steps_in(block, edge.at).unwrap_or_default(),
            _ => match local_around(self.heap, edge) {
                Some(local) => self.steps_in_root(local, edge.at),
                // Memory without types: the root says all that is known.
                None => {
                    self.lead = Lead::default();
                    return;
                }
            },
        };
        self.pass(&steps);
        if steps.is_empty() {
            self.unknown();
        }
        let value = view.snapshot.word(edge.at).unwrap_or(0);
        // A word in no field of the active variant is in the enum as a whole.
        let last = steps.iter().rev().find(|step| !matches!(step.part, Part::Variant(_)));
        self.pointer(graph, edge, last);
        self.lead = Lead { steps, value };
    }

    fn steps_in_root(&self, index: usize, word: RuntimeAddress) -> Vec<Step> {
        let root = &self.heap.roots[index];
        self.heap.view.descend(root.ty, root.address, word).steps
    }

    /// From the start of the value in `block` that `word` is in, to the smallest part that it is in.
    fn steps_in(&mut self, block: u32, word: RuntimeAddress) -> Option<Vec<Step>> {
        let Inside { ty, start, index, led_to } = inside(self.heap, &self.lead, block, word)?;
        if !led_to {
            self.open = None;
            self.name(Way::Unknown);
        }
        if let Some(open) = &mut self.open {
            open.block();
        }
        self.index = index;
        Some(self.heap.view.descend(ty, start, word).steps)
    }

    fn end_in(&mut self, block: u32, end: End<'_>) {
        if let Some(steps) = self.steps_in(block, end.address) {
            self.end(steps, end);
        }
    }

    /// The last steps, as far as the value itself. If it is not found on them nothing is said.
    fn end(&mut self, mut steps: Vec<Step>, end: End<'_>) {
        let types = self.heap.view.types;
        let is_value = |at: usize| {
            let step = &steps[at];
            let ty = types.get(step.ty);
            let variant = || match steps.get(at + 1) {
                Some(Step { part: Part::Variant(variant), .. }) => format!("{}::{variant}", ty.name) == end.name,
                _ => false,
            };
            step.address == end.address && (*ty.name == *end.name || variant())
        };
        let Some(last) = (0..steps.len()).find(|at| is_value(*at)) else { return };
        steps.truncate(last + 1);
        self.pass(&steps);
        if self.draft.kind.is_none() && !self.draft.way.is_empty() {
            self.draft.ty.get_or_insert_with(|| types.get(steps[last].ty).name.clone());
        }
    }

    fn pass(&mut self, steps: &[Step]) {
        let types = self.heap.view.types;
        let mut around: Option<Rc<Type>> = None;
        for (at, step) in steps.iter().enumerate() {
            let ty = types.get(step.ty);
            if at == 0 && self.open.is_none() {
                self.slot(Slot::Index);
            }
            match (&mut self.open, &around) {
                (Some(open), _) => {
                    if let Part::Field(name) = &step.part {
                        open.field(name);
                    }
                }
                (None, Some(around)) => {
                    if let Part::Variant(state) = &step.part {
                        self.future(steps[at - 1].ty, around, state);
                    }
                    self.part(&step.part, around, (at >= 2).then(|| types.get(steps[at - 2].ty)));
                }
                (None, None) => {}
            }
            self.arrive(&ty, step.address);
            around = Some(ty);
        }
        self.index = None;
    }

    /// A part that the user sees, of a value of type `around`, which is itself in one of type `outer`.
    fn part(&mut self, part: &Part, around: &Type, outer: Option<Rc<Type>>) {
        match part {
            Part::Whole => {}
            Part::Field(name) | Part::Overlapping(name) if around.is_closure() => {
                self.name(Way::Captured(captured(name)));
            }
            Part::Field(name) | Part::Overlapping(name) => self.name(Way::Field(field(name))),
            Part::Variant(name) => {
                if !matches!(around.kind, TypeKind::Enum { coroutine: true, .. }) {
                    self.name(Way::Variant(format!("{}::{name}", around.own_name()).into()));
                }
            }
            Part::Local(name) if &**name == "__awaitee" => {
                self.flush();
                self.draft.awaited = true;
            }
            Part::Local(name) if is_numbered(name) => self.flush(),
            Part::Local(name) => {
                let by_capture = outer.is_some_and(|future| self.captures(&future, name));
                self.name(if by_capture { Way::Captured(captured(name)) } else { Way::Local(Rc::clone(name)) });
            }
            Part::Element(index) => self.name(Way::Index(*index)),
        }
    }

    /// A future that is stored somewhere. Of a task, and of what it awaits, the task says it.
    fn future(&mut self, id: TypeId, future: &Type, state: &str) {
        let coroutine = matches!(future.kind, TypeKind::Enum { coroutine: true, .. });
        let of_task = self.draft.awaited || self.root_ty.as_deref() == Some(&*future.name);
        if coroutine && !of_task {
            let at = self.heap.view.types.await_location(id, state);
            self.name(Way::Future { future: Rc::clone(&future.name), at });
        }
    }

    /// Whether the async block `future` captured this variable. Parameters of an async fn are its locals.
    fn captures(&self, future: &Type, name: &str) -> bool {
        let TypeKind::Enum { variants, .. } = &future.kind else { return false };
        let from_start = variants.iter().find(|variant| &*variant.name == "Unresumed");
        let has_it = from_start.is_some_and(|variant| {
            matches!(&self.heap.view.types.get(variant.ty).kind, TypeKind::Struct { fields }
                if fields.iter().any(|field| *field.name == *name))
        });
        has_it && !future.own_name().starts_with("{async_fn_env#")
    }

    /// A value of this type begins.
    fn arrive(&mut self, ty: &Type, address: RuntimeAddress) {
        if let Some(open) = &self.open {
            if let Some(slot) = open.left_at(&ty.name) {
                if slot == Slot::Link {
                    self.index = open.node();
                }
                self.open = None;
                self.slot(slot);
            } else if ty.name.starts_with("core::task::wake::Waker") {
                self.open = None;
                self.name(Way::Field("waker".into()));
            } else if is_users(&ty.name) {
                self.open = None;
            } else {
                return;
            }
        }
        let Some(known) = known(&ty.name) else { return };
        if !known.inner {
            if self.draft.kind.is_some() {
                self.flush();
            }
            self.draft.ty.get_or_insert_with(|| Rc::clone(&ty.name));
        }
        self.open = Some(Open::new(self.heap.view, known, ty, address));
    }

    /// A part that the user sees. One behind a pointer begins a hop.
    fn name(&mut self, way: Way) {
        if self.draft.kind.is_some() {
            self.flush();
        }
        self.draft.way.push(way);
        self.draft.ty = None;
    }

    /// A place in a container.
    fn slot(&mut self, slot: Slot) {
        let way = match slot {
            Slot::Only => return,
            Slot::Index | Slot::Link => match self.index.take() {
                Some(index) => Way::Index(index),
                None => return,
            },
            Slot::Key => Way::Key,
            Slot::Value => Way::Value,
            Slot::Message => Way::Message,
        };
        self.name(way);
    }

    /// Memory of which nothing is known.
    fn unknown(&mut self) {
        self.open = None;
        self.name(Way::Unknown);
    }

    /// The pointer at the end of the steps.
    fn pointer(&mut self, graph: &Graph, edge: &Edge, last: Option<&Step>) {
        let ends = self.open.as_ref().is_none_or(|open| open.pointer);
        let types = self.heap.view.types;
        if self.draft.ended {
            self.flush();
        }
        if self.draft.ty.is_none() {
            self.draft.ty = last.map(|step| Rc::clone(&types.get(step.ty).name));
        }
        // Of a container the first pointer counts: the others are between its own blocks.
        if self.draft.kind.is_none() {
            self.draft.kind = Some(edge.kind);
            let counted = ends && edge.kind == EdgeKind::Counted;
            self.draft.counted = counted.then(|| self.count(graph, edge.to)).flatten();
        }
        self.draft.ended = ends;
        if ends {
            self.open = None;
            if self.draft.awaited && self.draft.way.is_empty() {
                self.draft = Draft::default();
            }
        }
    }

    /// The owners of the `Rc` or `Arc` in this block.
    fn count(&self, graph: &Graph, block: u32) -> Option<Counted> {
        let strong = self.heap.view.snapshot.word(self.heap.view.snapshot.blocks()[block as usize].address)?;
        let found = graph.owners_found(block);
        Some(Counted { found, strong })
    }

    /// Ends the hop in the making.
    fn flush(&mut self) {
        let Draft { way, ty, kind, counted, .. } = std::mem::take(&mut self.draft);
        // The root's type says the same.
        let is_root = self.hops.is_empty() && ty == self.root_ty;
        let says_more = !is_root || counted.is_some() || kind == Some(EdgeKind::Unknown);
        if !way.is_empty() || (kind.is_some() && says_more) {
            self.hops.push(Hop { way, ty: ty.unwrap_or_default(), kind, counted });
        }
    }

    fn finish(mut self) -> Vec<Hop> {
        self.flush();
        self.hops
    }
}

/// `0` for a tuple's `__0`.
fn field(name: &Rc<str>) -> Rc<str> {
    if is_numbered(name) { name[2..].into() } else { Rc::clone(name) }
}

fn is_numbered(name: &str) -> bool {
    name.strip_prefix("__").is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The variable; by reference or by value.
fn captured(name: &Rc<str>) -> Rc<str> {
    name.strip_prefix("_ref__").map_or_else(|| Rc::clone(name), Rc::from)
}
