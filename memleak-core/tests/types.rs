//! What the debug info says of types against what a program knows of its own: `fixtures/types.rs`, built plain, optimised, and with DWARF 5.

use memleak_core::debuginfo::layouts::TypeTable;
use memleak_core::debuginfo::load::Binary;
use memleak_core::debuginfo::names;
use memleak_core::debuginfo::types::{Type, TypeId, TypeKind, Types as _};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/types.rs");

/// The fixture in one build: its debug info and what it printed.
struct Fixture {
    binary: Binary,
    output: String,
}

fn fixture(name: &str, options: &[&str]) -> Fixture {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("types-{name}"));
    let built = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition=2024", "--crate-name=types", "-Cdebuginfo=2", SOURCE, "-o"])
        .arg(&program)
        .args(options)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let run = Command::new(&program).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Fixture { binary: Binary::open(&program).unwrap(), output: String::from_utf8(run.stdout).unwrap() }
}

fn plain() -> Fixture {
    fixture("plain", &["-Copt-level=0"])
}

fn optimised() -> Fixture {
    fixture("optimised", &["-Copt-level=3"])
}

fn dwarf5() -> Fixture {
    fixture("dwarf5", &["-Copt-level=0", "-Cdwarf-version=5"])
}

/// All ids of the type with this full name.
fn named(table: &TypeTable, name: &str) -> Vec<TypeId> {
    let segment = name.split('<').next().unwrap().rsplit("::").next().unwrap();
    let found = names::find(table, Some(segment), &|found| found == name);
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
