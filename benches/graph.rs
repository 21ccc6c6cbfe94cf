//! What a look at the heap costs, by the number of its live blocks: the frozen copy, what each block holds, the graph, and the search for
//! what is reachable. In processor time, so that other work on the machine counts less.
//!
//! `cargo bench --bench graph`, or `cargo bench --profile dev --bench graph` for the plain dev profile; with `-- --quick` one round.
//!
//! A fifth of the blocks each are strings, sessions shared by two owners, nodes of one long list, boxes in an enum, and the buffers that
//! hold a few of them. All hang from one static. Each size runs in a process of its own, so that it is tracked from its start.

use memleak_core::heap::containers::View;
use memleak_core::heap::graph::{Graph, Heap};
use memleak_core::heap::program::Program;
use memleak_core::heap::reach::Reach;
use memleak_core::tracker::{self, Allocator, TRACK};
use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// Which size a child measures.
const BLOCKS: &str = "MEMLEAK_BENCH_BLOCKS";

struct Session {
    name: String,
    peer: Option<Arc<Session>>,
}

struct Node {
    _id: u64,
    next: Option<Box<Node>>,
}

enum State {
    _Idle([u64; 3]),
    Open(Box<[u64; 4]>),
}

#[derive(Default)]
struct Server {
    sessions: HashMap<u64, Arc<Session>>,
    latest: Vec<Arc<Session>>,
    list: Option<Box<Node>>,
    states: Vec<Vec<State>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The list node by node, not by recursion.
        while let Some(mut node) = self.list.take() {
            self.list = node.next.take();
        }
    }
}

static SERVER: LazyLock<Mutex<Server>> = LazyLock::new(Mutex::default);

fn fill(blocks: u64) {
    let server = &mut *SERVER.lock().unwrap();
    for id in 0..blocks / 5 {
        let session = Arc::new(Session { name: format!("session {id}"), peer: server.latest.last().cloned() });
        server.sessions.insert(id, Arc::clone(&session));
        server.latest.push(session);
        server.list = Some(Box::new(Node { _id: id, next: server.list.take() }));
        let mut states = Vec::with_capacity(2);
        states.push(State::Open(Box::new([id; 4])));
        server.states.push(states);
    }
    assert!(server.latest.iter().all(|session| !session.name.is_empty()));
    assert!(server.latest.iter().skip(1).all(|session| session.peer.is_some()));
    assert!(server.states.iter().flatten().all(|state| matches!(state, State::Open(open) if open[0] < blocks)));
}

/// In a process of its own: prints the processor time of each step, in microseconds.
fn measure(blocks: u64) {
    fill(blocks);
    let _own = tracker::untracked();
    let program = Program::current().unwrap();
    let mut times = Vec::new();
    let mut step = processor_time();
    let mut taken = || {
        let now = processor_time();
        times.push((now - step).to_string());
        step = processor_time();
    };
    let snapshot = program.snapshot();
    taken();
    let (contents, roots) = (program.contents(&snapshot), program.roots(&snapshot));
    taken();
    let view = View { snapshot: &snapshot, types: program.types() };
    let graph = Graph::of(&Heap { view, contents: &contents, roots: &roots });
    taken();
    let reach = Reach::of(&graph);
    taken();
    let blocks_seen = graph.blocks() as u32;
    assert!(u64::from(blocks_seen) >= blocks, "{blocks_seen} blocks");
    // A fast graph that has missed something is none.
    let reached = (0..blocks_seen).filter(|block| reach.trust(*block).is_some()).count();
    assert!(reached as u64 >= blocks, "{reached} of {blocks_seen} blocks are reached");
    println!("measured {}", times.join(" "));
    std::process::exit(0);
}

/// Of this process, in microseconds.
fn processor_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the struct.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

fn main() {
    if let Some(blocks) = std::env::var_os(BLOCKS) {
        return measure(blocks.to_str().unwrap().parse().unwrap());
    }
    let quick = !std::env::args().any(|argument| argument == "--bench")
        || std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 1 } else { 5 };
    println!("   blocks    snapshot    contents       graph       reach   in ms, the best of {rounds}");
    for blocks in [10_000, 100_000, 1_000_000] {
        let mut best = [f64::INFINITY; 4];
        for _ in 0..rounds {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let out = child.env(BLOCKS, blocks.to_string()).env(TRACK, "1").output().unwrap();
            let text = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
            let times = text.lines().find_map(|line| line.strip_prefix("measured ")).unwrap();
            for (best, time) in best.iter_mut().zip(times.split(' ')) {
                *best = best.min(time.parse::<f64>().unwrap() / 1000.0);
            }
        }
        let [snapshot, contents, graph, reach] = best;
        println!("{blocks:9} {snapshot:11.1} {contents:11.1} {graph:11.1} {reach:11.1}");
    }
}
