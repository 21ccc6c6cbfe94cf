//! The page of a run: one file of HTML that opens anywhere, without a network and without scripts.
//!
//! May use: `document`, `ring`, `treemap`.
//!
//! What is drawn is also there as text: a way is a list, a treemap has its table, a cycle its members. So the page can be read by keyboard, by a
//! screen reader, and on paper.

use crate::document::{
    Cycle, Document, Frame, Group, Holder, Lost, Outcome, Part, Place, Pointer, Root, RootKind, Step,
};
use crate::{ring, treemap};
use std::fmt::Write as _;

/// The most leaks shown of one test. The text names those that tell most, and the JSON has all.
const MOST: usize = 50;

/// The page of these tests. `reports` leads from where it is to the directory of the reports, which saved heaps are below; none if it is not there.
pub fn html(documents: &[Document], reports: Option<&str>) -> String {
    let mut tests: Vec<&Document> = documents.iter().collect();
    tests.sort_by_key(|document| (document.outcome.passes(), &document.test));
    let failed = tests.iter().filter(|document| !document.outcome.passes()).count();
    let title = match failed {
        0 => "memleak: no test failed".to_owned(),
        1 => "memleak: 1 test failed".to_owned(),
        _ => format!("memleak: {failed} tests failed"),
    };
    let mut page = Page::default();
    page.add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.add("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.add("<meta name=\"color-scheme\" content=\"light dark\">\n");
    // Nothing is loaded and nothing runs, whatever a name in a report looks like.
    page.add("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n");
    // A browser asks for an icon otherwise.
    page.add("<link rel=\"icon\" href=\"data:,\">\n");
    page.element("title", "", &title);
    page.add("<style>\n");
    page.add(include_str!("page.css"));
    page.add("</style>\n</head>\n<body>\n");
    if !tests.is_empty() {
        page.add("<a class=\"skip\" href=\"#test-0\">To the first test</a>\n");
    }
    page.add("<main>\n");
    page.element("h1", " id=\"top\"", &title);
    contents(&mut page, &tests);
    sizes(&mut page, &tests);
    for (number, document) in tests.iter().enumerate() {
        test(&mut page, number, document, reports);
    }
    page.add("</main>\n</body>\n</html>\n");
    page.html
}

/// HTML in the making. Text is escaped where it comes in.
#[derive(Default)]
struct Page {
    html: String,
    /// How many pictures need names of their own.
    rings: usize,
}

impl Page {
    /// HTML.
    fn add(&mut self, html: &str) {
        self.html.push_str(html);
    }

    /// Text.
    fn text(&mut self, text: &str) {
        self.html.push_str(&escaped(text));
    }

    /// Text in which names stand between backticks.
    fn words(&mut self, text: &str) {
        for (i, part) in text.split('`').enumerate() {
            self.add(if i == 0 {
                ""
            } else if i % 2 == 1 {
                "<code>"
            } else {
                "</code>"
            });
            self.text(part);
        }
        self.add(if text.matches('`').count() % 2 == 1 { "</code>" } else { "" });
    }

    /// An element with text in it. `attributes` are HTML, with a space in front of each.
    fn element(&mut self, name: &str, attributes: &str, text: &str) {
        let _ = writeln!(self.html, "<{name}{attributes}>{}</{name}>", escaped(text));
    }

    /// Lines that are shown when they are asked for. What is longer than the page can be moved by keyboard, so it has a name.
    fn folded(&mut self, summary: &str, lines: &str) {
        let _ = writeln!(self.html, "<details><summary>{}</summary>", escaped(summary));
        let attributes = format!(" tabindex=\"0\" role=\"group\" aria-label=\"{}\"", escaped(summary));
        self.element("pre", &attributes, lines);
        self.add("</details>\n");
    }
}

