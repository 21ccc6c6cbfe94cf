//! A cycle as a ring: members around a circle, arrows between them.
//!
//! May use: `document`, `page` (escaping), `treemap` (cutting of names).

use crate::document::Cycle;
use crate::page::escaped;
use crate::treemap::cut;
use std::f64::consts::TAU;
use std::fmt::Write as _;

const SIZE: f64 = 460.0;
/// The height of a ring of two, whose members are beside each other.
const LOW: f64 = 140.0;
const RADIUS: f64 = 160.0;
/// A member's box.
const BOX: (f64, f64) = (130.0, 36.0);
/// More cannot be told apart; the list below the picture has all.
const MOST: usize = 12;

/// The picture. `number` tells it from others on the page.
pub(crate) fn svg(cycle: &Cycle, number: usize) -> String {
    let ring = usize::try_from(cycle.ring).unwrap_or(usize::MAX).min(cycle.members.len());
    if ring > MOST {
        return String::new();
    }
    let members: Vec<&str> = cycle.members[..ring].iter().map(String::as_str).collect();
    let label = format!("A ring: {}, and back to {}", members.join(", then "), members.first().unwrap_or(&"itself"));
    let (top, height) = if ring == 2 { ((SIZE - LOW) / 2.0, LOW) } else { (0.0, SIZE) };
    let mut svg = format!(
        "<svg viewBox=\"0 {top} {SIZE} {height}\" width=\"{SIZE}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n\
         <defs><marker id=\"tip-{number}\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"11\" markerHeight=\"11\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
         <path class=\"tip\" d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n",
        escaped(&label)
    );
    for edge in &cycle.edges {
        let (from, to) = (edge.from as usize, edge.to as usize);
        if from >= ring || to >= ring {
            continue;
        }
        let class = if edge.weaken == Some(0) { "edge weaken" } else { "edge" };
        let path = if from == to { loop_at(centre(from, ring)) } else { arrow(centre(from, ring), centre(to, ring)) };
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" marker-end=\"url(#tip-{number})\" d=\"{path}\"><title>{}</title></path>",
            escaped(&edge.way)
        );
    }
    for (i, name) in members.iter().enumerate() {
        let (x, y) = centre(i, ring);
        let (width, height) = BOX;
        let _ = writeln!(
            svg,
            "<g><title>{}</title><rect class=\"member\" rx=\"6\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width}\" height=\"{height}\"/>\
             <text text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(name),
            x - width / 2.0,
            y - height / 2.0,
            y + 5.0,
            escaped(&cut(name, 16))
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The place of a member; the first is at the top, of two on the left.
fn centre(member: usize, of: usize) -> (f64, f64) {
    if of == 1 {
        return (SIZE / 2.0, SIZE / 2.0);
    }
    let first = if of == 2 { TAU / 2.0 } else { -TAU / 4.0 };
    let angle = TAU * member as f64 / of as f64 + first;
    (SIZE / 2.0 + RADIUS * angle.cos(), SIZE / 2.0 + RADIUS * angle.sin())
}

/// From the edge of one box to the edge of another, bent so that there and back are two lines.
fn arrow(from: (f64, f64), to: (f64, f64)) -> String {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let middle = (from.0 + dx / 2.0 - dy * 0.18, from.1 + dy / 2.0 + dx * 0.18);
    let (start, end) = (at_edge(from, middle), at_edge(to, middle));
    format!("M{:.1} {:.1} Q{:.1} {:.1} {:.1} {:.1}", start.0, start.1, middle.0, middle.1, end.0, end.1)
}

fn loop_at((x, y): (f64, f64)) -> String {
    let top = y - BOX.1 / 2.0;
    format!(
        "M{:.1} {top:.1} C{:.1} {:.1} {:.1} {:.1} {:.1} {top:.1}",
        x - 30.0,
        x - 60.0,
        top - 90.0,
        x + 60.0,
        top - 90.0,
        x + 30.0
    )
}

/// Where the line from the middle of a box towards a point leaves the box.
fn at_edge(centre: (f64, f64), towards: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (towards.0 - centre.0, towards.1 - centre.1);
    let across = (BOX.0 / 2.0 / dx.abs().max(1e-9)).min(BOX.1 / 2.0 / dy.abs().max(1e-9));
    (centre.0 + dx * across, centre.1 + dy * across)
}
