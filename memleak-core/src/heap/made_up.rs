//! Types and heaps made up for tests.

use crate::address::RuntimeAddress;
use crate::debuginfo::functions::Location;
use crate::debuginfo::types::{Discriminant, Field, Type, TypeId, TypeKind, Types, Variant};
use crate::heap::containers::View;
use crate::heap::contents::Content;
use crate::heap::graph::{EdgeKind, Graph, Heap};
use crate::heap::instances::{Instance, Subject, find};
use crate::heap::locals::Call;
use crate::heap::roots::{Presence, Root};
use crate::heap::snapshot::{ForeignWord, Region, Snapshot, Thread};
use crate::stack::StackId;
use crate::tracker::{Block, Origin};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Types without debug info.
#[derive(Default)]
pub struct MadeUpTypes(RefCell<Vec<Rc<Type>>>, Cell<bool>);

impl Types for MadeUpTypes {
    fn get(&self, id: TypeId) -> Rc<Type> {
        self.0.borrow()[id.0 as usize].clone()
    }

    /// `Suspend7` is parked on line 7 of a file called as the coroutine.
    fn await_location(&self, coroutine: TypeId, state: &str) -> Option<Location> {
        let line = state.strip_prefix("Suspend")?.parse().ok()?;
        Some(Location { file: self.get(coroutine).name.clone(), line })
    }

    fn merged_functions(&self) -> bool {
        self.1.get()
    }
}

impl MadeUpTypes {
    pub fn add(&self, name: &str, size: u64, kind: TypeKind, parameters: &[(&str, TypeId)]) -> TypeId {
        let parameters = parameters.iter().map(|(name, id)| (Rc::from(*name), *id)).collect();
        self.0.borrow_mut().push(Rc::new(Type { name: name.into(), size, kind, parameters }));
        TypeId(self.0.borrow().len() as u32 - 1)
    }

    /// For a type that is needed before it can be described.
    pub fn replace(&self, id: TypeId, kind: TypeKind) {
        let mut types = self.0.borrow_mut();
        let changed = Type { kind, ..(*types[id.0 as usize]).clone() };
        types[id.0 as usize] = Rc::new(changed);
    }

    /// From now on functions may have been merged.
    pub fn merge_functions(&self) {
        self.1.set(true);
    }

    pub fn scalar(&self, name: &str, size: u64) -> TypeId {
        self.add(name, size, TypeKind::Scalar, &[])
    }

    pub fn structure(&self, name: &str, size: u64, fields: &[(&str, u64, TypeId)]) -> TypeId {
        self.add(name, size, TypeKind::Struct { fields: self.fields(fields) }, &[])
    }

    pub fn fields(&self, fields: &[(&str, u64, TypeId)]) -> Vec<Field> {
        fields.iter().map(|(name, offset, ty)| Field { name: Rc::from(*name), offset: *offset, ty: *ty }).collect()
    }

    pub fn pointer(&self, name: &str, target: TypeId) -> TypeId {
        self.add(name, 8, TypeKind::Pointer { target: Some(target) }, &[])
    }

    /// Discriminant in the first `width` bytes; values none = the variant of the niche.
    pub fn enumeration(
        &self,
        name: &str,
        size: u64,
        width: u64,
        variants: &[(&str, Option<u128>, TypeId)],
        coroutine: bool,
    ) -> TypeId {
        let variants = variants
            .iter()
            .map(|(name, value, ty)| Variant {
                name: Rc::from(*name),
                values: value.iter().copied().collect(),
                ty: *ty,
            })
            .collect();
        let discriminant = Some(Discriminant { offset: 0, size: width });
        self.add(name, size, TypeKind::Enum { discriminant, variants, coroutine }, &[])
    }

    /// `Vec<T>`: capacity, pointer, length.
    pub fn vec(&self, element: TypeId) -> TypeId {
        let word = self.scalar("usize", 8);
        let pointer = self.pointer("*const u8", self.scalar("u8", 1));
        let fields = self.fields(&[("cap", 0, word), ("pointer", 8, pointer), ("len", 16, word)]);
        let name = format!("alloc::vec::Vec<{}, alloc::alloc::Global>", self.get(element).name);
        self.add(&name, 24, TypeKind::Struct { fields }, &[("T", element)])
    }
}

/// A heap under construction, with what its blocks hold.
#[derive(Default)]
pub struct MadeUpHeap {
    pub types: MadeUpTypes,
    blocks: Vec<(Block, Vec<u8>, Content)>,
    statics: Vec<(RuntimeAddress, Vec<u8>)>,
    roots: Vec<Root>,
    pub threads: Vec<Thread>,
    foreign: Vec<ForeignWord>,
}

