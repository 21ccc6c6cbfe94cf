//! The rules between the arguments and the function. One rule, one function. May use `above`, `args`, `item`, `mistakes`.

use crate::above;
use crate::args::{Args, Expected, Flavor, Given, Ignore, Possibly, Subject, Unreachable, Unsupported};
use crate::item::{Item, ShouldPanic, TestKind, locks_in_its_process, makes_a_test};
use crate::mistakes::Mistakes;
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::time::Duration;
use syn::parse::Parser;
use syn::{Attribute, FnArg, GenericParam, Ident, Path};

/// What is neither in the arguments nor in the function.
#[derive(Default)]
pub struct Surroundings {
    /// Whether memleak has its feature `tokio`.
    pub tokio: bool,
    /// The attributes over ours, as written, nearest first.
    pub above: Vec<String>,
}

impl Surroundings {
    fn paths_above(&self) -> impl Iterator<Item = String> {
        self.above.iter().filter_map(|attribute| above::path(attribute))
    }
}

/// What is to be expanded; all rules hold.
pub struct Plan {
    /// The path of memleak; none is the default.
    pub krate: Option<Path>,
    pub expectations: Vec<Expected>,
    /// As given, or the default.
    pub unreachable: Unreachable,
    /// As given, or the default.
    pub possibly: Possibly,
    /// As given.
    pub max_live_bytes: Option<u64>,
    /// As given.
    pub max_peak_bytes: Option<u64>,
    /// As given.
    pub max_allocated_bytes: Option<u64>,
    /// As given.
    pub max_allocations: Option<u64>,
    /// As given.
    pub max_allocated: Vec<(Subject, u64)>,
    /// As given; 1 is the default.
    pub iterations: u32,
    /// As given, or the default, which goes by the iterations.
    pub warmup: u32,
    /// As given.
    pub max_growth: Option<u64>,
    /// As given.
    pub ignores: Vec<Ignore>,
    /// As given.
    pub settle: Option<Duration>,
    /// As given.
    pub timeout: Option<Duration>,
    /// As given, or the default.
    pub unsupported: Unsupported,
    /// As given, or the default.
    pub flavor: Flavor,
    /// As given.
    pub worker_threads: Option<usize>,
    /// Who registers the test with the test harness of the language.
    pub registration: Registration,
    /// The name of `start_paused`, if it is true.
    pub start_paused: Option<Ident>,
    /// Whether an attribute above has put the body into a runtime.
    pub wrapped: bool,
    /// Whether another attribute brings a runtime whose clock is paused, and memleak can let such a clock go.
    pub paused_elsewhere: bool,
    /// Attributes above that lock something in the process they run in. That is the test's own by now, so they are needed once more.
    pub turns_above: Vec<Attribute>,
}

/// Who registers a test with the test harness of the language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registration {
    /// This attribute.
    Ours,
    /// Another has done so already; if it has not, that is an error, because the test would never run.
    Others,
    /// Nobody: the function is one to be called.
    None,
}

/// Checks every rule. None (and mistakes) if one does not hold, or if there are mistakes already.
pub fn check(args: Args, item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) -> Option<Plan> {
    possibly_is_about_types(&args, mistakes);
    names_each_type_once(&args, mistakes);
    growth_takes_iterations(&args, mistakes);
    warmup_leaves_iterations(&args, mistakes);
    repeats_what_can_be_repeated(&args, item, surroundings, mistakes);
    settles_before_the_timeout(&args, mistakes);
    runtime_is_for_async(&args, item, surroundings, mistakes);
    runtime_is_ours(&args, item, surroundings, mistakes);
    runtime_is_tokio(&args, item, surroundings, mistakes);
    workers_need_multi_thread(&args, mistakes);
    paused_needs_current_thread(&args, mistakes);
    has_no_parameters(item, mistakes);
    has_no_generics(item, mistakes);
    has_no_qualifiers(item, mistakes);
    is_one_test(item, mistakes);
    is_registered_once(item, surroundings, mistakes);
    cases_do_not_panic(item, mistakes);
    body_is_seen(item, surroundings, mistakes);
    let registration = registration(&args, item);
    let iterations = args.iterations.map_or(1, |given| given.value);
    mistakes.is_empty().then(|| Plan {
        krate: args.krate.map(|given| given.value),
        expectations: args.expectations,
        unreachable: args.unreachable.map_or(Unreachable::Fail, |given| given.value),
        possibly: args.possibly.map_or(Possibly::Show, |given| given.value),
        max_live_bytes: args.max_live_bytes,
        max_peak_bytes: args.max_peak_bytes,
        max_allocated_bytes: args.max_allocated_bytes,
        max_allocations: args.max_allocations,
        max_allocated: args.max_allocated,
        iterations,
        warmup: args.warmup.map_or_else(|| default_warmup(iterations), |given| given.value),
        max_growth: args.max_growth.map(|given| given.value),
        ignores: args.ignores,
        settle: args.settle.map(|given| given.value),
        timeout: args.timeout.map(|given| given.value),
        unsupported: args.unsupported.map_or(Unsupported::Fail, |given| given.value),
        flavor: args.flavor.map_or(Flavor::CurrentThread, |given| given.value),
        worker_threads: args.worker_threads.map(|given| given.value),
        registration,
        start_paused: args.start_paused.filter(|given| given.value).map(|given| given.name),
        wrapped: is_in_another_runtime(item, surroundings),
        paused_elsewhere: surroundings.tokio
            && (item.around.iter().any(|attribute| starts_paused(&attribute.meta.to_token_stream().to_string()))
                || surroundings.above.iter().any(|attribute| starts_paused(attribute))),
        turns_above: turns_above(surroundings),
    })
}

