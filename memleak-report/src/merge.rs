//! Reports of several runs, or of the parts of one run on several machines, as one.
//!
//! May use: `document`.

use crate::document::{self, Document, ReadError, Test};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All tests, and all leaks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Merged {
    /// The version of the format.
    pub version: u32,
    /// The leaks of all tests, each once, the most bytes first.
    pub leaks: Vec<Leak>,
    /// The reports, by test.
    pub tests: Vec<Document>,
}

/// One leak, in however many tests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leak {
    /// What tells it from others.
    pub fingerprint: String,
    /// The type as the text has it.
    #[serde(rename = "type")]
    pub type_name: String,
    /// How many instances, in the test with the most.
    pub count: u64,
    /// How many bytes, in the test with the most.
    pub bytes: u64,
    /// What to do.
    pub help: Option<String>,
    /// The tests that show it.
    pub tests: Vec<Test>,
}

/// Puts reports together. Of two reports of one test, as from attempts on different machines, the one that failed counts.
pub fn merge(documents: impl IntoIterator<Item = Document>) -> Merged {
    let mut tests: BTreeMap<Test, Document> = BTreeMap::new();
    for document in documents {
        match tests.get(&document.test) {
            Some(known) if !known.outcome.passes() || document.outcome.passes() => {}
            _ => {
                tests.insert(document.test.clone(), document);
            }
        }
    }
    let tests: Vec<Document> = tests.into_values().collect();
    Merged { version: document::VERSION, leaks: leaks(&tests), tests }
}

/// The leaks of these tests that are certain, each fingerprint once, the most bytes first.
pub fn leaks(tests: &[Document]) -> Vec<Leak> {
    let mut leaks: BTreeMap<String, Leak> = BTreeMap::new();
    for document in tests {
        for mut leak in of_test(document) {
            let known =
                leaks.entry(leak.fingerprint.clone()).or_insert_with(|| Leak { tests: Vec::new(), ..leak.clone() });
            known.count = known.count.max(leak.count);
            known.bytes = known.bytes.max(leak.bytes);
            if known.tests.last() != leak.tests.last() {
                known.tests.append(&mut leak.tests);
            }
        }
    }
    let mut leaks: Vec<Leak> = leaks.into_values().collect();
    leaks.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    leaks
}

fn of_test(document: &Document) -> Vec<Leak> {
    let findings = &document.findings;
    let groups = findings.expectations.iter().flat_map(|expectation| &expectation.groups);
    let held = groups.filter(|group| group.doubt.is_none()).map(|group| Leak {
        fingerprint: group.fingerprint.clone(),
        type_name: group.type_short.clone(),
        count: group.count,
        bytes: group.retained.unwrap_or(group.count * group.size),
        help: group.help.clone(),
        tests: vec![document.test.clone()],
    });
    let lost = findings.unreachable.iter().map(|lost| Leak {
        fingerprint: lost.fingerprint.clone(),
        type_name: lost.type_short.clone(),
        count: lost.count,
        bytes: lost.bytes,
        help: lost.help.clone(),
        tests: vec![document.test.clone()],
    });
    // One test may have several groups of one leak.
    let mut leaks: Vec<Leak> = Vec::new();
    for leak in held.chain(lost) {
        match leaks.iter_mut().find(|known| known.fingerprint == leak.fingerprint) {
            Some(known) => {
                known.count += leak.count;
                known.bytes += leak.bytes;
            }
            None => leaks.push(leak),
        }
    }
    leaks
}

/// What one run has and another has not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Leaks that only the later run has.
    pub new: Vec<Leak>,
    /// Leaks that only the earlier run has. They are gone, or their tests did not run.
    pub gone: Vec<Leak>,
    /// Leaks that both have, as the earlier and as the later has them.
    pub both: Vec<(Leak, Leak)>,
}

/// Compares the leaks of two runs.
pub fn difference(earlier: &[Document], later: &[Document]) -> Difference {
    let (earlier, later) = (leaks(earlier), leaks(later));
    let find = |leaks: &[Leak], leak: &Leak| leaks.iter().find(|other| other.fingerprint == leak.fingerprint).cloned();
    Difference {
        new: later.iter().filter(|leak| find(&earlier, leak).is_none()).cloned().collect(),
        gone: earlier.iter().filter(|leak| find(&later, leak).is_none()).cloned().collect(),
        both: earlier.iter().filter_map(|leak| Some((leak.clone(), find(&later, leak)?))).collect(),
    }
}

impl Merged {
    /// As JSON, to be read by people as well.
    pub fn to_json(&self) -> String {
        document::pretty(self)
    }

    /// Out of JSON.
    ///
    /// # Errors
    /// If it is something else, or of another version.
    pub fn from_json(json: &str) -> Result<Merged, ReadError> {
        document::of_this_version(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Outcome;
    use crate::examples;

    #[test]
    fn parts_of_a_run_merged_are_the_run_whatever_their_order() {
        let (held, cycle) = (examples::held(), examples::cycle());
        let whole = merge([held.clone(), cycle.clone()]);
        assert_eq!(merge([cycle.clone(), held.clone(), held.clone()]), whole);
        assert_eq!(whole.tests.len(), 2);
        assert_eq!(Merged::from_json(&whole.to_json()).unwrap(), whole);
    }

    #[test]
    fn one_leak_in_two_tests_is_one() {
        let mut other = examples::held();
        other.test.name = "tests::other".to_owned();
        other.findings.expectations[0].groups[0].count = 7;
        let merged = merge([examples::held(), other]);
        assert_eq!(merged.leaks.len(), 1);
        assert_eq!((merged.leaks[0].count, merged.leaks[0].tests.len()), (7, 2));
    }

    #[test]
    fn an_attempt_that_failed_counts() {
        let failed = examples::held();
        let passed = Document { outcome: Outcome::Passed, findings: document::Findings::default(), ..failed.clone() };
        for order in [[failed.clone(), passed.clone()], [passed, failed]] {
            assert_eq!(merge(order).leaks.len(), 1);
        }
    }

    #[test]
    fn what_is_only_possible_is_no_leak() {
        let mut document = examples::held();
        document.findings.expectations[0].groups[0].doubt = Some("who knows".to_owned());
        assert_eq!(merge([document]).leaks, []);
    }

    #[test]
    fn runs_differ_by_their_leaks() {
        let (held, cycle) = (examples::held(), examples::cycle());
        let (held, cycle) = ([held], [cycle]);
        let found = difference(&held, &cycle);
        assert_eq!((found.new, found.gone, found.both), (leaks(&cycle), leaks(&held), Vec::new()));
        assert_eq!(difference(&held, &held).both.len(), 1);
    }
}
