//! What of a failed check a list of known leaks has. Uses the verdict's data, and words of `report`.

use super::file::Entry;
use crate::check::Possibly;
use crate::check::verdict::{Aside, Doubtful, Failure, Group, Missed, Verdict};
use crate::report::Look;
use crate::report::fingerprint::Fingerprint;

/// A failed check without the leaks that are known.
pub(super) struct Comparison {
    pub(super) failure: Failure,
    /// By entry: how many of its leaks are there.
    pub(super) used: Vec<u64>,
    /// Every leak that lets the test fail, known or not, with how often it is there.
    pub(super) found: Vec<(Fingerprint, u64)>,
}

/// Leaks of one kind, on the way through a comparison.
struct Leak<'a> {
    words: Fingerprint,
    count: u64,
    known: &'a mut u64,
}

impl Comparison {
    /// Without `entries`, all leaks are as if they were known.
    pub(super) fn of(mut failure: Failure, possibly: Possibly, look: &Look, entries: Option<&[Entry]>) -> Comparison {
        let mut comparison = Counts { entries, used: vec![0; entries.unwrap_or_default().len()], found: Vec::new() };
        for missed in failure.missed.iter_mut().filter(|missed| !missed.too_few()) {
            let decides = missed.groups.iter_mut().filter(|group| decides(group, possibly));
            let leaks = decides.map(|group| Leak {
                words: Fingerprint::of_instances(group, look),
                count: group.count,
                known: &mut group.known,
            });
            comparison.cover(leaks.collect());
        }
        let lost = failure.lost.iter_mut().map(|group| Leak {
            words: Fingerprint::of_lost(group, look),
            count: group.count,
            known: &mut group.known,
        });
        comparison.cover(lost.collect());
        failure.lost.retain(|group| group.known < group.count);
        let (known_only, missed): (Vec<Missed>, Vec<Missed>) =
            failure.missed.into_iter().partition(|missed| is_known(missed, possibly));
        failure.missed = missed;
        failure.aside.doubtful.extend(known_only.into_iter().filter_map(doubtful));
        let Counts { used, found, .. } = comparison;
        Comparison { failure, used, found }
    }

    /// What is left of it. What could not be told is no pass, whatever is known; figures that are above their limits are never known.
    pub(super) fn verdict(self) -> Verdict {
        let Failure { missed, overruns, lost, untold, .. } = &self.failure;
        if !missed.is_empty() || !overruns.is_empty() || !lost.is_empty() {
            return Verdict::Failed(self.failure);
        }
        if untold.is_empty() {
            Verdict::Passed(Aside { on_stacks: Vec::new(), ..self.failure.aside })
        } else {
            Verdict::CouldNotTell(self.failure.untold)
        }
    }
}

/// Whether instances like these let the test fail.
fn decides(group: &Group, possibly: Possibly) -> bool {
    group.doubt.is_none() || possibly == Possibly::Fail && group.container_not_understood().is_none()
}

/// Whether all that lets an expectation fail is known. That there are too many does not count then, but that there is another. That there are
/// too few is no leak.
fn is_known(missed: &Missed, possibly: Possibly) -> bool {
    !missed.too_few()
        && missed.groups.iter().filter(|group| decides(group, possibly)).all(|group| group.known == group.count)
}

/// What of an expectation stays that does not decide.
fn doubtful(missed: Missed) -> Option<Doubtful> {
    let Missed { written, bound, groups, .. } = missed;
    let certain = groups.iter().filter(|group| group.doubt.is_none()).map(|group| group.count).sum();
    let groups: Vec<Group> =
        groups.into_iter().filter(|group| group.doubt.is_some() && group.known < group.count).collect();
    (!groups.is_empty()).then_some(Doubtful { written, bound, certain, groups })
}

struct Counts<'a> {
    entries: Option<&'a [Entry]>,
    used: Vec<u64>,
    found: Vec<(Fingerprint, u64)>,
}

impl Counts<'_> {
    /// Looks the leaks of one expectation up. Another may be about the same instances, so it begins anew.
    fn cover(&mut self, mut leaks: Vec<Leak<'_>>) {
        let mut found: Vec<(Fingerprint, u64)> = Vec::new();
        for leak in &leaks {
            match found.iter_mut().find(|(words, _)| *words == leak.words) {
                Some((_, count)) => *count += leak.count,
                None => found.push((leak.words.clone(), leak.count)),
            }
        }
        for (words, count) in found {
            match self.found.iter_mut().find(|(known, _)| *known == words) {
                Some((_, known)) => *known = count.max(*known),
                None => self.found.push((words, count)),
            }
        }
        let Some(entries) = self.entries else {
            leaks.iter_mut().for_each(|leak| *leak.known = leak.count);
            return;
        };
        let mut left: Vec<u64> = entries.iter().map(|entry| entry.count).collect();
        // First what is the same word for word: what is only alike is not to take its place.
        let same: [fn(&Fingerprint, &Fingerprint) -> bool; 2] = [|a, b| a == b, Fingerprint::is_alike];
        for same in same {
            for leak in &mut leaks {
                for (entry, left) in entries.iter().zip(&mut left) {
                    if same(&entry.leak, &leak.words) {
                        let taken = (*left).min(leak.count - *leak.known);
                        *left -= taken;
                        *leak.known += taken;
                    }
                }
            }
        }
        for ((entry, left), used) in entries.iter().zip(left).zip(&mut self.used) {
            *used = (entry.count - left).max(*used);
        }
    }
}
