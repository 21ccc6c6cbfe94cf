//! Collections of the standard library.

use crate::{Item, cases, many, unsure, upto};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::iter::Peekable;
use std::mem::{ManuallyDrop, take};
use std::rc::Rc;
use std::sync::Arc;
use std::{array, vec};

cases! { vectors [Plain, Owning, Tiny, Nothing];
    "a Vec with room", 3, vec_with_room;
    "a Vec that was cleared", 0, vec_cleared;
    "a Vec that was drained in part", 7, vec_drained;
    "a Vec whose drain was forgotten", 2, vec_with_forgotten_drain;
    "a Vec that retains", 5, vec_that_retains;
    "a Vec that was split", 10, vec_that_was_split;
    "a Vec that shrank", 4, vec_that_shrank;
    "a Vec after swap_remove, remove, pop and insert", 8, vec_after_removals;
    "a Vec after dedup", 4, vec_after_dedup;
    "a Vec whose values were taken", 0, vec_taken;
    "a Vec that was spliced", 7, vec_spliced;
    "Vecs in a Vec with room", 9, vecs_in_a_vec;
    "options in a Vec", 4, options_in_a_vec;
    "arrays in a Vec", 6, arrays_in_a_vec;
    "an empty Vec", 0, empty_vec;
    "a Vec that is iterated over", 6, vec_into_iter;
    "a Vec that was iterated over", 0, vec_into_iter_used_up;
    "a Vec that is iterated over from its end", 5, vec_into_iter_from_its_end;
    "a Vec that is iterated over, one peeked at", 7, vec_into_iter_peeked;
    "a Vec that is collected in place", 7, vec_collected_in_place;
    "an array that is iterated over", 2, array_into_iter;
    "an array that was iterated over", 0, array_into_iter_used_up;
    "a boxed array", 4, boxed_array;
    "a boxed slice", 5, boxed_slice;
    "boxed slices of a Vec", 12, boxed_slices_of_a_vec;
    "a Vec in place of a Vec", 6, vec_in_place_of_a_vec;
}

fn vec_with_room<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(10);
    values.truncate(3);
    values
}

fn vec_cleared<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(10);
    values.clear();
    values
}

fn vec_drained<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(10);
    let mut drain = values.drain(2..5);
    drop(drain.next());
    drop(drain);
    values
}

// Values without size are not found behind `dyn`, nor in slices of `Arc`.
cases! { arrays_and_slices [Plain, Owning, Tiny];
    "an Rc of a slice", 5, rc_of_a_slice;
    "an Arc of a slice from a Vec", 4, arc_of_a_slice_from_a_vec;
    "an Arc of a slice", 5, arc_of_a_slice;
    "an array", 4, an_array;
    "a boxed array that was cloned", 8, boxed_array_cloned;
    "boxed arrays from Vecs", 8, boxed_arrays_from_vecs;
    "text of the size of a value", 0, text_of_a_size;
}

unsure! { arrays_behind_dyn;
    "a boxed array", 4, 0 + 4, boxed_array_behind_dyn;
}

fn empty_vec<T: Item>() -> Vec<T> {
    Vec::new()
}

/// What was behind the drained part would have been moved up by the drain.
fn vec_with_forgotten_drain<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(10);
    let mut drain = ManuallyDrop::new(values.drain(2..));
    drain.by_ref().for_each(drop);
    values
}

fn vec_that_retains<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(10);
    let mut keep = false;
    values.retain(|_| {
        keep = !keep;
        keep
    });
    values
}

fn vec_that_was_split<T: Item>() -> (Vec<T>, Vec<T>) {
    let mut values: Vec<T> = upto(10);
    let rest = values.split_off(4);
    (values, rest)
}

fn vec_that_shrank<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(100);
    values.drain(4..);
    values.shrink_to_fit();
    values
}

fn vec_after_removals<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(10);
    drop((values.swap_remove(2), values.remove(0), values.pop()));
    values.insert(3, T::new(77));
    values
}

