//! A copy of the heap that questions are asked about, with what has been found out so far.
//!
//! May use: `heap`, `debuginfo`, `stack`, `address`. On memleak's thread only.

use crate::address::RuntimeAddress;
use crate::debuginfo::load::LoadError;
use crate::debuginfo::types::TypeId;
use crate::heap::graph::{Edge, EdgeKind, Graph, Source};
use crate::heap::instances::{Home, Instance};
use crate::heap::naming::{self, End, Known};
use crate::heap::reach::Reach;
use crate::heap::retained::Retention;
use crate::heap::tasks::Tasks;
use crate::query::analyst;
use crate::query::heapsnapshot::{self, Whole};
use crate::query::scene::{self, Holder, Scene};
use crate::query::short::short_function;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

/// A copy of the heap.
pub struct Copy {
    /// What was there.
    pub scene: Scene<'static>,
    links: OnceCell<Links>,
}

/// Who points to whom.
pub struct Links {
    /// All pointers.
    pub graph: Graph,
    /// What is reachable.
    pub reach: Reach,
}

/// How many ways to an object are told.
const MOST_WAYS: usize = 16;

impl Copy {
    /// Copies the heap as it is now.
    ///
    /// # Errors
    /// When the debug info cannot be read.
    pub fn take() -> Result<Copy, LoadError> {
        Ok(Copy { scene: Scene::take(analyst::program()?, None), links: OnceCell::new() })
    }

    /// Who points to whom in it.
    pub fn links(&self) -> &Links {
        self.links.get_or_init(|| {
            let graph = Graph::of(&self.scene.heap());
            let reach = Reach::of(&graph);
            Links { graph, reach }
        })
    }

    /// All blocks as objects, by address. Blocks of dropped values that only `Weak`s keep are among them.
    pub fn objects(&self) -> Vec<(Instance, Option<TypeId>)> {
        (0..self.scene.contents.len() as u32).map(|block| self.scene.object(block)).collect()
    }

    /// The blocks of this epoch or later that nothing leads to, as objects.
    pub fn unreachable(&self, since: u32) -> Vec<(Instance, Option<TypeId>)> {
        let reach = &self.links().reach;
        let blocks = self.scene.snapshot.blocks().iter().zip(0u32..);
        let lost = blocks.filter(|(block, index)| block.epoch >= since && reach.trust(*index).is_none());
        lost.map(|(_, index)| self.scene.object(index)).collect()
    }

    /// What would be freed with these objects, in bytes: they themselves, what they own, and what that owns, as far as nobody else does.
    pub fn retained(&self, objects: &[Instance]) -> u64 {
        let (blocks, in_parts) = self.retained_blocks(objects);
        in_parts + blocks.into_iter().map(|block| self.scene.size(block)).sum::<u64>()
    }

    /// The blocks that would be freed with these objects, those that they fill among them; and the bytes of those that are parts of others.
    pub fn retained_blocks(&self, objects: &[Instance]) -> (Vec<u32>, u64) {
        let mut freed = Freed { copy: self, blocks: HashSet::new(), owners: HashMap::new(), next: Vec::new() };
        let (whole, parts): (Vec<&Instance>, Vec<&Instance>) = objects
            .iter()
            .partition(|object| matches!(object.home, Home::Block(block) if self.fills(object, block as u32)));
        for object in &whole {
            if let Home::Block(block) = object.home {
                freed.free(block as u32);
            }
        }
        let elsewhere =
            |part: &&&Instance| !matches!(part.home, Home::Block(block) if freed.blocks.contains(&(block as u32)));
        let in_parts = parts.iter().filter(elsewhere).map(|part| part.size).sum::<u64>();
        parts.iter().flat_map(|part| self.edges_of(part)).for_each(|edge| freed.let_go(&edge));
        let blocks: Vec<u32> = freed.all().into_iter().collect();
        // And what nobody owns, as far as is known, but only these lead to.
        (Retention::new(&self.links().graph).blocks(&blocks), in_parts)
    }