/// A text as HTML has it, also between quotation marks.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            // Not allowed in HTML, escaped or not.
            c if c.is_control() && !matches!(c, '\n' | '\t') => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
    html
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Unchecked => "not checked",
        Outcome::Leaked => "leaks",
        Outcome::CouldNotTell => "could not tell",
        Outcome::BodyFailed => "failed",
        Outcome::NoVerdict => "no verdict",
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Leaked => "leaked",
        _ => "other",
    }
}

/// The tests and their verdicts, with links.
fn contents(page: &mut Page, tests: &[&Document]) {
    if tests.is_empty() {
        page.element("p", "", "No report was written.");
        return;
    }
    page.add("<table>\n<caption>Tests</caption>\n<thead><tr><th scope=\"col\">Test</th><th scope=\"col\">Verdict</th>");
    page.add("<th scope=\"col\">What was found</th></tr></thead>\n<tbody>\n");
    for (number, document) in tests.iter().enumerate() {
        let _ = write!(page.html, "<tr><th scope=\"row\"><a href=\"#test-{number}\">");
        page.text(&name(document));
        page.add("</a></th>");
        let verdict = document.outcome;
        let _ =
            write!(page.html, "<td><span class=\"verdict {}\">{}</span></td><td>", class(verdict), outcome(verdict));
        page.words(&headlines(document).join("; "));
        page.add("</td></tr>\n");
    }
    page.add("</tbody>\n</table>\n");
}

fn name(document: &Document) -> String {
    format!("{} {}", document.test.binary, document.test.name)
}

/// What is said first of a test, in lines.
pub(crate) fn headlines(document: &Document) -> Vec<String> {
    let findings = &document.findings;
    let mut lines: Vec<String> =
        findings.expectations.iter().flat_map(|expectation| expectation.headlines.iter().cloned()).collect();
    lines.extend(findings.overruns.iter().map(|overrun| overrun.headline.clone()));
    let (blocks, bytes) =
        findings.unreachable.iter().fold((0, 0), |(blocks, bytes), lost| (blocks + lost.blocks, bytes + lost.bytes));
    if blocks > 0 {
        lines.push(format!("{} unreachable, {}", count(blocks, "block"), size(bytes)));
    }
    lines.extend(findings.obstacles.iter().map(|obstacle| obstacle.wrong.clone()));
    if lines.is_empty() && !document.outcome.passes() {
        let is_said = |line: &&str| !line.trim().is_empty() && !line.starts_with("memleak: note: ");
        let first = document.text.lines().find(is_said).map(|line| line.trim_start_matches("memleak: no verdict: "));
        lines.push(first.unwrap_or("the body panicked").to_owned());
    }
    lines
}

/// What the leaks of all tests take, by type, as a treemap and as a table.
fn sizes(page: &mut Page, tests: &[&Document]) {
    let mut types: Vec<(String, u64, u64)> = Vec::new();
    let mut add = |name: &str, instances: u64, bytes: u64| match types.iter_mut().find(|(known, ..)| known == name) {
        Some((_, all, sum)) => {
            *all += instances;
            *sum += bytes;
        }
        None => types.push((name.to_owned(), instances, bytes)),
    };
    for document in tests {
        for group in document.findings.expectations.iter().flat_map(|expectation| &expectation.groups) {
            add(&group.type_short, group.count, group.retained.unwrap_or(group.count * group.size));
        }
        for lost in &document.findings.unreachable {
            add(&lost.type_short, lost.count, lost.bytes);
        }
    }
    types.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    if types.is_empty() {
        return;
    }
    page.add("<section aria-labelledby=\"sizes\">\n<h2 id=\"sizes\">What the leaks keep</h2>\n");
    page.add(&treemap::svg(
        &types.iter().map(|(name, _, bytes)| (name.as_str(), *bytes, size(*bytes))).collect::<Vec<_>>(),
    ));
    page.add("<table>\n<caption>Types by what they retain</caption>\n<thead><tr><th scope=\"col\">Type</th><th scope=\"col\">Instances</th><th scope=\"col\">Retained</th></tr></thead>\n<tbody>\n");
    for (name, instances, bytes) in &types {
        page.add("<tr><th scope=\"row\"><code>");
        page.text(name);
        let _ = writeln!(page.html, "</code></th><td>{instances}</td><td>{}</td></tr>", size(*bytes));
    }
    page.add("</tbody>\n</table>\n</section>\n");
}