fn possibly_is_about_types(args: &Args, mistakes: &mut Mistakes) {
    if let Some(possibly) = &args.possibly
        && args.expectations.is_empty()
        && !args.flawed
    {
        mistakes.at(
            possibly.name.span(),
            "`possibly` is about the instances of types: name one, `expect_zero = \"Session\"`, or leave `possibly` out",
        );
    }
}

fn names_each_type_once(args: &Args, mistakes: &mut Mistakes) {
    let expected = args.expectations.iter().map(|expected| &expected.subject).collect::<Vec<_>>();
    let allocated = args.max_allocated.iter().map(|(subject, _)| subject).collect::<Vec<_>>();
    for subjects in [expected, allocated] {
        let mut seen = Vec::new();
        for subject in subjects {
            let (key, tokens) = match subject {
                Subject::Pattern(text) => (format!("\"{}\"", text.value()), text.to_token_stream()),
                Subject::Type(written) => (written.to_token_stream().to_string(), written.to_token_stream()),
            };
            if seen.contains(&key) {
                mistakes.on(tokens, "this type is named twice: keep one of them");
            }
            seen.push(key);
        }
    }
}

/// Growth is seen from one round to the next.
fn growth_takes_iterations(args: &Args, mistakes: &mut Mistakes) {
    if args.flawed {
        return;
    }
    match (&args.iterations, &args.warmup, &args.max_growth) {
        (None, _, Some(growth)) => mistakes.at(
            growth.name.span(),
            "`max_growth` is about a body that runs several times: write `iterations = 20` beside it",
        ),
        (_, Some(warmup), None) => mistakes.at(
            warmup.name.span(),
            "`warmup` says from when on growth counts: write `max_growth = \"0\"` beside it, or leave `warmup` out",
        ),
        _ => {}
    }
}

fn warmup_leaves_iterations(args: &Args, mistakes: &mut Mistakes) {
    let (Some(iterations), Some(_)) = (&args.iterations, &args.max_growth) else { return };
    match &args.warmup {
        Some(warmup) if warmup.value >= iterations.value => mistakes.at(
            warmup.at,
            format!(
                "a warm-up of {} leaves none of {} iterations to see growth in: write fewer, as in `iterations = 20, warmup = 3`",
                warmup.value, iterations.value
            ),
        ),
        None if iterations.value < 2 => {
            mistakes.at(iterations.at, "growth is seen from one round to the next: write at least 2 iterations");
        }
        _ => {}
    }
}

/// How many rounds are passed over if the test does not say it: a fifth, and at least one.
fn default_warmup(iterations: u32) -> u32 {
    (iterations / 5).max(1)
}

/// A body can be called again if it takes nothing that another attribute makes for one call, and returns.
fn repeats_what_can_be_repeated(args: &Args, item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) {
    let Some(iterations) = &args.iterations else { return };
    if is_in_another_runtime(item, surroundings) {
        let other = runtime_above(item, surroundings).unwrap_or_else(|| "the other test attribute".to_owned());
        mistakes.at(
            iterations.name.span(),
            format!(
                "a body that {other} above has put into a runtime cannot be repeated: write the leak test above {other}"
            ),
        );
    }
    if !matches!(item.should_panic, ShouldPanic::No) {
        mistakes.at(
            iterations.name.span(),
            "a body that panics is not repeated: leave `iterations` or `#[should_panic]` out",
        );
    }
    if !item.around.is_empty() && !item.signature.inputs.is_empty() {
        mistakes.at(
            iterations.name.span(),
            "a body with arguments cannot be repeated, because another attribute makes them for one call: write the loop \
             into a function, and leave its arguments out of the test",
        );
    }
}

