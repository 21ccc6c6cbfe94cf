//! Hash tables and caches of other crates.

use crate::{Counter, Item, Still, cases, count, unsure};
use dashmap::{DashMap, DashSet};
use hashbrown::{HashMap, HashSet, HashTable};
use indexmap::{IndexMap, IndexSet};
use lru::LruCache;
use std::marker::PhantomData;
use std::num::NonZero;
use std::time::Duration;

cases! { tables_of_crates;
    "hashbrown, removed", 60, brown_map;
    "hashbrown, drained", 0, brown_drained;
    "hashbrown, as keys", 20, brown_set;
    "hashbrown, a table", 30, brown_table;
    "dashmap, removed", 60, dash_map;
    "dashmap, cleared", 3, dash_cleared;
    "dashmap, as keys", 20, dash_set;
    "dashmap, partly taken", 47, dash_iterator;
    "indexmap, removed", 60, index_map;
    "indexmap, drained", 12, index_drained;
    "indexmap, as keys", 20, index_set;
    "indexmap, partly taken", 7, index_iterator;
}

unsure! { tables_of_nobody;
    "hashbrown, with no owner known", 20, 0 + 20, brown_forgotten;
}

cases! { caches_of_lru;
    "lru, some put out", 8, lru_evicted;
    "lru, popped", 5, lru_popped;
    "lru, without bound", 30, lru_unbounded;
    "lru, as keys", 8, lru_keys;
    "lru, cleared", 0, lru_cleared;
}

fn brown_map<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = (0..100).map(|id| (id, T::new(id))).collect();
    (0..40).for_each(|id| drop(values.remove(&id)));
    values
}

fn brown_drained<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = (0..100).map(|id| (id, T::new(id))).collect();
    drop(values.drain());
    values
}

fn brown_set<T: Item>() -> HashSet<T> {
    let mut values: HashSet<T> = (0..50).map(T::new).collect();
    let mut taken = 0;
    values.retain(|_| {
        taken += 1;
        taken <= 20
    });
    values
}

fn brown_table<T: Item>() -> HashTable<T> {
    let mut values = HashTable::with_capacity(40);
    for id in 0..40 {
        values.insert_unique(id, T::new(id), |_| id);
    }
    for id in 0..10 {
        let sought = T::new(id);
        values.find_entry(id, |value| *value == sought).ok().unwrap().remove();
    }
    values
}

/// A value of which no type tells.
struct AsWords<C> {
    words: [usize; 8],
    of: PhantomData<fn() -> C>,
}

impl<C> AsWords<C> {
    fn new(value: C) -> AsWords<C> {
        assert!(size_of::<C>() <= size_of::<[usize; 8]>() && align_of::<C>() <= align_of::<usize>());
        let mut words = [0; 8];
        // SAFETY: the words have room for the value, and its alignment.
        unsafe { words.as_mut_ptr().cast::<C>().write(value) };
        AsWords { words, of: PhantomData }
    }
}

impl<C> Drop for AsWords<C> {
    fn drop(&mut self) {
        // SAFETY: a value was written there, and is not used again.
        unsafe { self.words.as_mut_ptr().cast::<C>().drop_in_place() };
    }
}

fn brown_forgotten<T: Item>() -> AsWords<HashMap<u64, T>> {
    AsWords::new((0..20).map(|id| (id, T::new(id))).collect())
}

fn dash_map<T: Item>() -> DashMap<u64, T> {
    let values = DashMap::new();
    (0..100).for_each(|id| drop(values.insert(id, T::new(id))));
    (0..40).for_each(|id| drop(values.remove(&id)));
    values
}

fn dash_cleared<T: Item>() -> DashMap<u64, T> {
    let values = DashMap::new();
    (0..100).for_each(|id| drop(values.insert(id, T::new(id))));
    values.clear();
    (0..3).for_each(|id| drop(values.insert(id, T::new(id))));
    values
}

fn dash_iterator<T: Item>() -> Still<Box<dyn Iterator<Item = (u64, T)>>> {
    let values: DashMap<u64, T> = (0..100).map(|id| (id, T::new(id))).collect();
    let mut values = values.into_iter();
    (0..53).for_each(|_| drop(values.next()));
    Still(Box::new(values))
}

fn dash_set<T: Item>() -> DashSet<T> {
    let values: DashSet<T> = (0..50).map(T::new).collect();
    (0..30).for_each(|id| drop(values.remove(&T::new(id))));
    values
}

