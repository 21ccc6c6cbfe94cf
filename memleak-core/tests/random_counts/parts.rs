//! What can be done to a container of values, or of containers.
//!
//! `D` tells the implementations for a value from those for what holds one, in whatever depth.

use crate::random::Random;
use crate::values::Value;
use std::collections::{
    BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque, btree_map, hash_map, linked_list, vec_deque,
};
use std::iter::Peekable;
use std::{array, mem, vec};

/// A value, or something that holds values.
pub trait Part<T, D>: Sized {
    fn made_of(value: T, luck: &mut Random) -> Self;

    /// Takes all values out.
    fn apart(self, out: &mut Vec<T>);

    /// Puts a value in; gives back the one that has no place.
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T>;

    /// Takes a value out, if that is possible without an end of the whole.
    fn fetch(&mut self, luck: &mut Random) -> Option<T>;

    /// Something that this kind of container is able to do.
    fn change(&mut self, luck: &mut Random);
}

pub struct Whole;

impl<T: Value> Part<T, Whole> for T {
    fn made_of(value: T, _: &mut Random) -> T {
        value
    }
    fn apart(self, out: &mut Vec<T>) {
        out.push(self);
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        Some(if luck.below(4) == 0 { mem::replace(self, value) } else { value })
    }
    fn fetch(&mut self, _: &mut Random) -> Option<T> {
        None
    }
    fn change(&mut self, _: &mut Random) {}
}

pub struct In<D>(D);

/// One of the values of a part that ends; the others are dropped.
pub fn one_of<T, E: Part<T, D>, D>(part: E) -> Option<T> {
    let mut values = Vec::new();
    part.apart(&mut values);
    values.pop()
}

/// What a sequence does by its elements.
macro_rules! sequence_basics {
    ($($whole:tt)*) => {
        fn made_of(value: T, luck: &mut Random) -> Self {
            [E::made_of(value, luck)].into_iter().collect()
        }
        fn apart(self, out: &mut Vec<T>) {
            self.into_iter().for_each(|element| element.apart(out));
        }
    };
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for Vec<E> {
    sequence_basics!();

    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let at = luck.below(self.len() + 1);
        let left = match self.get_mut(at) {
            Some(element) => element.put(value, luck)?,
            None => value,
        };
        let element = E::made_of(left, luck);
        if luck.below(2) == 0 {
            self.push(element)
        } else {
            self.insert(at, element)
        }
        None
    }

    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let at = luck.below(self.len().max(1));
        self.get_mut(at)?.fetch(luck).or_else(|| {
            let element = if luck.below(2) == 0 { self.pop()? } else { self.swap_remove(at) };
            one_of(element)
        })
    }

    fn change(&mut self, luck: &mut Random) {
        let half = self.len() / 2;
        match luck.below(14) {
            0 => self.truncate(half),
            1 => self.reserve(1 + luck.below(20)),
            2 => self.shrink_to_fit(),
            3 => drop(self.drain(half / 2..half)),
            4 => {
                let mut end = self.split_off(half);
                end.append(self);
                *self = end;
            }
            5 => self.rotate_left(half),
            // In place.
            6 => *self = mem::take(self).into_iter().filter(|_| luck.below(3) > 0).collect(),
            7 => {
                let options: Vec<Option<E>> = mem::take(self).into_iter().map(Some).collect();
                *self = options.into_iter().flatten().collect();
            }
            8 => self.retain(|_| luck.below(3) > 0),
            9 => *self = mem::take(self).into_boxed_slice().into_vec(),
            10 => self.reverse(),
            11 => {
                let mut fewer = mem::take(self).into_iter();
                fewer.next();
                *self = fewer.collect();
            }
            12 => drop(self.splice(..half / 2, None)),
            _ => self.iter_mut().for_each(|element| element.change(luck)),
        }
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for VecDeque<E> {
    sequence_basics!();

    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let at = luck.below(self.len() + 1);
        let left = match self.get_mut(at) {
            Some(element) => element.put(value, luck)?,
            None => value,
        };
        let element = E::made_of(left, luck);
        match luck.below(3) {
            0 => self.push_back(element),
            1 => self.push_front(element),
            _ => self.insert(at, element),
        }
        None
    }

    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let at = luck.below(self.len().max(1));
        self.get_mut(at)?.fetch(luck).or_else(|| {
            let element = match luck.below(3) {
                0 => self.pop_front(),
                1 => self.pop_back(),
                _ => self.remove(at),
            };
            one_of(element?)
        })
    }

    fn change(&mut self, luck: &mut Random) {
        let half = self.len() / 2;
        match luck.below(11) {
            0 => self.truncate(half),
            1 => self.reserve(1 + luck.below(20)),
            2 => self.shrink_to_fit(),
            3 => drop(self.drain(half / 2..half)),
            4 => {
                let mut end = self.split_off(half);
                end.append(self);
                *self = end;
            }
            5 => self.rotate_left(half),
            6 => *self = Vec::from(mem::take(self)).into(),
            7 => self.retain(|_| luck.below(3) > 0),
            8 => drop(self.make_contiguous()),
            9 => self.rotate_right(half),
            _ => self.iter_mut().for_each(|element| element.change(luck)),
        }
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for LinkedList<E> {
    sequence_basics!();

    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let element = E::made_of(value, luck);
        if luck.below(2) == 0 {
            self.push_back(element)
        } else {
            self.push_front(element)
        }
        None
    }

    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        one_of(if luck.below(2) == 0 { self.pop_front() } else { self.pop_back() }?)
    }

    fn change(&mut self, luck: &mut Random) {
        match luck.below(3) {
            0 => {
                let mut end = self.split_off(self.len() / 2);
                end.append(self);
                *self = end;
            }
            1 => *self = mem::take(self).into_iter().rev().collect(),
            _ => self.iter_mut().for_each(|element| element.change(luck)),
        }
    }
}

