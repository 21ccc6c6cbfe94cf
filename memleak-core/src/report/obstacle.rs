//! The text where nothing could be told: what stands in the way, and what to write.

use super::holder::of_thread;
use super::{Ink, Look, aside, backtrace, failure};
use crate::check::verdict::{Obstacle, Place};
use crate::debuginfo::load::LoadError;
use crate::query::pattern::PatternError;
use crate::query::predicate::StateError;
use crate::query::short::{short, short_function};

pub(super) fn text(obstacles: &[Obstacle], look: &Look) -> String {
    parts(obstacles, look) + "\nmemleak could not check this test, and that is not a pass.\n"
}

pub(super) fn parts(obstacles: &[Obstacle], look: &Look) -> String {
    obstacles.iter().map(|obstacle| part(obstacle, look)).collect::<Vec<_>>().join("\n")
}

/// What is wrong, details, and what to do about it.
pub(super) struct Explained {
    pub(super) wrong: String,
    pub(super) details: String,
    pub(super) help: &'static str,
}

fn part(obstacle: &Obstacle, look: &Look) -> String {
    let Explained { wrong, details, help } = explain(obstacle, look);
    let mut text = look.paint(Ink::Failure, &wrong) + "\n";
    for line in details.lines() {
        text += format!("  {line}").trim_end();
        text.push('\n');
    }
    for (i, line) in help.lines().enumerate() {
        let label = if i == 0 { look.paint(Ink::Help, "help") + ": " } else { "      ".to_owned() };
        text += format!("  {label}{line}").trim_end();
        text.push('\n');
    }
    text
}

pub(super) fn explain(obstacle: &Obstacle, look: &Look) -> Explained {
    let plain = |wrong: &str, help| Explained { wrong: wrong.to_owned(), details: String::new(), help };
    match obstacle {
        Obstacle::NotInstalled => {
            plain("memleak's allocator is not the global allocator of this test binary", NOT_INSTALLED)
        }
        Obstacle::NotTracked => plain(
            "memleak's allocator is installed, but was not recording",
            "the test ran outside of the process that memleak starts for it, or something cleared that process's\n\
             environment before its first allocation; run it with `cargo test` or `cargo nextest run`",
        ),
        Obstacle::NoStacks => plain("memleak cannot capture call stacks on this platform", SKIP),
        Obstacle::DebugInfo(error) => debug_info(error),
        Obstacle::Pattern { written, .. } if written.trim().is_empty() => Explained {
            wrong: "an empty text is not a type pattern".to_owned(),
            details: String::new(),
            help: PATTERNS,
        },
        Obstacle::Pattern { written, error } => Explained {
            wrong: format!("`{written}` is not a type pattern"),
            details: caret(written, error),
            help: PATTERNS,
        },
        Obstacle::UnknownName { written, instead: Some(instead), .. } => pointer(written, instead),
        Obstacle::NotATypeAlone { written } => plain(
            &format!("`{written}` asks for a variant or for fields, and of what came and went only the type is known"),
            "write the type alone",
        ),
        Obstacle::UnknownFunction { written, nearest } => Explained {
            wrong: format!("no function in this binary is called `{written}`"),
            details: list_of("nearest", nearest),
            help: "write a function's name as in the source: `connect`, `Session::connect`, `session::connect`",
        },
        Obstacle::UnknownHolder { written, nearest } => Explained {
            wrong: format!("nothing in this binary that could hold others is called `{written}`"),
            details: list_of("nearest", nearest),
            help: "write a static, a thread-local, a type, a field (`Registry.sessions`, `.sessions`), the async function of a task, or a\n\
                   thread's name",
        },
        Obstacle::Ignore { ignore, why } => {
            let why = explain(why, look);
            let wrong = format!("{} can match nothing: {}", aside::written(ignore), why.wrong);
            Explained { wrong, details: why.details, help: "write a name that is there, or leave the `ignore` out" }
        }
        Obstacle::Baseline { file, line, wrong } => Explained {
            wrong: match line {
                Some(line) => format!("{file}:{line} is not understood: {wrong}"),
                None => format!("the leaks that are known are in {file}: {wrong}"),
            },
            details: String::new(),
            help: "correct it; or remove the file, and run the tests with MEMLEAK_BASELINE=write, which writes all of it anew",
        },
        Obstacle::BaselineMode(written) => plain(
            &format!("MEMLEAK_BASELINE is set to `{written}`, which means nothing"),
            "`write` puts the leaks of the tests that run into the list of known ones; `strict` lets tests fail on leaks in it that are\n\
             gone; `off` lets them fail on those in it; without the variable only new leaks let a test fail",
        ),
        Obstacle::State { written, error } => state(written, error),
        Obstacle::UnknownName { written, resolved, nearest, .. } => unknown(written, *resolved, nearest),
        Obstacle::Losses(losses) => Explained {
            wrong: "no instance too many was found, but not everything was recorded".to_owned(),
            details: failure::losses(*losses).unwrap_or_default(),
            help: "let the test allocate less, or split it",
        },
        Obstacle::NotUnderstood { container, holds, place } => Explained {
            wrong: format!(
                "memleak does not understand the contents of a `{}`, so it cannot count the `{}` in it",
                short(container),
                short(holds)
            ),
            details: match place {
                Place::Static(name) => format!("It is in static {name}."),
                Place::Stack { thread, function } => {
                    format!("It is on the stack of {}, in {}.", of_thread(thread), short_function(function))
                }
                Place::Block { stack, .. } => backtrace::first_place(stack, look)
                    .map(|place| format!("It is in a block that was allocated at {place}."))
                    .unwrap_or_default(),
            },
            help: NOT_UNDERSTOOD,
        },
    }
}