fn vec_after_dedup<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(8);
    let mut number = 0;
    values.dedup_by(|_, _| {
        number += 1;
        number % 2 == 1
    });
    values
}

fn vec_taken<T: Item>() -> (Vec<T>, Vec<T>) {
    let mut values: Vec<T> = upto(8);
    drop(take(&mut values));
    (values, Vec::with_capacity(12))
}

fn vec_spliced<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(8);
    drop(values.splice(2..6, many(3)).next());
    values
}

fn vecs_in_a_vec<T: Item>() -> Vec<Vec<T>> {
    let mut values: Vec<Vec<T>> = (0..6).map(upto).collect();
    values.truncate(4);
    values[3].truncate(2);
    values.push(upto(4));
    values
}

fn options_in_a_vec<T: Item>() -> Vec<Option<T>> {
    let mut values: Vec<Option<T>> = many(8).map(Some).collect();
    values.iter_mut().step_by(2).for_each(|value| drop(value.take()));
    values
}

fn arrays_in_a_vec<T: Item>() -> Vec<[T; 3]> {
    let mut values: Vec<[T; 3]> = (0..5).map(|_| array::from_fn(|id| T::new(id as u64))).collect();
    values.drain(1..4);
    values
}

fn vec_into_iter<T: Item>() -> vec::IntoIter<T> {
    let mut values = upto(10).into_iter();
    drop((values.next(), values.next(), values.next(), values.next_back()));
    values
}

fn vec_into_iter_used_up<T: Item>() -> vec::IntoIter<T> {
    let mut values = upto(10).into_iter();
    values.by_ref().for_each(drop);
    values
}

fn vec_into_iter_from_its_end<T: Item>() -> std::iter::Rev<vec::IntoIter<T>> {
    let mut values = upto(10).into_iter().rev();
    (0..5).for_each(|_| drop(values.next()));
    values
}

fn vec_into_iter_peeked<T: Item>() -> Peekable<vec::IntoIter<T>> {
    let mut values = upto(10).into_iter().peekable();
    (0..3).for_each(|_| drop(values.next()));
    assert!(values.peek().is_some());
    values
}

fn vec_collected_in_place<T: Item>() -> Vec<Option<T>> {
    let mut number = 0;
    let keep = |_: &T| {
        number += 1;
        number > 3
    };
    upto(10).into_iter().filter(keep).map(Some).collect()
}

fn an_array<T: Item>() -> [T; 4] {
    array::from_fn(|id| T::new(id as u64))
}

fn array_into_iter<T: Item>() -> array::IntoIter<T, 4> {
    let mut values = an_array::<T>().into_iter();
    drop((values.next(), values.next_back()));
    values
}

fn array_into_iter_used_up<T: Item>() -> array::IntoIter<T, 4> {
    let mut values = an_array::<T>().into_iter();
    values.by_ref().for_each(drop);
    values
}

fn boxed_array<T: Item>() -> Box<[T; 4]> {
    Box::new(an_array())
}

fn boxed_array_cloned<T: Item>() -> (Box<[T; 4]>, Box<[T; 4]>) {
    let values = boxed_array();
    (values.clone(), values)
}

fn boxed_arrays_from_vecs<T: Item>() -> Vec<Box<[T; 4]>> {
    (0..2).map(|_| upto(4).try_into().ok().unwrap()).collect()
}

fn boxed_array_behind_dyn<T: Item>() -> Box<dyn Any + Send> {
    let values: Box<[T; 4]> = upto(4).try_into().ok().unwrap();
    values
}

fn text_of_a_size<T: Item>() -> Vec<Box<str>> {
    let text = "x".repeat(size_of::<T>());
    vec![text.as_str().into(), text.clone().into()]
}

fn boxed_slice<T: Item>() -> Box<[T]> {
    let mut values: Vec<T> = upto(9);
    values.truncate(5);
    values.into_boxed_slice()
}

fn boxed_slices_of_a_vec<T: Item>() -> Vec<Box<[T]>> {
    let mut values: Vec<Box<[T]>> = (0..8).map(|len| upto(len).into()).collect();
    values.retain(|slice| slice.len() % 2 == 0);
    values
}

