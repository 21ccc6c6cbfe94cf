//! How a count stands to what a test allows. Uses `check`'s own types only.

use crate::check::Possibly;

/// The instances of one expectation at one look, by how certain they are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sum {
    /// They live.
    pub(super) certain: u64,
    /// They may.
    pub(super) possible: u64,
    /// Containers that memleak could not read: in each may be any number of them.
    pub(super) not_understood: u64,
}

/// What a sum means. The later outweighs the earlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Standing {
    /// As many live as may, whatever the doubtful ones are.
    Within,
    /// Only if the doubtful ones live are there too many, and they do not decide.
    Doubtful,
    /// How many live cannot be told.
    NotUnderstood,
    /// There are too many.
    Exceeded,
}

impl Sum {
    /// Where up to `at_most` may live.
    pub(super) fn standing(self, at_most: u64, possibly: Possibly) -> Standing {
        let all = self.certain.saturating_add(self.possible);
        let decides = match possibly {
            Possibly::Show => self.certain,
            Possibly::Fail => all,
        };
        if decides > at_most {
            Standing::Exceeded
        } else if self.not_understood > 0 {
            Standing::NotUnderstood
        } else if all > at_most {
            Standing::Doubtful
        } else {
            Standing::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(certain: u64, possible: u64, not_understood: u64, at_most: u64) -> [Standing; 2] {
        let sum = Sum { certain, possible, not_understood };
        [Possibly::Show, Possibly::Fail].map(|possibly| sum.standing(at_most, possibly))
    }

    #[test]
    fn only_certain_instances_decide_unless_asked_otherwise() {
        assert_eq!(of(0, 0, 0, 0), [Standing::Within; 2]);
        assert_eq!(of(1, 0, 0, 0), [Standing::Exceeded; 2]);
        assert_eq!(of(0, 1, 0, 0), [Standing::Doubtful, Standing::Exceeded]);
        assert_eq!(of(3, 0, 0, 3), [Standing::Within; 2]);
        assert_eq!(of(2, 1, 0, 3), [Standing::Within; 2], "even if it lives");
        assert_eq!(of(3, 1, 0, 3), [Standing::Doubtful, Standing::Exceeded]);
        assert_eq!(of(4, 1, 0, 3), [Standing::Exceeded; 2]);
        assert_eq!(of(1, u64::MAX, 0, 3), [Standing::Doubtful, Standing::Exceeded]);
    }

    #[test]
    fn what_is_not_understood_is_never_within() {
        assert_eq!(of(0, 0, 1, 0), [Standing::NotUnderstood; 2]);
        assert_eq!(of(0, 0, 1, 100), [Standing::NotUnderstood; 2], "it may hold any number");
        assert_eq!(of(0, 1, 1, 0), [Standing::NotUnderstood, Standing::Exceeded]);
        assert_eq!(of(1, 0, 1, 0), [Standing::Exceeded; 2]);
    }
}
