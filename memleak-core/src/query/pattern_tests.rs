//! Patterns against names as rustc 1.95 writes them into debug info, and as `core::any::type_name` says them.

use super::{Pattern, PatternError};

fn matches(pattern: &str, name: &str) -> bool {
    Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error:?}")).matches(name)
}

#[track_caller]
fn yes(pattern: &str, names: &[&str]) {
    for name in names {
        assert!(matches(pattern, name), "`{pattern}` must match `{name}`");
    }
}

#[track_caller]
fn no(pattern: &str, names: &[&str]) {
    for name in names {
        assert!(!matches(pattern, name), "`{pattern}` must not match `{name}`");
    }
}

#[test]
fn a_suffix_of_whole_segments() {
    yes("Session", &["chat::Session", "Session", "app::db::Session", "chat::Session<u8>"]);
    yes("chat::Session", &["chat::Session", "app::chat::Session"]);
    yes(" chat :: Session ", &["chat::Session"]);
    no("Session", &["chat::HttpSession", "chat::Session::Inner", "chat::Sessions", "chat::session", "&chat::Session"]);
    no(
        "Session",
        &["alloc::sync::Arc<chat::Session, alloc::alloc::Global>", "(u8, chat::Session)", "[chat::Session; 4]"],
    );
    no("chat::Session", &["achat::Session", "chat::a::Session", "Session"]);
    yes("::chat::Session", &["chat::Session"]);
    no("::chat::Session", &["app::chat::Session"]);
    yes("r#type", &["a::type"]);
}

#[test]
fn generics_that_are_written_have_to_match() {
    yes("Link", &["net::Link<net::Tcp>", "net::Link<u8>", "net::Link"]);
    yes("Link<Tcp>", &["net::Link<net::Tcp>"]);
    yes("net::Link< net :: Tcp >", &["net::Link<net::Tcp>"]);
    yes("Link::<Tcp>", &["net::Link<net::Tcp>"]);
    no("Link<Tcp>", &["net::Link<net::Udp>", "net::Link<net::Tcp, u8>", "net::Link", "net::Link<net::FastTcp>"]);
    no("Link<Tcp, Udp>", &["net::Link<net::Tcp>"]);
    yes("Link<_>", &["net::Link<net::Tcp>", "net::Link<&[u8]>"]);
    yes("Link<*>", &["net::Link<net::Tcp>", "net::Link<&[u8]>"]);
    no("Link<_>", &["net::Link<net::Tcp, u8>"]);
    yes("Link<T*>", &["net::Link<net::Tcp>"]);
    yes("Life<'a, Tcp>", &["n::net::Life<n::net::Tcp>"]);
    yes("Cow<'_, str>", &["alloc::borrow::Cow<str>"]);
    yes(
        "Option<Box<Tcp>>::Some",
        &["core::option::Option<alloc::boxed::Box<n::net::Tcp, alloc::alloc::Global>>::Some"],
    );
}

#[test]
fn the_allocator_and_the_hasher_may_be_left_out() {
    let arc = "alloc::sync::Arc<chat::Session, alloc::alloc::Global>";
    yes("Arc<Session>", &[arc]);
    yes("Arc<Session, Global>", &[arc]);
    no("Arc<Session, System>", &[arc]);
    no("Arc<Session>", &["alloc::sync::Arc<chat::Session, chat::Arena>"]);
    yes(
        "HashMap<u64, Session>",
        &[
            "std::collections::hash::map::HashMap<u64, chat::Session, std::hash::random::RandomState, alloc::alloc::Global>",
            "hashbrown::map::HashMap<u64, chat::Session, hashbrown::hasher::DefaultHashBuilder, hashbrown::raw::alloc::inner::Global>",
        ],
    );
    no("HashMap<u64>", &["hashbrown::map::HashMap<u64, chat::Session>"]);
    no("HashMap<u64, Session>", &["hashbrown::map::HashMap<u64, chat::Session, fxhash::FxBuildHasher>"]);
    yes("DashMap<u64, Session>", &["dashmap::DashMap<u64, chat::Session, std::hash::random::RandomState>"]);
    yes(
        "Vec<Arc<Session>>",
        &["alloc::vec::Vec<alloc::sync::Arc<chat::Session, alloc::alloc::Global>, alloc::alloc::Global>"],
    );
}