const PATTERNS: &str = "patterns look like `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `db::**::Conn`, `dyn Chat`, `Conn::Open`,\n`Session { closed: true }`";

const NOT_INSTALLED: &str = "\
memleak's feature `global-allocator` installs it; it is a default feature. If the program has a
#[global_allocator] of its own, leave that feature out and wrap the program's allocator instead:

    #[global_allocator]
    static ALLOCATOR: memleak::Allocator<Jemalloc> = memleak::Allocator::new(Jemalloc);";

const NOT_UNDERSTOOD: &str = "\
a newer compiler, or another version of the crate, may lay it out in a way that memleak does not know yet:
look for a newer memleak, or report it with both versions. Until then, `ignore(type = \"…\", function = \"…\",
reason = \"…\")` leaves out what one function has allocated";

const SKIP: &str = "\
to run the test here without its check, write #[leak_test(unsupported = \"skip\", ...)], or set
MEMLEAK_UNSUPPORTED=skip for all tests";

fn debug_info(error: &LoadError) -> Explained {
    let (wrong, help) = match error {
        LoadError::UnsupportedPlatform(name) => {
            return Explained {
                wrong: format!("memleak cannot read the types of this program: {name}"),
                details: "It reads them on 64-bit Linux.".to_owned(),
                help: SKIP,
            };
        }
        LoadError::Unreadable(why) => {
            return Explained {
                wrong: "memleak could not read the test binary's debug info".to_owned(),
                details: why.clone(),
                help: "build the tests again; if that does not help, this is a fault of memleak: please report it",
            };
        }
        LoadError::NoDebugInfo => ("this test binary has no debug info, so its types are not known", FULL),
        LoadError::Stripped => (
            "this test binary was stripped: its debug info is gone, so its types are not known",
            "turn stripping off in the Cargo.toml of the workspace:\n\n    [profile.test]\n    strip = false\n    debug = \"full\"\n\n\
             with `cargo test --release` the section is [profile.release]",
        ),
        LoadError::LineTablesOnly => ("the debug info of this test binary has lines only, no types", FULL),
        LoadError::Split => (
            "the debug info of this test binary is in other files, which memleak does not read",
            "turn splitting off in the Cargo.toml of the workspace:\n\n    [profile.test]\n    split-debuginfo = \"off\"\n\n\
             with `cargo test --release` the section is [profile.release]",
        ),
        LoadError::Compressed => (
            "the debug info of this test binary is compressed, which memleak does not read",
            "leave `--compress-debug-sections` out of the linker's arguments (RUSTFLAGS, .cargo/config.toml)",
        ),
    };
    Explained { wrong: wrong.to_owned(), details: String::new(), help }
}

