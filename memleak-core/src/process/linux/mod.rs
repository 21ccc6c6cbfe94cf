//! Stops the world on Linux: all other threads, by a real-time signal and a barrier with a time-out.
//!
//! May use: `tracker`, `address`.
//!
//! - `signal`: what a thread does while it is stopped.
//! - `registers`: what it leaves behind.
//! - `tasks`: the threads as the system lists them.
//! - `mappings`: what is mapped where.
//! - `modules`: writable segments and thread-locals of the executable and its libraries.
//! - `layout`: which memory is whose.
//! - `foreign`: the search for pointers in memory that is nobody's of these.
//! - `malloc`, `jemalloc`: what of it only looks like pointers.
//! - `pages`: what the system says of single pages.
//! - `own`: which frames are memleak's.
//! - `files`: files of `/proc`.

mod files;
mod foreign;
mod jemalloc;
mod layout;
mod malloc;
mod mappings;
mod modules;
mod own;
mod pages;
mod registers;
mod signal;
mod tasks;

use super::{Places, Task, TooSmall};
use crate::address::RuntimeAddress;
use crate::tracker::{self, Census, Frozen, ThreadPlace, Word};
use foreign::Foreign;
use layout::Whereabouts;
use mappings::Mapping;
use modules::Modules;
pub use own::in_own_frames;
use pages::Pages;
use signal::Round;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tasks::Name;

/// How long the threads that have not stopped yet are waited for, from the last one that did.
///
/// A thread stops as soon as it runs, so only one that the system holds needs that long, or one that waits for its turn on a busy machine.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long those are waited for that wait for their turn.
const PATIENCE_FOR_A_TURN: Duration = Duration::from_secs(2);

/// A thread that has blocked the signal while it ran for so many nanoseconds goes on to do so.
const ENOUGH_TURNS: u64 = 2_000_000;

/// Between two looks at threads that have not stopped, in microseconds.
const LOOK: i64 = 500;

/// So many listings must be enough to see every thread: stopped ones start no others.
const LISTINGS: usize = 30;

/// The part of the C library's segment that only looks like pointers, once it is found. It stays where it is.
static MAIN_ARENA: OnceLock<Range<u64>> = OnceLock::new();

/// Made ready before the world is stopped: room for all that is learnt meanwhile.
#[derive(Debug)]
pub struct Room {
    /// For the text of a file.
    text: Vec<u8>,
    found: Vec<Found>,
    mappings: Vec<Mapping>,
    modules: Modules,
    /// Where threads are and were.
    thread_places: Vec<ThreadPlace>,
    foreign: Foreign,
    /// The last try had too little room.
    too_small: bool,
}

/// A thread that was listed.
#[derive(Debug)]
struct Found {
    id: u32,
    /// Where it tells what its registers held.
    slot: usize,
    name: Name,
    standing: Standing,
    places: Places,
    thread_pointer: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Just listed.
    New,
    /// It blocks the signal, as a thread does for a moment that starts or ends. At so many looks it slept, which such a one does not; and when it
    /// was seen first it had run for so many nanoseconds.
    Blocking { slept: u32, ran: u64 },
    /// The signal was sent.
    Invited,
    /// It stands.
    Stopped,
    /// It goes on: it blocks the signal, or did not stop in time.
    Running,
    /// It has ended.
    Gone,
}

/// All other threads, stopped, until [`World::resume`] or until this is dropped.
#[derive(Debug)]
pub struct World<'r> {
    room: &'r mut Room,
    frozen: &'r Frozen,
    /// None if the signal could not be had: then no thread has stopped.
    round: Option<Round>,
}

impl Default for Room {
    fn default() -> Self {
        Room {
            text: vec![0; 1 << 16],
            found: Vec::with_capacity(64),
            mappings: Vec::with_capacity(1024),
            modules: Modules::default(),
            thread_places: Vec::with_capacity(1 << 12),
            foreign: Foreign::default(),
            too_small: false,
        }
    }
}

