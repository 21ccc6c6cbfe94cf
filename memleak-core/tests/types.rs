//! What the debug info says of types against what a program knows of its own: `fixtures/types.rs`, built plain, optimised, and with DWARF 5.

use memleak_core::debuginfo::code::CodeKind;
use memleak_core::debuginfo::layouts::TypeTable;
use memleak_core::debuginfo::load::Binary;
use memleak_core::debuginfo::names;
use memleak_core::debuginfo::statics::{Globals, declared_at};
use memleak_core::debuginfo::types::{Type, TypeId, TypeKind, Types as _};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/types.rs");

/// The fixture, built one way and run.
struct Built {
    program: PathBuf,
    output: String,
}

/// Its debug info and what it printed.
struct Fixture {
    binary: Binary,
    output: &'static str,
}

fn build(name: &str, options: &[&str]) -> Built {
    // Tests may run in processes of their own, at the same time: each builds its own file, and one takes the place of another whole.
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("types-{name}"));
    let being_built = program.with_file_name(format!("types-{name}-{}", std::process::id()));
    let built = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition=2024", "--crate-name=types", "-Cdebuginfo=2", SOURCE, "-o"])
        .arg(&being_built)
        .args(options)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    std::fs::rename(&being_built, &program).unwrap();
    let run = Command::new(&program).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Built { program, output: String::from_utf8(run.stdout).unwrap() }
}

impl Built {
    fn open(&'static self) -> Fixture {
        Fixture { binary: Binary::open(&self.program).unwrap(), output: &self.output }
    }
}

fn plain() -> Fixture {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| build("plain", &["-Copt-level=0", "-Ccodegen-units=256"])).open()
}

fn optimised() -> Fixture {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| build("optimised", &["-Copt-level=3"])).open()
}

fn dwarf5() -> Fixture {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| build("dwarf5", &["-Copt-level=0", "-Cdwarf-version=5"])).open()
}

/// All ids of the type with this full name.
fn named(table: &TypeTable, name: &str) -> Vec<TypeId> {
    let segment = name.split('<').next().unwrap().rsplit("::").next().unwrap();
    let found = names::find(table, Some(segment), &|found| found == name).unwrap();
    assert!(!found.is_empty(), "{name} not found");
    found.iter().map(|found| table.id_of(found.die)).collect()
}

