//! The way from a root to a value, in the names of the program.

use super::{Ink, Look, backtrace, count};
use crate::check::verdict::Holder;
use crate::debuginfo::functions::Location;
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{Await, Counted, HeldBy, Hop, Task, TaskKind, TaskState, Way};
use crate::query::short::{brief, short_function};
use std::collections::HashMap;

/// The most holders shown of one group.
const MOST_HOLDERS: usize = 3;
/// The most lines shown at the beginning of a way, and at its end.
const MOST_HOPS: (usize, usize) = (6, 4);
/// The most futures shown that a task waits for at once.
const MOST_BRANCHES: usize = 6;
/// How often a line has to follow itself to be folded.
const REPEATS: usize = 3;

/// Whether the position in a `Vec` is part of the text: values at different positions are held alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Positions {
    /// `[3]`.
    Shown,
    /// `[_]`.
    Any,
}

/// All holders of a group under their labels; those that read alike once.
pub(super) fn describe(holders: &[Holder], more: u64, positions: Positions, look: &Look, lines: &mut Vec<String>) {
    let mut alike: Vec<(Vec<String>, &Holder, u64)> = Vec::new();
    for holder in holders {
        let key = self::lines(holder, Positions::Any, look);
        match alike.iter_mut().find(|(other, ..)| *other == key) {
            Some((.., count)) => *count += 1,
            None => alike.push((key, holder, 1)),
        }
    }
    for (i, (key, holder, times)) in alike.iter().take(MOST_HOLDERS).enumerate() {
        let mut text = if *times == 1 { self::lines(holder, positions, look) } else { key.clone() };
        if *times > 1 {
            text.push(look.paint(Ink::Aside, &format!("… and {} like this", count(times - 1, "more holder"))));
        }
        super::labelled(if i == 0 { "held by" } else { "and by" }, text, lines);
    }
    let left = more + alike.iter().skip(MOST_HOLDERS).map(|(.., count)| count).sum::<u64>();
    if left > 0 {
        super::labelled("", vec![look.paint(Ink::Aside, &format!("… and {} not shown", count(left, "holder")))], lines);
    }
    super::labelled("owners", holders.iter().find_map(not_found).into_iter().collect(), lines);
}

/// That not all owners of the value were found.
fn not_found(holder: &Holder) -> Option<String> {
    let counted = holder.way.hops.iter().rev().find(|hop| hop.kind.is_some())?.counted?;
    missing(counted).map(|missing| format!("{missing}: {UNSEEN}"))
}

/// What became of owners that were not found.
pub(super) const UNSEEN: &str = "forgotten (`mem::forget`, `into_raw`), or kept where memleak does not look";

/// `2 of 3 not found`; none if all were.
pub(super) fn missing(Counted { found, strong }: Counted) -> Option<String> {
    let left = strong.checked_sub(found).filter(|left| *left > 0)?;
    Some(format!("{left} of {strong} not found"))
}

/// The lines of one holder.
pub(super) fn lines(holder: &Holder, positions: Positions, look: &Look) -> Vec<String> {
    let way = &holder.way;
    let first_is_field = matches!(way.hops.first().and_then(|hop| hop.way.first()), Some(Way::Field(_)));
    // What a field of it is says nothing of the root's own type; an element or the pointer itself does.
    let of_type = |ty: &str| if first_is_field { String::new() } else { format!(": {}", brief(ty)) };
    let declared = |at: &Option<Location>| {
        at.as_ref().map(|at| format!(" ({})", look.paint(Ink::Place, &place(at, look)))).unwrap_or_default()
    };
    let name = |name: &str| look.paint(Ink::Name, name);
    let (head, ty) = match &way.root {
        HeldBy::Static { name: path, ty, declared: at } => {
            (format!("static {}{}{}", name(path), of_type(ty), declared(at)), of_type(ty))
        }
        HeldBy::ThreadLocal { name: path, ty, declared: at, thread } => {
            let thread = of_thread(thread);
            (format!("thread-local {}{}{} of {thread}", name(path), of_type(ty), declared(at)), of_type(ty))
        }
        HeldBy::Task(task) => return of_task(task, holder, hops(&way.hops, "", positions, look), look),
        HeldBy::Local { thread, function, at, name: local, ty } => {
            let at =
                at.as_ref().map(|at| format!(" at {}", look.paint(Ink::Place, &place(at, look)))).unwrap_or_default();
            let function = name(&look.name(&short_function(function)));
            let ty = of_type(ty);
            let local = if local.is_empty() { "value without a name".to_owned() } else { format!("local `{local}`") };
            (format!("{}, in {function}{at}, {local}{ty}", of_thread(thread)), ty)
        }
        HeldBy::Thread { name } => (format!("the stack of {}", of_thread(name)), String::new()),
        HeldBy::ThreadMemory { name } => (format!("thread-local memory of {}", of_thread(name)), String::new()),
        HeldBy::UnnamedStatic => {
            ("a static without a name: of the standard library, or not of Rust".to_owned(), String::new())
        }
        HeldBy::Foreign => ("memory of another allocator, such as a C library's".to_owned(), String::new()),
        HeldBy::Nothing => {
            ("nothing: it is unreachable, or only unreachable memory leads to it".to_owned(), String::new())
        }
    };
    let mut inside = hops(&way.hops, &ty, positions, look).into_iter().peekable();
    let mut lines = vec![head];
    // How often the root itself owns it.
    if let Some(first) = inside.next_if(|first| first.starts_with("strong ") || first.starts_with("perhaps ")) {
        lines[0] += &format!(", {first}");
    }
    lines.extend(inside.map(|line| format!("  {line}")));
    lines
}