const FULL: &str = "\
turn full debug info on in the Cargo.toml of the workspace, and remove a weaker `debug` there, in
.cargo/config.toml and in CARGO_PROFILE_TEST_DEBUG or CARGO_PROFILE_DEV_DEBUG:

    [profile.test]
    debug = \"full\"

with `cargo test --release` the section is [profile.release]";

/// A pointer, an array or a slice was named.
fn pointer(written: &str, instead: &str) -> Explained {
    Explained {
        wrong: format!("`{written}` is not a type whose values memleak can count"),
        details: format!("{:9}{instead}", "write"),
        help: "a value is counted wherever it is: behind a pointer, in a box, in an array. Pointers and arrays themselves are not",
    }
}

/// `Sender` of `tokio::sync::mpsc::Sender<u8>`.
fn last_word(name: &str) -> &str {
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}

fn unknown(written: &str, resolved: bool, nearest: &[String]) -> Explained {
    let wrong = if resolved {
        format!("`{written}` is a type, but this test binary's debug info does not have it")
    } else {
        format!("no type in this test binary is called `{written}`")
    };
    let help = match (resolved, nearest.is_empty()) {
        (true, _) => {
            "no code in this binary makes a value of it, so there is nothing to check; or the crate that does is\n\
             built without debug info (look for `debug` in [profile.*.package] of Cargo.toml)"
        }
        (false, true) => {
            "write the type's name as in the source, without the alias it may have. A type that no code in this\n\
             binary makes a value of is not in its debug info"
        }
        (false, false) if nearest.iter().any(|near| last_word(near) == last_word(written)) => {
            "write one of these: a type is known by the module that defines it, whatever re-exports it, and by all of its\n\
             generics if some are written"
        }
        (false, false) => "write one of these; a name that no type has would pass whatever lives",
    };
    Explained { wrong, details: list_of("nearest", nearest), help }
}

/// Names, one a line, the first behind the label.
fn list_of(label: &str, names: &[String]) -> String {
    let line = |(i, name): (usize, &String)| format!("{:9}{name}", if i == 0 { label } else { "" });
    names.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn state(written: &str, error: &StateError) -> Explained {
    let list = |label: &str, names: &[String]| format!("{label:9}{}", names.join(", "));
    let (wrong, details, help) = match error {
        StateError::NoField { of, field, fields } => (
            format!("`{}` has no field `{field}`", short(of)),
            if fields.is_empty() { "it has no fields".to_owned() } else { list("fields", fields) },
            "write one of these; a field that no value has would pass whatever lives",
        ),
        StateError::OtherKind { field, ty, expected } => (
            format!("the field `{field}` is of type `{}`, and can never be `{expected}`", short(ty)),
            format!("in       {written}"),
            "values are written `true`, `7`, `\"ada\"`, `'a'`, a variant `Open`, or `_` for any",
        ),
        StateError::NoVariant { field, ty, expected, variants } => (
            format!("the field `{field}` is of type `{}`, which has no variant `{expected}`", short(ty)),
            list("variants", variants),
            "write one of these",
        ),
    };
    Explained { wrong, details, help }
}

/// The text, and below it a mark under the part at fault, with the message.
fn caret(written: &str, error: &PatternError) -> String {
    let columns = |range: core::ops::Range<usize>| written.get(range).map_or(0, |part| part.chars().count());
    let before = columns(0..error.at.start);
    let marks = "^".repeat(columns(error.at.clone()).max(1));
    format!("{written}\n{}{marks} {}", " ".repeat(before), error.message)
}
