//! The locals and parameters on the stacks of live threads.
//!
//! May use: `debuginfo`, `tracker` (to read what never changes), `stack`, `address`.

use crate::address::{ReturnAddress, RuntimeAddress};
use crate::debuginfo::cleanup::{Cleanups, Dropped, InFrame, Owned, Unwinding};
use crate::debuginfo::functions::{Functions, Location};
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::Binary;
use crate::debuginfo::locals::Variable;
use crate::debuginfo::types::{TypeId, TypeKind, Types as _, pointee};
use crate::heap::roots::{Presence, Root};
use crate::heap::snapshot::{Snapshot, Thread};
use crate::stack::walk::{self, Frame, Memory};
use crate::tracker;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A call that has not ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The function, in full: `chat::serve`.
    pub function: Rc<str>,
    /// In the instruction that it is at.
    pub at: RuntimeAddress,
    /// How many functions that are inlined into it, or into what it is inlined into, are further in at this address.
    pub further_in: usize,
}

/// What is on stacks.
#[derive(Debug, Default)]
pub struct OnStacks {
    /// What calls own, and what else is in scope, innermost first.
    pub locals: Vec<Root>,
    /// Coroutines that threads are in: where they are, and their sizes.
    pub running: Vec<(RuntimeAddress, u64)>,
    /// Blocks whose values were moved out or are used up by a call.
    pub emptied: Vec<RuntimeAddress>,
}

/// Reads the stacks of a program. What was read once of an address is kept.
pub struct Stacks {
    types: &'static TypeTable<'static>,
    functions: Rc<Functions<'static, 'static>>,
    binary: &'static Binary,
    cleanups: Cleanups,
    known: RefCell<HashMap<RuntimeAddress, Rc<Known>>>,
}

/// What is known of an address in a function.
struct Known {
    /// The functions there, in full, the innermost first.
    functions: Vec<Rc<str>>,
    variables: Vec<Variable>,
}

impl Known {
    /// It is of memleak itself, or of the standard library for it: what these own is not the program's.
    fn is_own(&self) -> bool {
        self.functions.last().is_some_and(|function| function.contains("memleak_core::"))
    }
}

impl Stacks {
    /// The stacks of the program that `functions` are of.
    pub fn new(types: &'static TypeTable<'static>, functions: Rc<Functions<'static, 'static>>) -> Stacks {
        let binary = types.binary();
        let cleanups = Cleanups::new(binary, Rc::clone(&functions), walk::resume_address());
        Stacks { types, functions, binary, cleanups, known: RefCell::default() }
    }

    /// What is on the stacks of the snapshot's threads, of functions in the units that `wanted` says.
    pub fn read(&self, snapshot: &Snapshot, wanted: &dyn Fn(u32) -> bool) -> OnStacks {
        let is_wanted = |at: RuntimeAddress| {
            let unit = self.binary.file_address(at).and_then(|address| self.functions.unit_at(address));
            unit.is_some_and(wanted)
        };
        let word = |at: u64| self.word(snapshot, at);
        let mut found = OnStacks::default();
        for (thread, record) in (0..).zip(snapshot.threads()) {
            let frames = frames(snapshot, record, &is_wanted);
            let called = |index: usize| {
                let Frame { at, sp, fp, .. } = frames[index];
                self.cleanups.of(InFrame { at, sp, fp, word: &word })
            };
            for (index, frame) in frames.iter().enumerate().filter(|(_, frame)| is_wanted(frame.at)) {
                let known = self.known(frame.at);
                if !known.is_own() {
                    let owned = owned(index, &called).map(|owned| self.with_whole_values(owned));
                    if let Some(owned) = owned.as_ref().filter(|_| frame.certain) {
                        found.emptied.extend(owned.emptied.iter().map(|value| value.address));
                        found.running.extend(self.coroutine_of(frame, &known, &word));
                    }
                    Calls { thread, frame, known: &known, calls: HashMap::new() }.roots(
                        owned,
                        &word,
                        &mut found.locals,
                    );
                }
            }
        }
        found
    }

