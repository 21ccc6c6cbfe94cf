//! Gives background work time to let go of what it holds, and returns at once when it has.

use super::judge::{Judge, Seen};
use crate::check::checker::Checkpoint;
use std::time::{Duration, Instant};

/// How long background work may take by default.
///
/// A clean test never waits that long. A failing one always does, and shall explain itself within half a second. What a test leaves
/// behind on purpose (an aborted task, a closed connection, a detached thread that is about to end) is gone within a few milliseconds.
pub(super) const DEFAULT_SETTLE: Duration = Duration::from_millis(200);

pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(1);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// What to do next.
pub(super) enum Step {
    /// Let background work run for about this long, and say with [`Settle::waited`] how much of the limit that has used up.
    Wait(Duration),
    /// What the last look showed, and how long was waited in all.
    Done(Seen, Duration),
}

/// Counts until nothing is left that waiting can change, or until a limit has been waited. How to wait is the caller's business.
///
/// The time spent counting is not part of the limit. Nor is the time by which a pause took longer than asked for: on a busy machine
/// background work gets as many turns as on an idle one.
pub(super) struct Settle {
    checkpoint: Checkpoint,
    limit: Duration,
    waited: Duration,
    pause: Duration,
    looks: u32,
}

impl Settle {
    pub(super) fn new(checkpoint: Checkpoint, limit: Duration) -> Settle {
        Settle { checkpoint, limit, waited: Duration::ZERO, pause: FIRST_PAUSE, looks: 0 }
    }

    /// Looks at the heap.
    pub(super) fn look(&mut self, judge: &dyn Judge) -> Step {
        let asked = Instant::now();
        let seen = judge.look(self.checkpoint);
        let cost = asked.elapsed();
        // What was doubtful while the runtime lived has been waited for then.
        if seen == Seen::Settled || seen == Seen::Doubtful && self.checkpoint == Checkpoint::Afterwards {
            return Step::Done(seen, self.waited);
        }
        if self.waited >= self.limit {
            return Step::Done(judge.explain(self.checkpoint), self.waited);
        }
        // No more than a third of the time goes into counting. The first look does not say what one costs: it waits for the debug info.
        self.looks += 1;
        let least = if self.looks > 1 { cost * 2 } else { Duration::ZERO };
        let step = self.pause.max(least).min(self.limit - self.waited);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Step::Wait(step)
    }

    pub(super) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }
}

/// Settles where there is no runtime: threads run by themselves.
pub(super) fn settle(judge: &dyn Judge, checkpoint: Checkpoint, limit: Duration) -> (Seen, Duration) {
    settle_by(judge, checkpoint, limit, |pause| {
        std::thread::sleep(pause);
        pause
    })
}

