//! The instances of an expectation that does not hold: where they were allocated and who holds them. Groups that read alike are put together.

use super::backtrace::{self, Stacks};
use super::holder::{self, Positions};
use super::{Ink, Look, advice, count, help, labelled, size};
use crate::check::verdict::{Doubt, Group, Place};
use crate::query::short::{short, short_block, short_function};
use std::collections::HashMap;

/// The most groups shown of one expectation.
const MOST_GROUPS: usize = 20;

/// Groups that read alike: of one type, first allocated by one line of the user's, held in the same way.
pub(super) struct Alike<'a> {
    pub(super) first: &'a Group,
    pub(super) count: u64,
    pub(super) before: u64,
    pub(super) known: u64,
    pub(super) retained: Option<u64>,
    pub(super) stacks: Stacks<'a>,
    pub(super) positions: Positions,
}

/// The certain groups, then the doubtful ones apart.
pub(super) fn describe(groups: &[Group], look: &Look, lines: &mut Vec<String>) {
    let groups = alike(groups.iter().filter(|group| group.known < group.count), look);
    let (doubtful, certain): (Vec<&Alike<'_>>, Vec<&Alike<'_>>) =
        groups.iter().partition(|group| group.first.doubt.is_some());
    for group in certain.iter().chain(&doubtful).take(MOST_GROUPS) {
        one(group, look, lines);
    }
    let left: Vec<&&Alike<'_>> = certain.iter().chain(&doubtful).skip(MOST_GROUPS).collect();
    if !left.is_empty() {
        let instances = left.iter().map(|group| group.count).sum();
        lines.push(String::new());
        lines.push(format!(
            "  … {} at {} not shown",
            count(instances, "more instance"),
            count(left.len() as u64, "other place")
        ));
    }
    if certain.is_empty() && !doubtful.is_empty() {
        lines.push(String::new());
        lines
            .push("  memleak cannot decide whether these are alive; with `possibly = \"fail\"` they count.".to_owned());
    }
}

/// What is doubtful, each kind in a line.
pub(super) fn in_lines(groups: &[Group], besides: &str, look: &Look) -> Vec<String> {
    /// The most lines of one expectation.
    const MOST: usize = 3;
    let alike = alike(groups.iter(), look);
    let mut lines: Vec<String> = alike
        .iter()
        .take(MOST)
        .map(|alike| {
            let group = alike.first;
            let are = if alike.count == 1 { "is" } else { "are" };
            let reason = group.doubt.as_ref().map(reason).unwrap_or_default();
            let place = match &group.place {
                Place::Static(name) => Some(format!(", in static {name}")),
                Place::Stack { thread, .. } => Some(format!(", on the stack of {}", holder::of_thread(thread))),
                Place::Block { stack, .. } => {
                    backtrace::first_place(stack, look).map(|place| format!(", allocated at {place}"))
                }
            };
            let name = short(&group.type_name);
            let place = place.unwrap_or_default();
            format!("{} `{name}` {are} possibly live{besides}: {reason}{place}", alike.count)
        })
        .collect();
    let left: u64 = alike.iter().skip(MOST).map(|alike| alike.count).sum();
    if left > 0 {
        lines.push(format!("{left} more are possibly live at other places"));
    }
    lines
}

/// Puts groups together that a reader could not tell apart.
pub(super) fn alike<'a>(groups: impl Iterator<Item = &'a Group>, look: &Look) -> Vec<Alike<'a>> {
    let mut keys = Vec::new();
    let mut by_type_and_place: HashMap<_, Vec<usize>> = HashMap::new();
    let mut all: Vec<Alike<'_>> = Vec::new();
    for group in groups {
        let (place, stack) = match &group.place {
            Place::Static(name) => (Some(name), &[][..]),
            Place::Stack { function, .. } => (Some(function), &[][..]),
            Place::Block { inside, stack } => (inside.as_ref(), &stack[..]),
        };
        let held: Vec<_> = group.holders.iter().map(|holder| holder::lines(holder, Positions::Any, look)).collect();
        let from = backtrace::from_first_shown(stack).first();
        let near = (&group.type_name, from.map(|frame| (&frame.function, &frame.location)));
        let near = by_type_and_place.entry(near).or_default();
        let key = (group.size, &group.doubt, place, held, &group.advice);
        if let Some(&index) = near.iter().find(|other| keys[**other] == key) {
            let alike = &mut all[index];
            alike.count += group.count;
            alike.before += group.before;
            alike.known += group.known;
            alike.retained = alike.retained.zip(group.retained).map(|(a, b)| a + b);
            alike.stacks.add(stack);
            alike.positions = Positions::Any;
        } else {
            near.push(keys.len());
            keys.push(key);
            let Group { count, before, known, retained, .. } = *group;
            let positions = Positions::Shown;
            all.push(Alike { first: group, count, before, known, retained, stacks: Stacks::of(stack), positions });
        }
    }
    all
}

