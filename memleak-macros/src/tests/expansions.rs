//! What a correct attribute becomes.

use super::{expands, tokens, with_tokio};
use crate::leak_test_tokens;
use expect_test::expect;

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
}

#[test]
fn around_the_body_are_other_attributes() {
    expands(
        "expect_zero = \"Session\"",
        r#"
        /// Docs.
        #[tokio::test(start_paused = true)]
        #[ignore]
        #[traced]
        async fn t(#[from(pool)] mut pool: Pool, (a, b): Pair) -> Result<(), Error> { body().await }"#,
        expect![[r#"
            /// Docs.
            #[ignore]
            #[allow(unnameable_test_items)]
            #[::core::prelude::v1::test]
            fn t() {
                #[tokio::test(start_paused = true)]
                #[traced]
                async fn t(#[from(pool)] pool: Pool, argument_1: Pair) -> Result<(), Error> {
                    async fn t(mut pool: Pool, (a, b): Pair) -> Result<(), Error> {
                        body().await
                    }
                    ::memleak::__private::inside_async(
                            ::core::concat!(::core::module_path!(), "::", "t"),
                            t(pool, argument_1),
                        )
                        .await
                }
                ::memleak::__private::run_around(
                    &const {
                        ::memleak::__private::Case {
                            runtime: ::memleak::__private::RuntimeOptions::new(
                                    ::memleak::__private::Flavor::CurrentThread,
                                    ::core::option::Option::None,
                                )
                                .paused(|_| {}, ::memleak::__private::sleep),
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
        "#]],
    );
    expands(
        "",
        "#[traced] fn t() { body() }",
        expect![[r##"
        #[allow(unnameable_test_items)]
        #[::core::prelude::v1::test]
        fn t() {
            #[traced]
            fn t() {
                fn t() {
                    body()
                }
                ::memleak::__private::inside(
                    ::core::concat!(::core::module_path!(), "::", "t"),
                    t,
                )
            }
            ::memleak::__private::run_around(
                &const {
                    ::memleak::__private::case(
                        ::core::concat!(::core::module_path!(), "::", "t"),
                        &const { [] },
                    )
                },
                t,
            )
        }
    "##]],
    );
}

#[test]
fn below_cases_it_sees_each_of_them() {
    expands(
        "settle = \"1s\"",
        "#[ignore] #[rstest] #[case(1)] #[tokio::test] async fn t(#[case] n: u8) {}",
        expect![[r##"
            #[ignore]
            #[rstest]
            #[case(1)]
            #[::memleak::test(settle = "1s")]
            #[tokio::test]
            async fn t(#[case] n: u8) {}
        "##]],
    );
    expands(
        "crate = other",
        "#[rstest::rstest] fn t(n: u8) {}",
        expect![[r#"
        #[rstest::rstest]
        #[other::test(crate = other)]
        fn t(n: u8) {}
    "#]],
    );
    expands(
        "",
        "#[test_case(1)] #[test_case(2; \"two\")] #[tokio::test] async fn t(n: u8) {}",
        expect![[r#"
        #[test_case(1)]
        #[test_case(2;"two")]
        #[::memleak::test()]
        #[tokio::test]
        async fn t(n: u8) {}
    "#]],
    );
}

#[test]
fn unreachable_memory() {
    expands(
        "",
        "fn t() {}",
        expect![[r##"
        #[::core::prelude::v1::test]
        fn t() {
            fn t() {}
            ::memleak::__private::run(
                &const {
                    ::memleak::__private::case(
                        ::core::concat!(::core::module_path!(), "::", "t"),
                        &const { [] },
                    )
                },
                t,
            )
        }
    "##]],
    );
    expands(
        r#"expect_zero = "Session", unreachable = "allow""#,
        "fn t() {}",
        expect![[r##"
        #[::core::prelude::v1::test]
        fn t() {
            fn t() {}
            ::memleak::__private::run(
                &const {
                    ::memleak::__private::Case {
                        unreachable: ::memleak::__private::Unreachable::Allow,
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
    let said = leak_test_tokens(tokens(r#"unreachable = "fail""#), tokens("fn t() {}"), &with_tokio());
    let default = leak_test_tokens(tokens(""), tokens("fn t() {}"), &with_tokio());
    assert_eq!(said.to_string(), default.to_string());
}

#[test]
fn doubtful_instances() {
    expands(
        r#"possibly = "fail", expect_zero = "Session""#,
        "fn t() {}",
        expect![[r##"
        #[::core::prelude::v1::test]
        fn t() {
            fn t() {}
            ::memleak::__private::run(
                &const {
                    ::memleak::__private::Case {
                        possibly: ::memleak::__private::Possibly::Fail,
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
    let said = leak_test_tokens(tokens(r#"possibly = "show", expect_zero = "S""#), tokens("fn t() {}"), &with_tokio());
    let default = leak_test_tokens(tokens(r#"expect_zero = "S""#), tokens("fn t() {}"), &with_tokio());
    assert_eq!(said.to_string(), default.to_string());
}

#[test]
fn known_leaks() {
    expands(
        r#"ignore(type = "tracing::*", reason = "lives on"), crate = other::memleak,
           ignore(reason = "registered once", held_by = "CACHE.entries", function = "third_party::init", type = "Registry",)"#,
        "fn t() {}",
        expect![[r##"
            #[::core::prelude::v1::test]
            fn t() {
                fn t() {}
                other::memleak::__private::run(
                    &const {
                        other::memleak::__private::Case {
                            ignores: &const {
                                [
                                    other::memleak::__private::Ignore {
                                        ty: ::core::option::Option::Some("tracing::*"),
                                        function: ::core::option::Option::None,
                                        held_by: ::core::option::Option::None,
                                        reason: "lives on",
                                    },
                                    other::memleak::__private::Ignore {
                                        ty: ::core::option::Option::Some("Registry"),
                                        function: ::core::option::Option::Some("third_party::init"),
                                        held_by: ::core::option::Option::Some("CACHE.entries"),
                                        reason: "registered once",
                                    },
                                ]
                            },
                            ..other::memleak::__private::case(
                                ::core::concat!(::core::module_path!(), "::", "t"),
                                &const { [] },
                            )
                        }
                    },
                    t,
                )
            }
        "##]],
    );
}

#[test]
fn limits_and_rounds() {
    expands(
        r#"max_live_bytes = "1 KiB", iterations = 20, warmup = 3, max_growth = "10 B""#,
        "#[tokio::test] async fn t() { body().await }",
        expect![[r##"
            #[allow(unnameable_test_items)]
            #[::core::prelude::v1::test]
            fn t() {
                #[tokio::test]
                async fn t() {
                    async fn t() {
                        body().await
                    }
                    ::memleak::__private::inside_async_again(
                            ::core::concat!(::core::module_path!(), "::", "t"),
                            t,
                        )
                        .await
                }
                ::memleak::__private::run_around(
                    &const {
                        ::memleak::__private::Case {
                            limits: ::memleak::__private::Limits {
                                live_bytes: ::core::option::Option::Some(1024u64),
                                growth: ::core::option::Option::Some(10u64),
                                ..::memleak::__private::Limits::NONE
                            },
                            rounds: ::memleak::__private::Rounds {
                                count: 20u32,
                                warmup: 3u32,
                            },
                            ..::memleak::__private::case(
                                ::core::concat!(::core::module_path!(), "::", "t"),
                                &const { [] },
                            )
                        }
                    },
                    t,
                )
            }
        "##]],
    );
}
