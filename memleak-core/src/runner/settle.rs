//! Gives background work time to let go of what it holds, and returns at once when it has.

use super::judge::Judge;
use std::time::{Duration, Instant};

/// How long background work may take by default.
///
/// A clean test never waits that long. A failing one always does, and shall explain itself within half a second. What a test leaves
/// behind on purpose (an aborted task, a closed connection, a detached thread that is about to end) is gone within a few milliseconds.
pub(super) const DEFAULT_SETTLE: Duration = Duration::from_millis(200);

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// Counts until nothing is left that waiting can change, or until `limit` has been waited. `wait` lets background work run for about the
/// given time and returns how much of `limit` that has used up.
///
/// The time spent counting is not part of `limit`. Nor is the time by which a pause took longer than asked for: on a busy machine
/// background work gets as many turns as on an idle one.
pub(super) fn settle<J: Judge>(
    judge: &J,
    limit: Duration,
    mut wait: impl FnMut(Duration) -> Duration,
) -> (J::Count, Duration) {
    let mut waited = Duration::ZERO;
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = Instant::now();
        let count = judge.count();
        let cost = asked.elapsed();
        if waited >= limit || !judge.may_settle(&count) {
            return (count, waited);
        }
        // No more than a third of the time goes into counting.
        let step = pause.max(cost * 2).min(limit - waited);
        waited += wait(step);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The `wait` of a test without a runtime: threads run by themselves.
pub(super) fn sleep(pause: Duration) -> Duration {
    std::thread::sleep(pause);
    pause
}
