//! The running program as its debug info describes it: what blocks, statics and stacks are read with.
//!
//! May use: `debuginfo`, `tracker`, `stack`, `address`. What was read once is kept, because the heap is looked at again and again.

use crate::address::ReturnAddress;
use crate::debuginfo::functions::{Frame, Functions, Location};
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{Binary, DieRef, LoadError};
use crate::debuginfo::names::{self, Implementor};
use crate::debuginfo::statics::{self, Globals, Static};
use crate::heap::containers::{View, at};
use crate::heap::contents::{self, Content};
use crate::heap::locals::{Call, Stacks};
use crate::heap::objects::{self, Vtable, Vtables};
use crate::heap::roots::{Presence, Root};
use crate::heap::snapshot::Snapshot;
use crate::stack::StackId;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The running program.
pub struct Program {
    binary: &'static Binary,
    types: &'static TypeTable<'static>,
    functions: Rc<Functions<'static, 'static>>,
    stacks: Stacks,
    globals: Globals,
    frames: RefCell<HashMap<ReturnAddress, Rc<[Frame]>>>,
    contents: RefCell<HashMap<(StackId, u64), Content>>,
    /// Read once a block needs them.
    vtables: OnceCell<Vtables>,
}

impl Program {
    /// Opens the debug info of the running executable. What is read of it stays for the life of the process.
    ///
    /// # Errors
    /// When there is none with types, or it cannot be read.
    pub fn current() -> Result<Program, LoadError> {
        let binary: &'static Binary = Box::leak(Box::new(Binary::current()?));
        let types: &'static TypeTable = Box::leak(Box::new(TypeTable::new(binary)));
        let functions = Rc::new(Functions::new(types));
        Ok(Program {
            binary,
            types,
            stacks: Stacks::new(types, Rc::clone(&functions)),
            functions,
            globals: Globals::of(types)?,
            frames: RefCell::default(),
            contents: RefCell::default(),
            vtables: OnceCell::new(),
        })
    }

    /// Its types.
    pub fn types(&self) -> &'static TypeTable<'static> {
        self.types
    }

    /// The file that it was started from.
    pub fn binary(&self) -> &'static Binary {
        self.binary
    }

    /// A copy of the heap and of what is outside of it; see [`Snapshot::take`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take()
    }

    /// What each block of `snapshot` holds.
    pub fn contents(&self, snapshot: &Snapshot) -> Vec<Content> {
        let mut contents: Vec<Content> =
            snapshot.blocks().iter().map(|block| self.content(block.stack, block.size)).collect();
        let view = View { snapshot, types: self.types };
        if objects::are_of_use(view, &contents) {
            objects::tell(view, self.vtables.get_or_init(|| self.read_vtables()), &mut contents);
        }
        contents
    }

    fn read_vtables(&self) -> Vtables {
        let vtable = |found: Implementor| Vtable {
            address: self.binary.runtime_address(found.vtable),
            concrete: self.types.id_of(found.die),
            of_trait: found.of_trait.into(),
        };
        let found = self.globals.vtables.iter().filter_map(|die| names::implementor(self.binary, *die));
        Vtables::new(found.map(vtable).collect())
    }

    /// What a block of this size holds that this stack allocates, as far as the stack tells.
    pub fn content(&self, stack: StackId, size: u64) -> Content {
        let tell = || contents::content(self.types, size, &stack.frames(), |address| self.functions_at(address));
        self.contents.borrow_mut().entry((stack, size)).or_insert_with(tell).clone()
    }

    /// Its statics, and the thread-locals of each thread of the snapshot whose thread-locals were copied.
    pub fn roots(&self, snapshot: &Snapshot) -> Vec<Root> {
        let of_static = |entry: &Static| Root {
            name: Rc::clone(&entry.name),
            thread: None,
            call: None,
            die: Some(entry.die),
            address: self.binary.runtime_address(entry.address),
            ty: entry.ty,
            presence: Presence::Certain,
        };
        let mut roots: Vec<Root> = self.globals.statics.iter().map(of_static).collect();
        for (index, thread) in snapshot.threads().iter().enumerate() {
            let Some(start) = thread.executables_thread_locals else { continue };
            roots.extend(self.globals.thread_locals.iter().map(|entry| Root {
                name: Rc::clone(&entry.name),
                thread: Some(index as u32),
                call: None,
                die: Some(entry.die),
                address: at(start, entry.offset),
                ty: entry.ty,
                presence: Presence::Certain,
            }));
        }
        roots
    }

    /// The locals on the stacks of the snapshot's threads, innermost first: of functions in these units, or of all.
    ///
    /// A unit describes in full what its functions have in their frames. So values of a type can only be in locals of units that describe it.
    ///
    /// The snapshot learns what is used up by the calls there.
    pub fn locals(&self, snapshot: &mut Snapshot, units: Option<&HashSet<u32>>) -> Vec<Root> {
        let found = self.stacks.read(snapshot, &|unit| units.is_none_or(|units| units.contains(&unit)));
        snapshot.note_used_up(found.running, found.emptied);
        found.locals
    }

    /// Where a call is in the source.
    pub fn place_of(&self, call: &Call) -> Option<Location> {
        self.stacks.place_of(call)
    }

    /// Where a static or thread-local is declared.
    pub fn declared_at(&self, die: DieRef) -> Option<Location> {
        statics::declared_at(self.binary, die)
    }

    /// The functions on a stack with their places in the source, innermost first.
    pub fn backtrace(&self, stack: StackId) -> Vec<(Frame, Option<Location>)> {
        let located = |address: ReturnAddress| {
            let locations = match self.binary.file_address(address.lookup()) {
                Some(file_address) => self.functions.locate(file_address),
                None => Vec::new(),
            };
            self.functions_at(address).iter().cloned().zip(locations).collect::<Vec<_>>()
        };
        stack.frames().into_iter().flat_map(located).collect()
    }

    /// The functions on a stack without their places, innermost first.
    pub fn functions(&self, stack: StackId) -> impl Iterator<Item = Rc<[Frame]>> + '_ {
        stack.frames().into_iter().map(|address| self.functions_at(address))
    }

    fn functions_at(&self, address: ReturnAddress) -> Rc<[Frame]> {
        let look_up = || match self.binary.file_address(address.lookup()) {
            Some(file_address) => self.functions.at(file_address).into(),
            None => Rc::from([]),
        };
        self.frames.borrow_mut().entry(address).or_insert_with(look_up).clone()
    }
}
