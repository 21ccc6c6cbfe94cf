//! What a body spends: what it allocates, freed again or not, and the highest sum of its live bytes.
//!
//! May use: `query`, `heap`, `debuginfo` (types only), `tracker`, `stack`.

use crate::check::Limits;
use crate::debuginfo::functions::Frame;
use crate::debuginfo::types::{TypeId, TypeKind, Types};
use crate::heap::contents::Content;
use crate::heap::evidence::COUNTS;
use crate::query::body;
use crate::query::scene::Scene;
use crate::query::subjects::Kinds;
use crate::stack::StackId;
use crate::tracker::{self, Peak, Traffic};
use std::collections::HashMap;
use std::rc::Rc;

/// The moment when a body begins.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// Blocks of earlier epochs were there before.
    pub epoch: u32,
    traffic: HashMap<StackId, Traffic>,
}

/// What a body has spent at its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spent {
    /// What was allocated meanwhile, whoever did it.
    flows: Vec<Traffic>,
    /// The highest sum of live bytes; none if nobody asked.
    pub(super) peak: Option<Peak>,
}

impl Begun {
    /// Begins now. What takes time or memory is done only if there is a limit for it.
    pub fn now(limits: &Limits) -> Begun {
        let frozen = tracker::freeze();
        let epoch = match limits.peak_bytes {
            Some(limit) => frozen.watch(limit),
            None => frozen.end_epoch() + 1,
        };
        let traffic = if limits.traffic() { tracker::traffic() } else { Vec::new() };
        Begun { epoch, traffic: traffic.into_iter().map(|flow| (flow.stack, flow)).collect() }
    }

    /// Ends now.
    pub fn ends(&self, limits: &Limits) -> Spent {
        let peak = limits.peak_bytes.map(|_| tracker::freeze().watch_ends());
        let traffic = if limits.traffic() { tracker::traffic() } else { Vec::new() };
        let since = |flow: Traffic| {
            let before = self.traffic.get(&flow.stack);
            let allocations = flow.allocations - before.map_or(0, |before| before.allocations);
            let bytes = flow.bytes - before.map_or(0, |before| before.bytes);
            (allocations > 0).then_some(Traffic { allocations, bytes, ..flow })
        };
        Spent { flows: traffic.into_iter().filter_map(since).collect(), peak }
    }
}

impl Spent {
    /// What the body allocated.
    pub(super) fn of_the_body<'a>(&'a self, scene: &'a Scene<'_>) -> impl Iterator<Item = Traffic> + 'a {
        self.flows.iter().filter(|flow| !is_machinery(scene, flow.stack)).copied()
    }
}

/// Where the part of memleak is that runs a body.
const RUNNER: &str = "memleak_core::runner::";
/// Where it polls or calls it.
const INSIDE: &str = "memleak_core::runner::inside::";

/// Who runs a body: the standard library, memleak, runtimes, and what these are made of.
#[rustfmt::skip]
const MACHINERY: &[&str] = &[
    "core", "alloc", "std", "test", "memleak", "memleak_core",
    "tokio", "mio", "actix_rt", "async_std", "async_executor", "async_global_executor", "async_io", "blocking", "polling", "smol",
    "async_channel", "async_lock", "async_task", "bytes", "concurrent_queue", "crossbeam_channel", "crossbeam_deque", "crossbeam_epoch",
    "crossbeam_queue", "crossbeam_utils", "event_listener", "futures_channel", "futures_core", "futures_executor", "futures_lite",
    "futures_util", "hashbrown", "lock_api", "once_cell", "parking", "parking_lot", "parking_lot_core", "rustix", "signal_hook_registry",
    "slab", "smallvec", "socket2",
];

/// Whether nobody but those, of which the crate under test may be one, is on a stack, and perhaps what another attribute has made of the test: then it is not the body's doing, but that of a
/// runtime whose threads start, or the next run's future.
pub(super) fn is_machinery(scene: &Scene<'_>, stack: StackId) -> bool {
    let frames: Vec<Frame> = scene.program.functions(stack).flat_map(|frames| frames.to_vec()).collect();
    !frames.is_empty() && !stack.is_truncated() && are_machinery(&paths(&frames), body::test().and_then(own_crate))
}

/// The crate that a test is in.
fn own_crate(test: &str) -> Option<&str> {
    test.split_once("::").map(|(krate, _)| krate)
}

fn paths(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.function.path.trim_start_matches(['<', '&'])).collect()
}

/// Whether a function stands between memleak and whatever it calls.
fn is_glue(path: &str) -> bool {
    path.split_once("::").is_some_and(|(krate, _)| ["core", "alloc", "std"].contains(&krate))
}

/// The paths are innermost first. What the crate `own` does is the body's doing: the tests of a runtime are about the runtime.
fn are_machinery(paths: &[&str], own: Option<&str>) -> bool {
    let is_machinery = |path: &&str| match path.split_once("::") {
        // A function of the C library.
        None => true,
        Some((krate, _)) => own != Some(krate) && MACHINERY.contains(&krate),
    };
    let runner = paths.iter().position(|path| path.starts_with(RUNNER));
    let mut within = &paths[..runner.unwrap_or(paths.len())];
    if runner.is_some_and(|runner| !paths[runner].starts_with(INSIDE)) {
        // The body's thread, while the body is not polled: the function that has the runtime is what an attribute has made, if it is not memleak's own.
        let called = within.iter().rposition(|path| !is_glue(path)).map_or(0, |last| last + 1);
        let runtime = within[..called].iter().rposition(is_machinery).map_or(0, |last| last + 1);
        within = &within[..runtime];
    }
    within.iter().all(is_machinery)
}

