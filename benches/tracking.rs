//! What tracking costs: time and memory of an allocation-heavy workload, as ratios to plain `System`.
//!
//! `cargo bench --bench tracking`, or `cargo bench --profile dev --bench tracking` for the plain dev profile.
//!
//! The workload makes and frees blocks of 16 to 1024 bytes from 64 stacks of a given depth, and keeps some alive to the end, a random
//! one of which each new block replaces. The 64 stacks differ in their innermost six calls ("near") or at six places spread over the
//! whole depth ("far"). Each contender runs in a process of its own, the contenders take turns, and the medians are compared. Time is
//! processor time per allocation, so that other work on the machine counts less. The two peers are slow, so they and the `System` they are
//! compared with do a tenth of the work.
//!
//! Contenders: `memleak` records full stacks; `dhat` records ten frames, as it does by default; `backtrace` only captures
//! full stacks with the crate of that name, and records nothing.

use memleak_core::tracker;
use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

const CONTENDERS: [&str; 4] = ["system", "memleak", "dhat", "backtrace"];
const SYSTEM: u8 = 0;
const MEMLEAK: u8 = 1;
const DHAT: u8 = 2;
const BACKTRACE: u8 = 3;

/// A program has one global allocator; this one becomes a contender at the start of `main`.
struct Chosen {
    contender: AtomicU8,
    memleak: tracker::Allocator,
    dhat: dhat::Alloc,
}

#[global_allocator]
static ALLOCATOR: Chosen =
    Chosen { contender: AtomicU8::new(SYSTEM), memleak: tracker::Allocator::system(), dhat: dhat::Alloc };

// SAFETY: forwards to allocators that all end in `System`, so each can free the blocks of the others.
unsafe impl GlobalAlloc for Chosen {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self.contender.load(Ordering::Relaxed) {
                MEMLEAK => self.memleak.alloc(layout),
                DHAT => self.dhat.alloc(layout),
                BACKTRACE => {
                    capture_with_backtrace();
                    System.alloc(layout)
                }
                _ => System.alloc(layout),
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self.contender.load(Ordering::Relaxed) {
                MEMLEAK => self.memleak.dealloc(block, layout),
                DHAT => self.dhat.dealloc(block, layout),
                _ => System.dealloc(block, layout),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self.contender.load(Ordering::Relaxed) {
                MEMLEAK => self.memleak.realloc(block, layout, new_size),
                DHAT => self.dhat.realloc(block, layout, new_size),
                _ => System.realloc(block, layout, new_size),
            }
        }
    }
}

fn capture_with_backtrace() {
    let mut frames = [0usize; 128];
    let mut count = 0;
    // SAFETY: the crate's lock would serialise the threads; what it guards is not used here.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            frames[count] = frame.ip() as usize;
            count += 1;
            count < frames.len()
        });
    }
    black_box(&frames);
}

