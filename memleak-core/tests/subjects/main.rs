//! What a test can name, against the debug info and the heap of this very program: which values `dyn Chat`, `Link<Tcp>` or `Conn::Open` are.
//!
//! Each module keeps values, and says for each text how many of what it means.

#[path = "../child/mod.rs"]
mod child;
#[allow(dead_code, reason = "values are only there to be there")]
mod generics;
#[allow(dead_code, reason = "values are only there to be there")]
mod objects;
#[allow(dead_code, reason = "values are only there to be there")]
mod variants;

use memleak_core::check::checker::{Checker, Checkpoint, Counts};
use memleak_core::check::limits::Since;
use memleak_core::check::verdict::{Ended, Obstacle, Verdict};
use memleak_core::check::{Bound, Expectation, Limits, Possibly, Rounds, Subject, Terms, Unreachable};
use memleak_core::query::short::short;
use memleak_core::tracker::{self, Allocator};
use std::collections::BTreeMap;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// Texts, and what is to be found for each: `Bot 2, Link<Tcp> 1`, by name; doubtful ones with a `?`.
type Due = [(&'static str, &'static str)];

/// Runs `keep` in a process in which everything is recorded, and looks for what the texts name while the value it returns lives.
fn means<T>(test: &str, keep: fn() -> T, due: &Due) {
    child::tracked(test, || {
        let kept = Box::new(keep());
        let _own = tracker::untracked();
        let texts: Vec<&'static str> = due.iter().map(|(text, _)| *text).collect();
        let found = found(&texts);
        let wrong: Vec<String> = due
            .iter()
            .zip(&found)
            .filter(|((_, due), found)| due != found)
            .map(|((text, due), found)| format!("`{text}` means {due}, found {found}"))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        drop(kept);
    });
}

/// What is found for each text: what lives, or that no type is called so.
fn found(texts: &[&'static str]) -> Vec<String> {
    let expectation = |text: &&'static str| Expectation { subject: Subject::Pattern(text), bound: Bound::AtMost(0) };
    let expectations: Vec<Expectation> = texts.iter().map(expectation).collect();
    let terms = Terms {
        expectations: &expectations,
        unreachable: Unreachable::Allow,
        possibly: Possibly::Fail,
        limits: Limits::NONE,
        rounds: Rounds::ONE,
        ignores: &[],
    };
    let checker = match Checker::new(&terms) {
        Ok(checker) => checker,
        Err(obstacles) => return without_unknown(texts, &obstacles),
    };
    let count = || checker.count(Checkpoint::BodyEnded, &Since::default());
    let counts = Counts { body_ended: count(), settled: Duration::ZERO, afterwards: count(), ended: Ended::Thread };
    let missed = match checker.conclude(&counts) {
        Verdict::Failed(failure) => failure.missed,
        Verdict::Passed(_) => Vec::new(),
        Verdict::CouldNotTell(obstacles) => panic!("{obstacles:#?}"),
    };
    let of = |text: &&str| {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for group in missed.iter().filter(|missed| missed.written == *text).flat_map(|missed| &missed.groups) {
            let name = short(&group.type_name).replace("subjects::", "");
            let doubt = if group.doubt.is_some() { "?" } else { "" };
            *sums.entry(name + doubt).or_default() += group.count;
        }
        sums.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    texts.iter().map(of).collect()
}

fn without_unknown(texts: &[&'static str], obstacles: &[Obstacle]) -> Vec<String> {
    let is_unknown = |text: &str| {
        obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::UnknownName { written, .. } if written == text))
    };
    let known: Vec<&'static str> = texts.iter().copied().filter(|text| !is_unknown(text)).collect();
    assert!(known.len() + obstacles.len() == texts.len(), "{obstacles:#?}");
    let mut found = found(&known).into_iter();
    texts.iter().map(|text| if is_unknown(text) { "unknown".to_owned() } else { found.next().unwrap() }).collect()
}
