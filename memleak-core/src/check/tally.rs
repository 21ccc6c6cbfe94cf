//! Instances that are alike, put together, with who holds them.
//!
//! May use: `heap`, `debuginfo` (types only), `stack`.

use crate::check::holders::Holders;
use crate::check::ignores::{Held, Ignores, Matched};
use crate::check::standing::Sum;
use crate::check::values;
use crate::check::verdict::{Doubt, Group, Place};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::types::{TypeId, Types as _};
use crate::heap::contents::Content;
use crate::heap::instances::{self, Instance};
use crate::heap::naming::End;
use crate::heap::program::Program;
use crate::heap::retained::Retention;
use crate::query::body;
use crate::query::scene::{Frame, Relations, Scene, frames};
use crate::stack::StackId;
use std::collections::HashMap;
use std::rc::Rc;

/// Of how many instances of one kind the holders are looked up.
const ASKED: usize = 32;
/// Of how many kinds the holders are looked up: no more are shown.
pub(super) const EXPLAINED: usize = 20;

/// Instances that are alike: the same type, from the same place, with the same doubt.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    key: Key,
    pub(super) count: u64,
    before: u64,
    /// Some of them, by index.
    some: Vec<usize>,
    /// The blocks that they fill, each alone.
    whole_blocks: Vec<u32>,
    explained: Explained,
    /// What some of them hold, if that was asked for.
    values: Vec<String>,
}

/// Who holds instances, and what depends on them.
#[derive(Clone, Default, Debug)]
struct Explained {
    held: Holders,
    retained: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Key {
    type_name: String,
    size: u64,
    doubt: Option<Doubt>,
    place: Home,
    /// The ignores that name a holder of it.
    held: Vec<usize>,
}

/// Where instances are; the stack is looked up only for those that are shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Home {
    Block { inside: Option<String>, stack: StackId },
    Static(String),
    Stack { thread: String, function: String },
}

impl Tally {
    pub(super) fn is_certain(&self) -> bool {
        self.key.doubt.is_none()
    }

    /// The container that these instances may be in and that could not be read.
    pub(super) fn not_understood(&self) -> Option<&str> {
        match &self.key.doubt {
            Some(Doubt::NotUnderstood(container)) => Some(container),
            _ => None,
        }
    }

    fn sum(&self) -> Sum {
        match &self.key.doubt {
            None => Sum { certain: self.count, ..Sum::default() },
            Some(Doubt::NotUnderstood(_)) => Sum { not_understood: self.count, ..Sum::default() },
            Some(_) => Sum { possible: self.count, ..Sum::default() },
        }
    }

    /// What a verdict says of it.
    pub(super) fn group(&self, program: &Program) -> Group {
        let key = &self.key;
        let Explained { held: Holders { holders, more, advice }, retained } = self.explained.clone();
        Group {
            type_name: key.type_name.clone(),
            count: self.count,
            size: key.size,
            before: self.before,
            known: 0,
            doubt: key.doubt.clone(),
            place: match &key.place {
                Home::Static(name) => Place::Static(name.clone()),
                Home::Stack { thread, function } => Place::Stack { thread: thread.clone(), function: function.clone() },
                Home::Block { inside, stack } => {
                    Place::Block { inside: inside.clone(), stack: frames(program, *stack) }
                }
            },
            holders,
            more_holders: more,
            retained,
            values: self.values.clone(),
            advice,
        }
    }
}

/// All of these together.
pub(super) fn sum(tallies: &[Tally]) -> Sum {
    tallies.iter().map(Tally::sum).fold(Sum::default(), |a, b| Sum {
        certain: a.certain + b.certain,
        possible: a.possible + b.possible,
        not_understood: a.not_understood + b.not_understood,
    })
}

