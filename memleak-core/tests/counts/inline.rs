//! Vectors that keep their elements in themselves, or some of them.

use crate::{Item, cases};
use arrayvec::ArrayVec;
use smallvec::SmallVec;

cases! { vectors_of_crates;
    "smallvec, inline", 2, small_inline;
    "smallvec, spilled", 5, small_spilled;
    "smallvec, shrunk again", 2, small_shrunk;
    "smallvec, spilled and emptied", 0, small_emptied;
    "smallvec, none inline", 3, small_without;
    "smallvec, partly taken, inline", 1, small_iterator_inline;
    "smallvec, partly taken", 4, small_iterator;
    "smallvec, many", 30, small_many;
    "arrayvec", 3, array_vec;
    "arrayvec, drained", 4, array_drained;
    "arrayvec, partly taken", 2, array_iterator;
    "arrayvec, many", 20, array_many;
}

fn small_inline<T: Item>() -> SmallVec<[T; 4]> {
    let mut values: SmallVec<[T; 4]> = (0..4).map(T::new).collect();
    values.truncate(2);
    values
}

fn small_spilled<T: Item>() -> SmallVec<[T; 4]> {
    let mut values: SmallVec<[T; 4]> = (0..20).map(T::new).collect();
    values.truncate(5);
    values
}

fn small_shrunk<T: Item>() -> SmallVec<[T; 4]> {
    let mut values = small_spilled();
    values.drain(1..4);
    values.shrink_to_fit();
    values
}

fn small_emptied<T: Item>() -> SmallVec<[T; 4]> {
    let mut values = small_spilled();
    values.clear();
    values
}

fn small_without<T: Item>() -> SmallVec<[T; 0]> {
    (0..3).map(T::new).collect()
}

fn small_iterator_inline<T: Item>() -> smallvec::IntoIter<[T; 4]> {
    let mut values = small_inline().into_iter();
    values.next();
    values
}

fn small_iterator<T: Item>() -> smallvec::IntoIter<[T; 4]> {
    let mut values = (0..10).map(T::new).collect::<SmallVec<[T; 4]>>().into_iter();
    values.nth(2);
    (0..3).for_each(|_| drop(values.next_back()));
    values
}

fn small_many<T: Item>() -> Vec<SmallVec<[T; 4]>> {
    (0..12).map(|len| (0..len % 6).map(T::new).collect()).collect()
}

fn array_vec<T: Item>() -> ArrayVec<T, 8> {
    let mut values: ArrayVec<T, 8> = (0..8).map(T::new).collect();
    values.truncate(3);
    values
}

fn array_drained<T: Item>() -> ArrayVec<T, 8> {
    let mut values: ArrayVec<T, 8> = (0..8).map(T::new).collect();
    values.drain(2..6);
    values
}

fn array_iterator<T: Item>() -> arrayvec::IntoIter<T, 8> {
    let mut values = array_vec().into_iter();
    values.next();
    values
}

fn array_many<T: Item>() -> Vec<ArrayVec<T, 4>> {
    (0..10).map(|len| (0..len % 5).map(T::new).collect()).collect()
}
