//! Every function of real binaries, compared with what addr2line says.

use super::*;
use crate::debuginfo::load::Reader;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

fn addr2line(binary: &Binary) -> addr2line::Context<Reader> {
    let load = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
        let data = binary.elf().section_by_name(id.name()).map_or(&[][..], |section| section.data().unwrap());
        Ok(Reader::new(data, gimli::LittleEndian))
    };
    addr2line::Context::from_dwarf(gimli::Dwarf::load(load).unwrap()).unwrap()
}

/// Addresses in every function that the symbol table has: the first, the last, and some between.
fn addresses(binary: &Binary) -> BTreeSet<u64> {
    let functions = binary.elf().symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
    functions.flat_map(|symbol| (0..4).map(move |part| symbol.address() + (symbol.size() - 1) * part / 3)).collect()
}

/// How much of the comparison was about something.
#[derive(PartialEq, Default, Debug)]
struct Compared {
    addresses: usize,
    inlined: usize,
    lines: usize,
}

fn compare(binary: &Binary) -> Compared {
    let types = TypeTable::new(binary);
    let functions = Functions::new(&types);
    let reference = addr2line(binary);
    let mut compared = Compared::default();
    for address in addresses(binary) {
        let mut frames = reference.find_frames(address).skip_all_loads().unwrap();
        let mut expected = Vec::new();
        let mut lines = Vec::new();
        while let Some(frame) = frames.next().unwrap() {
            // Only a line: the code is in no function.
            let Some(die) = frame.dw_die_offset else { break };
            expected.push(die.0 as u32);
            let location = frame.location.and_then(|place| Some((place.file?.to_owned(), place.line.unwrap_or(0))));
            lines.push(location);
        }
        let address = FileAddress(address);
        let chain = functions.chain(address);
        let found: Vec<u32> =
            chain.iter().flat_map(|it| it.nodes.iter().map(|&node| it.tree.nodes[node as usize].offset)).collect();
        assert_eq!(found, expected, "functions at {address:x?}");
        let located: Vec<_> =
            functions.locate(address).into_iter().map(|place| place.map(|it| (it.file.to_string(), it.line))).collect();
        assert_eq!(located, lines, "lines at {address:x?}");
        let frames = functions.at(address);
        assert!(frames.iter().all(|frame| !frame.function.path.contains("{unnamed}")), "{frames:?}");
        compared.addresses += usize::from(!found.is_empty());
        compared.inlined += found.len().saturating_sub(1);
        compared.lines += lines.iter().flatten().count();
    }
    compared
}

#[test]
fn all_functions_of_this_binary_are_as_addr2line_has_them() {
    let compared = compare(&Binary::current().unwrap());
    println!("{compared:?}");
    assert!(compared.addresses > 10_000 && compared.inlined > 5_000 && compared.lines > 10_000, "{compared:?}");
}

fn build(name: &str, flags: &[&str]) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("memleak-functions-{}-{name}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/functions.rs");
    let path = directory.join("program");
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let status =
        Command::new(rustc).args(["--edition=2024", "-Cdebuginfo=2", "-o"]).arg(&path).args(flags).arg(source).status();
    assert!(status.expect("this test needs rustc").success());
    path
}

