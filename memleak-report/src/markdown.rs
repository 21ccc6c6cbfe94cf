//! Reports as Markdown, with the ways drawn by Mermaid: what pipelines show on the page of a run.
//!
//! May use: `document`, `page` (sizes and headlines).

use crate::document::{Cycle, Document, Group, Holder, Lost, Part, RootKind};
use crate::page::{headlines, size};
use std::fmt::Write as _;

/// The most leaks of a test, so that a page stays below what pipelines take (1 MiB).
const MOST_LEAKS: usize = 20;
/// The most characters of a test's text.
const MOST_TEXT: usize = 20_000;
/// The most boxes of a picture.
const MOST_BOXES: usize = 12;

/// The most bytes of a step's summary. GitHub shows none that has more than 1 MiB, and several tests may add to it at once.
const MOST_BYTES: usize = 1_000_000;
/// What stands where there is no room for more.
const FULL: &str = "\nMore tests failed. Their reports have what there is no room for here.\n";

/// What is to be added to a summary for one more test: its page, or the remark that there is no room for it, or nothing more than that.
pub fn addition<'p>(summary: &[u8], page: &'p str) -> &'p str {
    if summary.ends_with(FULL.as_bytes()) {
        ""
    } else if summary.len() + page.len() > MOST_BYTES {
        FULL
    } else {
        page
    }
}

/// One test.
pub fn test(document: &Document) -> String {
    let mut text = format!("### memleak: {} `{}`\n\n", document.test.binary, document.test.name);
    for line in headlines(document) {
        let _ = writeln!(text, "**{}**\n", inline(&line));
    }
    let findings = &document.findings;
    let groups: Vec<&Group> = findings.expectations.iter().flat_map(|expectation| &expectation.groups).collect();
    for group in groups.iter().take(MOST_LEAKS) {
        self::group(&mut text, group);
    }
    let parts: Vec<&Part> = findings.overruns.iter().flat_map(|overrun| &overrun.parts).collect();
    for part in parts.iter().take(MOST_LEAKS) {
        self::part(&mut text, part);
    }
    for lost in findings.unreachable.iter().take(MOST_LEAKS) {
        self::lost(&mut text, lost);
    }
    let left: usize = [groups.len(), parts.len(), findings.unreachable.len()]
        .map(|leaks| leaks.saturating_sub(MOST_LEAKS))
        .iter()
        .sum();
    if left > 0 {
        let _ = writeln!(text, "… and {left} more in the report.\n");
    }
    for obstacle in &findings.obstacles {
        help(&mut text, Some(&obstacle.help.join(" ")).filter(|help| !help.is_empty()));
    }
    if !text.ends_with("\n\n") {
        // Else it would belong to the last point of the list.
        text.push('\n');
    }
    let _ = write!(
        text,
        "<details><summary>The text of the test</summary>\n\n{}\n\n</details>\n\n",
        fenced(&document.text)
    );
    text
}

fn group(text: &mut String, group: &Group) {
    let live = if group.doubt.is_some() { "possibly live" } else { "live" };
    let place = allocated(group.stack.iter().filter_map(|frame| frame.location.as_ref()).find(|at| at.own));
    let _ = writeln!(text, "* {} {} {live}, {} each{place}", group.count, code(&group.type_short), size(group.size));
    help(text, group.help.as_ref());
    if let Some(holder) = group.holders.first() {
        way(text, holder, &group.type_short);
    }
}

fn part(text: &mut String, part: &Part) {
    let place = allocated(part.stack.iter().filter_map(|frame| frame.location.as_ref()).find(|at| at.own));
    let growth = part.growth.as_ref().map(|growth| format!(", grows {growth}")).unwrap_or_default();
    let _ = writeln!(text, "* {} of {} {}{growth}{place}", size(part.bytes), code(&part.type_short), part.state);
    help(text, part.help.as_ref());
    if let Some(holder) = part.holders.first() {
        way(text, holder, &part.type_short);
    }
}

fn lost(text: &mut String, lost: &Lost) {
    let place = allocated(lost.stack.iter().filter_map(|frame| frame.location.as_ref()).find(|at| at.own));
    let _ = writeln!(text, "* {} {} unreachable, {}{place}", lost.count, code(&lost.type_short), size(lost.bytes));
    help(text, lost.help.as_ref());
    if let Some(cycle) = &lost.cycle {
        ring(text, cycle);
    }
}

fn allocated(at: Option<&crate::document::Location>) -> String {
    at.map(|at| format!(", allocated at {}", code(&at.to_string()))).unwrap_or_default()
}

fn help(text: &mut String, help: Option<&String>) {
    if let Some(help) = help {
        let _ = writeln!(text, "  help: {}", inline(help));
    }
}

