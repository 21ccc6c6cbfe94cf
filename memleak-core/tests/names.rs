//! Patterns and resolved types against the debug info of this very binary.

use memleak_core::debuginfo::code::CodeKind;
use memleak_core::debuginfo::layouts::TypeTable;
use memleak_core::debuginfo::load::Binary;
use memleak_core::debuginfo::names;
use memleak_core::debuginfo::types::Types as _;
use memleak_core::query::pattern::Pattern;
use std::any::type_name;
use std::collections::{BTreeSet, HashMap};
use std::hint::black_box;
use std::sync::Arc;

#[allow(dead_code, reason = "what is read of these types is their debug info")]
mod net {
    pub struct Tcp(pub u8);
    pub struct Link<T, const SLOTS: usize = 2>(pub T, pub [u32; SLOTS]);
    pub struct Key<const C: char>(pub u32);
    pub struct Borrowed<'a, T>(pub &'a T);
    pub enum Conn {
        Open(u64, Tcp),
        Closed,
    }
    pub trait Chat {
        fn say(&self) -> u8;
    }
    impl Chat for Tcp {
        fn say(&self) -> u8 {
            self.0
        }
    }
    pub mod other {
        pub struct Tcp(pub u64);
    }
}

/// The names in debug info of the types that the pattern matches and that have the size of `T`.
fn found<T>(pattern: &Pattern) -> Vec<String> {
    let binary = Binary::current().expect("this test binary has debug info");
    let types = TypeTable::new(&binary);
    let found = names::find(&types, pattern.last_segment(), &|name| pattern.matches(name)).expect("readable");
    let of_size = found.iter().filter(|named| types.get(types.id_of(named.die)).size == size_of::<T>() as u64);
    of_size.map(|named| named.name.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Makes sure that debug info has `T`, and looks for what the compiler calls it.
#[track_caller]
fn exact<T>(value: T) -> String {
    drop(black_box(Box::new(value)));
    let pattern = Pattern::exact(type_name::<T>()).expect("a type's name");
    let [name] = &found::<T>(&pattern)[..] else {
        panic!("{} is {:?} in debug info", type_name::<T>(), found::<T>(&pattern))
    };
    name.clone()
}

#[test]
fn a_resolved_type_is_found_and_nothing_else() {
    assert_eq!(exact(net::Tcp(1)), "names::net::Tcp");
    assert_eq!(exact(net::other::Tcp(1)), "names::net::other::Tcp");
    assert_eq!(exact(net::Link::<_>(net::Tcp(1), [0; 2])), "names::net::Link<names::net::Tcp, 2>");
    assert_eq!(exact(net::Link::<_, 3>(net::Tcp(1), [0; 3])), "names::net::Link<names::net::Tcp, 3>");
    assert_eq!(exact(net::Borrowed(&net::Tcp(1))), "names::net::Borrowed<names::net::Tcp>");
    assert_eq!(exact(net::Conn::Open(1, net::Tcp(1))), "names::net::Conn");
    assert_eq!(exact(Arc::new(net::Tcp(1))), "alloc::sync::Arc<names::net::Tcp, alloc::alloc::Global>");
    assert!(exact(net::Key::<'x'>(1)).starts_with("names::net::Key<{CONST#"));
    assert!(
        exact(HashMap::from([(1u8, net::Tcp(1))]))
            .starts_with("std::collections::hash::map::HashMap<u8, names::net::Tcp, ")
    );
}

impl net::Tcp {
    fn method(&self) -> u8 {
        struct InMethod(u8);
        assert_eq!(exact(InMethod(1)), "names::{impl#0}::method::InMethod");
        InMethod(self.0).0
    }
}

#[test]
fn a_type_inside_a_function_is_found() {
    struct Local(u16);
    assert_eq!(exact(Local(1)), "names::a_type_inside_a_function_is_found::Local");
    let closure = || {
        struct InClosure(u16);
        assert!(exact(InClosure(1)).ends_with("::{closure#0}::InClosure"));
        InClosure(2).0 + Local(3).0
    };
    assert_eq!(closure(), 5);
    assert_eq!(net::Tcp(7).method(), 7);
}

#[test]
fn a_pattern_finds_what_it_should() {
    drop(black_box((Box::new(net::Tcp(1)), Box::new(net::other::Tcp(1)), Box::new(net::Link::<u8>(1, [0; 2])))));
    let by = |text: &str| Pattern::parse(text).expect("a pattern");
    assert_eq!(found::<net::Tcp>(&by("Tcp")), ["names::net::Tcp"]);
    assert_eq!(found::<net::other::Tcp>(&by("Tcp")), ["names::net::other::Tcp"]);
    assert_eq!(found::<net::Link<u8>>(&by("net::Link<u8, 2>")), ["names::net::Link<u8, 2>"]);
    assert_eq!(found::<net::Tcp>(&by("names::ne*::T*p")), ["names::net::Tcp"]);
    assert_eq!(found::<net::other::Tcp>(&by("names::**::other::*")), ["names::net::other::Tcp"]);
    assert_eq!(found::<net::Tcp>(&by("Tpc")), [""; 0]);
}

#[test]
fn a_trait_object_finds_its_vtables() {
    let boxed: Box<dyn net::Chat> = black_box(Box::new(net::Tcp(1)));
    assert_eq!(boxed.say(), 1);
    let binary = Binary::current().expect("this test binary has debug info");
    let types = TypeTable::new(&binary);
    let implementors = |pattern: Pattern| {
        let found = names::implementors(&types, &|of_trait| pattern.matches_trait(of_trait)).expect("readable");
        found.iter().map(|found| types.get(types.id_of(found.die)).name.to_string()).collect::<BTreeSet<_>>()
    };
    let only_tcp = BTreeSet::from(["names::net::Tcp".to_owned()]);
    assert_eq!(implementors(Pattern::parse("dyn Chat").unwrap()), only_tcp);
    assert_eq!(implementors(Pattern::parse("dyn net::Chat + Send").unwrap()), only_tcp);
    assert_eq!(implementors(Pattern::exact(type_name::<dyn net::Chat>()).unwrap()), only_tcp);
    assert_eq!(implementors(Pattern::parse("dyn Chatty").unwrap()), BTreeSet::new());
}

#[test]
fn the_users_own_types_are_known_as_such() {
    drop(black_box(Box::new(net::Tcp(1))));
    let binary = Binary::current().expect("this test binary has debug info");
    let all: HashMap<_, _> = names::all_names(&TypeTable::new(&binary)).expect("readable").into_iter().collect();
    let kind = |name: &str| all.get(name).copied();
    assert_eq!(kind("names::net::Tcp"), Some(CodeKind::User));
    assert_eq!(kind("alloc::string::String"), Some(CodeKind::Std));
    assert_eq!(kind("memleak_core::debuginfo::names::Named"), Some(CodeKind::Dependency));
    assert_eq!(kind("gimli::common::DwarfFileType"), Some(CodeKind::Dependency));
    let named = Pattern::parse("::names::**").unwrap();
    assert!(all.iter().all(|(name, kind)| !named.matches(name) || *kind == CodeKind::User));
}