    /// Whether the object is all that is in its block.
    fn fills(&self, object: &Instance, block: u32) -> bool {
        let (whole, _) = self.scene.object(block);
        whole.address == object.address && whole.size == object.size
    }

    /// The pointers in an object that is a part of a block or static.
    fn edges_of(&self, part: &Instance) -> Vec<Edge> {
        let graph = &self.links().graph;
        let (range, from) = (part.address.0..part.address.0 + part.size, part.home);
        let edges = match from {
            Home::Block(block) => graph.from_block(block as u32),
            Home::Root(_) => graph.from_outside(),
        };
        let own = |edge: &&Edge| range.contains(&edge.at.0) && !matches!(edge.from, Source::Register(_));
        edges.iter().filter(own).copied().collect()
    }

    /// Who holds this object: the ways to it from outside of the heap, the most telling first.
    pub fn holders(&self, object: &Instance) -> Vec<Holder> {
        let heap = self.scene.heap();
        let names = Known { program: self.scene.program, tasks: Tasks::new(heap) };
        let Links { graph, reach } = self.links();
        let end = End { address: object.address, name: &object.type_name };
        let holders = naming::holders((&heap, graph, reach), (object.home, Some(end)), MOST_WAYS, &names);
        holders.into_iter().map(|way| scene::holder(self.scene.program, way)).collect()
    }

    /// The strong and weak counts of the `Rc` or `Arc` whose value this object is; none if it is none's.
    pub fn counts(&self, object: &Instance) -> Option<(u64, u64)> {
        let Home::Block(block) = object.home else { return None };
        let strong = self.scene.strong(block as u32)?;
        let start = self.scene.snapshot.blocks()[block].address;
        let weak = self.scene.snapshot.word(RuntimeAddress(start.0 + 8))?;
        // All owners together have one.
        self.fills(object, block as u32).then(|| (strong, weak.saturating_sub(u64::from(strong > 0))))
    }

    /// Writes it as a file for DevTools; see [`heapsnapshot`]. What was lost before the epoch `since` is no leak.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, texts: bool, since: u32) -> io::Result<()> {
        let names = Known { program: self.scene.program, tasks: Tasks::new(self.scene.heap()) };
        let Links { graph, reach } = self.links();
        let whole = Whole { scene: &self.scene, graph, reach, names: &names, since };
        heapsnapshot::save(&whole, path, texts)
    }

    /// The static, thread-local or local of this index, in words.
    pub fn root(&self, index: usize) -> String {
        let root = &self.scene.roots[index];
        match (&root.call, root.thread) {
            (Some(call), _) if root.name.is_empty() => format!("the stack of {}", short_function(&call.function)),
            (Some(call), _) => format!("local `{}` of {}", root.name, short_function(&call.function)),
            (None, Some(_)) => format!("thread-local {}", root.name),
            (None, None) => format!("static {}", root.name),
        }
    }
}

/// What is freed, owner after owner. Another pointer to what has an owner only refers to it, also if it is on a stack.
struct Freed<'c> {
    copy: &'c Copy,
    blocks: HashSet<u32>,
    /// By block: how many of its `Rc`s or `Arc`s are freed.
    owners: HashMap<u32, u64>,
    next: Vec<u32>,
}

impl Freed<'_> {
    fn free(&mut self, block: u32) {
        if self.blocks.insert(block) {
            self.next.push(block);
        }
    }

    /// The pointer is dropped.
    fn let_go(&mut self, edge: &Edge) {
        match edge.kind {
            EdgeKind::Owning => self.free(edge.to),
            EdgeKind::Counted => {
                let owners = self.owners.entry(edge.to).or_default();
                *owners += 1;
                if self.copy.scene.strong(edge.to).is_some_and(|strong| strong <= *owners) {
                    self.free(edge.to);
                }
            }
            EdgeKind::Borrowed | EdgeKind::Unknown | EdgeKind::Weak => {}
        }
    }

    /// With all that follows.
    fn all(mut self) -> HashSet<u32> {
        while let Some(block) = self.next.pop() {
            for edge in self.copy.links().graph.from_block(block) {
                self.let_go(edge);
            }
        }
        self.blocks
    }
}
