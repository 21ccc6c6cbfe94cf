//! A stack as a reader wants it: the own functions with file and line, everything else folded to one line.

use super::{Ink, Look, count, join};
use crate::check::verdict::Frame;
use crate::debuginfo::code::{CodeKind, in_the_toolchain};
use crate::query::short::short_function;

/// The most frames shown of the user's own.
const MOST: usize = 12;
/// The most frames shown of others, where no frame is the user's own.
const MOST_FOREIGN: usize = 4;

/// Stacks whose first shown frame is the same.
pub(super) struct Stacks<'a> {
    first: &'a [Frame],
    /// How much of the first is the same in all.
    same: usize,
    /// All of them, from the first shown frame on.
    callers: Vec<&'a [Frame]>,
}

impl<'a> Stacks<'a> {
    /// One.
    pub(super) fn of(stack: &'a [Frame]) -> Stacks<'a> {
        Stacks { first: stack, same: stack.len(), callers: vec![from_first_shown(stack)] }
    }

    /// And another.
    pub(super) fn add(&mut self, stack: &'a [Frame]) {
        let from = from_first_shown(stack);
        if !self.callers.contains(&from) {
            let inner = self.first.len() - self.callers[0].len();
            let same = self.callers[0].iter().zip(from).take_while(|(a, b)| a == b).count();
            self.same = self.same.min(inner + same);
            self.callers.push(from);
        }
    }

    /// What is the same in all.
    pub(super) fn frames(&self) -> &'a [Frame] {
        &self.first[..self.same]
    }

    /// The lines of what is the same in all.
    pub(super) fn lines(&self, look: &Look) -> Vec<String> {
        let mut lines = lines(self.frames(), look);
        if self.callers.len() > 1 {
            lines.push(look.paint(Ink::Aside, &format!("… called from {} places", self.callers.len())));
        }
        lines
    }
}

/// What a line of a stack is about.
enum Part {
    /// The frame with this index.
    Frame(usize),
    /// The frames before have called themselves again and again, up to the one with this index.
    Same { until: usize, times: usize },
}

/// The lines of a stack, innermost first; never empty.
fn lines(stack: &[Frame], look: &Look) -> Vec<String> {
    let parts = parts(stack, look);
    let Some(Part::Frame(first)) = parts.first() else {
        return vec!["unknown: the call stack could not be read".to_owned()];
    };
    let places = parts.iter().map(|part| match part {
        Part::Frame(i) => place_of(&stack[*i], look),
        Part::Same { .. } => String::new(),
    });
    let places: Vec<String> = places.collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut next = *first;
    for (part, place) in parts.iter().zip(&places) {
        match part {
            Part::Frame(i) => {
                lines.extend(folded(&stack[next..*i], look));
                let padding = " ".repeat(width - place.chars().count());
                let mut function = function(&stack[*i], look);
                if i == first {
                    function.push_str(&inside(&stack[..*i]));
                }
                lines.push(format!("{}{padding}  {function}", look.paint(Ink::Place, place)));
                next = i + 1;
            }
            Part::Same { until, times } => {
                lines.push(look.paint(Ink::Aside, &format!("… the same {times} times more")));
                next = *until;
            }
        }
    }
    lines.extend(folded(&stack[next..], look));
    lines
}

/// What a block of unknown type is called, by the stack that allocated it. The standard library's own code does not say what its buffers are of, but
/// nothing else than text is in those of its strings.
pub(super) fn unnamed(stack: &[Frame]) -> &'static str {
    let library =
        stack.iter().skip_while(|frame| frame.kind != CodeKind::Std).take_while(|frame| frame.kind == CodeKind::Std);
    let of_strings = ["alloc::string::", "alloc::str::", "alloc::fmt::"];
    let is_text = library
        .map(|frame| frame.function.trim_start_matches(['<', '&']))
        .any(|function| of_strings.iter().any(|module| function.starts_with(module)));
    if is_text { "text" } else { "memory of unknown type" }
}

/// The stack without the frames before the first that is shown.
pub(super) fn from_first_shown(stack: &[Frame]) -> &[Frame] {
    &stack[own(stack).1.first().copied().unwrap_or(stack.len())..]
}

/// Where the first frame that is shown is in the source.
pub(super) fn first_place(stack: &[Frame], look: &Look) -> Option<String> {
    let frame = from_first_shown(stack).first()?;
    frame.location.is_some().then(|| look.paint(Ink::Place, &place_of(frame, look)))
}

/// The frames to show, those that repeat once, up to a limit.
fn parts(stack: &[Frame], look: &Look) -> Vec<Part> {
    let (kind, mut own) = own(stack);
    // What other attributes have put between the test and its body is not the user's.
    if let Some(test) = &look.test
        && let Some(body) = own.iter().position(|&i| function(&stack[i], look) == *test)
    {
        let outer = own.split_off(body + 1);
        own.extend(outer.into_iter().filter(|&i| !is_of_test(&stack[i], look)));
    }
    let most = if kind == CodeKind::User { MOST } else { MOST_FOREIGN };
    let mut parts = Vec::new();
    let mut frames = 0;
    let mut i = 0;
    while i < own.len() && frames < most {
        let (period, times) = repeats(stack, &own[i..]).unwrap_or((1, 1));
        parts.extend(own[i..i + period].iter().map(|frame| Part::Frame(*frame)));
        frames += period;
        i += period * times;
        if times > 1 {
            parts.push(Part::Same { until: own[i], times: times - 1 });
        }
    }
    parts
}

