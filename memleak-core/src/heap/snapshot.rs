//! A frozen copy of the live blocks, and of the memory outside the heap that may lead to them.
//!
//! May use: `process`, `tracker`, `stack`, `address`.

use crate::address::RuntimeAddress;
use crate::process::{Room, Task, World};
use crate::stack::walk::Position;
use crate::tracker::{self, Block, Census, Frozen, Losses, Traffic, Word};
use std::collections::HashSet;
use std::ops::Range;

/// Memory outside the heap: statics, stacks, thread-locals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// Where it starts.
    pub start: RuntimeAddress,
    /// In bytes.
    pub size: u64,
}

impl Region {
    /// The one with these addresses.
    fn of(range: &Range<u64>) -> Region {
        Region { start: RuntimeAddress(range.start), size: range.end - range.start }
    }

    /// Whether it has this address.
    pub fn contains(&self, address: RuntimeAddress) -> bool {
        address.0.wrapping_sub(self.start.0) < self.size
    }
}

/// A thread that lived when the copy was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Thread {
    /// The system's number for it.
    pub id: u32,
    /// Its name; empty if it has none.
    pub name: String,
    /// What its registers held; empty if it could not be stopped, or if its innermost frames are memleak's own.
    pub registers: Vec<u64>,
    /// What it would have gone on with; none if it could not be stopped.
    pub position: Option<Position>,
    /// Its stack, from the stack pointer to the end; copied. None if it is not known.
    pub stack: Option<Region>,
    /// The part of its stack that has frames of memleak's own, in which nothing is the program's.
    pub own_frames: Option<Region>,
    /// Its thread-local memory and what the C library keeps beside it; copied. None if it is not known.
    pub thread_locals: Option<Region>,
    /// Where the executable's block of thread-locals starts.
    pub executables_thread_locals: Option<RuntimeAddress>,
    /// Whether it stood still while the copy was made.
    pub stopped: bool,
}

/// A word in memory that another allocator gave out, which leads to a block: to its start, or to what an `Arc` or `Rc` in it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignWord {
    /// Where it is.
    pub at: RuntimeAddress,
    /// What it says.
    pub value: u64,
}

/// A copy of the heap at one moment. No block was freed or added while it was taken.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By address; they do not overlap.
    blocks: Vec<Block>,
    /// Where each block's copy starts in `bytes`, in the order of `blocks`.
    starts: Vec<usize>,
    /// By address; where a region is in `bytes`.
    regions: Vec<(Region, usize)>,
    bytes: Vec<u8>,
    threads: Vec<Thread>,
    foreign: Vec<ForeignWord>,
    losses: Losses,
    used_up: HashSet<(RuntimeAddress, u64)>,
    epoch: u32,
    traffic: Vec<Traffic>,
}

impl Snapshot {
    /// Copies all live blocks, the writable segments of all modules, and the stacks and thread-locals of all other threads. What cannot be
    /// read is left out.
    ///
    /// Other threads stand still meanwhile.
    pub fn take() -> Snapshot {
        let _own = tracker::untracked();
        let mut room = Room::default();
        let mut outside = FIRST_ROOM;
        loop {
            room.prepare();
            let frozen = tracker::freeze();
            let mut copying = Copying::new(&frozen, outside);
            // If there was too little room, there is more at the next try.
            let Ok(mut world) = room.stop(&frozen) else { continue };
            if world.search_foreign(&copying.census).is_err() {
                continue;
            }
            match copying.copy(&world, &frozen) {
                Ok(()) => {
                    world.resume();
                    return copying.finish(&world, &frozen);
                }
                Err(needed) => outside = needed + needed / 2,
            }
        }
    }

    /// A made-up heap: blocks with their bytes (each as long as the block says), and regions with theirs.
    pub fn made_up(mut blocks: Vec<(Block, Vec<u8>)>, mut regions: Vec<(RuntimeAddress, Vec<u8>)>) -> Snapshot {
        blocks.sort_by_key(|(block, _)| block.address);
        regions.sort_by_key(|(start, _)| *start);
        let mut snapshot = Snapshot::default();
        for (block, bytes) in blocks {
            assert_eq!(block.size, bytes.len() as u64, "a made-up block has as many bytes as its size says");
            snapshot.starts.push(snapshot.bytes.len());
            snapshot.blocks.push(block);
            snapshot.bytes.extend(bytes);
        }
        for (start, bytes) in regions {
            snapshot.regions.push((Region { start, size: bytes.len() as u64 }, snapshot.bytes.len()));
            snapshot.bytes.extend(bytes);
        }
        snapshot
    }

    /// A made-up heap with these threads, whose stacks and thread-locals are among its regions, and these words outside of it.
    #[must_use]
    pub fn with_threads(mut self, threads: Vec<Thread>, foreign: Vec<ForeignWord>) -> Snapshot {
        (self.threads, self.foreign) = (threads, foreign);
        self
    }

