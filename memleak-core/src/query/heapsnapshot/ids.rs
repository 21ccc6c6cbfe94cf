//! The numbers that nodes go by: what is the same in two snapshots of a process has the same number in both, so that readers can compare them.

use crate::tracker::Block;
use std::collections::HashMap;

/// What numbers were given so far. They are odd, and fit in 32 bits: V8's are so, and readers rely on it.
#[derive(Default)]
pub(super) struct Ids {
    /// By address and epoch: two blocks that have both in common are one.
    blocks: Vec<Known>,
    named: HashMap<String, u32>,
    given: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Known {
    address: u64,
    epoch: u32,
    id: u32,
}

impl Ids {
    fn next(given: &mut u32) -> u32 {
        let id =
            given.checked_mul(2).and_then(|even| even.checked_add(1)).expect("memleak: too many blocks for one file");
        *given += 1;
        id
    }

    /// The number of what is not a block.
    pub(super) fn named(&mut self, key: String) -> u32 {
        let given = &mut self.given;
        *self.named.entry(key).or_insert_with(|| Ids::next(given))
    }

    /// The numbers of these blocks, which are in the order of their addresses. What is known is in order too, so both are walked once.
    pub(super) fn of_blocks(&mut self, blocks: &[Block]) -> Vec<u32> {
        let mut ids = Vec::with_capacity(blocks.len());
        let mut merged = Vec::with_capacity(self.blocks.len() + blocks.len());
        let mut known = std::mem::take(&mut self.blocks).into_iter().peekable();
        for block in blocks {
            let key = (block.address.0, block.epoch);
            let mut found = None;
            while let Some(other) = known.next_if(|known| (known.address, known.epoch) <= key) {
                found = Some(other.id).filter(|_| (other.address, other.epoch) == key);
                merged.push(other);
            }
            let id = found.unwrap_or_else(|| {
                let id = Ids::next(&mut self.given);
                merged.push(Known { address: key.0, epoch: key.1, id });
                id
            });
            ids.push(id);
        }
        merged.extend(known);
        self.blocks = merged;
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;
    use crate::address::RuntimeAddress;
    use crate::stack::StackId;
    use crate::tracker::{Block, Origin};

    fn blocks(of: &[(u64, u32)]) -> Vec<Block> {
        let block = |(address, epoch): &(u64, u32)| Block {
            address: RuntimeAddress(*address),
            size: 8,
            stack: StackId(1),
            epoch: *epoch,
            origin: Origin::Alloc,
        };
        of.iter().map(block).collect()
    }

    #[test]
    fn a_block_keeps_its_number_and_an_address_does_not() {
        let mut ids = Ids::default();
        assert_eq!(ids.named("root".to_owned()), 1);
        assert_eq!(ids.of_blocks(&blocks(&[(0x10, 1), (0x20, 1), (0x40, 1)])), [3, 5, 7]);
        assert_eq!(ids.of_blocks(&blocks(&[(0x10, 2), (0x20, 1), (0x30, 2)])), [9, 5, 11], "0x10 is another block");
        assert_eq!(ids.of_blocks(&blocks(&[(0x10, 1), (0x40, 1), (0x50, 3)])), [3, 7, 13], "the first, again");
        assert_eq!(ids.of_blocks(&blocks(&[(0x10, 2), (0x30, 2)])), [9, 11]);
        assert_eq!(ids.named("root".to_owned()), 1);
        assert_eq!(ids.named("other".to_owned()), 15);
    }
}
