//! What a block holds, told from the stack that allocated it.
//!
//! May use: `debuginfo`, `stack`, `address`.
//!
//! Generic functions carry their parameters in the debug info, inlined ones too. Between the allocator and the first function outside of the
//! standard library's containers, `Box::<T>::new` names the exact type of the block. For buffers the outermost container function
//! counts: the inner ones are compiled once for many types of the same size, and name only one of them.

use crate::address::ReturnAddress;
use crate::debuginfo::functions::{Frame, Function};
use crate::debuginfo::types::{TypeId, TypeKind, Types, pointee};
use crate::heap::containers::is_told_by_itself;
use std::rc::Rc;

/// What a block holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// One value that fills it.
    Value(TypeId),
    /// As far as the stack says, one value that fills it. The optimiser may have merged the function that allocated it with one for another type
    /// of this size, and nobody but the stack was found to say it.
    Stated(TypeId),
    /// One value that fills it, but need not have been written.
    Unwritten(TypeId),
    /// Values one behind the other; how many are live, the owner knows.
    Buffer(TypeId),
    /// A hashbrown table of these elements.
    Table(TypeId),
    /// `Rc` or `Arc` of one or more values: two counts of a word each, then values to the end.
    Shared(TypeId),
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

/// Where the standard library keeps a tree of all threads, with their names. A thread without a name leaves in it what was on its stack.
const THREADS: &str = "std::sys::pal::unix::stack_overflow::thread_info";

impl Content {
    /// Whether this is the block of an `Rc` or `Arc` that was made by code which did not know the type of the value. The types that it may have
    /// are the parameters.
    pub fn is_counted_unknown(&self) -> bool {
        matches!(self, Content::OwnLayout { function, .. }
            if ["alloc::sync::", "alloc::rc::"].iter().any(|module| function.starts_with(module)))
    }

