//! The tasks of async runtimes: which blocks are one, of which future, and what it is doing.
//!
//! May use: `debuginfo` (types only), `address`. [`KNOWN`] is the one table of runtimes' types. A block is told by the type of its content, and
//! what is in it by the names of its fields, because both versions and offsets change.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::awaits::Futures;
use crate::heap::containers::{View, at, parameter};
use crate::heap::contents::Content;
use crate::heap::evidence::Active;
use crate::heap::graph::Heap;
use crate::heap::holders::{Task, TaskKind, TaskState};
use std::cell::RefCell;
use std::rc::Rc;

/// Finds out how blocks of a type are a task.
type Known = fn(View<'_>, &Type) -> Option<Shape>;

/// Types of blocks that are tasks, by the start of their names.
const KNOWN: &[(&str, Known)] = &[
    // tokio 1, tokio 0.3 and 0.2.
    ("tokio::runtime::task::core::Cell<", cell),
    ("tokio::task::core::Cell<", cell),
    // futures 0.3.
    ("alloc::sync::ArcInner<futures_util::stream::futures_unordered::task::Task<", in_set),
];

/// Reads tasks. What is known of a type is kept.
pub struct Tasks<'h> {
    heap: Heap<'h>,
    futures: Futures<'h>,
    /// By the number of the type; none if it was not yet asked about.
    shapes: RefCell<Vec<Option<Option<Rc<Shape>>>>>,
}

/// How a block of some type is a task.
#[derive(Clone, Debug)]
struct Shape {
    kind: TaskKind,
    future: Rc<str>,
    /// Where in the block the enum is that holds the future, and its type.
    holder: (u64, TypeId),
    /// Where in the block the word is whose lowest bit says that a thread is polling the future.
    state: Option<u64>,
    /// Whether the block is an `Arc`'s.
    counted: bool,
}

