//! The text of a failed check: one line per type and one for unreachable memory, then where it is and who holds it, then how it was counted.

use super::{Ink, Look, aside, bound, count, groups, join, lost, obstacle, overruns};
use crate::check::verdict::{Ended, Failure, Figure, Group, Missed, Obstacle, Overrun, SecondCount};
use crate::query::short::short;
use crate::tracker::Losses;
use std::time::Duration;

pub(super) fn text(failure: &Failure, look: &Look) -> String {
    let missed = failure.missed.iter().flat_map(headlines);
    let overruns = failure.overruns.iter().map(overruns::headline);
    let headlines = missed.chain(overruns).chain(lost::headline(&failure.lost));
    let mut lines: Vec<String> = headlines.map(|line| look.paint(Ink::Failure, &line)).collect();
    for missed in &failure.missed {
        groups::describe(&missed.groups, look, &mut lines);
    }
    overruns::describe(&failure.overruns, look, &mut lines);
    lost::describe(&failure.lost, look, &mut lines);
    let untold = failure.untold.iter().filter(|obstacle| !is_said(obstacle)).cloned().collect::<Vec<_>>();
    if !untold.is_empty() {
        lines.push(String::new());
        lines.extend(obstacle::parts(&untold, look).lines().map(str::to_owned));
    }
    lines.push(String::new());
    lines.extend(counted(failure));
    lines.extend(
        failure.missed.iter().filter_map(|missed| second_count(missed, failure.ended, failure.missed.len() > 1)),
    );
    lines.extend(looked_for_lost(failure));
    lines.extend(aside::of_a_failure(&failure.aside, look));
    lines.extend(losses(failure.losses).map(|lost| format!("{lost}, so more may live than were counted.")));
    lines.join("\n") + "\n"
}

/// Whether the text of a failure has it anyway.
fn is_said(obstacle: &Obstacle) -> bool {
    matches!(obstacle, Obstacle::NotUnderstood { .. } | Obstacle::Losses(_))
}

/// One line per type where none may live; one for the expectation where some may.
pub(super) fn headlines(missed: &Missed) -> Vec<String> {
    let totals = |groups: &[&Group]| {
        let sum = |doubtful: bool| -> u64 {
            groups.iter().filter(|group| group.doubt.is_some() == doubtful).map(|group| group.count).sum()
        };
        (sum(false), sum(true), groups.iter().map(|group| group.known).sum())
    };
    if missed.bound.most() > 0 {
        let (certain, possible, known) = totals(&missed.groups.iter().collect::<Vec<_>>());
        return vec![headline(certain, possible, known, &missed.written, &bound(missed.bound))];
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
        .filter_map(|ty| {
            let (certain, possible, known) = totals(&of(ty));
            (known < certain + possible).then(|| headline(certain, possible, known, &short(ty), "0"))
        })
        .collect()
}

fn headline(certain: u64, possible: u64, known: u64, name: &str, expected: &str) -> String {
    let text = match (certain, possible) {
        (_, 0) => format!("{certain} live `{name}`, expected {expected}"),
        (0, _) => format!("{possible} possibly live `{name}`, expected {expected}"),
        _ => format!("{certain} live `{name}`, expected {expected}, and {possible} possibly live"),
    };
    match known {
        0 => text,
        _ => format!("{text}; {known} of them {} known", if known == 1 { "is" } else { "are" }),
    }
}

fn counted(failure: &Failure) -> Option<String> {
    let when = match failure.settled {
        Duration::ZERO => "when".to_owned(),
        settled => format!("{} after", duration(settled)),
    };
    let alive = match failure.ended {
        Ended::Runtime => "the runtime was still running",
        Ended::Thread => "its thread was still alive",
    };
    // What the body has spent is known when it ends.
    let is_left = |overrun: &Overrun| matches!(overrun.figure, Figure::LiveBytes | Figure::Growth { .. });
    let counted = !failure.missed.is_empty() || failure.overruns.iter().any(is_left);
    counted.then(|| format!("Counted {when} the test's body had ended, while {alive}."))
}

fn looked_for_lost(failure: &Failure) -> Option<String> {
    let when = match failure.ended {
        Ended::Runtime => "the runtime was shut down",
        Ended::Thread => "the thread of the test's body had ended",
    };
    (!failure.lost.is_empty()).then(|| format!("Unreachable memory was looked for when {when}."))
}

fn duration(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        format!("{} s", time.as_millis() as f64 / 1000.0)
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// What the second count says about who holds them; where to look is said only if that is not known.
fn second_count(missed: &Missed, ended: Ended, several: bool) -> Option<String> {
    if missed.too_few() {
        return None;
    }
    let of = if several { format!(" of `{}`", missed.written) } else { String::new() };
    let holders = missed.groups.iter().all(|group| !group.holders.is_empty());
    let look_for = |what: &str| if holders { String::new() } else { format!(": look for {what}") };
    let (then, it, look) = match ended {
        Ended::Runtime => ("Once the runtime was shut down,", "the runtime", look_for("a task that has not ended")),
        Ended::Thread => ("Once that thread had ended,", "it", look_for("a thread-local")),
    };
    Some(match (missed.second, ended) {
        (SecondCount::Clean, _) if missed.bound.most() == 0 => {
            format!("{then} none{of} lived any more, so {it} held them{look}.")
        }
        (SecondCount::Clean, _) => format!("{then} no more{of} lived than expected{look}."),
        // What a plain thread does not hold, it seldom does: nothing to learn from.
        (SecondCount::Live { .. }, Ended::Thread) => return None,
        (SecondCount::Live { certain, possible: 0 }, Ended::Runtime) => {
            let look = look_for("a static, a thread, a cycle or a forgotten value");
            format!("{then} {certain}{of} still lived{look}.")
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