/// From the root to the value.
fn way(text: &mut String, holder: &Holder, target: &str) {
    let root = &holder.root;
    let kind = match root.kind {
        RootKind::Static => "static",
        RootKind::ThreadLocal => "thread-local",
        RootKind::Task => "task",
        RootKind::Local => "local",
        RootKind::Thread => "the stack of thread",
        RootKind::Foreign => "memory of another allocator",
        RootKind::Nothing => return,
    };
    let name = if root.name.is_empty() { &root.thread } else { &root.name };
    let mut boxes = vec![format!("{kind} {name}").trim_end().to_owned()];
    if let Some(at) = root.location.as_ref().filter(|_| root.kind == RootKind::Task) {
        boxes[0] += &format!("\nsuspended at {at}");
    }
    for step in &holder.steps {
        let parts = step.way.join(" ");
        if !parts.is_empty() {
            boxes.push(parts);
        }
    }
    if boxes.len() > MOST_BOXES {
        let middle = format!("… {} more", boxes.len() - MOST_BOXES);
        boxes.splice(MOST_BOXES / 2..boxes.len() - MOST_BOXES / 2, [middle]);
    }
    boxes.push(target.to_owned());
    text.push_str("\n  ```mermaid\n  flowchart LR\n");
    for (i, label) in boxes.iter().enumerate() {
        let _ = writeln!(text, "  n{i}[\"{}\"]", mermaid(label));
    }
    for i in 1..boxes.len() {
        let _ = writeln!(text, "  n{} --> n{i}", i - 1);
    }
    text.push_str("  ```\n\n");
}

fn ring(text: &mut String, cycle: &Cycle) {
    let ring = usize::try_from(cycle.ring).unwrap_or(usize::MAX).min(cycle.members.len());
    if ring > MOST_BOXES {
        return;
    }
    text.push_str("\n  ```mermaid\n  flowchart LR\n");
    for (i, label) in cycle.members[..ring].iter().enumerate() {
        let _ = writeln!(text, "  n{i}[\"{}\"]", mermaid(label));
    }
    for edge in cycle.edges.iter().filter(|edge| (edge.from as usize) < ring && (edge.to as usize) < ring) {
        let line = if edge.weaken == Some(0) { "-." } else { "--" };
        let end = if edge.weaken == Some(0) { ".->" } else { "-->" };
        let mark = if edge.weaken == Some(0) { ": make this one a Weak" } else { "" };
        let _ = writeln!(text, "  n{} {line} \"{}{mark}\" {end} n{}", edge.from, mermaid(&edge.way), edge.to);
    }
    text.push_str("  ```\n\n");
}

/// As a label in quotation marks.
fn mermaid(text: &str) -> String {
    let mut label = String::new();
    for c in text.chars() {
        match c {
            '"' => label.push_str("#quot;"),
            '#' => label.push_str("#35;"),
            // Two of them would begin a comment.
            '%' => label.push_str("#37;"),
            '<' => label.push_str("#lt;"),
            '>' => label.push_str("#gt;"),
            '&' => label.push_str("#amp;"),
            '\n' => label.push_str("<br>"),
            // Would begin Markdown in a label.
            '`' => label.push_str("#96;"),
            c => label.push(c),
        }
    }
    label
}

/// Text in which names stand between backticks: what is outside of them is no Markdown.
fn inline(text: &str) -> String {
    let mut markdown = String::new();
    for (i, part) in text.replace('\n', " ").split('`').enumerate() {
        if i % 2 == 1 {
            markdown += &code(part);
            continue;
        }
        for c in part.chars() {
            if matches!(c, '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&') {
                markdown.push('\\');
            }
            markdown.push(c);
        }
    }
    markdown
}

/// Code in a line, whatever backticks are in it.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('\n', " "))
}

/// Lines of code, whatever backticks are in them.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let mut shown: String = text.chars().take(MOST_TEXT).collect();
    if shown.len() < text.len() {
        shown.push_str("\n… more in the report");
    }
    format!("{fence}text\n{}\n{fence}", shown.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples;

    #[test]
    fn a_way_is_drawn() {
        expect_test::expect![[r#"
            ### memleak: chat `tests::logging_off`

            **2 live `Session`, expected 0**

            * 2 `Session` live, 112 bytes each, allocated at `src/session.rs:41`
              help: chat::REGISTRY.sessions still has it: take it out when it is done with

              ```mermaid
              flowchart LR
              n0["static chat::REGISTRY"]
              n1[".sessions"]
              n2["[value]"]
              n3["Session"]
              n0 --> n1
              n1 --> n2
              n2 --> n3
              ```

            <details><summary>The text of the test</summary>

            ```text
            2 live `Session`, expected 0
            ```

            </details>

        "#]]
        .assert_eq(&test(&examples::held()));
    }

    #[test]
    fn a_cycle_is_drawn_with_the_field_to_change() {
        let text = test(&examples::cycle());
        assert!(text.contains("  n0 -- \".members[0]\" --> n1\n"), "{text}");
        assert!(text.contains("  n1 -. \".room: make this one a Weak\" .-> n0\n"), "{text}");
    }

    #[test]
    fn a_summary_says_that_it_is_full_once() {
        let page = "x".repeat(400_000);
        let mut summary = Vec::new();
        for _ in 0..5 {
            summary.extend(addition(&summary, &page).as_bytes());
        }
        assert_eq!(summary.len(), 800_000 + FULL.len());
        assert!(summary.ends_with(FULL.as_bytes()));
    }

    #[test]
    fn odd_names_stay_names() {
        assert_eq!(mermaid("Vec<\"a\">\n#`%"), "Vec#lt;#quot;a#quot;#gt;<br>#35;#96;#37;");
        assert_eq!(inline("`a_b` and a_b <c>"), "`a_b` and a\\_b \\<c\\>");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(fenced("````"), "`````text\n````\n`````");
    }
}
