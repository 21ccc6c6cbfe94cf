//! What stands above the blocks: the root, groups, statics, threads, and the places of threads.

use super::Whole;
use super::format::{Edge, EdgeType, Node, NodeType};
use super::ids::Ids;
use super::labels::{Label, Labels};
use super::layout::pointer;
use super::strings::Strings;
use crate::heap::graph::{self, EdgeKind, Source};
use crate::heap::lost::{Facts, leaks};
use crate::heap::naming::{Names as _, local_around};
use crate::query::read::Place;
use crate::query::short::{short_function, short_future};
use std::collections::HashMap;

/// The name of the node from which memlab looks for ways.
const GC_ROOTS: &str = "(GC roots)";
const STATICS: &str = "(Statics)";
const THREADS: &str = "(Threads)";
const TASKS: &str = "(Tasks)";
const FOREIGN: &str = "(Foreign)";
const UNREACHABLE: &str = "(unreachable)";
const UNREACHABLE_BEFORE: &str = "(unreachable since before the test)";

/// The nodes above the blocks, in the making.
pub(super) struct Above<'a, 'w> {
    whole: &'w Whole<'w>,
    ids: &'a mut Ids,
    strings: &'a mut Strings,
    nodes: Vec<Upper>,
    /// By what they are numbered by.
    known: HashMap<String, u32>,
}

struct Upper {
    node: Node,
    /// To others of these.
    down: Vec<Edge>,
    /// To blocks, by their index.
    blocks: Vec<Edge>,
}