fn settles_before_the_timeout(args: &Args, mistakes: &mut Mistakes) {
    let Some(timeout) = &args.timeout else { return };
    if timeout.value.is_zero() {
        mistakes.at(timeout.at, "a test needs some time: write a longer `timeout`, or leave it out for the default");
    } else if let Some(settle) = &args.settle
        && settle.value >= timeout.value
    {
        mistakes.at(settle.at, "`settle` must be shorter than `timeout`, or the test is killed before its verdict");
    }
}

/// The arguments of the runtime that are given: name, for the errors about them.
fn runtime_arguments(args: &Args) -> impl Iterator<Item = &Ident> {
    fn name<T>(given: &Option<Given<T>>) -> Option<&Ident> {
        given.as_ref().map(|given| &given.name)
    }
    [name(&args.flavor), name(&args.worker_threads), name(&args.start_paused)].into_iter().flatten()
}

fn runtime_is_for_async(args: &Args, item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) {
    if item.signature.asyncness.is_none() && runtime_above(item, surroundings).is_none() {
        for name in runtime_arguments(args) {
            mistakes.at(
                name.span(),
                format!("`{name}` is for an `async fn`: make the function async, or leave `{name}` out"),
            );
        }
    }
}

fn runtime_is_ours(args: &Args, item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) {
    let below =
        item.around.iter().find(|attribute| makes_a_test(attribute)).map(|other| format!("`#[{}]`", path_of(other)));
    let above = || runtime_above(item, surroundings).filter(|_| item.signature.asyncness.is_none());
    let Some(other) = below.or_else(above) else { return };
    for name in runtime_arguments(args) {
        mistakes.at(name.span(), format!("the runtime of this test is that of {other}: write `{name}` there"));
    }
}

fn runtime_is_tokio(args: &Args, item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) {
    if item.signature.asyncness.is_some() && !surroundings.tokio {
        for name in runtime_arguments(args) {
            mistakes.at(
                name.span(),
                format!("`{name}` is about tokio, and memleak is built without its feature `tokio`: add it to memleak's features in Cargo.toml"),
            );
        }
    }
}

fn workers_need_multi_thread(args: &Args, mistakes: &mut Mistakes) {
    let multi_thread = args.flavor.as_ref().is_some_and(|flavor| flavor.value == Flavor::MultiThread);
    if let Some(workers) = &args.worker_threads
        && !multi_thread
    {
        mistakes.at(workers.name.span(), "`worker_threads` needs `flavor = \"multi_thread\"`");
    }
}

fn paused_needs_current_thread(args: &Args, mistakes: &mut Mistakes) {
    let multi_thread = args.flavor.as_ref().is_some_and(|flavor| flavor.value == Flavor::MultiThread);
    if let Some(paused) = &args.start_paused
        && multi_thread
    {
        mistakes.at(paused.name.span(), "`start_paused` needs `flavor = \"current_thread\"`, which is the default");
    }
}

fn has_no_parameters(item: &Item, mistakes: &mut Mistakes) {
    let Some(first) = item.signature.inputs.first() else { return };
    if let FnArg::Receiver(_) = first {
        mistakes
            .on(first, "a leak test is a free function, not a method: move it out of the `impl` and leave `self` out");
    } else if !item.around.is_empty() {
        // They come from another attribute.
    } else {
        mistakes.on(
            &item.signature.inputs,
            "a leak test takes no arguments: create the values in its body (or write an attribute that gives them, such as `#[rstest]`)",
        );
    }
}

/// Lifetimes are let through, as by `#[test]`: rstest writes them.
fn has_no_generics(item: &Item, mistakes: &mut Mistakes) {
    let generics = &item.signature.generics;
    if generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_))) {
        mistakes.on(
            &generics.params,
            "a leak test cannot be generic: write one test for each type, and let them call a generic function",
        );
    } else if let Some(clause) = &generics.where_clause {
        mistakes.on(clause, "a leak test cannot have a `where` clause: leave it out");
    }
}

