//! The live table against a model, with made-up addresses: the allocator under test wraps one that answers what it is told to.

use memleak_core::tracker::{self, Allocator, Origin, Status};
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::HashMap;
use std::ptr;
use std::sync::Mutex;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

/// Answers the address that was put here, and never touches it. What goes back is said to be empty, so that nothing tries to wipe it.
struct MadeUp;

thread_local!(static NEXT: Cell<usize> = const { Cell::new(0) });

// SAFETY: whoever uses it knows that there is no memory behind the addresses.
unsafe impl GlobalAlloc for MadeUp {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::without_provenance_mut(NEXT.get())
    }
    unsafe fn alloc_zeroed(&self, _: Layout) -> *mut u8 {
        ptr::without_provenance_mut(NEXT.get())
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
        ptr::without_provenance_mut(NEXT.get())
    }
}

static UNDER_TEST: Allocator<MadeUp> = Allocator::new(MadeUp);
/// The tests here share the process's one table and its epoch.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Where no allocator of this process has its memory.
const BASE: usize = 0x1234_0000_0000;
const END: usize = 0x5000_0000_0000;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

fn address(at: usize) -> *mut u8 {
    ptr::without_provenance_mut(at)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Expected {
    size: u64,
    epoch: u32,
    origin: Origin,
}

fn allocate(at: usize, size: usize, zeroed: bool) -> Expected {
    NEXT.set(at);
    // SAFETY: there is no memory to misuse.
    unsafe {
        if zeroed {
            UNDER_TEST.alloc_zeroed(layout(size))
        } else {
            UNDER_TEST.alloc(layout(size))
        };
    }
    let origin = if zeroed { Origin::Zeroed } else { Origin::Alloc };
    Expected { size: size as u64, epoch: current_epoch(), origin }
}

fn reallocate(from: usize, to: usize, size: usize) {
    NEXT.set(to);
    // SAFETY: there is no memory to misuse.
    unsafe { UNDER_TEST.realloc(address(from), layout(0), size) };
}

fn free(at: usize) {
    // SAFETY: there is no memory to misuse.
    unsafe { UNDER_TEST.dealloc(address(at), layout(0)) };
}

thread_local!(static EPOCH: Cell<u32> = const { Cell::new(0) });

fn current_epoch() -> u32 {
    EPOCH.get()
}

/// What the table has in the made-up range.
fn recorded() -> HashMap<usize, Expected> {
    let frozen = tracker::freeze();
    let blocks = frozen.blocks();
    assert!(blocks.windows(2).all(|pair| pair[0].address < pair[1].address), "sorted, and none twice");
    let ours = blocks.iter().map(|block| (block.address.0 as usize, block)).filter(|(at, _)| (BASE..END).contains(at));
    ours.map(|(at, block)| (at, Expected { size: block.size, epoch: block.epoch, origin: block.origin })).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// Dense places in a few regions, and their very ends; the further from zero `spread` is, the more regions.
    fn place(&mut self, spread: usize) -> usize {
        let region = BASE + self.below(spread) * (2 << 20);
        match self.below(20) {
            0 => region,
            1 => region + (2 << 20) - 1,
            2 => region + self.below(2 << 20),
            _ => region + self.below(3000) * 16,
        }
    }

    fn size(&mut self) -> usize {
        match self.below(10) {
            0 => 0,
            1 => self.below(1 << 46),
            2 => 1 << self.below(47),
            _ => self.below(5000),
        }
    }
}

#[test]
fn random_operations_leave_what_a_map_says() {
    let _alone = ONE_AT_A_TIME.lock();
    assert_eq!(tracker::enable(), Status::On);
    EPOCH.set(tracker::next_epoch());
    for (seed, spread) in [(1, 1), (2, 3), (3, 40), (4, 2), (5, 70_000)] {
        let mut random = Random(seed * 0x1234_5677);
        let mut model: HashMap<usize, Expected> = HashMap::new();
        for step in 0..30_000 {
            // First it grows, then it shrinks.
            let grow = if step < 15_000 { 6 } else { 2 };
            let place = random.place(spread);
            let known = model.get(&place).copied();
            match (random.below(8), known) {
                (choice, None) if choice < grow => {
                    let (size, zeroed) = (random.size(), random.below(3) == 0);
                    model.insert(place, allocate(place, size, zeroed));
                }
                // An address that is not recorded, as from before tracking began.
                (_, None) => free(place),
                (0 | 1, Some(_)) => {
                    let to = if random.below(3) == 0 { place } else { random.place(spread) };
                    if to != place && model.contains_key(&to) {
                        continue;
                    }
                    let size = random.size();
                    reallocate(place, to, size);
                    model.remove(&place);
                    model.insert(to, Expected { size: size as u64, epoch: current_epoch(), origin: Origin::Realloc });
                }
                (2, Some(_)) => {
                    // Fails: the old block stays as it was.
                    reallocate(place, 0, 1 << 20);
                }
                (3, _) if step % 500 == 0 => EPOCH.set(tracker::next_epoch()),
                (_, Some(_)) => {
                    free(place);
                    model.remove(&place);
                }
            }
            if step % 5_000 == 0 {
                assert!(recorded() == model, "seed {seed}, step {step}");
            }
        }
        assert!(recorded() == model, "seed {seed}");
        for place in model.into_keys() {
            free(place);
        }
        assert_eq!(recorded(), HashMap::new());
    }
    assert_eq!(tracker::losses(), tracker::Losses::default());
}

#[test]
fn the_table_keeps_up_with_a_dense_region() {
    let _alone = ONE_AT_A_TIME.lock();
    assert_eq!(tracker::enable(), Status::On);
    let region = BASE + (1 << 35);
    for at in 0..(2 << 20) / 16 {
        allocate(region + at * 16, 16, false);
    }
    for at in (0..(2 << 20) / 16).filter(|at| at % 3 != 0) {
        free(region + at * 16);
    }
    let left: Vec<usize> = (0..(2 << 20) / 16).step_by(3).map(|at| region + at * 16).collect();
    let mut recorded: Vec<usize> = recorded().into_keys().collect();
    recorded.sort_unstable();
    assert!(recorded == left, "{} and {}", recorded.len(), left.len());
    left.iter().for_each(|at| free(*at));
}

#[test]
fn an_epoch_and_a_size_of_any_width_come_back() {
    let _alone = ONE_AT_A_TIME.lock();
    assert_eq!(tracker::enable(), Status::On);
    for size in [0, 1, (1 << 43) - 1, 1 << 43, (1 << 47) - 1] {
        for zeroed in [false, true] {
            let at = BASE + (1 << 36) + size % 77;
            EPOCH.set(tracker::next_epoch());
            let expected = allocate(at, size, zeroed);
            assert_eq!(recorded(), HashMap::from([(at, expected)]));
            free(at);
        }
    }
}

/// In a process of its own, because the other tests look for no losses.
#[test]
fn an_address_out_of_range_is_counted_as_lost() {
    let name = "an_address_out_of_range_is_counted_as_lost";
    if std::env::var_os(tracker::TRACK).is_none() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(tracker::TRACK, "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        assert!(String::from_utf8_lossy(&child.stdout).contains("counted as lost, once"));
        return;
    }
    allocate(1 << 48, 10, false);
    assert_eq!(tracker::losses(), tracker::Losses { blocks: 1, stacks: 0 });
    println!("counted as lost, once");
}