fn one(alike: &Alike<'_>, look: &Look, lines: &mut Vec<String>) {
    let group = alike.first;
    let live = if group.doubt.is_some() { "possibly live" } else { "live" };
    let each = if alike.count == 1 { "" } else { " each" };
    let mut title = format!(
        "  {}  {} {live}, {}{each}",
        look.paint(Ink::Name, &short(&group.type_name)),
        alike.count,
        size(group.size)
    );
    if let Some(retained) = alike.retained.filter(|retained| *retained > alike.count * group.size) {
        title += &format!(", {} retained", size(retained));
    }
    lines.push(String::new());
    lines.push(title);
    if let Some(doubt) = &group.doubt {
        labelled("not certain", vec![reason(doubt)], lines);
    }
    match &group.place {
        Place::Static(name) => labelled("in static", vec![look.paint(Ink::Place, name)], lines),
        Place::Stack { thread, function } => {
            labelled(
                "on stack",
                vec![format!("of {}, in {}", holder::of_thread(thread), look.name(&short_function(function)))],
                lines,
            );
        }
        Place::Block { inside, .. } => {
            if let Some(inside) = inside {
                labelled("as part of", vec![container(inside, &group.type_name)], lines);
            }
            labelled("allocated at", alike.stacks.lines(look), lines);
        }
    }
    holder::describe(&group.holders, group.more_holders, alike.positions, look, lines);
    let before = match (alike.before, alike.count) {
        (0, _) => None,
        (before, count) if before < count => Some(format!("{before} of them lived before the test began")),
        (_, 1) => Some("it lived before the test began".to_owned()),
        _ => Some("all of them lived before the test began".to_owned()),
    };
    labelled("before", before.into_iter().collect(), lines);
    labelled("known", known(alike.known), lines);
    lines.extend(group.advice.as_ref().map(|what| help(&advice::text(what, look), look)));
}

/// How many of leaks that are alike are known.
pub(super) fn known(known: u64) -> Vec<String> {
    if known == 0 { Vec::new() } else { vec![format!("{known} of them")] }
}

/// What contains the instances: a type, or a buffer of which they are the elements.
fn container(inside: &str, type_name: &str) -> String {
    let elements = inside.strip_prefix('[').and_then(|inside| inside.strip_suffix(']'));
    match elements {
        Some(elements) if elements == type_name => "a buffer of them, as a Vec has".to_owned(),
        Some(elements) => format!("a buffer of {}, as a Vec has", short(elements)),
        None => short_block(inside),
    }
}

pub(super) fn reason(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Suspended(future) => format!(
            "a local of the suspended future {}, which may have moved or dropped it before this await",
            short(future)
        ),
        Doubt::Captured(closure) => {
            format!("captured by {}, which may be running and have moved or dropped it", short(closure))
        }
        Doubt::MaybeUninit => {
            "in memory that need not hold a value: a union, `MaybeUninit` or `ManuallyDrop`".to_owned()
        }
        Doubt::NoOwner => {
            "in a buffer whose owner was not found, so which of its slots are in use is not known".to_owned()
        }
        Doubt::NotUnderstood(container) => {
            format!("in a {} whose contents make no sense to memleak", short(container))
        }
        Doubt::OnStack(function) => format!(
            "a local of {}, which a live thread is in and which may have moved or dropped it",
            short_function(function)
        ),
        Doubt::OwnLayout(function) => {
            format!("perhaps in a block that {} laid out itself", short_function(function))
        }
        Doubt::Optimised => {
            "in a block whose type only the stack that allocated it tells, and optimisation may have changed that"
                .to_owned()
        }
    }
}