/// A thread as a text names it.
pub(super) fn of_thread(name: &str) -> String {
    if name.is_empty() { "a thread without a name".to_owned() } else { format!("thread `{name}`") }
}

fn of_task(task: &Task, holder: &Holder, inside: Vec<String>, look: &Look) -> Vec<String> {
    let future = look.paint(Ink::Name, &look.future(&task.future));
    let (mut head, spawned) = match task.kind {
        TaskKind::Spawned => (format!("task {future}"), "spawned"),
        TaskKind::Blocking => (format!("blocking task {future}"), "spawned"),
        TaskKind::InSet => (format!("future {future} in a set of futures"), "put there"),
    };
    if let Some(place) = backtrace::first_place(&holder.spawned, look) {
        head += &format!(", {spawned} at {place}");
    }
    let mut lines = vec![head];
    let ended = match &task.state {
        TaskState::Suspended { awaits, branches } => {
            lines.extend(suspended(awaits, branches, look));
            ""
        }
        TaskState::NotBegun => ", not begun yet",
        TaskState::Running => ", running at this moment",
        TaskState::Finished => ", which has ended: its result was not taken",
        TaskState::Consumed => ", which has ended",
        TaskState::Panicked => ", which has panicked",
        TaskState::Aborted => ", which was aborted and is not dropped yet",
        TaskState::Cancelled => ", which was aborted",
        TaskState::Unknown => "",
    };
    lines[0] += ended;
    // One line says where the task waits and what it holds there, if that is all there is to say.
    if let ([head, parked], Some((first, rest))) = (&mut lines[..], inside.split_first()) {
        head.push(',');
        parked.push_str(&format!(", {first}"));
        lines.extend(rest.iter().map(|line| format!("  {line}")));
    } else {
        if lines.len() > 1 {
            lines[0].push(',');
        }
        lines.extend(inside.into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// Where a task is parked: the line in its own future, then that in the future it awaits there, and so on.
fn suspended(awaits: &[Await], branches: &[Vec<Await>], look: &Look) -> Vec<String> {
    let mut lines = chain(awaits, "", look);
    if branches.is_empty() {
        return lines.into_iter().map(|line| format!("  {line}")).collect();
    }
    if let Some(last) = lines.last_mut() {
        *last += &format!(", waiting for {} at once:", count(branches.len() as u64, "future"));
    }
    for branch in branches.iter().take(MOST_BRANCHES) {
        let Some(first) = branch.first() else { continue };
        let head = look.paint(Ink::Name, &look.future(&first.future));
        match chain(branch, &format!("{head}, "), look) {
            parked if parked.is_empty() => lines.push(format!("  {head}")),
            parked => lines.extend(parked.into_iter().map(|line| format!("  {line}"))),
        }
    }
    if branches.len() > MOST_BRANCHES {
        lines.push(format!("  … {} not shown", count((branches.len() - MOST_BRANCHES) as u64, "more future")));
    }
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

/// One line for each await; a future without one is only what the line before waits for.
fn chain(awaits: &[Await], before: &str, look: &Look) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, parked) in awaits.iter().enumerate() {
        let Some(at) = &parked.at else { continue };
        let on = awaits.get(i + 1).map(|next| format!(" on {}", look.future(&next.future))).unwrap_or_default();
        let which = if lines.is_empty() { before } else { "which is " };
        if let Some(last) = lines.last_mut() {
            last.push(',');
        }
        lines.push(format!("{which}suspended at {}{on}", look.paint(Ink::Place, &place(at, look))));
    }
    lines
}

fn place(at: &Location, look: &Look) -> String {
    backtrace::place(&at.file, at.line, look)
}

/// The hops, one line for each that begins with a field; an element goes on the line of the collection it is in. What is said already of the
/// type of what they begin in is in `said`.
pub(super) fn hops(hops: &[Hop], said: &str, positions: Positions, look: &Look) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut types: HashMap<&str, String> = HashMap::new();
    let mut before: Option<&Hop> = None;
    for hop in hops {
        let elements = hop.way.iter().take_while(|part| is_element(part)).count();
        let (elements, rest) = hop.way.split_at(elements);
        // A list of a thousand nodes is worded once.
        if before == Some(hop) && elements.is_empty() && !rest.is_empty() {
            lines.extend(lines.last().cloned());
            continue;
        }
        before = Some(hop);
        let ty = types.entry(&hop.ty).or_insert_with(|| brief(&hop.ty));
        // A collection's type says what its elements are.
        let known = rest.is_empty() && lines.last().map_or(said, |line| line).contains(&**ty);
        if !elements.is_empty() {
            let element = way(elements, positions, look);
            match lines.last_mut() {
                Some(line) => *line += &format!(" {element}"),
                None => lines.push(element),
            }
        }
        let mut text = way(rest, positions, look);
        if !known && !ty.is_empty() {
            text += if text.is_empty() && elements.is_empty() { "" } else { ": " };
            text += ty;
        }
        if hop.kind == Some(EdgeKind::Unknown) && !rest.contains(&Way::Unknown) {
            // An owner that is not one: a local goes on being listed when it was moved.
            let local = matches!(rest.last(), Some(Way::Local(_) | Way::Captured(_)));
            text += if local && hop.ty.starts_with("alloc::") { ", perhaps moved away" } else { ", perhaps a pointer" };
        }
        if let Some(Counted { found, strong }) = hop.counted {
            text += &format!(", strong {found} of {strong} found");
        }
        match lines.last_mut() {
            Some(line) if rest.is_empty() => {
                let apart = if text.is_empty() || text.starts_with([',', ':']) { "" } else { ", " };
                *line += &format!("{apart}{text}");
            }
            _ => lines.push(text.trim_start_matches(", ").to_owned()),
        }
    }
    lines.retain(|line| !line.is_empty());
    folded(lines)
}

fn is_element(part: &Way) -> bool {
    matches!(part, Way::Index(_) | Way::Key | Way::Value | Way::Message)
}

pub(super) fn way(parts: &[Way], positions: Positions, look: &Look) -> String {
    let mut text = String::new();
    let mut before = None;
    for part in parts {
        let word = match part {
            Way::Field(name) => format!(".{name}"),
            Way::Future { future, at } => {
                let parked = at.as_ref().map(|at| format!(", suspended at {}", place(at, look))).unwrap_or_default();
                format!("future {}{parked}", look.future(future))
            }
            Way::Local(name) => format!("local `{name}`"),
            Way::Captured(name) => format!("captured `{name}`"),
            Way::Index(index) if positions == Positions::Shown => format!("[{index}]"),
            Way::Index(_) => "[_]".to_owned(),
            Way::Key => "[key]".to_owned(),
            Way::Value => "[value]".to_owned(),
            Way::Message => "[message]".to_owned(),
            Way::Variant(name) => name.to_string(),
            Way::Unknown => "memory of unknown type".to_owned(),
        };
        let joins = |part: &Way| matches!(part, Way::Field(_) | Way::Index(_));
        let joined = joins(part) && before.is_some_and(joins);
        text += match before {
            None => "",
            Some(_) if joined => "",
            Some(Way::Future { .. }) => ", ",
            Some(_) => " ",
        };
        before = Some(part);
        text += &word;
    }
    text
}

/// A list of a thousand nodes is not a thousand lines.
fn folded(lines: Vec<String>) -> Vec<String> {
    let mut short: Vec<String> = Vec::new();
    let mut rest = &lines[..];
    while let Some(first) = rest.first() {
        let times = rest.iter().take_while(|line| *line == first).count();
        short.push(first.clone());
        let more = if times < REPEATS { 1..times } else { 0..0 };
        short.extend(more.map(|_| first.clone()));
        if times >= REPEATS {
            short.push(format!("… the same {} times more", times - 1));
        }
        rest = &rest[times..];
    }
    let (head, tail) = MOST_HOPS;
    if short.len() > head + tail + 1 {
        let left = short.len() - head - tail;
        short.splice(head..head + left, [format!("… {left} lines of the way not shown")]);
    }
    short
}
