//! What a leak is known by in every run of a test, on every machine: words without addresses, lines, or numbers that a compiler gives.

use super::{Look, backtrace};
use crate::check::verdict::{Group, Holder, LostGroup, Place};
use crate::heap::holders::{HeldBy, Way};
use crate::query::short::{short_block, short_function};
use memleak_report::hash;

/// The words of a leak.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fingerprint {
    /// What is wrong with it.
    pub kind: Kind,
    /// Its type.
    pub type_name: String,
    /// The user's functions on the stack that allocated it, innermost first, each once; or the static or thread stack that it lies in.
    pub allocated_in: Vec<String>,
    /// Who holds it, from the root on. Of very many holders only some are looked at, and not the same ones in every run.
    pub held_by: Vec<String>,
}

/// What is wrong with a leak.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// It lives.
    Live,
    /// It may.
    PossiblyLive,
    /// Nothing leads to it.
    Unreachable,
    /// It is a cycle, and nothing leads to that.
    UnreachableCycle,
}

/// The most functions of a stack. Further out it is by chance in which order things happened.
const MOST_FUNCTIONS: usize = 6;

impl Fingerprint {
    /// Of instances.
    pub fn of_instances(group: &Group, look: &Look) -> Fingerprint {
        let allocated_in = match &group.place {
            Place::Block { stack, .. } => functions(stack, look),
            Place::Static(name) => vec![format!("static {}", steady(name.split(" of thread ").next().unwrap_or(name)))],
            Place::Stack { function, .. } => vec![format!("the stack of {}", look.name(&short_function(function)))],
        };
        Fingerprint {
            kind: if group.doubt.is_some() { Kind::PossiblyLive } else { Kind::Live },
            type_name: type_name(&group.type_name, look),
            allocated_in,
            held_by: held_by(&group.holders, look),
        }
    }

    /// Of unreachable memory.
    pub fn of_lost(group: &LostGroup, look: &Look) -> Fingerprint {
        Fingerprint {
            kind: if group.cycle.is_some() { Kind::UnreachableCycle } else { Kind::Unreachable },
            type_name: type_name(group.type_name.as_deref().unwrap_or("unknown"), look),
            allocated_in: functions(&group.stack, look),
            held_by: Vec::new(),
        }
    }

    /// The same as one word.
    pub fn id(&self) -> String {
        let kind = match self.kind {
            Kind::Live => "live",
            Kind::PossiblyLive => "possibly-live",
            Kind::Unreachable => "unreachable",
            Kind::UnreachableCycle => "cycle",
        };
        let words =
            [std::slice::from_ref(&self.type_name), &self.allocated_in, &self.held_by].map(|words| words.join("\n"));
        format!("{kind}-{:016x}", hash::of(&words.join("\n\n")))
    }

    /// Whether both are of the same leak, as far as can be told: one holder in common is enough.
    pub fn is_alike(&self, other: &Fingerprint) -> bool {
        let key = |of: &Fingerprint| (of.kind, of.type_name.clone(), of.allocated_in.clone());
        let held = self.held_by.iter().any(|holder| other.held_by.contains(holder));
        key(self) == key(other) && (held || self.held_by.is_empty() && other.held_by.is_empty())
    }
}

fn type_name(name: &str, look: &Look) -> String {
    steady(&look.with_body_as_test(&short_block(name)))
}

fn functions(stack: &[crate::check::verdict::Frame], look: &Look) -> Vec<String> {
    let mut functions: Vec<String> = Vec::new();
    for function in backtrace::own_functions(stack, look) {
        let function = steady(&function);
        if !functions.contains(&function) {
            functions.push(function);
        }
    }
    functions.truncate(MOST_FUNCTIONS);
    functions
}

/// Where a thread is at the moment, and what it has on its stack besides, differs from run to run: that counts only if nothing else holds it.
fn held_by(holders: &[Holder], look: &Look) -> Vec<String> {
    let by_chance = |holder: &&Holder| {
        use HeldBy::{Foreign, Thread, ThreadMemory, UnnamedStatic};
        matches!(holder.way.root, Thread { .. } | ThreadMemory { .. } | Foreign | UnnamedStatic)
    };
    let (others, named): (Vec<&Holder>, Vec<&Holder>) = holders.iter().partition(by_chance);
    let shown = if named.is_empty() { others } else { named };
    let mut words: Vec<String> = shown.iter().filter_map(|holder| way(holder, look)).collect();
    words.sort();
    words.dedup();
    words
}

fn way(holder: &Holder, look: &Look) -> Option<String> {
    let root = match &holder.way.root {
        HeldBy::Static { name, .. } => format!("static {name}"),
        HeldBy::ThreadLocal { name, .. } => format!("thread-local {name}"),
        HeldBy::Task(task) => format!("task {}", look.future(&task.future)),
        HeldBy::Local { function, name, .. } => format!("local {name} in {}", look.name(&short_function(function))),
        HeldBy::Thread { .. } => "the stack of a thread".to_owned(),
        HeldBy::ThreadMemory { .. } => "thread-local memory".to_owned(),
        HeldBy::UnnamedStatic => "a static without a name".to_owned(),
        HeldBy::Foreign => "memory of another allocator".to_owned(),
        HeldBy::Nothing => return None,
    };
    let parts = holder.way.hops.iter().flat_map(|hop| &hop.way).map(|part| match part {
        Way::Field(name) => format!(".{name}"),
        Way::Future { future, .. } => format!("future {}", look.future(future)),
        Way::Local(name) => format!("local {name}"),
        Way::Captured(name) => format!("captured {name}"),
        Way::Index(_) => "[_]".to_owned(),
        Way::Key => "[key]".to_owned(),
        Way::Value => "[value]".to_owned(),
        Way::Message => "[message]".to_owned(),
        Way::Variant(name) => format!("({name})"),
        Way::Unknown => "?".to_owned(),
    });
    let words: Vec<String> = [root].into_iter().chain(parts).collect();
    Some(steady(&look.with_body_as_test(&words.join(" "))))
}

/// Without the numbers of closures, futures and `impl` blocks: another one in front of it changes them.
fn steady(name: &str) -> String {
    let mut parts = name.split('#');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == part.len() || !rest.starts_with('}') {
            text.push('#');
            text += part;
        } else {
            text += rest;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::steady;

    #[test]
    fn numbers_of_the_compiler_are_left_out() {
        assert_eq!(
            steady("chat::{impl#3}::serve::{async_fn_env#0}<r#type, [u8; 3]>"),
            "chat::{impl}::serve::{async_fn_env}<r#type, [u8; 3]>"
        );
        assert_eq!(steady("a#1 b#"), "a#1 b#");
    }
}