/// A box of a slice, and the like: it is made of another container and becomes one again.
impl<T, E: Part<T, D>, D> Part<T, In<D>> for Box<[E]> {
    sequence_basics!();

    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let mut values = mem::take(self).into_vec();
        let left = values.put(value, luck);
        *self = values.into_boxed_slice();
        left
    }

    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let mut values = mem::take(self).into_vec();
        let taken = values.fetch(luck);
        *self = values.into_boxed_slice();
        taken
    }

    fn change(&mut self, luck: &mut Random) {
        self.reverse();
        self.iter_mut().for_each(|element| element.change(luck));
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for [Option<E>; 3] {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let at = luck.below(3);
        let mut value = Some(value);
        array::from_fn(|n| if n == at { value.take().map(|value| E::made_of(value, luck)) } else { None })
    }
    fn apart(self, out: &mut Vec<T>) {
        self.into_iter().flatten().for_each(|element| element.apart(out));
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let at = luck.below(3);
        self[at].put(value, luck)
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let at = luck.below(3);
        self[at].fetch(luck)
    }
    fn change(&mut self, luck: &mut Random) {
        self.swap(luck.below(3), luck.below(3));
        self.iter_mut().for_each(|element| element.change(luck));
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for HashMap<u32, E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        HashMap::from([(luck.below(40) as u32, E::made_of(value, luck))])
    }
    fn apart(self, out: &mut Vec<T>) {
        self.into_values().for_each(|element| element.apart(out));
    }

    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let key = luck.below(40) as u32;
        let left = match self.get_mut(&key) {
            Some(element) => element.put(value, luck)?,
            None => value,
        };
        let element = E::made_of(left, luck);
        self.insert(key, element).and_then(one_of)
    }

    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let key = *self.keys().nth(luck.below(self.len().max(1)))?;
        self.get_mut(&key)?.fetch(luck).or_else(|| self.remove(&key).and_then(one_of))
    }

    fn change(&mut self, luck: &mut Random) {
        match luck.below(7) {
            0 => self.retain(|_, _| luck.below(3) > 0),
            1 => self.reserve(1 + luck.below(20)),
            2 => self.shrink_to_fit(),
            3 => drop(self.drain().next()),
            4 => *self = mem::take(self).into_iter().map(|(key, element)| (key + 1, element)).collect(),
            5 => drop(self.extract_if(|_, _| luck.below(2) == 0).next()),
            _ => self.values_mut().for_each(|element| element.change(luck)),
        }
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for BTreeMap<u32, E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        BTreeMap::from([(luck.below(40) as u32, E::made_of(value, luck))])
    }
    fn apart(self, out: &mut Vec<T>) {
        self.into_values().for_each(|element| element.apart(out));
    }

    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let key = luck.below(40) as u32;
        let left = match self.get_mut(&key) {
            Some(element) => element.put(value, luck)?,
            None => value,
        };
        let element = E::made_of(left, luck);
        self.insert(key, element).and_then(one_of)
    }

    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let key = *self.keys().nth(luck.below(self.len().max(1)))?;
        self.get_mut(&key)?.fetch(luck).or_else(|| self.remove(&key).and_then(one_of))
    }

    fn change(&mut self, luck: &mut Random) {
        match luck.below(6) {
            0 => self.retain(|_, _| luck.below(3) > 0),
            1 => drop(self.split_off(&20)),
            2 => {
                let mut end = self.split_off(&10);
                end.append(self);
                *self = end;
            }
            3 => drop(self.pop_first()),
            4 => *self = mem::take(self).into_iter().map(|(key, element)| (key + 1, element)).collect(),
            _ => self.values_mut().for_each(|element| element.change(luck)),
        }
    }
}

