//! Types with generics: those written have to be there, those left out may be any.

use crate::means;
use std::collections::HashMap;
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;

mod net {
    pub struct Tcp(pub u8);
    pub struct Udp(pub u8);
}
use net::{Tcp, Udp};

struct Link<T>(T, String);
struct Wrapper<T>(T);
struct Buf<const N: usize>([u8; N]);
struct Flagged<const ON: bool, const SIGN: i8>(u64);
struct Borrowed<'a, T>(&'a T, u64);
struct Pair<A, B = u32>(A, B);
struct Marked<T: ?Sized>(u64, PhantomData<T>);

static TCP: Tcp = Tcp(1);

fn links() -> impl Sized {
    let link = || Link(Tcp(1), "tcp".to_owned());
    let tcp = Box::new(link());
    let udp = [Box::new(Link(Udp(1), "udp".to_owned())), Box::new(Link(Udp(2), "udp".to_owned()))];
    let wrapped = Arc::new(Wrapper(link()));
    let others = (
        Box::new(Buf([1; 16])),
        vec![Buf([1; 17]), Buf([2; 17])],
        Box::new(Flagged::<true, -3>(1)),
        Box::new(Flagged::<false, 4>(1)),
        Box::new(Borrowed(&TCP, 1)),
        Box::new(Pair(1u8, 2u32)),
        Box::new(Pair(1u8, Tcp(1))),
        Box::new(Link((1u8, Tcp(2)), "pair".to_owned())),
        Box::new(Link(&TCP, "reference".to_owned())),
        Box::new(Wrapper(vec![Tcp(4)])),
        Box::new(Wrapper(HashMap::from([(1u8, Tcp(4))]))),
        Box::new(Marked::<dyn Fn(u8) -> Tcp>(1, PhantomData)),
        Box::new(Marked::<fn(u8, Tcp) -> bool>(1, PhantomData)),
        Box::new(Marked::<[Tcp; 3]>(1, PhantomData)),
        Box::new(Marked::<*const Tcp>(1, PhantomData)),
        Box::new(Marked::<str>(1, PhantomData)),
    );
    black_box(others.0.0[0] + others.1[0].0[0] + others.9.0.len() as u8);
    black_box((tcp, udp, wrapped, others))
}

#[test]
fn generics_that_are_written_match() {
    let (tcp, udp) = ("generics::Link<generics::net::Tcp>", "generics::Link<generics::net::Udp>");
    let two_tcp: &'static str = format!("{tcp} 2").leak();
    let two_udp: &'static str = format!("{udp} 2").leak();
    means(
        "generics::generics_that_are_written_match",
        links,
        &[
            ("Link<Tcp>", two_tcp),
            ("Link<net::Tcp>", two_tcp),
            ("generics::Link<Udp>", two_udp),
            (
                "Link<_>",
                "generics::Link<&generics::net::Tcp> 1, generics::Link<(u8, generics::net::Tcp)> 1, generics::Link<generics::net::Tcp> 2, generics::Link<generics::net::Udp> 2",
            ),
            ("Wrapper<Link<Tcp>>", "generics::Wrapper<generics::Link<generics::net::Tcp>> 1"),
            ("Wrapper<Link<Udp>>", "unknown"),
            ("Wrapper<Link<_>>", "generics::Wrapper<generics::Link<generics::net::Tcp>> 1"),
            ("Wrapper<Link>", "generics::Wrapper<generics::Link<generics::net::Tcp>> 1"),
            ("Buf<16>", "generics::Buf<16> 1"),
            ("Buf<17>", "generics::Buf<17> 2"),
            ("Buf", "generics::Buf<16> 1, generics::Buf<17> 2"),
            ("Flagged<true, -3>", "generics::Flagged<true, -3> 1"),
            ("Flagged<false, _>", "generics::Flagged<false, 4> 1"),
            ("Borrowed<Tcp>", "generics::Borrowed<generics::net::Tcp> 1"),
            ("Borrowed<'_, Tcp>", "generics::Borrowed<generics::net::Tcp> 1"),
            ("Borrowed<'static, Tcp>", "generics::Borrowed<generics::net::Tcp> 1"),
            // Defaults of a user's own parameters are not in the debug info: the nearest names show what to write.
            ("Pair<u8>", "unknown"),
            ("Pair<u8, u32>", "generics::Pair<u8, u32> 1"),
            ("Pair<u8, Tcp>", "generics::Pair<u8, generics::net::Tcp> 1"),
            ("Pair<u8, _>", "generics::Pair<u8, generics::net::Tcp> 1, generics::Pair<u8, u32> 1"),
            ("Link<(u8, Tcp)>", "generics::Link<(u8, generics::net::Tcp)> 1"),
            ("Link<&Tcp>", "generics::Link<&generics::net::Tcp> 1"),
            ("Link<&'static Tcp>", "generics::Link<&generics::net::Tcp> 1"),
            ("Wrapper<Vec<Tcp>>", "generics::Wrapper<Vec<generics::net::Tcp>> 1"),
            ("Wrapper<HashMap<u8, Tcp>>", "generics::Wrapper<HashMap<u8, generics::net::Tcp>> 1"),
            ("Marked<dyn Fn(u8) -> Tcp>", "generics::Marked<dyn Fn(u8) -> generics::net::Tcp> 1"),
            ("Marked<fn(u8, Tcp) -> bool>", "generics::Marked<fn(u8, generics::net::Tcp) -> bool> 1"),
            ("Marked<[Tcp; 3]>", "generics::Marked<[generics::net::Tcp; 3]> 1"),
            ("Marked<*const Tcp>", "generics::Marked<*const generics::net::Tcp> 1"),
            ("Marked<str>", "generics::Marked<str> 1"),
            // Handles are values too; plain pointers and arrays are none that the debug info names.
            ("Arc<Wrapper>", "Arc<generics::Wrapper<generics::Link<generics::net::Tcp>>> 1"),
            ("Vec<Buf<17>>", "Vec<generics::Buf<17>> 1"),
            ("Box<Buf<16>>", "unknown"),
            ("[Tcp; 3]", "unknown"),
            ("&Tcp", "unknown"),
        ],
    );
}
