//! What a future is doing: the chain of awaits from it down to what it waits for.
//!
//! May use: `debuginfo` (types only), `address`. Which names the libraries give to what stands between two coroutines is in here and nowhere
//! else. What is not known by name ends the chain: then the last future's own name says what is awaited.

use crate::address::RuntimeAddress;
use crate::debuginfo::awaits::AWAITED;
use crate::debuginfo::types::{Field, Type, TypeId, TypeKind, Variant};
use crate::heap::containers::at;
use crate::heap::contents::Content;
use crate::heap::evidence::Active;
use crate::heap::graph::Heap;
use crate::heap::holders::{Await, TaskState};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Reads futures.
pub struct Futures<'h> {
    heap: Heap<'h>,
    /// Whether a value of the type can poll a coroutine that is in it.
    may_poll: RefCell<HashMap<TypeId, bool>>,
}

/// A future somewhere in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Place {
    ty: TypeId,
    address: RuntimeAddress,
}

/// How a chain ends.
enum End {
    /// With a future that is no coroutine, or that cannot be followed.
    Leaf,
    /// With one that polls several others.
    Several(Vec<Place>),
    /// With a coroutine that has not been polled.
    NotBegun,
    /// With a coroutine that has ended.
    Ended { panicked: bool },
    /// With bytes that make no sense.
    Invalid,
}

struct Chain {
    awaits: Vec<Await>,
    /// Whether a coroutine in it is parked on an await.
    parked: bool,
    /// Whether the last future is known to be what the one before it polls now, not only to be in it.
    exact: bool,
    end: End,
}

/// How deep futures are looked for in a future that is no coroutine.
const DEPTH: u32 = 16;