#[test]
fn wildcards() {
    yes("*Session", &["chat::HttpSession", "chat::Session"]);
    yes("Ht*ess*", &["chat::HttpSession"]);
    no("*Session", &["chat::Sessions", "alloc::vec::Vec<chat::Session>"]);
    yes("db::*", &["app::db::Conn", "db::Pool<u8>"]);
    no("db::*", &["db::pg::Conn", "db"]);
    yes("db::**", &["app::db::Conn", "db::pg::Conn", "db::pg::raw::Conn"]);
    no("db::**", &["app::db", "adb::Conn"]);
    yes("db::**::Conn", &["db::Conn", "app::db::pg::raw::Conn"]);
    no("db::**::Conn", &["pg::Conn", "db::pg::Conns"]);
    yes("**::Conn", &["Conn", "db::Conn"]);
    yes("::db::**", &["db::pg::Conn"]);
    no("::db::**", &["app::db::Conn"]);
    yes("tracing*::**", &["tracing_core::span::Id", "tracing::Span"]);
    yes("chat::*::Session", &["chat::db::Session", "chat::{closure#0}::Session"]);
}

#[test]
fn items_inside_functions() {
    let local = "chat::tests::leaks::{closure#0}::Session";
    yes("Session", &["chat::tests::leaks::Session", local]);
    yes("leaks::Session", &["chat::tests::leaks::Session", local, "chat::tests::leaks::{async_fn#0}::Session"]);
    yes("leaks::{closure#0}::Session", &[local]);
    no("leaks::{closure#1}::Session", &[local]);
    no("other::Session", &[local]);
    yes("net::mk::Local", &["n::net::{impl#2}::mk::Local"]);
    yes("net::{impl#2}::mk::Local", &["n::net::{impl#2}::mk::Local"]);
    yes("net::{impl}::mk::Local", &["n::net::{impl#2}::mk::Local"]);
}

#[test]
fn closures_and_futures() {
    let future = "chat::heartbeat::{async_fn_env#0}";
    yes("heartbeat::{async_fn_env#0}", &[future, "chat::heartbeat::{async_fn_env#0}<u8>"]);
    yes("heartbeat::{async_fn_env}", &[future]);
    yes("{async_fn_env#*}", &[future]);
    no("heartbeat::{closure_env#0}", &[future]);
    no("heartbeat", &[future]);
    yes("gnr::{closure_env#0}<u8>", &["n::gnr::{closure_env#0}<u8>"]);
    no("gnr::{closure_env#0}<u16>", &["n::gnr::{closure_env#0}<u8>"]);
}

#[test]
fn types_without_a_path() {
    yes("(u8, Tcp)", &["(u8, n::net::Tcp)"]);
    no("(u8, Tcp)", &["(u8, n::net::Tcp, u8)", "(n::net::Tcp, u8)"]);
    // Debug info writes a tuple of one without its comma.
    yes("(u8,)", &["(u8)"]);
    no("u8", &["(u8)"]);
    yes("(u8)", &["u8"]);
    yes("()", &["()"]);
    yes("[Tcp; 4]", &["[n::net::Tcp; 4]"]);
    yes("[Tcp; _]", &["[n::net::Tcp; 4]"]);
    no("[Tcp; 4]", &["[n::net::Tcp; 5]", "[n::net::Tcp]"]);
    yes("[Tcp]", &["[n::net::Tcp]"]);
    yes("&Tcp", &["&n::net::Tcp"]);
    yes("&'static mut Tcp", &["&mut n::net::Tcp"]);
    no("&Tcp", &["&mut n::net::Tcp", "n::net::Tcp"]);
    yes("*const u8", &["*const u8"]);
    no("*mut u8", &["*const u8"]);
    yes("fn(u8, &Tcp) -> u64", &["fn(u8, &n::net::Tcp) -> u64"]);
    yes("fn()", &["fn()"]);
    yes("unsafe extern \"C\" fn(u8)", &["unsafe extern \"C\" fn(u8)"]);
    no("fn(u8)", &["unsafe extern \"C\" fn(u8)", "fn(u8) -> u8"]);
    yes("Buf<4, true>", &["n::net::Buf<4, true>"]);
    no("Buf<4, true>", &["n::net::Buf<4, false>", "n::net::Buf<8, true>"]);
    yes("I<-3>", &["n::net::I<-3>"]);
    yes("Ch<'a'>", &["n::net::Ch<{CONST#27d96aba666aa2f7}>"]);
    yes("!", &["!"]);
    yes("str", &["str"]);
}

