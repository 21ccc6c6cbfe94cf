//! Stops the world on Linux: all other threads, by a real-time signal and a barrier with a time-out.
//!
//! May use: `tracker`.
//!
//! - `signal`: what a thread does while it is stopped.
//! - `registers`: what it leaves behind.
//! - `tasks`: the threads as the system lists them.
//! - `mappings`: what is mapped where.
//! - `modules`: writable segments and thread-locals of the executable and its libraries.
//! - `layout`: which memory is whose.
//! - `files`: files of `/proc`.

mod files;
mod layout;
mod mappings;
mod modules;
mod registers;
mod signal;
mod tasks;

use super::{Places, Task, TooSmall};
use crate::tracker::Frozen;
use layout::Whereabouts;
use mappings::Mapping;
use modules::Modules;
use signal::Round;
use std::ops::Range;
use std::time::{Duration, Instant};
use tasks::Name;

/// How long the threads that have not stopped yet are waited for, from the last one that did.
///
/// A thread stops as soon as it runs, so only a very busy machine, or a thread that the system holds, needs that long.
const PATIENCE: Duration = Duration::from_millis(100);

/// Between two looks at threads that have not stopped, in microseconds.
const LOOK: i64 = 500;

/// So many listings must be enough to see every thread: stopped ones start no others.
const LISTINGS: usize = 30;

/// Made ready before the world is stopped: room for all that is learnt meanwhile.
#[derive(Debug)]
pub struct Room {
    /// For the text of a file.
    text: Vec<u8>,
    found: Vec<Found>,
    mappings: Vec<Mapping>,
    modules: Modules,
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
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Just listed.
    New,
    /// It blocks the signal: at so many looks it did nothing else but wait.
    Blocking { waited: u32 },
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
    room: &'r Room,
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
        }
    }
}

impl Room {
    /// Asks the loader which memory is a module's. Must come before each stop, while all threads run.
    pub fn prepare(&mut self) {
        self.modules = Modules::loaded();
    }

    /// Stops all threads but this one. From here to the end of the answer the caller must not allocate, free or wait for a lock.
    ///
    /// Allocation traffic is frozen before, so that no thread is stopped inside the live table.
    ///
    /// # Errors
    /// When there was too little room; there is more now, and the threads go on.
    pub fn stop<'r>(&'r mut self, _frozen: &'r Frozen) -> Result<World<'r>, TooSmall> {
        self.found.clear();
        if !signal::make_slots(self.found.capacity()) {
            // Without slots nobody can be stopped, but all can be listed.
            return self.world(None);
        }
        let round = Round::begin();
        let listed = self.stop_all(round.as_ref());
        if listed.is_err() {
            drop(round);
            self.enlarge();
            return Err(TooSmall);
        }
        self.world(round)
    }

    fn world(&mut self, round: Option<Round>) -> Result<World<'_>, TooSmall> {
        let read = mappings::read(&mut self.text, &mut self.mappings);
        if read.is_err() {
            drop(round);
            self.enlarge();
            return Err(TooSmall);
        }
        for index in 0..self.found.len() {
            let whereabouts = self.whereabouts(index, round.as_ref());
            self.found[index].places = layout::places(whereabouts, &self.mappings, &self.modules);
        }
        Ok(World { room: self, round })
    }

    /// After the threads go on.
    fn enlarge(&mut self) {
        self.found.clear();
        self.mappings.clear();
        self.text.resize(2 * self.text.len(), 0);
        self.found.reserve(2 * self.found.capacity());
        self.mappings.reserve(2 * self.mappings.capacity());
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
        // SAFETY: no preconditions.
        let own = unsafe { libc::gettid() }.unsigned_abs();
        let mut fits = true;
        let (found, text) = (&mut self.found, &mut self.text);
        tasks::list(text, |id| {
            let is_new = id != own && !found.iter().any(|found| found.id == id);
            if is_new && found.len() == found.capacity() {
                fits = false;
            } else if is_new {
                let (slot, name, places) = (found.len(), Name::default(), Places::default());
                found.push(Found { id, slot, name, standing: Standing::New, places });
            }
        });
        if fits { Ok(()) } else { Err(TooSmall) }
    }

    /// Sends the signal to a thread unless it blocks it: then it would never come, or be taken for another one by who waits for signals.
    fn invite(&mut self, index: usize, round: Option<&Round>) {
        let Found { id, standing, .. } = self.found[index];
        self.found[index].standing = match (tasks::status(id, &mut self.text), round) {
            (None, _) => Standing::Gone,
            (Some(status), _) if matches!(status.state, b'Z' | b'X') => Standing::Gone,
            (Some(status), None) => {
                self.found[index].name = status.name;
                Standing::Running
            }
            (Some(status), Some(round)) => {
                self.found[index].name = status.name;
                let waited = match standing {
                    Standing::Blocking { waited } if status.state != b'R' => waited + 1,
                    _ => 0,
                };
                match status.blocked & round.mask() == 0 {
                    true if round.invite(index, id) => Standing::Invited,
                    true => Standing::Gone,
                    // A thread that starts or ends blocks all signals for a moment; it does not sleep meanwhile.
                    false if waited > 1 => Standing::Running,
                    false => Standing::Blocking { waited },
                }
            }
        };
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
                return self.give_up(round);
            }
            signal::wait_for_stop(seen, LOOK);
        }
    }

    fn give_up(&mut self, round: &Round) {
        for (index, found) in self.found.iter_mut().enumerate() {
            let pending = matches!(found.standing, Standing::Invited | Standing::Blocking { .. });
            if !pending {
                continue;
            }
            found.standing = Standing::Running;
            if !round.withdraw(index) {
                // It is in the handler, so it will have stopped in a moment.
                while round.stopped(index).is_none() {
                    std::thread::yield_now();
                }
                found.standing = Standing::Stopped;
            }
        }
    }
}

impl Room {
    fn whereabouts(&mut self, index: usize, round: Option<&Round>) -> Whereabouts {
        let Found { id, slot, .. } = self.found[index];
        let is_main = id == std::process::id();
        match round.and_then(|round| round.stopped(slot)) {
            Some(registers) => Whereabouts {
                is_main,
                stack_pointer: Some(registers.stack_pointer),
                thread_pointer: Some(registers.thread_pointer),
            },
            None => {
                Whereabouts { is_main, stack_pointer: tasks::stack_pointer(id, &mut self.text), thread_pointer: None }
            }
        }
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
            Task {
                id: found.id,
                name: found.name.bytes(),
                stopped: registers.is_some(),
                registers: registers.map_or(&[], |registers| registers.words()),
                places: &found.places,
            }
        })
    }

    /// The writable segments of the executable and its libraries.
    pub fn segments(&self) -> &[Range<u64>] {
        &self.room.modules.segments
    }
}
