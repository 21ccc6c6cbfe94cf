//! Stack capture, the tree of stacks, the live table, and the hook that uses them.
//!
//! Start at `hooks`: it has the states, the rules and the door. Each file says what it may use.

mod cursor;
mod hooks;
mod lock;
mod modules;
mod os;
mod outside;
mod peak;
mod pool;
mod rule_table;
mod rules;
mod stacks;
mod table;
mod threads;
mod unwind;
mod whereabouts;
mod wipe;

pub use hooks::MEMLEAK_TRACKER;