#[test]
fn trait_objects() {
    yes("dyn Chat", &["dyn n::net::Chat", "(dyn n::net::Chat + core::marker::Send)"]);
    no(
        "dyn Chat",
        &["n::net::Chat", "alloc::boxed::Box<dyn n::net::Chat, alloc::alloc::Global>", "dyn n::net::Chatty"],
    );
    yes("dyn Chat + Send", &["(dyn n::net::Chat + core::marker::Send + core::marker::Sync)"]);
    no("dyn Chat + Send", &["dyn n::net::Chat"]);
    yes(
        "Box<dyn Chat>",
        &[
            "alloc::boxed::Box<dyn n::net::Chat, alloc::alloc::Global>",
            "alloc::boxed::Box<(dyn n::net::Chat + core::marker::Send), alloc::alloc::Global>",
        ],
    );
    yes(
        "Box<dyn Fn(&Tcp) -> u8>",
        &["alloc::boxed::Box<dyn core::ops::function::Fn<(&n::net::Tcp), Output=u8>, alloc::alloc::Global>"],
    );
    yes("dyn FnMut(u8, u8)", &["dyn core::ops::function::FnMut<(u8, u8), Output=()>"]);
    no("dyn FnMut(u8, u8) -> u8", &["dyn core::ops::function::FnMut<(u8, u8), Output=()>"]);
    yes("dyn Future<Output = ()>", &["(dyn core::future::future::Future<Output=()> + core::marker::Send)"]);
    no("dyn Future<Output = u8>", &["dyn core::future::future::Future<Output=()>"]);
    yes("dyn Iterator", &["dyn core::iter::traits::iterator::Iterator<Item=n::net::Tcp>"]);
    assert!(Pattern::parse("dyn Chat").unwrap().is_trait_object());
}

#[test]
fn the_trait_of_a_vtable() {
    let of = |pattern: &str, of_trait: &str| Pattern::parse(pattern).unwrap().matches_trait(of_trait);
    assert!(of("dyn Chat", "n::net::Chat"));
    assert!(of("dyn Send + Chat", "n::net::Chat"));
    assert!(!of("dyn Chat", "n::net::Chatty"));
    assert!(!of("Chat", "n::net::Chat"));
    assert!(!of("dyn Send", "n::net::Chat"));
    assert!(of("dyn Future<Output = ()>", "core::future::future::Future"));
    assert!(of("dyn Handler<Tcp, Out = u8>", "n::Handler<n::net::Tcp>"));
    assert!(!of("dyn Handler<Udp>", "n::Handler<n::net::Tcp>"));
    assert!(of("dyn Fn(u8) -> u8", "core::ops::function::Fn<(u8)>"));
    let exact = Pattern::exact("dyn n::net::Chat + core::marker::Send").unwrap();
    assert!(exact.matches_trait("n::net::Chat") && !exact.matches_trait("other::net::Chat"));
}

#[test]
fn variants() {
    let open = Pattern::parse("Conn::Open").unwrap();
    assert!(open.matches_variant("n::net::Conn", "Open"));
    assert!(!open.matches_variant("n::net::Conn", "Closed"));
    assert!(!open.matches_variant("n::net::Link", "Open"));
    assert!(!open.matches("n::net::Conn"));
    assert!(!Pattern::parse("Open").unwrap().matches_variant("n::net::Conn", "Open"));
    assert!(!Pattern::parse("Conn::*").unwrap().matches_variant("n::net::Conn", "Open"));
    let some = Pattern::parse("Option<Tcp>::Some").unwrap();
    assert!(some.matches_variant("core::option::Option<n::net::Tcp>", "Some"));
    assert!(!some.matches_variant("core::option::Option<u8>", "Some"));
    assert_eq!((open.enum_segment(), open.last_segment()), (Some("Conn"), Some("Open")));
}

