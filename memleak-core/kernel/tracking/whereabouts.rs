//! Which threads there are and have been, by where their thread-local word is.
//!
//! May use: `os`, `interface_tracker`.
//!
//! The C library keeps the stacks of threads that have ended, for threads to come, with all that is left on them. Who looks for pointers has to
//! know such memory from other memory: a thread's word is at the end of its stack. One entry for each place is kept for good. There are few:
//! a stack is used again.

use super::super::interface_tracker::RawThread;
use super::os;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const BITS: u32 = 12;

/// Where a thread is or was. What does not fit is not noted.
struct Place {
    /// Zero if the entry is free.
    word: AtomicU64,
    /// The system's number of the thread that is there; zero if it has ended.
    id: AtomicU32,
}

static PLACES: [Place; 1 << BITS] = [const { Place { word: AtomicU64::new(0), id: AtomicU32::new(0) } }; 1 << BITS];

/// The entry of this thread; it gets one if there is room.
fn own() -> Option<&'static Place> {
    let word = os::thread_word() as u64;
    let home = (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS)) as usize;
    for step in 0..1usize << BITS {
        let place = PLACES.get(home.wrapping_add(step) & ((1 << BITS) - 1))?;
        let found = match place.word.compare_exchange(0, word, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => word,
            Err(found) => found,
        };
        if found == word {
            return Some(place);
        }
    }
    None
}

/// This thread has come.
pub fn enter() {
    if let Some(place) = own() {
        place.id.store(os::thread_id(), Ordering::Release);
    }
}

/// This thread is about to end.
pub fn leave() {
    if let Some(place) = own() {
        place.id.store(0, Ordering::Release);
    }
}

/// Writes all entries to `into`, as many as fit, and answers how many there are.
pub fn copy(into: &mut [RawThread]) -> usize {
    let mut count = 0usize;
    for place in &PLACES {
        let (word, id) = (place.word.load(Ordering::Acquire), place.id.load(Ordering::Acquire));
        if word != 0 {
            if let Some(slot) = into.get_mut(count) {
                *slot = RawThread { word, id };
            }
            count = count.wrapping_add(1);
        }
    }
    count
}
