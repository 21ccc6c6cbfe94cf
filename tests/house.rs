//! The rules of the house, held by a scan of the sources: which room may use which, where `unsafe` may stand, how files begin, how long
//! they may be, and that every dependency is used.
//!
//! The sources are read as tokens, so comments and strings do not count. Each rule is also shown a source that breaks it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file.
const LINES: usize = 700;

/// Where `unsafe` may stand outside of tests and benches: the allocator, the table, the capture, the reader of memory, and the room that
/// stops threads, whose signal handler reads registers. The process of a test forks before `main`. Nothing else has a reason; the file of the
/// debug info is mapped, and what is mapped is data.
const UNSAFE: &[&str] = &[
    "memleak-core/kernel/",
    "memleak-core/src/kernel/",
    "memleak-core/src/tracker/",
    "memleak-core/src/stack/",
    "memleak-core/src/process/linux/",
    "memleak-core/src/debuginfo/load.rs",
    "memleak-core/src/runner/birth.rs",
];

/// What a room says in "May use" that needs no list.
const ALL_BELOW: &str = "all below";

/// Names for a drawer. What is in one has a better name.
const DRAWERS: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc"];

#[test]
fn a_room_uses_only_rooms_below_it() {
    let core = root().join("memleak-core/src");
    let order = rooms(&read(&core.join("lib.rs")));
    assert!(order.len() >= 10, "the table of rooms in memleak-core/src/lib.rs was not understood: {order:?}");
    let mut wrong = Vec::new();
    for file in sources(&core) {
        let Some((room, depth)) = place_of(file.strip_prefix(&core).unwrap()) else { continue };
        let own = order.iter().position(|other| *other == room);
        let own = own.unwrap_or_else(|| panic!("`{room}` is not in the table of rooms in memleak-core/src/lib.rs"));
        for (used, line) in used_rooms(&tokens(&file), depth, &order) {
            if order.iter().position(|other| *other == used).unwrap() < own {
                wrong.push(format!("{}:{line}: `{room}` uses `{used}`, which is above it", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_room_says_what_it_uses() {
    let core = root().join("memleak-core/src");
    let order = rooms(&read(&core.join("lib.rs")));
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&core) {
        let Some((room, depth)) = place_of(file.strip_prefix(&core).unwrap()) else { continue };
        let others = used_rooms(&tokens(&file), depth, &order).into_iter().map(|(other, _)| other);
        used.entry(room.clone()).or_default().extend(others.filter(|other| *other != room));
    }
    let mut wrong = Vec::new();
    for (room, used) in used {
        let [file, directory] = [core.join(format!("{room}.rs")), core.join(&room).join("mod.rs")];
        let said = said_to_be_used(&read(if file.exists() { &file } else { &directory }));
        for other in used.difference(&said).filter(|_| !said.contains(ALL_BELOW)) {
            wrong.push(format!("`{room}` uses `{other}`, and its first lines do not say so in \"May use\""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_only_where_it_is_named() {
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for file in [
        "src",
        "memleak-core/src",
        "memleak-core/kernel",
        "memleak-macros/src",
        "memleak-report/src",
        "cargo-memleak/src",
    ]
    .iter()
    .flat_map(|dir| sources(&root().join(dir)))
    {
        let name = relative(&file);
        let lines = unsafe_lines(&tokens(&file));
        match UNSAFE.iter().find(|place| name.starts_with(**place)) {
            Some(place) if !lines.is_empty() => {
                needed.insert(*place);
            }
            Some(_) => {}
            None => wrong.extend(lines.iter().map(|line| format!("{name}:{line}: `unsafe` has no business here"))),
        }
    }
    wrong.extend(
        UNSAFE
            .iter()
            .filter(|place| !needed.contains(*place))
            .map(|place| format!("{place} needs no `unsafe` any more")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_unwinds_is_declared_as_what_does() {
    let wrong: Vec<String> = ["src", "memleak-core/src", "memleak-core/kernel"]
        .iter()
        .flat_map(|dir| sources(&root().join(dir)))
        .filter(|file| says_that_unwinding_does_not_unwind(&tokens(file)))
        .map(|file| format!("{}: `_Unwind_…` belongs into an `extern \"C-unwind\"`", relative(&file)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_begins_with_what_it_is_for_and_is_short() {
    let wrong: Vec<String> = sources(&root())
        .iter()
        .flat_map(|file| {
            let name = relative(file);
            form_faults(&name, &read(file)).into_iter().map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_is_used() {
    let mut wrong = Vec::new();
    for package in ["", "memleak-core", "memleak-macros", "memleak-report", "cargo-memleak"] {
        let directory = root().join(package);
        let manifest: toml::Table = read(&directory.join("Cargo.toml")).parse().unwrap();
        let words_in = |places: &[&str]| {
            let files = places.iter().flat_map(|place| sources(&directory.join(place)));
            let mut words = BTreeSet::new();
            files.for_each(|file| idents(tokens(&file), &mut words));
            words
        };
        let code = words_in(&["src"]);
        let build = words_in(&["build.rs"]);
        let mut tests = words_in(&["src", "tests", "examples", "benches"]);
        if package.is_empty() {
            idents(rust_blocks(&read(&directory.join("README.md"))), &mut tests);
        }
        for (section, words) in [("dependencies", &code), ("build-dependencies", &build), ("dev-dependencies", &tests)]
        {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for name in dependencies.keys().filter(|name| !words.contains(&name.replace('-', "_"))) {
                wrong.push(format!("{package}/Cargo.toml: nothing uses `{name}` of [{section}]"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_see_what_breaks_them() {
    let order: Vec<String> = ["check", "heap", "stack"].map(str::to_owned).into();
    let uses = |source: &str, depth| {
        let found = used_rooms(&source.parse().unwrap(), depth, &order);
        found.into_iter().map(|(room, _)| room).collect::<Vec<_>>()
    };
    assert_eq!(uses("use crate::heap::Block;", 1), ["heap"]);
    assert_eq!(uses("use crate::{address::A, heap, stack::{B, C}};", 1), ["heap", "stack"]);
    assert_eq!(uses("fn f() { g(vec![crate::check::X]) }", 1), ["check"]);
    assert_eq!(uses("use super::heap::Block;", 1), ["heap"]);
    assert_eq!(uses("use super::heap::Block;", 2), [""; 0], "a module of its own room");
    assert_eq!(uses("mod tests { use super::super::{heap, other}; }", 1), ["heap"]);
    assert_eq!(uses("mod tests { use super::heap; }", 1), [""; 0]);
    assert_eq!(uses("// crate::heap\n/// crate::heap\nconst A: &str = \"crate::heap\";", 1), [""; 0]);

    let unsafe_in = |source: &str| unsafe_lines(&source.parse().unwrap());
    assert_eq!(unsafe_in("fn f() {\n    unsafe { g() }\n}"), [2]);
    assert_eq!(unsafe_in("// unsafe\n#![forbid(unsafe_code)]\nconst A: &str = \"unsafe\";"), [0; 0]);

    let said = |source: &str| says_that_unwinding_does_not_unwind(&source.parse().unwrap());
    assert!(said("fn f() { unsafe extern \"C\" { fn _Unwind_Resume(); } }"));
    assert!(said("extern { fn _Unwind_Backtrace(); }"));
    assert!(!said("unsafe extern \"C-unwind\" { fn _Unwind_Resume(); }"));

    assert_eq!(form_faults("src/a.rs", "//! For a.\n"), [""; 0]);
    assert_eq!(form_faults("src/a.rs", "use b;\n").len(), 1);
    assert_eq!(form_faults("src/a.rs", &"//! For a.\n".repeat(LINES + 1)).len(), 1);
    assert_eq!(form_faults("src/utils.rs", "//! For a.\n").len(), 1);
    assert_eq!(form_faults("src/helpers/mod.rs", "//! For a.\n").len(), 1);

    let place = |file: &str| place_of(Path::new(file));
    assert_eq!([place("lib.rs"), place("stack/tests.rs"), place("query/pattern_tests.rs")], [None, None, None]);
    assert_eq!(place("address.rs"), Some(("address".to_owned(), 1)));
    assert_eq!(place("stack/mod.rs"), Some(("stack".to_owned(), 1)));
    assert_eq!(place("runner/body/poll.rs"), Some(("runner".to_owned(), 3)));

    let said = said_to_be_used(
        "//! For a.\n//!\n//! May use: `heap` (all of it),\n//! `stack`.\n//!\n//! And `check` is above.\n",
    );
    assert_eq!(said.into_iter().collect::<Vec<_>>(), ["heap", "stack"]);
    assert!(said_to_be_used("//! May use: `heap` and all below it.\n").contains(ALL_BELOW));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn tokens(file: &Path) -> TokenStream {
    read(file).parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All Rust files at or below `path`, in order; build output left out.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name == "target" || name.as_encoded_bytes()[0] == b'.');
    entries
        .into_iter()
        .filter(|path| !hidden(path))
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The rooms in the order of the table in `lib.rs`, the topmost first.
fn rooms(lib: &str) -> Vec<String> {
    let cells = lib.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" |").next());
    cells.map(|cell| cell.trim_matches(['[', ']', '`']).to_owned()).filter(|cell| cell != "room").collect()
}

/// The room a file is in, and how many modules deep it is.
///
/// None for `lib.rs`, which lists them all, and for the files of tests, which may look up: a stack is captured by an allocation.
fn place_of(below_src: &Path) -> Option<(String, usize)> {
    let mut parts: Vec<String> =
        below_src.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    let counts = parts != ["lib"] && !parts.iter().any(|part| part == "tests" || part.ends_with("_tests"));
    counts.then(|| (parts[0].clone(), parts.len()))
}

/// The rooms that paths from `crate` or through `super` lead to, with their lines, in a module `depth` deep.
fn used_rooms(tokens: &TokenStream, depth: usize, rooms: &[String]) -> Vec<(String, usize)> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    let mut i = 0;
    while i < trees.len() {
        let mut next = i;
        let mut up = 0;
        while is_ident(&trees, next, "super") && is_separator(&trees, next + 1) {
            up += 1;
            next += 3;
        }
        if is_ident(&trees, i, "crate") && is_separator(&trees, i + 1) {
            up = depth;
            next = i + 3;
        }
        if up >= depth && next > i {
            found.extend(
                first_words(&trees[next.min(trees.len())..]).into_iter().filter(|(word, _)| rooms.contains(word)),
            );
        }
        let inline_module = i >= 2 && is_ident(&trees, i - 2, "mod");
        match &trees[i] {
            TokenTree::Group(group) => {
                found.extend(used_rooms(&group.stream(), depth + usize::from(inline_module), rooms))
            }
            _ if next > i => {
                i = next;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// The first word of a path's rest, or of each path of its group.
fn first_words(rest: &[TokenTree]) -> Vec<(String, usize)> {
    match rest.first() {
        Some(TokenTree::Ident(ident)) => vec![(ident.to_string(), ident.span().start().line)],
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let trees: Vec<TokenTree> = group.stream().into_iter().collect();
            let is_comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
            trees.split(is_comma).flat_map(first_words).collect()
        }
        _ => Vec::new(),
    }
}

fn is_ident(trees: &[TokenTree], i: usize, word: &str) -> bool {
    matches!(trees.get(i), Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_separator(trees: &[TokenTree], i: usize) -> bool {
    let colon = |i: usize| matches!(trees.get(i), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(i) && colon(i + 1)
}

/// The words in backticks of the paragraph that begins with "May use", and "all below" if it says so.
fn said_to_be_used(source: &str) -> BTreeSet<String> {
    let lines = source.lines().skip_while(|line| !line.starts_with("//! May use"));
    let paragraph: String = lines.take_while(|line| *line != "//!" && line.starts_with("//!")).collect();
    let all_below = paragraph.contains(ALL_BELOW).then_some(ALL_BELOW);
    paragraph.split('`').skip(1).step_by(2).chain(all_below).map(str::to_owned).collect()
}

fn unsafe_lines(tokens: &TokenStream) -> Vec<usize> {
    let in_tree = |tree| match tree {
        TokenTree::Ident(ident) if ident == "unsafe" => vec![ident.span().start().line],
        TokenTree::Group(group) => unsafe_lines(&group.stream()),
        _ => Vec::new(),
    };
    tokens.clone().into_iter().flat_map(in_tree).collect()
}

/// Whether a function of the unwinder is declared so that rustc takes it for one that never unwinds: then landing pads in the same unit of code
/// have no entry for their end, and every panic that comes through one ends the process.
fn says_that_unwinding_does_not_unwind(tokens: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    trees.iter().enumerate().any(|(i, tree)| {
        let TokenTree::Group(group) = tree else { return false };
        let mut words = BTreeSet::new();
        idents(group.stream(), &mut words);
        let before = |word: &str, at: usize| i >= at && trees[i - at].to_string() == word;
        let plain = before("extern", 1) || (before("extern", 2) && before("\"C\"", 1));
        (plain && words.iter().any(|word| word.starts_with("_Unwind")))
            || says_that_unwinding_does_not_unwind(&group.stream())
    })
}

fn form_faults(name: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !source.starts_with("//! ") {
        faults.push("its first line does not say what it is for (`//! …`)".to_owned());
    }
    let lines = source.lines().count();
    if lines > LINES {
        faults.push(format!("it has {lines} lines, more than {LINES}"));
    }
    if name.split(['/', '.']).any(|part| DRAWERS.contains(&part)) {
        faults.push("its name says nothing of what is in it".to_owned());
    }
    faults
}

fn idents(tokens: TokenStream, into: &mut BTreeSet<String>) {
    for tree in tokens {
        match tree {
            TokenTree::Ident(ident) => {
                into.insert(ident.to_string());
            }
            TokenTree::Group(group) => idents(group.stream(), into),
            _ => {}
        }
    }
}

/// The Rust examples of a Markdown text.
fn rust_blocks(markdown: &str) -> TokenStream {
    let blocks = markdown.split("```rust").skip(1).filter_map(|rest| rest.split_once('\n')?.1.split("```").next());
    blocks.collect::<String>().parse().expect("the README's examples are Rust")
}