/// How many values of these types there is room for in what was allocated from one stack. A buffer counts each time it grows. A value that is in
/// an enum, or in a future, may be there or not, and does not count.
pub(super) fn values(scene: &Scene<'_>, kinds: &Kinds, content: &Content, flow: &Traffic) -> u64 {
    /// What a hash table has besides a byte for each slot.
    const GROUP: u64 = 16;
    let types = scene.program.types();
    // The name of an `Rc` or `Arc` of several values is that of one.
    let is_shared = matches!(content, Content::Shared(_));
    if !is_shared && scene.content_name(content).is_some_and(|name| kinds.has(&name)) {
        return flow.allocations;
    }
    let in_bytes = |ty: TypeId, bytes: u64, more: u64| {
        let size = types.get(ty).size;
        if size == 0 { 0 } else { bytes / (size + more) * values_in(types, kinds, ty) }
    };
    match content {
        Content::Value(ty) | Content::Stated(ty) | Content::Unwritten(ty) => {
            flow.allocations * values_in(types, kinds, *ty)
        }
        Content::Shared(ty) => in_bytes(*ty, flow.bytes.saturating_sub(flow.allocations * COUNTS), 0),
        Content::Buffer(ty) => in_bytes(*ty, flow.bytes, 0),
        Content::Table(ty) => in_bytes(*ty, flow.bytes.saturating_sub(flow.allocations * GROUP), 1),
        Content::OwnLayout { .. } | Content::Unknown => 0,
    }
}

fn values_in(types: &dyn Types, kinds: &Kinds, ty: TypeId) -> u64 {
    let ty = types.get(ty);
    if kinds.has(&ty.name) {
        return 1;
    }
    match &ty.kind {
        TypeKind::Struct { fields } => {
            let inside = fields.iter().filter(|field| field.offset + types.get(field.ty).size <= ty.size);
            inside.map(|field| values_in(types, kinds, field.ty)).sum()
        }
        TypeKind::Array { element, count } if *count > 0 => count * values_in(types, kinds, *element),
        _ => 0,
    }
}

/// The type of what was allocated from one stack, and what it holds.
pub(super) fn kind(scene: &Scene<'_>, flow: &Traffic) -> (Option<Rc<str>>, Content) {
    // Values have one size; of buffers the type does not depend on it.
    let content = scene.program.content(flow.stack, flow.bytes / flow.allocations.max(1));
    (scene.content_name(&content), content)
}

#[cfg(test)]
mod tests {
    use super::{are_machinery, own_crate};

    #[test]
    fn a_runtime_at_work_is_told_from_the_body() {
        let outer = ["memleak_core::runner::run_around<F>", "std::thread::spawn", "start_thread"];
        let poll = ["memleak_core::runner::inside::{impl#8}::poll<F>", "tokio::runtime::block_on", "chat::tests::t::t"];
        let all = |inner: &[&'static str], middle: &[&'static str]| {
            let paths: Vec<&str> = inner.iter().chain(middle).chain(&outer).copied().collect();
            are_machinery(&paths, Some("chat"))
        };
        let alloc = "alloc::boxed::{impl#0}::new";
        assert!(!all(&[alloc, "chat::tests::t::t::{async_fn#0}"], &poll), "the body");
        assert!(
            !all(&[alloc, "tokio::task::spawn", "chat::tests::t::t::{async_fn#0}"], &poll),
            "what the body has done"
        );
        assert!(!all(&[alloc, "chat::tests::t"], &["memleak_core::runner::inside::run<F>"]), "a plain body");
        assert!(all(&[alloc], &poll), "the future of the next run");
        let wrapper = ["tokio::runtime::block_on", "chat::tests::t::t", "core::ops::function::FnOnce::call_once"];
        assert!(all(&[alloc, "parking_lot_core::parking_lot::park"], &wrapper), "a runtime that waits");
        assert!(!all(&[alloc, "chat::serve::{async_fn#0}"], &wrapper), "a task on the body's thread");
        let own = ["tokio::runtime::scheduler::current_thread::block_on"];
        assert!(!all(&[alloc, "chat::serve::{async_fn#0}"], &own), "a task in the runtime that memleak has made");
        assert!(all(&[alloc, "tokio::runtime::task::wake"], &own), "that runtime itself");
        let worker = ["tokio::runtime::scheduler::worker::run", "start_thread"];
        let of_worker = |inner: &[&'static str], test| are_machinery(&[inner, &worker].concat(), own_crate(test));
        assert!(of_worker(&[alloc], "chat::tests::t"));
        assert!(!of_worker(&[alloc, "h2::proto::recv"], "chat::tests::t"));
        assert!(of_worker(&[alloc, "bytes::bytes_mut::reserve"], "chat::tests::t"));
        assert!(!of_worker(&[alloc, "bytes::bytes_mut::reserve"], "bytes::tests::t"), "the crate under test");
    }
}
