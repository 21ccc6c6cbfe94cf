//! How a count stands to what a test allows. Uses `check`'s own types only.

use crate::check::{Bound, Possibly};

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
    /// It goes by whether the doubtful ones live, and they do not decide.
    Doubtful,
    /// How many live cannot be told.
    NotUnderstood,
    /// There are too many, or too few.
    Missed,
}

impl Sum {
    /// Where so many may live.
    pub(super) fn standing(self, bound: Bound, possibly: Possibly) -> Standing {
        let (least, most) = (bound.least(), bound.most());
        let all = self.certain.saturating_add(self.possible);
        let decides = match possibly {
            Possibly::Show => self.certain,
            Possibly::Fail => all,
        };
        if decides > most {
            Standing::Missed
        } else if self.not_understood > 0 {
            Standing::NotUnderstood
        } else if all < least {
            Standing::Missed
        } else if all > most || decides < least {
            Standing::Doubtful
        } else {
            Standing::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(certain: u64, possible: u64, not_understood: u64, bound: Bound) -> [Standing; 2] {
        let sum = Sum { certain, possible, not_understood };
        [Possibly::Show, Possibly::Fail].map(|possibly| sum.standing(bound, possibly))
    }

    fn of(certain: u64, possible: u64, not_understood: u64, at_most: u64) -> [Standing; 2] {
        bound(certain, possible, not_understood, Bound::AtMost(at_most))
    }

    #[test]
    fn fewer_than_exactly_so_many_are_as_wrong_as_more() {
        let exactly_two =
            |certain, possible, not_understood| bound(certain, possible, not_understood, Bound::Exactly(2));
        assert_eq!(exactly_two(2, 0, 0), [Standing::Within; 2]);
        assert_eq!(exactly_two(3, 0, 0), [Standing::Missed; 2]);
        assert_eq!(exactly_two(1, 0, 0), [Standing::Missed; 2]);
        assert_eq!(exactly_two(0, 0, 0), [Standing::Missed; 2]);
        assert_eq!(exactly_two(1, 1, 0), [Standing::Doubtful, Standing::Within], "two if the other lives");
        assert_eq!(exactly_two(2, 1, 0), [Standing::Doubtful, Standing::Missed]);
        assert_eq!(exactly_two(1, 0, 1), [Standing::NotUnderstood; 2], "the other may be in there");
        assert_eq!(exactly_two(3, 0, 1), [Standing::Missed; 2]);
    }

    #[test]
    fn only_certain_instances_decide_unless_asked_otherwise() {
        assert_eq!(of(0, 0, 0, 0), [Standing::Within; 2]);
        assert_eq!(of(1, 0, 0, 0), [Standing::Missed; 2]);
        assert_eq!(of(0, 1, 0, 0), [Standing::Doubtful, Standing::Missed]);
        assert_eq!(of(3, 0, 0, 3), [Standing::Within; 2]);
        assert_eq!(of(2, 1, 0, 3), [Standing::Within; 2], "even if it lives");
        assert_eq!(of(3, 1, 0, 3), [Standing::Doubtful, Standing::Missed]);
        assert_eq!(of(4, 1, 0, 3), [Standing::Missed; 2]);
        assert_eq!(of(1, u64::MAX, 0, 3), [Standing::Doubtful, Standing::Missed]);
    }

    #[test]
    fn what_is_not_understood_is_never_within() {
        assert_eq!(of(0, 0, 1, 0), [Standing::NotUnderstood; 2]);
        assert_eq!(of(0, 0, 1, 100), [Standing::NotUnderstood; 2], "it may hold any number");
        assert_eq!(of(0, 1, 1, 0), [Standing::NotUnderstood, Standing::Missed]);
        assert_eq!(of(1, 0, 1, 0), [Standing::Missed; 2]);
    }
}
