//! Names in full: DWARF states only the last segment of a name; the rest is in the entries around it.
//!
//! May use: `kernel`, `load`, `tree`.

use crate::debuginfo::load::{Binary, DieRef};
use crate::debuginfo::tree;
use crate::kernel::interface_dies::Node;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The name of a node with the names of all nodes above it: `chat::Conn::Open`.
pub(super) fn full_name(binary: &Binary, nodes: &[Node], index: u32) -> String {
    let mut segments = Vec::new();
    let mut next = nodes.get(index as usize);
    while let Some(node) = next {
        segments.push(tree::name(binary, node).unwrap_or(UNNAMED.into()));
        next = nodes.get(node.parent as usize);
    }
    segments.reverse();
    segments.join("::")
}

/// What an entry without a name is called.
pub(super) const UNNAMED: &str = "{unnamed}";

/// The names of types in full, with those of namespaces kept.
pub(super) struct Paths<'b> {
    binary: &'b Binary,
    /// Of namespaces and enums, by their entries.
    scopes: RefCell<HashMap<DieRef, Rc<str>>>,
}

impl<'b> Paths<'b> {
    pub(super) fn new(binary: &'b Binary) -> Paths<'b> {
        Paths { binary, scopes: RefCell::default() }
    }

    pub(super) fn binary(&self) -> &'b Binary {
        self.binary
    }

    /// `own`, the name of the struct, union or enum `die`, in full.
    pub(super) fn of_type(&self, die: DieRef, own: &str) -> Rc<str> {
        // Where a unit is broken, the names in it are not full; its types are still told apart by their entries.
        let scope = self.binary.tree(die.unit).ok().and_then(|tree| {
            let parent = tree.parent(tree.at(die.offset)?)?;
            Some(self.scope(die.unit, &tree.nodes, parent))
        });
        match scope {
            Some(scope) => format!("{scope}::{own}").into(),
            None => own.into(),
        }
    }

    fn scope(&self, unit: u32, nodes: &[Node], index: u32) -> Rc<str> {
        let die = DieRef { unit, offset: nodes[index as usize].offset };
        if let Some(name) = self.scopes.borrow().get(&die) {
            return Rc::clone(name);
        }
        let name: Rc<str> = full_name(self.binary, nodes, index).into();
        self.scopes.borrow_mut().insert(die, Rc::clone(&name));
        name
    }
}
