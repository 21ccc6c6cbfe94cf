//! Variants of enums: with data and without, of generic enums, of those that are a number, with niches.

use crate::means;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;

enum Conn {
    Open(String),
    Opening { since: u64 },
    Closed,
}

enum State<T> {
    Busy(T),
    Idle,
}

#[derive(Clone, Copy)]
enum Level {
    Low,
    Middle,
    High,
}

#[derive(Clone, Copy)]
#[repr(i16)]
enum Signed {
    Minus = -3,
    Plus = 400,
}

enum Only {
    One(u64),
}

struct Peer {
    conn: Conn,
    level: Level,
}

/// Whose discriminant is in a niche of another's.
enum Outer {
    Inner(Conn),
    Nothing,
}

fn conns() -> impl Sized {
    let open = || Conn::Open("peer".to_owned());
    let conns = vec![open(), Conn::Closed, Conn::Opening { since: 1 }, Conn::Closed, Conn::Closed];
    let peers =
        [Box::new(Peer { conn: open(), level: Level::High }), Box::new(Peer { conn: Conn::Closed, level: Level::Low })];
    let states = (
        Box::new(State::Busy(1u64)),
        Box::new(State::<u64>::Idle),
        Box::new(State::Busy("text".to_owned())),
        Arc::new(State::<String>::Idle),
    );
    let levels = vec![Level::Low, Level::Middle, Level::High, Level::High];
    let boxed = (Box::new(Signed::Minus), Arc::new(Signed::Plus), Box::new(Signed::Plus));
    let outer = vec![Outer::Inner(open()), Outer::Nothing, Outer::Nothing];
    let niches = (Box::new(Some(NonZeroU32::MIN)), Box::new(None::<NonZeroU32>), vec![Some(Box::new(1u8)), None, None]);
    let only = Box::new(Only::One(1));
    for conn in conns.iter().chain(peers.iter().map(|peer| &peer.conn)) {
        black_box(match conn {
            Conn::Open(text) => text.len() as u64,
            Conn::Opening { since } => *since,
            Conn::Closed => 0,
        });
    }
    black_box(peers.iter().map(|peer| peer.level as u64).sum::<u64>() + *boxed.0 as u64);
    black_box((conns, peers, states, levels, boxed, outer, niches, only))
}

#[test]
fn values_while_a_variant_is_active() {
    means(
        "variants::values_while_a_variant_is_active",
        conns,
        &[
            ("Conn", "variants::Conn 8"),
            ("Conn::Open", "variants::Conn::Open 3"),
            ("Conn::Opening", "variants::Conn::Opening 1"),
            ("Conn::Closed", "variants::Conn::Closed 4"),
            ("variants::Conn::Closed", "variants::Conn::Closed 4"),
            ("State<u64>::Busy", "variants::State<u64>::Busy 1"),
            ("State<u64>::Idle", "variants::State<u64>::Idle 1"),
            ("State::Busy", "variants::State<String>::Busy 1, variants::State<u64>::Busy 1"),
            ("State::<String>::Idle", "variants::State<String>::Idle 1"),
            ("Level", "variants::Level 6"),
            ("Level::High", "variants::Level::High 3"),
            ("Level::Low", "variants::Level::Low 2"),
            ("Level::Middle", "variants::Level::Middle 1"),
            // A wildcard stands for types.
            ("Level::M*", "unknown"),
            ("Signed::Minus", "variants::Signed::Minus 1"),
            ("Signed::Plus", "variants::Signed::Plus 2"),
            ("Outer::Nothing", "variants::Outer::Nothing 2"),
            ("Outer::Inner", "variants::Outer::Inner 1"),
            ("Only::One", "variants::Only::One 1"),
            ("Option<NonZero<u32>>::None", "Option<NonZero<u32>>::None 1"),
            ("Option<Box<u8>>::None", "Option<Box<u8>>::None 2"),
            ("Option<Box<u8>>::Some", "Option<Box<u8>>::Some 1"),
        ],
    );
}