fn arc_of_a_slice<T: Item>() -> (Arc<[T]>, Arc<[T]>) {
    let values: Arc<[T]> = many(5).collect();
    (Arc::clone(&values), values)
}

fn arc_of_a_slice_from_a_vec<T: Item>() -> Vec<Arc<[T]>> {
    let mut values: Vec<T> = upto(9);
    values.truncate(4);
    vec![values.into(), Arc::new([])]
}

fn rc_of_a_slice<T: Item>() -> crate::Still<Rc<[T]>> {
    crate::Still(many(5).collect())
}

/// One `Vec` is overwritten by another, and gives its values away.
fn vec_in_place_of_a_vec<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = upto(9);
    let mut others = upto(3);
    values.clear();
    values.append(&mut others);
    values.extend(many(3));
    values
}

cases! { deques [Plain, Owning, Tiny, Nothing];
    "a deque that wrapped", 5, deque_that_wrapped;
    "a deque that wrapped and is full", 8, deque_that_wrapped_and_is_full;
    "a deque from both ends", 6, deque_from_both_ends;
    "a deque that was cleared", 0, deque_cleared;
    "a deque that was emptied by popping", 0, deque_popped;
    "a deque that was drained in its middle", 5, deque_drained;
    "a deque that retains", 4, deque_that_retains;
    "a deque that was split", 9, deque_that_was_split;
    "a deque that shrank", 3, deque_that_shrank;
    "a deque that was rotated", 7, deque_rotated;
    "a deque made contiguous", 5, deque_contiguous;
    "a deque from a Vec", 6, deque_from_a_vec;
    "a deque that is iterated over", 3, deque_into_iter;
    "deques in a deque", 8, deques_in_a_deque;
    "a heap", 6, heap_popped;
    "a heap that was drained", 0, heap_drained;
    "a heap that is iterated over", 4, heap_into_iter;
    "a list", 6, list_popped;
    "a list that was split", 8, list_split;
    "a list that is iterated over", 3, list_into_iter;
    "a list that was cleared", 0, list_cleared;
}

fn deque_that_wrapped<T: Item>() -> VecDeque<T> {
    let mut values: VecDeque<T> = VecDeque::with_capacity(8);
    values.extend(many(8));
    values.drain(..6);
    values.extend(many(3));
    values
}

fn deque_that_wrapped_and_is_full<T: Item>() -> VecDeque<T> {
    let mut values: VecDeque<T> = VecDeque::with_capacity(8);
    values.extend(many(8));
    for id in 0..5 {
        drop(values.pop_front());
        values.push_back(T::new(id));
    }
    values
}

fn deque_from_both_ends<T: Item>() -> VecDeque<T> {
    let mut values = VecDeque::new();
    for id in 0..5 {
        values.push_front(T::new(id));
        values.push_back(T::new(id));
    }
    (0..2).for_each(|_| drop((values.pop_front(), values.pop_back())));
    values
}

fn deque_cleared<T: Item>() -> VecDeque<T> {
    let mut values = deque_that_wrapped();
    values.clear();
    values
}

fn deque_popped<T: Item>() -> VecDeque<T> {
    let mut values = deque_that_wrapped();
    while let Some(value) = values.pop_back() {
        drop(value);
    }
    values
}

fn deque_drained<T: Item>() -> VecDeque<T> {
    let mut values = deque_that_wrapped_and_is_full();
    let mut drain = values.drain(2..5);
    drop(drain.next());
    drop(drain);
    values
}

fn deque_that_retains<T: Item>() -> VecDeque<T> {
    let mut values = deque_that_wrapped_and_is_full();
    let mut keep = true;
    values.retain(|_| {
        keep = !keep;
        keep
    });
    values
}

fn deque_that_was_split<T: Item>() -> (VecDeque<T>, VecDeque<T>) {
    let mut values = deque_that_wrapped_and_is_full();
    values.push_front(T::new(9));
    let rest = values.split_off(3);
    (values, rest)
}