fn test(page: &mut Page, number: usize, document: &Document, reports: Option<&str>) {
    let _ = writeln!(page.html, "<section id=\"test-{number}\" aria-labelledby=\"name-{number}\">");
    let _ = write!(page.html, "<h2 id=\"name-{number}\">");
    page.text(&name(document));
    let _ = writeln!(
        page.html,
        " <span class=\"verdict {}\">{}</span></h2>",
        class(document.outcome),
        outcome(document.outcome)
    );
    if let Some(location) = &document.test.location {
        page.element("p", " class=\"place\"", &location.to_string());
    }
    for line in headlines(document) {
        page.add("<p class=\"headline\">");
        page.words(&line);
        page.add("</p>\n");
    }
    heap_file(page, document.findings.heap_file.as_deref(), reports);
    let findings = &document.findings;
    some(page, findings.expectations.iter().flat_map(|expectation| &expectation.groups), group);
    some(page, findings.overruns.iter().flat_map(|overrun| &overrun.parts), part);
    some(page, &findings.unreachable, lost);
    for obstacle in &document.findings.obstacles {
        page.add("<article>\n");
        page.add("<h3>");
        page.words(&obstacle.wrong);
        page.add("</h3>\n");
        for line in &obstacle.details {
            page.element("p", "", line);
        }
        help(page, Some(&obstacle.help.join(" ")).filter(|help| !help.is_empty()));
        page.add("</article>\n");
    }
    page.folded("The text of the test", &document.text);
    page.add("<p><a href=\"#top\">Back to all tests</a></p>\n</section>\n");
}

fn heap_file(page: &mut Page, file: Option<&str>, reports: Option<&str>) {
    match (file, reports) {
        (Some(file), Some(reports)) => {
            page.add("<p>The heap as of the last run, for the Memory panel of DevTools: ");
            page.element("a", &format!(" href=\"{}\" download=\"\"", escaped(&format!("{reports}{file}"))), file);
            page.add("</p>\n");
        }
        (Some(file), None) => page.element("p", "", &format!("The heap was saved as {file}, beside the reports.")),
        (None, _) => {}
    }
}

/// Those that a page has room for, and how many more there are.
fn some<'d, T: 'd>(page: &mut Page, all: impl IntoIterator<Item = &'d T>, show: fn(&mut Page, &T)) {
    let mut all = all.into_iter();
    all.by_ref().take(MOST).for_each(|one| show(page, one));
    let left = all.count() as u64;
    if left > 0 {
        page.element("p", "", &format!("… and {} in the report (JSON).", count(left, "more place")));
    }
}

fn group(page: &mut Page, group: &Group) {
    let live = if group.doubt.is_some() { "possibly live" } else { "live" };
    let each = if group.count == 1 { "" } else { " each" };
    let mut facts = vec![format!("{} {live}", group.count), format!("{}{each}", size(group.size))];
    facts.extend(group.retained.map(|bytes| format!("{} retained", size(bytes))));
    if group.known > 0 {
        facts.push(format!("{} known", group.known));
    }
    if group.before > 0 {
        facts.push(format!("{} lived before the test began", group.before));
    }
    page.add("<article>\n");
    heading(page, &group.type_name, &group.type_short, &facts.join(", "));
    if let Some(doubt) = &group.doubt {
        page.element("p", "", &format!("Not certain: {doubt}."));
    }
    match &group.place {
        Place::Static { name } => page.element("p", "", &format!("In static {name}.")),
        Place::Stack { thread, function } => {
            page.element("p", "", &format!("On the stack of {}, in {function}.", of_thread(thread)));
        }
        Place::Heap { inside: Some(inside) } => page.element("p", "", &format!("As part of {inside}.")),
        Place::Heap { inside: None } => {}
    }
    holders(page, &group.holders, group.more_holders, &group.type_short);
    values(page, &group.values, group.count);
    stack(page, &group.stack);
    help(page, group.help.as_ref());
    page.add("</article>\n");
}

