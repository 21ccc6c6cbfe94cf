//! Who holds the sessions of this very process, in words.

use memleak_core::debuginfo::types::{Type, TypeId};
use memleak_core::heap::containers::View;
use memleak_core::heap::graph::{Graph, Heap};
use memleak_core::heap::holders::{Counted, HeldBy, Holder, Way};
use memleak_core::heap::instances::{Subject, find};
use memleak_core::heap::naming::{End, Known, holders};
use memleak_core::heap::program::Program;
use memleak_core::heap::reach::Reach;
use memleak_core::heap::tasks::Tasks;
use memleak_core::query::short::{short, short_function};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Each line is the id of a `Session`, which is its first word, and one that holds it. Those and no others have to be found.
pub fn expect(lines: &str) {
    let mut expected: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (id, holder) = line.split_once(' ').unwrap();
        expected.entry(id.parse().unwrap()).or_default().push(holder);
    }
    let held = held();
    let mut wrong = String::new();
    for (id, expected) in expected {
        let found = held.get(&id).map_or(&[][..], |found| found);
        if found != expected {
            writeln!(wrong, "{id} {expected:#?}\n    is held by {found:#?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

struct Sessions(Vec<TypeId>);

impl Subject for Sessions {
    fn candidates(&self) -> &[TypeId] {
        &self.0
    }
    fn wants(&self, ty: &Type) -> bool {
        ty.name.ends_with("::Session")
    }
    fn wants_variant(&self, _: &Type, _: &str) -> bool {
        false
    }
}

/// `SERVER > .queue: VecDeque<Arc<Session>> > [0]: Arc<Session>`: what this file declares without its path.
fn show(holder: &Holder) -> String {
    let mut text = match &holder.root {
        HeldBy::Static { name, ty, declared } => {
            let file = concat!("tests/", env!("CARGO_CRATE_NAME"), ".rs");
            assert!(declared.as_ref().is_some_and(|at| at.file.ends_with(file)), "{declared:?}");
            format!("{name}: {}", short(ty))
        }
        HeldBy::ThreadLocal { name, ty, thread, .. } => format!("{name} of {thread}: {}", short(ty)),
        HeldBy::Task(task) => format!("task {}", short_function(&task.future)),
        other => format!("{other:?}"),
    };
    for hop in &holder.hops {
        if hop.way.is_empty() && text.ends_with(&format!(": {}", short(&hop.ty))) {
            // It adds only whether the pointer can be trusted.
            continue;
        }
        text.push_str(" > ");
        for way in &hop.way {
            match way {
                Way::Field(name) => write!(text, ".{name}"),
                Way::Local(name) => write!(text, "local {name}"),
                Way::Captured(name) => write!(text, "captured {name}"),
                Way::Future { future, .. } => write!(text, "future {future} "),
                Way::Variant(name) => write!(text, " as {name}"),
                Way::Index(index) => write!(text, "[{index}]"),
                other => write!(text, "[{other:?}]"),
            }
            .unwrap();
        }
        write!(text, ": {}", short(&hop.ty)).unwrap();
        if let Some(Counted { found, strong }) = hop.counted {
            write!(text, " {found}/{strong}").unwrap();
        }
    }
    text.replace(concat!(env!("CARGO_CRATE_NAME"), "::"), "")
}

/// For each session with its id who holds it.
fn held() -> BTreeMap<u64, Vec<String>> {
    let program = Program::current().unwrap();
    let snapshot = program.snapshot();
    let contents = program.contents(&snapshot);
    let roots = program.roots(&snapshot);
    let view = View { snapshot: &snapshot, types: program.types() };
    let heap = Heap { view, contents: &contents, roots: &roots };
    let graph = Graph::of(&heap);
    let reach = Reach::of(&graph);
    let names = Known { program: &program, tasks: Tasks::new(heap) };
    let mut held: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for instance in find(view, &contents, &roots, &Sessions(Vec::new())) {
        let end = End { address: instance.address, name: &instance.type_name };
        let id = snapshot.word(instance.address).unwrap();
        let holders = holders((&heap, &graph, &reach), (instance.home, Some(end)), 9, &names);
        held.entry(id).or_default().extend(holders.iter().map(show));
    }
    held
}
