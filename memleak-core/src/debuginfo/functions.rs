//! From an address to the functions it is in: the inlined ones first, with generic parameters, file and line.
//!
//! May use: `kernel`, `address`, `load`, `tree`, `types`, `layouts`, `units`, `lines`, `locals`.

use crate::address::FileAddress;
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::lines::Lines;
use crate::debuginfo::load::{Binary, DieMap, DieRef};
use crate::debuginfo::locals::{self, Variable};
use crate::debuginfo::paths::UNNAMED;
use crate::debuginfo::tree::{self, Tree};
use crate::debuginfo::types::TypeId;
use crate::debuginfo::units::Units;
use crate::kernel::interface_dies::Node;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// One function at an address, inlined or not.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// The function.
    pub function: Rc<Function>,
    /// Whether it is inlined into the next frame.
    pub inlined: bool,
}

/// A function (one monomorphisation).
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    /// Namespaces and name with generics, as DWARF has it: `alloc::boxed::{impl#0}::new<chat::Session>`.
    pub path: String,
    /// Path without generics and with `{impl#n}` left in: `alloc::boxed::{impl#0}::new`.
    pub plain: String,
    /// Generic type parameters by name, those of the impl included. None in the precompiled standard library, whose debug info has no types:
    /// there `path` is all there is.
    pub parameters: Vec<(Rc<str>, TypeId)>,
    /// What it returns; none for `()`, and where `parameters` are missing.
    pub returns: Option<TypeId>,
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// As the debug info has it, made absolute with the unit's directory.
    pub file: Rc<str>,
    /// 1-based; 0 is unknown.
    pub line: u32,
}

/// Looks functions up; unit by unit, on demand.
pub struct Functions<'t, 'b> {
    types: &'t TypeTable<'b>,
    units: Units,
    lines: Lines<'b>,
    /// By the entry that says what the function is.
    functions: RefCell<DieMap<Rc<Function>>>,
    /// The names of generic parameters, of which there are few, by their offset.
    parameter_names: RefCell<HashMap<u32, Rc<str>>>,
}

/// The functions at an address, as nodes of one unit's tree.
struct Chain<'b> {
    unit: u32,
    tree: &'b Tree,
    /// Innermost first; the last is not inlined.
    nodes: Vec<u32>,
}

impl<'t, 'b> Functions<'t, 'b> {
    /// The functions of the binary that `types` reads.
    pub fn new(types: &'t TypeTable<'b>) -> Functions<'t, 'b> {
        Functions {
            types,
            units: Units::new(types.binary()),
            lines: Lines::new(types.binary()),
            functions: RefCell::default(),
            parameter_names: RefCell::default(),
        }
    }

    /// The functions at `address`, innermost first; empty when the debug info does not cover it.
    pub fn at(&self, address: FileAddress) -> Vec<Frame> {
        let Some(chain) = self.chain(address) else { return Vec::new() };
        let outermost = chain.nodes.len() - 1;
        let frame = |(index, &node): (usize, &u32)| Frame {
            function: self.function(chain.unit, chain.tree, node),
            inlined: index < outermost,
        };
        chain.nodes.iter().enumerate().map(frame).collect()
    }

    /// Where `address` is in the source, in each of the functions that [`at`](Functions::at) has for it: for a function that others are
    /// inlined into, the place of the call. Reads the line table of the unit, which takes much longer than finding the functions.
    pub fn locate(&self, address: FileAddress) -> Vec<Option<Location>> {
        let Some(chain) = self.chain(address) else { return Vec::new() };
        let mut locations = vec![self.lines.at(chain.unit, address)];
        let inlined = &chain.nodes[..chain.nodes.len() - 1];
        locations.extend(
            inlined.iter().map(|node| self.lines.call_site(chain.unit, chain.tree.nodes[*node as usize].offset)),
        );
        locations
    }

    /// The unit that has code at `address`.
    pub fn unit_at(&self, address: FileAddress) -> Option<u32> {
        self.units.at(self.binary(), address)
    }

    /// The locals and parameters in scope at `address`, those of inner scopes and later ones first.
    pub fn variables(&self, address: FileAddress) -> Vec<Variable> {
        let Some(chain) = self.chain(address) else { return Vec::new() };
        let outermost = chain.nodes.last().map(|node| chain.tree.nodes[*node as usize].offset);
        // Of a function whose entry is broken, no local is known.
        outermost
            .and_then(|offset| locals::at(self.types, DieRef { unit: chain.unit, offset }, address).ok())
            .unwrap_or_default()
    }

