//! The entries of one unit that name things or are code, as a tree; built by the kernel in one walk and kept.
//!
//! May use: `kernel`, `load`.

use crate::debuginfo::load::{Binary, DieRef};
use crate::kernel::interface_dies::{NONE, Node, Span, Tags, flags};
use crate::kernel::walk::{self, Found, Selection, WalkError};
use std::borrow::Cow;
use std::ffi::CStr;

/// The namespaces, structs, unions, enums, functions (inlined ones too) and type parameters of a unit, in the order of the file.
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// The code of functions, by address.
    functions: Vec<Span>,
    /// The code of inlined functions, by node.
    inlined: Vec<Span>,
}

impl Tree {
    pub(crate) const SELECTION: Selection<'static> = Selection {
        always: Tags::of(&[
            gimli::DW_TAG_namespace.0,
            gimli::DW_TAG_structure_type.0,
            gimli::DW_TAG_union_type.0,
            gimli::DW_TAG_enumeration_type.0,
            gimli::DW_TAG_subprogram.0,
            gimli::DW_TAG_inlined_subroutine.0,
            gimli::DW_TAG_template_type_parameter.0,
        ]),
        named: Tags::of(&[]),
        around: Tags::of(&[]),
        names: &[],
        root_only: false,
    };

    pub(super) fn new(binary: &Binary, unit: u32) -> Result<Tree, WalkError> {
        let len = binary.units()[unit as usize].length_including_self();
        // As many as there seldom are more of.
        let mut found = Found {
            nodes: Vec::with_capacity(len / 16 + 64),
            spans: Vec::with_capacity(len / 256 + 64),
            inlined: Vec::with_capacity(len / 64 + 64),
        };
        binary.walk(unit, &Tree::SELECTION, &mut found)?;
        walk::sort(&mut found.spans);
        Ok(Tree { nodes: found.nodes, functions: found.spans, inlined: found.inlined })
    }

    /// The index of the node of the entry at `offset`.
    pub(crate) fn at(&self, offset: u32) -> Option<u32> {
        walk::node_at(&self.nodes, offset)
    }

    /// The node above.
    pub(crate) fn parent(&self, index: u32) -> Option<u32> {
        let parent = self.nodes[index as usize].parent;
        (parent != NONE).then_some(parent)
    }

    /// The nodes directly below.
    pub(crate) fn children(&self, index: u32) -> impl Iterator<Item = u32> {
        let end = self.nodes[index as usize].end;
        let mut next = index + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.nodes[child as usize].end;
            Some(child)
        })
    }

    /// The function with code of its own at `address`.
    pub(crate) fn function_at(&self, address: u64) -> Option<u32> {
        let span = walk::last_up_to(&self.functions, address)?;
        (address < span.high).then_some(span.node)
    }

    /// The functions inlined into `function` at `address`, outermost first.
    pub(crate) fn inlined_at(&self, function: u32, address: u64) -> Vec<u32> {
        let end = self.nodes[function as usize].end;
        let first = self.inlined.partition_point(|span| span.node <= function);
        let mut chain = Vec::new();
        let mut limit = end;
        for span in &self.inlined[first..] {
            if span.node >= limit {
                break;
            }
            if span.low <= address && address < span.high {
                // What else is at this address is below this one.
                limit = self.nodes[span.node as usize].end;
                chain.push(span.node);
            }
        }
        chain
    }
}

/// The name that a node states itself.
pub(crate) fn name(binary: &Binary, node: &Node) -> Option<Cow<'static, str>> {
    if node.name == NONE {
        return None;
    }
    let section = if node.flags & flags::NAME_INLINE != 0 {
        binary.section(gimli::SectionId::DebugInfo)
    } else if node.flags & flags::NAME_IN_LINE_STR != 0 {
        binary.section(gimli::SectionId::DebugLineStr)
    } else {
        binary.section(gimli::SectionId::DebugStr)
    };
    let text = CStr::from_bytes_until_nul(section.get(node.name as usize..)?).ok()?;
    Some(text.to_string_lossy())
}

/// Whether the name is in a table of texts, so that nodes of the same name have the same [`Node::name`].
pub(crate) fn is_shared_name(node: &Node) -> bool {
    node.flags & (flags::NAME_INLINE | flags::NAME_IN_LINE_STR) == 0
}

/// The entry that a node refers to as its type.
pub(crate) fn ty(binary: &Binary, unit: u32, node: &Node) -> Option<DieRef> {
    target(binary, unit, node.ty, node.flags & flags::TYPE_ELSEWHERE != 0)
}

/// The entry that a node is an instance or the definition of.
pub(crate) fn origin(binary: &Binary, unit: u32, node: &Node) -> Option<DieRef> {
    target(binary, unit, node.origin, node.flags & flags::ORIGIN_ELSEWHERE != 0)
}

fn target(binary: &Binary, unit: u32, offset: u32, elsewhere: bool) -> Option<DieRef> {
    match (offset, elsewhere) {
        (0, _) => None,
        (offset, false) => Some(DieRef { unit, offset }),
        (offset, true) => binary.die(gimli::DebugInfoOffset(offset as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(offset: u32, parent: u32, end: u32) -> Node {
        Node { offset, parent, end, name: NONE, ty: 0, origin: 0, tag: gimli::DW_TAG_inlined_subroutine.0, flags: 0 }
    }

    #[test]
    fn inlined_functions_at_an_address_are_each_in_the_one_before() {
        let span = |low, high, node| Span { low, high, node };
        let tree = Tree {
            nodes: vec![
                node(10, NONE, 5),
                node(20, 0, 3),
                node(30, 1, 3),
                node(40, 0, 4),
                node(50, 0, 5),
                node(60, NONE, 7),
                node(70, 5, 7),
            ],
            functions: vec![span(100, 200, 0), span(300, 310, 5), span(400, 410, 0)],
            inlined: vec![
                span(110, 150, 1),
                span(400, 402, 1),
                span(120, 130, 2),
                span(125, 126, 3),
                span(180, 181, 4),
                span(300, 305, 6),
            ],
        };
        let at = |address| tree.function_at(address).map(|function| (function, tree.inlined_at(function, address)));
        assert_eq!(at(99), None);
        assert_eq!(at(100), Some((0, vec![])));
        assert_eq!(at(110), Some((0, vec![1])));
        assert_eq!(at(129), Some((0, vec![1, 2])));
        // Entry 3 says it is there as well; but it is beside 1, not in it.
        assert_eq!(at(125), Some((0, vec![1, 2])));
        assert_eq!(at(180), Some((0, vec![4])));
        assert_eq!(at(200), None);
        assert_eq!(at(304), Some((5, vec![6])));
        assert_eq!(at(401), Some((0, vec![1])), "the cold part");
        assert_eq!((tree.at(30), tree.at(31), tree.at(5)), (Some(2), None, None));
        assert_eq!(tree.children(0).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