fn field(ty: &Type, name: &str) -> (u64, TypeId) {
    let fields = match &ty.kind {
        TypeKind::Struct { fields } | TypeKind::Union { fields } => fields,
        other => panic!("{} has no fields: {other:?}", ty.name),
    };
    let field = fields.iter().find(|field| &*field.name == name);
    let field = field.unwrap_or_else(|| panic!("{} has no field {name}", ty.name));
    (field.offset, field.ty)
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The value in `bytes`, written out; pointers as `&`.
fn show(table: &TypeTable, id: TypeId, bytes: &[u8]) -> String {
    let ty = table.get(id);
    let part = |offset: u64, id: TypeId| {
        let size = table.get(id).size;
        show(table, id, &bytes[offset as usize..(offset + size) as usize])
    };
    match &ty.kind {
        TypeKind::Scalar => number(bytes).to_string(),
        TypeKind::Pointer { .. } => "&".to_owned(),
        TypeKind::Union { .. } => "union".to_owned(),
        TypeKind::Opaque => format!("opaque {}", ty.name),
        TypeKind::Struct { fields } => {
            let fields: Vec<_> = fields.iter().map(|field| part(field.offset, field.ty)).collect();
            format!("({})", fields.join(", "))
        }
        TypeKind::Array { element, count } => {
            let size = table.get(*element).size;
            let elements: Vec<_> = (0..*count).map(|at| part(at * size, *element)).collect();
            format!("[{}]", elements.join(", "))
        }
        TypeKind::Enum { .. } => {
            let (name, ty) = active(&ty, bytes);
            let fields = part(0, ty);
            format!("{name}{}", if fields == "()" { "" } else { &fields })
        }
    }
}

/// The variant that is active in `bytes`.
fn active(ty: &Type, bytes: &[u8]) -> (Rc<str>, TypeId) {
    let TypeKind::Enum { discriminant, variants, .. } = &ty.kind else { panic!("{} is no enum", ty.name) };
    let value = discriminant.map(|at| number(&bytes[at.offset as usize..(at.offset + at.size) as usize]));
    let selected: Vec<_> =
        variants.iter().filter(|variant| value.is_some_and(|value| variant.values.contains(&value))).collect();
    let by_default: Vec<_> = variants.iter().filter(|variant| variant.values.is_empty()).collect();
    match (&selected[..], &by_default[..]) {
        ([variant], _) | ([], [variant]) => (Rc::clone(&variant.name), variant.ty),
        _ => panic!("{}: {value:?} selects {selected:?}", ty.name),
    }
}

/// Whether `text` is `pattern`, whose `*` stand for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.strip_prefix(head).is_some_and(|rest| (0..=rest.len()).any(|at| is_like(tail, &rest[at..])))
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Each value the program has, in each unit that describes its type: offset, size, and what it holds.
fn check_facts(fixture: &Fixture) {
    let table = TypeTable::new(&fixture.binary);
    let mut wrong = String::new();
    let mut checked = 0;
    for line in fixture.output.lines().filter_map(|line| line.strip_prefix("fact\t")) {
        let [holder, field_name, offset, size, bytes, holds] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let path = match holder {
            "Enums" => "types::enums::Enums".to_owned(),
            "Structs" => "types::structs::Structs".to_owned(),
            _ => format!("types::{holder}"),
        };
        for holder in named(&table, &path) {
            let (at, id) = field(&table.get(holder), field_name);
            let ty = table.get(id);
            checked += 1;
            if (at, ty.size) != (offset.parse().unwrap(), size.parse().unwrap()) {
                writeln!(wrong, "{path}.{field_name}: {} at {at} has {} bytes, not {line}", ty.name, ty.size).unwrap();
                continue;
            }
            let shown = show(&table, id, &unhex(bytes));
            if !is_like(holds, &shown) || shown.contains("opaque") {
                writeln!(wrong, "{path}.{field_name}: {} is shown as {shown}, not {holds}", ty.name).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(checked > 100, "{checked}");
}

#[test]
fn values_are_where_the_program_says() {
    check_facts(&plain());
}

#[test]
fn values_are_where_the_optimised_program_says() {
    check_facts(&optimised());
}

#[test]
fn values_are_where_the_program_says_with_dwarf_5() {
    check_facts(&dwarf5());
}

#[test]
fn names_are_found() {
    for fixture in [plain(), optimised(), dwarf5()] {
        check_names(&fixture);
    }
}

fn check_names(fixture: &Fixture) {
    let table = TypeTable::new(&fixture.binary);
    let find = |segment: Option<&str>, suffix: &str| {
        let found = names::find(&table, segment, &|name| name.ends_with(suffix)).unwrap();
        // The short way finds what the long one does, in every unit.
        assert_eq!(found, names::find(&table, None, &|name| name.ends_with(suffix)).unwrap());
        let mut names: Vec<_> =
            found.into_iter().map(|found| (found.name.to_string(), found.variant_of.is_some())).collect();
        names.sort();
        names.dedup();
        names
    };
    let session = [("types::chat::Session".to_owned(), false), ("types::chat::inner::Session".to_owned(), false)];
    assert_eq!(find(Some("Session"), "::Session"), session);
    assert_eq!(find(Some("Link"), "::Link<u32>"), [("types::chat::Link<u32>".to_owned(), false)]);
    assert_eq!(find(Some("Open"), "::Open"), [("types::chat::Conn::Open".to_owned(), true)]);
    assert_eq!(find(Some("u128"), "u128"), [("u128".to_owned(), false)]);
    assert_eq!(find(Some("Three"), "Three"), [("types::Three".to_owned(), false)]);
    assert_eq!(find(Some("Either"), "Either"), [("types::Either".to_owned(), false)]);
    // Parts of names that are there, and the name of a function.
    for absent in ["Sessio", "ession", "essio", "Sessions", "statics", "Nowhere", ""] {
        assert_eq!(names::find(&table, Some(absent), &|_| true).unwrap(), [], "{absent}");
    }
}

#[test]
fn all_names_say_whose_they_are() {
    let fixture = plain();
    let names = names::all_names(&TypeTable::new(&fixture.binary)).unwrap();
    let kind = |wanted: &str| names.iter().find(|(name, _)| &**name == wanted).map(|(_, kind)| *kind);
    assert_eq!(kind("types::chat::inner::Session"), Some(CodeKind::User));
    assert_eq!(kind("alloc::string::String"), Some(CodeKind::Std));
}

#[test]
fn concrete_types_behind_trait_objects_are_found() {
    let fixture = plain();
    let table = TypeTable::new(&fixture.binary);
    let implementors = |of_trait: &str| {
        let found = names::implementors(&table, &|name| name == of_trait).unwrap();
        let mut names: Vec<_> = found.iter().map(|found| table.get(table.id_of(found.die)).name.to_string()).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(implementors("types::chat::Chat"), ["types::chat::Link<u32>", "types::chat::Session"]);
    assert_eq!(implementors("types::chat::Answer<u8>"), ["types::chat::inner::Session"]);
    assert_eq!(implementors("types::chat::Nobody"), [] as [&str; 0]);
}

#[test]
fn a_suspended_future_says_on_which_line_and_holds_its_locals() {
    for fixture in [plain(), optimised(), dwarf5()] {
        let table = TypeTable::new(&fixture.binary);
        let line = |mark: &str| {
            let source = std::fs::read_to_string(SOURCE).unwrap();
            source.lines().position(|line| line.ends_with(mark)).map(|at| at as u32 + 1)
        };
        for id in named(&table, "types::session_task::{async_fn_env#0}") {
            let ty = table.get(id);
            let TypeKind::Enum { variants, coroutine: true, .. } = &ty.kind else { panic!("{ty:?}") };
            let states: Vec<_> = variants.iter().map(|variant| &*variant.name).collect();
            assert_eq!(states, ["Unresumed", "Returned", "Panicked", "Suspend0", "Suspend1"]);
            for (state, mark) in [("Suspend0", "// LINE session_task 0"), ("Suspend1", "// LINE session_task 1")] {
                let found = table.await_location(id, state).unwrap();
                assert_eq!((&*found.file, Some(found.line)), (SOURCE, line(mark)));
            }
            assert_eq!(table.await_location(id, "Suspend2"), None);
        }
        let mut suspended = 0;
        for fact in fixture.output.lines().filter(|line| line.contains("session_task::{async_fn_env#0}")) {
            let bytes = unhex(fact.split('\t').nth(5).unwrap());
            let holder = named(&table, "types::Unnamed<types::session_task::{async_fn_env#0}>")[0];
            let (_, future) = field(&table.get(holder), "value");
            let (state, ty) = active(&table.get(future), &bytes);
            if !state.starts_with("Suspend") {
                continue;
            }
            suspended += 1;
            let (at, local) = field(&table.get(ty), "local");
            assert_eq!(&*table.get(local).name, "types::chat::Session");
            let (id, _) = field(&table.get(local), "id");
            let at = (at + id) as usize;
            assert_eq!(number(&bytes[at..at + 8]), 0x5e55, "{state}");
            let TypeKind::Struct { fields } = &table.get(ty).kind else { panic!() };
            assert_eq!(fields.iter().filter(|field| &*field.name == "number").count(), 1, "{fields:?}");
        }
        assert_eq!(suspended, 2);
    }
}

/// What the program printed after `kind`: names and addresses.
fn printed(fixture: &Fixture, kind: &str) -> Vec<(String, u64)> {
    let lines = fixture.output.lines().filter_map(|line| line.strip_prefix(kind)?.rsplit_once(" 0x"));
    lines.map(|(name, address)| (name.trim().to_owned(), u64::from_str_radix(address, 16).unwrap())).collect()
}

#[test]
fn statics_and_thread_locals_are_where_the_program_says() {
    for fixture in [plain(), optimised(), dwarf5()] {
        let table = TypeTable::new(&fixture.binary);
        let globals = Globals::of(&table).unwrap();
        // The file's addresses are the program's, moved by the loader.
        let of_file: Vec<_> = printed(&fixture, "static ")
            .into_iter()
            .map(|(name, address)| {
                let found: Vec<_> = globals.statics.iter().filter(|entry| *entry.name == *name).collect();
                assert_eq!(found.len(), 1, "{name}");
                address.wrapping_sub(found[0].address.0)
            })
            .collect();
        assert_eq!(of_file.len(), 2);
        assert_eq!(of_file[0], of_file[1]);
        let of_thread: Vec<_> = printed(&fixture, "thread_local ");
        assert_eq!(of_thread.len(), 5);
        let place = |name: &str| {
            let found: Vec<_> = globals.thread_locals.iter().filter(|entry| *entry.name == *name).collect();
            assert_eq!(found.len(), 1, "{name}");
            (found[0].offset, table.get(found[0].ty).size)
        };
        let block = of_thread[0].1 - place(&of_thread[0].0).0;
        for (name, address) in of_thread {
            let (offset, size) = place(&name);
            assert!((block + offset..block + offset + size).contains(&address), "{name}");
        }
        assert!(!globals.statics.iter().any(|entry| entry.name.contains("vtable") || entry.name.contains("UNUSED")));
        let registry = globals.statics.iter().find(|entry| &*entry.name == "types::REGISTRY").unwrap();
        assert!(table.get(registry.ty).name.starts_with("std::sync::"), "{}", table.get(registry.ty).name);
        let location = declared_at(&fixture.binary, registry.die).unwrap();
        assert_eq!(&*location.file, SOURCE);
        let source = std::fs::read_to_string(SOURCE).unwrap();
        assert!(source.lines().nth(location.line as usize - 1).unwrap().ends_with("// LINE REGISTRY"));
    }
}

#[test]
fn declared_types_are_read_where_they_are_defined() {
    let fixture = optimised();
    let table = TypeTable::new(&fixture.binary);
    let mut known = HashSet::new();
    let mut opaque = HashSet::new();
    let mut coroutines = 0;
    for found in names::find(&table, None, &|_| true).unwrap() {
        let ty = table.get(table.id_of(found.die));
        // A variant without data is described by its own name only.
        let is_variant = found.variant_of.is_some() && found.name.ends_with(&format!("::{}", ty.name));
        assert!(ty.name == found.name || is_variant, "{} is called {}", found.name, ty.name);
        if let TypeKind::Enum { variants, coroutine: true, .. } = &ty.kind {
            let places =
                variants.iter().filter_map(|variant| table.await_location(table.id_of(found.die), &variant.name));
            assert_eq!(places.count(), variants.len(), "{ty:?}");
            coroutines += 1;
        }
        if ty.kind == TypeKind::Opaque {
            opaque.insert(found.name)
        } else {
            known.insert(found.name)
        };
    }
    let lost: Vec<_> = opaque.intersection(&known).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(coroutines > 0);
    // What is left are closures of iterators, inlined away.
    let strange: Vec<_> = opaque.iter().filter(|name| !name.contains("{closure_env#")).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn every_type_of_a_plain_build_is_understood() {
    for fixture in [plain(), dwarf5()] {
        let table = TypeTable::new(&fixture.binary);
        for found in names::find(&table, None, &|_| true).unwrap() {
            let ty = table.get(table.id_of(found.die));
            assert_ne!(ty.kind, TypeKind::Opaque, "{ty:?}");
            let TypeKind::Enum { variants, .. } = &ty.kind else { continue };
            let mut values: Vec<_> = variants.iter().flat_map(|variant| &variant.values).collect();
            let count = values.len();
            values.sort();
            values.dedup();
            assert_eq!(values.len(), count, "{ty:?}");
        }
    }
}

#[test]
fn an_unsized_tail_is_beyond_the_size_and_of_its_elements_type() {
    for fixture in [plain(), optimised(), dwarf5()] {
        let table = TypeTable::new(&fixture.binary);
        for id in named(&table, "alloc::sync::ArcInner<[u8]>") {
            let ty = table.get(id);
            let (at, element) = field(&ty, "data");
            assert_eq!((ty.size, at, &*table.get(element).name), (16, 16, "u8"));
        }
    }
}