fn has_no_qualifiers(item: &Item, mistakes: &mut Mistakes) {
    let signature = &item.signature;
    if let Some(token) = &signature.constness {
        mistakes.on(token, "a leak test cannot be a `const fn`: leave `const` out");
    }
    if let Some(token) = &signature.unsafety {
        mistakes.on(
            token,
            "a leak test cannot be an `unsafe fn`: leave `unsafe` out, and write an `unsafe` block in the body",
        );
    }
    if let Some(abi) = &signature.abi {
        mistakes.on(abi, "a leak test cannot be an `extern fn`: leave `extern` out");
    }
}

fn is_one_test(item: &Item, mistakes: &mut Mistakes) {
    for test in &item.tests {
        match &test.kind {
            TestKind::Plain | TestKind::PlainFrom(_) => {}
            TestKind::LeakTest => {
                mistakes.on(&test.attribute, "this is a leak test already: put all arguments into one attribute")
            }
        }
    }
}

fn is_registered_once(item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) {
    let named = |path: &str| item.tests.iter().any(|test| test.kind == TestKind::PlainFrom(path.to_owned()));
    for path in surroundings.paths_above().filter(|path| !named(path) && is_plain(path)) {
        mistakes.at(
            item.attribute_span(),
            format!("this function has `#[{path}]` above, which registers it a second time: remove `#[{path}]`, the leak test is a test by itself"),
        );
    }
}

fn registration(args: &Args, item: &Item) -> Registration {
    match (item.registered_by(), &args.harness) {
        (Some(_), _) => Registration::Others,
        (None, Some(harness)) if !harness.value => Registration::None,
        (None, _) => Registration::Ours,
    }
}

/// What registers a test tells the harness that it should panic: then a leak would be taken for that panic.
fn cases_do_not_panic(item: &Item, mistakes: &mut Mistakes) {
    if let (Some(other), ShouldPanic::Yes | ShouldPanic::Expected(_)) = (item.registered_by(), &item.should_panic) {
        mistakes.at(
            item.attribute_span(),
            format!("a case of `#[{other}]` that should panic cannot be a leak test: write a leak test with `#[should_panic]` for it, or take `#[rstest]`"),
        );
    }
}

fn body_is_seen(item: &Item, surroundings: &Surroundings, mistakes: &mut Mistakes) {
    if is_in_another_runtime(item, surroundings) && item.wrap_inside(|_| TokenStream::new()).is_none() {
        let other = runtime_above(item, surroundings).unwrap_or_else(|| "the other test attribute".to_owned());
        mistakes.at(
            item.attribute_span(),
            format!(
                "{other} has put the body where a leak test below it cannot reach it: write the leak test above {other}"
            ),
        );
    }
}

/// Whether an attribute above has put the body into a runtime.
fn is_in_another_runtime(item: &Item, surroundings: &Surroundings) -> bool {
    item.signature.asyncness.is_none() && (item.is_in_a_runtime() || runtime_above(item, surroundings).is_some())
}

/// The attribute above that may have put the body into a runtime.
fn runtime_above(item: &Item, surroundings: &Surroundings) -> Option<String> {
    let told = item.tests.iter().filter_map(|test| match &test.kind {
        TestKind::PlainFrom(other) if !other.starts_with('$') => Some(other.clone()),
        _ => None,
    });
    let is_test =
        |path: &String| path.rsplit("::").next() == Some("test") && !is_plain(path) && path != "memleak::test";
    let path = told.chain(surroundings.paths_above().filter(is_test)).find(|path| !wraps_well(path))?;
    Some(format!("`#[{path}]`"))
}

fn is_plain(path: &str) -> bool {
    let names: Vec<&str> = path.trim_start_matches("::").split("::").collect();
    matches!(names[..], ["test"] | ["core" | "std", "prelude", _, "test"])
}

/// Attributes that may stand above ours: they leave the function as it is and see to it that it is a test.
fn wraps_well(path: &str) -> bool {
    path.ends_with("rstest") || path.ends_with("test_log::test")
}

fn turns_above(surroundings: &Surroundings) -> Vec<Attribute> {
    let turns =
        surroundings.above.iter().filter(|text| above::path(text).is_some_and(|path| locks_in_its_process(&path)));
    turns.filter_map(|text| Attribute::parse_outer.parse_str(text).ok()).flatten().collect()
}

fn path_of(attribute: &Attribute) -> String {
    attribute.path().to_token_stream().to_string().split_whitespace().collect()
}

/// Whether `start_paused = true` is among the arguments of an attribute, or of one that is its argument.
fn starts_paused(attribute: &str) -> bool {
    attribute.split_whitespace().collect::<String>().contains("start_paused=true")
}
