//! What grows from round to round: the memory of each site after every run of the body, and whether that goes up.
//!
//! May use: `tracker`, `stack`.
//!
//! Memory that work in the background takes for a moment goes up and down, and what is made once and kept goes up once. Neither is growth. So a
//! site grows if its memory is above all that it was in the first third of the rounds, stays there in the last ones, and has gone up more than
//! once without coming down again.

use crate::stack::StackId;
use crate::tracker::{self, Block};
use std::collections::{HashMap, HashSet};

/// The memory of one site, or what was added to it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Amount {
    /// How many blocks.
    pub blocks: u64,
    /// All of them, in bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, other: Amount) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
    }
}

/// What lived at the end of one round, of what was allocated since the body first began.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// The epoch that ended then.
    epoch: u32,
    by_stack: HashMap<StackId, Amount>,
}

impl Round {
    /// Counts now, and ends the present epoch. Other threads that allocate wait meanwhile; no memory is copied.
    pub fn count(body_epoch: u32) -> Round {
        let frozen = tracker::freeze();
        let blocks = frozen.blocks();
        let epoch = frozen.end_epoch();
        drop(frozen);
        Round::of(&blocks, body_epoch, epoch)
    }

    /// Of the blocks that live, those that were allocated since the body first began.
    pub(super) fn of(blocks: &[Block], body_epoch: u32, epoch: u32) -> Round {
        let mut by_stack: HashMap<StackId, Amount> = HashMap::new();
        for block in blocks.iter().filter(|block| block.epoch >= body_epoch) {
            by_stack.entry(block.stack).or_default().add(Amount { blocks: 1, bytes: block.size });
        }
        Round { epoch, by_stack }
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.by_stack.values().map(|amount| amount.bytes).sum()
    }
}

/// Over how many rounds a site goes up, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slope {
    /// By how much in all of `rounds`.
    pub bytes: u64,
    /// Over how many rounds.
    pub rounds: u64,
    /// In how many of the rounds after the warm-up it went up.
    pub rises: u64,
    /// How many rounds there are after the warm-up.
    pub of: u64,
}

impl Slope {
    /// That of one type, if one site allocates several, which grow together: this has `bytes` of `all` that are new.
    pub(super) fn share(self, bytes: u64, all: u64) -> Slope {
        let share = u128::from(self.bytes) * u128::from(bytes) / u128::from(all.max(1));
        Slope { bytes: share as u64, ..self }
    }
}

/// What a site is to a reader: the same for stacks that differ in nothing that is shown.
pub(super) type Site = Vec<String>;

/// A site that grows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Growing {
    /// All stacks of the site.
    pub(super) stacks: HashSet<StackId>,
    pub(super) slope: Slope,
}

/// What grows over the rounds, the first of which is the end of the warm-up. The most first.
pub(super) fn growing(rounds: &[Round], site: impl Fn(StackId) -> Site) -> Vec<Growing> {
    let mut sites: HashMap<Site, HashSet<StackId>> = HashMap::new();
    for stack in changed(rounds) {
        sites.entry(site(stack)).or_default().insert(stack);
    }
    let mut growing: Vec<Growing> = sites
        .into_values()
        .filter_map(|stacks| {
            let of = |round: &Round| stacks.iter().filter_map(|stack| round.by_stack.get(stack)).map(|a| a.bytes).sum();
            let bytes: Vec<u64> = rounds.iter().map(of).collect();
            slope(&bytes).map(|slope| Growing { stacks, slope })
        })
        .collect();
    growing.sort_by_key(|growing| std::cmp::Reverse((growing.slope.bytes, growing.stacks.iter().min().copied())));
    growing
}

/// The epoch after which the warm-up is over.
pub(super) fn warm_epoch(rounds: &[Round]) -> u32 {
    rounds.first().map_or(0, |round| round.epoch)
}

/// The stacks that did not have the same memory all the time.
fn changed(rounds: &[Round]) -> HashSet<StackId> {
    let pairs = rounds.windows(2).flat_map(|pair| [(&pair[0], &pair[1]), (&pair[1], &pair[0])]);
    let differ = |(one, other): (&Round, &Round)| {
        let new = |(stack, amount): (&StackId, &Amount)| (other.by_stack.get(stack) != Some(amount)).then_some(*stack);
        one.by_stack.iter().filter_map(new).collect::<Vec<_>>()
    };
    pairs.flat_map(differ).collect()
}

