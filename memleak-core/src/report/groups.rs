//! The instances of an expectation that does not hold: where they were allocated and who holds them. Groups that read alike are put together.

use super::holder::{self, Positions};
use super::{Ink, Look, backtrace, count, help, labelled, size};
use crate::check::verdict::{Advice, Doubt, Frame, Group, Missed, Place};
use crate::query::short::{short, short_function};

/// The most groups shown of one expectation.
const MOST_GROUPS: usize = 20;

/// Groups that read alike: of one type, first allocated by one line of the user's, held in the same way.
struct Alike<'a> {
    first: &'a Group,
    count: u64,
    before: u64,
    retained: Option<u64>,
    /// The stack as far as it is the same in all, and from how many places that was called.
    stack: Vec<Frame>,
    callers: Vec<&'a [Frame]>,
    positions: Positions,
}

/// The certain groups, then the doubtful ones apart.
pub(super) fn describe(missed: &Missed, look: &Look, lines: &mut Vec<String>) {
    let groups = alike(&missed.groups, look);
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
        lines.push("  memleak cannot decide whether these are alive, and does not call that a pass.".to_owned());
    }
}

/// Puts groups together that a reader could not tell apart.
fn alike<'a>(groups: &'a [Group], look: &Look) -> Vec<Alike<'a>> {
    let mut keys = Vec::new();
    let mut all: Vec<Alike<'_>> = Vec::new();
    for group in groups {
        let (place, from) = match &group.place {
            Place::Static(name) => (Some(name.clone()), &[][..]),
            Place::Block { inside, stack } => (inside.clone(), backtrace::from_first_shown(stack)),
        };
        let held: Vec<_> = group.holders.iter().map(|holder| holder::lines(holder, Positions::Any, look)).collect();
        let key = (&group.type_name, group.size, &group.doubt, place, from.first(), held, &group.advice);
        match keys.iter().position(|other| *other == key) {
            Some(index) => all[index].add(group, from),
            None => {
                keys.push(key);
                all.push(Alike {
                    first: group,
                    count: group.count,
                    before: group.before,
                    retained: group.retained,
                    stack: match &group.place {
                        Place::Static(_) => Vec::new(),
                        Place::Block { stack, .. } => stack.clone(),
                    },
                    callers: vec![from],
                    positions: Positions::Shown,
                });
            }
        }
    }
    all
}

impl<'a> Alike<'a> {
    fn add(&mut self, group: &'a Group, from: &'a [Frame]) {
        self.count += group.count;
        self.before += group.before;
        self.retained = self.retained.zip(group.retained).map(|(a, b)| a + b);
        self.positions = Positions::Any;
        if !self.callers.contains(&from) {
            self.callers.push(from);
            let same = self.callers[0].iter().zip(from).take_while(|(a, b)| a == b).count();
            let inner = self.stack.len().min(self.inner() + same);
            self.stack.truncate(inner);
        }
    }

    /// How many frames of the stack come before the first that is shown.
    fn inner(&self) -> usize {
        let Place::Block { stack, .. } = &self.first.place else { return 0 };
        stack.len() - self.callers[0].len()
    }
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
        Place::Block { inside, .. } => {
            if let Some(inside) = inside {
                labelled("as part of", vec![container(inside, &group.type_name)], lines);
            }
            let mut stack = backtrace::lines(&alike.stack, look);
            if alike.callers.len() > 1 {
                let places = format!("… called from {} places", alike.callers.len());
                stack.push(look.paint(Ink::Aside, &places));
            }
            labelled("allocated at", stack, lines);
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
    lines.extend(group.advice.as_ref().map(|what| help(&advice(what), look)));
}

/// What to do about a leak, in one line.
pub(super) fn advice(advice: &Advice) -> String {
    match advice {
        Advice::Remove { from } => format!("{from} still has it: take it out when it is done with"),
        Advice::EndTask { future } => {
            format!("the task {} has not ended: let what it awaits happen, or abort it", short_function(future))
        }
        Advice::Receive => "it is a message that nobody received: receive it, or drop the receiver".to_owned(),
        Advice::EndThread { thread } => format!("{} has not ended: let it end", holder::of_thread(thread)),
        Advice::Weaken { field } => format!("make {field} a `Weak`: its owners own each other"),
        Advice::Forgotten => {
            "it was forgotten: look for `mem::forget`, `ManuallyDrop`, `leak`, or `into_raw` without `from_raw`"
                .to_owned()
        }
    }
}

/// What contains the instances: a type, or a buffer of which they are the elements.
fn container(inside: &str, type_name: &str) -> String {
    let elements = inside.strip_prefix('[').and_then(|inside| inside.strip_suffix(']'));
    match elements {
        Some(elements) if elements == type_name => "a buffer of them, as a Vec has".to_owned(),
        Some(elements) => format!("a buffer of {}, as a Vec has", short(elements)),
        None => short(inside),
    }
}

fn reason(doubt: &Doubt) -> String {
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
        Doubt::OwnLayout(function) => {
            format!("perhaps in a block that {} laid out itself", short_function(function))
        }
    }
}