/// Puts alike instances together, the certain ones and the most frequent first. Those that an `ignore` matches are left out. Blocks of
/// an epoch before `body_epoch` were there before the body.
pub(super) fn tallies(
    scene: &Scene<'_>,
    instances: &[Instance],
    body_epoch: u32,
    (ignores, held): (&Ignores, &Held<'_>),
    matched: &mut Matched,
) -> Vec<Tally> {
    // There may be very many instances of few kinds: the key with its texts is made once for each kind.
    let mut kinds: HashMap<_, Key> = HashMap::new();
    let mut alike: HashMap<Key, Tally> = HashMap::new();
    for (index, instance) in instances.iter().enumerate() {
        let (place, before) = match instance.home {
            instances::Home::Root(root) => ((true, StackId::default(), root as u64), false),
            instances::Home::Block(block) => {
                let block = scene.snapshot.blocks()[block];
                ((false, block.stack, block.size), block.epoch < body_epoch)
            }
        };
        let held = held.of(instance);
        let kind = (Rc::as_ptr(&instance.type_name).addr(), instance.size, place, instance.doubt.clone(), held.clone());
        let key = kinds.entry(kind).or_insert_with(|| key(scene, instance, held));
        if !alike.contains_key(key) {
            let explained = Explained::default();
            let (some, whole_blocks, values) = (Vec::new(), Vec::new(), Vec::new());
            let tally = Tally { key: key.clone(), count: 0, before: 0, some, whole_blocks, explained, values };
            alike.insert(key.clone(), tally);
        }
        let Some(tally) = alike.get_mut(key) else { continue };
        tally.count += 1;
        tally.before += u64::from(before);
        if tally.some.len() < ASKED {
            tally.some.push(index);
        }
        if let (instances::Home::Block(block), Home::Block { inside: None, .. }) = (instance.home, &key.place) {
            tally.whole_blocks.push(block as u32);
        }
    }
    let mut tallies: Vec<Tally> =
        alike.into_values().filter(|tally| !is_ignored(scene, tally, ignores, matched)).collect();
    tallies.sort_by(|a, b| (!a.is_certain(), b.count, &a.key).cmp(&(!b.is_certain(), a.count, &b.key)));
    tallies
}

fn is_ignored(scene: &Scene<'_>, tally: &Tally, ignores: &Ignores, matched: &mut Matched) -> bool {
    if ignores.is_empty() {
        return false;
    }
    let stack = match &tally.key.place {
        Home::Block { stack, .. } => frames(scene.program, *stack),
        Home::Static(_) => Vec::new(),
        Home::Stack { function, .. } => {
            vec![Frame { function: function.clone(), location: None, kind: CodeKind::User }]
        }
    };
    let found = ignores.find(Some(&tally.key.type_name), &stack, &tally.key.held);
    if let Some(ignore) = found {
        matched.add(ignore, tally.count, tally.count * tally.key.size);
    }
    found.is_some()
}

/// What a scene knows of instances: those that are alike together, with who holds them.
pub fn groups(scene: &Scene<'_>, instances: &[Instance]) -> Vec<Group> {
    let (none, relations) = (Ignores::none(), Relations::of(scene));
    let mut tallies = tallies(scene, instances, body::begun(), (&none, &Held::default()), &mut none.nothing());
    explain(&relations, instances, &mut tallies, EXPLAINED);
    tallies.iter().map(|tally| tally.group(scene.program)).collect()
}

/// Finds out who holds the instances of each of the first kinds, and what they retain.
pub(super) fn explain(relations: &Relations<'_>, instances: &[Instance], tallies: &mut [Tally], most: usize) {
    let scene = relations.scene;
    let mut retention = Retention::new(&relations.graph);
    for tally in tallies.iter_mut().take(most) {
        let values = tally.some.iter().map(|index| &instances[*index]);
        let values = values.map(|value| (value.home, Some(End { address: value.address, name: &value.type_name })));
        let mut held = Holders::by(relations, values);
        let lost = |block: &u32| relations.reach.trust(*block).is_none();
        if held.holders.is_empty() && !tally.whole_blocks.is_empty() && tally.whole_blocks.iter().all(lost) {
            held = Holders::by_nothing(relations);
        }
        tally.explained.held = held;
        let all_whole = tally.whole_blocks.len() as u64 == tally.count && tally.count > 0;
        tally.explained.retained =
            all_whole.then(|| retention.of(&tally.whole_blocks, |block| scene.size(block)).bytes);
    }
}

/// Reads what some of the instances of each of the first kinds hold. What lives only possibly has bytes that may mean nothing.
pub(super) fn read_values(
    scene: &Scene<'_>,
    instances: &[Instance],
    tallies: &mut [Tally],
    most: usize,
    type_of: impl Fn(&Instance) -> Option<TypeId>,
) {
    for tally in tallies.iter_mut().take(most).filter(|tally| tally.is_certain()) {
        let some = tally.some.iter().take(values::SOME).map(|index| &instances[*index]);
        tally.values = some.filter_map(|one| Some(values::of(scene, one, type_of(one)?))).collect();
    }
}

fn key(scene: &Scene<'_>, instance: &Instance, held: Vec<usize>) -> Key {
    let place = match instance.home {
        instances::Home::Root(root) => home_of_root(scene, root),
        instances::Home::Block(block) => Home::Block {
            inside: container(scene, &scene.contents[block], instance),
            stack: scene.snapshot.blocks()[block].stack,
        },
    };
    let doubt = instance.doubt.as_ref().map(doubt);
    Key { type_name: instance.type_name.to_string(), size: instance.size, doubt, place, held }
}

/// A static by its name; a thread-local with that of its thread; of a local its thread and its function.
fn home_of_root(scene: &Scene<'_>, index: usize) -> Home {
    let root = &scene.roots[index];
    let thread = root.thread.and_then(|thread| scene.snapshot.threads().get(thread as usize));
    let thread = thread.map(|thread| thread.name.clone());
    match (&root.call, thread) {
        (Some(call), thread) => Home::Stack { thread: thread.unwrap_or_default(), function: call.function.to_string() },
        (None, Some(thread)) => Home::Static(format!("{} of thread {thread}", root.name)),
        (None, None) => Home::Static(root.name.to_string()),
    }
}

/// The type of the block around an instance, if it says more than the instance's own.
fn container(scene: &Scene<'_>, content: &Content, instance: &Instance) -> Option<String> {
    let types = scene.program.types();
    let (name, wrapper) = match content {
        Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => (types.get(*ty).name.clone(), ""),
        Content::Buffer(element) => (types.get(*element).name.clone(), "[_]"),
        Content::Table(element) => (types.get(*element).name.clone(), "table"),
        Content::Shared(_) | Content::OwnLayout { .. } | Content::Unknown => return None,
    };
    let alone = name == instance.type_name
        || ["alloc::sync::ArcInner<", "alloc::rc::RcInner<"]
            .iter()
            .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(&*instance.type_name)));
    match wrapper {
        "" if alone => None,
        "" => Some(name.to_string()),
        "[_]" => Some(format!("[{name}]")),
        _ => Some(format!("hash table of {name}")),
    }
}

/// The same in a verdict.
pub fn doubt(doubt: &instances::Doubt) -> Doubt {
    match doubt {
        instances::Doubt::Suspended(future) => Doubt::Suspended(future.to_string()),
        instances::Doubt::Captured(closure) => Doubt::Captured(closure.to_string()),
        instances::Doubt::MaybeUninit => Doubt::MaybeUninit,
        instances::Doubt::NoOwner => Doubt::NoOwner,
        instances::Doubt::NotUnderstood(container) => Doubt::NotUnderstood(container.to_string()),
        instances::Doubt::OnStack { function, .. } => Doubt::OnStack(function.to_string()),
        instances::Doubt::OwnLayout(function) => Doubt::OwnLayout(function.to_string()),
        instances::Doubt::Optimised => Doubt::Optimised,
    }
}
