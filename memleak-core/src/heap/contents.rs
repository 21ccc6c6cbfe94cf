//! What a block holds, told from the stack that allocated it.
//!
//! May use: `debuginfo`, `stack`, `address`.
//!
//! Generic functions carry their parameters in the debug info, inlined ones too. Between the allocator and the first function outside of the
//! standard library's containers, `Box::<T>::new` names the exact type of the block. For buffers the outermost container function
//! counts: the inner ones are compiled once for many types of the same size, and name only one of them.

use crate::address::ReturnAddress;
use crate::debuginfo::functions::{Frame, Function};
use crate::debuginfo::types::{Type, TypeId, TypeKind, Types};
use std::rc::Rc;

/// What a block holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// One value that fills it.
    Value(TypeId),
    /// Values one behind the other; how many are live, the owner knows.
    Buffer(TypeId),
    /// A hashbrown table of these elements.
    Table(TypeId),
    /// `Arc<[T]>` or `Rc<[T]>`: two counts of a word each, then elements to the end.
    SharedSlice(TypeId),
    /// A function outside of the standard library allocated it with a layout of its own.
    OwnLayout {
        /// Its path.
        function: Rc<str>,
        /// What it is generic over.
        parameters: Rc<[TypeId]>,
    },
    /// Nothing is known: the stack is not covered by debug info with types.
    Unknown,
}

/// Tells what the block of `size` bytes holds that was allocated by `stack`, innermost first.
pub fn content(
    types: &dyn Types,
    size: u64,
    stack: &[ReturnAddress],
    mut functions: impl FnMut(ReturnAddress) -> Rc<[Frame]>,
) -> Content {
    let mut container = None;
    for &address in stack {
        for frame in functions(address).iter() {
            let function = &frame.function;
            match role(function) {
                Role::Allocator => {}
                Role::Boxed(kind) => return boxed(types, size, function, kind).unwrap_or(Content::Unknown),
                Role::Container(family) => {
                    let inner = container.take();
                    match inner {
                        Some((other, content)) if other != family => return content,
                        inner => {
                            container = Some((
                                family,
                                element(function, family)
                                    .or(inner.map(|(_, content)| content))
                                    .unwrap_or(Content::Unknown),
                            ))
                        }
                    }
                }
                Role::Glue if container.is_none() => {}
                Role::Glue | Role::Other | Role::Std => {
                    return match container {
                        Some((_, content)) => content,
                        None => own_layout(types, size, function, role(function)),
                    };
                }
            }
        }
    }
    container.map_or(Content::Unknown, |(_, content)| content)
}

/// What part a function plays in an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// The allocator and the functions between it and the containers.
    Allocator,
    /// `Box::new` and its relatives.
    Boxed(Boxed),
    /// A function of a container that has a buffer.
    Container(Family),
    /// `core`: closures, iterators, conversions that stand between.
    Glue,
    /// The rest of the standard library.
    Std,
    /// Everything else.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Boxed {
    /// The block is a `T`.
    Value,
    /// The block is a `T` that is yet to be written; for an array this is what `vec![a, b]` does.
    Uninit,
    /// The block is a `[T]`.
    Slice,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    /// Everything built on `RawVec`.
    Vec,
    /// hashbrown.
    Table,
    /// `Rc` and `Arc` of slices.
    SharedSlice,
}

fn role(function: &Function) -> Role {
    let plain = function.plain.as_str();
    let name = plain.rsplit("::").next().unwrap_or(plain);
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| plain.starts_with(prefix));
    if starts(&[
        "alloc::alloc::",
        "core::alloc::",
        "memleak_core::",
        "memleak::",
        "__rust",
        "__rdl",
        "__rg",
        "std::alloc::",
    ]) {
        Role::Allocator
    } else if starts(&["alloc::boxed::"]) {
        match name {
            "box_new_uninit" => Role::Allocator,
            _ if name.contains("_slice") => Role::Boxed(Boxed::Slice),
            _ if name.contains("uninit") || name.contains("zeroed") => Role::Boxed(Boxed::Uninit),
            "new" | "new_in" | "try_new" | "try_new_in" | "pin" | "pin_in" => Role::Boxed(Boxed::Value),
            _ => Role::Glue,
        }
    } else if starts(&["alloc::raw_vec::", "alloc::vec::", "alloc::collections::vec_deque::", "alloc::slice::"]) {
        Role::Container(Family::Vec)
    } else if starts(&["hashbrown::raw::"]) {
        Role::Container(Family::Table)
    } else if starts(&["alloc::sync::", "alloc::rc::"]) {
        if name.starts_with("allocate_for_slice") { Role::Container(Family::SharedSlice) } else { Role::Glue }
    } else if starts(&["core::"]) {
        Role::Glue
    } else if starts(&["alloc::", "std::"]) {
        Role::Std
    } else {
        Role::Other
    }
}

fn parameter(function: &Function) -> Option<TypeId> {
    function.parameters.iter().find(|(name, _)| &**name == "T").map(|(_, id)| *id)
}

fn boxed(types: &dyn Types, size: u64, function: &Function, kind: Boxed) -> Option<Content> {
    let id = parameter(function)?;
    let ty = types.get(id);
    match (kind, &ty.kind) {
        (Boxed::Slice, _) => Some(Content::Buffer(id)),
        (Boxed::Uninit, &TypeKind::Array { element, .. }) if ty.size == size => Some(Content::Buffer(element)),
        _ => (ty.size == size).then_some(Content::Value(id)),
    }
}

/// What the function of a container says of its buffer's elements; none if it is not generic over them.
fn element(function: &Function, family: Family) -> Option<Content> {
    let id = parameter(function)?;
    Some(match family {
        Family::Vec => Content::Buffer(id),
        Family::Table => Content::Table(id),
        Family::SharedSlice => Content::SharedSlice(id),
    })
}

fn own_layout(types: &dyn Types, size: u64, function: &Function, role: Role) -> Content {
    if let Some(id) = function.returns.and_then(|id| pointee(types, &types.get(id), 0))
        && size > 0
        && types.get(id).size == size
    {
        return Content::Value(id);
    }
    match role {
        Role::Std => Content::Unknown,
        _ => Content::OwnLayout {
            function: Rc::from(&*function.path),
            parameters: function.parameters.iter().map(|(_, id)| *id).collect(),
        },
    }
}

/// What a `Box<T>`, `NonNull<T>`, `*mut T` or a struct around one points to.
fn pointee(types: &dyn Types, ty: &Type, depth: u32) -> Option<TypeId> {
    match &ty.kind {
        TypeKind::Pointer { target } => *target,
        TypeKind::Struct { fields } if depth < 4 => {
            let mut sized = fields.iter().filter(|field| types.get(field.ty).size > 0);
            let only = sized.next()?;
            if sized.next().is_some() { None } else { pointee(types, &types.get(only.ty), depth + 1) }
        }
        _ => None,
    }
}