/// How a figure goes up that was taken at the end of the warm-up and of each round after it; none if it does not.
fn slope(figures: &[u64]) -> Option<Slope> {
    let of = figures.len().checked_sub(1).filter(|rounds| *rounds > 0)?;
    // One round may be taken at a bad moment, so a few are taken together, if there are enough.
    let some = (of / 3).clamp(1, 3);
    let early = figures[..=of / 3].iter().max()?;
    let first = figures[..some].iter().max()?;
    let last = figures[figures.len() - some..].iter().min()?;
    let rises = rises(figures);
    // With a single round there can be no more.
    (last > early && (rises > 1 || of == 1)).then(|| Slope {
        bytes: last - first,
        rounds: (figures.len() - some - (some - 1)) as u64,
        rises,
        of: of as u64,
    })
}

/// How often a figure goes up without coming down again.
fn rises(figures: &[u64]) -> u64 {
    let mut floor = u64::MAX;
    let mut rises = 0;
    for figure in figures.iter().rev() {
        rises += u64::from(*figure < floor && floor != u64::MAX);
        floor = floor.min(*figure);
    }
    rises
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(figures: impl Fn(u64) -> u64, of: u64) -> Vec<u64> {
        (0..=of).map(figures).collect()
    }

    fn per_round(figures: &[u64]) -> Option<(u64, u64)> {
        slope(figures).map(|slope| (slope.bytes / slope.rounds, slope.rises))
    }

    #[test]
    fn types_from_one_site_share_its_slope() {
        let site = Slope { bytes: 1000, rounds: 10, rises: 10, of: 10 };
        assert_eq!(site.share(300, 1200), Slope { bytes: 250, ..site });
        assert_eq!(site.share(1200, 1200), site);
        assert_eq!(site.share(0, 0).bytes, 0);
    }

    #[test]
    fn a_slope_is_told_exactly() {
        for of in 1..60 {
            assert_eq!(per_round(&rounds(|round| 1000 + 24 * round, of)), Some((24, of)), "{of} rounds");
        }
    }

    #[test]
    fn a_buffer_that_doubles_grows_whatever_the_number_of_rounds() {
        let capacity = |len: u64| 16 * len.next_power_of_two().max(4);
        for iterations in 10..200 {
            let warmup = (iterations / 5).max(1);
            let figures = rounds(|round| capacity(warmup + round), iterations - warmup);
            assert!(slope(&figures).is_some_and(|slope| slope.rises > 1), "{iterations}: {figures:?}");
        }
    }

    #[test]
    fn what_goes_up_and_down_or_up_once_does_not_grow() {
        assert_eq!(slope(&rounds(|_| 0, 20)), None);
        assert_eq!(slope(&rounds(|round| 100 * (round % 2), 21)), None, "now and then");
        assert_eq!(slope(&rounds(|round| 100 * (round % 10), 39)), None, "a log that is emptied");
        assert_eq!(slope(&rounds(|round| if round < 17 { 0 } else { 4096 }, 37)), None, "made once");
        assert_eq!(slope(&rounds(|round| 1000 - round, 20)), None);
        assert_eq!(slope(&rounds(|round| if round == 37 { 90 } else { 0 }, 37)), None, "the last round only");
        assert_eq!(slope(&[5]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn noise_does_not_hide_growth() {
        let noisy = rounds(|round| 64 * round + [0, 300, 40][round as usize % 3], 40);
        assert!(per_round(&noisy).is_some_and(|(bytes, _)| (50..80).contains(&bytes)), "{:?}", per_round(&noisy));
        let seldom = rounds(|round| 4096 * (round / 8), 37);
        assert!(slope(&seldom).is_some());
    }

    fn round(epoch: u32, amounts: &[(u32, u64)]) -> Round {
        let amount = |bytes| Amount { blocks: 1, bytes };
        Round { epoch, by_stack: amounts.iter().map(|(stack, bytes)| (StackId(*stack), amount(*bytes))).collect() }
    }

    #[test]
    fn stacks_that_read_alike_grow_together() {
        // A buffer that was allocated on one stack and grows on another; and one that is as large on the second as it was on the first.
        let rounds = [
            round(3, &[(1, 64), (5, 100), (9, 7)]),
            round(4, &[(2, 128), (6, 100), (9, 7)]),
            round(5, &[(2, 256), (5, 100), (9, 7)]),
            round(6, &[(2, 512), (6, 100), (9, 7)]),
        ];
        let site = |stack: StackId| vec![if stack.0 < 4 { "grows" } else { "stays" }.to_owned()];
        let growing = growing(&rounds, site);
        assert_eq!(growing.len(), 1);
        assert_eq!(growing[0].stacks, HashSet::from([StackId(1), StackId(2)]));
        assert_eq!(growing[0].slope, Slope { bytes: 448, rounds: 3, rises: 3, of: 3 });
        assert_eq!(warm_epoch(&rounds), 3);
    }
}
