//! Unreachable memory: leaks by type and place, what they keep, and the cycles among them.

use super::backtrace::{self, Stacks};
use super::holder::{self, Positions};
use super::{Ink, Look, advice, count, groups, help, join, labelled, size};
use crate::check::verdict::{Cycle, CycleEdge, LostGroup, Owned};
use crate::heap::advice::Advice;
use crate::query::short::short_block;
use std::collections::HashMap;

/// Between lost blocks no place in the source is said.
const NO_PLACES: Look = Look { color: false, root: None, test: None };
/// The most groups shown.
const MOST_GROUPS: usize = 20;
/// The most types shown of what a leak keeps.
const MOST_OWNED: usize = 4;
/// The most members of a cycle shown, and the most edges beside the ring.
const MOST_MEMBERS: usize = 8;

/// `3 blocks (1.2 KiB) are unreachable: …`; none if nothing is.
pub(super) fn headline(lost: &[LostGroup]) -> Option<String> {
    let blocks: u64 = lost.iter().map(|group| group.blocks).sum();
    let bytes = size(lost.iter().map(|group| group.bytes).sum());
    (!lost.is_empty()).then(|| match blocks {
        1 => format!("1 block ({bytes}) is unreachable: nothing points to it any more"),
        _ => format!("{blocks} blocks ({bytes}) are unreachable: nothing points to them any more"),
    })
}

pub(super) fn describe(lost: &[LostGroup], look: &Look, lines: &mut Vec<String>) {
    let groups = alike(lost, look);
    for group in groups.iter().take(MOST_GROUPS) {
        one(group, look, lines);
    }
    let left = groups.get(MOST_GROUPS..).unwrap_or_default();
    if !left.is_empty() {
        let blocks = left.iter().map(|alike| alike.blocks).sum();
        let bytes = size(left.iter().map(|alike| alike.bytes).sum());
        lines.push(String::new());
        lines.push(format!(
            "  … {} ({bytes}) in {} not shown",
            count(blocks, "more block"),
            count(left.len() as u64, "other group")
        ));
    }
}

/// Groups that read alike: of one type, first allocated by one line of the user's, with the same cycle and the same missing owners.
pub(super) struct Alike<'a> {
    pub(super) first: &'a LostGroup,
    pub(super) count: u64,
    pub(super) known: u64,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    owned: Vec<Owned>,
    pub(super) stacks: Stacks<'a>,
}

/// Puts groups together that a reader could not tell apart.
pub(super) fn alike<'a>(lost: &'a [LostGroup], look: &Look) -> Vec<Alike<'a>> {
    let mut keys = Vec::new();
    let mut by_type_and_place: HashMap<_, Vec<usize>> = HashMap::new();
    let mut all: Vec<Alike<'_>> = Vec::new();
    for group in lost {
        let from = backtrace::from_first_shown(&group.stack).first();
        let cycle = group.cycle.as_ref().map(|cycle| (ring(cycle, look), beside_the_ring(cycle)));
        let near = (&group.type_name, from.map(|frame| (&frame.function, &frame.location)));
        let near = by_type_and_place.entry(near).or_default();
        let key = (group.size, cycle, owners(group), &group.advice);
        let Some(&index) = near.iter().find(|other| keys[**other] == key) else {
            near.push(keys.len());
            keys.push(key);
            let LostGroup { count, known, blocks, bytes, ref owned, ref stack, .. } = *group;
            all.push(Alike {
                first: group,
                count,
                known,
                blocks,
                bytes,
                owned: owned.clone(),
                stacks: Stacks::of(stack),
            });
            continue;
        };
        let alike = &mut all[index];
        alike.count += group.count;
        alike.known += group.known;
        alike.blocks += group.blocks;
        alike.bytes += group.bytes;
        alike.stacks.add(&group.stack);
        for part in &group.owned {
            match alike.owned.iter_mut().find(|other| other.type_name == part.type_name) {
                Some(other) => {
                    other.blocks += part.blocks;
                    other.bytes += part.bytes;
                }
                None => alike.owned.push(part.clone()),
            }
        }
    }
    for alike in &mut all {
        alike.owned.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    }
    all
}