    /// A box whose fields were assigned is dropped field by field. If that is all of them, it has its value as ever.
    fn with_whole_values(&self, mut owned: Owned) -> Owned {
        for value in std::mem::take(&mut owned.emptied) {
            let inside = |dropped: &Dropped| self.is_inside(*dropped, value) && *dropped != value;
            if owned.values.iter().any(inside) && self.is_whole(value, &owned.values) {
                owned.values.retain(|dropped| !inside(dropped));
            } else {
                owned.emptied.push(value);
            }
        }
        owned
    }

    fn is_inside(&self, part: Dropped, of: Dropped) -> bool {
        part.address.0.wrapping_sub(of.address.0) < self.types.get(of.ty).size
    }

    /// Whether all of a value that needs to be dropped is: as one, or field by field.
    fn is_whole(&self, value: Dropped, drops: &[Dropped]) -> bool {
        let ty = self.types.get(value.ty);
        // Units describe `Box<str>` each for itself.
        let is_it = |dropped: &Dropped| dropped.address == value.address && self.types.get(dropped.ty).size == ty.size;
        match &ty.kind {
            _ if drops.iter().any(is_it) => true,
            TypeKind::Struct { fields } if drops.iter().any(|dropped| self.is_inside(*dropped, value)) => {
                fields.iter().all(|field| {
                    let address = RuntimeAddress(value.address.0.wrapping_add(field.offset));
                    self.is_whole(Dropped { ty: field.ty, address }, drops)
                })
            }
            _ => !self.may_need_drop(value.ty),
        }
    }

    fn may_need_drop(&self, id: TypeId) -> bool {
        let within = |kind: &TypeKind| match kind {
            TypeKind::Struct { fields } => fields.iter().any(|field| self.may_need_drop(field.ty)),
            TypeKind::Array { element, .. } => self.may_need_drop(*element),
            TypeKind::Enum { variants, .. } => variants.iter().any(|variant| self.may_need_drop(variant.ty)),
            TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Union { .. } | TypeKind::Opaque => false,
        };
        self.types.needs_drop(id) || within(&self.types.get(id).kind)
    }

    /// The coroutine that a frame is of: its function has a pinned pointer to it, which has no name.
    fn coroutine_of(
        &self,
        frame: &Frame,
        known: &Known,
        word: &dyn Fn(u64) -> Option<u64>,
    ) -> Option<(RuntimeAddress, u64)> {
        let mut pins = known.variables.iter().filter(|variable| variable.name.is_empty()).filter_map(|variable| {
            let target = self.types.get(pointee(self.types, variable.ty)?);
            matches!(target.kind, TypeKind::Enum { coroutine: true, .. }).then_some((variable, target.size))
        });
        let (pin, size) = pins.next()?;
        let at = pin.place.address(frame.sp, frame.fp, word)?;
        Some((RuntimeAddress(word(at)?), size))
    }

    /// A word of the copy, or of what the program never writes to.
    fn word(&self, snapshot: &Snapshot, at: u64) -> Option<u64> {
        let at = RuntimeAddress(at);
        snapshot.word(at).or_else(|| self.binary.file_address(at).and_then(|_| tracker::read_word(at)))
    }

    fn known(&self, at: RuntimeAddress) -> Rc<Known> {
        if let Some(known) = self.known.borrow().get(&at) {
            return Rc::clone(known);
        }
        let address = self.binary.file_address(at);
        let functions = address.map(|address| self.functions.at(address)).unwrap_or_default();
        let functions = functions.iter().map(|frame| frame.function.path.as_str().into()).collect();
        let variables = address.map(|address| self.functions.variables(address)).unwrap_or_default();
        let known = Rc::new(Known { functions, variables });
        self.known.borrow_mut().insert(at, Rc::clone(&known));
        known
    }

    /// Where a call is in the source.
    pub fn place_of(&self, call: &Call) -> Option<Location> {
        self.functions.locate(self.binary.file_address(call.at)?).into_iter().nth(call.further_in)?
    }
}