#[test]
fn the_last_segment() {
    let last = |text| Pattern::parse(text).unwrap().last_segment().map(str::to_owned);
    assert_eq!(last("chat::Session"), Some("Session".to_owned()));
    assert_eq!(last("net::Link<Tcp>"), Some("Link".to_owned()));
    assert_eq!(last("db::*::Conn"), Some("Conn".to_owned()));
    for without in ["db::*", "db::**", "Sess*", "dyn Chat", "&Session", "f::{closure_env#0}"] {
        assert_eq!(last(without), None, "{without}");
    }
}

/// `type_name` and debug info of the same type, side by side.
const SAME: &[(&str, &str)] = &[
    ("alloc::sync::Arc<n::net::Tcp>", "alloc::sync::Arc<n::net::Tcp, alloc::alloc::Global>"),
    (
        "core::option::Option<alloc::boxed::Box<n::net::Tcp>>",
        "core::option::Option<alloc::boxed::Box<n::net::Tcp, alloc::alloc::Global>>",
    ),
    (
        "std::collections::hash::map::HashMap<u64, n::net::Tcp>",
        "std::collections::hash::map::HashMap<u64, n::net::Tcp, std::hash::random::RandomState, alloc::alloc::Global>",
    ),
    (
        "alloc::boxed::Box<dyn core::any::Any + core::marker::Send>",
        "alloc::boxed::Box<(dyn core::any::Any + core::marker::Send), alloc::alloc::Global>",
    ),
    (
        "core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = ()> + core::marker::Send>>",
        "core::pin::Pin<alloc::boxed::Box<(dyn core::future::future::Future<Output=()> + core::marker::Send), alloc::alloc::Global>>",
    ),
    ("&dyn core::any::Any + core::marker::Send", "&(dyn core::any::Any + core::marker::Send)"),
    ("*const dyn core::any::Any + core::marker::Send", "*const (dyn core::any::Any + core::marker::Send)"),
    (
        "&dyn core::ops::function::Fn() -> alloc::boxed::Box<dyn core::ops::function::Fn(u8) -> u16 + core::marker::Send>",
        "&dyn core::ops::function::Fn<(), Output=alloc::boxed::Box<(dyn core::ops::function::Fn<(u8), Output=u16> + core::marker::Send), alloc::alloc::Global>>",
    ),
    (
        "core::option::Option<alloc::boxed::Box<dyn core::ops::function::Fn(&'_ [u8], &'_ str) -> core::result::Result<&'_ u8, ()>>>",
        "core::option::Option<alloc::boxed::Box<dyn core::ops::function::Fn<(&[u8], &str), Output=core::result::Result<&u8, ()>>, alloc::alloc::Global>>",
    ),
    (
        "alloc::boxed::Box<dyn core::iter::traits::iterator::Iterator<Item = (u8,)> + core::marker::Send>",
        "alloc::boxed::Box<(dyn core::iter::traits::iterator::Iterator<Item=(u8)> + core::marker::Send), alloc::alloc::Global>",
    ),
    (
        "alloc::boxed::Box<dyn core::ops::function::FnMut(u8, u8)>",
        "alloc::boxed::Box<dyn core::ops::function::FnMut<(u8, u8), Output=()>, alloc::alloc::Global>",
    ),
    ("((u8,), ((u8, u8),))", "((u8), ((u8, u8)))"),
    ("[[u8; 2]; 3]", "[[u8; 2]; 3]"),
    ("&str", "&str"),
    ("n::net::Life<'_, n::net::Tcp>", "n::net::Life<n::net::Tcp>"),
    ("alloc::borrow::Cow<'_, str>", "alloc::borrow::Cow<str>"),
    ("n::net::Ch<'a'>", "n::net::Ch<{CONST#27d96aba666aa2f7}>"),
    ("n::net::I<-3>", "n::net::I<-3>"),
    ("fn(u8, &'_ n::net::Tcp) -> u64", "fn(u8, &n::net::Tcp) -> u64"),
    ("unsafe extern \"C\" fn(u8)", "unsafe extern \"C\" fn(u8)"),
    ("l::Own<u16>", "l::Own<u16, 2>"),
    ("n::hb::{{closure}}", "n::hb::{async_fn_env#0}"),
    ("n::gnr<u8>::{{closure}}", "n::gnr::{closure_env#0}<u8>"),
    ("n::net::Tcp::mk::Local", "n::net::{impl#2}::mk::Local"),
    ("<u8 as n::net::Tr>::g::{{closure}}::InClosure", "n::net::{impl#3}::g::{closure#0}::InClosure"),
    ("l::a::<impl l::Ty1>::m::L", "l::a::{impl#0}::m::L"),
    ("l::G<_>::m::L", "l::{impl#0}::m::L"),
    ("l::gf::{{closure}}::M", "l::gf::{closure#0}::M"),
    ("l::main::{{closure}}::InBlock", "l::main::{async_block#0}::InBlock"),
    ("l::async::type", "l::async::type"),
    ("l::C::InC", "l::C::InC"),
];

