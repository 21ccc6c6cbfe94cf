//! Expansions and error texts. What the compiler makes of them, and where an error stands, is in `tests/ui.rs` and `tests/hygiene.rs` of the
//! facade.

use crate::check::Surroundings;
use crate::leak_test_tokens;
use expect_test::{Expect, expect};
use proc_macro2::{TokenStream, TokenTree};

fn with_tokio() -> Surroundings {
    Surroundings { tokio: true, above: Vec::new() }
}

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn expands(args: &str, item: &str, expected: Expect) {
    let expansion = leak_test_tokens(tokens(args), tokens(item), &with_tokio());
    let file = syn::parse2(expansion.clone()).unwrap_or_else(|error| panic!("{error}: {expansion}"));
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// The error texts, one a line, and what else is emitted has to be an item.
fn errors_in(surroundings: &Surroundings, args: &str, item: &str) -> String {
    let expansion = leak_test_tokens(tokens(args), tokens(item), surroundings);
    assert!(syn::parse2::<syn::File>(expansion.clone()).is_ok(), "not items: {expansion}");
    let mut lines = String::new();
    let mut trees = expansion.into_iter().peekable();
    while let Some(tree) = trees.next() {
        if matches!(&tree, TokenTree::Ident(name) if name == "compile_error")
            && let Some(TokenTree::Group(group)) = trees.nth(1)
        {
            let text: syn::LitStr = syn::parse2(group.stream()).expect("compile_error! has one string");
            lines.push_str(&text.value());
            lines.push('\n');
        }
    }
    lines
}

fn refuses(args: &str, item: &str, expected: Expect) {
    expected.assert_eq(&errors_in(&with_tokio(), args, item));
}

fn refuses_args(args: &str, expected: Expect) {
    refuses(args, "async fn t() {}", expected);
}

/// What is said to each of these uses, in one text.
fn refuses_each(uses: impl IntoIterator<Item = (String, String)>, expected: Expect) {
    let mut text = String::new();
    for (args, item) in uses {
        let errors = errors_in(&with_tokio(), &args, &item);
        assert!(!errors.is_empty(), "accepted: #[leak_test({args})] {item}");
        text.push_str(&format!("({args}) {item}\n"));
        text.extend(errors.lines().map(|line| format!("    {line}\n")));
    }
    expected.assert_eq(&text);
}

fn refuses_each_args<T: Into<String>, const N: usize>(args: [T; N], expected: Expect) {
    refuses_each(args.map(|args| (args.into(), "async fn t() {}".to_owned())), expected);
}

fn refuses_each_item<T: Into<String>, const N: usize>(items: [T; N], expected: Expect) {
    refuses_each(items.map(|item| ("expect_zero = \"S\"".to_owned(), item.into())), expected);
}

#[test]
fn a_sync_test() {
    expands(
        r#"expect_zero = "Session""#,
        "fn t() { body() }",
        expect![[r##"
            #[::core::prelude::v1::test]
            fn t() {
                fn t() {
                    body()
                }
                ::memleak::__private::run(
                    &const {
                        ::memleak::__private::case(
                            ::core::concat!(::core::module_path!(), "::", "t"),
                            &const {
                                [
                                    ::memleak::__private::at_most(
                                        0u64,
                                        ::memleak::__private::Subject::Pattern("Session"),
                                    ),
                                ]
                            },
                        )
                    },
                    t,
                )
            }
        "##]],
    );
}

#[test]
fn an_async_test_with_everything() {
    expands(
        r#"expect_zero = ["Session", chat::Conn<Tcp>, dyn Chat], expect_at_most("Pool" = 1, db::Pool = 2), settle = "500ms",
           timeout = "2m", unsupported = "skip", flavor = "multi_thread", worker_threads = 4, crate = other::memleak"#,
        r#"
        /// Docs.
        #[ignore = "slow"]
        #[should_panic(expected = "gone")]
        #[allow(unused)]
        pub(crate) async fn t() -> Result<(), Box<dyn Error>> { #![allow(x)] body().await }"#,
        expect![[r#"
            /// Docs.
            #[ignore = "slow"]
            #[allow(unused)]
            #[::core::prelude::v1::test]
            pub(crate) fn t() {
                async fn t() -> Result<(), Box<dyn Error>> {
                    #![allow(x)]
                    body().await
                }
                other::memleak::__private::run_async(
                    &const {
                        other::memleak::__private::Case {
                            settle: ::core::option::Option::Some(
                                ::core::time::Duration::from_millis(500u64),
                            ),
                            timeout: ::core::option::Option::Some(
                                ::core::time::Duration::from_millis(120000u64),
                            ),
                            unsupported: other::memleak::__private::Unsupported::Skip,
                            should_panic: other::memleak::__private::ShouldPanic::Expected("gone"),
                            runtime: other::memleak::__private::RuntimeOptions::new(
                                other::memleak::__private::Flavor::MultiThread,
                                ::core::option::Option::Some(4usize),
                            ),
                            ..other::memleak::__private::case(
                                ::core::concat!(::core::module_path!(), "::", "t"),
                                &const {
                                    [
                                        other::memleak::__private::at_most(
                                            0u64,
                                            other::memleak::__private::Subject::Pattern("Session"),
                                        ),
                                        other::memleak::__private::at_most(
                                            0u64,
                                            other::memleak::__private::sized::<
                                                chat::Conn<Tcp>,
                                            >(::core::stringify!(chat::Conn < Tcp >)),
                                        ),
                                        other::memleak::__private::at_most(
                                            0u64,
                                            other::memleak::__private::trait_object::<
                                                dyn Chat,
                                            >(::core::stringify!(dyn Chat)),
                                        ),
                                        other::memleak::__private::at_most(
                                            1u64,
                                            other::memleak::__private::Subject::Pattern("Pool"),
                                        ),
                                        other::memleak::__private::at_most(
                                            2u64,
                                            other::memleak::__private::sized::<
                                                db::Pool,
                                            >(::core::stringify!(db::Pool)),
                                        ),
                                    ]
                                },
                            )
                        }
                    },
                    t,
                )
            }
        "#]],
    );
}

#[test]
fn a_paused_clock() {
    expands(
        r#"expect_zero = "Session", start_paused = true"#,
        "async fn t() {}",
        expect![[r##"
            #[::core::prelude::v1::test]
            fn t() {
                async fn t() {}
                ::memleak::__private::run_async(
                    &const {
                        ::memleak::__private::Case {
                            runtime: ::memleak::__private::RuntimeOptions::new(
                                    ::memleak::__private::Flavor::CurrentThread,
                                    ::core::option::Option::None,
                                )
                                .paused(
                                    |builder| {
                                        use ::memleak::__private::PausedClock as _;
                                        builder.start_paused(true).done()
                                    },
                                    ::memleak::__private::sleep,
                                ),
                            ..::memleak::__private::case(
                                ::core::concat!(::core::module_path!(), "::", "t"),
                                &const {
                                    [
                                        ::memleak::__private::at_most(
                                            0u64,
                                            ::memleak::__private::Subject::Pattern("Session"),
                                        ),
                                    ]
                                },
                            )
                        }
                    },
                    t,
                )
            }
        "##]],
    );
    let unpaused = leak_test_tokens(
        tokens(r#"expect_zero = "Session", start_paused = false"#),
        tokens("async fn t() {}"),
        &with_tokio(),
    );
    let default = leak_test_tokens(tokens(r#"expect_zero = "Session""#), tokens("async fn t() {}"), &with_tokio());
    assert_eq!(unpaused.to_string(), default.to_string());
}

#[test]
fn is_registered_once() {
    for other in ["#[test]", "#[core::prelude::v1::test]", "#[::std::prelude::rust_2024::test]"] {
        let item = format!("{other} fn t() {{}}");
        let expansion = leak_test_tokens(tokens("expect_zero = \"S\""), tokens(&item), &with_tokio()).to_string();
        assert_eq!(expansion.matches("test]").count(), 1, "{expansion}");
    }
    let expansion = leak_test_tokens(tokens("expect_zero = \"S\""), tokens("#[rstest] fn t() {}"), &with_tokio());
    assert!(expansion.to_string().starts_with("# [rstest] fn t ()"), "{expansion}");
}

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
            `iterations` cannot be used yet: the body runs once; leave it out
            `crate` takes a path without quotes: `crate = memleak`
            `settle` is given twice: keep one of them
            `should_panic` is written `#[should_panic]` or `#[should_panic(expected = "part of the message")]`
            a leak test takes no arguments: create the values in its body (or write `#[rstest]` above)
            a leak test cannot be generic: write one test for each type, and let them call a generic function
            a leak test cannot be an `unsafe fn`: leave `unsafe` out, and write an `unsafe` block in the body
        "#]],
    );
}

#[test]
fn nothing_named() {
    refuses_each_args(
        ["", "settle = \"1s\"", "expect_zero = []", "expect_at_most()"],
        expect![[r#"
        () async fn t() {}
            say which type must be gone when the test ends: `#[leak_test(expect_zero = "Session")]` (a search for all unreachable memory, without a name, is not there yet)
        (settle = "1s") async fn t() {}
            say which type must be gone when the test ends: `#[leak_test(expect_zero = "Session")]` (a search for all unreachable memory, without a name, is not there yet)
        (expect_zero = []) async fn t() {}
            `expect_zero` with an empty list expects nothing: name a type
        (expect_at_most()) async fn t() {}
            `expect_at_most` names no type: write `expect_at_most("Session" = 3)`
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
                there is no argument `expect_exact`; the nearest is `expect_exactly`, which cannot be used yet
            (should_panic = "Session") async fn t() {}
                `should_panic` is not an argument: write `#[should_panic]` as an attribute of its own, below this one
            (quux = "Session") async fn t() {}
                there is no argument `quux`; there are `expect_zero`, `expect_at_most`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `crate`
            (max_byte = "Session") async fn t() {}
                there is no argument `max_byte`; there are `expect_zero`, `expect_at_most`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `crate`
            (tokio = "Session") async fn t() {}
                there is no argument `tokio`; there are `expect_zero`, `expect_at_most`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `crate`
        "#]],
    );
}

#[test]
fn arguments_that_come_later() {
    refuses_each_args(
        [
            "expect_exactly(Session = 1)",
            "unreachable = \"allow\"",
            "ignore(type = \"tracing::*\", reason = \"…\")",
            "iterations = 20, warmup = 3, max_growth = \"0\"",
            "max_live_bytes = \"64 KiB\"",
            "max_allocated(\"Session\" = 10)",
        ]
        .map(|args| format!("expect_zero = \"Session\", {args}")),
        expect![[r#"
            (expect_zero = "Session", expect_exactly(Session = 1)) async fn t() {}
                `expect_exactly` cannot be used yet: for an upper limit write `expect_at_most("Session" = 3)`
            (expect_zero = "Session", unreachable = "allow") async fn t() {}
                `unreachable` cannot be used yet: unreachable memory is not looked for yet; leave it out
            (expect_zero = "Session", ignore(type = "tracing::*", reason = "…")) async fn t() {}
                `ignore` cannot be used yet: only the types you name are counted; leave it out
            (expect_zero = "Session", iterations = 20, warmup = 3, max_growth = "0") async fn t() {}
                `iterations` cannot be used yet: the body runs once; leave it out
                `warmup` cannot be used yet: the body runs once; leave it out
                `max_growth` cannot be used yet: the body runs once; leave it out
            (expect_zero = "Session", max_live_bytes = "64 KiB") async fn t() {}
                `max_live_bytes` cannot be used yet: only instances of types are counted, not bytes or allocations; leave it out
            (expect_zero = "Session", max_allocated("Session" = 10)) async fn t() {}
                `max_allocated` cannot be used yet: only instances of types are counted, not bytes or allocations; leave it out
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
                there is no argument `quux`; there are `expect_zero`, `expect_at_most`, `settle`, `timeout`, `unsupported`, `flavor`, `worker_threads`, `start_paused`, `crate`
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
            "#[rstest] #[case(1)] fn t(#[case] n: u8) {}",
            "#[should_panic(\"x\")] fn t() {}",
            "fn t();",
            "struct T;",
            "#[doc = \"x\"] mod t {}",
        ],
        expect![[r#"
            (expect_zero = "S") fn t(session: Session) {}
                a leak test takes no arguments: create the values in its body (or write `#[rstest]` above)
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
            (expect_zero = "S") #[rstest] #[case(1)] fn t(#[case] n: u8) {}
                with arguments from `#[rstest]`, write `#[rstest]` and its cases above this attribute
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
fn other_test_attributes_below() {
    refuses_each_item(
        [
            "#[tokio::test(flavor = \"multi_thread\")]",
            "#[actix_rt::test]",
            "#[leak_test(expect_zero = \"T\")]",
            "#[memleak::test]",
        ]
        .map(|other| format!("{other} async fn t() {{}}")),
        expect![[r#"
            (expect_zero = "S") #[tokio::test(flavor = "multi_thread")] async fn t() {}
                `#[tokio::test]` together with a leak test is not supported yet: remove it, and move its `flavor`, `worker_threads` and `start_paused` here
            (expect_zero = "S") #[actix_rt::test] async fn t() {}
                `#[actix_rt::test]` together with a leak test is not supported yet: remove it, a leak test runs async functions by itself, on tokio
            (expect_zero = "S") #[leak_test(expect_zero = "T")] async fn t() {}
                this is a leak test already: put all arguments into one attribute
            (expect_zero = "S") #[memleak::test] async fn t() {}
                this is a leak test already: put all arguments into one attribute
        "#]],
    );
}

#[test]
fn other_test_attributes_above() {
    let mut text = String::new();
    for above in ["test", "::core::prelude::v1::test", "tokio::test", "async_std::test"] {
        let surroundings = Surroundings { tokio: true, above: vec!["allow".to_owned(), above.to_owned()] };
        text.push_str(&errors_in(&surroundings, "expect_zero = \"S\"", "fn t() {}"));
    }
    expect![[r#"
        this function has `#[test]` above, which registers it a second time: remove `#[test]`, the leak test is a test by itself
        this function has `#[::core::prelude::v1::test]` above, which registers it a second time: remove `#[::core::prelude::v1::test]`, the leak test is a test by itself
        `#[tokio::test]` together with a leak test is not supported yet: remove it, and move its `flavor`, `worker_threads` and `start_paused` here
        `#[async_std::test]` together with a leak test is not supported yet: remove it, a leak test runs async functions by itself, on tokio
    "#]].assert_eq(&text);
    for above in ["rstest", "test_log::test", "case", "allow"] {
        let surroundings = Surroundings { tokio: true, above: vec![above.to_owned()] };
        assert_eq!(errors_in(&surroundings, "expect_zero = \"S\"", "fn t() {}"), "", "{above}");
    }
}
