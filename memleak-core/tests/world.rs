//! Snapshots of a process whose other threads do all kinds of things: they stop, they are read, they go on.

mod child;

use child::tracked;

use memleak_core::address::RuntimeAddress;
use memleak_core::debuginfo::types::{Type, TypeId};
use memleak_core::heap::containers::View;
use memleak_core::heap::instances::{self, Home, Subject};
use memleak_core::heap::program::Program;
use memleak_core::heap::snapshot::{Region, Snapshot, Thread};
use memleak_core::process::in_own_frames;
use memleak_core::tracker::Allocator;
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// A thread that does something until it is told to end.
struct Running {
    name: String,
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Starts `work`, which says when it is where it shall be met, and gets what it waits for.
    fn start(name: &str, work: impl FnOnce(&dyn Fn(), Receiver<()>) + Send + 'static) -> Running {
        let (end, ended) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || work(&|| tell.send(()).unwrap(), ended)).unwrap();
        told.recv().unwrap();
        Running { name: name.to_owned(), end, thread }
    }

    fn of<'s>(&self, snapshot: &'s Snapshot) -> &'s Thread {
        let mut found = snapshot.threads().iter().filter(|thread| thread.name == self.name);
        let thread = found.next().unwrap_or_else(|| panic!("{} is not there: {:?}", self.name, snapshot.threads()));
        assert!(found.next().is_none());
        thread
    }

    fn end(self) {
        drop(self.end);
        self.thread.join().unwrap();
    }
}

fn words(snapshot: &Snapshot, region: Option<Region>) -> impl Iterator<Item = u64> {
    let bytes = region.map_or(&[][..], |region| snapshot.read(region.start, region.size).unwrap());
    bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()))
}

/// Not the address itself: that would be found wherever this number is.
const MASK: u64 = 0x5a5a_5a5a_5a5a_5a5a;