/// One run's conditions.
#[derive(Clone, Copy)]
struct Load {
    allocations: usize,
    live: usize,
    depth: u32,
    far: bool,
    threads: usize,
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// Makes one block at the end of a path of calls: each of the 64 values of `path` is one stack.
#[inline(never)]
fn left(depth: u32, path: u64, turns: u64, size: usize) -> Vec<u8> {
    descend(depth, path, turns, size)
}

#[inline(never)]
fn right(depth: u32, path: u64, turns: u64, size: usize) -> Vec<u8> {
    let block = descend(depth, path, turns, size);
    black_box(&block);
    block
}

#[inline(always)]
fn descend(depth: u32, path: u64, turns: u64, size: usize) -> Vec<u8> {
    if depth == 0 {
        let mut block = Vec::with_capacity(size);
        block.push(1);
        return block;
    }
    // At each turn the next bit of the path chooses.
    let (goes_right, path) = if turns >> depth & 1 == 1 { (path & 1 == 1, path >> 1) } else { (false, path) };
    let block = if goes_right { right(depth - 1, path, turns, size) } else { left(depth - 1, path, turns, size) };
    black_box(block)
}

fn work(load: Load, seed: u64) -> Vec<Vec<u8>> {
    // The test's thread, `work`, the leaf and what is in it are calls as well.
    let depth = load.depth.saturating_sub(4);
    let turns = (1..=6).fold(0, |turns, i| turns | 1 << if load.far { (i * depth / 6).max(i) } else { i });
    let mut random = seed;
    let mut live: Vec<Vec<u8>> = (0..load.live / load.threads).map(|_| Vec::new()).collect();
    let count = live.len() as u64;
    for i in 0..load.allocations / load.threads {
        let number = next(&mut random);
        let size = 16 + (number >> 32) % 1009;
        let block = left(depth, number & 63, turns, size as usize);
        // Every place is filled first.
        let place = if i < live.len() { i as u64 } else { (number >> 8) % count };
        live[place as usize] = block;
    }
    live
}

/// In the contender's process: does the work and prints processor time (ns) and peak memory (KiB).
fn run(contender: u8, load: Load) {
    ALLOCATOR.contender.store(contender, Ordering::Relaxed);
    let _profiler = (contender == DHAT).then(|| dhat::Profiler::builder().testing().build());
    if contender == MEMLEAK {
        assert_eq!(tracker::enable(), tracker::Status::On);
    }
    let before = usage();
    let threads: Vec<_> =
        (0..load.threads).map(|i| thread::spawn(move || work(load, 0x9e37_79b9 + i as u64))).collect();
    let live: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let after = usage();
    if contender == MEMLEAK {
        check_tracking(load);
    }
    ALLOCATOR.contender.store(SYSTEM, Ordering::Relaxed);
    println!("{} {}", after.0 - before.0, after.1);
    // What the workload is about is not freeing this.
    std::mem::forget(live);
    std::process::exit(0);
}

/// A fast tracker that has missed something is no tracker.
fn check_tracking(load: Load) {
    assert_eq!(tracker::losses(), tracker::Losses::default());
    let mut stacks = std::collections::BTreeMap::<_, usize>::new();
    for block in tracker::freeze().blocks() {
        *stacks.entry(block.stack).or_default() += 1;
    }
    let busy: Vec<_> = stacks.iter().filter(|(_, blocks)| **blocks > load.live / 640).collect();
    assert!(busy.len() >= 64, "{} stacks", busy.len());
    assert!(busy.iter().all(|(stack, _)| stack.frames().len() >= load.depth as usize), "stacks are too short");
}

/// Processor time of this process in nanoseconds, and its peak memory in KiB.
fn usage() -> (u64, u64) {
    // SAFETY: zeroes are a valid `rusage`, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let nanos = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1000;
    (nanos(usage.ru_utime) + nanos(usage.ru_stime), usage.ru_maxrss as u64)
}

/// Runs a contender in a process of its own.
fn measure(contender: &str, load: Load) -> (u64, u64) {
    let Load { allocations, live, depth, far, threads } = load;
    let out = Command::new(env::current_exe().unwrap())
        .env("MEMLEAK_BENCH", format!("{contender} {allocations} {live} {depth} {} {threads}", u8::from(far)))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(out.status.success() && numbers.len() == 2, "{contender}: {text}{}", String::from_utf8_lossy(&out.stderr));
    (numbers[0], numbers[1])
}

fn median(mut numbers: Vec<u64>) -> f64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2] as f64
}

/// Nanoseconds per allocation and KiB of each contender: medians of runs that take turns.
fn compare(contenders: &[&str], load: Load, rounds: usize) -> Vec<(f64, f64)> {
    let mut runs = vec![(Vec::new(), Vec::new()); contenders.len()];
    for _ in 0..rounds {
        for (contender, run) in contenders.iter().zip(&mut runs) {
            let (time, memory) = measure(contender, load);
            run.0.push(time);
            run.1.push(memory);
        }
    }
    let each = load.allocations as f64;
    runs.into_iter().map(|(times, memories)| (median(times) / each, median(memories))).collect()
}

fn main() {
    if let Ok(child) = env::var("MEMLEAK_BENCH") {
        let words: Vec<&str> = child.split(' ').collect();
        let number = |i: usize| words[i].parse::<usize>().unwrap();
        let contender = CONTENDERS.iter().position(|name| *name == words[0]).unwrap();
        let load = Load {
            allocations: number(1),
            live: number(2),
            depth: number(3) as u32,
            far: number(4) == 1,
            threads: number(5),
        };
        run(contender as u8, load);
        return;
    }
    // `cargo bench` says `--bench`. Without it (`cargo test --benches`), and with `-- --quick`: a tenth of the work, and one round.
    let said = |word: &str| env::args().any(|argument| argument == word);
    let quick = said("--quick") || !said("--bench");
    let (scale, rounds) = if quick { (10, 1) } else { (1, 5) };
    println!("ns per allocation (processor time) and peak memory, as ratios to plain System in the same round");
    println!(
        "depth  stacks  threads | System ns | memleak time memory | bytes per live block | dhat time memory | backtrace time memory"
    );
    for threads in [1, 2] {
        for (depth, far) in [(10, false), (30, false), (60, false), (30, true)] {
            let load = Load { allocations: 2_200_000 / scale, live: 200_000 / scale, depth, far, threads };
            let ours = compare(&CONTENDERS[..2], load, rounds);
            let tenth = Load { allocations: load.allocations / 10, live: load.live / 10, ..load };
            let peers = compare(&["system", "dhat", "backtrace"], tenth, 1);
            let ratio = |a: &(f64, f64), b: &(f64, f64)| format!("{:6.2}x {:5.2}x", a.0 / b.0, a.1 / b.1);
            println!(
                "{depth:5}  {:6}  {threads:7} | {:9.0} | {:>19} | {:20.0} | {:>16} | {:>20}",
                if far { "far" } else { "near" },
                ours[0].0,
                ratio(&ours[1], &ours[0]),
                (ours[1].1 - ours[0].1) * 1024.0 / load.live as f64,
                ratio(&peers[1], &peers[0]),
                ratio(&peers[2], &peers[0]),
            );
        }
    }
}
