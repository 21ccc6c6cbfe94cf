//! One look at the heap: what is there, and who leads to whom.
//!
//! May use: `heap`, `debuginfo`, `stack`, `address`.

use crate::check::verdict::{Frame, Holder};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::functions::{self, Location};
use crate::debuginfo::types::Types as _;
use crate::heap::containers::View;
use crate::heap::contents::Content;
use crate::heap::evidence::is_counted;
use crate::heap::graph::{Graph, Heap};
use crate::heap::holders::{self, HeldBy};
use crate::heap::instances::Root;
use crate::heap::naming::Known;
use crate::heap::program::Program;
use crate::heap::reach::Reach;
use crate::heap::snapshot::Snapshot;
use crate::heap::tasks::Tasks;
use crate::stack::StackId;
use std::rc::Rc;

/// The heap at one moment, with what each block holds.
pub(super) struct Scene<'p> {
    pub(super) program: &'p Program,
    pub(super) snapshot: Snapshot,
    pub(super) contents: Vec<Content>,
    pub(super) roots: Vec<Root>,
}

impl<'p> Scene<'p> {
    pub(super) fn take(program: &'p Program) -> Scene<'p> {
        let snapshot = program.snapshot();
        let contents = program.contents(&snapshot);
        let roots = program.roots(&snapshot);
        Scene { program, snapshot, contents, roots }
    }

    pub(super) fn view(&self) -> View<'_> {
        View { snapshot: &self.snapshot, types: self.program.types() }
    }

    pub(super) fn heap(&self) -> Heap<'_> {
        Heap { view: self.view(), contents: &self.contents, roots: &self.roots }
    }

    /// The type of what a block holds, in full: of the value in it, without the counts of an `Rc` or `Arc`; of a buffer as `[T]`. None if it is
    /// not known.
    pub(super) fn type_name(&self, block: u32) -> Option<Rc<str>> {
        let types = self.program.types();
        match &self.contents[block as usize] {
            Content::Value(ty) | Content::Unwritten(ty) => {
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

    /// The strong count of a block that has one.
    pub(super) fn strong(&self, block: u32) -> Option<u64> {
        let counted = match &self.contents[block as usize] {
            Content::Value(ty) | Content::Unwritten(ty) => is_counted(&self.program.types().get(*ty)),
            Content::Shared(_) => true,
            _ => false,
        };
        counted.then(|| self.snapshot.word(self.snapshot.blocks()[block as usize].address)).flatten()
    }

    pub(super) fn size(&self, block: u32) -> u64 {
        self.snapshot.blocks()[block as usize].size
    }

    pub(super) fn stack(&self, block: u32) -> StackId {
        self.snapshot.blocks()[block as usize].stack
    }
}

/// The functions on a stack, innermost first.
pub(super) fn frames(program: &Program, stack: StackId) -> Vec<Frame> {
    let frame = |(frame, location): (functions::Frame, Option<Location>)| {
        let location = location.map(|location| (location.file.to_string(), location.line));
        let kind = CodeKind::of(&frame.function.path, location.as_ref().map(|(file, _)| file.as_str()));
        Frame { function: frame.function.path.clone(), location, kind }
    };
    program.backtrace(stack).into_iter().map(frame).collect()
}

/// Who leads to whom in a scene.
pub(super) struct Relations<'s> {
    pub(super) scene: &'s Scene<'s>,
    pub(super) graph: Graph,
    pub(super) reach: Reach,
    pub(super) names: Known<'s>,
}

impl<'s> Relations<'s> {
    pub(super) fn of(scene: &'s Scene<'s>) -> Relations<'s> {
        let graph = Graph::of(&scene.heap());
        let reach = Reach::of(&graph);
        let names = Known { program: scene.program, tasks: Tasks::new(scene.heap()) };
        Relations { scene, graph, reach, names }
    }

    /// With the stack that spawned it, if it is a task.
    pub(super) fn holder(&self, way: holders::Holder) -> Holder {
        let spawned = match &way.root {
            HeldBy::Task(task) => frames(self.scene.program, task.spawned),
            _ => Vec::new(),
        };
        Holder { way, spawned }
    }
}