fn deque_that_shrank<T: Item>() -> VecDeque<T> {
    let mut values: VecDeque<T> = many(100).collect();
    values.drain(..97);
    values.shrink_to_fit();
    values
}

fn deque_rotated<T: Item>() -> VecDeque<T> {
    let mut values: VecDeque<T> = VecDeque::with_capacity(16);
    values.extend(many(8));
    values.rotate_left(3);
    drop(values.remove(4));
    values.rotate_right(2);
    values
}

fn deque_contiguous<T: Item>() -> VecDeque<T> {
    let mut values = deque_that_wrapped();
    values.make_contiguous();
    values
}

fn deque_from_a_vec<T: Item>() -> VecDeque<T> {
    let mut values: Vec<T> = upto(9);
    values.truncate(5);
    let mut values = VecDeque::from(values);
    values.push_front(T::new(3));
    values
}

fn deque_into_iter<T: Item>() -> std::collections::vec_deque::IntoIter<T> {
    let mut values = deque_that_wrapped().into_iter();
    drop((values.next(), values.next_back()));
    values
}

fn deques_in_a_deque<T: Item>() -> VecDeque<VecDeque<T>> {
    let mut values = VecDeque::new();
    for _ in 0..4 {
        values.push_front(deque_that_wrapped());
        values.push_back(deque_popped());
    }
    values.truncate(2);
    values[0].pop_front();
    values[1].pop_back();
    values
}

fn heap_popped<T: Item>() -> BinaryHeap<T> {
    let mut values: BinaryHeap<T> = many(10).collect();
    (0..4).for_each(|_| drop(values.pop()));
    values
}

fn heap_drained<T: Item>() -> BinaryHeap<T> {
    let mut values: BinaryHeap<T> = many(10).collect();
    drop(values.drain().next());
    values
}

fn heap_into_iter<T: Item>() -> std::collections::binary_heap::IntoIter<T> {
    let values: BinaryHeap<T> = many(6).collect();
    let mut values = values.into_iter();
    drop((values.next(), values.next()));
    values
}

fn list_popped<T: Item>() -> LinkedList<T> {
    let mut values: LinkedList<T> = many(10).collect();
    (0..2).for_each(|_| drop((values.pop_front(), values.pop_back())));
    values
}

fn list_split<T: Item>() -> (LinkedList<T>, LinkedList<T>) {
    let mut values: LinkedList<T> = many(10).collect();
    let mut rest = values.split_off(4);
    drop((values.pop_back(), rest.pop_front()));
    (values, rest)
}

fn list_into_iter<T: Item>() -> std::collections::linked_list::IntoIter<T> {
    let values: LinkedList<T> = many(6).collect();
    let mut values = values.into_iter();
    drop((values.next(), values.next(), values.next_back()));
    values
}

fn list_cleared<T: Item>() -> LinkedList<T> {
    let mut values: LinkedList<T> = many(6).collect();
    values.clear();
    values
}

cases! { maps [Plain, Owning, Tiny];
    "values of a hash map", 60, hash_map;
    "values of a hash map that was emptied", 0, hash_map_emptied;
    "values of a hash map that was cleared", 0, hash_map_cleared;
    "keys of a hash map", 25, hash_map_keys;
    "values of a hash map that retains", 34, hash_map_that_retains;
    "values of a hash map that shrank", 5, hash_map_that_shrank;
    "values of a hash map that were overwritten", 50, hash_map_overwritten;
    "values of a hash map that is iterated over", 47, hash_map_into_iter;
    "values of a hash map whose values are iterated over", 47, hash_map_into_values;
    "values of a hash map that was drained", 0, hash_map_drained;
    "a hash map of few, with removals", 2, hash_map_of_few;
    "a hash set", 41, hash_set;
    "deques in a hash map", 45, deques_in_a_hash_map;
    "options in a hash map", 25, options_in_a_hash_map;
    "values of a B-tree map", 3, btree_map_of_few;
    "values of a B-tree map of two levels", 20, btree_map_of_two_levels;
    "values of a B-tree map of three levels", 300, btree_map_of_three_levels;
    "values of a B-tree map that was emptied", 0, btree_map_emptied;
    "keys of a B-tree map", 130, btree_map_keys;
    "Vecs in a B-tree map", 270, vecs_in_a_btree_map;
    "values of a B-tree map that retains", 100, btree_map_that_retains;
    "values of a B-tree map that was split", 150, btree_map_split;
    "values of a B-tree map that was appended to", 180, btree_map_appended;
    "values of a B-tree map that is iterated over", 147, btree_map_into_iter;
    "values of a small B-tree map that is iterated over", 4, btree_map_into_iter_of_few;
    "keys of a B-tree map that is iterated over", 22, btree_map_into_keys;
    "values of a B-tree map that is iterated over from both ends", 130, btree_map_into_iter_from_both_ends;
    "values of a B-tree map that was iterated over", 0, btree_map_into_iter_used_up;
    "a B-tree set", 90, btree_set;
    "B-tree maps in a B-tree map", 60, btree_maps_in_a_btree_map;
}

