//! Verdict to data: what the text says, for those who do not read text.

use super::backtrace::{self, Stacks};
use super::fingerprint::Fingerprint;
use super::groups::Alike;
use super::holder::{self, Positions};
use super::{Look, advice, failure, groups, lost, obstacle, overruns};
use crate::check::verdict::{
    Cycle, Failure, Figure, Frame, Holder, LostGroup, Missed, Obstacle, Overrun, Place, Verdict,
};
use crate::debuginfo::code::CodeKind;
use crate::debuginfo::functions;
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{HeldBy, Hop, Task, TaskState};
use crate::query::short::{brief, short, short_block, short_function};
use memleak_report::document::{
    self, Code, Expectation, Findings, Group, Location, Lost, Owners, Pointer, Root, RootKind, Step,
};

/// What a verdict says as data; nothing of a pass.
pub(super) fn of(verdict: &Verdict, look: &Look) -> Findings {
    match verdict {
        Verdict::Passed(_) => Findings::default(),
        Verdict::Failed(failure) => of_failure(failure, look),
        Verdict::CouldNotTell(obstacles) => {
            let obstacles = obstacles.iter().map(|obstacle| of_obstacle(obstacle, look)).collect();
            Findings { obstacles, ..Findings::default() }
        }
    }
}

fn of_failure(failure: &Failure, look: &Look) -> Findings {
    Findings {
        settled_ms: u64::try_from(failure.settled.as_millis()).unwrap_or(u64::MAX),
        expectations: failure.missed.iter().map(|missed| expectation(missed, look)).collect(),
        overruns: failure.overruns.iter().map(|overrun| of_overrun(overrun, look)).collect(),
        unreachable: lost::alike(&failure.lost, look).iter().map(|alike| lost_group(alike, look)).collect(),
        obstacles: failure.untold.iter().map(|obstacle| of_obstacle(obstacle, look)).collect(),
        heap_file: None,
    }
}

fn of_obstacle(obstacle: &Obstacle, look: &Look) -> document::Obstacle {
    let lines = |text: &str| text.lines().map(|line| look.with_body_as_test(line.trim_end())).collect();
    let explained = obstacle::explain(obstacle, look);
    document::Obstacle {
        wrong: look.with_body_as_test(&explained.wrong),
        details: lines(&explained.details),
        help: lines(explained.help),
    }
}

fn expectation(missed: &Missed, look: &Look) -> Expectation {
    let groups = groups::alike(missed.groups.iter(), look);
    let sum = |doubtful: bool| -> u64 {
        groups.iter().filter(|alike| alike.first.doubt.is_some() == doubtful).map(|alike| alike.count).sum()
    };
    Expectation {
        written: missed.written.clone(),
        at_least: missed.bound.least(),
        at_most: missed.bound.most(),
        headlines: failure::headlines(missed).iter().map(|line| look.with_body_as_test(line)).collect(),
        certain: sum(false),
        possible: sum(true),
        groups: groups.iter().map(|alike| group(alike, look)).collect(),
    }
}

fn group(alike: &Alike<'_>, look: &Look) -> Group {
    let group = alike.first;
    let named = |name: &str| look.with_body_as_test(name);
    let place = match &group.place {
        Place::Static(name) => document::Place::Static { name: named(name) },
        Place::Stack { thread, function } => {
            document::Place::Stack { thread: thread.clone(), function: look.name(&short_function(function)) }
        }
        Place::Block { inside, .. } => document::Place::Heap { inside: inside.as_deref().map(named) },
    };
    Group {
        fingerprint: Fingerprint::of_instances(group, look).id(),
        type_name: named(&group.type_name),
        type_short: named(&short(&group.type_name)),
        count: alike.count,
        known: alike.known,
        size: group.size,
        retained: alike.retained,
        before: alike.before,
        doubt: group.doubt.as_ref().map(|doubt| named(&groups::reason(doubt))),
        place,
        stack: stack(&alike.stacks, look),
        holders: group.holders.iter().map(|holder| of_holder(holder, alike.positions, look)).collect(),
        more_holders: group.more_holders,
        values: group.values.iter().map(|value| named(value)).collect(),
        help: group.advice.as_ref().map(|what| named(&advice::text(what, look))),
    }
}

fn stack(stacks: &Stacks<'_>, look: &Look) -> Vec<document::Frame> {
    let frame = |frame: &Frame| document::Frame {
        function: look.name(&short_function(&frame.function)),
        location: frame.location.as_ref().map(|(file, line)| location(file, *line, look)),
        code: match frame.kind {
            CodeKind::User => Code::User,
            CodeKind::Dependency => Code::Dependency,
            CodeKind::Std => Code::Std,
        },
    };
    stacks.frames().iter().map(frame).collect()
}

fn location(file: &str, line: u32, look: &Look) -> Location {
    let own = look.below_root(file).is_some();
    Location { file: backtrace::short_file(file, look), line, own }
}

fn place(at: &Option<functions::Location>, look: &Look) -> Option<Location> {
    at.as_ref().map(|at| location(&at.file, at.line, look))
}

fn of_holder(holder: &Holder, positions: Positions, look: &Look) -> document::Holder {
    let lines = holder::lines(holder, positions, look);
    document::Holder {
        root: root(holder, look),
        steps: holder.way.hops.iter().map(|hop| step(hop, positions, look)).collect(),
        lines: lines.iter().map(|line| look.with_body_as_test(line)).collect(),
    }
}