#[cfg(target_arch = "x86_64")]
#[test]
fn a_pointer_in_a_register_is_found() {
    tracked("a_pointer_in_a_register_is_found", || {
        static GO_ON: AtomicBool = AtomicBool::new(true);
        let masked = black_box(Box::leak(Box::new(77u64)) as *const u64 as u64 ^ MASK);
        let thread = Running::start("register", move |ready, _| {
            ready();
            // SAFETY: the pointer is made and cleared in one register; the loop reads a byte.
            unsafe {
                std::arch::asm!(
                    "xor r12, {mask}",
                    "2: pause",
                    "cmp byte ptr [{go_on}], 0",
                    "jne 2b",
                    "xor r12, r12",
                    mask = in(reg) MASK,
                    go_on = in(reg) GO_ON.as_ptr(),
                    inout("r12") masked => _,
                );
            }
        });
        thread::sleep(Duration::from_millis(20));
        let snapshot = Snapshot::take();
        GO_ON.store(false, Ordering::Relaxed);
        let found = thread.of(&snapshot);
        assert!(found.stopped);
        assert!(found.registers.contains(&(masked ^ MASK)));
        assert!(!words(&snapshot, found.stack).any(|word| word == masked ^ MASK));
        // The handler's stack has it too.
        assert!(!is_foreign(&snapshot, masked ^ MASK));
        thread.end();
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_pointer_in_a_vector_register_or_the_red_zone_is_found() {
    tracked("a_pointer_in_a_vector_register_or_the_red_zone_is_found", || {
        static GO_ON: AtomicBool = AtomicBool::new(true);
        let masked = black_box(0x1234_5678u64 ^ MASK);
        let below = black_box(0x8765_4321u64 ^ MASK);
        let thread = Running::start("vector", move |ready, _| {
            ready();
            // SAFETY: what is below the stack pointer is free to use as far as the red zone goes; the loop reads a byte.
            unsafe {
                std::arch::asm!(
                    "xor {word}, {mask}",
                    "movq xmm5, {word}",
                    "xor {word}, {word}",
                    "xor {below}, {mask}",
                    "mov qword ptr [rsp - 120], {below}",
                    "xor {below}, {below}",
                    "2: pause",
                    "cmp byte ptr [{go_on}], 0",
                    "jne 2b",
                    "pxor xmm5, xmm5",
                    mask = in(reg) MASK,
                    go_on = in(reg) GO_ON.as_ptr(),
                    word = inout(reg) masked => _,
                    below = inout(reg) below => _,
                    out("xmm5") _,
                );
            }
        });
        thread::sleep(Duration::from_millis(20));
        let snapshot = Snapshot::take();
        GO_ON.store(false, Ordering::Relaxed);
        let found = thread.of(&snapshot);
        assert!(found.registers.contains(&(masked ^ MASK)));
        assert!(words(&snapshot, found.stack).any(|word| word == below ^ MASK));
        thread.end();
    });
}

#[test]
fn a_stack_is_copied_from_its_pointer_up() {
    const MARK: u64 = 0x6d61_726b_6d61_726b;

    #[inline(never)]
    fn leave_marks() -> u64 {
        let marks = black_box([MARK ^ MASK; 2000].map(|word| word ^ MASK));
        (&raw const marks) as u64
    }

    tracked("a_stack_is_copied_from_its_pointer_up", || {
        static DEAD: AtomicU64 = AtomicU64::new(0);
        let masked = black_box(Box::leak(Box::new(77u64)) as *const u64 as u64 ^ MASK);
        let thread = Running::start("parked", move |ready, ended| {
            DEAD.store(leave_marks(), Ordering::Relaxed);
            let local = black_box(masked ^ MASK);
            ready();
            let _ = ended.recv();
            black_box(local);
        });
        thread::sleep(Duration::from_millis(20));
        let snapshot = Snapshot::take();
        let found = thread.of(&snapshot);
        assert!(words(&snapshot, found.stack).any(|word| word == masked ^ MASK));
        // What was left is there, deep down.
        let dead = DEAD.load(Ordering::Relaxed) as *const u64;
        // SAFETY: in the stack of a thread that lives and waits.
        assert_eq!(unsafe { dead.read_volatile() }, MARK);
        assert_eq!(snapshot.read(RuntimeAddress(dead as u64), 8), None);
        assert!(!words(&snapshot, found.stack).any(|word| word == MARK));
        thread.end();
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn frames_of_memleaks_own_are_told_from_those_of_their_caller() {
    static IN_OWN: AtomicU64 = AtomicU64::new(0);
    static GO_ON: AtomicBool = AtomicBool::new(false);

    extern "C" fn wait() {
        in_own_frames(|| {
            let local = black_box([IN_OWN.load(Ordering::Relaxed) ^ MASK]);
            while !GO_ON.load(Ordering::Relaxed) {
                thread::park();
            }
            black_box(local);
        });
    }

    tracked("frames_of_memleaks_own_are_told_from_those_of_their_caller", || {
        let [in_own, in_caller, in_register] = black_box([0x1111_2222_3333, 0x2222_3333_4444, 0x3333_4444_5555]);
        IN_OWN.store(in_own ^ MASK, Ordering::Relaxed);
        let (caller, register) = (in_caller ^ MASK, in_register ^ MASK);
        let thread = Running::start("waits", move |ready, ended| {
            let local = black_box([caller ^ MASK]);
            ready();
            // SAFETY: the function is called as the C ABI says, by which it keeps this register.
            unsafe {
                std::arch::asm!(
                    "xor r12, {mask}",
                    "call {wait}",
                    "xor r12, r12",
                    mask = in(reg) MASK,
                    wait = sym wait,
                    inout("r12") register => _,
                    clobber_abi("C"),
                );
            }
            black_box(local);
            let _ = ended.recv();
        });
        thread::sleep(Duration::from_millis(20));
        let snapshot = Snapshot::take();
        GO_ON.store(true, Ordering::Relaxed);
        thread.thread.thread().unpark();
        let found = thread.of(&snapshot);
        let (stack, own) = (found.stack.unwrap(), found.own_frames.unwrap());
        let rest = Region { start: RuntimeAddress(own.start.0 + own.size), size: stack.size - own.size };
        let within = |region, word| words(&snapshot, Some(region)).any(|found| found == word);
        assert!(within(own, in_own) && !within(rest, in_own));
        assert!(within(rest, in_caller) && within(rest, in_register), "what the caller has counts");
        assert!(found.registers.is_empty());
        thread::sleep(Duration::from_millis(20));
        assert_eq!(thread.of(&Snapshot::take()).own_frames, None, "they have ended");
        thread.end();
    });
}

#[test]
fn threads_that_start_and_end_all_the_time() {
    tracked("threads_that_start_and_end_all_the_time", || {
        static GO_ON: AtomicBool = AtomicBool::new(true);
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let starters: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(|| {
                    while GO_ON.load(Ordering::Relaxed) {
                        let batch: Vec<_> = (0..12)
                            .map(|_| thread::spawn(|| black_box(vec![STARTED.fetch_add(1, Ordering::Relaxed); 20])))
                            .collect();
                        batch.into_iter().for_each(|thread| drop(thread.join().unwrap()));
                    }
                })
            })
            .collect();
        let mut seen = 0;
        for _ in 0..200 {
            let snapshot = Snapshot::take();
            seen += snapshot.threads().len();
            let running = snapshot.threads().iter().filter(|thread| !thread.stopped).count();
            // A thread that is about to end blocks all signals.
            assert!(running <= snapshot.threads().len() / 2, "{running} of {}", snapshot.threads().len());
            thread::sleep(Duration::from_millis(1));
        }
        GO_ON.store(false, Ordering::Relaxed);
        starters.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(STARTED.load(Ordering::Relaxed) > 100 && seen > 800, "{STARTED:?} {seen}");
    });
}

/// Runs `work` again and again on two threads while snapshots are taken.
fn take_while(work: fn()) {
    static GO_ON: AtomicBool = AtomicBool::new(true);
    static TURNS: AtomicU64 = AtomicU64::new(0);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(move || {
                while GO_ON.load(Ordering::Relaxed) {
                    work();
                    TURNS.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..100 {
        let before = TURNS.load(Ordering::Relaxed);
        let snapshot = Snapshot::take();
        let running: Vec<_> = snapshot.threads().iter().filter(|thread| !thread.stopped).collect();
        assert!(running.is_empty(), "{running:?}");
        let begin = Instant::now();
        while TURNS.load(Ordering::Relaxed) == before && begin.elapsed() < Duration::from_secs(5) {
            thread::yield_now();
        }
        assert_ne!(TURNS.load(Ordering::Relaxed), before, "they go on");
    }
    GO_ON.store(false, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Runs `work` on a thread that shares one arena of the C library's `malloc` with the threads that it starts.
fn in_main_arena(work: fn()) {
    // SAFETY: no preconditions.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    thread::spawn(work).join().unwrap();
}

#[test]
fn a_stopped_thread_may_hold_mallocs_lock() {
    tracked("a_stopped_thread_may_hold_mallocs_lock", || {
        in_main_arena(|| {
            take_while(|| {
                // SAFETY: freed at once. This size is in no thread's own cache, so the lock is taken.
                unsafe { libc::free(black_box(libc::malloc(5000))) };
                drop(black_box(vec![1u8; 3000]));
            });
        });
    });
}

#[test]
fn a_stopped_thread_may_hold_the_loaders_lock() {
    unsafe extern "C" fn nothing(_: *mut libc::dl_phdr_info, _: usize, _: *mut libc::c_void) -> libc::c_int {
        (0..200).for_each(|_| std::hint::spin_loop());
        0
    }
    tracked("a_stopped_thread_may_hold_the_loaders_lock", || {
        take_while(|| {
            // SAFETY: the callback takes what it gets, and does nothing with it.
            unsafe { libc::dl_iterate_phdr(Some(nothing), std::ptr::null_mut()) };
        });
    });
}

#[test]
fn a_stopped_thread_may_hold_the_lock_of_the_output() {
    tracked("a_stopped_thread_may_hold_the_lock_of_the_output", || {
        take_while(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(b"").unwrap();
            (0..200).for_each(|_| std::hint::spin_loop());
        });
    });
}

fn block_all_signals() {
    // SAFETY: the mask is filled before it is used.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

#[test]
fn a_thread_that_blocks_all_signals_is_read_as_it_waits() {
    tracked("a_thread_that_blocks_all_signals_is_read_as_it_waits", || {
        let masked = black_box(Box::leak(Box::new(77u64)) as *const u64 as u64 ^ MASK);
        let thread = Running::start("deaf", move |ready, ended| {
            block_all_signals();
            let local = black_box(masked ^ MASK);
            ready();
            let _ = ended.recv();
            black_box(local);
        });
        thread::sleep(Duration::from_millis(20));
        let begin = Instant::now();
        let snapshot = Snapshot::take();
        let taken = begin.elapsed();
        let found = thread.of(&snapshot);
        assert!(!found.stopped && found.registers.is_empty());
        assert!(words(&snapshot, found.stack).any(|word| word == masked ^ MASK), "{found:?}");
        assert!(taken < Duration::from_millis(60), "{taken:?}: it was waited for");
        thread.end();
    });
}

#[test]
fn a_thread_that_blocks_all_signals_and_runs_is_read_as_a_whole() {
    tracked("a_thread_that_blocks_all_signals_and_runs_is_read_as_a_whole", || {
        let masked = black_box(Box::leak(Box::new(77u64)) as *const u64 as u64 ^ MASK);
        let thread = Running::start("deaf and busy", move |ready, ended| {
            block_all_signals();
            LAZY.with(|lazy| drop(black_box(lazy.borrow_mut())));
            let local = black_box(masked ^ MASK);
            ready();
            while ended.try_recv() == Err(mpsc::TryRecvError::Empty) {}
            black_box(local);
        });
        let snapshot = Snapshot::take();
        let found = thread.of(&snapshot);
        assert!(!found.stopped);
        assert!(words(&snapshot, found.stack).any(|word| word == masked ^ MASK), "{found:?}");
        let program = Program::current().unwrap();
        let expected = [("world::LAZY".to_owned(), "deaf and busy".to_owned())];
        assert_eq!(in_thread_locals(&program, &snapshot, "world::Session"), expected);
        thread.end();
    });
}

#[test]
fn system_calls_go_on_with_the_right_result() {
    tracked("system_calls_go_on_with_the_right_result", || {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let reads = thread::spawn(move || {
            let mut word = [0; 4];
            // Not `read_exact`, which would try again by itself.
            let read = reader.read(&mut word).unwrap();
            (read, word)
        });
        let sleeps = thread::spawn(|| {
            let begin = Instant::now();
            thread::sleep(Duration::from_millis(300));
            begin.elapsed()
        });
        let (_sender, receiver) = mpsc::channel::<()>();
        let waits = thread::spawn(move || {
            let begin = Instant::now();
            (receiver.recv_timeout(Duration::from_millis(300)).unwrap_err(), begin.elapsed())
        });
        for _ in 0..20 {
            assert!(Snapshot::take().threads().iter().all(|thread| thread.stopped));
            thread::sleep(Duration::from_millis(2));
        }
        writer.write_all(b"word").unwrap();
        assert_eq!(reads.join().unwrap(), (4, *b"word"));
        assert!(sleeps.join().unwrap() >= Duration::from_millis(300));
        let (error, waited) = waits.join().unwrap();
        assert_eq!(error, mpsc::RecvTimeoutError::Timeout);
        assert!(waited >= Duration::from_millis(300));
    });
}

struct Session {
    _name: String,
}

impl Session {
    fn new() -> Session {
        Session { _name: black_box("a name on the heap".to_owned()) }
    }
}

/// A type by its name.
struct Named<'p>(&'p str, Vec<TypeId>);

impl Subject for Named<'_> {
    fn candidates(&self) -> &[TypeId] {
        &self.1
    }
    fn wants(&self, ty: &Type) -> bool {
        *ty.name == *self.0
    }
    fn wants_variant(&self, _: &Type, _: &str) -> bool {
        false
    }
}

/// Where instances are in thread-locals: the names of variable and thread; sorted.
fn in_thread_locals(program: &Program, snapshot: &Snapshot, type_name: &str) -> Vec<(String, String)> {
    let (contents, roots) = (program.contents(snapshot), program.roots(snapshot));
    let view = View { snapshot, types: program.types() };
    let found = instances::find(view, &contents, &roots, &Named(type_name, Vec::new()));
    let place = |home: Home| match home {
        Home::Root(root) => {
            let thread = roots[root].thread.map(|thread| snapshot.threads()[thread as usize].name.clone());
            Some((roots[root].name.to_string(), thread.unwrap_or_default()))
        }
        Home::Block(_) => None,
    };
    assert!(found.iter().all(|instance| instance.doubt.is_none()), "{found:?}");
    let mut places: Vec<_> = found.iter().filter_map(|instance| place(instance.home)).collect();
    places.sort();
    places
}

thread_local! {
    static LAZY: RefCell<Session> = RefCell::new(Session::new());
    static EAGER: RefCell<Option<Session>> = const { RefCell::new(None) };
    static PLAIN: Cell<Option<Number>> = const { Cell::new(None) };
    static LAZY_PLAIN: Cell<Number> = Cell::new(Number { value: std::process::id().into() });
}

#[derive(Clone, Copy)]
struct Number {
    value: u64,
}

#[test]
fn thread_locals_count_once_for_each_thread_that_uses_them() {
    tracked("thread_locals_count_once_for_each_thread_that_uses_them", || {
        let uses_both = Running::start("uses both", |ready, ended| {
            LAZY.with(|lazy| drop(black_box(lazy.borrow_mut())));
            EAGER.set(Some(Session::new()));
            PLAIN.set(Some(LAZY_PLAIN.get()));
            black_box(LAZY_PLAIN.get().value);
            ready();
            let _ = ended.recv();
        });
        let uses_lazy = Running::start("uses lazy", |ready, ended| {
            LAZY.with(|lazy| drop(black_box(lazy.borrow_mut())));
            ready();
            let _ = ended.recv();
        });
        let uses_none = Running::start("uses none", |ready, ended| {
            ready();
            let _ = ended.recv();
        });
        let program = Program::current().unwrap();
        let snapshot = Snapshot::take();
        let expected = [("EAGER", "uses both"), ("LAZY", "uses both"), ("LAZY", "uses lazy")];
        let expected = expected.map(|(name, thread)| (format!("world::{name}"), thread.to_owned()));
        assert_eq!(in_thread_locals(&program, &snapshot, "world::Session"), expected);
        let expected = [("LAZY_PLAIN", "uses both"), ("PLAIN", "uses both")];
        let expected = expected.map(|(name, thread)| (format!("world::{name}"), thread.to_owned()));
        assert_eq!(in_thread_locals(&program, &snapshot, "world::Number"), expected);
        uses_both.end();
        uses_lazy.end();
        let snapshot = Snapshot::take();
        assert_eq!(in_thread_locals(&program, &snapshot, "world::Session"), []);
        uses_none.end();
    });
}

/// A value whose destructor stays under way until it is told to end.
struct Lingering(Receiver<()>, Sender<()>);

impl Drop for Lingering {
    fn drop(&mut self) {
        self.1.send(()).unwrap();
        let _ = self.0.recv();
    }
}

#[test]
fn a_destroyed_thread_local_holds_nothing() {
    thread_local! {
        static LINGERING: RefCell<Option<Lingering>> = const { RefCell::new(None) };
        static DESTROYED: RefCell<Option<Session>> = const { RefCell::new(None) };
    }
    tracked("a_destroyed_thread_local_holds_nothing", || {
        let (end, ended) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            // The one that was used last is destroyed first.
            LINGERING.set(Some(Lingering(ended, tell)));
            DESTROYED.set(Some(Session::new()));
        });
        told.recv().unwrap();
        let program = Program::current().unwrap();
        let snapshot = Snapshot::take();
        assert_eq!(in_thread_locals(&program, &snapshot, "world::Session"), []);
        drop(end);
        thread.join().unwrap();
    });
}

/// Whether a word in other allocators' memory leads to this block.
fn is_foreign(snapshot: &Snapshot, address: u64) -> bool {
    snapshot.foreign().iter().any(|word| word.value == address || word.value == address + 16)
}

#[test]
fn a_pointer_in_memory_of_the_c_library_is_found() {
    tracked("a_pointer_in_memory_of_the_c_library_is_found", || {
        let [to_start, to_value, inside] =
            [0; 3].map(|_| Box::leak(Box::new([7u64; 20])) as *const [u64; 20] as u64 ^ MASK);
        // SAFETY: room for four words, which stays.
        unsafe {
            let room: *mut u64 = libc::calloc(4, 8).cast();
            room.write(to_start ^ MASK);
            room.add(1).write((to_value ^ MASK) + 16);
            room.add(2).write((inside ^ MASK) + 8);
        }
        let snapshot = Snapshot::take();
        let found = [to_start, to_value, inside].map(|address| is_foreign(&snapshot, address ^ MASK));
        assert_eq!(found, [true, true, false], "{:?}", snapshot.foreign());
    });
}

#[test]
fn what_is_left_on_the_stack_of_an_ended_thread_is_not_found() {
    tracked("what_is_left_on_the_stack_of_an_ended_thread_is_not_found", || {
        let masked = Box::leak(Box::new([7u64; 20])) as *const [u64; 20] as u64 ^ MASK;
        let place = thread::spawn(move || {
            let left = black_box([masked ^ MASK; 64]);
            left.as_ptr() as u64
        });
        let place = place.join().unwrap();
        let snapshot = Snapshot::take();
        // SAFETY: the C library has kept the stack.
        let left = unsafe { std::slice::from_raw_parts(place as *const u64, 64) };
        assert!(left.contains(&(masked ^ MASK)), "it is there");
        assert!(!is_foreign(&snapshot, masked ^ MASK), "{place:x} {:x?}", snapshot.foreign());
    });
}

#[test]
fn a_snapshot_leaves_nothing_that_the_next_one_finds() {
    tracked("a_snapshot_leaves_nothing_that_the_next_one_finds", || {
        let threads: Vec<_> = (0..4)
            .map(|number| {
                Running::start(&number.to_string(), |ready, ended| {
                    let local = black_box(Box::new(5));
                    ready();
                    let _ = ended.recv();
                    drop(local);
                })
            })
            .collect();
        let blocks: Vec<u64> =
            (0..100).map(|_| Box::leak(Box::new([7u64; 20])) as *const [u64; 20] as u64 ^ MASK).collect();
        for _ in 0..5 {
            let snapshot = Snapshot::take();
            let found: Vec<_> = blocks.iter().filter(|block| is_foreign(&snapshot, **block ^ MASK)).collect();
            assert!(found.is_empty(), "{} of {:x?}", found.len(), snapshot.foreign());
        }
        threads.into_iter().for_each(Running::end);
    });
}

/// The words of segments that lead into this block or to its end. (Threads may have words left that led to a block that was there before.)
fn leading_to(snapshot: &Snapshot, address: u64, size: u64) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let is_threads =
        |region| snapshot.threads().iter().any(|thread| [thread.stack, thread.thread_locals].contains(&Some(region)));
    for region in snapshot.regions().filter(|region| !is_threads(*region)) {
        for (index, word) in words(snapshot, Some(region)).enumerate() {
            if (address..=address + size).contains(&word) {
                found.push((region.start.0 + 8 * index as u64, word));
            }
        }
    }
    found
}

#[test]
fn what_malloc_keeps_for_itself_leads_nowhere() {
    tracked("what_malloc_keeps_for_itself_leads_nowhere", leak_beside_free_memory);
}

#[test]
fn what_malloc_keeps_in_the_main_arena_leads_nowhere() {
    tracked("what_malloc_keeps_in_the_main_arena_leads_nowhere", || in_main_arena(leak_beside_free_memory));
}

fn leak_beside_free_memory() {
    for size in [16usize, 24, 32, 40, 64, 72] {
        let addresses: Vec<u64> = {
            // The last ones before the end of what malloc has, with free memory between them.
            let blocks: Vec<Box<[u8]>> = (0..40).map(|_| black_box(vec![1u8; size]).into_boxed_slice()).collect();
            let mut gaps: Vec<*mut libc::c_void> = Vec::new();
            let mut addresses = Vec::new();
            for block in blocks {
                addresses.push(Box::leak(block).as_ptr() as u64 ^ MASK);
                // SAFETY: freed below, once. Too large to be kept for the thread.
                gaps.push(unsafe { libc::malloc(3000) });
                addresses.push(Box::leak(black_box(vec![1u8; size]).into_boxed_slice()).as_ptr() as u64 ^ MASK);
            }
            // SAFETY: each was allocated above.
            gaps.iter().for_each(|gap| unsafe { libc::free(*gap) });
            addresses
        };
        let snapshot = Snapshot::take();
        for address in addresses {
            let found = leading_to(&snapshot, address ^ MASK, size as u64);
            assert!(found.is_empty(), "{size}: {:x} {found:x?}", address ^ MASK);
            assert!(!is_foreign(&snapshot, address ^ MASK), "{size}: {:x} {:x?}", address ^ MASK, snapshot.foreign());
        }
    }
}
