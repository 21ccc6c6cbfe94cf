//! From a word in memory to the place it is: through which fields, variants and elements of a value, and whether that part of the value is
//! alive.
//!
//! May use: `debuginfo` (types only), `address`. The graph asks it what kind of edge a pointer is; paths ask it for the names.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind};
use crate::heap::containers::{View, at};
use crate::heap::evidence::{Active, certain_in_coroutine};
use crate::heap::thread_locals::InThreadLocal;
use std::rc::Rc;

/// One step down, from a value to a part of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// What part.
    pub part: Part,
    /// Its type.
    pub ty: TypeId,
    /// Where it starts.
    pub address: RuntimeAddress,
}

/// A part of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// The value that was asked about, or the one that a thread-local that was asked about holds.
    Whole,
    /// A field of a struct, a tuple, or an enum's active variant.
    Field(Rc<str>),
    /// The active variant of an enum: its name. The fields are those of the variant's struct.
    Variant(Rc<str>),
    /// A local, capture or awaited future of a coroutine, whose state is the variant before it.
    Local(Rc<str>),
    /// A field of a union.
    Overlapping(Rc<str>),
    /// An element of an array.
    Element(u64),
}

/// Whether a part of a value is alive, given that the value is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Liveness {
    /// The language says so.
    Certain,
    /// In a union, or a local of a suspended coroutine.
    Possible,
    /// In no active variant, in a finished coroutine, or in padding.
    Dead,
}

/// The way from a value down to one of its words.
#[derive(Clone, PartialEq, Debug)]
pub struct Descent {
    /// From the whole to the smallest part that contains the word; never empty.
    pub steps: Vec<Step>,
    /// Whether the word is alive if the value is.
    pub liveness: Liveness,
    /// Whether no enum or union was passed: the answer is the same for each value of the type.
    pub fixed: bool,
}

