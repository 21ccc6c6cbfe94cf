//! Collections of the standard library.

use crate::{Item, cases};
use std::collections::VecDeque;

cases! { collections_of_std;
    "a Vec with room", 3, vec_with_room;
    "a deque that wrapped", 5, deque_that_wrapped;
}

fn vec_with_room<T: Item>() -> Vec<T> {
    let mut values: Vec<T> = (0..10).map(T::new).collect();
    values.truncate(3);
    values
}

fn deque_that_wrapped<T: Item>() -> VecDeque<T> {
    let mut values: VecDeque<T> = VecDeque::with_capacity(8);
    values.extend((0..8).map(T::new));
    values.drain(..6);
    values.extend((8..11).map(T::new));
    values
}
