//! Unreachable memory: leaks by type and place, what they keep, and the cycles among them.

use super::holder::{self, Positions};
use super::{Ink, Look, backtrace, count, groups, help, join, labelled, size};
use crate::check::verdict::{Cycle, CycleEdge, LostGroup, Owned};
use crate::query::short::short;

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
    for group in lost.iter().take(MOST_GROUPS) {
        one(group, look, lines);
    }
    let left = lost.get(MOST_GROUPS..).unwrap_or_default();
    if !left.is_empty() {
        let blocks = left.iter().map(|group| group.blocks).sum();
        let bytes = size(left.iter().map(|group| group.bytes).sum());
        lines.push(String::new());
        lines.push(format!(
            "  … {} ({bytes}) in {} not shown",
            count(blocks, "more block"),
            count(left.len() as u64, "other group")
        ));
    }
}

fn one(group: &LostGroup, look: &Look, lines: &mut Vec<String>) {
    let name = group.type_name.as_deref().map_or_else(|| "memory of unknown type".to_owned(), short);
    let mut title = format!("  {}  ", look.paint(Ink::Name, &name));
    if group.cycle.is_some() {
        title += &count(group.count, "unreachable cycle");
    } else {
        title += &format!("{} unreachable", group.count);
        if let Some(one) = group.size {
            title += &format!(", {}{}", size(one), if group.count == 1 { "" } else { " each" });
        }
    }
    // All that was said already is not said again.
    if group.blocks > group.count || group.size.is_none() {
        title += &format!(", {} in {}", size(group.bytes), count(group.blocks, "block"));
    }
    lines.push(String::new());
    lines.push(title);
    labelled("allocated at", backtrace::lines(&group.stack, look), lines);
    if let Some(cycle) = &group.cycle {
        labelled("cycle", ring(cycle, look), lines);
        labelled("and", beside_the_ring(cycle), lines);
    }
    labelled("owners", group.owners.and_then(holder::missing).into_iter().collect(), lines);
    labelled("keeps", owned(&group.owned).into_iter().collect(), lines);
    lines.extend(group.advice.as_ref().map(|advice| help(&groups::advice(advice), look)));
    if let Some(cycle) = &group.cycle
        && !cycle.edges.is_empty()
        && !cycle.edges.iter().any(|edge| edge.weaken)
    {
        lines.push(help("no single pointer frees this cycle: more than one has to become a `Weak`", look));
    }
}

/// `3 chat::Message (96 bytes), 2 of unknown type (40 bytes) and …`.
fn owned(owned: &[Owned]) -> Option<String> {
    let mut parts: Vec<String> = owned
        .iter()
        .take(MOST_OWNED)
        .map(|part| {
            let name = part.type_name.as_deref().map_or_else(|| "of unknown type".to_owned(), short);
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
    let members = cycle.members.len();
    let shown = if members > MOST_MEMBERS { MOST_MEMBERS - 1 } else { members };
    let edges: Vec<Option<&CycleEdge>> = on_the_ring(cycle).collect();
    let mut lines: Vec<String> = (0..shown).map(|i| indented(i, &member(cycle, i, edges[i]))).collect();
    let width = lines
        .iter()
        .zip(&edges)
        .filter(|(_, edge)| edge.is_some_and(|edge| edge.weaken))
        .map(|(line, _)| line.chars().count())
        .max()
        .unwrap_or(0);
    let mut marked = 0;
    for (line, edge) in lines.iter_mut().zip(&edges) {
        if edge.is_some_and(|edge| edge.weaken) {
            let mark = if marked == 0 { "← make this one a `Weak`" } else { "← or this one" };
            let padding = " ".repeat(width - line.chars().count());
            *line += &format!("{padding}  {}", look.paint(Ink::Help, mark));
            marked += 1;
        }
    }
    if shown < members {
        lines.push(indented(shown, &format!("{} not shown", count((members - shown) as u64, "more member"))));
    }
    lines.push(indented(lines.len(), &format!("back to {}", short(&cycle.members[0]))));
    lines
}

fn indented(depth: usize, text: &str) -> String {
    if depth == 0 { text.to_owned() } else { format!("{:indent$}→ {text}", "", indent = depth * 2) }
}

/// For each member the edge to the next; of several the one whose change frees the cycle.
fn on_the_ring(cycle: &Cycle) -> impl Iterator<Item = Option<&CycleEdge>> {
    let members = cycle.members.len();
    (0..members).map(move |i| {
        let next = (i + 1) % members;
        let to_next = || cycle.edges.iter().filter(move |edge| edge.from == i && edge.to == next);
        to_next().find(|edge| edge.weaken).or_else(|| to_next().next())
    })
}

fn member(cycle: &Cycle, index: usize, edge: Option<&CycleEdge>) -> String {
    let way = edge.map(|edge| format!(" {}", holder::hops(&edge.hops, Positions::Shown).join(" "))).unwrap_or_default();
    short(&cycle.members[index]) + &way
}

/// The edges that are no part of the ring.
fn beside_the_ring(cycle: &Cycle) -> Vec<String> {
    let ring: Vec<&CycleEdge> = on_the_ring(cycle).flatten().collect();
    let others: Vec<&CycleEdge> =
        cycle.edges.iter().filter(|edge| !ring.iter().any(|on| std::ptr::eq(*on, *edge))).collect();
    let mut lines: Vec<String> = others
        .iter()
        .take(MOST_MEMBERS)
        .map(|edge| format!("{} → {}", member(cycle, edge.from, Some(edge)), short(&cycle.members[edge.to])))
        .collect();
    if others.len() > MOST_MEMBERS {
        lines.push(format!("… {} not shown", count((others.len() - MOST_MEMBERS) as u64, "more pointer")));
    }
    lines
}
