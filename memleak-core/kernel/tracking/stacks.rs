//! Call stacks as a tree: a node is a return address and the node of its caller. Reading takes no lock.
//!
//! May use: `lock`, `pool`.
//!
//! Nodes are numbered; their contents live in chunks that never move. The hash table finds a node by (parent, address); it grows like
//! the table of rules, by publishing a larger copy. Where a node is in it depends on a hash of its whole path, which is computed from
//! that of the parent's path and not from the parent's number: so the processor can look for several nodes of a path at once.

use super::lock::Lock;
use super::pool;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// The empty stack.
pub const EMPTY: u32 = 0;
/// The parent of a stack whose outer frames were dropped because there were too many.
pub const TRUNCATED: u32 = 1;
/// What [`child`] answers when it cannot make a node.
pub const NONE: u32 = u32::MAX;

#[repr(C)]
struct Node {
    pc: u64,
    parent: u32,
    hash: u32,
}

const CHUNK_BITS: u32 = 12;
const CHUNKS: usize = 1 << 13;
/// Numbers of nodes are below this.
pub const LIMIT: usize = CHUNKS << CHUNK_BITS;

static NODES: [AtomicPtr<Node>; CHUNKS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
/// The next number; under `WRITING`.
static NEXT: AtomicU32 = AtomicU32::new(2);
static WRITING: Lock = Lock::new();

#[repr(C)]
struct Entry {
    pc: AtomicU64,
    parent: AtomicU32,
    /// Zero in a free entry; written last.
    node: AtomicU32,
}

#[repr(C)]
struct Header {
    /// `32 - log2(entries)`.
    shift: u32,
    unused: [u32; 3],
}

const FIRST_BITS: u32 = 12;
/// Enough for all numbers that [`NODES`] has room for.
const LAST_BITS: u32 = 26;

static TABLE: AtomicPtr<Header> = AtomicPtr::new(ptr::null_mut());

/// A node and the hash of its path.
#[derive(Clone, Copy)]
pub struct Path {
    pub node: u32,
    hash: u32,
}

impl Path {
    /// The path to a root, or to a node that was given out.
    #[inline(always)]
    pub fn to(node: u32) -> Path {
        Path { node, hash: contents(node).map_or(node, |node| node.hash) }
    }
}

/// The table as it is now, for several questions in a row.
pub struct Tree {
    table: *const Header,
    shift: u32,
}

impl Tree {
    /// The table as it is now.
    #[inline(always)]
    pub fn now() -> Tree {
        let table = TABLE.load(Ordering::Acquire);
        // SAFETY: a published table has a header.
        let shift = if table.is_null() { 0 } else { unsafe { (*table).shift } };
        Tree { table, shift }
    }

    /// The node of `pc` under `parent`, made if need be; [`NONE`] if there is no room.
    #[inline(always)]
    pub fn child(&mut self, parent: Path, pc: u64) -> Path {
        let hash = ((pc ^ u64::from(parent.hash)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
        let mut node = 0;
        if !self.table.is_null() {
            node = look_up(self.table, self.shift, parent.node, pc, hash);
        }
        if node == 0 {
            node = add(parent.node, pc, hash);
            *self = Tree::now();
        }
        Path { node, hash }
    }
}

#[inline(always)]
fn home(hash: u32, shift: u32) -> usize {
    (hash >> (shift & 31)) as usize
}

#[inline(always)]
fn mask(shift: u32) -> usize {
    (u32::MAX >> (shift & 31)) as usize
}

#[inline(always)]
fn entry(table: *const Header, at: usize) -> &'static Entry {
    // SAFETY: callers keep `at` below the number of entries that follow the header; tables are never given back.
    unsafe { &*table.add(1).cast::<Entry>().add(at) }
}

#[inline(always)]
fn look_up(table: *const Header, shift: u32, parent: u32, pc: u64, hash: u32) -> u32 {
    let mut at = home(hash, shift);
    loop {
        let entry = entry(table, at);
        let node = entry.node.load(Ordering::Acquire);
        if node == 0 || (entry.pc.load(Ordering::Relaxed) == pc && entry.parent.load(Ordering::Relaxed) == parent) {
            return node;
        }
        at = at.wrapping_add(1) & mask(shift);
    }
}

#[cold]
#[inline(never)]
fn add(parent: u32, pc: u64, hash: u32) -> u32 {
    let _held = WRITING.hold();
    add_locked(parent, pc, hash)
}

fn add_locked(parent: u32, pc: u64, hash: u32) -> u32 {
    let node = NEXT.load(Ordering::Relaxed);
    let table = room_for_one(node);
    if table.is_null() {
        return NONE;
    }
    // SAFETY: a table of `room_for_one` has a header.
    let found = look_up(table, unsafe { (*table).shift }, parent, pc, hash);
    if found != 0 {
        return found;
    }
    let Some(chunk) = NODES.get((node >> CHUNK_BITS) as usize) else { return NONE };
    let mut nodes = chunk.load(Ordering::Relaxed);
    if nodes.is_null() {
        nodes = pool::take(CHUNK_BITS.wrapping_add(4)).cast();
        if nodes.is_null() {
            return NONE;
        }
        chunk.store(nodes, Ordering::Release);
    }
    // SAFETY: a chunk has `1 << CHUNK_BITS` nodes; this one is not published yet.
    unsafe { *nodes.add((node & ((1 << CHUNK_BITS) - 1)) as usize) = Node { pc, parent, hash } };
    NEXT.store(node.wrapping_add(1), Ordering::Release);
    put(table, parent, pc, hash, node);
    node
}

/// Under the lock: a table with a free entry when `count` nodes exist; null if there is no memory for it.
fn room_for_one(count: u32) -> *mut Header {
    let old = TABLE.load(Ordering::Relaxed);
    let mut bits = FIRST_BITS;
    if !old.is_null() {
        // SAFETY: a published table has a header.
        let shift = unsafe { (*old).shift };
        if (count as usize).wrapping_mul(2) < mask(shift) {
            return old;
        }
        bits = 33u32.wrapping_sub(shift);
        if bits > LAST_BITS {
            return ptr::null_mut();
        }
    }
    let new: *mut Header = pool::take(bits.wrapping_add(5)).cast();
    if new.is_null() {
        return new;
    }
    // SAFETY: fresh memory with room for the header.
    unsafe { *new = Header { shift: 32u32.wrapping_sub(bits), unused: [0; 3] } };
    if !old.is_null() {
        // SAFETY: as above.
        for at in 0..=mask(unsafe { (*old).shift }) {
            let entry = entry(old, at);
            let node = entry.node.load(Ordering::Relaxed);
            if node != 0 {
                put(
                    new,
                    entry.parent.load(Ordering::Relaxed),
                    entry.pc.load(Ordering::Relaxed),
                    Path::to(node).hash,
                    node,
                );
            }
        }
    }
    TABLE.store(new, Ordering::Release);
    new
}

fn put(table: *mut Header, parent: u32, pc: u64, hash: u32, node: u32) {
    // SAFETY: a table of `room_for_one` has a header.
    let shift = unsafe { (*table).shift };
    let mut at = home(hash, shift);
    loop {
        let entry = entry(table, at);
        if entry.node.load(Ordering::Relaxed) == 0 {
            entry.pc.store(pc, Ordering::Relaxed);
            entry.parent.store(parent, Ordering::Relaxed);
            entry.node.store(node, Ordering::Release);
            return;
        }
        at = at.wrapping_add(1) & mask(shift);
    }
}

#[inline(always)]
fn contents(number: u32) -> Option<&'static Node> {
    if number <= TRUNCATED || number >= NEXT.load(Ordering::Acquire) {
        return None;
    }
    let nodes = NODES.get((number >> CHUNK_BITS) as usize)?.load(Ordering::Acquire);
    if nodes.is_null() {
        return None;
    }
    // SAFETY: `number` was given out, so its chunk is there and the node is written and never changes.
    Some(unsafe { &*nodes.add((number & ((1 << CHUNK_BITS) - 1)) as usize) })
}

/// Numbers of nodes are below this so far.
pub fn end() -> u32 {
    NEXT.load(Ordering::Acquire)
}

/// The return address and the parent of a node; none for the roots and for numbers never given out.
pub fn node(number: u32) -> Option<(u64, u32)> {
    contents(number).map(|node| (node.pc, node.parent))
}

/// Takes the lock for a freeze.
pub fn lock() {
    WRITING.lock();
}

/// Ends [`lock`].
pub fn unlock() {
    WRITING.unlock();
}
