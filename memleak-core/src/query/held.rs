//! What is held by something with a name: a static, a thread-local, a thread, a task, a value of a type, a field.
//!
//! May use: `heap`, `debuginfo`.

use crate::debuginfo::code::CodeKind;
use crate::debuginfo::names;
use crate::debuginfo::types::{TypeId, TypeKind, Types};
use crate::heap::graph::{Edge, Graph, Source};
use crate::heap::instances::{Home, Instance};
use crate::heap::interior;
use crate::heap::places::{Part, Step};
use crate::heap::reach::Reach;
use crate::query::nearest::{Candidate, nearest};
use crate::query::pattern::{Pattern, PatternError};
use crate::query::read::field_name;
use crate::query::scene::Scene;
use crate::query::subjects::{NameError, every_name};
use std::collections::HashMap;
use std::rc::Rc;

/// Something that holds others.
#[derive(Debug)]
pub struct Holder {
    /// The static, task or type.
    owner: Owner,
    /// All of it: it may be a thread's name.
    written: String,
    field: Option<String>,
}

#[derive(Debug)]
enum Owner {
    /// Any value may have the field.
    Any,
    Named(Pattern),
    /// Only a thread can be called so.
    NotAPattern(PatternError),
}

impl Holder {
    /// Reads the text. What is wrong with it is said when it is known that no thread is called so.
    pub fn parse(written: &str) -> Holder {
        let written = written.trim();
        let (owner, field) = match written.rsplit_once('.') {
            Some((owner, field)) => (owner.trim(), Some(field.trim().to_owned())),
            None => (written, None),
        };
        let owner = match Pattern::parse(owner) {
            _ if owner.is_empty() && field.is_some() => Owner::Any,
            Ok(pattern) => Owner::Named(pattern),
            Err(error) => Owner::NotAPattern(error),
        };
        Holder { owner, written: written.to_owned(), field }
    }

    /// What it holds in this scene.
    ///
    /// # Errors
    /// When there is nothing of this name, or it is none.
    pub fn holds<'a>(&'a self, scene: &'a Scene<'a>, graph: &Graph) -> Result<Held<'a>, NameError> {
        let mut search = Search { scene, holder: self, known: HashMap::new() };
        let inside = (0..graph.blocks() as u32).flat_map(|block| graph.from_block(block));
        let edges = inside.chain(graph.from_outside());
        let mut starts: Vec<u32> = edges.filter(|edge| search.leads_from_holder(edge)).map(|edge| edge.to).collect();
        starts.sort_unstable();
        starts.dedup();
        if starts.is_empty() {
            self.check(scene)?;
        }
        Ok(Held { reach: Reach::from(graph, &starts), search })
    }

    /// Whether the steps from a value down to a part of it pass what is meant; `named` says that the value itself is called so.
    fn is_on(&self, types: &dyn Types, steps: &[Step], named: bool) -> bool {
        let is_owner = |ty: TypeId| match &self.owner {
            Owner::Any => true,
            Owner::Named(pattern) => {
                let name = &types.get(ty).name;
                // A future is called as the function that it is of.
                pattern.matches(name) || name.ends_with('}') && pattern.matches_function(name)
            }
            Owner::NotAPattern(_) => false,
        };
        let Some(wanted) = &self.field else { return named || steps.iter().any(|step| is_owner(step.ty)) };
        let is_field = |part: &Part| match part {
            Part::Field(name) | Part::Local(name) | Part::Overlapping(name) => *field_name(name) == **wanted,
            _ => false,
        };
        // The field of a variant is that of its enum.
        let mut around: Vec<TypeId> = Vec::new();
        for step in steps {
            if is_field(&step.part) && (named || around.iter().rev().take(2).any(|ty| is_owner(*ty))) {
                return true;
            }
            around.push(step.ty);
        }
        false
    }

    /// Whether there is anything of this name in the program.
    fn check(&self, scene: &Scene<'_>) -> Result<(), NameError> {
        let types = scene.program.types();
        if self.is_thread(scene) {
            return Ok(());
        }
        let owner = match &self.owner {
            Owner::Any => return Ok(()),
            Owner::Named(owner) => owner,
            Owner::NotAPattern(error) => return Err(NameError::Pattern(error.clone())),
        };
        let has_field_inside = |ty| self.field.as_deref().is_none_or(|field| has_field(types, ty, field, DEEPEST));
        if scene.roots.iter().any(|root| owner.matches(&root.name) && has_field_inside(root.ty)) {
            return Ok(());
        }
        let found = names::find(types, owner.last_segment(), &|name| owner.matches(name))?;
        let is_there = |ty| self.field.as_deref().is_none_or(|field| has_field(types, ty, field, VARIANT));
        if found.iter().any(|found| is_there(types.id_of(found.die))) {
            return Ok(());
        }
        let all = every_name(types)?;
        let is_future = |name: &str| name.ends_with('}') && owner.matches_function(name);
        if found.is_empty() && all.iter().any(|(name, _)| is_future(name)) {
            return Ok(());
        }
        let statics = scene.roots.iter().map(|root| (Rc::clone(&root.name), CodeKind::User));
        let all: Vec<_> = all.iter().cloned().chain(statics).collect();
        let candidates = all.iter().map(|(name, kind)| Candidate { name, kind: *kind });
        Err(NameError::Unknown { resolved: false, nearest: nearest(&self.written, candidates), instead: None })
    }

    fn is_thread(&self, scene: &Scene<'_>) -> bool {
        scene.snapshot.threads().iter().any(|thread| thread.name == self.written)
    }
}