    /// Whether this is a node of the standard library's tree of threads.
    pub fn is_of_threads(&self) -> bool {
        matches!(self, Content::OwnLayout { function, .. } if &**function == THREADS)
    }
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
                Role::Boxed(kind) => return boxed(types, size, function, kind),
                Role::Container(family) => {
                    let inner = container.take();
                    match inner {
                        Some((other, content)) if other != family => return content,
                        inner => {
                            container = Some((
                                family,
                                element(types, function, family)
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
    /// `SmallVec`, which is generic over the array that it keeps inline.
    Small,
    /// hashbrown.
    Table,
    /// `Rc` and `Arc` that lay their block out themselves: of slices, from boxes, `make_mut`.
    Shared,
}

fn role(function: &Function) -> Role {
    let plain = function.plain.as_str();
    let name = plain.rsplit("::").next().unwrap_or(plain);
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| plain.starts_with(prefix));
    // The shims that call the global allocator stand beside it, in whatever crate.
    let shim = ["__rust", "__rdl", "__rg"].iter().any(|prefix| name.starts_with(prefix));
    const ALLOCATORS: &[&str] = &[
        "alloc::alloc::",
        "core::alloc::",
        "std::alloc::",
        "memleak_core::",
        "memleak::",
        // What tables call; its module has moved before.
        "hashbrown::alloc::",
        "allocator_api2::stable::alloc::",
    ];
    if shim || starts(ALLOCATORS) {
        Role::Allocator
    } else if starts(&["alloc::boxed::"]) {
        match name {
            "box_new_uninit" => Role::Allocator,
            _ if name.contains("_slice") => Role::Boxed(Boxed::Slice),
            // `clone_from_ref` allocates for itself, for text and slices too.
            _ if ["uninit", "zeroed", "clone_from_ref"].iter().any(|part| name.contains(part)) => {
                Role::Boxed(Boxed::Uninit)
            }
            "new" | "new_in" | "try_new" | "try_new_in" | "pin" | "pin_in" => Role::Boxed(Boxed::Value),
            _ => Role::Glue,
        }
    } else if starts(&["alloc::raw_vec::", "alloc::vec::", "alloc::collections::vec_deque::", "alloc::slice::"]) {
        Role::Container(Family::Vec)
    } else if starts(&["smallvec::"]) {
        Role::Container(Family::Small)
    } else if starts(&["hashbrown::raw::"]) {
        Role::Container(Family::Table)
    } else if starts(&["alloc::sync::", "alloc::rc::"]) {
        // `Arc::new` and most others go through `Box::new` and have been decided by now.
        Role::Container(Family::Shared)
    } else if starts(&["core::"]) {
        Role::Glue
    } else if starts(&["alloc::", "std::"]) {
        Role::Std
    } else {
        Role::Other
    }
}

fn parameter(function: &Function, name: &str) -> Option<TypeId> {
    function.parameters.iter().find(|(parameter, _)| &**parameter == name).map(|(_, id)| *id)
}

fn boxed(types: &dyn Types, size: u64, function: &Function, kind: Boxed) -> Content {
    // Precompiled code of the standard library does not say what it is generic over, and knows no types but its own.
    let Some(id) = parameter(function, "T") else {
        let of_threads = function.path.contains(THREADS);
        return if of_threads { own(THREADS) } else { Content::Unknown };
    };
    let ty = types.get(id);
    match (kind, &ty.kind) {
        (Boxed::Slice, _) => Content::Buffer(id),
        (Boxed::Uninit, &TypeKind::Array { element, .. }) if ty.size == size || ty.size == 0 => {
            Content::Buffer(element)
        }
        // Text and paths have no size of their own.
        (Boxed::Uninit, _) if ty.size == 0 => Content::Unknown,
        (Boxed::Uninit, _) if ty.size == size && !is_told_by_itself(&ty) => Content::Unwritten(id),
        _ if ty.size == size => Content::Value(id),
        // The optimiser merges functions that do the same for several types, and keeps the name of one.
        _ => own(&function.path),
    }
}

/// A layout of which no more is known than who made it.
fn own(function: &str) -> Content {
    Content::OwnLayout { function: Rc::from(function), parameters: [].into() }
}

/// What the function of a container says of its buffer's elements; none if it is not generic over them.
fn element(types: &dyn Types, function: &Function, family: Family) -> Option<Content> {
    let id = parameter(function, if family == Family::Small { "A" } else { "T" })?;
    Some(match family {
        Family::Vec => Content::Buffer(id),
        Family::Small => match types.get(id).kind {
            TypeKind::Array { element, .. } => Content::Buffer(element),
            _ => return None,
        },
        Family::Table => Content::Table(id),
        // Behind a trait object the type is not told.
        Family::Shared if types.get(id).size == 0 => {
            Content::OwnLayout { function: Rc::from(&*function.path), parameters: [id].into() }
        }
        Family::Shared => Content::Shared(id),
    })
}

fn own_layout(types: &dyn Types, size: u64, function: &Function, role: Role) -> Content {
    if let Some(id) = function.returns.and_then(|id| pointee(types, id))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::made_up::MadeUpTypes;

    /// A function with its generic parameter `T`, if any.
    fn function(plain: &str, parameter: Option<TypeId>, returns: Option<TypeId>) -> Rc<Function> {
        let parameters = parameter.map(|id| (Rc::from("T"), id)).into_iter().collect();
        Rc::new(Function { path: plain.to_owned(), plain: plain.to_owned(), parameters, returns })
    }

    fn of(types: &MadeUpTypes, size: u64, functions: &[Rc<Function>]) -> Content {
        let frames: Rc<[Frame]> =
            functions.iter().map(|function| Frame { function: function.clone(), inlined: true }).collect();
        content(types, size, &[ReturnAddress(1)], |_| frames.clone())
    }

    fn allocator() -> [Rc<Function>; 3] {
        ["memleak_core::tracker::{impl#2}::alloc", "alloc::alloc::alloc", "alloc::alloc::{impl#1}::allocate"]
            .map(|name| function(name, None, None))
    }

    fn stack(functions: &[(&str, Option<TypeId>)]) -> Vec<Rc<Function>> {
        let above = functions.iter().map(|(name, parameter)| function(name, *parameter, None));
        allocator().into_iter().chain(above).collect()
    }

    #[test]
    fn the_innermost_box_names_the_exact_type() {
        let types = MadeUpTypes::default();
        let session = types.scalar("chat::Session", 8);
        let inner = types.scalar("alloc::sync::ArcInner<chat::Session>", 24);
        let arc = stack(&[
            ("alloc::boxed::box_new_uninit", None),
            ("alloc::boxed::{impl#0}::new", Some(inner)),
            ("alloc::sync::Arc::new", Some(session)),
            ("chat::connect", None),
        ]);
        assert_eq!(of(&types, 24, &arc), Content::Value(inner));
        let own = Content::OwnLayout { function: "alloc::boxed::{impl#0}::new".into(), parameters: [].into() };
        assert_eq!(of(&types, 32, &arc), own, "a size that does not fit means another type");
    }

    #[test]
    fn the_outermost_container_function_names_the_element() {
        let types = MadeUpTypes::default();
        let bytes = types.scalar("alloc::vec::Vec<u8>", 24);
        let session = types.scalar("chat::Session", 24);
        let push = stack(&[
            ("alloc::raw_vec::RawVecInner::grow_one", None),
            ("alloc::raw_vec::RawVec::grow_one", Some(bytes)),
            ("alloc::collections::vec_deque::VecDeque::grow", Some(session)),
            ("alloc::collections::vec_deque::VecDeque::push_back", Some(session)),
            ("chat::queue", Some(bytes)),
        ]);
        assert_eq!(of(&types, 96, &push), Content::Buffer(session));
    }

    #[test]
    fn what_calls_a_container_does_not_name_its_element() {
        let types = MadeUpTypes::default();
        let other = types.scalar("chat::Other", 24);
        let session = types.scalar("chat::Session", 24);
        let collect = stack(&[
            ("alloc::vec::Vec::with_capacity", Some(session)),
            ("alloc::vec::spec_from_iter_nested::{impl#0}::from_iter", Some(session)),
            ("core::iter::traits::iterator::Iterator::collect", Some(other)),
            ("alloc::vec::Vec::from", Some(other)),
        ]);
        assert_eq!(of(&types, 96, &collect), Content::Buffer(session));
    }

    #[test]
    fn vec_macro_slices_and_tables() {
        let types = MadeUpTypes::default();
        let session = types.scalar("chat::Session", 8);
        let pair = types.add("[chat::Session; 2]", 16, TypeKind::Array { element: session, count: 2 }, &[]);
        let entry = types.scalar("(u64, chat::Session)", 16);
        let literal = stack(&[("alloc::boxed::{impl#0}::new_uninit", Some(pair)), ("chat::main", None)]);
        assert_eq!(of(&types, 16, &literal), Content::Buffer(session));
        let slice = stack(&[("alloc::boxed::{impl#2}::new_uninit_slice", Some(session)), ("chat::main", None)]);
        assert_eq!(of(&types, 80, &slice), Content::Buffer(session));
        let array = stack(&[("alloc::boxed::{impl#0}::new", Some(pair)), ("chat::main", None)]);
        assert_eq!(of(&types, 16, &array), Content::Value(pair));
        let table = stack(&[
            ("allocator_api2::stable::alloc::global::{impl#0}::allocate", None),
            ("hashbrown::alloc::inner::do_alloc", None),
            ("hashbrown::raw::RawTableInner::new_uninitialized", None),
            ("hashbrown::raw::RawTable::reserve_rehash", Some(entry)),
            ("hashbrown::map::HashMap::insert", None),
        ]);
        assert_eq!(of(&types, 84, &table), Content::Table(entry));
        let shared = stack(&[
            ("alloc::sync::Arc::allocate_for_slice", Some(session)),
            ("alloc::sync::{impl#30}::from", Some(session)),
            ("chat::main", None),
        ]);
        assert_eq!(of(&types, 32, &shared), Content::Shared(session));
    }

    #[test]
    fn boxes_that_need_not_be_written_and_shims_in_the_users_crate() {
        let types = MadeUpTypes::default();
        let session = types.scalar("chat::Session", 8);
        let node = types.scalar("alloc::collections::btree::node::LeafNode<u64, chat::Session>", 64);
        let uninit = |id| stack(&[("alloc::boxed::{impl#0}::new_uninit_in", Some(id)), ("chat::main", None)]);
        assert_eq!(of(&types, 8, &uninit(session)), Content::Unwritten(session));
        assert_eq!(of(&types, 64, &uninit(node)), Content::Value(node), "it says itself what is in it");
        let shim = [
            function("chat::_::__rust_alloc", None, None),
            function("alloc::sync::Arc::allocate_for_slice", Some(session), None),
            function("chat::main", None, None),
        ];
        assert_eq!(of(&types, 32, &shim), Content::Shared(session));
    }

    #[test]
    fn the_tree_of_threads_is_known_by_name() {
        let types = MadeUpTypes::default();
        let node = "alloc::collections::btree::node::LeafNode<usize, std::sys::pal::unix::stack_overflow::thread_info::ThreadInfo>";
        let plain = "alloc::boxed::{impl#1}::try_new_uninit_in";
        let leaf = Function {
            path: format!("{plain}<{node}, alloc::alloc::Global>"),
            plain: plain.to_owned(),
            parameters: Vec::new(),
            returns: None,
        };
        assert!(of(&types, 544, &[Rc::new(leaf)]).is_of_threads());
        assert_eq!(of(&types, 544, &[function(plain, None, None)]), Content::Unknown, "another tree of the library");
    }

    #[test]
    fn a_function_of_its_own_layout() {
        let types = MadeUpTypes::default();
        let block = types.scalar("tokio::sync::mpsc::block::Block<chat::Session>", 64);
        let boxed = types.pointer("alloc::boxed::Box<…>", block);
        let session = types.scalar("chat::Session", 8);
        let mut stack = allocator().to_vec();
        stack.push(function("tokio::sync::mpsc::block::Block::new", Some(session), Some(boxed)));
        assert_eq!(of(&types, 64, &stack), Content::Value(block));
        let expected = Content::OwnLayout {
            function: "tokio::sync::mpsc::block::Block::new".into(),
            parameters: [session].into(),
        };
        assert_eq!(of(&types, 65, &stack), expected);
        let std = [function("std::thread::spawn", Some(session), None)];
        assert_eq!(of(&types, 65, &std), Content::Unknown);
    }
}