pub fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl MadeUpHeap {
    pub fn block(&mut self, address: u64, bytes: Vec<u8>, content: Content) {
        self.block_behind(address, bytes, content);
        self.blocks.sort_by_key(|(block, _, _)| block.address);
    }

    /// A block behind all others.
    pub fn block_behind(&mut self, address: u64, bytes: Vec<u8>, content: Content) {
        let record = Block {
            address: RuntimeAddress(address),
            size: bytes.len() as u64,
            stack: StackId(1),
            epoch: 0,
            origin: Origin::Alloc,
        };
        self.blocks.push((record, bytes, content));
    }

    pub fn root(&mut self, address: u64, bytes: Vec<u8>, ty: TypeId) {
        self.statics.push((RuntimeAddress(address), bytes));
        let (name, address) = ("chat::STATIC".into(), RuntimeAddress(address));
        self.roots.push(Root { name, thread: None, call: None, die: None, address, ty, presence: Presence::Certain });
    }

    /// A thread-local of this thread of the snapshot.
    pub fn thread_local(&mut self, address: u64, bytes: Vec<u8>, ty: TypeId, thread: u32) {
        self.root(address, bytes, ty);
        let root = self.roots.last_mut().unwrap();
        (root.name, root.thread) = ("chat::CURRENT".into(), Some(thread));
    }

    /// A local of `chat::serve`, on the stack of this thread of the snapshot.
    pub fn local(&mut self, address: u64, bytes: Vec<u8>, ty: TypeId, presence: Presence) {
        self.root(address, bytes, ty);
        let call = Call { function: "chat::serve".into(), at: RuntimeAddress(0x42), further_in: 0 };
        let root = self.roots.last_mut().unwrap();
        (root.name, root.thread, root.call, root.presence) = ("local".into(), Some(0), Some(call.into()), presence);
    }

    /// Lets `look` look at it as it is now, with these threads.
    pub fn with<R>(&self, threads: &[Thread], look: impl FnOnce(&Heap<'_>) -> R) -> R {
        let blocks = self.blocks.iter().map(|(block, bytes, _)| (*block, bytes.clone())).collect();
        let contents: Vec<Content> = self.blocks.iter().map(|(_, _, content)| content.clone()).collect();
        let snapshot = Snapshot::made_up(blocks, self.statics.clone());
        let snapshot = snapshot.with_threads(threads.to_vec(), self.foreign.clone());
        let view = View { snapshot: &snapshot, types: &self.types };
        look(&Heap { view, contents: &contents, roots: &self.roots })
    }

    /// Writable memory that no static covers.
    pub fn segment(&mut self, address: u64, bytes: Vec<u8>) {
        self.statics.push((RuntimeAddress(address), bytes));
    }

    /// A thread with this on its stack, in its thread-local memory, and in its registers.
    pub fn thread(&mut self, stack: (u64, &[u64]), thread_locals: (u64, &[u64]), registers: &[u64]) {
        let mut region = |(address, content): (u64, &[u64])| {
            self.statics.push((RuntimeAddress(address), words(content)));
            Some(Region { start: RuntimeAddress(address), size: content.len() as u64 * 8 })
        };
        self.threads.push(Thread {
            id: 100 + self.threads.len() as u32,
            stack: region(stack),
            thread_locals: region(thread_locals),
            registers: registers.to_vec(),
            stopped: true,
            ..Thread::default()
        });
    }

    /// A word in another allocator's memory.
    pub fn foreign(&mut self, at: u64, value: u64) {
        self.foreign.push(ForeignWord { at: RuntimeAddress(at), value });
    }

    pub fn graph(&self) -> Graph {
        self.with(&self.threads, Graph::of)
    }

    /// The edges, written out: where the word is, where its block starts, and the kind; by address.
    pub fn edges(&self) -> Vec<(u64, u64, EdgeKind)> {
        let graph = self.graph();
        let inside = (0..graph.blocks() as u32).flat_map(|block| graph.from_block(block));
        let all = inside.chain(graph.from_outside());
        let mut edges: Vec<_> =
            all.map(|edge| (edge.at.0, self.blocks[edge.to as usize].0.address.0, edge.kind)).collect();
        edges.sort_unstable();
        edges
    }

    pub fn find(&self, wanted: &str) -> Vec<Instance> {
        struct Named<'a>(&'a str, Vec<TypeId>);
        impl Subject for Named<'_> {
            fn candidates(&self) -> &[TypeId] {
                &self.1
            }
            fn wants(&self, ty: &Type) -> bool {
                *ty.name == *self.0
            }
            fn wants_variant(&self, ty: &Type, variant: &str) -> bool {
                format!("{}::{variant}", ty.name) == self.0
            }
        }
        let all = self.types.0.borrow().len() as u32;
        let candidates = (0..all).map(TypeId).filter(|id| *self.types.get(*id).name == *wanted).collect();
        self.with(&[], |heap| find(heap.view, heap.contents, heap.roots, &Named(wanted, candidates)))
    }

    /// How many are certain, and how many possible.
    pub fn count(&self, wanted: &str) -> (usize, usize) {
        let found = self.find(wanted);
        let certain = found.iter().filter(|instance| instance.doubt.is_none()).count();
        (certain, found.len() - certain)
    }
}
