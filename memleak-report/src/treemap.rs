//! A treemap: areas as large as the numbers they stand for.
//!
//! May use: `page` (escaping).
//!
//! The rectangles are squarified: a row is filled along the shorter side as long as that makes its cells more like squares (Bruls, Huizing and
//! van Wijk, "Squarified Treemaps", 2000).

use crate::page::escaped;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// About the width of a letter.
const LETTER: f64 = 7.5;

#[derive(Clone, Copy, PartialEq, Debug)]
struct Rectangle {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The picture of these names with their numbers, largest first, and the words for each number.
pub(crate) fn svg(parts: &[(&str, u64, String)]) -> String {
    let sum: u64 = parts.iter().map(|(_, number, _)| number).sum();
    let shown: Vec<_> = parts.iter().filter(|(_, number, _)| *number > 0).collect();
    if shown.is_empty() {
        return String::new();
    }
    let areas: Vec<f64> = shown.iter().map(|(_, number, _)| *number as f64 / sum as f64 * WIDTH * HEIGHT).collect();
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" \
         aria-label=\"A treemap of the types in the table below\">\n"
    );
    for ((name, _, words), cell) in shown.iter().zip(squarified(&areas)) {
        let Rectangle { x, y, width, height } = cell;
        let title = format!("{name}: {words}");
        let _ = writeln!(
            svg,
            "<g><title>{}</title><rect class=\"cell\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            escaped(&title)
        );
        let letters = ((width - 12.0) / LETTER).max(0.0) as usize;
        if letters >= 4 && height >= 24.0 {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 6.0,
                y + 18.0,
                escaped(&cut(name, letters))
            );
        }
        if letters >= words.len() && height >= 44.0 {
            let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 6.0, y + 36.0, escaped(words));
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// At most so many letters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Rectangles of these areas, which fill the whole together.
fn squarified(areas: &[f64]) -> Vec<Rectangle> {
    let mut left = Rectangle { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
    let mut cells = Vec::new();
    let mut rest = areas;
    while !rest.is_empty() {
        let side = left.width.min(left.height);
        let mut row = 1;
        while row < rest.len() && worst(&rest[..=row], side) <= worst(&rest[..row], side) {
            row += 1;
        }
        let (now, later) = rest.split_at(row);
        let thickness = now.iter().sum::<f64>() / side.max(f64::MIN_POSITIVE);
        let mut along = 0.0;
        for area in now {
            let length = area / thickness.max(f64::MIN_POSITIVE);
            cells.push(if left.width >= left.height {
                Rectangle { x: left.x, y: left.y + along, width: thickness, height: length }
            } else {
                Rectangle { x: left.x + along, y: left.y, width: length, height: thickness }
            });
            along += length;
        }
        if left.width >= left.height {
            left.x += thickness;
            left.width -= thickness;
        } else {
            left.y += thickness;
            left.height -= thickness;
        }
        rest = later;
    }
    cells
}

/// How far the worst cell of a row along this side is from a square: 1 is one.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let ratio = |area: &f64| {
        let (along, across) = (area / (sum / side), sum / side);
        (along / across).max(across / along)
    };
    row.iter().map(ratio).fold(1.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_fill_the_whole_as_their_numbers_say_and_do_not_overlap() {
        for numbers in [&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0][..], &[1.0], &[1000.0, 1.0, 0.001], &[1.0; 200]] {
            let sum: f64 = numbers.iter().sum();
            let areas: Vec<f64> = numbers.iter().map(|number| number / sum * WIDTH * HEIGHT).collect();
            let cells = squarified(&areas);
            assert_eq!(cells.len(), areas.len());
            for (i, (cell, area)) in cells.iter().zip(&areas).enumerate() {
                assert!((cell.width * cell.height - area).abs() < 0.01, "{cell:?} {area}");
                let inside = cell.x >= -0.01 && cell.y >= -0.01;
                assert!(inside && cell.x + cell.width <= WIDTH + 0.01 && cell.y + cell.height <= HEIGHT + 0.01);
                let apart = |other: &Rectangle| {
                    cell.x + cell.width <= other.x + 0.01
                        || other.x + other.width <= cell.x + 0.01
                        || cell.y + cell.height <= other.y + 0.01
                        || other.y + other.height <= cell.y + 0.01
                };
                assert!(cells[..i].iter().all(apart), "{cells:?}");
            }
        }
    }

    #[test]
    fn names_are_cut_by_letters_and_escaped() {
        let svg = svg(&[("Vec<ééééé>", 1, "1 byte".to_owned())]);
        assert!(svg.contains("Vec&lt;ééééé&gt;: 1 byte"), "{svg}");
        assert_eq!(cut("ééééé", 3), "éé…");
    }
}