/// What the call in the frame with this index would drop if it unwound; none if that is not known.
///
/// A function that has nothing to drop in any call that unwinds may still own something in one that cannot. So what it calls has to be seen to unwind.
fn owned(index: usize, called: &dyn Fn(usize) -> Unwinding) -> Option<Owned> {
    match called(index) {
        Unwinding::Drops(owned) => Some(owned),
        Unwinding::DropsNothing => unwinds(index.checked_sub(1)?, called).then(Owned::default),
        Unwinding::NotUnderstood | Unwinding::NotKnown => None,
    }
}

fn unwinds(mut index: usize, called: &dyn Fn(usize) -> Unwinding) -> bool {
    loop {
        match (called(index), index.checked_sub(1)) {
            (Unwinding::Drops(_) | Unwinding::NotUnderstood, _) => return true,
            (Unwinding::DropsNothing, Some(further_in)) => index = further_in,
            (Unwinding::DropsNothing, None) | (Unwinding::NotKnown, _) => return false,
        }
    }
}

/// The calls at the address of one frame: of a function, and of those that are inlined into it.
struct Calls<'s> {
    thread: u32,
    frame: &'s Frame,
    known: &'s Known,
    /// By which of the functions there.
    calls: HashMap<usize, Rc<Call>>,
}

impl Calls<'_> {
    /// Appends what is dropped, then what else is in scope.
    fn roots(&mut self, owned: Option<Owned>, word: &dyn Fn(u64) -> Option<u64>, roots: &mut Vec<Root>) {
        let placed = |variable| self.place(variable, word);
        let placed: Vec<(&Variable, RuntimeAddress)> = self.known.variables.iter().filter_map(placed).collect();
        let presence = if owned.is_some() { Presence::NotDropped } else { Presence::Possible };
        let dropped_is = if self.frame.certain { Presence::Certain } else { Presence::Possible };
        let drops = owned.unwrap_or_default().values;
        for dropped in &drops {
            let variable = placed.iter().find(|(_, address)| *address == dropped.address);
            let outermost = self.known.functions.len().saturating_sub(1);
            let (name, function) = variable
                .map_or((Rc::from(""), outermost), |(variable, _)| (Rc::clone(&variable.name), variable.function));
            roots.push(self.root(name, function, dropped.address, dropped.ty, dropped_is));
        }
        for (variable, address) in placed {
            let is_dropped = |dropped: &Dropped| dropped.address == address && dropped.ty == variable.ty;
            if !drops.iter().any(is_dropped) {
                roots.push(self.root(Rc::clone(&variable.name), variable.function, address, variable.ty, presence));
            }
        }
    }

    fn place<'v>(
        &self,
        variable: &'v Variable,
        word: &dyn Fn(u64) -> Option<u64>,
    ) -> Option<(&'v Variable, RuntimeAddress)> {
        let address = variable.place.address(self.frame.sp, self.frame.fp, word)?;
        Some((variable, RuntimeAddress(address)))
    }

    fn root(
        &mut self,
        name: Rc<str>,
        further_in: usize,
        address: RuntimeAddress,
        ty: TypeId,
        presence: Presence,
    ) -> Root {
        let (known, at) = (self.known, self.frame.at);
        let function = || known.functions.get(further_in).cloned().unwrap_or_default();
        let call =
            self.calls.entry(further_in).or_insert_with(|| Rc::new(Call { function: function(), at, further_in }));
        Root { name, thread: Some(self.thread), call: Some(Rc::clone(call)), die: None, address, ty, presence }
    }
}

fn frames(snapshot: &Snapshot, thread: &Thread, is_wanted: &dyn Fn(RuntimeAddress) -> bool) -> Vec<Frame> {
    let stack = thread.stack.and_then(|stack| Some((stack.start.0, snapshot.read(stack.start, stack.size)?)));
    let memory = Memory {
        word: &|at| snapshot.word(RuntimeAddress(at)),
        stack: stack.unwrap_or_default(),
        known: &|pc: ReturnAddress| is_wanted(pc.lookup()),
    };
    walk::frames(thread.position, &memory)
}