fn root(holder: &Holder, look: &Look) -> Root {
    let named = |name: &str| look.with_body_as_test(name);
    let of = |kind, name: String| Root {
        kind,
        name,
        type_name: String::new(),
        thread: String::new(),
        function: None,
        location: None,
        spawned: None,
    };
    match &holder.way.root {
        HeldBy::Static { name, ty, declared } => {
            Root { type_name: named(ty), location: place(declared, look), ..of(RootKind::Static, named(name)) }
        }
        HeldBy::ThreadLocal { name, ty, declared, thread } => Root {
            type_name: named(ty),
            thread: thread.to_string(),
            location: place(declared, look),
            ..of(RootKind::ThreadLocal, named(name))
        },
        HeldBy::Task(task) => Root {
            location: parked_at(task, look),
            spawned: backtrace::from_first_shown(&holder.spawned)
                .first()
                .and_then(|frame| frame.location.as_ref())
                .map(|(file, line)| location(file, *line, look)),
            ..of(RootKind::Task, look.future(&task.future))
        },
        HeldBy::Local { thread, function, at, name, ty } => Root {
            type_name: named(ty),
            thread: thread.to_string(),
            function: Some(look.name(&short_function(function))),
            location: place(at, look),
            ..of(RootKind::Local, name.to_string())
        },
        HeldBy::Thread { name } => Root { thread: name.to_string(), ..of(RootKind::Thread, String::new()) },
        HeldBy::ThreadMemory { name } => Root { thread: name.to_string(), ..of(RootKind::ThreadLocal, String::new()) },
        HeldBy::UnnamedStatic => of(RootKind::Static, String::new()),
        HeldBy::Foreign => of(RootKind::Foreign, String::new()),
        HeldBy::Nothing => of(RootKind::Nothing, String::new()),
    }
}

/// The `.await` in the task's own future.
fn parked_at(task: &Task, look: &Look) -> Option<Location> {
    let TaskState::Suspended { awaits, .. } = &task.state else { return None };
    awaits.iter().find_map(|parked| place(&parked.at, look))
}

fn step(hop: &Hop, positions: Positions, look: &Look) -> Step {
    Step {
        way: hop
            .way
            .iter()
            .map(|part| look.with_body_as_test(&holder::way(std::slice::from_ref(part), positions, look)))
            .collect(),
        type_name: look.with_body_as_test(&hop.ty),
        type_short: look.with_body_as_test(&brief(&hop.ty)),
        pointer: hop.kind.map(|kind| match kind {
            EdgeKind::Owning => Pointer::Owning,
            EdgeKind::Counted => Pointer::Shared,
            EdgeKind::Borrowed => Pointer::Borrowed,
            EdgeKind::Weak => Pointer::Weak,
            EdgeKind::Unknown => Pointer::Unknown,
        }),
        owners: hop.counted.map(|counted| Owners { found: counted.found, strong: counted.strong }),
    }
}

fn of_overrun(overrun: &Overrun, look: &Look) -> document::Overrun {
    let named = |name: &str| look.with_body_as_test(name);
    let part = |alike: &overruns::Alike<'_>| {
        let part = alike.first;
        document::Part {
            type_name: part.type_name.as_deref().map(named),
            type_short: named(&overruns::name_of(part)),
            blocks: alike.blocks,
            bytes: alike.bytes,
            state: overruns::state(overrun.figure).to_owned(),
            left: alike.left,
            growth: part.slope.as_ref().map(overruns::growth),
            stack: stack(&alike.stacks, look),
            holders: part.holders.iter().map(|holder| of_holder(holder, Positions::Any, look)).collect(),
            more_holders: part.more_holders,
            help: part.advice.as_ref().map(|what| named(&advice::text(what, look))),
        }
    };
    document::Overrun {
        figure: match overrun.figure {
            Figure::LiveBytes => document::Figure::LiveBytes,
            Figure::PeakBytes => document::Figure::PeakBytes,
            Figure::AllocatedBytes => document::Figure::AllocatedBytes,
            Figure::Allocations => document::Figure::Allocations,
            Figure::Allocated(_) => document::Figure::Allocated,
            Figure::Growth { .. } => document::Figure::Growth,
        },
        headline: overruns::headline(overrun),
        measured: overrun.measured,
        allowed: overrun.allowed,
        parts: overruns::alike(&overrun.parts, look).iter().map(part).collect(),
    }
}

fn lost_group(alike: &lost::Alike<'_>, look: &Look) -> Lost {
    let group: &LostGroup = alike.first;
    let named = |name: &str| look.with_body_as_test(name);
    Lost {
        fingerprint: Fingerprint::of_lost(group, look).id(),
        type_name: group.type_name.as_deref().map(named),
        type_short: named(&lost::named(group)),
        count: alike.count,
        known: alike.known,
        blocks: alike.blocks,
        bytes: alike.bytes,
        stack: stack(&alike.stacks, look),
        cycle: group.cycle.as_ref().map(|of| cycle(of, look)),
        owners: group.owners.map(|counted| Owners { found: counted.found, strong: counted.strong }),
        values: group.values.iter().map(|value| named(value)).collect(),
        help: lost::what_to_do(group, look).map(|what| named(&what)),
    }
}

fn cycle(cycle: &Cycle, look: &Look) -> document::Cycle {
    let member = |name: &Option<String>| {
        let name = name.as_deref().map_or_else(|| "memory of unknown type".to_owned(), short_block);
        look.with_body_as_test(&name)
    };
    let edge = |edge: &crate::check::verdict::CycleEdge| document::CycleEdge {
        from: edge.from as u64,
        to: edge.to as u64,
        way: look.with_body_as_test(&holder::hops(&edge.hops, "", Positions::Shown, look).join(" ")),
        weaken: edge.weaken.map(|rank| rank as u64),
    };
    document::Cycle {
        members: cycle.members.iter().map(member).collect(),
        ring: cycle.ring as u64,
        edges: cycle.edges.iter().map(edge).collect(),
        certain: cycle.certain,
    }
}