fn one(alike: &Alike<'_>, look: &Look, lines: &mut Vec<String>) {
    let group = alike.first;
    let certain = group.cycle.as_ref().is_some_and(|cycle| cycle.certain);
    let what = if certain { count(alike.count, "unreachable cycle") } else { format!("{} unreachable", alike.count) };
    let mut title = format!("  {}  {what}", look.paint(Ink::Name, &named(group)));
    let each = group.size.filter(|_| !certain);
    if let Some(one) = each {
        title += &format!(", {}{}", size(one), if alike.count == 1 { "" } else { " each" });
    }
    // All that was said already is not said again.
    if alike.blocks > alike.count || each.is_none() {
        title += &format!(", {} in {}", size(alike.bytes), count(alike.blocks, "block"));
    }
    lines.push(String::new());
    lines.push(title);
    labelled("allocated at", alike.stacks.lines(look), lines);
    if let Some(cycle) = &group.cycle {
        labelled(if cycle.certain { "cycle" } else { "ring" }, ring(cycle, look), lines);
        labelled("and", beside_the_ring(cycle), lines);
    }
    labelled("owners", owners(group), lines);
    labelled("keeps", owned(&alike.owned).into_iter().collect(), lines);
    labelled("known", groups::known(alike.known), lines);
    lines.extend(what_to_do(group, look).map(|what| help(&what, look)));
}

/// What to do, unless a mark in the ring says it.
pub(super) fn what_to_do(group: &LostGroup, look: &Look) -> Option<String> {
    let marked = |cycle: &Cycle| (0..cycle.ring).any(|member| on_the_ring(cycle, member).is_some_and(is_best));
    match (&group.advice, &group.cycle) {
        (Some(Advice::Weaken { .. }), Some(cycle)) if marked(cycle) => None,
        (Some(what), _) => Some(advice::text(what, look)),
        (None, Some(Cycle { certain: false, .. })) => {
            Some("if each of these pointers owns what it leads to, one has to become a `Weak`".to_owned())
        }
        (None, _) => None,
    }
}

fn is_best(edge: &CycleEdge) -> bool {
    edge.weaken == Some(0)
}

/// How many owners were not found, and the pointers that may be them.
fn owners(group: &LostGroup) -> Vec<String> {
    let Some(missing) = group.owners.and_then(holder::missing) else { return Vec::new() };
    if group.suspects.is_empty() {
        return vec![format!("{missing}: {}", holder::UNSEEN)];
    }
    let mut lines = vec![format!("{missing}, unless it is one of these pointers:")];
    lines.extend(group.suspects.iter().take(MOST_MEMBERS).map(|suspect| {
        let hops = holder::hops(&suspect.hops, "", Positions::Shown, &NO_PLACES).join(" ");
        format!("  {} {hops}", member(suspect.in_type.as_deref()))
    }));
    if group.suspects.len() > MOST_MEMBERS {
        lines.push(format!("  … {} not shown", count((group.suspects.len() - MOST_MEMBERS) as u64, "more pointer")));
    }
    lines
}

/// `3 chat::Message (96 bytes), 2 of unknown type (40 bytes) and …`.
fn owned(owned: &[Owned]) -> Option<String> {
    let mut parts: Vec<String> = owned
        .iter()
        .take(MOST_OWNED)
        .map(|part| {
            let name = part.type_name.as_deref().map_or_else(|| "of unknown type".to_owned(), short_block);
            format!("{} {name} ({})", part.blocks, size(part.bytes))
        })
        .collect();
    let left = owned.get(MOST_OWNED..).unwrap_or_default();
    if !left.is_empty() {
        let blocks = left.iter().map(|part| part.blocks).sum();
        let bytes = left.iter().map(|part| part.bytes).sum();
        parts.push(format!("{} ({})", count(blocks, "other block"), size(bytes)));
    }
    (!parts.is_empty()).then(|| join(&parts))
}