impl<'h> Tasks<'h> {
    /// Of this heap.
    pub fn new(heap: Heap<'h>) -> Tasks<'h> {
        Tasks { heap, futures: Futures::new(heap), shapes: RefCell::default() }
    }

    /// The blocks that are tasks, ended ones too. This takes a few instructions per block.
    pub fn blocks(&self) -> Vec<u32> {
        let mut found = Vec::new();
        // By the number of the type; none if it was not yet met.
        let mut known: Vec<Option<bool>> = Vec::new();
        for (block, content) in self.heap.contents.iter().enumerate() {
            let (Content::Value(ty) | Content::Stated(ty)) = content else { continue };
            let index = ty.0 as usize;
            if known.len() <= index {
                known.resize(index + 1, None);
            }
            let is_task = match known[index] {
                Some(is_task) => is_task,
                None => *known[index].insert(self.shape(*ty).is_some()),
            };
            if is_task {
                found.push(block as u32);
            }
        }
        found
    }

    /// The task that the block with this index is; none if it is something else, or a task whose memory is only kept by a `Weak`.
    pub fn at(&self, block: u32) -> Option<Task> {
        let (Content::Value(ty) | Content::Stated(ty)) = self.heap.contents.get(block as usize)? else { return None };
        let shape = self.shape(*ty)?;
        let record = self.heap.view.snapshot.blocks().get(block as usize)?;
        if shape.counted && self.heap.view.snapshot.word(record.address) == Some(0) {
            return None;
        }
        let state = self.state(&shape, record.address);
        Some(Task { kind: shape.kind, future: Rc::clone(&shape.future), spawned: record.stack, state })
    }

    /// What the future of type `ty` at `address` is doing, be it a task or not.
    pub fn state_of(&self, ty: TypeId, address: RuntimeAddress) -> TaskState {
        self.futures.state(ty, address)
    }

    fn shape(&self, id: TypeId) -> Option<Rc<Shape>> {
        let index = id.0 as usize;
        if let Some(Some(known)) = self.shapes.borrow().get(index) {
            return known.clone();
        }
        let view = self.heap.view;
        let ty = view.types.get(id);
        let known = KNOWN.iter().find(|(start, _)| ty.name.starts_with(start));
        let shape = known.and_then(|(_, shape)| shape(view, &ty)).map(Rc::new);
        let mut shapes = self.shapes.borrow_mut();
        if shapes.len() <= index {
            shapes.resize(index + 1, None);
        }
        shapes[index] = Some(shape.clone());
        shape
    }

    fn state(&self, shape: &Shape, block: RuntimeAddress) -> TaskState {
        let view = self.heap.view;
        let (offset, holder) = shape.holder;
        let (ty, address) = (view.types.get(holder), at(block, offset));
        let Active::Variant(stage) = view.active(&ty, address) else { return TaskState::Unknown };
        let value = match &view.types.get(stage.ty).kind {
            TypeKind::Struct { fields } => fields.first().map(|field| (field.ty, at(address, field.offset))),
            _ => None,
        };
        match (&*stage.name, value) {
            // An aborted task is in the hands of who drops it, as if it ran.
            ("Running", Some(_)) if shape.state.is_some_and(|word| has(view, at(block, word), CANCELLED)) => {
                TaskState::Aborted
            }
            ("Running", Some(_)) if shape.state.is_some_and(|word| has(view, at(block, word), RUNNING)) => {
                TaskState::Running
            }
            ("Running", Some((closure, address))) if shape.kind == TaskKind::Blocking => {
                called(view, &view.types.get(closure), address)
            }
            ("Running" | "Some", Some((future, address))) => self.futures.state(future, address),
            ("Finished", Some((result, address))) => outcome(view, &view.types.get(result), address),
            ("Consumed" | "None", _) => TaskState::Consumed,
            _ => TaskState::Unknown,
        }
    }
}

/// tokio's cell: `header`, which begins with the state, then `core`, in which a `Stage` holds the future or its result.
fn cell(view: View<'_>, ty: &Type) -> Option<Shape> {
    let (core, core_type) = view.field(ty, "core")?;
    let (stage, holder) = first_enum(view, core_type, "Stage")?;
    let future = view.types.get(parameter(ty, "T")?);
    let (header, header_type) = view.field(ty, "header")?;
    let state = view.field(&view.types.get(header_type), "state").map(|(offset, _)| header + offset);
    let blocking = future.name.starts_with("tokio::runtime::blocking::task::BlockingTask<");
    let closure = parameter(&future, "T").filter(|_| blocking).map(|closure| view.types.get(closure));
    Some(Shape {
        kind: if blocking { TaskKind::Blocking } else { TaskKind::Spawned },
        future: Rc::clone(&closure.as_ref().unwrap_or(&future).name),
        holder: (core + stage, holder),
        state,
        counted: false,
    })
}

/// A task of a `FuturesUnordered`: an `Option` holds the future until it has ended.
fn in_set(view: View<'_>, ty: &Type) -> Option<Shape> {
    let (data, task) = view.field(ty, "data")?;
    let task = view.types.get(task);
    let (cell, cell_type) = view.field(&task, "future")?;
    let (option, holder) = first_enum(view, cell_type, "Option")?;
    let future = view.types.get(parameter(&task, "Fut")?);
    Some(Shape {
        kind: TaskKind::InSet,
        future: Rc::clone(&future.name),
        holder: (data + cell + option, holder),
        state: None,
        counted: true,
    })
}

/// The first enum called `name` among the fields of fields of `start`, and where it is.
fn first_enum(view: View<'_>, start: TypeId, name: &str) -> Option<(u64, TypeId)> {
    let mut level = vec![(0, start)];
    for _depth in 0..8 {
        let mut next = Vec::new();
        for (offset, id) in level {
            let ty = view.types.get(id);
            match &ty.kind {
                TypeKind::Enum { .. } if ty.name.split('<').next()?.rsplit("::").next() == Some(name) => {
                    return Some((offset, id));
                }
                TypeKind::Struct { fields } => {
                    next.extend(fields.iter().map(|field| (offset + field.offset, field.ty)));
                }
                _ => {}
            }
        }
        level = next;
    }
    None
}

/// In the state of a task. All versions of tokio keep these bits in the same place.
const RUNNING: u64 = 1;
const CANCELLED: u64 = 1 << 5;

/// Whether this bit is set in the state of a task; a state that was not copied has none but the first.
fn has(view: View<'_>, state: RuntimeAddress, bit: u64) -> bool {
    view.snapshot.word(state).unwrap_or(RUNNING) & bit != 0
}

/// A blocking task takes its closure out when it calls it.
fn called(view: View<'_>, ty: &Type, address: RuntimeAddress) -> TaskState {
    let Some((offset, option)) = view.field(ty, "func") else { return TaskState::Unknown };
    match view.active(&view.types.get(option), at(address, offset)) {
        Active::Variant(variant) if &*variant.name == "Some" => TaskState::NotBegun,
        Active::Variant(_) => TaskState::Running,
        Active::Invalid => TaskState::Unknown,
    }
}

/// How a task has ended whose `Result<T, JoinError>` this is.
fn outcome(view: View<'_>, ty: &Type, address: RuntimeAddress) -> TaskState {
    let Active::Variant(variant) = view.active(ty, address) else { return TaskState::Unknown };
    if &*variant.name == "Ok" {
        return TaskState::Finished;
    }
    let reason = first_enum(view, variant.ty, "Repr").and_then(|(offset, reason)| {
        match view.active(&view.types.get(reason), at(address, offset)) {
            Active::Variant(variant) => Some(Rc::clone(&variant.name)),
            Active::Invalid => None,
        }
    });
    match reason.as_deref() {
        Some("Panic") => TaskState::Panicked,
        Some("Cancelled") => TaskState::Cancelled,
        _ => TaskState::Unknown,
    }
}