/// What orders or hashes its elements, so that they cannot be changed in it.
macro_rules! set {
    ($set:ident, $take:ident, $change:ident) => {
        impl<T: Value> Part<T, Whole> for $set<T> {
            fn made_of(value: T, _: &mut Random) -> Self {
                $set::from([value])
            }
            fn apart(self, out: &mut Vec<T>) {
                out.extend(self);
            }
            fn put(&mut self, value: T, _: &mut Random) -> Option<T> {
                self.extend([value]);
                None
            }
            fn fetch(&mut self, luck: &mut Random) -> Option<T> {
                $take(self, luck)
            }
            fn change(&mut self, luck: &mut Random) {
                $change(self, luck)
            }
        }
    };
}
set!(HashSet, take_from_set, change_set);
set!(BTreeSet, take_from_tree, change_tree);
set!(BinaryHeap, take_from_heap, change_heap);

fn take_from_set<T: Value>(set: &mut HashSet<T>, luck: &mut Random) -> Option<T> {
    let at = luck.below(set.len().max(1));
    let mut number = 0;
    set.extract_if(|_| {
        number += 1;
        number == at + 1
    })
    .next()
}

fn change_set<T: Value>(set: &mut HashSet<T>, luck: &mut Random) {
    match luck.below(3) {
        0 => set.retain(|_| luck.below(3) > 0),
        1 => set.reserve(luck.below(30)),
        _ => set.shrink_to_fit(),
    }
}

fn take_from_tree<T: Value>(tree: &mut BTreeSet<T>, luck: &mut Random) -> Option<T> {
    if luck.below(2) == 0 { tree.pop_first() } else { tree.pop_last() }
}

fn change_tree<T: Value>(tree: &mut BTreeSet<T>, luck: &mut Random) {
    tree.retain(|_| luck.below(3) > 0);
}

fn take_from_heap<T: Value>(heap: &mut BinaryHeap<T>, _: &mut Random) -> Option<T> {
    heap.pop()
}

fn change_heap<T: Value>(heap: &mut BinaryHeap<T>, luck: &mut Random) {
    match luck.below(3) {
        0 => heap.retain(|_| luck.below(3) > 0),
        1 => heap.shrink_to_fit(),
        _ => *heap = mem::take(heap).into_sorted_vec().into(),
    }
}

/// What is left of a container that gives its elements away one by one.
macro_rules! rest {
    ($name:ty, $from:ty, |$item:ident| $element:expr) => {
        impl<T, E: Part<T, D>, D> Part<T, In<D>> for $name {
            fn made_of(value: T, luck: &mut Random) -> Self {
                let mut from = <$from>::made_of(value, luck);
                from.change(luck);
                from.into_iter()
            }
            fn apart(self, out: &mut Vec<T>) {
                self.for_each(|$item| $element.apart(out));
            }
            /// What is left goes into a new container with the new value.
            fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
                let (mut from, mut values) = (<$from>::made_of(value, luck), Vec::new());
                mem::replace(self, <$from>::default().into_iter()).apart(&mut values);
                values.into_iter().for_each(|value| drop(from.put(value, luck)));
                *self = from.into_iter();
                None
            }
            fn fetch(&mut self, _: &mut Random) -> Option<T> {
                self.next().and_then(|$item| one_of($element))
            }
            fn change(&mut self, luck: &mut Random) {
                drop(self.nth(luck.below(2)));
            }
        }
    };
}
rest!(vec::IntoIter<E>, Vec<E>, |element| element);
rest!(vec_deque::IntoIter<E>, VecDeque<E>, |element| element);
rest!(linked_list::IntoIter<E>, LinkedList<E>, |element| element);
rest!(hash_map::IntoIter<u32, E>, HashMap<u32, E>, |entry| entry.1);
rest!(btree_map::IntoIter<u32, E>, BTreeMap<u32, E>, |entry| entry.1);

/// An iterator that has taken an element out and not given it away yet.
impl<T, E: Part<T, D>, D> Part<T, In<D>> for Peekable<vec::IntoIter<E>> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        Vec::made_of(value, luck).into_iter().peekable()
    }
    fn apart(self, out: &mut Vec<T>) {
        self.for_each(|element| element.apart(out));
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let mut all: Vec<E> = mem::replace(self, Vec::new().into_iter().peekable()).collect();
        let left = all.put(value, luck);
        *self = all.into_iter().peekable();
        left
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let element = if luck.below(2) == 0 { self.next() } else { self.next_back() };
        element.and_then(one_of)
    }
    fn change(&mut self, luck: &mut Random) {
        if let Some(element) = self.peek_mut() {
            element.change(luck);
        }
    }
}