/// How many of the first frames repeat, together with what is between them, and how often they are there.
fn repeats(stack: &[Frame], own: &[usize]) -> Option<(usize, usize)> {
    /// The most functions that call each other in turn.
    const LONGEST: usize = 4;
    /// Two of the same are no recursion yet.
    const FEWEST: usize = 3;
    (1..=LONGEST).find_map(|period| {
        let block = |n: usize| stack.get(*own.get(n * period)?..*own.get((n + 1) * period)?);
        let first = block(0)?;
        let times = (1..).take_while(|n| block(*n) == Some(first)).count() + 1;
        (times >= FEWEST).then_some((period, times))
    })
}

/// The functions on a stack that are the user's own, innermost first, up to the test. Of others only where the allocation is: what is further
/// out is not the same in every build.
pub(super) fn own_functions(stack: &[Frame], look: &Look) -> Vec<String> {
    let (kind, own) = own(stack);
    let mut functions = own.iter().map(|&i| function(&stack[i], look));
    match kind {
        CodeKind::Dependency => functions.take(1).collect(),
        CodeKind::Std => Vec::new(),
        CodeKind::User => {
            let mut inner = Vec::new();
            for function in functions.by_ref() {
                let is_test = look.test.as_ref().is_some_and(|test| function == *test);
                inner.push(function);
                if is_test {
                    break;
                }
            }
            inner
        }
    }
}

/// The frames that may be shown, by index: the user's own, else those of dependencies, else what there is.
fn own(stack: &[Frame]) -> (CodeKind, Vec<usize>) {
    let of = |kind: CodeKind| {
        let own = |frame: &Frame| frame.kind == kind && crate_of(frame) != "memleak";
        (kind, (0..stack.len()).filter(|&i| own(&stack[i])).collect::<Vec<_>>())
    };
    [CodeKind::User, CodeKind::Dependency, CodeKind::Std]
        .into_iter()
        .map(of)
        .find(|(_, own)| !own.is_empty())
        .unwrap_or((CodeKind::Std, Vec::new()))
}

/// `… 12 frames of tokio and std`.
fn folded(frames: &[Frame], look: &Look) -> Option<String> {
    (!frames.is_empty()).then(|| {
        let others: Vec<&Frame> = frames.iter().filter(|frame| !is_of_test(frame, look)).collect();
        let text = format!("… {} of {}", count(frames.len() as u64, "frame"), join(&owners(&others)));
        look.paint(Ink::Aside, &text)
    })
}

/// Where the allocation itself is not in the function shown first, but in a dependency that it called.
fn inside(inner: &[Frame]) -> String {
    let inner: Vec<&Frame> = inner.iter().collect();
    let owners: Vec<String> = owners(&inner).into_iter().filter(|owner| owner != "std" && owner != "memleak").collect();
    if owners.is_empty() { String::new() } else { format!(" (inside {})", join(&owners)) }
}

/// Whose frames these are, the outermost last: crates, and `std` for all that belongs to the toolchain.
fn owners(frames: &[&Frame]) -> Vec<String> {
    const MOST_CRATES: usize = 3;
    let mut owners: Vec<String> = Vec::new();
    for frame in frames {
        let owner = crate_of(frame);
        if owner != "std" && !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    if owners.len() > MOST_CRATES {
        owners.truncate(MOST_CRATES - 1);
        owners.push("others".to_owned());
    }
    if frames.iter().any(|frame| crate_of(frame) == "std") {
        owners.push("std".to_owned());
    }
    owners
}

fn crate_of(frame: &Frame) -> String {
    if frame.kind == CodeKind::Std {
        return "std".to_owned();
    }
    let first = frame.function.trim_start_matches(['<', '&']).split(['<', ':']).next().unwrap_or_default();
    if first == "memleak_core" { "memleak".to_owned() } else { first.to_owned() }
}

fn function(frame: &Frame, look: &Look) -> String {
    look.name(&short_function(&frame.function))
}

fn is_of_test(frame: &Frame, look: &Look) -> bool {
    frame.kind == CodeKind::User
        && look.test.as_ref().is_some_and(|test| function(frame, look).starts_with(test.as_str()))
}

fn place_of(frame: &Frame, look: &Look) -> String {
    match &frame.location {
        Some((file, line)) => place(file, *line, look),
        None => "(no line)".to_owned(),
    }
}

/// `src/session.rs:41`.
pub(super) fn place(file: &str, line: u32, look: &Look) -> String {
    match line {
        0 => short_file(file, look),
        _ => format!("{}:{line}", short_file(file, look)),
    }
}

/// A file relative to the workspace, a dependency's from its package on, the standard library's from `library/` on.
pub(super) fn short_file(file: &str, look: &Look) -> String {
    if let Some(below) = look.below_root(file) {
        return below.display().to_string();
    }
    if let Some(path) = in_the_toolchain(file) {
        return path.to_owned();
    }
    for (marker, directories) in [("/registry/src/", 1), ("/git/checkouts/", 0)] {
        if let Some((_, after)) = file.split_once(marker) {
            return after.splitn(directories + 1, '/').last().unwrap_or(after).to_owned();
        }
    }
    file.to_owned()
}
