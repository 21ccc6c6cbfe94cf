//! What is held by something with a name: a static, a thread-local, a thread, a task, a value of a type, a field.
//!
//! May use: `heap`, `debuginfo`.

use crate::debuginfo::code::CodeKind;
use crate::debuginfo::names;
use crate::debuginfo::types::{TypeId, TypeKind, Types as _};
use crate::heap::graph::{Edge, Source};
use crate::heap::instances::{Home, Instance};
use crate::heap::interior;
use crate::heap::places::{Part, Step};
use crate::heap::reach::Reach;
use crate::query::copy::Copy;
use crate::query::nearest::{Candidate, nearest};
use crate::query::pattern::Pattern;
use crate::query::read::field_name;
use crate::query::subjects::{NameError, every_name};
use std::collections::HashMap;
use std::rc::Rc;

/// Something that holds others.
struct Holder {
    /// The static, thread, task or type; none if any value may have the field.
    owner: Option<Pattern>,
    /// As written: a thread's name need not be a pattern.
    written: String,
    field: Option<String>,
}

/// Which of `objects` are held by what is called `written`: a path of owners leads from there to them, or they lie in it.
///
/// # Errors
/// When there is nothing of this name.
pub fn held_by(copy: &Copy, written: &str, objects: &[Instance]) -> Result<Vec<bool>, NameError> {
    let holder = Holder::parse(written)?;
    let mut search = Search { copy, holder: &holder, known: HashMap::new() };
    let graph = &copy.links().graph;
    let inside = (0..graph.blocks() as u32).flat_map(|block| graph.from_block(block));
    let edges = inside.chain(graph.from_outside());
    let mut starts: Vec<u32> = edges.filter(|edge| search.leads_from_holder(edge)).map(|edge| edge.to).collect();
    starts.sort_unstable();
    starts.dedup();
    let reach = Reach::from(graph, &starts);
    let held = |object: &Instance| {
        let reached = matches!(object.home, Home::Block(block) if reach.trust(block as u32).is_some());
        reached || search.lies_in_holder(object)
    };
    let held: Vec<bool> = objects.iter().map(held).collect();
    if starts.is_empty() && !held.contains(&true) {
        holder.check(copy)?;
    }
    Ok(held)
}

impl Holder {
    fn parse(written: &str) -> Result<Holder, NameError> {
        let (owner, field) = match written.rsplit_once('.') {
            Some((owner, field)) => (owner, Some(field.trim().to_owned())),
            None => (written, None),
        };
        let pattern = if owner.trim().is_empty() && field.is_some() {
            None
        } else {
            Some(Pattern::parse(owner).map_err(NameError::Pattern)?)
        };
        Ok(Holder { owner: pattern, written: owner.trim().to_owned(), field })
    }

    /// Whether the steps from a value down to a part of it pass what is meant; `named` says that the value itself is called so.
    fn is_on(&self, types: &dyn crate::debuginfo::types::Types, steps: &[Step], named: bool) -> bool {
        let is_owner = |ty: TypeId| match &self.owner {
            None => true,
            Some(pattern) => {
                let name = &types.get(ty).name;
                // A future is called as the function that it is of.
                pattern.matches(name) || name.ends_with('}') && pattern.matches_function(name)
            }
        };
        let Some(wanted) = &self.field else { return named || steps.iter().any(|step| is_owner(step.ty)) };
        let is_field = |part: &Part| match part {
            Part::Field(name) | Part::Local(name) | Part::Overlapping(name) => *field_name(name) == **wanted,
            _ => false,
        };
        // The field of a variant is that of its enum.
        let mut around: Vec<TypeId> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            if is_field(&step.part) && (named && index <= 2 || around.iter().rev().take(2).any(|ty| is_owner(*ty))) {
                return true;
            }
            around.push(step.ty);
        }
        false
    }

    /// Whether there is anything of this name in the program.
    fn check(&self, copy: &Copy) -> Result<(), NameError> {
        let types = copy.scene.program.types();
        let Some(owner) = &self.owner else { return Ok(()) };
        let is_static = |name: &str| owner.matches(name);
        if copy.scene.roots.iter().any(|root| is_static(&root.name)) || self.is_thread(copy) {
            return Ok(());
        }
        let found = names::find(types, owner.last_segment(), &|name| owner.matches(name))?;
        let has_field = |ty: TypeId| match &types.get(ty).kind {
            TypeKind::Struct { fields } => {
                fields.iter().any(|field| Some(&*field_name(&field.name)) == self.field.as_deref())
            }
            _ => true,
        };
        if found.iter().any(|found| self.field.is_none() || has_field(types.id_of(found.die))) {
            return Ok(());
        }
        let all = every_name(types)?;
        let is_future = |name: &str| name.ends_with('}') && owner.matches_function(name);
        if found.is_empty() && all.iter().any(|(name, _)| is_future(name)) {
            return Ok(());
        }
        let statics = copy.scene.roots.iter().map(|root| (Rc::clone(&root.name), CodeKind::User));
        let all: Vec<_> = all.iter().cloned().chain(statics).collect();
        let candidates = all.iter().map(|(name, kind)| Candidate { name, kind: *kind });
        Err(NameError::Unknown { resolved: false, nearest: nearest(&self.written, candidates), instead: None })
    }

    fn is_thread(&self, copy: &Copy) -> bool {
        self.field.is_none() && copy.scene.snapshot.threads().iter().any(|thread| thread.name == self.written)
    }
}

struct Search<'a> {
    copy: &'a Copy,
    holder: &'a Holder,
    /// By type and offset, where that is the same for each value of the type.
    known: HashMap<(TypeId, u64), bool>,
}

impl Search<'_> {
    fn leads_from_holder(&mut self, edge: &Edge) -> bool {
        let scene = &self.copy.scene;
        let thread = |index: u32| {
            let named = scene.snapshot.threads().get(index as usize);
            self.holder.field.is_none() && named.is_some_and(|thread| thread.name == self.holder.written)
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
        let named = self.holder.owner.as_ref().is_some_and(|owner| owner.matches(name));
        self.holder.is_on(self.copy.scene.program.types(), steps, named)
    }

    /// Whether the object is a part of the holder, or of a value in it.
    fn lies_in_holder(&self, object: &Instance) -> bool {
        let scene = &self.copy.scene;
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
