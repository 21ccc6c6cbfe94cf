//! Which nodes there are, and what each leads to.

use super::Whole;
use super::above::Above;
use super::format::{Edge, EdgeType, File, Node, NodeType};
use super::ids::Ids;
use super::labels::{Label, Labels};
use super::stacks::Stacks;
use super::strings::Strings;
use crate::heap::contents::Content;
use crate::heap::graph::{self, EdgeKind};
use crate::query::read::Place;
use crate::query::scene::Scene;
use crate::query::scene::UNKNOWN;
use crate::query::short::{short_block, short_function};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

thread_local! {
    /// Of all files that this process has written.
    static IDS: RefCell<Ids> = RefCell::default();
}

/// All nodes and edges. The blocks are behind the nodes above them.
pub(super) struct Layout {
    /// What is above the blocks, with the edges.
    above: Vec<(Node, Vec<Edge>)>,
    blocks: Vec<Node>,
    /// Those of the blocks, in order.
    edges: Vec<Edge>,
    /// Where the edges of each block begin; one more than there are blocks.
    starts: Vec<u32>,
    stacks: Stacks,
    strings: Strings,
}

impl Layout {
    pub(super) fn of(whole: &Whole<'_>, values: bool) -> Layout {
        let blocks = whole.graph.blocks();
        let mut strings = Strings::default();
        let traffic = whole.scene.snapshot.traffic();
        let wanted = whole.scene.snapshot.blocks().iter().map(|block| block.stack);
        let stacks = Stacks::of(whole.scene.program, wanted, traffic, &mut strings);
        let mut inside = Inside { edges: Vec::new(), starts: Vec::with_capacity(blocks + 1), texts: Vec::new() };
        let mut labels = Labels::new(whole.scene);
        inside.read(whole, &mut labels, &mut strings);
        IDS.with_borrow_mut(|ids| {
            let above = Above::of(whole, (&mut labels, &mut inside.texts), (ids, &mut strings));
            let first = above.len() as u32;
            inside.edges.iter_mut().for_each(|edge| edge.to += first);
            let mut names = Names::default();
            let each = ids.of_blocks(whole.scene.snapshot.blocks()).into_iter().zip(whole.scene.snapshot.blocks());
            let mut blocks: Vec<Node> = each
                .zip(&whole.scene.contents)
                .map(|((id, block), content)| {
                    let (name, allocated) =
                        (names.of_block(whole.scene, content, &mut strings), stacks.node(block.stack));
                    Node { kind: NodeType::Object, name, id, size: block.size, allocated }
                })
                .collect();
            for (block, text) in inside.texts {
                let node = &mut blocks[block as usize];
                (node.kind, node.name) = (NodeType::String, labels.text(text, values, &mut strings));
            }
            Layout { above, blocks, edges: inside.edges, starts: inside.starts, stacks, strings }
        })
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let above = self.above.iter().map(|(node, edges)| (*node, edges.len() as u32));
        let counts = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let edges_above = || self.above.iter().flat_map(|(_, edges)| edges);
        let file = File {
            nodes: &mut above.chain(self.blocks.iter().copied().zip(counts)),
            node_count: self.above.len() + self.blocks.len(),
            edges: &mut edges_above().chain(&self.edges).copied(),
            edge_count: edges_above().count() + self.edges.len(),
            stacks: &self.stacks,
            strings: &self.strings,
        };
        file.write(out)
    }
}

/// The pointers in blocks. They lead to blocks by their index.
struct Inside {
    edges: Vec<Edge>,
    starts: Vec<u32>,
    /// The blocks that are the bytes of a text.
    texts: Vec<(u32, Place)>,
}

impl Inside {
    fn read(&mut self, whole: &Whole<'_>, labels: &mut Labels<'_>, strings: &mut Strings) {
        for block in 0..whole.graph.blocks() as u32 {
            self.starts.push(self.edges.len() as u32);
            for edge in whole.graph.from_block(block) {
                let label = labels.in_block(block, edge, strings);
                self.edges.push(pointer(whole, edge, &label, strings));
                if let Some(text) = label.text {
                    self.texts.push((edge.to, text));
                }
            }
        }
        self.starts.push(self.edges.len() as u32);
    }
}

/// A pointer with its label. A `Weak` keeps the memory of a value that is gone, and nothing else.
pub(super) fn pointer(whole: &Whole<'_>, edge: &graph::Edge, label: &Label, strings: &mut Strings) -> Edge {
    let Label { kind, name, .. } = *label;
    let to = edge.to;
    if edge.kind != EdgeKind::Weak || whole.graph.dropped(edge.to) {
        return Edge { kind, name, to };
    }
    let name = if kind == EdgeType::Element { strings.of(&format!("[{name}]")) } else { name };
    Edge { kind: EdgeType::Weak, name, to }
}

/// What blocks are called.
#[derive(Default)]
struct Names {
    /// By the type, and what a block is of it; none if it was not met yet.
    of_type: Vec<[Option<u32>; 5]>,
    of_function: HashMap<Rc<str>, u32>,
    unknown: Option<u32>,
}

impl Names {
    fn of_block(&mut self, scene: &Scene<'_>, content: &Content, strings: &mut Strings) -> u32 {
        let (ty, kind) = match content {
            Content::Value(ty) | Content::Stated(ty) => (ty, 0),
            Content::Unwritten(ty) => (ty, 1),
            Content::Buffer(ty) => (ty, 2),
            Content::Table(ty) => (ty, 3),
            Content::Shared(ty) => (ty, 4),
            Content::Unknown => return *self.unknown.get_or_insert_with(|| strings.of(UNKNOWN)),
            Content::OwnLayout { function, .. } => {
                if let Some(known) = self.of_function.get(function) {
                    return *known;
                }
                let name = strings.of(&format!("{UNKNOWN} of {}", short_function(function)));
                return *self.of_function.entry(Rc::clone(function)).or_insert(name);
            }
        };
        let row = ty.0 as usize;
        if self.of_type.len() <= row {
            self.of_type.resize(row + 1, [None; 5]);
        }
        let name = || scene.content_name(content).map_or(UNKNOWN.to_owned(), |name| short_block(&name));
        *self.of_type[row][kind].get_or_insert_with(|| strings.of(&name()))
    }
}
