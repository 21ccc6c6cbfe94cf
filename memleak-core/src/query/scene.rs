//! One look at the heap: what is there, and who leads to whom.
//!
//! May use: `heap`, `debuginfo`, `stack`.

use crate::debuginfo::code::CodeKind;
use crate::debuginfo::functions::{self, Location};
use crate::debuginfo::types::{TypeId, Types as _};
use crate::heap::containers::{View, at};
use crate::heap::contents::Content;
use crate::heap::evidence::{COUNTS, is_counted};
use crate::heap::graph::{Graph, Heap};
use crate::heap::holders::{self, HeldBy};
use crate::heap::instances::{Home, Instance};
use crate::heap::naming::Known;
use crate::heap::program::Program;
use crate::heap::reach::Reach;
use crate::heap::roots::Root;
use crate::heap::snapshot::Snapshot;
use crate::heap::tasks::Tasks;
use crate::query::read::Reader;
use crate::stack::StackId;
use std::collections::HashSet;
use std::rc::Rc;

/// What a type is called that is not known.
pub const UNKNOWN: &str = "unknown";

/// A function on a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its path as debug info has it.
    pub function: String,
    /// The file, absolute, and the 1-based line; none if not known.
    pub location: Option<(String, u32)>,
    /// Whose code it is.
    pub kind: CodeKind,
}

/// Who holds an instance.
#[derive(Clone, PartialEq, Debug)]
pub struct Holder {
    /// From the root to the instance.
    pub way: holders::Holder,
    /// Of a task: the stack that spawned it, innermost first; empty if it is not known.
    pub spawned: Vec<Frame>,
}

/// The heap at one moment, with what each block holds.
pub struct Scene<'p> {
    /// What it is read with.
    pub program: &'p Program,
    /// The copy.
    pub snapshot: Snapshot,
    /// What each block of the copy holds.
    pub contents: Vec<Content>,
    /// The statics, and the thread-locals of each thread.
    pub roots: Vec<Root>,
}

impl<'p> Scene<'p> {
    /// Copies the heap, and reads what is local to the functions of these units of the debug info, or to all, that other threads are in.
    pub fn take(program: &'p Program, units: Option<&HashSet<u32>>) -> Scene<'p> {
        let mut snapshot = program.snapshot();
        let contents = program.contents(&snapshot);
        let mut roots = program.roots(&snapshot);
        roots.extend(program.locals(&mut snapshot, units));
        Scene { program, snapshot, contents, roots }
    }

    /// Memory and types.
    pub fn view(&self) -> View<'_> {
        View { snapshot: &self.snapshot, types: self.program.types() }
    }

    /// Reads its values.
    pub fn reader(&self) -> Reader<'_> {
        Reader { view: self.view(), contents: &self.contents, binary: Some(self.program.binary()) }
    }

    /// What a graph is made from.
    pub fn heap(&self) -> Heap<'_> {
        Heap { view: self.view(), contents: &self.contents, roots: &self.roots }
    }

    /// The type of what a block holds, in full: of the value in it, without the counts of an `Rc` or `Arc`; of a buffer as `[T]`. None if it is
    /// not known.
    pub fn type_name(&self, block: u32) -> Option<Rc<str>> {
        self.content_name(&self.contents[block as usize])
    }

    /// The same for a block with this content.
    pub fn content_name(&self, content: &Content) -> Option<Rc<str>> {
        let types = self.program.types();
        match content {
            Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => {
                let ty = types.get(*ty);
                let counted = is_counted(&ty);
                let inner = ty.parameters.first().filter(|_| counted).map(|(_, inner)| types.get(*inner).name.clone());
                Some(inner.unwrap_or_else(|| ty.name.clone()))
            }
            Content::Buffer(element) => Some(format!("[{}]", types.get(*element).name).into()),
            Content::Table(element) => Some(format!("hash table of {}", types.get(*element).name).into()),
            Content::Shared(element) => Some(types.get(*element).name.clone()),
            Content::OwnLayout { .. } | Content::Unknown => None,
        }
    }

    /// What this block holds, as one object: the value in it, without the counts of an `Rc` or `Arc`; a buffer, a table or what is not known as
    /// a whole. Its type, if it is one value.
    pub fn object(&self, block: u32) -> (Instance, Option<TypeId>) {
        let record = self.snapshot.blocks()[block as usize];
        let types = self.program.types();
        let whole = |ty| (ty, record.address, record.size);
        let (ty, address, size) = match &self.contents[block as usize] {
            Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => {
                let outer = types.get(*ty);
                let data = || ["data", "value"].iter().find_map(|name| self.view().field(&outer, name));
                match Some(&outer).filter(|outer| is_counted(outer)).and_then(|_| data()) {
                    Some((offset, inner)) => (Some(inner), at(record.address, offset), types.get(inner).size),
                    None => whole(Some(*ty)),
                }
            }
            Content::Shared(element) if types.get(*element).size + COUNTS == record.size => {
                (Some(*element), at(record.address, COUNTS), types.get(*element).size)
            }
            _ => whole(None),
        };
        let type_name = self.type_name(block).unwrap_or_else(|| UNKNOWN.into());
        let instance = Instance { type_name, size, address, doubt: None, home: Home::Block(block as usize) };
        (instance, ty)
    }

    /// The strong count of a block that has one.
    pub fn strong(&self, block: u32) -> Option<u64> {
        let counted = match &self.contents[block as usize] {
            Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => {
                is_counted(&self.program.types().get(*ty))
            }
            Content::Shared(_) => true,
            _ => false,
        };
        counted.then(|| self.snapshot.word(self.snapshot.blocks()[block as usize].address)).flatten()
    }

    /// The size of a block.
    pub fn size(&self, block: u32) -> u64 {
        self.snapshot.blocks()[block as usize].size
    }

    /// Where a block was allocated.
    pub fn stack(&self, block: u32) -> StackId {
        self.snapshot.blocks()[block as usize].stack
    }
}

/// The functions on a stack, innermost first.
pub fn frames(program: &Program, stack: StackId) -> Vec<Frame> {
    let frame = |(frame, location): (functions::Frame, Option<Location>)| {
        let location = location.map(|location| (location.file.to_string(), location.line));
        let kind = CodeKind::of(&frame.function.path, location.as_ref().map(|(file, _)| file.as_str()));
        Frame { function: frame.function.path.clone(), location, kind }
    };
    program.backtrace(stack).into_iter().map(frame).collect()
}

/// Who leads to whom in a scene.
pub struct Relations<'s> {
    /// The scene.
    pub scene: &'s Scene<'s>,
    /// Who points to whom.
    pub graph: Graph,
    /// What is reachable.
    pub reach: Reach,
    /// The names of what is in the scene.
    pub names: Known<'s>,
}

impl<'s> Relations<'s> {
    /// Finds out.
    pub fn of(scene: &'s Scene<'s>) -> Relations<'s> {
        let graph = Graph::of(&scene.heap());
        let reach = Reach::of(&graph);
        let names = Known { program: scene.program, tasks: Tasks::new(scene.heap()) };
        Relations { scene, graph, reach, names }
    }

    /// With the stack that spawned it, if it is a task.
    pub fn holder(&self, way: holders::Holder) -> Holder {
        holder(self.scene.program, way)
    }
}

/// With the stack that spawned it, if it is a task.
pub fn holder(program: &Program, way: holders::Holder) -> Holder {
    let spawned = match &way.root {
        HeldBy::Task(task) => frames(program, task.spawned),
        _ => Vec::new(),
    };
    Holder { way, spawned }
}
