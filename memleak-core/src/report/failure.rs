//! The text of a failed check: one line per type, then where its instances are, then what the second count adds.

use super::{Ink, Look, backtrace, count, join};
use crate::check::verdict::{Doubt, Ended, Failure, Group, Missed, Place, SecondCount};
use crate::query::short::{short, short_function};
use crate::tracker::Losses;
use std::time::Duration;

/// Where what belongs to a group starts.
const INDENT: &str = "    ";
/// The most groups shown of one expectation.
const MOST_GROUPS: usize = 20;
/// The width of `allocated at` and the like, with two spaces.
const LABEL: usize = 14;

pub(super) fn text(failure: &Failure, look: &Look) -> String {
    let mut lines: Vec<String> =
        failure.missed.iter().flat_map(headlines).map(|line| look.paint(Ink::Failure, &line)).collect();
    for missed in &failure.missed {
        groups(missed, look, &mut lines);
    }
    lines.push(String::new());
    lines.push(counted(failure));
    lines.extend(
        failure.missed.iter().filter_map(|missed| second_count(missed, failure.ended, failure.missed.len() > 1)),
    );
    lines.extend(losses(failure.losses).map(|lost| format!("{lost}, so more may live than were counted.")));
    lines.join("\n") + "\n"
}

/// One line per type where none may live; one for the expectation where some may.
fn headlines(missed: &Missed) -> Vec<String> {
    let totals = |groups: &[&Group]| {
        let sum = |doubtful: bool| -> u64 {
            groups.iter().filter(|group| group.doubt.is_some() == doubtful).map(|group| group.count).sum()
        };
        (sum(false), sum(true))
    };
    if missed.at_most > 0 {
        let (certain, possible) = totals(&missed.groups.iter().collect::<Vec<_>>());
        return vec![headline(certain, possible, &missed.written, &format!("at most {}", missed.at_most))];
    }
    let mut types: Vec<&str> = Vec::new();
    for group in &missed.groups {
        if !types.contains(&group.type_name.as_str()) {
            types.push(&group.type_name);
        }
    }
    let of = |ty: &&str| missed.groups.iter().filter(|group| group.type_name == **ty).collect::<Vec<_>>();
    types
        .iter()
        .map(|ty| {
            let (certain, possible) = totals(&of(ty));
            headline(certain, possible, &short(ty), "0")
        })
        .collect()
}

fn headline(certain: u64, possible: u64, name: &str, expected: &str) -> String {
    match (certain, possible) {
        (_, 0) => format!("{certain} live `{name}`, expected {expected}"),
        (0, _) => format!("0 live `{name}` for certain, {possible} possibly, expected {expected}"),
        _ => format!("{certain} live `{name}` and possibly {possible} more, expected {expected}"),
    }
}

/// The certain groups, then the doubtful ones apart.
fn groups(missed: &Missed, look: &Look, lines: &mut Vec<String>) {
    let (doubtful, certain): (Vec<&Group>, Vec<&Group>) = missed.groups.iter().partition(|group| group.doubt.is_some());
    for group in certain.iter().chain(&doubtful).take(MOST_GROUPS) {
        describe(group, look, lines);
    }
    let left: Vec<&&Group> = certain.iter().chain(&doubtful).skip(MOST_GROUPS).collect();
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

fn describe(group: &Group, look: &Look, lines: &mut Vec<String>) {
    let live = if group.doubt.is_some() { "possibly live" } else { "live" };
    let each = if group.count == 1 { "" } else { " each" };
    lines.push(String::new());
    lines.push(format!(
        "  {}  {} {live}, {}{each}",
        look.paint(Ink::Name, &short(&group.type_name)),
        group.count,
        count(group.size, "byte")
    ));
    let mut labelled = |label: &str, text: &str| lines.push(format!("{INDENT}{label:LABEL$}{text}"));
    if let Some(doubt) = &group.doubt {
        labelled("not certain", &reason(doubt));
    }
    match &group.place {
        Place::Static(name) => labelled("in static", &look.paint(Ink::Place, name)),
        Place::Block { inside, stack } => {
            if let Some(inside) = inside {
                labelled("as part of", &container(inside, &group.type_name));
            }
            for (i, line) in backtrace::lines(stack, look).into_iter().enumerate() {
                labelled(if i == 0 { "allocated at" } else { "" }, &line);
            }
        }
    }
    match (group.before, group.count) {
        (0, _) => {}
        (before, count) if before < count => {
            labelled("before", &format!("{before} of them lived before the test began"))
        }
        (_, 1) => labelled("before", "it lived before the test began"),
        _ => labelled("before", "all of them lived before the test began"),
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

fn counted(failure: &Failure) -> String {
    let when = match failure.settled {
        Duration::ZERO => "when".to_owned(),
        settled => format!("{} after", duration(settled)),
    };
    let alive = match failure.ended {
        Ended::Runtime => "the runtime was still running",
        Ended::Thread => "its thread was still alive",
    };
    format!("Counted {when} the test's body had ended, while {alive}.")
}

fn duration(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        format!("{} s", time.as_millis() as f64 / 1000.0)
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// What the second count says about who holds them.
fn second_count(missed: &Missed, ended: Ended, several: bool) -> Option<String> {
    let of = if several { format!(" of `{}`", missed.written) } else { String::new() };
    let (then, it, look) = match ended {
        Ended::Runtime => ("Once the runtime was shut down,", "the runtime", "look for a task that has not ended"),
        Ended::Thread => ("Once that thread had ended,", "it", "look for a thread-local"),
    };
    Some(match (missed.second, ended) {
        (SecondCount::Clean, _) if missed.at_most == 0 => {
            format!("{then} none{of} lived any more, so {it} held them: {look}.")
        }
        (SecondCount::Clean, _) => format!("{then} no more{of} lived than expected: {look}."),
        // What a plain thread does not hold, it seldom does: nothing to learn from.
        (SecondCount::Live { .. }, Ended::Thread) => return None,
        (SecondCount::Live { certain, possible: 0 }, Ended::Runtime) => {
            format!("{then} {certain}{of} still lived: look for a static, a thread, a cycle or a forgotten value.")
        }
        (SecondCount::Live { certain, possible }, Ended::Runtime) => {
            format!("{then} {certain}{of} still lived for certain and {possible} possibly.")
        }
    })
}

/// What tracking lost, as a sentence without its end; none if nothing was lost.
pub(super) fn losses(losses: Losses) -> Option<String> {
    let blocks = (losses.blocks > 0).then(|| format!("{} (its table was full)", count(losses.blocks, "allocation")));
    let stacks = (losses.stacks > 0).then(|| format!("the call stack of {}", count(losses.stacks, "allocation")));
    let lost: Vec<String> = blocks.into_iter().chain(stacks).collect();
    (!lost.is_empty()).then(|| format!("memleak could not record {}", join(&lost)))
}