#[test]
fn type_name_and_debug_info_mean_the_same_type() {
    for (type_name, debug_info) in SAME {
        let pattern = Pattern::exact(type_name).unwrap_or_else(|error| panic!("{type_name}: {error:?}"));
        for (_, other) in SAME {
            let same = other == debug_info;
            assert_eq!(pattern.matches(other), same, "`{type_name}` against `{other}`");
        }
    }
}

#[test]
fn a_resolved_type_is_no_suffix() {
    let exact = |type_name: &str, name: &str| Pattern::exact(type_name).unwrap().matches(name);
    assert!(!exact("chat::Session", "app::chat::Session"));
    assert!(!exact("chat::Session", "chat::db::Session"));
    assert!(!exact("chat::Link<net::Tcp>", "chat::Link<net::Udp>"));
    assert!(!exact("chat::Session::new::Local", "other::{impl#0}::new::Local"));
    // A default that `type_name` leaves out is not known here: sizes tell these apart.
    assert!(exact("l::Own", "l::Own<u8, 2>"));
    assert!(exact("l::Own", "l::Own<u16, 2>"));
    assert!(!exact("l::Own<u16>", "l::Own<u8, 2>"));
}

#[test]
fn the_names_of_this_very_build() {
    struct Local<T>(T);
    let name = std::any::type_name::<Local<std::sync::Arc<u8>>>();
    assert!(name.ends_with("the_names_of_this_very_build::Local<alloc::sync::Arc<u8>>"), "{name}");
    let in_debug_info = name.replace("Arc<u8>", "Arc<u8, alloc::alloc::Global>");
    assert!(Pattern::exact(name).unwrap().matches(&in_debug_info));
    let _ = Local(0).0;
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    yes("Link", &["net::Link<%weird>", "net::Link<%(a, b), net::Tcp>"]);
    yes("Link<_, Tcp>", &["net::Link<%(a, b), net::Tcp>"]);
    no("Link<Tcp>", &["net::Link<%weird>"]);
    no("Link", &["%weird", "unsigned int", ""]);
    let mut deep = "net::Tcp".to_owned();
    for _ in 0..2000 {
        deep = format!("net::Link<{deep}>");
    }
    yes("Link<Link<Link<Link>>>", &[&deep]);
}