impl Room {
    /// Makes what is needed ready, and asks the loader which memory is a module's. Must come before each stop, while all threads run, on a thread
    /// that is untracked.
    pub fn prepare(&mut self) {
        self.found.clear();
        if std::mem::take(&mut self.too_small) {
            self.text.resize(2 * self.text.len(), 0);
            self.found.reserve(2 * self.found.capacity());
            self.mappings.reserve(2 * self.mappings.capacity());
            self.thread_places.reserve(2 * self.thread_places.capacity());
            self.foreign.enlarge();
        }
        signal::make_slots(self.found.capacity());
        self.modules = Modules::loaded();
        if MAIN_ARENA.get().is_none() {
            let word = |at| tracker::read_word(RuntimeAddress(at));
            let segments = &mut self.modules.libc_segments.iter();
            if let Some(found) = segments.find_map(|segment| malloc::main_arena(segment.clone(), word)) {
                let _ = MAIN_ARENA.set(found);
            }
        }
    }

    /// Stops all threads but this one. From here to the end of the answer, or to [`World::resume`], the caller must not allocate, free or wait
    /// for a lock.
    ///
    /// Allocation traffic is frozen before, so that no thread is stopped inside the live table.
    ///
    /// # Errors
    /// When there was too little room: the threads go on, and [`prepare`](Room::prepare) will make more.
    pub fn stop<'r>(&'r mut self, frozen: &'r Frozen) -> Result<World<'r>, TooSmall> {
        self.found.clear();
        let round = Round::begin();
        let looked_around = self.look_around(round.as_ref(), frozen);
        self.too_small = looked_around.is_err();
        looked_around.map(|()| World { room: self, frozen, round })
    }

    fn look_around(&mut self, round: Option<&Round>, frozen: &Frozen) -> Result<(), TooSmall> {
        self.stop_all(round)?;
        mappings::read(&mut self.text, &mut self.mappings)?;
        if !tracker::thread_places(&mut self.thread_places) {
            return Err(TooSmall);
        }
        let pages = Pages::open();
        let is_readable = |at| frozen.read_words(RuntimeAddress(at), &mut [0]);
        let from_word = self.word_to_thread_pointer();
        for place in &self.thread_places {
            let Some(tp) = from_word.map(|offset| place.word.wrapping_add_signed(offset)) else { continue };
            mappings::cut_at_guards(&mut self.mappings, tp, &pages, is_readable)?;
        }
        for index in 0..self.found.len() {
            let whereabouts = self.whereabouts(index, round);
            if let Some(tp) = whereabouts.thread_pointer {
                mappings::cut_at_guards(&mut self.mappings, tp, &pages, is_readable)?;
            }
            self.found[index].places = layout::places(whereabouts, &self.mappings, &self.modules);
            self.found[index].thread_pointer = whereabouts.thread_pointer;
        }
        Ok(())
    }

    /// Lists and stops until a listing has nothing new.
    fn stop_all(&mut self, round: Option<&Round>) -> Result<(), TooSmall> {
        for _ in 0..LISTINGS {
            let known = self.found.len();
            self.list()?;
            if self.found.len() == known {
                break;
            }
            for index in known..self.found.len() {
                self.invite(index, round);
            }
            self.wait(round);
        }
        self.found.retain(|found| found.standing != Standing::Gone);
        Ok(())
    }

    fn list(&mut self) -> Result<(), TooSmall> {
        let own = own_id();
        let mut fits = true;
        let (found, text) = (&mut self.found, &mut self.text);
        tasks::list(text, |id| {
            let is_new = id != own && !found.iter().any(|found| found.id == id);
            if is_new && found.len() == found.capacity() {
                fits = false;
            } else if is_new {
                let (slot, name, places) = (found.len(), Name::default(), Places::default());
                found.push(Found { id, slot, name, standing: Standing::New, places, thread_pointer: None });
            }
        });
        if fits { Ok(()) } else { Err(TooSmall) }
    }

    /// Sends the signal to a thread unless it blocks it: then it would never come, or be taken for another one by who waits for signals.
    fn invite(&mut self, index: usize, round: Option<&Round>) {
        let Found { id, standing, .. } = self.found[index];
        let status = tasks::status(id, &mut self.text).filter(|status| !matches!(status.state, b'Z' | b'X'));
        let Some(status) = status else {
            self.found[index].standing = Standing::Gone;
            return;
        };
        self.found[index].name = status.name;
        self.found[index].standing = match round {
            None => Standing::Running,
            Some(round) if status.blocked & round.mask() != 0 => self.blocking(id, standing, status.state == b'S'),
            Some(round) if round.invite(index, id) => Standing::Invited,
            Some(_) => Standing::Gone,
        };
    }