/// Of a figure that is above its limit.
fn part(page: &mut Page, part: &Part) {
    let mut facts = format!("{} in {} {}", size(part.bytes), count(part.blocks, "block"), part.state);
    if part.left > 0 && part.left < part.blocks {
        facts += &format!(", {} left", part.left);
    }
    if let Some(growth) = &part.growth {
        facts += &format!(", grows {growth}");
    }
    page.add("<article>\n");
    heading(page, part.type_name.as_deref().unwrap_or_default(), &part.type_short, &facts);
    holders(page, &part.holders, part.more_holders, &part.type_short);
    stack(page, &part.stack);
    help(page, part.help.as_ref());
    page.add("</article>\n");
}

fn holders(page: &mut Page, holders: &[Holder], more: u64, target: &str) {
    for (i, holder) in holders.iter().enumerate() {
        page.element("h4", "", if i == 0 { "Held by" } else { "And by" });
        way(page, holder, target);
    }
    if more > 0 {
        page.element("p", "", &format!("And {} that are not shown.", count(more, "holder")));
    }
}

fn heading(page: &mut Page, full: &str, short: &str, facts: &str) {
    page.add("<h3><code>");
    page.text(short);
    page.add("</code> ");
    page.text(facts);
    page.add("</h3>\n");
    if !full.is_empty() && full != short {
        page.element("p", " class=\"full\"", full);
    }
}

fn lost(page: &mut Page, lost: &Lost) {
    let mut facts = format!("{} unreachable, {} in {}", lost.count, size(lost.bytes), count(lost.blocks, "block"));
    if lost.known > 0 {
        facts += &format!(", {} known", lost.known);
    }
    page.add("<article>\n");
    heading(page, lost.type_name.as_deref().unwrap_or_default(), &lost.type_short, &facts);
    if let Some(cycle) = &lost.cycle {
        self::cycle(page, cycle);
    }
    if let Some(owners) = lost.owners.filter(|owners| owners.found < owners.strong) {
        page.element("p", "", &format!("{} of {} owners were not found.", owners.strong - owners.found, owners.strong));
    }
    values(page, &lost.values, lost.count);
    stack(page, &lost.stack);
    help(page, lost.help.as_ref());
    page.add("</article>\n");
}

fn cycle(page: &mut Page, cycle: &Cycle) {
    page.element("h4", "", if cycle.certain { "Cycle" } else { "Ring: these may own each other" });
    page.add(&ring::svg(cycle, page.rings));
    page.rings += 1;
    page.add("<ul>\n");
    for edge in &cycle.edges {
        let member = |index: u64| cycle.members.get(index as usize).map_or("?", String::as_str);
        let mark = match edge.weaken {
            Some(0) => ": make this one a Weak",
            Some(_) => ": or this one",
            None => "",
        };
        page.element("li", "", &format!("{} {} → {}{mark}", member(edge.from), edge.way, member(edge.to)));
    }
    page.add("</ul>\n");
}

/// The way from a root to the value, as boxes with arrows between them.
fn way(page: &mut Page, holder: &Holder, target: &str) {
    page.add("<ol class=\"way\" role=\"list\">\n<li class=\"root\">");
    page.element("span", " class=\"kind\"", kind(holder.root.kind));
    page.element("b", "", &root_name(&holder.root));
    if let Some(location) = &holder.root.location {
        let parked = if holder.root.kind == RootKind::Task { "suspended at " } else { "" };
        page.element("span", " class=\"place\"", &format!("{parked}{location}"));
    }
    if let Some(location) = &holder.root.spawned {
        page.element("span", " class=\"place\"", &format!("spawned at {location}"));
    }
    page.add("</li>\n");
    for step in &holder.steps {
        self::step(page, step);
    }
    page.add("<li class=\"target\"><b>");
    page.text(target);
    page.add("</b></li>\n</ol>\n");
    page.folded("The same as text", &holder.lines.join("\n"));
}