#[test]
fn mistakes_are_located_and_corrected() {
    let mistakes = [
        ("", 0..0, "write a type's name here, such as `Session` or `chat::Session`"),
        ("Link<Tcp", 4..5, "this `<` is never closed: write `>`"),
        ("Link<", 4..5, "this `<` is never closed: write `>`"),
        ("Link<Tcp>>", 9..10, "no `<` opens this: leave the `>` out"),
        ("chat::", 4..6, "write a name after `::`"),
        ("chat:Session", 4..5, "write `::` between the segments of a path"),
        ("Session, Conn", 7..8, "a pattern names one type: for several write a list, `[\"Session\", \"db::Conn\"]`"),
        ("Session Conn", 8..9, "a pattern names one type: leave this out, or write a list"),
        (
            "crate::Session",
            0..7,
            "a pattern does not know which module it stands in: write the crate's name, or leave `crate::` out",
        ),
        ("impl Chat", 0..4, "`impl Trait` is not a type's name: write `dyn Trait`, or the type itself"),
        ("db**::Conn", 0..4, "`**` stands for whole segments: write `a::**::b`, or `*` inside a segment"),
        ("dyn", 3..3, "write a trait's name here, such as `dyn Chat`"),
        ("(u8, Tcp", 0..1, "this `(` is never closed: write `)`"),
        ("[u8; 4", 0..1, "this `[` is never closed: write `]`"),
        ("f::{closure", 3..4, "this `{` is never closed: write `}`"),
        ("Session?", 7..8, "`?` has no place in a type's name: leave it out"),
        ("Chat + Send", 5..6, "`+` belongs to trait objects: write `dyn Chat + Send`"),
    ];
    for (text, at, message) in mistakes {
        assert_eq!(Pattern::parse(text), Err(PatternError { at, message: message.to_owned() }), "{text}");
    }
}

#[test]
fn no_text_panics() {
    let pieces = [
        "<", ">", "::", "a", "*", "**", "{", "}", "(", ")", "[", ";", "&", "'", "dyn ", "fn", "é", ",", "=", "-", "->",
        "\"", "_", " ", "+",
    ];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let text = format!("{a}{b}{c}");
                if let Err(error) = Pattern::parse(&text) {
                    assert!(text.get(error.at.clone()).is_some(), "{text}: {error:?}");
                }
                let _ = Pattern::exact(&text);
                let _ = matches("Session", &format!("Session{text}"));
            }
        }
    }
}

#[test]
fn functions() {
    let init = "third_party::registry::init";
    let in_closure = "third_party::registry::init::{closure#0}::{closure#1}";
    let suspended = "third_party::registry::init::{async_fn#0}<u8>";
    let of_an_impl = "third_party::registry::{impl#3}::init";
    let generic = "third_party::Registry<u8>::init<alloc::string::String>";
    for (pattern, matches) in [
        ("init", vec![init, in_closure, suspended, of_an_impl, generic]),
        ("registry::init", vec![init, in_closure, suspended, of_an_impl]),
        ("third_party::**", vec![init, in_closure, suspended, of_an_impl, generic]),
        ("::third_party::registry::init", vec![init, in_closure, suspended, of_an_impl]),
        ("**::init", vec![init, in_closure, suspended, of_an_impl, generic]),
        ("Registry::init", vec![generic]),
        ("Registry<u8>::init", vec![generic]),
        ("Registry<u16>::init", vec![]),
        ("*nit", vec![init, in_closure, suspended, of_an_impl, generic]),
        ("init::{closure#0}", vec![]),
        ("init::{closure#0}::{closure#1}", vec![in_closure]),
        ("registry", vec![]),
        ("party::registry::init", vec![]),
    ] {
        let parsed = Pattern::parse(pattern).expect("a pattern");
        for path in [init, in_closure, suspended, of_an_impl, generic] {
            assert_eq!(parsed.matches_function(path), matches.contains(&path), "{pattern} and {path}");
        }
    }
}

#[test]
fn what_to_name_instead_of_a_pointer() {
    let instead = |text| Pattern::parse(text).unwrap().without_pointers();
    for text in
        ["&Session", "&mut Session", "*const Session", "[Session]", "[Session; 3]", "Box<Session>", "&[Box<Session>]"]
    {
        assert_eq!(instead(text).as_deref(), Some("Session"), "{text}");
    }
    for text in ["Session", "Arc<Session>", "Vec<Session>", "Box", "dyn Chat", "(Session, u8)", "fn(Session)"] {
        assert_eq!(instead(text), None, "{text}");
    }
    let resolved = Pattern::exact("alloc::boxed::Box<chat::Link<alloc::string::String>>").unwrap();
    assert_eq!(resolved.without_pointers().as_deref(), Some("chat::Link<String>"));
}
