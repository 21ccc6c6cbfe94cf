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
    pub(super) stacks: Stacks<'a>,
}

pub(super) fn describe(overrun: &Overrun, look: &Look, lines: &mut Vec<String>) {
    let parts = alike(&overrun.parts, look);
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
                alike.size = alike.size.filter(|size| Some(*size) == part.size);
                alike.stacks.add(&part.stack);
            }
            None => {
                let Part { blocks, bytes, size, .. } = *part;
                all.push(Alike { first: part, blocks, bytes, size, stacks: Stacks::of(&part.stack) });
            }
        }
    }
    all.sort_by_key(|alike| std::cmp::Reverse(alike.bytes));
    all
}

fn one(alike: &Alike<'_>, figure: Figure, look: &Look, lines: &mut Vec<String>) {
    let part = alike.first;
    let name = name_of(part);
    let new = if matches!(figure, Figure::Growth { .. }) { "new since the warm-up" } else { "live" };
    let each = match alike.size {
        Some(_) if alike.blocks == 1 => String::new(),
        Some(one) => format!(", {} each", size(one)),
        None => String::new(),
    };
    lines.push(String::new());
    lines.push(format!(
        "  {}  {} {new}, {}{each}",
        look.paint(Ink::Name, &name),
        count(alike.blocks, "block"),
        size(alike.bytes)
    ));
    labelled("grows", part.slope.iter().map(growth).collect(), lines);
    labelled("allocated at", alike.stacks.lines(look), lines);
    holder::describe(&part.holders, part.more_holders, Positions::Any, look, lines);
    lines.extend(part.advice.as_ref().map(|what| help(&advice::text(what, look), look)));
}

pub(super) fn name_of(part: &Part) -> String {
    part.type_name.as_deref().map_or_else(|| "memory of unknown type".to_owned(), short)
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