    /// Notes that the values here, of these sizes, are used up by a call that has not ended, and what is in the blocks that begin here.
    pub fn note_used_up(&mut self, values: Vec<(RuntimeAddress, u64)>, blocks: Vec<RuntimeAddress>) {
        let blocks = blocks.into_iter().filter_map(|start| {
            let block = self.blocks[self.block_starting(start)?];
            Some((block.address, block.size))
        });
        let all: Vec<(RuntimeAddress, u64)> = values.into_iter().chain(blocks).collect();
        self.used_up.extend(all);
    }

    /// Whether the value of this size here is used up by a call that has not ended: a coroutine that a thread is in, which still has the state in which it was
    /// resumed, or what was moved out of a box. What is left of it is that call's, whose frame says what that is.
    /// A value that it begins with is another one: a future that the coroutine has pinned in itself.
    pub fn is_used_up(&self, value: RuntimeAddress, size: u64) -> bool {
        self.used_up.contains(&(value, size))
    }

    /// Whether the value that fills this block is.
    pub fn is_block_used_up(&self, block: usize) -> bool {
        let block = self.blocks[block];
        self.is_used_up(block.address, block.size)
    }

    /// The threads of the process, the one that made the copy left out.
    pub fn threads(&self) -> &[Thread] {
        &self.threads
    }

    /// The words in other allocators' memory that lead to blocks.
    pub fn foreign(&self) -> &[ForeignWord] {
        &self.foreign
    }

    /// The regions outside the heap that were copied, by address: segments, stacks, thread-locals.
    pub fn regions(&self) -> impl Iterator<Item = Region> {
        self.regions.iter().map(|(region, _)| *region)
    }

    /// The live blocks, by address.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The bytes of the block with this index.
    pub fn bytes_of(&self, block: usize) -> &[u8] {
        let start = self.starts[block];
        &self.bytes[start..start + self.blocks[block].size as usize]
    }

    /// The address and the bytes of each block, by address.
    pub fn copies_of_blocks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        (0..).zip(&self.blocks).map(|(index, block)| (block.address.0, self.bytes_of(index)))
    }

    /// The address and the bytes of each copied region, by address.
    pub fn copies_of_regions(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let bytes = |(region, at): &(Region, usize)| (region.start.0, &self.bytes[*at..*at + region.size as usize]);
        self.regions.iter().map(bytes)
    }

    /// What tracking had lost when the copy was made.
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// The epoch that ended with this copy: what lives in it is of this epoch or an earlier one, what was allocated later is not.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What had been allocated when the copy was made, by stack.
    pub fn traffic(&self) -> &[Traffic] {
        &self.traffic
    }

    /// The index of the block that starts at `address`.
    pub fn block_starting(&self, address: RuntimeAddress) -> Option<usize> {
        self.blocks.binary_search_by_key(&address, |block| block.address).ok()
    }

    /// The index of the block that `address` is in.
    pub fn block_around(&self, address: RuntimeAddress) -> Option<usize> {
        let index = self.blocks.partition_point(|block| block.address <= address).checked_sub(1)?;
        (address.0 - self.blocks[index].address.0 < self.blocks[index].size).then_some(index)
    }

    /// The copied bytes at `address`; none if any of them is outside what was copied.
    pub fn read(&self, address: RuntimeAddress, len: u64) -> Option<&[u8]> {
        self.bytes.get(self.locate(address, len)?)
    }

    /// A little-endian unsigned number of `size` bytes (at most 16).
    pub fn number(&self, address: RuntimeAddress, size: u64) -> Option<u128> {
        if size > 16 {
            return None;
        }
        let mut value = [0; 16];
        value[..size as usize].copy_from_slice(self.read(address, size)?);
        Some(u128::from_le_bytes(value))
    }

    /// A pointer-sized number.
    pub fn word(&self, address: RuntimeAddress) -> Option<u64> {
        self.number(address, 8).map(|value| value as u64)
    }

    fn locate(&self, address: RuntimeAddress, len: u64) -> Option<Range<usize>> {
        let (start, size, at) = match self.block_around(address) {
            Some(index) => (self.blocks[index].address, self.blocks[index].size, self.starts[index]),
            None => {
                let index = self.regions.partition_point(|(region, _)| region.start <= address).checked_sub(1)?;
                let (region, at) = self.regions[index];
                (region.start, region.size, at)
            }
        };
        let offset = address.0 - start.0;
        let end = offset.checked_add(len)?;
        (end <= size).then(|| at + offset as usize..at + end as usize)
    }
}

/// A copy under way. All memory for it is there before the world is stopped.
struct Copying<'f> {
    census: Census<'f>,
    blocks: Vec<Block>,
    starts: Vec<usize>,
    regions: Vec<(Region, usize)>,
    bytes: Vec<u8>,
}