impl<'a, 'w> Above<'a, 'w> {
    /// The nodes with their edges. The blocks are thought to be behind them.
    pub(super) fn of(
        whole: &'w Whole<'w>,
        (labels, texts): (&mut Labels<'_>, &mut Vec<(u32, Place)>),
        (ids, strings): (&'a mut Ids, &'a mut Strings),
    ) -> Vec<(Node, Vec<Edge>)> {
        let mut above = Above { whole, ids, strings, nodes: Vec::new(), known: HashMap::new() };
        // The number of the root has to be 1: readers know it by that.
        above.node(NodeType::Synthetic, "", String::new(), None);
        above.node(NodeType::Synthetic, GC_ROOTS, GC_ROOTS.to_owned(), Some((0, GC_ROOTS)));
        // In any case: what is in one of two files only would look like a difference.
        for group in [STATICS, THREADS, TASKS, FOREIGN, UNREACHABLE, UNREACHABLE_BEFORE] {
            above.node(NodeType::Synthetic, group, group.to_owned(), Some((1, group)));
        }
        for edge in whole.graph.from_outside() {
            if let Some(text) = above.outside(edge, labels) {
                texts.push((edge.to, text));
            }
        }
        above.tasks();
        above.unreachable();
        let first = above.nodes.len() as u32;
        let behind = |edge: Edge| Edge { to: edge.to + first, ..edge };
        let with_edges = |upper: Upper| {
            let edges = upper.down.into_iter().chain(upper.blocks.into_iter().map(behind));
            (upper.node, edges.collect())
        };
        above.nodes.into_iter().map(with_edges).collect()
    }

    /// The node that goes by `key`; made, and hung below `parent` with a name, if it is not there.
    fn node(&mut self, kind: NodeType, name: &str, key: String, parent: Option<(u32, &str)>) -> u32 {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let index = self.nodes.len() as u32;
        self.known.insert(key.clone(), index);
        let node = Node { kind, name: self.strings.of(name), id: self.ids.named(key), size: 0, allocated: 0 };
        self.nodes.push(Upper { node, down: Vec::new(), blocks: Vec::new() });
        if let Some((parent, name)) = parent {
            let edge = Edge { kind: EdgeType::Property, name: self.strings.of(name), to: index };
            self.nodes[parent as usize].down.push(edge);
        }
        index
    }

    fn group(&self, name: &str) -> u32 {
        self.known[name]
    }

    fn thread(&mut self, index: u32) -> u32 {
        let (id, name) = match self.whole.scene.snapshot.threads().get(index as usize) {
            Some(thread) => (thread.id, thread.name.clone()),
            None => (0, String::new()),
        };
        let name = if name.is_empty() { "thread without a name".to_owned() } else { format!("thread {name}") };
        let threads = self.group(THREADS);
        self.node(NodeType::Native, &name, format!("thread {id}"), Some((threads, &name)))
    }

    /// A static, or a thread-local or local below its thread.
    fn root(&mut self, index: usize) -> u32 {
        let root = &self.whole.scene.roots[index];
        let name = &root.name;
        let parent = match root.thread {
            Some(thread) => self.thread(thread),
            None => self.group(STATICS),
        };
        let (named, edge) = match (&root.call, root.thread) {
            (Some(call), _) => {
                let function = short_function(&call.function);
                let local = if name.is_empty() { "value without a name".to_owned() } else { format!("local {name}") };
                (format!("{local} in {function}"), format!("{local} in {function}"))
            }
            (None, Some(_)) => (format!("thread-local {name}"), name.to_string()),
            (None, None) => (format!("static {name}"), name.to_string()),
        };
        // Threads come and go, and so do their places.
        let key = format!("{named} {} {}", self.nodes[parent as usize].node.id, root.address.0);
        self.node(NodeType::Native, &named, key, Some((parent, &edge)))
    }

    /// A pointer outside of the heap. Returns the text whose bytes it leads to.
    fn outside(&mut self, edge: &graph::Edge, labels: &mut Labels<'_>) -> Option<Place> {
        let heap = self.whole.scene.heap();
        let root = match edge.from {
            Source::Root(index) => Some(index as usize),
            _ => local_around(&heap, edge),
        };
        if let Some(root) = root {
            let node = self.root(root);
            let root = &self.whole.scene.roots[root];
            let label = labels.in_root(root.ty, root.address, edge, self.strings);
            self.lead(node, edge, &label);
            return label.text;
        }
        let (node, name) = match edge.from {
            Source::ThreadMemory(thread) => (self.thread(thread), "thread-local without a name"),
            Source::Stack(thread) => (self.thread(thread), "stack"),
            Source::Register(thread) => (self.thread(thread), "register"),
            Source::Segment => (self.group(STATICS), "static without a name"),
            Source::Foreign | Source::Root(_) | Source::Block(_) => {
                (self.group(FOREIGN), "memory of another allocator")
            }
        };
        let label = Label { kind: EdgeType::Property, name: self.strings.of(name), text: None };
        self.lead(node, edge, &label);
        None
    }

    fn lead(&mut self, from: u32, edge: &graph::Edge, label: &Label) {
        let edge = pointer(self.whole, edge, label, self.strings);
        self.nodes[from as usize].blocks.push(edge);
    }

    /// At a task a way begins, as in a text: how a runtime holds its tasks explains nothing. One that has ended is held by who kept its handle.
    fn tasks(&mut self) {
        let group = self.group(TASKS) as usize;
        for block in self.whole.names.tasks.blocks() {
            let reached = self.whole.reach.trust(block).is_some();
            let Some(task) = self.whole.names.task(block).filter(|task| reached && !task.has_ended()) else { continue };
            let name = self.strings.of(&short_future(&task.future));
            self.nodes[group].blocks.push(Edge { kind: EdgeType::Property, name, to: block });
        }
    }

    /// What nothing leads to: the entries of leaks, which keep the rest of it.
    fn unreachable(&mut self) {
        let Whole { scene, graph, reach, since, .. } = self.whole;
        let (mut lost, mut before) = (Vec::new(), Vec::new());
        for (index, block) in (0..).zip(scene.snapshot.blocks()) {
            if reach.trust(index).is_none() {
                if block.epoch >= *since { &mut lost } else { &mut before }.push(index);
            }
        }
        let mut kept = vec![false; graph.blocks()];
        for (group, lost) in [(UNREACHABLE, lost), (UNREACHABLE_BEFORE, before)] {
            let facts = Facts { size: &|block| scene.size(block), strong: &|block| scene.strong(block), field: &|_| 0 };
            let leaks = leaks(graph, &lost, &facts);
            let first = leaks.iter().filter_map(|leak| leak.entries.first().copied());
            let others = leaks.iter().flat_map(|leak| leak.entries.iter().skip(1).copied());
            let mut entries: Vec<u32> = Vec::new();
            // The first of each in any case, more only if they are not kept by one before: the rest of a ring is below its first.
            for (entry, always) in
                first.map(|entry| (entry, true)).chain(others.chain(lost).map(|entry| (entry, false)))
            {
                if always || !kept[entry as usize] {
                    entries.push(entry);
                    keep(graph, entry, &mut kept);
                }
            }
            let group = self.group(group) as usize;
            let edge = |(name, to)| Edge { kind: EdgeType::Element, name, to };
            self.nodes[group].blocks = (0..).zip(entries).map(edge).collect();
        }
    }
}

/// Marks what a block keeps, and the block.
fn keep(graph: &graph::Graph, block: u32, kept: &mut [bool]) {
    let mut next = vec![block];
    while let Some(block) = next.pop() {
        if !std::mem::replace(&mut kept[block as usize], true) {
            let keeps = |edge: &&graph::Edge| edge.kind != EdgeKind::Weak || graph.dropped(edge.to);
            next.extend(graph.from_block(block).iter().filter(keeps).map(|edge| edge.to));
        }
    }
}