    /// What becomes of a thread that blocks the signal.
    fn blocking(&mut self, id: u32, before: Standing, sleeps: bool) -> Standing {
        let now = tasks::ran_for(id, &mut self.text).unwrap_or(0);
        match before {
            Standing::Blocking { slept: 2.., .. } if sleeps => Standing::Running,
            Standing::Blocking { ran, .. } if now.saturating_sub(ran) > ENOUGH_TURNS => Standing::Running,
            Standing::Blocking { slept, ran } => Standing::Blocking { slept: if sleeps { slept + 1 } else { 0 }, ran },
            _ => Standing::Blocking { slept: u32::from(sleeps), ran: now },
        }
    }

    /// Until all have stopped that will, or for as long as [`PATIENCE`] lasts.
    fn wait(&mut self, round: Option<&Round>) {
        let Some(round) = round else { return };
        let mut since = Instant::now();
        loop {
            let seen = signal::stops();
            let mut pending = false;
            for index in 0..self.found.len() {
                let Found { id, standing, .. } = self.found[index];
                if matches!(standing, Standing::Blocking { .. }) {
                    self.invite(index, Some(round));
                } else if standing == Standing::Invited {
                    if round.stopped(index).is_some() {
                        self.found[index].standing = Standing::Stopped;
                        since = Instant::now();
                    } else if !signal::exists(id) && round.withdraw(index) {
                        self.found[index].standing = Standing::Gone;
                    }
                }
                pending |= matches!(self.found[index].standing, Standing::Invited | Standing::Blocking { .. });
            }
            if !pending {
                return;
            }
            if since.elapsed() > PATIENCE {
                self.give_up(round, since.elapsed() > PATIENCE_FOR_A_TURN);
            }
            signal::wait_for_stop(seen, LOOK);
        }
    }

    /// Lets threads run on that have not stopped: all of them, or those that do not wait for their turn.
    fn give_up(&mut self, round: &Round, all: bool) {
        for index in 0..self.found.len() {
            let Found { id, standing, .. } = self.found[index];
            if !matches!(standing, Standing::Invited | Standing::Blocking { .. }) {
                continue;
            }
            let mut waits_for_its_turn =
                || tasks::status(id, &mut self.text).is_some_and(|status| status.state == b'R');
            if !all && waits_for_its_turn() {
                continue;
            }
            self.found[index].standing = Standing::Running;
            if standing == Standing::Invited && !round.withdraw(index) {
                // It is in the handler, so it will have stopped in a moment.
                while round.stopped(index).is_none() {
                    std::thread::yield_now();
                }
                self.found[index].standing = Standing::Stopped;
            }
        }
    }
}

fn own_id() -> u32 {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }.unsigned_abs()
}

fn is_main(id: u32) -> bool {
    id == std::process::id()
}

impl Room {
    fn whereabouts(&mut self, index: usize, round: Option<&Round>) -> Whereabouts {
        let Found { id, slot, .. } = self.found[index];
        let is_main = is_main(id);
        match round.and_then(|round| round.stopped(slot)) {
            Some(registers) => Whereabouts {
                is_main,
                stack_pointer: Some(registers.stack_pointer),
                thread_pointer: Some(registers.thread_pointer),
            },
            None => Whereabouts {
                is_main,
                stack_pointer: tasks::stack_pointer(id, &mut self.text),
                thread_pointer: self.thread_pointer_of(id),
            },
        }
    }

    /// Where a thread's record is that did not tell, if it has come to the allocator.
    fn thread_pointer_of(&self, id: u32) -> Option<u64> {
        let place = self.thread_places.iter().find(|place| place.id == id)?;
        Some(place.word.wrapping_add_signed(self.word_to_thread_pointer()?))
    }