impl View<'_> {
    /// Goes down from the value of type `ty` at `start` to the word at `word`, which lies in it.
    ///
    /// A field that ends after its struct does (the unsized tail of an `ArcInner<[T]>`) is taken as an array of that type.
    pub fn descend(self, ty: TypeId, start: RuntimeAddress, word: RuntimeAddress) -> Descent {
        let mut descent = Descent {
            steps: vec![Step { part: Part::Whole, ty, address: start }],
            liveness: Liveness::Certain,
            fixed: true,
        };
        while let Some(Step { ty, address, .. }) = descent.steps.last().cloned() {
            let ty = self.types.get(ty);
            if !self.down(&ty, address, word, &mut descent) {
                break;
            }
        }
        descent
    }

    /// One step down; false at the smallest part.
    fn down(self, ty: &Type, address: RuntimeAddress, word: RuntimeAddress, descent: &mut Descent) -> bool {
        let offset = word.0.wrapping_sub(address.0);
        match self.in_thread_local(ty, address) {
            None => {}
            Some(InThreadLocal::Unclear) => descent.liveness = descent.liveness.max(Liveness::Possible),
            Some(held) => return self.into_thread_local(held, word, descent),
        }
        match &ty.kind {
            TypeKind::Struct { fields } => {
                // Of several that contain the word (zero-sized ones do not), the last is the innermost.
                let holding = fields.iter().find(|field| {
                    let size = self.types.get(field.ty).size;
                    (field.offset..field.offset + size).contains(&offset)
                });
                if let Some(field) = holding {
                    let part = Part::Field(Rc::clone(&field.name));
                    descent.steps.push(Step { part, ty: field.ty, address: at(address, field.offset) });
                    return true;
                }
                self.into_tail(ty, fields, address, offset, descent)
            }
            TypeKind::Union { fields } => {
                descent.fixed = false;
                descent.liveness = descent.liveness.max(Liveness::Possible);
                // `MaybeUninit` has `uninit` and `value`, a `LazyLock` `value` and what makes it. Elsewhere the largest says most.
                let holding = fields
                    .iter()
                    .filter(|field| (field.offset..field.offset + self.types.get(field.ty).size).contains(&offset))
                    .max_by_key(|field| (*field.name == *"value", self.types.get(field.ty).size));
                let Some(field) = holding else { return false };
                let part = Part::Overlapping(Rc::clone(&field.name));
                descent.steps.push(Step { part, ty: field.ty, address: at(address, field.offset) });
                true
            }
            &TypeKind::Array { element, count } => {
                let size = self.types.get(element).size;
                let Some(index) = offset.checked_div(size).filter(|index| *index < count) else { return false };
                let part = Part::Element(index);
                descent.steps.push(Step { part, ty: element, address: at(address, index * size) });
                true
            }
            TypeKind::Enum { coroutine, .. } => self.into_enum(ty, *coroutine, address, offset, descent),
            TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Opaque => false,
        }
    }

    /// Into the value of a thread-local, past the cells that the standard library keeps it in. All else in there is dead.
    fn into_thread_local(self, held: InThreadLocal, word: RuntimeAddress, descent: &mut Descent) -> bool {
        descent.fixed = false;
        match held {
            InThreadLocal::Value(ty, address) if (address.0..address.0 + self.types.get(ty).size).contains(&word.0) => {
                descent.steps.push(Step { part: Part::Whole, ty, address });
                return true;
            }
            _ => descent.liveness = Liveness::Dead,
        }
        false
    }

    fn into_tail(
        self,
        ty: &Type,
        fields: &[crate::debuginfo::types::Field],
        address: RuntimeAddress,
        offset: u64,
        descent: &mut Descent,
    ) -> bool {
        let tail = fields.iter().max_by_key(|field| field.offset);
        let Some(tail) = tail.filter(|tail| tail.offset + self.types.get(tail.ty).size > ty.size) else {
            // Padding.
            descent.liveness = Liveness::Dead;
            return false;
        };
        let size = self.types.get(tail.ty).size;
        let Some(index) = offset.checked_sub(tail.offset).and_then(|offset| offset.checked_div(size)) else {
            descent.liveness = Liveness::Dead;
            return false;
        };
        let array = at(address, tail.offset);
        descent.steps.push(Step { part: Part::Field(Rc::clone(&tail.name)), ty: tail.ty, address: array });
        descent.steps.push(Step { part: Part::Element(index), ty: tail.ty, address: at(array, index * size) });
        true
    }

    fn into_enum(
        self,
        ty: &Type,
        coroutine: bool,
        address: RuntimeAddress,
        offset: u64,
        descent: &mut Descent,
    ) -> bool {
        descent.fixed = false;
        if coroutine && self.snapshot.is_used_up(address, ty.size) {
            descent.liveness = descent.liveness.max(Liveness::Possible);
            return false;
        }
        let Active::Variant(variant) = self.active(ty, address) else {
            descent.liveness = descent.liveness.max(Liveness::Possible);
            return false;
        };
        descent.steps.push(Step { part: Part::Variant(Rc::clone(&variant.name)), ty: variant.ty, address });
        let inner = self.types.get(variant.ty);
        let TypeKind::Struct { fields } = &inner.kind else { return false };
        if coroutine && matches!(&*variant.name, "Returned" | "Panicked") {
            descent.liveness = Liveness::Dead;
            return false;
        }
        // Captures are listed twice in a suspended state, as captures and as locals: the first will do.
        let holding =
            fields.iter().find(|field| (field.offset..field.offset + self.types.get(field.ty).size).contains(&offset));
        let Some(field) = holding else {
            descent.liveness = Liveness::Dead;
            return false;
        };
        if coroutine && !certain_in_coroutine(&variant.name, &field.name) {
            descent.liveness = descent.liveness.max(Liveness::Possible);
        }
        let name = Rc::clone(&field.name);
        let part = if coroutine { Part::Local(name) } else { Part::Field(name) };
        descent.steps.push(Step { part, ty: field.ty, address: at(address, field.offset) });
        true
    }
}