fn numbered<T: Item>(count: u64) -> impl Iterator<Item = (u64, T)> {
    (0..count).map(|id| (id, T::new(id)))
}

fn hash_map<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(100).collect();
    (0..40).for_each(|id| drop(values.remove(&(id * 2))));
    values
}

fn hash_map_emptied<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(100).collect();
    (0..100).for_each(|id| drop(values.remove(&id)));
    values
}

fn hash_map_cleared<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(20).collect();
    values.clear();
    values
}

fn hash_map_keys<T: Item>() -> HashMap<T, u64> {
    let mut values: HashMap<T, u64> = numbered(30).map(|(id, value)| (value, id)).collect();
    (0..5).for_each(|id| drop(values.remove_entry(&T::new(id))));
    values
}

fn hash_map_that_retains<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(100).collect();
    values.retain(|id, _| id % 3 == 0);
    values
}

fn hash_map_that_shrank<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(1000).collect();
    values.retain(|id, _| *id < 5);
    values.shrink_to_fit();
    values
}

fn hash_map_overwritten<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(50).collect();
    values.extend(numbered(50));
    values
}

fn hash_map_into_iter<T: Item>() -> std::collections::hash_map::IntoIter<u64, T> {
    let mut values = numbered(50).collect::<HashMap<u64, T>>().into_iter();
    (0..3).for_each(|_| drop(values.next()));
    values
}

fn hash_map_into_values<T: Item>() -> std::collections::hash_map::IntoValues<u64, T> {
    let mut values = numbered(50).collect::<HashMap<u64, T>>().into_values();
    (0..3).for_each(|_| drop(values.next()));
    values
}

fn hash_map_drained<T: Item>() -> HashMap<u64, T> {
    let mut values: HashMap<u64, T> = numbered(50).collect();
    drop(values.drain().next());
    values
}

fn hash_map_of_few<T: Item>() -> HashMap<u8, T> {
    let mut values: HashMap<u8, T> = numbered(3).map(|(id, value)| (id as u8, value)).collect();
    drop(values.remove(&1));
    values
}

fn hash_set<T: Item>() -> HashSet<T> {
    let mut values: HashSet<T> = many(50).collect();
    (0..9).for_each(|id| drop(values.take(&T::new(id * 3))));
    values
}

fn deques_in_a_hash_map<T: Item>() -> HashMap<u64, VecDeque<T>> {
    let mut values: HashMap<u64, VecDeque<T>> = (0..20).map(|id| (id, deque_that_wrapped())).collect();
    values.retain(|id, _| *id < 10);
    drop(values.insert(3, VecDeque::new()));
    values
}

fn options_in_a_hash_map<T: Item>() -> HashMap<u64, Option<T>> {
    let mut values: HashMap<u64, Option<T>> = numbered(50).map(|(id, value)| (id, Some(value))).collect();
    (0..25).for_each(|id| drop(values.get_mut(&id).unwrap().take()));
    values
}