/// The members in their order, each with the field that leads to the next, and back to the first.
fn ring(cycle: &Cycle, look: &Look) -> Vec<String> {
    // Of a ring that is too long to be shown the field to change is shown.
    let best = cycle.edges.iter().find(|edge| is_best(edge)).map_or(0, |edge| edge.from);
    let start = if cycle.ring > MOST_MEMBERS { best } else { 0 };
    let around = (start..cycle.ring).chain(0..start);
    let edges: Vec<Option<&CycleEdge>> = around.clone().map(|member| on_the_ring(cycle, member)).collect();
    let steps: Vec<String> = around.zip(&edges).map(|(member, edge)| step(cycle, member, *edge)).collect();
    let mut lines: Vec<(String, Option<usize>)> = Vec::new();
    let mut next = 0;
    while next < steps.len() && lines.len() < MOST_MEMBERS {
        let rank = edges[next].and_then(|edge| edge.weaken);
        let alike = |other: usize| steps[other] == steps[next] && edges[other].and_then(|edge| edge.weaken) == rank;
        let times = (next..steps.len()).take_while(|other| alike(*other)).count();
        lines.push((indented(lines.len(), &steps[next]), rank));
        if times > 2 {
            lines.push((indented(lines.len(), &format!("… the same {} times more", times - 1)), None));
        }
        next += if times > 2 { times } else { 1 };
    }
    if next < steps.len() {
        let left = count((steps.len() - next) as u64, "more member");
        lines.push((indented(lines.len(), &format!("… {left} not shown")), None));
    }
    lines.push((indented(lines.len(), &format!("back to {}", name_of(cycle, start))), None));
    marked(lines, look)
}

/// The lines of a ring with a mark at each field that would free it.
fn marked(lines: Vec<(String, Option<usize>)>, look: &Look) -> Vec<String> {
    let widths = lines.iter().filter(|(_, rank)| rank.is_some()).map(|(line, _)| line.chars().count());
    let width = widths.max().unwrap_or(0);
    let mut before = Vec::new();
    let mark = |(line, rank): (String, Option<usize>)| {
        let Some(rank) = rank else { return line };
        let mark = match (before.contains(&rank), rank) {
            (true, _) => "← the same field",
            (false, 0) => "← make this one a `Weak`",
            (false, _) => "← or this one",
        };
        before.push(rank);
        let padding = " ".repeat(width - line.chars().count());
        format!("{line}{padding}  {}", look.paint(Ink::Help, mark))
    };
    lines.into_iter().map(mark).collect()
}

fn indented(depth: usize, text: &str) -> String {
    if depth == 0 { text.to_owned() } else { format!("{:indent$}→ {text}", "", indent = depth * 2) }
}

/// The edge from this member of the ring to the next; of several the one whose change frees the cycle.
fn on_the_ring(cycle: &Cycle, member: usize) -> Option<&CycleEdge> {
    let next = (member + 1) % cycle.ring;
    let to_next = cycle.edges.iter().filter(|edge| edge.from == member && edge.to == next);
    to_next.min_by_key(|edge| edge.weaken.unwrap_or(usize::MAX))
}

/// A member, and the way from it to another.
fn step(cycle: &Cycle, member: usize, edge: Option<&CycleEdge>) -> String {
    let name = name_of(cycle, member);
    let hops =
        edge.map(|edge| holder::hops(&edge.hops, "", Positions::Shown, &NO_PLACES).join(" ")).unwrap_or_default();
    // The way through memory of unknown type begins with these words.
    if hops.starts_with(&name) { hops } else { format!("{name} {hops}").trim_end().to_owned() }
}

fn name_of(cycle: &Cycle, index: usize) -> String {
    member(cycle.members.get(index).and_then(|member| member.as_deref()))
}

/// What an entry is called.
pub(super) fn named(group: &LostGroup) -> String {
    group.type_name.as_deref().map_or_else(|| backtrace::unnamed(&group.stack).to_owned(), short_block)
}

fn member(name: Option<&str>) -> String {
    name.map_or_else(|| "memory of unknown type".to_owned(), short_block)
}

/// The edges that are no part of the ring.
fn beside_the_ring(cycle: &Cycle) -> Vec<String> {
    let ring: Vec<&CycleEdge> = (0..cycle.ring).filter_map(|member| on_the_ring(cycle, member)).collect();
    let others: Vec<&CycleEdge> =
        cycle.edges.iter().filter(|edge| !ring.iter().any(|on| std::ptr::eq(*on, *edge))).collect();
    let mut lines: Vec<String> = others
        .iter()
        .take(MOST_MEMBERS)
        .map(|edge| format!("{} → {}", step(cycle, edge.from, Some(edge)), name_of(cycle, edge.to)))
        .collect();
    if others.len() > MOST_MEMBERS {
        lines.push(format!("… {} not shown", count((others.len() - MOST_MEMBERS) as u64, "more pointer")));
    }
    lines
}