/// So much memory outside the heap is expected at first. It costs nothing until it is used.
const FIRST_ROOM: usize = 8 << 20;

impl<'f> Copying<'f> {
    fn new(frozen: &'f Frozen, outside: usize) -> Self {
        let census = frozen.census();
        let blocks = census.blocks();
        let mut total = 0;
        let mut starts = Vec::with_capacity(blocks.len());
        for block in &blocks {
            starts.push(total);
            total += block.size as usize;
        }
        let bytes = Vec::with_capacity(total + outside);
        Copying { census, blocks, starts, regions: Vec::with_capacity(outside / 4096), bytes }
    }

    /// While the world is stopped: allocates nothing. If there is too little room, says how much is needed outside the heap.
    fn copy(&mut self, world: &World<'_>, frozen: &Frozen) -> Result<(), usize> {
        let places = || world.segments().iter().chain(world.tasks().flat_map(|task| task.places.ranges())).cloned();
        let needed: u64 = places().map(|range| range.end - range.start).sum();
        let count = places().count();
        let needed = (needed as usize).max(count * 4096);
        let fits = self.census.copy(&mut self.bytes);
        debug_assert!(fits, "the blocks are still those that were counted");
        if self.bytes.capacity() - self.bytes.len() < needed || self.regions.capacity() < count {
            return Err(needed);
        }
        for range in places() {
            let region = Region::of(&range);
            let start = self.bytes.len();
            if frozen.copy_memory(region.start, region.size as usize, &mut self.bytes) {
                self.regions.push((region, start));
                if let Some(not) = world.not_pointers().filter(|not| range.start <= not.start && not.end <= range.end) {
                    let at = |address: u64| start + (address - range.start) as usize;
                    self.bytes[at(not.start)..at(not.end)].fill(0);
                }
            }
        }
        Ok(())
    }

    /// After the world goes on.
    fn finish(mut self, world: &World<'_>, frozen: &Frozen) -> Snapshot {
        self.regions.sort_unstable_by_key(|(region, _)| region.start);
        let threads = world.tasks().map(|task| self.thread(&task)).collect();
        let word = |word: &Word| ForeignWord { at: RuntimeAddress(word.at), value: word.value };
        let foreign = world.foreign().iter().map(word).collect();
        let Copying { blocks, starts, regions, bytes, .. } = self;
        let (epoch, traffic) = (frozen.end_epoch(), tracker::traffic());
        Snapshot {
            blocks,
            starts,
            regions,
            bytes,
            threads,
            foreign,
            losses: tracker::losses(),
            epoch,
            traffic,
            used_up: HashSet::new(),
        }
    }

    fn thread(&self, task: &Task<'_>) -> Thread {
        let copied = |range: &Option<Range<u64>>| {
            let region = Region::of(range.as_ref()?);
            self.regions.iter().any(|(copied, _)| *copied == region).then_some(region)
        };
        let thread_locals = copied(&task.places.thread_locals);
        Thread {
            id: task.id,
            name: String::from_utf8_lossy(task.name).into_owned(),
            registers: task.registers.to_vec(),
            position: task.position,
            stack: copied(&task.places.stack),
            own_frames: task.own_frames.as_ref().map(Region::of),
            thread_locals,
            executables_thread_locals: thread_locals.and(task.places.executables_thread_locals).map(RuntimeAddress),
            stopped: task.stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::StackId;
    use crate::tracker::Origin;

    fn block(address: u64, size: u64) -> Block {
        Block { address: RuntimeAddress(address), size, stack: StackId(1), epoch: 0, origin: Origin::Alloc }
    }

    #[test]
    fn reads_inside_one_block_or_region_only() {
        let heap = Snapshot::made_up(
            vec![(block(0x1010, 4), vec![5, 6, 7, 8]), (block(0x1000, 16), (0..16).collect())],
            vec![(RuntimeAddress(0x500), vec![9; 8])],
        );
        assert_eq!(heap.read(RuntimeAddress(0x1004), 4), Some(&[4, 5, 6, 7][..]));
        assert_eq!(heap.read(RuntimeAddress(0x100e), 4), None, "across two blocks");
        assert_eq!(heap.number(RuntimeAddress(0x1010), 4), Some(0x0807_0605));
        assert_eq!(heap.word(RuntimeAddress(0x500)), Some(0x0909_0909_0909_0909));
        assert_eq!(heap.read(RuntimeAddress(0x508), 1), None);
        assert_eq!(heap.block_around(RuntimeAddress(0x100f)), Some(0));
        assert_eq!(heap.block_around(RuntimeAddress(0x1014)), None);
        assert_eq!(heap.block_starting(RuntimeAddress(0x1010)), Some(1));
    }
}
