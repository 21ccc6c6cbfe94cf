//! Why nothing could be told.

use super::{explains, shows, stack};
use crate::check::verdict::{Obstacle, Place, Verdict};
use crate::debuginfo::load::LoadError;
use crate::query::pattern::Pattern;
use crate::tracker::Losses;
use expect_test::expect;

#[test]
fn a_name_that_no_type_has() {
    let unknown = |written: &str, resolved, nearest: &[&str]| Obstacle::UnknownName {
        written: written.to_owned(),
        resolved,
        nearest: nearest.iter().map(|&name| name.to_owned()).collect(),
        instead: None,
    };
    explains(
        unknown("Sesion", false, &["chat::Session", "chat::db::Session"]),
        expect![[r#"
            no type in this test binary is called `Sesion`
              nearest  chat::Session
                       chat::db::Session
              help: write one of these; a name that no type has would pass whatever lives

            memleak could not check this test, and that is not a pass.
        "#]],
    );
    explains(
        unknown("Xyzzy", false, &[]),
        expect![[r#"
        no type in this test binary is called `Xyzzy`
          help: write the type's name as in the source, without the alias it may have. A type that no code in this
                binary makes a value of is not in its debug info

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        unknown("Session", true, &[]),
        expect![[r#"
        `Session` is a type, but this test binary's debug info does not have it
          help: no code in this binary makes a value of it, so there is nothing to check; or the crate that does is
                built without debug info (look for `debug` in [profile.*.package] of Cargo.toml)

        memleak could not check this test, and that is not a pass.
    "#]],
    );
}

#[test]
fn a_pattern_that_is_none() {
    let broken = |written: &str| Obstacle::Pattern {
        written: written.to_owned(),
        error: Pattern::parse(written).expect_err("not a pattern"),
    };
    explains(
        broken("é::Link<Tcp"),
        expect![[r#"
            `é::Link<Tcp` is not a type pattern
              é::Link<Tcp
                     ^ this `<` is never closed: write `>`
              help: patterns look like `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `db::**::Conn`, `dyn Chat`, `Conn::Open`,
                    `Session { closed: true }`

            memleak could not check this test, and that is not a pass.
        "#]],
    );
    explains(
        broken("crate::Session"),
        expect![[r#"
            `crate::Session` is not a type pattern
              crate::Session
              ^^^^^^^ a pattern does not know which module it stands in: write the crate's name, or leave `crate::` out
              help: patterns look like `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `db::**::Conn`, `dyn Chat`, `Conn::Open`,
                    `Session { closed: true }`

            memleak could not check this test, and that is not a pass.
        "#]],
    );
    shows(
        Verdict::CouldNotTell(vec![broken(""), broken("Session, Conn")]),
        expect![[r#"
            an empty text is not a type pattern
              help: patterns look like `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `db::**::Conn`, `dyn Chat`, `Conn::Open`,
                    `Session { closed: true }`

            `Session, Conn` is not a type pattern
              Session, Conn
                     ^ a pattern names one type: for several write a list, `["Session", "db::Conn"]`
              help: patterns look like `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `db::**::Conn`, `dyn Chat`, `Conn::Open`,
                    `Session { closed: true }`

            memleak could not check this test, and that is not a pass.
        "#]],
    );
}

#[test]
fn binaries_without_types() {
    explains(
        Obstacle::DebugInfo(LoadError::NoDebugInfo),
        expect![[r#"
        this test binary has no debug info, so its types are not known
          help: turn full debug info on in the Cargo.toml of the workspace, and remove a weaker `debug` there, in
                .cargo/config.toml and in CARGO_PROFILE_TEST_DEBUG or CARGO_PROFILE_DEV_DEBUG:

                    [profile.test]
                    debug = "full"

                with `cargo test --release` the section is [profile.release]

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::DebugInfo(LoadError::Stripped),
        expect![[r#"
        this test binary was stripped: its debug info is gone, so its types are not known
          help: turn stripping off in the Cargo.toml of the workspace:

                    [profile.test]
                    strip = false
                    debug = "full"

                with `cargo test --release` the section is [profile.release]

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::DebugInfo(LoadError::LineTablesOnly),
        expect![[r#"
        the debug info of this test binary has lines only, no types
          help: turn full debug info on in the Cargo.toml of the workspace, and remove a weaker `debug` there, in
                .cargo/config.toml and in CARGO_PROFILE_TEST_DEBUG or CARGO_PROFILE_DEV_DEBUG:

                    [profile.test]
                    debug = "full"

                with `cargo test --release` the section is [profile.release]

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::DebugInfo(LoadError::Split),
        expect![[r#"
        the debug info of this test binary is in other files, which memleak does not read
          help: turn splitting off in the Cargo.toml of the workspace:

                    [profile.test]
                    split-debuginfo = "off"

                with `cargo test --release` the section is [profile.release]

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::DebugInfo(LoadError::Compressed),
        expect![[r#"
        the debug info of this test binary is compressed, which memleak does not read
          help: leave `--compress-debug-sections` out of the linker's arguments (RUSTFLAGS, .cargo/config.toml)

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::DebugInfo(LoadError::UnsupportedPlatform("macos on aarch64".to_owned())),
        expect![[r#"
        memleak cannot read the types of this program: macos on aarch64
          It reads them on 64-bit Linux.
          help: to run the test here without its check, write #[leak_test(unsupported = "skip", ...)], or set
                MEMLEAK_UNSUPPORTED=skip for all tests

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::DebugInfo(LoadError::Unreadable("cannot open /proc/self/exe: permission denied".to_owned())),
        expect![[r#"
            memleak could not read the test binary's debug info
              cannot open /proc/self/exe: permission denied
              help: build the tests again; if that does not help, this is a fault of memleak: please report it

            memleak could not check this test, and that is not a pass.
        "#]],
    );
}

#[test]
fn tracking_that_was_not_there() {
    explains(
        Obstacle::NotInstalled,
        expect![[r#"
        memleak's allocator is not the global allocator of this test binary
          help: memleak's feature `global-allocator` installs it; it is a default feature. If the program has a
                #[global_allocator] of its own, leave that feature out and wrap the program's allocator instead:

                    #[global_allocator]
                    static ALLOCATOR: memleak::Allocator<Jemalloc> = memleak::Allocator::new(Jemalloc);

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::NotTracked,
        expect![[r#"
        memleak's allocator is installed, but was not recording
          help: the test ran outside of the process that memleak starts for it, or something cleared that process's
                environment before its first allocation; run it with `cargo test` or `cargo nextest run`

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::NoStacks,
        expect![[r#"
        memleak cannot capture call stacks on this platform
          help: to run the test here without its check, write #[leak_test(unsupported = "skip", ...)], or set
                MEMLEAK_UNSUPPORTED=skip for all tests

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        Obstacle::Losses(Losses { blocks: 12, stacks: 0 }),
        expect![[r#"
        no instance too many was found, but not everything was recorded
          memleak could not record 12 allocations (its table was full)
          help: let the test allocate less, or split it

        memleak could not check this test, and that is not a pass.
    "#]],
    );
}

#[test]
fn containers_that_are_not_understood() {
    let of = |place| Obstacle::NotUnderstood {
        container: "std::collections::hash::map::HashMap<u64, chat::Session>".to_owned(),
        holds: "chat::Session".to_owned(),
        place,
    };
    explains(
        of(Place::Static("chat::REGISTRY".to_owned())),
        expect![[r#"
        memleak does not understand the contents of a `HashMap<u64, chat::Session>`, so it cannot count the `chat::Session` in it
          It is in static chat::REGISTRY.
          help: a newer compiler, or another version of the crate, may lay it out in a way that memleak does not know yet:
                look for a newer memleak, or report it with both versions. Until then, `ignore(type = "…", function = "…",
                reason = "…")` leaves out what one function has allocated

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        of(Place::Block { inside: None, stack: stack()[1..4].to_vec() }),
        expect![[r#"
        memleak does not understand the contents of a `HashMap<u64, chat::Session>`, so it cannot count the `chat::Session` in it
          It is in a block that was allocated at src/session.rs:41.
          help: a newer compiler, or another version of the crate, may lay it out in a way that memleak does not know yet:
                look for a newer memleak, or report it with both versions. Until then, `ignore(type = "…", function = "…",
                reason = "…")` leaves out what one function has allocated

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        of(Place::Block { inside: None, stack: Vec::new() }),
        expect![[r#"
        memleak does not understand the contents of a `HashMap<u64, chat::Session>`, so it cannot count the `chat::Session` in it
          help: a newer compiler, or another version of the crate, may lay it out in a way that memleak does not know yet:
                look for a newer memleak, or report it with both versions. Until then, `ignore(type = "…", function = "…",
                reason = "…")` leaves out what one function has allocated

        memleak could not check this test, and that is not a pass.
    "#]],
    );
}

#[test]
fn a_pointer_and_a_re_export() {
    let unknown = |written: &str, nearest: &[&str], instead: Option<&str>| Obstacle::UnknownName {
        written: written.to_owned(),
        resolved: false,
        nearest: nearest.iter().map(|&name| name.to_owned()).collect(),
        instead: instead.map(str::to_owned),
    };
    explains(
        unknown("Box<Session>", &["chat::Session"], Some("Session")),
        expect![[r#"
        `Box<Session>` is not a type whose values memleak can count
          write    Session
          help: a value is counted wherever it is: behind a pointer, in a box, in an array. Pointers and arrays themselves are not

        memleak could not check this test, and that is not a pass.
    "#]],
    );
    explains(
        unknown("mpsc::Sender", &["tokio::sync::mpsc::bounded::Sender"], None),
        expect![[r#"
        no type in this test binary is called `mpsc::Sender`
          nearest  tokio::sync::mpsc::bounded::Sender
          help: write one of these: a type is known by the module that defines it, whatever re-exports it, and by all of its
                generics if some are written

        memleak could not check this test, and that is not a pass.
    "#]],
    );
}