/// How many structs are between a static and the fields of what it holds: locks, cells and such that are made when they are first used.
const DEEPEST: u32 = 12;
/// The fields of a variant are those of its enum.
const VARIANT: u32 = 1;

/// Whether a value of the type has a field of this name, or a part of it has, at most so many types further in.
fn has_field(types: &dyn Types, ty: TypeId, name: &str, depth: u32) -> bool {
    let inside = |ty| depth > 0 && has_field(types, ty, name, depth - 1);
    match &types.get(ty).kind {
        TypeKind::Struct { fields } | TypeKind::Union { fields } => {
            fields.iter().any(|field| *field_name(&field.name) == *name || inside(field.ty))
        }
        TypeKind::Enum { variants, .. } => variants.iter().any(|variant| inside(variant.ty)),
        TypeKind::Array { element, .. } => inside(*element),
        TypeKind::Scalar | TypeKind::Pointer { .. } | TypeKind::Opaque => false,
    }
}

/// What a holder holds.
pub struct Held<'a> {
    reach: Reach,
    search: Search<'a>,
}

impl Held<'_> {
    /// Whether this object is among it: a path of owners leads from the holder to it, or it lies in the holder.
    pub fn contains(&self, object: &Instance) -> bool {
        let reached = matches!(object.home, Home::Block(block) if self.reach.trust(block as u32).is_some());
        reached || self.search.lies_in_holder(object)
    }
}

struct Search<'a> {
    scene: &'a Scene<'a>,
    holder: &'a Holder,
    /// By type and offset, where that is the same for each value of the type.
    known: HashMap<(TypeId, u64), bool>,
}

impl Search<'_> {
    fn leads_from_holder(&mut self, edge: &Edge) -> bool {
        let scene = self.scene;
        let thread = |index: u32| {
            scene.snapshot.threads().get(index as usize).is_some_and(|thread| thread.name == self.holder.written)
        };
        match edge.from {
            Source::Stack(index) | Source::Register(index) | Source::ThreadMemory(index) => thread(index),
            Source::Segment | Source::Foreign => false,
            Source::Root(index) => {
                let root = &scene.roots[index as usize];
                let descent = scene.view().descend(root.ty, root.address, edge.at);
                root.thread.is_some_and(thread) || self.in_root(&root.name, &descent.steps)
            }
            Source::Block(block) => {
                let Some((ty, start)) = interior::value_at(&scene.heap(), block, edge.at) else { return false };
                let offset = edge.at.0.wrapping_sub(start.0);
                if let Some(known) = self.known.get(&(ty, offset)) {
                    return *known;
                }
                let descent = scene.view().descend(ty, start, edge.at);
                let found = self.holder.is_on(scene.program.types(), &descent.steps, false);
                if descent.fixed {
                    self.known.insert((ty, offset), found);
                }
                found
            }
        }
    }

    fn in_root(&self, name: &str, steps: &[Step]) -> bool {
        let named = matches!(&self.holder.owner, Owner::Named(owner) if owner.matches(name));
        self.holder.is_on(self.scene.program.types(), steps, named)
    }

    /// Whether the object is a part of the holder, or of a value in it.
    fn lies_in_holder(&self, object: &Instance) -> bool {
        let scene = self.scene;
        let types = scene.program.types();
        match object.home {
            Home::Root(index) => {
                let root = &scene.roots[index];
                self.in_root(&root.name, &scene.view().descend(root.ty, root.address, object.address).steps)
            }
            Home::Block(block) => {
                let Some((ty, start)) = interior::value_at(&scene.heap(), block as u32, object.address) else {
                    return false;
                };
                let mut steps = scene.view().descend(ty, start, object.address).steps;
                // The object does not hold itself.
                let own = steps
                    .iter()
                    .position(|step| step.address == object.address && *types.get(step.ty).name == *object.type_name);
                if self.holder.field.is_none() {
                    steps.truncate(own.unwrap_or(steps.len()));
                } else if let Some(own) = own {
                    steps.truncate(own + 1);
                }
                self.holder.is_on(types, &steps, false)
            }
        }
    }
}
