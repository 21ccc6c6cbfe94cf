//! Iterators that borrow their container, and have not ended.

use crate::{Item, Still, cases, upto};
use arrayvec::ArrayVec;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque, btree_map};

cases! { lent [Plain, Owning, Tiny, Nothing];
    "a Vec that is being drained", 7, vec_drain;
    "a Vec that is being drained to its end", 3, vec_drain_to_the_end;
    "a Vec that is being spliced", 9, vec_splice;
    "a Vec that is being extracted from", 8, vec_extract;
    "a Vec that is being extracted from, not begun", 10, vec_extract_unbegun;
    "a part of a Vec that is being extracted from", 7, vec_extract_part;
    "a Vec, and what says what to extract", 10, vec_extract_by;
    "a deque that is being drained", 6, deque_drain;
    "a heap that is being drained", 4, heap_drain;
    "a hash map that is being drained", 5, map_drain;
    "a tree that is being taken apart", 24, tree_into_iter;
    "arrayvec that is being drained", 6, array_drain;
    "smallvec that is being drained, inline", 3, small_drain_inline;
    "smallvec that is being drained", 12, small_drain;
}

/// Dropped in this order.
struct Lent<I, C> {
    _iterator: I,
    _of: Of<C>,
}

struct Of<C>(*mut C);

impl<C> Drop for Of<C> {
    fn drop(&mut self) {
        // SAFETY: it was made of a box, and the iterator is gone.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// An iterator with its container.
fn lend<I, C: 'static>(container: C, iterate: impl FnOnce(&'static mut C) -> I) -> Still<Lent<I, C>> {
    let of = Box::into_raw(Box::new(container));
    // SAFETY: nobody else has it, and it goes after the iterator.
    let iterator = iterate(unsafe { &mut *of });
    Still(Lent { _iterator: iterator, _of: Of(of) })
}

/// After so many from the front.
fn after<I: Iterator>(mut iterator: I, taken: usize) -> I {
    (0..taken).for_each(|_| drop(iterator.next()));
    iterator
}

fn vec_drain<T: Item>() -> Still<Lent<std::vec::Drain<'static, T>, Vec<T>>> {
    lend(upto(10), |values| {
        let mut drain = after(values.drain(2..8), 2);
        drop(drain.next_back());
        drain
    })
}

fn vec_drain_to_the_end<T: Item>() -> Still<Lent<std::vec::Drain<'static, T>, Vec<T>>> {
    lend(upto(10), |values| after(values.drain(3..), 7))
}

fn vec_splice<T: Item>() -> Still<Lent<std::vec::Splice<'static, std::vec::IntoIter<T>>, Vec<T>>> {
    lend(upto(10), |values| after(values.splice(2..8, upto(2)), 3))
}

type Extract<T> = std::vec::ExtractIf<'static, T, Box<dyn FnMut(&mut T) -> bool>>;

fn every_other<T: Item>() -> Box<dyn FnMut(&mut T) -> bool> {
    let mut number = 0;
    Box::new(move |_| {
        number += 1;
        number % 2 == 1
    })
}

fn vec_extract<T: Item>() -> Still<Lent<Extract<T>, Vec<T>>> {
    lend(upto(10), |values| after(values.extract_if(.., every_other()), 2))
}

fn vec_extract_unbegun<T: Item>() -> Still<Lent<Extract<T>, Vec<T>>> {
    lend(upto(10), |values| values.extract_if(2.., every_other()))
}

fn vec_extract_part<T: Item>() -> Still<Lent<Extract<T>, Vec<T>>> {
    lend(upto(10), |values| after(values.extract_if(3..8, every_other()), 5))
}

fn vec_extract_by<T: Item>() -> Still<Lent<impl Iterator<Item = T>, Vec<T>>> {
    let least = T::new(4);
    lend(upto(10), |values| after(values.extract_if(.., move |value| *value <= least), 1))
}

fn deque_drain<T: Item>() -> Still<Lent<std::collections::vec_deque::Drain<'static, T>, VecDeque<T>>> {
    let mut values: VecDeque<T> = upto(8).into();
    values.rotate_left(3);
    lend(values, |values| after(values.drain(1..6), 2))
}

fn heap_drain<T: Item>() -> Still<Lent<std::collections::binary_heap::Drain<'static, T>, BinaryHeap<T>>> {
    lend(upto(6).into(), |values| after(values.drain(), 2))
}

fn map_drain<T: Item>() -> Still<Lent<std::collections::hash_map::Drain<'static, u64, T>, HashMap<u64, T>>> {
    lend((0..8).map(|id| (id, T::new(id))).collect(), |values| after(values.drain(), 3))
}

fn tree_into_iter<T: Item>() -> btree_map::IntoIter<u64, T> {
    let values: BTreeMap<u64, T> = (0..30).map(|id| (id, T::new(id))).collect();
    let mut values = after(values.into_iter(), 5);
    drop(values.next_back());
    values
}

fn array_drain<T: Item>() -> Still<Lent<arrayvec::Drain<'static, T, 12>, ArrayVec<T, 12>>> {
    lend(upto(9).into_iter().collect(), |values| after(values.drain(2..7), 3))
}

fn small_drain_inline<T: Item>() -> Still<Lent<smallvec::Drain<'static, [T; 6]>, SmallVec<[T; 6]>>> {
    lend(upto(5).into_iter().collect(), |values| after(values.drain(1..4), 2))
}

fn small_drain<T: Item>() -> Still<Lent<smallvec::Drain<'static, [T; 6]>, SmallVec<[T; 6]>>> {
    lend(upto(14).into_iter().collect(), |values| after(values.drain(4..9), 2))
}
