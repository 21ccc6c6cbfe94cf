//! Which executables can be read, and what is said of the others. Every binary here is built by the test.

use gimli::Section as _;
use memleak_core::address::{FileAddress, RuntimeAddress};
use memleak_core::debuginfo::load::{Binary, LoadError};
use object::{Object as _, ObjectSymbol as _};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str =
    "pub struct Session { pub id: u32 } fn main() { let s = Box::new(Session { id: 7 }); println!(\"{}\", s.id); }";

/// An empty directory for the test called `name`.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("load").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn run(program: &str, arguments: &[&str], directory: &Path) {
    let program = std::env::var_os(program.to_uppercase()).unwrap_or_else(|| OsString::from(program));
    let output = Command::new(&program).args(arguments).current_dir(directory).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {}: {error}", program.display()));
    assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
}

/// A program of one file, built by rustc with these flags.
fn build(name: &str, flags: &[&str]) -> PathBuf {
    let directory = directory(name);
    fs::write(directory.join("program.rs"), PROGRAM).unwrap();
    run("rustc", &[&["--edition=2021", "program.rs"], flags].concat(), &directory);
    directory.join("program")
}

fn error(path: &Path) -> LoadError {
    Binary::open(path).err().expect("a binary that cannot be read")
}

#[test]
fn full_debug_info_is_read() {
    for version in ["4", "5"] {
        let version = format!("-Cdwarf-version={version}");
        let path = build(&format!("full{version}"), &["-Cdebuginfo=2", &version]);
        let binary = Binary::open(&path).unwrap_or_else(|error| panic!("{version}: {error:?}"));
        assert!(!binary.units().is_empty());
    }
}

#[test]
fn optimised_with_lto_is_read() {
    let path = build("lto", &["-Cdebuginfo=2", "-Copt-level=3", "-Clto=fat"]);
    assert_eq!(Binary::open(&path).err(), None);
}

#[test]
fn no_debug_info() {
    assert_eq!(error(&build("none", &["-Cdebuginfo=0"])), LoadError::NoDebugInfo);
    assert_eq!(error(&build("none-strip", &["-Cdebuginfo=0", "-Cstrip=debuginfo"])), LoadError::NoDebugInfo);
    // Lines without a single unit of debug info.
    assert_eq!(error(&build("directives", &["-Cdebuginfo=line-directives-only"])), LoadError::NoDebugInfo);
    assert_eq!(error(&build("full-strip", &["-Cdebuginfo=2", "-Cstrip=debuginfo"])), LoadError::NoDebugInfo);
}

#[test]
fn stripped() {
    assert_eq!(error(&build("strip-symbols", &["-Cdebuginfo=2", "-Cstrip=symbols"])), LoadError::Stripped);
    let path = build("strip-tool", &["-Cdebuginfo=2"]);
    run("strip", &["program"], path.parent().unwrap());
    assert_eq!(error(&path), LoadError::Stripped);
}

#[test]
fn lines_without_types() {
    for level in ["1", "line-tables-only"] {
        let path = build(&format!("lines-{level}"), &[&format!("-Cdebuginfo={level}")]);
        assert_eq!(error(&path), LoadError::LineTablesOnly, "{level}");
    }
}

#[test]
fn debug_info_in_other_files() {
    for version in ["4", "5"] {
        for kind in ["unpacked", "packed"] {
            let split = format!("-Csplit-debuginfo={kind}");
            let version = format!("-Cdwarf-version={version}");
            let path = build(&format!("{kind}{version}"), &["-Cdebuginfo=2", &split, &version]);
            assert_eq!(error(&path), LoadError::Split, "{kind} {version}");
        }
    }
}

#[test]
fn compressed_sections() {
    for kind in ["zlib", "zlib-gnu"] {
        let path = build(&format!("compressed-{kind}"), &["-Cdebuginfo=2"]);
        run("objcopy", &[&format!("--compress-debug-sections={kind}"), "program"], path.parent().unwrap());
        assert_eq!(error(&path), LoadError::Compressed, "{kind}");
    }
}

#[test]
fn other_formats_and_broken_files() {
    let path = build("broken", &["-Cdebuginfo=2"]);
    let whole = fs::read(&path).unwrap();

    let mut narrow = whole.clone();
    narrow[4] = 1;
    fs::write(&path, &narrow).unwrap();
    assert_eq!(error(&path), LoadError::UnsupportedPlatform("32-bit or big-endian ELF".to_owned()));

    for length in [0, 3, 40, 64, 1000, whole.len() / 2, whole.len() - 1000] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(error(&path), LoadError::Unreadable(_)), "cut to {length} bytes");
    }
    assert!(matches!(error(Path::new("/nonexistent")), LoadError::Unreadable(_)));
}

/// The user's own crate decides: a dependency may be built with less.
#[test]
fn dependencies_may_have_less() {
    for level in ["0", "1"] {
        let directory = directory(&format!("mixed-{level}"));
        fs::write(
            directory.join("dep.rs"),
            "pub struct Inner(pub u8); #[inline(never)] pub fn make() -> Inner { Inner(1) }",
        )
        .unwrap();
        fs::write(directory.join("program.rs"), "fn main() { let b = Box::new(dep::make()); println!(\"{}\", b.0); }")
            .unwrap();
        run("rustc", &["--crate-type=rlib", &format!("-Cdebuginfo={level}"), "dep.rs"], &directory);
        run("rustc", &["--edition=2021", "-Cdebuginfo=2", "--extern=dep=libdep.rlib", "program.rs"], &directory);
        assert_eq!(Binary::open(&directory.join("program")).err(), None, "dependency with debuginfo={level}");
    }
}

#[unsafe(no_mangle)]
extern "C" fn memleak_load_test_marker() -> u32 {
    7
}

#[test]
fn addresses_of_the_running_executable() {
    let binary = Binary::current().unwrap();
    let symbol = binary.elf().symbols().find(|symbol| symbol.name() == Ok("memleak_load_test_marker")).unwrap();
    let file = FileAddress(symbol.address());
    let runtime = RuntimeAddress(memleak_load_test_marker as *const () as u64);
    assert_eq!(binary.file_address(runtime), Some(file));
    assert_eq!(binary.runtime_address(file), runtime);

    static STATIC: u32 = 1;
    assert!(binary.file_address(RuntimeAddress(&raw const STATIC as u64)).is_some());
    let on_stack = 1u32;
    let on_heap = Box::new(1u32);
    assert_eq!(binary.file_address(RuntimeAddress(&raw const on_stack as u64)), None);
    assert_eq!(binary.file_address(RuntimeAddress(&raw const *on_heap as u64)), None);
    assert_eq!(binary.file_address(RuntimeAddress(libc::getpid as *const () as u64)), None);
    assert_eq!(binary.file_address(RuntimeAddress(0)), None);
}

#[test]
fn entries_by_offset() {
    let binary = Binary::current().unwrap();
    for (index, unit) in binary.units().iter().enumerate() {
        let start = unit.debug_info_offset().unwrap();
        let last = gimli::DebugInfoOffset(start.0 + unit.length_including_self() - 1);
        assert_eq!(binary.die(start).map(|die| (die.unit as usize, die.offset)), Some((index, 0)));
        let die = binary.die(last).unwrap();
        assert_eq!((die.unit as usize, die.offset as usize), (index, unit.length_including_self() - 1));
    }
    assert_eq!(binary.die(gimli::DebugInfoOffset(binary.dwarf().debug_info.reader().slice().len())), None);
}
