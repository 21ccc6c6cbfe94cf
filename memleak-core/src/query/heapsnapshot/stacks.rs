//! Where the blocks of a file were allocated: a tree of functions, from the outermost in.

use super::strings::Strings;
use crate::debuginfo::code::CodeKind;
use crate::heap::program::Program;
use crate::query::scene::{Frame, frames};
use crate::query::short::short_function;
use crate::stack::StackId;
use crate::tracker::Traffic;
use std::collections::HashMap;

/// The tree. Its first node, and the first function, stands for all.
pub(super) struct Stacks {
    pub(super) functions: Vec<Function>,
    pub(super) nodes: Vec<Node>,
    /// By the number of the stack: that of its node, counted from 1; 0 if it was not asked for.
    of_stack: Vec<u32>,
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Function {
    /// In the texts.
    pub(super) name: u32,
    /// In the texts; the empty one if it is not known.
    pub(super) file: u32,
    /// 0 if it is not known.
    pub(super) line: u32,
}

/// A call, with all calls around it.
#[derive(Clone, Default, Debug)]
pub(super) struct Node {
    pub(super) function: u32,
    /// How often it has allocated itself, and how much.
    pub(super) allocations: u64,
    pub(super) bytes: u64,
    pub(super) children: Vec<u32>,
}

impl Stacks {
    /// Those of `wanted`, which has some of them often, with what was allocated there so far.
    pub(super) fn of(
        program: &Program,
        wanted: impl Iterator<Item = StackId>,
        traffic: &[Traffic],
        strings: &mut Strings,
    ) -> Stacks {
        let all = Function { name: strings.of("(root)"), file: strings.of(""), line: 0 };
        let mut stacks = Stacks { functions: vec![all], nodes: vec![Node::default()], of_stack: Vec::new() };
        let traffic: HashMap<StackId, &Traffic> = traffic.iter().map(|entry| (entry.stack, entry)).collect();
        let mut functions = HashMap::new();
        let mut children = HashMap::new();
        for stack in wanted {
            if stacks.node(stack) != 0 {
                continue;
            }
            let mut at = 0;
            for frame in told(&frames(program, stack)).iter().rev() {
                let function = stacks.function(frame, &mut functions, strings);
                at = *children.entry((at, function)).or_insert_with(|| stacks.child(at, function));
            }
            if let Some(entry) = traffic.get(&stack) {
                let node = &mut stacks.nodes[at as usize];
                node.allocations += entry.allocations;
                node.bytes += entry.bytes;
            }
            let number = stack.0 as usize;
            if stacks.of_stack.len() <= number {
                stacks.of_stack.resize(number + 1, 0);
            }
            stacks.of_stack[number] = at + 1;
        }
        stacks
    }

    fn function(&mut self, frame: &Frame, known: &mut HashMap<Function, u32>, strings: &mut Strings) -> u32 {
        let (file, line) = frame.location.as_ref().map_or(("", 0), |(file, line)| (file, *line));
        let name = short_function(&frame.function);
        let function = Function { name: strings.of(&name), file: strings.of(file), line };
        *known.entry(function).or_insert_with(|| {
            self.functions.push(function);
            self.functions.len() as u32 - 1
        })
    }

    fn child(&mut self, of: u32, function: u32) -> u32 {
        let child = self.nodes.len() as u32;
        self.nodes.push(Node { function, ..Node::default() });
        self.nodes[of as usize].children.push(child);
        child
    }

    /// The number of the node of a stack; they are counted from 1, and 0 is none.
    pub(super) fn node(&self, stack: StackId) -> u32 {
        self.of_stack.get(stack.0 as usize).copied().unwrap_or(0)
    }
}

/// The frames that say something: not those of the allocator and the containers on top of it, nor those of the harness below the user's.
fn told(frames: &[Frame]) -> &[Frame] {
    let first = frames.iter().position(|frame| frame.kind != CodeKind::Std && !is_own(frame));
    let last = frames.iter().rposition(|frame| frame.kind == CodeKind::User);
    match (first, last) {
        (Some(first), Some(last)) if first <= last => &frames[first..=last],
        (Some(first), _) => &frames[first..],
        (None, _) => &frames[frames.iter().take_while(|frame| is_own(frame)).count()..],
    }
}

/// memleak's.
fn is_own(frame: &Frame) -> bool {
    let function = frame.function.trim_start_matches('<');
    ["memleak::", "memleak_core::"].iter().any(|path| function.starts_with(path))
}
