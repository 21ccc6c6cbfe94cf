//! Figures above their limits: how much it is, of which types, from which places, and who holds it.

use super::backtrace::{self, Stacks};
use super::holder::{self, Positions};
use super::{Ink, Look, advice, count, help, labelled, size};
use crate::check::verdict::{Figure, Overrun, Part, Slope};
use crate::query::short::short;
use std::collections::HashMap;

/// The most parts shown of one figure.
const MOST_PARTS: usize = 8;

pub(super) fn headline(overrun: &Overrun) -> String {
    let Overrun { figure, measured, allowed, .. } = overrun;
    let (measured, allowed) = (exact(*measured), exact(*allowed));
    match figure {
        Figure::LiveBytes => format!("{measured} live bytes are left, expected at most {allowed}"),
        Figure::PeakBytes => format!("live bytes went up to {measured}, expected at most {allowed}"),
        Figure::AllocatedBytes => format!("{measured} bytes were allocated, expected at most {allowed}"),
        Figure::Allocations => {
            let were = if overrun.measured == 1 { "allocation was" } else { "allocations were" };
            format!("{} {were} made, expected at most {}", overrun.measured, overrun.allowed)
        }
        Figure::Allocated(written) => {
            let were = if overrun.measured == 1 { "was" } else { "were" };
            format!("{} `{written}` {were} allocated, expected at most {}", overrun.measured, overrun.allowed)
        }
        Figure::Growth { rounds } => {
            let over = count(*rounds, "run");
            format!("memory grew by {measured} bytes in each of {over}, on average, expected at most {allowed}")
        }
    }
}

/// `16496 (16.1 KiB)`.
fn exact(bytes: u64) -> String {
    if bytes < 1024 { bytes.to_string() } else { format!("{bytes} ({})", size(bytes)) }
}

/// Parts that read alike: of one type, from one line of the user's, held in the same way.
pub(super) struct Alike<'a> {
    pub(super) first: &'a Part,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    size: Option<u64>,
    number: u64,
    pub(super) left: u64,
    pub(super) stacks: Stacks<'a>,
}

/// What the figures are made of. Bytes and allocations are made of the same.
pub(super) fn describe(overruns: &[Overrun], look: &Look, lines: &mut Vec<String>) {
    let of_bytes = overruns.iter().any(|overrun| overrun.figure == Figure::AllocatedBytes);
    for overrun in overruns.iter().filter(|overrun| !of_bytes || overrun.figure != Figure::Allocations) {
        if overruns.len() > 1 {
            lines.push(String::new());
            lines.push(format!("  {}:", title(overrun.figure)));
        }
        describe_one(overrun, look, lines);
    }
}

/// What a list of parts is about.
fn title(figure: Figure) -> String {
    match figure {
        Figure::LiveBytes => "What is left".to_owned(),
        Figure::PeakBytes => "What lived when live bytes were first above their limit".to_owned(),
        Figure::AllocatedBytes | Figure::Allocations => "What was allocated".to_owned(),
        Figure::Allocated(written) => format!("Where `{written}` was allocated"),
        Figure::Growth { .. } => "What grew".to_owned(),
    }
}

fn describe_one(overrun: &Overrun, look: &Look, lines: &mut Vec<String>) {
    let parts = alike(&overrun.parts, look);
    if overrun.figure == Figure::PeakBytes && parts.is_empty() {
        lines.push(String::new());
        lines.push("  What lived when the limit was crossed is not known: there was no memory to keep it.".to_owned());
    }
    for part in parts.iter().take(MOST_PARTS) {
        one(part, overrun.figure, look, lines);
    }
    let left = parts.get(MOST_PARTS..).unwrap_or_default();
    if !left.is_empty() {
        let blocks = left.iter().map(|part| part.blocks).sum();
        let bytes = size(left.iter().map(|part| part.bytes).sum());
        lines.push(String::new());
        lines.push(format!(
            "  … {} ({bytes}) of {} not shown",
            count(blocks, "more block"),
            count(left.len() as u64, "other kind")
        ));
    }
}