fn index_map<T: Item>() -> IndexMap<u64, T> {
    let mut values: IndexMap<u64, T> = (0..100).map(|id| (id, T::new(id))).collect();
    (0..20).for_each(|id| drop(values.swap_remove(&id)));
    (20..40).for_each(|id| drop(values.shift_remove(&id)));
    values
}

fn index_drained<T: Item>() -> IndexMap<u64, T> {
    let mut values: IndexMap<u64, T> = (0..20).map(|id| (id, T::new(id))).collect();
    drop(values.drain(3..11));
    values
}

fn index_set<T: Item>() -> IndexSet<T> {
    let mut values: IndexSet<T> = (0..30).map(T::new).collect();
    values.truncate(20);
    values
}

fn index_iterator<T: Item>() -> indexmap::map::IntoIter<u64, T> {
    let mut values = (0..20).map(|id| (id, T::new(id))).collect::<IndexMap<u64, T>>().into_iter();
    values.nth(9);
    (0..3).for_each(|_| drop(values.next_back()));
    values
}

fn room<const N: usize>() -> NonZero<usize> {
    const { NonZero::new(N).unwrap() }
}

fn lru_evicted<T: Item>() -> LruCache<u64, T> {
    let mut values = LruCache::new(room::<8>());
    (0..100).for_each(|id| drop(values.put(id, T::new(id))));
    values.get(&95);
    values
}

fn lru_popped<T: Item>() -> LruCache<u64, T> {
    let mut values = lru_evicted();
    values.pop(&95);
    values.pop_lru();
    values.pop_lru();
    values
}

fn lru_unbounded<T: Item>() -> LruCache<u64, T> {
    let mut values = LruCache::unbounded();
    (0..30).for_each(|id| drop(values.put(id, T::new(id))));
    values
}

fn lru_keys<T: Item>() -> LruCache<T, u64> {
    let mut values = LruCache::new(room::<8>());
    for id in 0..100 {
        values.put(T::new(id), id);
    }
    values
}

fn lru_cleared<T: Item>() -> LruCache<u64, T> {
    let mut values = lru_evicted();
    values.clear();
    values
}

// moka drops what it has put out when all threads have got far enough, so how many are left is up to them.

#[test]
fn caches_of_moka() {
    fn both(counter: &mut Counter) {
        caches::<crate::Plain>(counter);
        caches::<crate::Owning>(counter);
    }
    count("tables::caches_of_moka", both);
}

fn caches<T: Item>(counter: &mut Counter) {
    counter.case_with_delay::<T, _>("moka, invalidated", invalidated::<T>);
    counter.case_with_delay::<T, _>("moka, put out", evicted::<T>);
    counter.case_with_delay::<T, _>("moka, timed out", timed_out::<T>);
    counter.case_with_delay::<T, _>("moka, as keys", keys::<T>);
    counter.case_with_delay::<T, _>("moka, async", for_async::<T>);
}

fn invalidated<T: Item>() -> moka::sync::Cache<u64, T> {
    let cache = moka::sync::Cache::new(1000);
    (0..100).for_each(|id| cache.insert(id, T::new(id)));
    (0..40).for_each(|id| cache.invalidate(&id));
    cache
}

fn evicted<T: Item>() -> moka::sync::Cache<u64, T> {
    let cache = moka::sync::Cache::builder().max_capacity(10).build();
    (0..100).for_each(|id| cache.insert(id, T::new(id)));
    cache.run_pending_tasks();
    cache
}

fn timed_out<T: Item>() -> moka::sync::Cache<u64, T> {
    let cache = moka::sync::Cache::builder().time_to_live(Duration::from_millis(1)).build();
    (0..100).for_each(|id| cache.insert(id, T::new(id)));
    std::thread::sleep(Duration::from_millis(5));
    cache.run_pending_tasks();
    cache.insert(1, T::new(1));
    cache
}

fn keys<T: Item>() -> moka::sync::Cache<T, u64> {
    let cache = moka::sync::Cache::new(1000);
    (0..100).for_each(|id| cache.insert(T::new(id), id));
    (0..40).for_each(|id| cache.invalidate(&T::new(id)));
    cache.run_pending_tasks();
    cache
}

fn for_async<T: Item>() -> moka::future::Cache<u64, T> {
    let cache = moka::future::Cache::new(1000);
    futures_executor::block_on(async {
        for id in 0..100 {
            cache.insert(id, T::new(id)).await;
        }
        for id in 0..40 {
            cache.invalidate(&id).await;
        }
        cache.run_pending_tasks().await;
    });
    cache
}