impl<'h> Futures<'h> {
    /// Of this heap.
    pub fn new(heap: Heap<'h>) -> Futures<'h> {
        Futures { heap, may_poll: RefCell::default() }
    }

    /// What the future of type `ty` at `address` is doing.
    pub fn state(&self, ty: TypeId, address: RuntimeAddress) -> TaskState {
        let chain = self.chain(Place { ty, address });
        match chain.end {
            End::NotBegun if !chain.parked => TaskState::NotBegun,
            End::Ended { panicked: true } if !chain.parked && chain.exact => TaskState::Panicked,
            End::Ended { panicked: false } if !chain.parked && chain.exact => TaskState::Consumed,
            // It has ended, and what awaits it was not yet told.
            End::Ended { .. } if chain.exact => TaskState::Running,
            End::Invalid => TaskState::Unknown,
            End::Several(places) => self.state_of_several(chain.awaits, chain.parked, places),
            End::Leaf | End::NotBegun | End::Ended { .. } if chain.parked => {
                TaskState::Suspended { awaits: chain.awaits, branches: Vec::new() }
            }
            End::Leaf | End::NotBegun | End::Ended { .. } => TaskState::Unknown,
        }
    }

    /// The state of a future that at the end of `awaits` polls these; `parked` if one of `awaits` is a coroutine that is.
    fn state_of_several(&self, awaits: Vec<Await>, mut parked: bool, places: Vec<Place>) -> TaskState {
        let mut branches = Vec::new();
        for place in places {
            let chain = self.chain(place);
            match chain.end {
                // Whoever polls it has seen that it has ended.
                End::Ended { .. } if chain.awaits.is_empty() => continue,
                End::Ended { .. } if chain.exact => return TaskState::Running,
                End::Invalid => return TaskState::Unknown,
                _ => {}
            }
            parked |= chain.parked;
            branches.push(chain.awaits);
        }
        if parked { TaskState::Suspended { awaits, branches } } else { TaskState::Unknown }
    }

    fn chain(&self, start: Place) -> Chain {
        let mut chain = Chain { awaits: Vec::new(), parked: false, exact: true, end: End::Leaf };
        let mut seen = HashSet::new();
        let mut place = self.pointee(start);
        // A future in memory that is overwritten at this moment could lead back to itself.
        while seen.insert(place) {
            let ty = self.heap.view.types.get(place.ty);
            let next = match ty.kind {
                TypeKind::Enum { coroutine: true, .. } => self.through_coroutine(place, &ty, &mut chain),
                _ => self.through_wrapper(place, &ty, &mut chain),
            };
            match next {
                Ok(next) => place = self.pointee(next),
                Err(end) => {
                    chain.end = end;
                    break;
                }
            }
        }
        chain
    }

    fn through_coroutine(&self, place: Place, ty: &Type, chain: &mut Chain) -> Result<Place, End> {
        let Active::Variant(state) = self.heap.view.active(ty, place.address) else { return Err(End::Invalid) };
        let mut add = |at| chain.awaits.push(Await { future: Rc::clone(&ty.name), at });
        match &*state.name {
            "Unresumed" => {
                add(None);
                return Err(End::NotBegun);
            }
            "Returned" => return Err(End::Ended { panicked: false }),
            "Panicked" => return Err(End::Ended { panicked: true }),
            _ => add(self.heap.view.types.await_location(place.ty, &state.name)),
        }
        (chain.parked, chain.exact) = (true, true);
        let awaited = self.fields_of(state).into_iter().find(|field| &*field.name == AWAITED);
        awaited.map(|field| Place { ty: field.ty, address: at(place.address, field.offset) }).ok_or(End::Leaf)
    }

    fn through_wrapper(&self, place: Place, ty: &Type, chain: &mut Chain) -> Result<Place, End> {
        let closure = is_poll_fn(&ty.name);
        let polled = if closure { self.captured(place) } else { self.inside(place) };
        // What `select!` and `join!` expand to says no more than the coroutine that it is written in.
        if !closure || polled.is_empty() {
            chain.awaits.push(Await { future: Rc::clone(&ty.name), at: None });
        }
        chain.exact = false;
        match polled.as_slice() {
            [] => Err(End::Leaf),
            [one] if !closure => Ok(*one),
            _ => Err(End::Several(polled)),
        }
    }

    fn fields_of(&self, variant: &Variant) -> Vec<Field> {
        match &self.heap.view.types.get(variant.ty).kind {
            TypeKind::Struct { fields } => fields.clone(),
            _ => Vec::new(),
        }
    }

    /// The future itself for a `Pin`, `Box` or `&mut` of one, as far as that can be followed.
    fn pointee(&self, start: Place) -> Place {
        let mut place = start;
        for _ in 0..DEPTH {
            let ty = self.heap.view.types.get(place.ty);
            let next = match &ty.kind {
                TypeKind::Struct { fields } if ty.name.starts_with("core::pin::Pin<") => match fields.as_slice() {
                    [pointer] => Some(Place { ty: pointer.ty, address: at(place.address, pointer.offset) }),
                    _ => None,
                },
                TypeKind::Struct { .. } if is_box_of_future(&ty.name) => self.behind_trait_object(place, &ty),
                TypeKind::Pointer { .. }
                    if ["alloc::boxed::Box<", "&mut "].iter().any(|start| ty.name.starts_with(start)) =>
                {
                    self.target(place, &ty)
                }
                _ => None,
            };
            match next {
                Some(next) => place = next,
                // A `Pin` of what cannot be followed is more telling than what is in it.
                None if matches!(ty.kind, TypeKind::Pointer { .. }) || is_box_of_future(&ty.name) => return start,
                None => break,
            }
        }
        place
    }

    /// What a thin pointer leads to, if that was copied.
    fn target(&self, place: Place, ty: &Type) -> Option<Place> {
        let TypeKind::Pointer { target: Some(target) } = ty.kind else { return None };
        let address = RuntimeAddress(self.heap.view.snapshot.word(place.address)?);
        let size = self.heap.view.types.get(target).size;
        self.heap.view.snapshot.read(address, size)?;
        (size > 0).then_some(Place { ty: target, address })
    }

    /// The value that a `Box<dyn Future>` owns, told by the content of its block.
    fn behind_trait_object(&self, place: Place, ty: &Type) -> Option<Place> {
        let data = self.heap.view.field_number(ty, place.address, "pointer")?;
        let block = self.heap.view.snapshot.block_starting(RuntimeAddress(data))?;
        match self.heap.contents.get(block)? {
            Content::Value(concrete) | Content::Stated(concrete) | Content::Unwritten(concrete) => {
                Some(Place { ty: *concrete, address: RuntimeAddress(data) })
            }
            _ => None,
        }
    }

    /// The coroutines that a future which is no coroutine has in it, in its live parts or in a box of its own; and for the parts of a join,
    /// whatever future is in them.
    fn inside(&self, start: Place) -> Vec<Place> {
        let mut found = Vec::new();
        let mut waiting = vec![(start, 0)];
        while let Some((place, depth)) = waiting.pop() {
            if depth > DEPTH || !self.may_poll(place.ty) {
                continue;
            }
            let ty = self.heap.view.types.get(place.ty);
            let fields = match &ty.kind {
                TypeKind::Enum { coroutine: true, .. } => {
                    found.push(place);
                    continue;
                }
                TypeKind::Enum { .. } => match self.heap.view.active(&ty, place.address) {
                    Active::Variant(variant) if is_maybe_done(&ty.name) => {
                        found.extend(self.not_done(place, variant));
                        continue;
                    }
                    Active::Variant(variant) => self.fields_of(variant),
                    Active::Invalid => continue,
                },
                TypeKind::Struct { .. } if is_box_of_future(&ty.name) => {
                    found.extend(self.behind_trait_object(place, &ty));
                    continue;
                }
                TypeKind::Struct { fields } => fields.clone(),
                TypeKind::Pointer { .. } => {
                    waiting.extend(self.target(place, &ty).map(|target| (target, depth + 1)));
                    continue;
                }
                _ => continue,
            };
            let parts =
                fields.iter().rev().map(|field| Place { ty: field.ty, address: at(place.address, field.offset) });
            waiting.extend(parts.map(|part| (part, depth + 1)));
        }
        found
    }

    /// Whether [`inside`](Futures::inside) may find something in a value of this type.
    fn may_poll(&self, id: TypeId) -> bool {
        if let Some(known) = self.may_poll.borrow().get(&id) {
            return *known;
        }
        // A type that contains itself behind a box adds nothing to itself.
        self.may_poll.borrow_mut().insert(id, false);
        let ty = self.heap.view.types.get(id);
        let any = |fields: &[Field]| fields.iter().any(|field| self.may_poll(field.ty));
        let may = match &ty.kind {
            TypeKind::Enum { coroutine: true, .. } => true,
            TypeKind::Enum { variants, .. } => {
                is_maybe_done(&ty.name) || variants.iter().any(|variant| any(&self.fields_of(variant)))
            }
            TypeKind::Struct { fields } => is_box_of_future(&ty.name) || any(fields),
            // What is borrowed may belong to somebody else, unless it is a coroutine.
            TypeKind::Pointer { target: Some(target) } if ty.name.starts_with("&mut ") => self.is_coroutine(*target),
            TypeKind::Pointer { target: Some(target) } if ty.name.starts_with("alloc::boxed::Box<") => {
                self.may_poll(*target)
            }
            _ => false,
        };
        self.may_poll.borrow_mut().insert(id, may);
        may
    }

    fn is_coroutine(&self, id: TypeId) -> bool {
        matches!(self.heap.view.types.get(id).kind, TypeKind::Enum { coroutine: true, .. })
    }

    /// The future in a part of a join, unless it has ended.
    fn not_done(&self, place: Place, active: &Variant) -> Option<Place> {
        let field = self.fields_of(active).into_iter().next().filter(|_| &*active.name == "Future")?;
        Some(Place { ty: field.ty, address: at(place.address, field.offset) })
    }

    /// The futures that the closure of a `poll_fn` polls: `select!` and `join!` expand to one.
    fn captured(&self, poll_fn: Place) -> Vec<Place> {
        let fields = |place: Place| match &self.heap.view.types.get(place.ty).kind {
            TypeKind::Struct { fields } => fields.clone(),
            _ => Vec::new(),
        };
        let part = |whole: Place, field: &Field| Place { ty: field.ty, address: at(whole.address, field.offset) };
        let Some(closure) = fields(poll_fn).first().map(|field| part(poll_fn, field)) else { return Vec::new() };
        let captures = fields(closure);
        // The branches of a `select!` that have ended or whose condition was false, one bit each.
        let disabled = captures.iter().find(|field| &*field.name == "_ref__disabled");
        let disabled = disabled.and_then(|field| {
            let bits = self.borrowed(part(closure, field));
            self.heap.view.snapshot.number(bits.address, self.heap.view.types.get(bits.ty).size)
        });
        let mut found = Vec::new();
        for capture in &captures {
            let place = self.borrowed(part(closure, capture));
            let ty = self.heap.view.types.get(place.ty);
            if !ty.name.starts_with('(') {
                found.extend(self.polled(place, &ty));
                continue;
            }
            for (field, bit) in fields(place).iter().zip(0u32..) {
                let element = part(place, field);
                match disabled {
                    Some(bits) if bits.checked_shr(bit).is_some_and(|bits| bits & 1 == 0) => found.push(element),
                    Some(_) => {}
                    None => found.extend(self.polled(element, &self.heap.view.types.get(element.ty))),
                }
            }
        }
        found
    }

    /// What the reference at `place` leads to, or a `Pin` of one, or a reference to one; `place` itself if it is none.
    fn borrowed(&self, mut place: Place) -> Place {
        for _ in 0..4 {
            let ty = self.heap.view.types.get(place.ty);
            let next = match &ty.kind {
                TypeKind::Struct { fields } if ty.name.starts_with("core::pin::Pin<&") => {
                    fields.first().map(|field| Place { ty: field.ty, address: at(place.address, field.offset) })
                }
                TypeKind::Pointer { .. } if ty.name.starts_with('&') => self.target(place, &ty),
                _ => None,
            };
            match next {
                Some(next) => place = next,
                None => break,
            }
        }
        place
    }

    /// What a closure polls, if this is what it captured: a coroutine, one in a box, or a part of a join.
    fn polled(&self, place: Place, ty: &Type) -> Option<Place> {
        match &ty.kind {
            TypeKind::Enum { coroutine: true, .. } => Some(place),
            TypeKind::Enum { .. } if is_maybe_done(&ty.name) => match self.heap.view.active(ty, place.address) {
                Active::Variant(variant) => self.not_done(place, variant),
                Active::Invalid => None,
            },
            TypeKind::Struct { .. } if ty.name.starts_with("core::pin::Pin<alloc::boxed::Box<") => {
                Some(self.pointee(place)).filter(|pointee| *pointee != place)
            }
            _ => None,
        }
    }
}

fn path(name: &str) -> &str {
    name.split('<').next().unwrap_or_default()
}

/// `poll_fn` of the standard library, of tokio, and of futures.
pub(super) fn is_poll_fn(name: &str) -> bool {
    path(name).ends_with("::poll_fn::PollFn")
}

/// A part of a join, of tokio and of futures: a future or its result.
fn is_maybe_done(name: &str) -> bool {
    path(name).ends_with("::maybe_done::MaybeDone")
}

fn is_box_of_future(name: &str) -> bool {
    name.strip_prefix("alloc::boxed::Box<")
        .is_some_and(|boxed| boxed.trim_start_matches('(').starts_with("dyn core::future::future::Future<"))
}