fn settle_by(
    judge: &dyn Judge,
    checkpoint: Checkpoint,
    limit: Duration,
    mut wait: impl FnMut(Duration) -> Duration,
) -> (Seen, Duration) {
    let mut settle = Settle::new(checkpoint, limit);
    loop {
        match settle.look(judge) {
            Step::Done(seen, waited) => return (seen, waited),
            Step::Wait(pause) => settle.waited(wait(pause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge::{Conclusion, Judgement};
    use super::*;
    use crate::check::verdict::Ended;
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Is clean after so many looks, and counts how often it was asked why.
    struct CleanAfter {
        looks: AtomicU32,
        explained: AtomicU32,
    }

    impl Judge for CleanAfter {
        fn body_begins(&self) {}

        fn round(&self, _round: u32) -> Seen {
            Seen::Settled
        }

        fn look(&self, _checkpoint: Checkpoint) -> Seen {
            if self.looks.fetch_sub(1, Ordering::Relaxed) == 0 { Seen::Settled } else { Seen::Unsettled }
        }

        fn explain(&self, _checkpoint: Checkpoint) -> Seen {
            self.explained.fetch_add(1, Ordering::Relaxed);
            Seen::Unsettled
        }

        fn conclude(&self, _settled: Duration, _ended: Ended) -> Conclusion {
            Judgement::Clean(Vec::new()).into()
        }
    }

    /// Whether it was clean, how long was waited, and the single waits; each uses up this part of itself.
    fn settled(looks: u32, limit: Duration, part: u32) -> (bool, Duration, Vec<Duration>) {
        let waits = RefCell::new(Vec::new());
        let judge = CleanAfter { looks: AtomicU32::new(looks), explained: AtomicU32::new(0) };
        let (seen, waited) = settle_by(&judge, Checkpoint::BodyEnded, limit, |pause| {
            waits.borrow_mut().push(pause);
            pause * part
        });
        let clean = seen == Seen::Settled;
        assert_eq!(judge.explained.into_inner(), u32::from(!clean), "asked why if it is not clean, and only then");
        (clean, waited, waits.into_inner())
    }

    #[test]
    fn a_clean_heap_is_not_waited_for() {
        assert_eq!(settled(0, DEFAULT_SETTLE, 1), (true, Duration::ZERO, Vec::new()));
    }

    #[test]
    fn waiting_ends_as_soon_as_the_heap_is_clean() {
        let (clean, waited, waits) = settled(3, DEFAULT_SETTLE, 1);
        assert!(clean);
        assert_eq!(waits.len(), 3);
        assert_eq!(waited, waits.iter().sum());
        assert!(waited < DEFAULT_SETTLE);
    }

    #[test]
    fn the_limit_is_waited_exactly() {
        let (clean, waited, waits) = settled(u32::MAX, DEFAULT_SETTLE, 1);
        assert!(!clean);
        assert_eq!((waited, waits.iter().sum()), (DEFAULT_SETTLE, DEFAULT_SETTLE));
        assert!(waits.len() >= 8, "{waits:?}");
        assert_eq!(settled(u32::MAX, Duration::ZERO, 1), (false, Duration::ZERO, Vec::new()));
    }

    #[test]
    fn doubts_are_waited_for_once() {
        struct Doubtful(AtomicU32);
        impl Judge for Doubtful {
            fn body_begins(&self) {}
            fn round(&self, _round: u32) -> Seen {
                Seen::Settled
            }

            fn look(&self, _checkpoint: Checkpoint) -> Seen {
                if self.0.fetch_add(1, Ordering::Relaxed) < 3 { Seen::Doubtful } else { Seen::Settled }
            }
            fn explain(&self, _checkpoint: Checkpoint) -> Seen {
                Seen::Doubtful
            }
            fn conclude(&self, _settled: Duration, _ended: Ended) -> Conclusion {
                Judgement::Clean(Vec::new()).into()
            }
        }
        let seen = |checkpoint| settle_by(&Doubtful(AtomicU32::new(0)), checkpoint, DEFAULT_SETTLE, |pause| pause);
        let (while_alive, waited) = seen(Checkpoint::BodyEnded);
        assert_eq!(while_alive, Seen::Settled, "the doubt ended");
        assert!(waited > Duration::ZERO);
        assert_eq!(seen(Checkpoint::Afterwards), (Seen::Doubtful, Duration::ZERO));
    }

    #[test]
    fn a_slow_first_look_does_not_make_the_first_wait_long() {
        struct Slow(AtomicU32);
        impl Judge for Slow {
            fn body_begins(&self) {}
            fn round(&self, _round: u32) -> Seen {
                Seen::Settled
            }

            fn look(&self, _checkpoint: Checkpoint) -> Seen {
                std::thread::sleep(Duration::from_millis(20));
                if self.0.fetch_add(1, Ordering::Relaxed) < 2 { Seen::Unsettled } else { Seen::Settled }
            }
            fn explain(&self, _checkpoint: Checkpoint) -> Seen {
                Seen::Unsettled
            }
            fn conclude(&self, _settled: Duration, _ended: Ended) -> Conclusion {
                Judgement::Clean(Vec::new()).into()
            }
        }
        let mut waits = Vec::new();
        settle_by(&Slow(AtomicU32::new(0)), Checkpoint::BodyEnded, DEFAULT_SETTLE, |pause| {
            waits.push(pause);
            pause
        });
        assert_eq!(waits.len(), 2);
        assert_eq!(waits[0], FIRST_PAUSE);
        assert!(waits[1] >= Duration::from_millis(40), "{waits:?}");
    }

    #[test]
    fn time_that_does_not_count_is_not_counted() {
        let (clean, waited, waits) = settled(50, DEFAULT_SETTLE, 0);
        assert!(clean);
        assert_eq!((waited, waits.len()), (Duration::ZERO, 50));
    }
}
