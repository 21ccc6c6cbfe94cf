//! What is said to each mistake.

use super::{errors_in, refuses, refuses_args, refuses_each_args, refuses_each_item, with_tokio};
use crate::check::Surroundings;
use expect_test::expect;

#[test]
fn every_mistake_at_once() {
    refuses(
        r#"expect_none = "Session", settle = 5, timeout = "1h", flavor = "threaded", worker_threads = 0, start_paused = "yes",
           unsupported = "ignore", iterations = 3, crate = "memleak", settle = "1s""#,
        "#[should_panic(message = \"x\")] unsafe fn t<T>(a: T) {}",
        expect![[r#"
            there is no argument `expect_none`: write `expect_zero = "Session"`
            `settle` takes a whole number with a unit, in quotes: "500ms", "1s" or "2m", as in `settle = "1s"`
            `timeout` takes a whole number with a unit, in quotes: "500ms", "1s" or "2m", as in `timeout = "60s"`
            `flavor` takes "current_thread" or "multi_thread"
            `worker_threads` takes a whole number of at least 1, as in `flavor = "multi_thread", worker_threads = 4`
            `start_paused` takes `true` or `false`, as in `start_paused = true`
            `unsupported` takes "skip" or "fail"
            `crate` takes a path without quotes: `crate = memleak`
            `settle` is given twice: keep one of them
            `should_panic` is written `#[should_panic]` or `#[should_panic(expected = "part of the message")]`
            a body that panics is not repeated: leave `iterations` or `#[should_panic]` out
            a leak test takes no arguments: create the values in its body (or write an attribute that gives them, such as `#[rstest]`)
            a leak test cannot be generic: write one test for each type, and let them call a generic function
            a leak test cannot be an `unsafe fn`: leave `unsafe` out, and write an `unsafe` block in the body
        "#]],
    );
}

#[test]
fn nothing_to_check() {
    refuses_each_args(
        ["expect_zero = []", "expect_at_most()"],
        expect![[r#"
            (expect_zero = []) async fn t() {}
                `expect_zero` with an empty list expects nothing: name a type
            (expect_at_most()) async fn t() {}
                `expect_at_most` names no type: write `expect_at_most("Session" = 3)`
        "#]],
    );
    for args in [
        "",
        "unreachable = \"allow\"",
        "settle = \"1s\"",
        "unreachable = \"fail\"",
        "expect_zero = \"S\", unreachable = \"allow\"",
    ] {
        assert_eq!(errors_in(&with_tokio(), args, "async fn t() {}"), "", "{args}");
    }
}

#[test]
fn doubts_about_no_type() {
    refuses_each_args(
        ["possibly = \"fail\"", "possibly = \"allow\", expect_zero = \"S\"", "possibly"],
        expect![[r#"
        (possibly = "fail") async fn t() {}
            `possibly` is about the instances of types: name one, `expect_zero = "Session"`, or leave `possibly` out
        (possibly = "allow", expect_zero = "S") async fn t() {}
            `possibly` takes "show" or "fail"
        (possibly) async fn t() {}
            `possibly` is written `possibly = "fail"`
    "#]],
    );
    assert_eq!(errors_in(&with_tokio(), "expect_zero = \"S\", possibly = \"show\"", "async fn t() {}"), "");
}

#[test]
fn known_leaks_that_are_not_told() {
    refuses_each_args(
        [
            "ignore",
            "ignore = \"slow\"",
            "ignore()",
            "ignore(\"tracing::*\")",
            "ignore(reason = \"known\")",
            "ignore(type = \"tracing::*\")",
            "ignore(held_by = \" \", holder = \"A\", reason = \"known\")",
            "ignore(types = \"tracing::*\", because = \"known\", quux)",
            "ignore(type = tracing::Span, reason = 3)",
            "ignore(type, function(\"init\"), reason = \" \")",
            "ignore(type = \"Link<Tcp\", function = \"third_party::\", reason = \"known\")",
            "ignore(type = \"\", function = \"\", reason = \"known\")",
            "ignore(type = \"A\" reason = \"known\")",
            "ignore(type = \"A\", type = \"B\", reason = \"known\", reason = \"known\"), setle = \"1s\"",
            "unreachable, unreachable = \"ignore\"",
            "unreachable = allow",
        ],
        expect![[r#"
            (ignore) async fn t() {}
                `ignore` is written `ignore(type = "tracing::*", reason = "lives as long as the process")`; to leave the test out of a run, write `#[ignore]` below this attribute
            (ignore = "slow") async fn t() {}
                `ignore` is written `ignore(type = "tracing::*", reason = "lives as long as the process")`; to leave the test out of a run, write `#[ignore]` below this attribute
            (ignore()) async fn t() {}
                say what is ignored, and why: `ignore(type = "tracing::*", reason = "lives as long as the process")`
            (ignore("tracing::*")) async fn t() {}
                `ignore` takes `type`, `function`, `held_by` and `reason`, each with a text in quotes
            (ignore(reason = "known")) async fn t() {}
                say what is ignored: add `type = "tracing::*"` for what leaks, `function = "third_party::init"` for who allocated it, or `held_by = "CACHE"` for what holds it
            (ignore(type = "tracing::*")) async fn t() {}
                say why this is accepted: add `reason = "…"`; the test shows it
            (ignore(held_by = " ", holder = "A", reason = "known")) async fn t() {}
                an empty text names nothing that holds others: `held_by = "CACHE"`
                `ignore` has no `holder`: write `held_by`
            (ignore(types = "tracing::*", because = "known", quux)) async fn t() {}
                `ignore` has no `types`: write `type`
                `ignore` has no `because`: write `reason`
                `ignore` has no `quux`: `ignore` takes `type`, `function`, `held_by` and `reason`
            (ignore(type = tracing::Span, reason = 3)) async fn t() {}
                `type` takes a text in quotes: `type = "tracing::*"`
                `reason` takes a text in quotes: `reason = "lives as long as the process"`
            (ignore(type, function("init"), reason = " ")) async fn t() {}
                `type` is written `type = "tracing::*"`
                `function` is written `function = "third_party::init"`
                say why this is accepted; the test shows it
            (ignore(type = "Link<Tcp", function = "third_party::", reason = "known")) async fn t() {}
                this `<` is not closed: a pattern with generics is written "Link<Tcp>", and without them matches any
                a segment is missing next to `::`; for any segment write `*`, for any number of them `**`
            (ignore(type = "", function = "", reason = "known")) async fn t() {}
                an empty pattern names no type: write the name of one, such as "Session" or "chat::Session"
                an empty pattern names no function: `function = "third_party::init"`
            (ignore(type = "A" reason = "known")) async fn t() {}
                expected `,` between the parts of `ignore`
            (ignore(type = "A", type = "B", reason = "known", reason = "known"), setle = "1s") async fn t() {}
                `type` is given twice: write `ignore(…)` once for each
                `reason` is given twice: keep one of them
                there is no argument `setle`: write `settle = "1s"`
            (unreachable, unreachable = "ignore") async fn t() {}
                `unreachable` is written `unreachable = "allow"`
                `unreachable` is given twice: keep one of them
            (unreachable = allow) async fn t() {}
                `unreachable` takes "fail" or "allow"
        "#]],
    );
}

#[test]
fn a_type_without_an_argument() {
    refuses_each_args(
        [r#""Session""#, "Session", "chat::Session", "Link<Tcp>", "dyn Chat", "3"],
        expect![[r#"
        ("Session") async fn t() {}
            say what is expected of this type: `expect_zero = "Session"`
        (Session) async fn t() {}
            say what is expected of this type: write `expect_zero = ` before it
        (chat::Session) async fn t() {}
            say what is expected of this type: write `expect_zero = ` before it
        (Link<Tcp>) async fn t() {}
            say what is expected of this type: write `expect_zero = ` before it
        (dyn Chat) async fn t() {}
            say what is expected of this type: write `expect_zero = ` before it
        (3) async fn t() {}
            expected an argument such as `expect_zero = "Session"`
    "#]],
    );
}

#[test]
fn shapes_of_arguments() {
    refuses_each_args(
        [
            "expect_zero",
            "expect_zero =",
            "expect_zero(\"Session\")",
            "expect_zero: \"Session\"",
            "expect_zero == \"Session\"",
            "expect_at_most = 3",
            "expect_zero = \"Session\" settle = \"1s\"",
            "expect_zero = \"Session\", settle(\"1s\")",
        ],
        expect![[r#"
            (expect_zero) async fn t() {}
                `expect_zero` is written `expect_zero = "Session"`
            (expect_zero =) async fn t() {}
                `expect_zero` is written `expect_zero = "Session"`
            (expect_zero("Session")) async fn t() {}
                `expect_zero` is written `expect_zero = "Session"`
            (expect_zero: "Session") async fn t() {}
                `expect_zero` is written `expect_zero = "Session"`
            (expect_zero == "Session") async fn t() {}
                `expect_zero` is written `expect_zero = "Session"`
            (expect_at_most = 3) async fn t() {}
                `expect_at_most` is written `expect_at_most("Session" = 3)`
            (expect_zero = "Session" settle = "1s") async fn t() {}
                expected `,` between two arguments
            (expect_zero = "Session", settle("1s")) async fn t() {}
                `settle` is written `settle = "1s"`
        "#]],
    );
}

#[test]
fn unknown_arguments() {
    refuses_each_args(
        ["expct_zero", "setle", "expect_none", "expect_exact", "should_panic", "quux", "max_byte", "tokio"]
            .map(|name| format!("{name} = \"Session\"")),
        expect![[r#"
            (expct_zero = "Session") async fn t() {}
                there is no argument `expct_zero`: write `expect_zero = "Session"`
            (setle = "Session") async fn t() {}
                there is no argument `setle`: write `settle = "1s"`
            (expect_none = "Session") async fn t() {}
                there is no argument `expect_none`: write `expect_zero = "Session"`
            (expect_exact = "Session") async fn t() {}
                there is no argument `expect_exact`: write `expect_exactly("Session" = 3)`
            (should_panic = "Session") async fn t() {}
                `should_panic` is not an argument: write `#[should_panic]` as an attribute of its own, below this one
            (quux = "Session") async fn t() {}
                there is no argument `quux`; there are `expect_zero`, `expect_at_most`, `expect_exactly`, `unreachable`, `possibly`, `max_live_bytes`, `max_peak_bytes`, `max_allocated_bytes`, `max_allocations`, `max_allocated`, `iterations`, `warmup`, `max_growth`, `ignore`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `harness`, `crate`
            (max_byte = "Session") async fn t() {}
                there is no argument `max_byte`; there are `expect_zero`, `expect_at_most`, `expect_exactly`, `unreachable`, `possibly`, `max_live_bytes`, `max_peak_bytes`, `max_allocated_bytes`, `max_allocations`, `max_allocated`, `iterations`, `warmup`, `max_growth`, `ignore`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `harness`, `crate`
            (tokio = "Session") async fn t() {}
                there is no argument `tokio`; there are `expect_zero`, `expect_at_most`, `expect_exactly`, `unreachable`, `possibly`, `max_live_bytes`, `max_peak_bytes`, `max_allocated_bytes`, `max_allocations`, `max_allocated`, `iterations`, `warmup`, `max_growth`, `ignore`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `harness`, `crate`
        "#]],
    );
}

#[test]
fn limits() {
    refuses_each_args(
        [
            "max_live_bytes = \"64\"",
            "max_live_bytes = 64",
            "max_live_bytes = \"64 kib\"",
            "max_live_bytes",
            "max_live_bytes(\"64 KiB\")",
            "max_peak_bytes = \"1,5 MiB\"",
            "max_allocated_bytes = \"10 MBs\"",
            "max_allocations = \"1 KiB\"",
            "max_allocated = 10",
            "max_allocated(\"Session\")",
            "max_allocated(\"Session\" = 10, \"Session\" = 3)",
            "max_allocated(\"Session\" = 10), max_allocated(\"Conn\" = 3)",
            "expect_exactly(3)",
            "expect_exactly(Session)",
            "expect_exactly()",
            "expect_exactly(\"Session\" = 1), expect_at_most(\"Session\" = 3)",
            "iterations = 0",
            "iterations = \"20\"",
            "iterations = 1, max_growth = \"0\"",
            "iterations = 20, max_growth = 0",
            "iterations = 20, warmup = 20, max_growth = \"0\"",
            "iterations = 20, warmup = -1, max_growth = \"0\"",
            "iterations = 20, warmup = 3",
            "max_growth = \"0\"",
            "warmup = 3",
            "rounds = 20",
        ],
        expect![[r#"
            (max_live_bytes = "64") async fn t() {}
                `max_live_bytes` takes a size with its unit, in quotes: "0", "512 B", "64 KiB" or "1.5 MiB", as in `max_live_bytes = "64 KiB"`
            (max_live_bytes = 64) async fn t() {}
                `max_live_bytes` takes a size with its unit, in quotes: "0", "512 B", "64 KiB" or "1.5 MiB", as in `max_live_bytes = "64 KiB"`
            (max_live_bytes = "64 kib") async fn t() {}
                `max_live_bytes` takes a size with its unit, in quotes: "0", "512 B", "64 KiB" or "1.5 MiB", as in `max_live_bytes = "64 KiB"`
            (max_live_bytes) async fn t() {}
                `max_live_bytes` is written `max_live_bytes = "64 KiB"`
            (max_live_bytes("64 KiB")) async fn t() {}
                `max_live_bytes` is written `max_live_bytes = "64 KiB"`
            (max_peak_bytes = "1,5 MiB") async fn t() {}
                `max_peak_bytes` takes a size with its unit, in quotes: "0", "512 B", "64 KiB" or "1.5 MiB", as in `max_peak_bytes = "10 MB"`
            (max_allocated_bytes = "10 MBs") async fn t() {}
                `max_allocated_bytes` takes a size with its unit, in quotes: "0", "512 B", "64 KiB" or "1.5 MiB", as in `max_allocated_bytes = "1.5 MiB"`
            (max_allocations = "1 KiB") async fn t() {}
                `max_allocations` takes a whole number, as in `max_allocations = 1000`
            (max_allocated = 10) async fn t() {}
                `max_allocated` is written `max_allocated("Session" = 10)`
            (max_allocated("Session")) async fn t() {}
                say how many of this type may be allocated, with a whole number: `"Session" = 3`
            (max_allocated("Session" = 10, "Session" = 3)) async fn t() {}
                this type is named twice: keep one of them
            (max_allocated("Session" = 10), max_allocated("Conn" = 3)) async fn t() {}
                `max_allocated` is given twice: write one list, `max_allocated("Session" = 3, "Conn" = 1)`
            (expect_exactly(3)) async fn t() {}
                `expect_exactly` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat), each with a number: `expect_exactly("Session" = 3)`
            (expect_exactly(Session)) async fn t() {}
                say how many of this type have to live, with a whole number: `"Session" = 3`
            (expect_exactly()) async fn t() {}
                `expect_exactly` names no type: write `expect_exactly("Session" = 3)`
            (expect_exactly("Session" = 1), expect_at_most("Session" = 3)) async fn t() {}
                this type is named twice: keep one of them
            (iterations = 0) async fn t() {}
                `iterations` takes a whole number of at least 1, as in `iterations = 20, warmup = 3, max_growth = "0"`
            (iterations = "20") async fn t() {}
                `iterations` takes a whole number of at least 1, as in `iterations = 20, warmup = 3, max_growth = "0"`
            (iterations = 1, max_growth = "0") async fn t() {}
                growth is seen from one round to the next: write at least 2 iterations
            (iterations = 20, max_growth = 0) async fn t() {}
                `max_growth` takes a size with its unit, in quotes: "0", "512 B", "64 KiB" or "1.5 MiB", as in `iterations = 20, warmup = 3, max_growth = "0"`
            (iterations = 20, warmup = 20, max_growth = "0") async fn t() {}
                a warm-up of 20 leaves none of 20 iterations to see growth in: write fewer, as in `iterations = 20, warmup = 3`
            (iterations = 20, warmup = -1, max_growth = "0") async fn t() {}
                `warmup` takes a whole number, as in `iterations = 20, warmup = 3, max_growth = "0"`
            (iterations = 20, warmup = 3) async fn t() {}
                `warmup` says from when on growth counts: write `max_growth = "0"` beside it, or leave `warmup` out
            (max_growth = "0") async fn t() {}
                `max_growth` is about a body that runs several times: write `iterations = 20` beside it
            (warmup = 3) async fn t() {}
                `warmup` says from when on growth counts: write `max_growth = "0"` beside it, or leave `warmup` out
            (rounds = 20) async fn t() {}
                there is no argument `rounds`: write `iterations = 20, warmup = 3, max_growth = "0"`
        "#]],
    );
    for args in [
        "iterations = 20",
        "iterations = 2, max_growth = \"1.5 KiB\"",
        "max_live_bytes = \"0\", unreachable = \"allow\"",
    ] {
        assert_eq!(errors_in(&with_tokio(), args, "async fn t() {}"), "", "{args}");
    }
}

#[test]
fn bodies_that_cannot_be_repeated() {
    refuses(
        "iterations = 20",
        "#[sqlx::test] async fn t(pool: sqlx::SqlitePool) {}",
        expect![[r#"
            a body with arguments cannot be repeated, because another attribute makes them for one call: write the loop into a function, and leave its arguments out of the test
        "#]],
    );
    refuses(
        "iterations = 20",
        "#[should_panic] fn t() {}",
        expect![[r#"
        a body that panics is not repeated: leave `iterations` or `#[should_panic]` out
    "#]],
    );
}

#[test]
fn subjects() {
    refuses_each_args(
        [
            "\"\"",
            "\"Link<Tcp\"",
            "[\"chat:Session\", 'S', chat::Session, 5]",
            "3",
            "b\"Session\"",
            "&Session",
            "(Session, Conn)",
            "impl Chat",
            "_",
            "[Session; 3]",
            "[Session Conn]",
            "[Session, Session]",
            "*",
        ]
        .map(|value| format!("expect_zero = {value}")),
        expect![[r#"
            (expect_zero = "") async fn t() {}
                an empty pattern names no type: write the name of one, such as "Session" or "chat::Session"
            (expect_zero = "Link<Tcp") async fn t() {}
                this `<` is not closed: a pattern with generics is written "Link<Tcp>", and without them matches any
            (expect_zero = ["chat:Session", 'S', chat::Session, 5]) async fn t() {}
                segments are parted by two colons: write "chat::Session"
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat)
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat); with a number it is written `expect_at_most("Session" = 3)`
            (expect_zero = 3) async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat); with a number it is written `expect_at_most("Session" = 3)`
            (expect_zero = b"Session") async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat)
            (expect_zero = &Session) async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat); write the type that is pointed to
            (expect_zero = (Session, Conn)) async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat); several of them go into brackets: ["Session", chat::Conn]
            (expect_zero = impl Chat) async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat); write `dyn` instead of `impl`
            (expect_zero = _) async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat)
            (expect_zero = [Session; 3]) async fn t() {}
                expected `,` between the types of a list
            (expect_zero = [Session Conn]) async fn t() {}
                expected `,` between the types of a list
            (expect_zero = [Session, Session]) async fn t() {}
                this type is named twice: keep one of them
            (expect_zero = *) async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat)
        "#]],
    );
    refuses_each_args(
        ["Session", "\"Session\" = many", "\"Session\" = -1", "Session = 1, = 2, Conn = 3.5"]
            .map(|value| format!("expect_at_most({value})")),
        expect![[r#"
            (expect_at_most(Session)) async fn t() {}
                say how many of this type may live, with a whole number: `"Session" = 3`
            (expect_at_most("Session" = many)) async fn t() {}
                say how many of this type may live, with a whole number: `"Session" = 3`
            (expect_at_most("Session" = -1)) async fn t() {}
                say how many of this type may live, with a whole number: `"Session" = 3`
            (expect_at_most(Session = 1, = 2, Conn = 3.5)) async fn t() {}
                `expect_at_most` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat), each with a number: `expect_at_most("Session" = 3)`
                say how many of this type may live, with a whole number: `"Session" = 3`
        "#]],
    );
    refuses_args(
        "expect_zero = \"Session\", expect_at_most(\"Session\" = 1)",
        expect![[r#"
        this type is named twice: keep one of them
    "#]],
    );
}

#[test]
fn a_bad_argument_does_not_hide_the_next() {
    refuses_each_args(
        [
            "expect_zero = &HashMap<A, B>, setle = \"1s\"",
            "quux = HashMap<A, B>, setle = \"1s\",",
            "expect_zero = \"S\" + \"T\", timeout = 1",
        ],
        expect![[r#"
            (expect_zero = &HashMap<A, B>, setle = "1s") async fn t() {}
                `expect_zero` takes types: a pattern in quotes ("Session"), a path (chat::Session) or a trait object (dyn Chat); write the type that is pointed to
                there is no argument `setle`: write `settle = "1s"`
            (quux = HashMap<A, B>, setle = "1s",) async fn t() {}
                there is no argument `quux`; there are `expect_zero`, `expect_at_most`, `expect_exactly`, `unreachable`, `possibly`, `max_live_bytes`, `max_peak_bytes`, `max_allocated_bytes`, `max_allocations`, `max_allocated`, `iterations`, `warmup`, `max_growth`, `ignore`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `harness`, `crate`
                there is no argument `setle`: write `settle = "1s"`
            (expect_zero = "S" + "T", timeout = 1) async fn t() {}
                expected `,` between two arguments
                `timeout` takes a whole number with a unit, in quotes: "500ms", "1s" or "2m", as in `timeout = "60s"`
        "#]],
    );
}

#[test]
fn durations() {
    refuses_each_args(
        [
            "expect_zero = \"S\", settle = \"1.5s\", timeout = 60",
            "expect_zero = \"S\", settle = \"60s\", timeout = \"1m\"",
            "expect_zero = \"S\", timeout = \"0s\"",
        ],
        expect![[r#"
            (expect_zero = "S", settle = "1.5s", timeout = 60) async fn t() {}
                `settle` takes a whole number with a unit, in quotes: "500ms", "1s" or "2m", as in `settle = "1s"`
                `timeout` takes a whole number with a unit, in quotes: "500ms", "1s" or "2m", as in `timeout = "60s"`
            (expect_zero = "S", settle = "60s", timeout = "1m") async fn t() {}
                `settle` must be shorter than `timeout`, or the test is killed before its verdict
            (expect_zero = "S", timeout = "0s") async fn t() {}
                a test needs some time: write a longer `timeout`, or leave it out for the default
        "#]],
    );
}

#[test]
fn the_runtime() {
    refuses_each_args(
        [
            "expect_zero = \"S\", worker_threads = 2",
            "expect_zero = \"S\", flavor = \"current_thread\", worker_threads = 2",
            "expect_zero = \"S\", flavor = \"multi_thread\", start_paused = true",
        ],
        expect![[r#"
            (expect_zero = "S", worker_threads = 2) async fn t() {}
                `worker_threads` needs `flavor = "multi_thread"`
            (expect_zero = "S", flavor = "current_thread", worker_threads = 2) async fn t() {}
                `worker_threads` needs `flavor = "multi_thread"`
            (expect_zero = "S", flavor = "multi_thread", start_paused = true) async fn t() {}
                `start_paused` needs `flavor = "current_thread"`, which is the default
        "#]],
    );
    refuses(
        "expect_zero = \"S\", flavor = \"multi_thread\", worker_threads = 2",
        "fn t() {}",
        expect![[r#"
        `flavor` is for an `async fn`: make the function async, or leave `flavor` out
        `worker_threads` is for an `async fn`: make the function async, or leave `worker_threads` out
    "#]],
    );
    let without = Surroundings::default();
    expect![[r#"
        `start_paused` is about tokio, and memleak is built without its feature `tokio`: add it to memleak's features in Cargo.toml
    "#]].assert_eq(&errors_in(&without, "expect_zero = \"S\", start_paused = true", "async fn t() {}"));
}

#[test]
fn functions() {
    refuses_each_item(
        [
            "fn t(session: Session) {}",
            "fn t(&self) {}",
            "fn t<T: Default>() {}",
            "fn t() where Session: Send {}",
            "const fn t() {}",
            "async unsafe fn t() {}",
            "extern \"C\" fn t() {}",
            "#[should_panic(\"x\")] fn t() {}",
            "fn t();",
            "struct T;",
            "#[doc = \"x\"] mod t {}",
        ],
        expect![[r#"
            (expect_zero = "S") fn t(session: Session) {}
                a leak test takes no arguments: create the values in its body (or write an attribute that gives them, such as `#[rstest]`)
            (expect_zero = "S") fn t(&self) {}
                a leak test is a free function, not a method: move it out of the `impl` and leave `self` out
            (expect_zero = "S") fn t<T: Default>() {}
                a leak test cannot be generic: write one test for each type, and let them call a generic function
            (expect_zero = "S") fn t() where Session: Send {}
                a leak test cannot have a `where` clause: leave it out
            (expect_zero = "S") const fn t() {}
                a leak test cannot be a `const fn`: leave `const` out
            (expect_zero = "S") async unsafe fn t() {}
                a leak test cannot be an `unsafe fn`: leave `unsafe` out, and write an `unsafe` block in the body
            (expect_zero = "S") extern "C" fn t() {}
                a leak test cannot be an `extern fn`: leave `extern` out
            (expect_zero = "S") #[should_panic("x")] fn t() {}
                `should_panic` is written `#[should_panic]` or `#[should_panic(expected = "part of the message")]`
            (expect_zero = "S") fn t();
                a leak test needs a body: `{ … }`
            (expect_zero = "S") struct T;
                `#[leak_test]` belongs on a function: `fn name() { … }` or `async fn name() { … }`
            (expect_zero = "S") #[doc = "x"] mod t {}
                `#[leak_test]` belongs on a function: `fn name() { … }` or `async fn name() { … }`
        "#]],
    );
}

#[test]
fn a_leak_test_below() {
    refuses_each_item(
        ["#[leak_test(expect_zero = \"T\")]", "#[memleak::test]"].map(|other| format!("{other} async fn t() {{}}")),
        expect![[r#"
            (expect_zero = "S") #[leak_test(expect_zero = "T")] async fn t() {}
                this is a leak test already: put all arguments into one attribute
            (expect_zero = "S") #[memleak::test] async fn t() {}
                this is a leak test already: put all arguments into one attribute
        "#]],
    );
}

#[test]
fn the_runtime_of_another_attribute() {
    refuses(
        "flavor = \"multi_thread\", worker_threads = 2",
        "#[tokio::test] async fn t() {}",
        expect![[r#"
            the runtime of this test is that of `#[tokio::test]`: write `flavor` there
            the runtime of this test is that of `#[tokio::test]`: write `worker_threads` there
        "#]],
    );
}

#[test]
fn other_test_attributes_above() {
    let mut text = String::new();
    for above in ["test", "::core::prelude::v1::test", "tokio::test", "async_std::test"] {
        let surroundings = Surroundings { tokio: true, above: vec!["#[allow(x)]".to_owned(), format!("#[{above}]")] };
        text.push_str(&errors_in(&surroundings, "expect_zero = \"S\"", "fn t() {}"));
    }
    expect![[r#"
        this function has `#[test]` above, which registers it a second time: remove `#[test]`, the leak test is a test by itself
        this function has `#[::core::prelude::v1::test]` above, which registers it a second time: remove `#[::core::prelude::v1::test]`, the leak test is a test by itself
        `#[tokio::test]` has put the body where a leak test below it cannot reach it: write the leak test above `#[tokio::test]`
        `#[async_std::test]` has put the body where a leak test below it cannot reach it: write the leak test above `#[async_std::test]`
    "#]].assert_eq(&text);
    let tokio = Surroundings { tokio: true, above: vec!["#[tokio::test]".to_owned()] };
    expect![[r#"
        a body that `#[tokio::test]` above has put into a runtime cannot be repeated: write the leak test above `#[tokio::test]`
        `#[tokio::test]` has put the body where a leak test below it cannot reach it: write the leak test above `#[tokio::test]`
    "#]]
    .assert_eq(&errors_in(&tokio, "iterations = 20", "fn t() {}"));
    for above in ["rstest", "test_log::test", "case", "allow"] {
        let surroundings = Surroundings { tokio: true, above: vec![format!("#[{above}]")] };
        assert_eq!(errors_in(&surroundings, "expect_zero = \"S\"", "fn t() {}"), "", "{above}");
    }
}