    /// The same for each thread.
    fn word_to_thread_pointer(&self) -> Option<i64> {
        let own = self.thread_places.iter().find(|place| place.id == own_id())?;
        Some(registers::thread_pointer().wrapping_sub(own.word).cast_signed())
    }
}

impl World<'_> {
    /// Lets the threads go on. What they have told stays: the next stop waits for the end of the freeze.
    pub fn resume(&self) {
        if let Some(round) = &self.round {
            round.end();
        }
    }

    /// The threads, the one that stops them left out.
    pub fn tasks(&self) -> impl Iterator<Item = Task<'_>> {
        self.room.found.iter().map(|found| {
            let registers = self.round.as_ref().and_then(|round| round.stopped(found.slot));
            let own_frames = registers.and(found.places.stack.as_ref()).and_then(|stack| own::part_of(stack, found.id));
            Task {
                id: found.id,
                name: found.name.bytes(),
                stopped: registers.is_some(),
                registers: registers.filter(|_| own_frames.is_none()).map_or(&[], |registers| registers.words()),
                position: registers.map(|registers| registers.position),
                places: &found.places,
                own_frames,
            }
        })
    }

    /// The writable segments of the executable and its libraries.
    pub fn segments(&self) -> &[Range<u64>] {
        &self.room.modules.segments
    }

    /// A part of a segment that must not be taken for pointers.
    pub fn not_pointers(&self) -> Option<Range<u64>> {
        MAIN_ARENA.get().cloned()
    }

    /// Searches memory that is in no segment, stack, thread-local or block for words that lead to a block: to its start, or to what an `Rc` or
    /// `Arc` there holds.
    ///
    /// # Errors
    /// When there was too little room: the threads go on with the end of the world, and [`Room::prepare`] will make more.
    pub fn search_foreign(&mut self, census: &Census<'_>) -> Result<(), TooSmall> {
        let searched = self.leave_out_others().and_then(|()| {
            let Room { foreign, mappings, .. } = &mut *self.room;
            foreign.search(mappings, census, self.frozen)
        });
        self.room.too_small = searched.is_err();
        searched
    }

    /// What was found.
    pub fn foreign(&self) -> &[Word] {
        &self.room.foreign.found
    }

    fn leave_out_others(&mut self) -> Result<(), TooSmall> {
        let from_word = self.room.word_to_thread_pointer();
        let Room { found, mappings, modules, thread_places, foreign, .. } = &mut *self.room;
        foreign.others.clear();
        let own = tracker::own_memory();
        foreign.leave_out(own.start.0..own.end.0)?;
        modules.segments.iter().try_for_each(|segment| foreign.leave_out(segment.clone()))?;
        for thread in found.iter() {
            if let Some([start, end]) =
                self.round.as_ref().and_then(|round| Some(round.stopped(thread.slot)?.signal_stack))
            {
                foreign.leave_out(start..end)?;
            }
            thread.places.ranges().try_for_each(|range| foreign.leave_out(range.clone()))?;
        }
        let [start, end] = signal::own_signal_stack();
        foreign.leave_out(start..end)?;
        let others = found.iter().filter_map(|thread| Some((thread.id, thread.thread_pointer?)));
        for (id, tp) in others.chain([(own_id(), registers::thread_pointer())]) {
            layout::own_memory(is_main(id), tp, mappings, modules).map_or(Ok(()), |own| foreign.leave_out(own))?;
        }
        // Stacks of threads that have ended, if the C library has kept them.
        for place in thread_places.iter() {
            let Some(tp) = from_word.map(|offset| place.word.wrapping_add_signed(offset)) else { continue };
            if is_a_thread_record(tp, self.frozen) {
                let own = layout::own_memory(is_main(place.id), tp, mappings, modules);
                own.map_or(Ok(()), |own| foreign.leave_out(own))?;
            }
        }
        Ok(())
    }
}

/// Whether there is the C library's record of a thread: by convention it says where it is.
fn is_a_thread_record(tp: u64, frozen: &Frozen) -> bool {
    let mut words = [0; 3];
    let readable = frozen.read_words(RuntimeAddress(tp), &mut words);
    readable && (cfg!(not(target_arch = "x86_64")) || words[0] == tp && words[2] == tp)
}