fn kind(kind: RootKind) -> &'static str {
    match kind {
        RootKind::Static => "static",
        RootKind::ThreadLocal => "thread-local",
        RootKind::Task => "task",
        RootKind::Local => "local",
        RootKind::Thread => "thread",
        RootKind::Foreign => "memory of another allocator",
        RootKind::Nothing => "nothing",
    }
}

fn root_name(root: &Root) -> String {
    let thread = || of_thread(&root.thread);
    match root.kind {
        RootKind::ThreadLocal => format!("{} of {}", root.name, thread()).trim().to_owned(),
        RootKind::Local => {
            let function = root.function.as_deref().unwrap_or("a function without a name");
            format!("{} in {function}, {}", root.name, thread()).trim().to_owned()
        }
        RootKind::Thread => format!("the stack of {}", thread()),
        _ if root.name.is_empty() => String::new(),
        _ => root.name.clone(),
    }
}

fn of_thread(name: &str) -> String {
    if name.is_empty() { "a thread without a name".to_owned() } else { format!("thread {name}") }
}

fn step(page: &mut Page, step: &Step) {
    let kind = match step.pointer {
        Some(Pointer::Owning) => "owns",
        Some(Pointer::Shared) => "shares",
        Some(Pointer::Weak) => "watches",
        Some(Pointer::Borrowed) => "borrows",
        Some(Pointer::Unknown) => "perhaps points to",
        None => "has",
    };
    page.add("<li>");
    if !step.way.is_empty() {
        page.add("<b>");
        page.words(&step.way.join(" "));
        page.add("</b>\n");
    }
    if !step.type_name.is_empty() {
        let full = format!(" title=\"{}\"", escaped(&step.type_name));
        page.element("code", &full, &step.type_short);
    }
    let owners = step.owners.map(|owners| format!(", strong {} of {} found", owners.found, owners.strong));
    page.element("span", " class=\"kind\"", &format!("{kind}{}", owners.unwrap_or_default()));
    page.add("</li>\n");
}

/// What there is only if it was asked for.
fn values(page: &mut Page, values: &[String], of: u64) {
    if values.is_empty() {
        return;
    }
    let some = if (values.len() as u64) < of {
        format!("What {} of them hold", values.len())
    } else {
        "What is in there".to_owned()
    };
    page.folded(&some, &values.join("\n"));
}

fn stack(page: &mut Page, stack: &[Frame]) {
    if stack.is_empty() {
        return;
    }
    let own = stack.iter().find(|frame| frame.location.as_ref().is_some_and(|at| at.own)).or(stack.first());
    let at = own.and_then(|frame| frame.location.as_ref()).map(|at| format!(" at {at}")).unwrap_or_default();
    page.element("h4", "", &format!("Allocated{at}"));
    page.add("<details><summary>The call stack</summary>\n<ol class=\"stack\">\n");
    for frame in stack {
        let own = frame.location.as_ref().is_some_and(|location| location.own);
        page.add(if own { "<li class=\"own\"><code>" } else { "<li><code>" });
        page.text(&frame.function);
        page.add("</code> ");
        if let Some(location) = &frame.location {
            page.element("span", " class=\"place\"", &location.to_string());
        }
        page.add("</li>\n");
    }
    page.add("</ol></details>\n");
}

fn help(page: &mut Page, help: Option<&String>) {
    if let Some(help) = help {
        page.add("<p class=\"help\"><b>help:</b> ");
        page.words(help);
        page.add("</p>\n");
    }
}

/// `112 bytes`, `3.1 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return count(bytes, "byte");
    }
    // Tenths, rounded down: what is said is there.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `1 block`, `2 blocks`.
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