fn btree_map_of<T: Item>(count: u64, removed: impl Iterator<Item = u64>) -> BTreeMap<u64, T> {
    let mut values: BTreeMap<u64, T> = BTreeMap::new();
    values.extend(numbered(count));
    removed.for_each(|id| drop(values.remove(&id).unwrap()));
    values
}

fn btree_map_of_few<T: Item>() -> BTreeMap<u64, T> {
    btree_map_of(8, [1, 3, 5, 6, 7].into_iter())
}

fn btree_map_of_two_levels<T: Item>() -> BTreeMap<u64, T> {
    btree_map_of(50, 10..40)
}

fn btree_map_of_three_levels<T: Item>() -> BTreeMap<u64, T> {
    btree_map_of(1000, 200..900)
}

fn btree_map_emptied<T: Item>() -> BTreeMap<u64, T> {
    btree_map_of(200, (0..200).rev())
}

/// A tiny value has 256 keys.
fn btree_map_keys<T: Item>() -> BTreeMap<T, u64> {
    let mut values: BTreeMap<T, u64> = numbered(200).map(|(id, value)| (value, id)).collect();
    (0..70).for_each(|id| drop(values.remove_entry(&T::new(id * 2))));
    values
}

fn vecs_in_a_btree_map<T: Item>() -> BTreeMap<u64, Vec<T>> {
    let mut values: BTreeMap<u64, Vec<T>> = (0..150).map(|id| (id, upto(4))).collect();
    (0..60).for_each(|id| drop(values.remove(&(id * 2 + 1))));
    values.values_mut().for_each(|value| value.truncate(3));
    values
}

fn btree_map_that_retains<T: Item>() -> BTreeMap<u64, T> {
    let mut values = btree_map_of(300, 0..0);
    values.retain(|id, _| id % 3 == 0);
    values
}

fn btree_map_split<T: Item>() -> (BTreeMap<u64, T>, BTreeMap<u64, T>) {
    let mut values = btree_map_of(200, 20..70);
    let rest = values.split_off(&100);
    (values, rest)
}

fn btree_map_appended<T: Item>() -> BTreeMap<u64, T> {
    let mut values = btree_map_of(100, 0..10);
    values.append(&mut numbered(180).collect());
    values
}

fn btree_map_into_iter<T: Item>() -> std::collections::btree_map::IntoIter<u64, T> {
    let mut values = btree_map_of(150, 0..0).into_iter();
    (0..3).for_each(|_| drop(values.next()));
    values
}

fn btree_map_into_iter_of_few<T: Item>() -> std::collections::btree_map::IntoIter<u64, T> {
    let mut values = btree_map_of(7, 0..0).into_iter();
    drop((values.next(), values.next(), values.next_back()));
    values
}

fn btree_map_into_keys<T: Item>() -> std::collections::btree_map::IntoKeys<T, u64> {
    let mut values = numbered(25).map(|(id, value)| (value, id)).collect::<BTreeMap<T, u64>>().into_keys();
    (0..3).for_each(|_| drop(values.next()));
    values
}

fn btree_map_into_iter_from_both_ends<T: Item>() -> std::collections::btree_map::IntoIter<u64, T> {
    let mut values = btree_map_of(200, 0..0).into_iter();
    (0..35).for_each(|_| drop((values.next(), values.next_back())));
    values
}

fn btree_map_into_iter_used_up<T: Item>() -> std::collections::btree_map::IntoIter<u64, T> {
    let mut values = btree_map_of(200, 0..0).into_iter();
    values.by_ref().for_each(drop);
    values
}

fn btree_set<T: Item>() -> BTreeSet<T> {
    let mut values: BTreeSet<T> = many(150).collect();
    (0..60).for_each(|id| drop(values.take(&T::new(id * 2))));
    values
}

fn btree_maps_in_a_btree_map<T: Item>() -> BTreeMap<u64, BTreeMap<u64, T>> {
    let mut values: BTreeMap<u64, BTreeMap<u64, T>> = (0..30).map(|id| (id, btree_map_of_few())).collect();
    (5..15).for_each(|id| drop(values.remove(&id)));
    values
}