pub(super) fn alike<'a>(parts: &'a [Part], look: &Look) -> Vec<Alike<'a>> {
    let mut by_text: HashMap<_, usize> = HashMap::new();
    let mut all: Vec<Alike<'_>> = Vec::new();
    for part in parts {
        let held: Vec<_> = part.holders.iter().map(|holder| holder::lines(holder, Positions::Any, look)).collect();
        let from = backtrace::from_first_shown(&part.stack).first();
        let key = (&part.type_name, from.map(|frame| (&frame.function, &frame.location)), held);
        let index = *by_text.entry(key).or_insert(all.len());
        match all.get_mut(index) {
            Some(alike) => {
                alike.blocks += part.blocks;
                alike.bytes += part.bytes;
                alike.number += part.number;
                alike.left += part.left;
                alike.size = alike.size.filter(|size| Some(*size) == part.size);
                alike.stacks.add(&part.stack);
            }
            None => {
                let Part { blocks, bytes, size, number, left, .. } = *part;
                all.push(Alike { first: part, blocks, bytes, size, number, left, stacks: Stacks::of(&part.stack) });
            }
        }
    }
    all.sort_by_key(|alike| std::cmp::Reverse(alike.number));
    all
}

/// What the parts of a figure are.
pub(super) fn state(figure: Figure) -> &'static str {
    match figure {
        Figure::LiveBytes => "live",
        Figure::PeakBytes => "live when the limit was crossed",
        Figure::AllocatedBytes | Figure::Allocations | Figure::Allocated(_) => "allocated",
        Figure::Growth { .. } => "new since the warm-up",
    }
}

fn one(alike: &Alike<'_>, figure: Figure, look: &Look, lines: &mut Vec<String>) {
    let part = alike.first;
    let name = name_of(part);
    let what = state(figure);
    let each = match alike.size {
        Some(_) if alike.blocks == 1 => String::new(),
        Some(one) => format!(", {} each", size(one)),
        None => String::new(),
    };
    lines.push(String::new());
    lines.push(format!(
        "  {}  {} {what}, {}{each}{}",
        look.paint(Ink::Name, &name),
        count(alike.blocks, "block"),
        size(alike.bytes),
        values(alike, figure)
    ));
    labelled("left", left(alike, figure).into_iter().collect(), lines);
    labelled("grows", part.slope.iter().map(growth).collect(), lines);
    labelled("allocated at", alike.stacks.lines(look), lines);
    holder::describe(&part.holders, part.more_holders, Positions::Any, look, lines);
    lines.extend(part.advice.as_ref().map(|what| help(&advice::text(what, look), look)));
}

pub(super) fn name_of(part: &Part) -> String {
    part.type_name.as_deref().map_or_else(|| backtrace::unnamed(&part.stack).to_owned(), short)
}

/// `, room for 28 of them`, if there is not one in each block.
fn values(alike: &Alike<'_>, figure: Figure) -> String {
    match figure {
        Figure::Allocated(written) if alike.number != alike.blocks => {
            format!(", with room for {} `{written}`", alike.number)
        }
        _ => String::new(),
    }
}

/// How many still live, if they need not.
fn left(alike: &Alike<'_>, figure: Figure) -> Option<String> {
    let may_be_freed = !matches!(figure, Figure::LiveBytes | Figure::Growth { .. });
    let live = if alike.left == 1 { "lives" } else { "live" };
    (may_be_freed && alike.left > 0).then(|| format!("{} still {live} when the body has ended", alike.left))
}

/// `by 1.2 KiB per run, in 3 steps over 35 runs`.
pub(super) fn growth(slope: &Slope) -> String {
    let per_run = slope.bytes.div_ceil(slope.rounds);
    let how = if slope.rises * 2 > slope.of {
        format!("in {} of {}", slope.rises, count(slope.of, "run"))
    } else {
        format!("in {} over {}", count(slope.rises, "step"), count(slope.of, "run"))
    };
    format!("by {} per run, {how}", size(per_run))
}