#[test]
fn other_builds_are_as_addr2line_has_them() {
    for (name, flags) in [
        ("version 5", &["-Cdwarf-version=5"][..]),
        ("optimised", &["-Copt-level=3"]),
        // Entries that refer to other units; ranges of all kinds.
        ("fat LTO", &["-Copt-level=3", "-Clto=fat", "-Cdwarf-version=5"]),
        ("thin LTO", &["-Copt-level=2", "-Clto=thin", "-Ccodegen-units=4"]),
        // It marks what it leaves out in another way.
        ("GNU linker", &["-Copt-level=1", "-Clink-arg=-fuse-ld=bfd"]),
    ] {
        let path = build(&name.replace(' ', "-"), flags);
        let compared = compare(&Binary::open(&path).unwrap());
        println!("{name}: {compared:?}");
        assert!(compared.addresses > 500, "{name}: {compared:?}");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[test]
fn units_are_found_without_a_table_of_addresses() {
    let path = build("aranges", &[]);
    let all = compare(&Binary::open(&path).unwrap());
    let objcopy = Command::new("objcopy").arg("--remove-section=.debug_aranges").arg(&path).status();
    assert!(objcopy.expect("this test needs objcopy").success());
    let binary = Binary::open(&path).unwrap();
    assert!(binary.section(gimli::SectionId::DebugAranges).is_empty());
    assert_eq!(compare(&binary), all);
    assert!(all.addresses > 500, "{all:?}");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[inline(never)]
fn session_in_a_box(id: u64) -> Box<Session> {
    Box::new(Session { id })
}

struct Session {
    id: u64,
}

impl Session {
    #[inline(never)]
    fn later<T>(self, value: T) -> Option<Box<dyn Fn() -> (u64, T)>>
    where
        T: Clone + 'static,
    {
        Some(Box::new(move || (self.id, value.clone())))
    }
}

/// All distinct stacks of frames in the function at `start`.
fn frames_in(functions: &Functions, start: *const ()) -> Vec<Vec<Frame>> {
    let binary = functions.binary();
    let start = binary.file_address(crate::address::RuntimeAddress(start as u64)).unwrap();
    let symbol = binary.elf().symbols().find(|symbol| symbol.address() == start.0 && symbol.size() > 0).unwrap();
    let mut all: Vec<_> = (0..symbol.size()).map(|at| functions.at(FileAddress(start.0 + at))).collect();
    all.dedup();
    all
}

#[test]
fn inlined_generic_functions_have_their_parameters() {
    use crate::debuginfo::types::Types as _;

    let binary = Binary::current().unwrap();
    let types = TypeTable::new(&binary);
    let functions = Functions::new(&types);
    let name = |id: TypeId| types.get(id).name.to_string();
    const HERE: &str = "memleak_core::debuginfo::functions::tests";

    assert_eq!(session_in_a_box(3).id, 3);
    let all = frames_in(&functions, session_in_a_box as *const ());
    let own = format!("{HERE}::session_in_a_box");
    assert!(all.iter().all(|frames| frames.last().unwrap().function.path == own), "{all:?}");
    let inlined = all.iter().find(|frames| frames.len() == 2).expect("Box::new is always inlined");
    let new = &inlined[0];
    assert!(new.inlined && !inlined[1].inlined);
    assert!(new.function.plain.starts_with("alloc::boxed::") && new.function.plain.ends_with("::new"), "{new:?}");
    assert!(new.function.path.ends_with(&format!("::new<{HERE}::Session>")), "{new:?}");
    let parameters: Vec<_> = new.function.parameters.iter().map(|(of, id)| (&**of, name(*id))).collect();
    assert_eq!(parameters, [("T", format!("{HERE}::Session"))]);
    assert_eq!(
        name(new.function.returns.unwrap()),
        format!("alloc::boxed::Box<{HERE}::Session, alloc::alloc::Global>")
    );

    let later = Session::later::<String>;
    assert_eq!(later(Session { id: 4 }, "a".to_owned()).unwrap()().0, 4);
    let all = frames_in(&functions, later as *const ());
    let own = &all[0].last().unwrap().function;
    assert_eq!(own.path, format!("{HERE}::Session::later<alloc::string::String>"));
    assert_eq!(own.plain, format!("{HERE}::Session::later"));
    assert_eq!(
        own.parameters.iter().map(|(of, id)| (&**of, name(*id))).collect::<Vec<_>>(),
        [("T", "alloc::string::String".to_owned())]
    );
}

/// Prints what looking functions up costs a leak test that passes, and what lines cost one that fails.
///
/// `MEMLEAK_FIGURES=target/debug/deps/… cargo test -p memleak-core --lib figures_of_functions -- --ignored --nocapture`; without the variable, of
/// this test binary.
#[test]
#[ignore = "prints figures"]
fn figures_of_functions() {
    let path = std::env::var_os("MEMLEAK_FIGURES").map_or("/proc/self/exe".into(), PathBuf::from);
    for _ in 0..3 {
        let mut steps = Vec::new();
        let mut step =
            |name: &str, start: Instant| steps.push(format!("{name} {:.1} ms", start.elapsed().as_secs_f64() * 1e3));

        let start = Instant::now();
        let binary = if path == Path::new("/proc/self/exe") { Binary::current() } else { Binary::open(&path) }.unwrap();
        step("open", start);
        let all: Vec<u64> = addresses(&binary).into_iter().collect();
        let few = all.iter().step_by(all.len() / 1500 + 1).map(|address| FileAddress(*address));
        let few: Vec<FileAddress> = few.collect();

        let start = Instant::now();
        let types = TypeTable::new(&binary);
        let functions = Functions::new(&types);
        step("units", start);
        let start = Instant::now();
        let frames: usize = few.iter().map(|address| functions.at(*address).len()).sum();
        step(&format!("functions at {} addresses ({frames} frames)", few.len()), start);
        let start = Instant::now();
        let frames: usize = few.iter().map(|address| functions.at(*address).len()).sum();
        step(&format!("again ({frames})"), start);
        let start = Instant::now();
        let lines: usize = few.iter().map(|address| functions.locate(*address).len()).sum();
        step(&format!("{lines} lines"), start);

        let mut found = crate::kernel::walk::Found::default();
        let none =
            crate::kernel::walk::Selection { always: crate::kernel::interface_dies::Tags::of(&[]), ..Tree::SELECTION };
        let start = Instant::now();
        (0..binary.units().len() as u32).for_each(|unit| binary.walk(unit, &none, &mut found).unwrap());
        step("step over all entries", start);
        let start = Instant::now();
        let nodes: usize = (0..binary.units().len() as u32).map(|unit| binary.tree(unit).unwrap().nodes.len()).sum();
        step(&format!("the trees of all units ({nodes} nodes)"), start);
        println!("{}", steps.join(", "));
    }
}
