//! Slabs, slot maps and arenas: slots that are taken and given back.

use crate::{Item, cases};
use generational_arena::Arena;
use slab::Slab;
use slotmap::{DefaultKey, DenseSlotMap, SecondaryMap, SlotMap, SparseSecondaryMap};

cases! { arenas_of_crates;
    "slab, removed", 60, slab_removed;
    "slab, cleared", 0, slab_cleared;
    "slab, refilled", 100, slab_refilled;
    "slotmap, removed", 60, slot_map;
    "slotmap, refilled", 75, slot_map_refilled;
    "slotmap, drained", 0, slot_map_drained;
    "slotmap, dense", 60, dense;
    "slotmap, with hops", 60, hop;
    "slotmap, second", 12, secondary;
    "slotmap, sparse second", 12, sparse_secondary;
    "generational arena", 60, generations;
}

fn slab_removed<T: Item>() -> Slab<T> {
    let mut values = Slab::new();
    let keys: Vec<usize> = (0..100).map(|id| values.insert(T::new(id))).collect();
    keys.iter().step_by(5).chain(keys.iter().skip(1).step_by(5)).for_each(|key| drop(values.remove(*key)));
    values
}

fn slab_cleared<T: Item>() -> Slab<T> {
    let mut values = slab_removed();
    values.clear();
    values
}

fn slab_refilled<T: Item>() -> Slab<T> {
    let mut values = slab_removed();
    for id in 0..40 {
        values.insert(T::new(id));
    }
    values
}

fn slot_map<T: Item>() -> SlotMap<DefaultKey, T> {
    let mut values = SlotMap::new();
    let keys: Vec<DefaultKey> = (0..100).map(|id| values.insert(T::new(id))).collect();
    keys[20..60].iter().for_each(|key| drop(values.remove(*key)));
    values
}

fn slot_map_refilled<T: Item>() -> SlotMap<DefaultKey, T> {
    let mut values = slot_map();
    for id in 0..15 {
        values.insert(T::new(id));
    }
    values
}

fn slot_map_drained<T: Item>() -> SlotMap<DefaultKey, T> {
    let mut values = slot_map();
    drop(values.drain());
    values
}

fn dense<T: Item>() -> DenseSlotMap<DefaultKey, T> {
    let mut values = DenseSlotMap::new();
    let keys: Vec<DefaultKey> = (0..100).map(|id| values.insert(T::new(id))).collect();
    keys[20..60].iter().for_each(|key| drop(values.remove(*key)));
    values
}

#[expect(deprecated, reason = "it is still used")]
fn hop<T: Item>() -> slotmap::HopSlotMap<DefaultKey, T> {
    let mut values = slotmap::HopSlotMap::new();
    let keys: Vec<DefaultKey> = (0..100).map(|id| values.insert(T::new(id))).collect();
    keys[20..60].iter().for_each(|key| drop(values.remove(*key)));
    values
}

fn secondary<T: Item>() -> SecondaryMap<DefaultKey, T> {
    let mut first = SlotMap::new();
    let mut values = SecondaryMap::new();
    let keys: Vec<DefaultKey> = (0..40).map(|id| first.insert(id)).collect();
    keys.iter().step_by(2).for_each(|key| drop(values.insert(*key, T::new(0))));
    keys[..16].iter().for_each(|key| drop(values.remove(*key)));
    values
}

fn sparse_secondary<T: Item>() -> SparseSecondaryMap<DefaultKey, T> {
    let mut first = SlotMap::new();
    let mut values = SparseSecondaryMap::new();
    let keys: Vec<DefaultKey> = (0..40).map(|id| first.insert(id)).collect();
    keys.iter().step_by(2).for_each(|key| drop(values.insert(*key, T::new(0))));
    keys[..16].iter().for_each(|key| drop(values.remove(*key)));
    values
}

fn generations<T: Item>() -> Arena<T> {
    let mut values = Arena::new();
    let keys: Vec<_> = (0..100).map(|id| values.insert(T::new(id))).collect();
    keys[20..60].iter().for_each(|key| drop(values.remove(*key)));
    values
}
