//! From an address to the functions it is in: the inlined ones first, with generic parameters, file and line.

use crate::address::FileAddress;
use crate::debuginfo::types::TypeId;
use std::rc::Rc;

/// One function at an address, inlined or not.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// The function.
    pub function: Rc<Function>,
    /// Where execution is in it: for an inlined-into function, the line of the inlined call.
    pub location: Option<Location>,
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
    /// Generic type parameters by name, those of the impl included.
    pub parameters: Vec<(Rc<str>, TypeId)>,
    /// What it returns.
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
pub struct Functions {}

impl Functions {
    /// The functions at `address`, innermost first; empty when the debug info does not cover it.
    pub fn at(&self, _address: FileAddress) -> Vec<Frame> {
        todo!("functions helper")
    }
}