    fn binary(&self) -> &'b Binary {
        self.types.binary()
    }

    fn chain(&self, address: FileAddress) -> Option<Chain<'b>> {
        let unit = self.units.at(self.binary(), address)?;
        let tree = self.binary().tree(unit).ok()?;
        let function = tree.function_at(address.0)?;
        let mut nodes = tree.inlined_at(function, address.0);
        nodes.reverse();
        nodes.push(function);
        Some(Chain { unit, tree, nodes })
    }

    fn function(&self, unit: u32, tree: &Tree, index: u32) -> Rc<Function> {
        let node = &tree.nodes[index as usize];
        // All that is inlined of one function says the same of it: nothing but what it is.
        let inlined = node.tag == gimli::DW_TAG_inlined_subroutine.0;
        let die =
            tree::origin(self.binary(), unit, node).filter(|_| inlined).unwrap_or(DieRef { unit, offset: node.offset });
        if let Some(known) = self.functions.borrow().get(&die) {
            return Rc::clone(known);
        }
        let function = Rc::new(self.describe(die));
        self.functions.borrow_mut().insert(die, Rc::clone(&function));
        function
    }

    /// Reads what a function is, of its entry and of those that it refers to: an instance refers to what was inlined, a definition to its
    /// declaration in the type or module that it belongs to.
    fn describe(&self, die: DieRef) -> Function {
        let binary = self.binary();
        // Most paths fit; to grow one bit by bit is slow in the dev profile.
        let path = || String::with_capacity(128);
        let mut function = Function { path: path(), plain: path(), parameters: Vec::new(), returns: None };
        let mut own = None;
        // Innermost first.
        let mut around = Vec::new();
        let mut next = Some(die);
        // References in a circle would be broken debug info; an entry refers on at most twice.
        for _ in 0..8 {
            let Some(die) = next else { break };
            let Some((tree, index)) = self.node(die) else { break };
            let node = &tree.nodes[index as usize];
            if own.is_none() {
                own = tree::name(binary, node);
            }
            if function.returns.is_none() {
                function.returns = tree::ty(binary, die.unit, node).map(|ty| self.types.id_of(ty));
            }
            if function.parameters.is_empty() {
                function.parameters = self.parameters(die.unit, tree, index);
            }
            next = tree::origin(binary, die.unit, node);
            if next.is_none() {
                let mut next = tree.parent(index);
                while let Some(index) = next {
                    around.push(tree::name(binary, &tree.nodes[index as usize]).unwrap_or(UNNAMED.into()));
                    next = tree.parent(index);
                }
            }
        }
        for name in around.iter().rev() {
            function.path.push_str(name);
            function.path.push_str("::");
            function.plain.push_str(without_generics(name));
            function.plain.push_str("::");
        }
        let own = own.unwrap_or(UNNAMED.into());
        function.path.push_str(&own);
        function.plain.push_str(without_generics(&own));
        function
    }

    fn node(&self, die: DieRef) -> Option<(&'b Tree, u32)> {
        let tree = self.binary().tree(die.unit).ok()?;
        Some((tree, tree.at(die.offset)?))
    }

    fn parameters(&self, unit: u32, tree: &Tree, index: u32) -> Vec<(Rc<str>, TypeId)> {
        let parameter = |index: u32| {
            let node = &tree.nodes[index as usize];
            if node.tag != gimli::DW_TAG_template_type_parameter.0 {
                return None;
            }
            let ty = tree::ty(self.binary(), unit, node)?;
            Some((self.parameter_name(node)?, self.types.id_of(ty)))
        };
        tree.children(index).filter_map(parameter).collect()
    }

    fn parameter_name(&self, node: &Node) -> Option<Rc<str>> {
        if let Some(known) = self.parameter_names.borrow().get(&node.name) {
            return Some(Rc::clone(known));
        }
        let name: Rc<str> = tree::name(self.binary(), node)?.into();
        if tree::is_shared_name(node) {
            self.parameter_names.borrow_mut().insert(node.name, Rc::clone(&name));
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests;

/// `new` of `new<chat::Session>`.
fn without_generics(name: &str) -> &str {
    match name.find('<') {
        Some(at) if at > 0 => &name[..at],
        _ => name,
    }
}
