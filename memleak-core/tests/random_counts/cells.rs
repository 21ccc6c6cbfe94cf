//! What holds one value or part: boxes, counted pointers, cells, locks, and memory that need not be initialised.

use crate::parts::{In, Part, Whole, one_of};
use crate::random::Random;
use crate::values::Value;
use std::cell::{Cell, OnceCell, RefCell};
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::rc::{self, Rc};
use std::sync::{self, Arc, LazyLock, Mutex, OnceLock, RwLock};

impl<T, E: Part<T, D>, D> Part<T, In<D>> for Option<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        Some(E::made_of(value, luck))
    }
    fn apart(self, out: &mut Vec<T>) {
        if let Some(part) = self {
            part.apart(out);
        }
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        match self {
            Some(part) => part.put(value, luck),
            None => {
                *self = Some(E::made_of(value, luck));
                None
            }
        }
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        self.as_mut()?.fetch(luck).or_else(|| one_of(self.take()?))
    }
    fn change(&mut self, luck: &mut Random) {
        if let Some(part) = self {
            part.change(luck);
        }
        *self = self.take_if(|_| luck.below(3) > 0);
    }
}

/// An enum with something else in its other variant.
impl<T, E: Part<T, D>, D> Part<T, In<D>> for Result<E, String> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        Ok(E::made_of(value, luck))
    }
    fn apart(self, out: &mut Vec<T>) {
        if let Ok(part) = self {
            part.apart(out);
        }
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        match self {
            Ok(part) => part.put(value, luck),
            Err(_) => {
                *self = Ok(E::made_of(value, luck));
                None
            }
        }
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        self.as_mut().ok()?.fetch(luck).or_else(|| {
            let part = mem::replace(self, Err("taken".to_owned()));
            one_of(part.ok()?)
        })
    }
    fn change(&mut self, luck: &mut Random) {
        match self {
            Ok(_) if luck.below(3) == 0 => *self = Err("changed".to_owned()),
            Ok(part) => part.change(luck),
            Err(_) => {}
        }
    }
}

/// What gives a part by `&mut`, and can be made anew around it.
macro_rules! around {
    ($name:ty, $make:expr, |$whole:ident| $inner:expr, |$old:ident| $into:expr) => {
        impl<T, E: Part<T, D>, D> Part<T, In<D>> for $name {
            fn made_of(value: T, luck: &mut Random) -> Self {
                $make(E::made_of(value, luck))
            }
            fn apart(self, out: &mut Vec<T>) {
                let $old = self;
                $into.apart(out);
            }
            fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
                let $whole = self;
                $inner.put(value, luck)
            }
            fn fetch(&mut self, luck: &mut Random) -> Option<T> {
                let $whole = self;
                $inner.fetch(luck)
            }
            fn change(&mut self, luck: &mut Random) {
                let $whole = self;
                $inner.change(luck);
            }
        }
    };
}
around!(Box<E>, Box::new, |whole| (**whole), |old| *old);
around!(Mutex<E>, Mutex::new, |whole| whole.get_mut().unwrap(), |old| old.into_inner().unwrap());
around!(RwLock<E>, RwLock::new, |whole| whole.get_mut().unwrap(), |old| old.into_inner().unwrap());
around!(RefCell<E>, RefCell::new, |whole| whole.get_mut(), |old| old.into_inner());
around!((u8, E, u16), |part| (1, part, 2), |whole| whole.1, |old| old.1);

/// A cell, which is emptied to look at what is in it.
impl<T, E: Part<T, D>, D> Part<T, In<D>> for Cell<Option<E>> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        Cell::new(Some(E::made_of(value, luck)))
    }
    fn apart(self, out: &mut Vec<T>) {
        self.into_inner().apart(out);
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let mut inner = self.take();
        let left = inner.put(value, luck);
        self.set(inner);
        left
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let mut inner = self.take();
        let taken = inner.fetch(luck);
        self.set(inner);
        taken
    }
    fn change(&mut self, luck: &mut Random) {
        self.get_mut().change(luck);
    }
}

/// What is written once.
macro_rules! once {
    ($name:ident) => {
        impl<T, E: Part<T, D>, D> Part<T, In<D>> for $name<E> {
            fn made_of(value: T, luck: &mut Random) -> Self {
                let once = $name::new();
                assert!(once.set(E::made_of(value, luck)).is_ok());
                once
            }
            fn apart(self, out: &mut Vec<T>) {
                self.into_inner().apart(out);
            }
            fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
                let part = E::made_of(value, luck);
                self.set(part).err().and_then(one_of)
            }
            fn fetch(&mut self, luck: &mut Random) -> Option<T> {
                self.get_mut()?.fetch(luck).or_else(|| one_of(self.take()?))
            }
            fn change(&mut self, luck: &mut Random) {
                if luck.below(3) == 0 {
                    drop(self.take());
                }
            }
        }
    };
}
once!(OnceLock);
once!(OnceCell);

/// A value that the first use makes of what the closure has captured.
pub type Lazy<E> = LazyLock<E, Box<dyn FnOnce() -> E + Send>>;

/// Counted pointers to one part, and `Weak`s, which keep the memory of one that was dropped.
pub struct Counted<P, W> {
    strong: Vec<P>,
    weak: Vec<W>,
}

macro_rules! counted {
    ($pointer:ty, $weak:ty, $make:expr, $downgrade:expr, $into_inner:expr, |$shared:ident| $inner:expr, |$part:ident| $open:expr) => {
        impl<T, E: Part<T, D>, D> Part<T, In<D>> for Counted<$pointer, $weak> {
            fn made_of(value: T, luck: &mut Random) -> Self {
                let first = $make(E::made_of(value, luck));
                Counted { weak: vec![$downgrade(&first); luck.below(2)], strong: vec![first; 1 + luck.below(2)] }
            }
            fn apart(self, out: &mut Vec<T>) {
                if let Some($part) = self.strong.into_iter().rev().find_map($into_inner) {
                    $open.apart(out);
                }
            }
            fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
                match self.strong.last() {
                    Some($shared) => $inner.put(value, luck),
                    None => {
                        self.strong.push($make(E::made_of(value, luck)));
                        None
                    }
                }
            }
            fn fetch(&mut self, luck: &mut Random) -> Option<T> {
                let $shared = self.strong.last()?;
                $inner.fetch(luck)
            }
            fn change(&mut self, luck: &mut Random) {
                match luck.below(5) {
                    0 => self.strong.clear(),
                    1 => self.weak.extend(self.strong.last().map($downgrade)),
                    2 => self.strong.extend(self.weak.last().and_then(|weak| weak.upgrade())),
                    3 => drop(self.weak.pop()),
                    _ => drop(self.strong.pop()),
                }
            }
        }
    };
}
counted!(
    Rc<RefCell<E>>,
    rc::Weak<RefCell<E>>,
    |part| Rc::new(RefCell::new(part)),
    Rc::downgrade,
    Rc::into_inner,
    |shared| shared.borrow_mut(),
    |part| part.into_inner()
);
counted!(
    Arc<Mutex<E>>,
    sync::Weak<Mutex<E>>,
    |part| Arc::new(Mutex::new(part)),
    Arc::downgrade,
    Arc::into_inner,
    |shared| shared.lock().unwrap(),
    |part| part.into_inner().unwrap()
);

/// Slices behind a counted pointer, made of a `Vec`.
macro_rules! counted_slice {
    ($pointer:ident) => {
        impl<T: Value> Part<T, In<Whole>> for $pointer<[T]> {
            fn made_of(value: T, luck: &mut Random) -> Self {
                let mut values = vec![value];
                values.change(luck);
                values.into()
            }
            fn apart(self, _: &mut Vec<T>) {}
            fn put(&mut self, value: T, _: &mut Random) -> Option<T> {
                match $pointer::get_mut(self)?.first_mut() {
                    Some(first) => Some(mem::replace(first, value)),
                    None => Some(value),
                }
            }
            fn fetch(&mut self, _: &mut Random) -> Option<T> {
                None
            }
            fn change(&mut self, luck: &mut Random) {
                if luck.below(2) == 0 {
                    drop($pointer::downgrade(self));
                }
            }
        }
    };
}
counted_slice!(Rc);
counted_slice!(Arc);

/// A container that a crate writes by itself: slots of which the first `len` are there.
pub struct Slots<E> {
    slots: [MaybeUninit<E>; 4],
    len: usize,
}

impl<E> Slots<E> {
    fn pop(&mut self) -> Option<E> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: this one was there, and is not any more.
        Some(unsafe { self.slots[self.len].assume_init_read() })
    }
}

impl<E> Drop for Slots<E> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for Slots<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let mut slots = Slots { slots: [const { MaybeUninit::uninit() }; 4], len: 1 };
        slots.slots[0].write(E::made_of(value, luck));
        slots
    }
    fn apart(mut self, out: &mut Vec<T>) {
        while let Some(part) = self.pop() {
            part.apart(out);
        }
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        let Some(slot) = self.slots.get_mut(self.len) else { return Some(value) };
        slot.write(E::made_of(value, luck));
        self.len += 1;
        None
    }
    fn fetch(&mut self, _: &mut Random) -> Option<T> {
        one_of(self.pop()?)
    }
    fn change(&mut self, luck: &mut Random) {
        if luck.below(2) == 0 {
            drop(self.pop());
        }
    }
}

/// The same over a `Vec`.
pub struct Spare<E> {
    slots: Vec<MaybeUninit<E>>,
    there: Vec<bool>,
}

impl<E> Spare<E> {
    fn take_out(&mut self, at: usize) -> Option<E> {
        let there = self.there.get_mut(at).filter(|there| **there)?;
        *there = false;
        // SAFETY: it was there, and is not any more.
        Some(unsafe { self.slots[at].assume_init_read() })
    }
}

impl<E> Drop for Spare<E> {
    fn drop(&mut self) {
        (0..self.slots.len()).for_each(|at| drop(self.take_out(at)));
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for Spare<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let part = E::made_of(value, luck);
        Spare { slots: vec![MaybeUninit::new(part)], there: vec![true] }
    }
    fn apart(mut self, out: &mut Vec<T>) {
        for at in 0..self.slots.len() {
            if let Some(part) = self.take_out(at) {
                part.apart(out);
            }
        }
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        self.slots.push(MaybeUninit::new(E::made_of(value, luck)));
        self.there.push(true);
        None
    }
    fn fetch(&mut self, luck: &mut Random) -> Option<T> {
        let at = luck.below(self.slots.len().max(1));
        one_of(self.take_out(at)?)
    }
    fn change(&mut self, luck: &mut Random) {
        let at = luck.below(self.slots.len().max(1));
        drop(self.take_out(at));
    }
}

/// A union, and which of its fields is meant.
pub struct Tagged<E> {
    content: Content<E>,
    holds: bool,
}

union Content<E> {
    part: ManuallyDrop<E>,
    number: [u64; 2],
}

impl<E> Tagged<E> {
    fn take_out(&mut self) -> Option<E> {
        let held = mem::replace(&mut self.holds, false);
        // SAFETY: it was there, and is not any more.
        held.then(|| ManuallyDrop::into_inner(unsafe { std::ptr::read(&raw const self.content.part) }))
    }
}

impl<E> Drop for Tagged<E> {
    fn drop(&mut self) {
        drop(self.take_out());
    }
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for Tagged<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        Tagged { content: Content { part: ManuallyDrop::new(E::made_of(value, luck)) }, holds: true }
    }
    fn apart(mut self, out: &mut Vec<T>) {
        if let Some(part) = self.take_out() {
            part.apart(out);
        }
    }
    fn put(&mut self, value: T, luck: &mut Random) -> Option<T> {
        if self.holds {
            return Some(value);
        }
        *self = Tagged::made_of(value, luck);
        None
    }
    fn fetch(&mut self, _: &mut Random) -> Option<T> {
        one_of(self.take_out()?)
    }
    fn change(&mut self, luck: &mut Random) {
        if !self.holds && luck.below(2) == 0 {
            self.content.number = [7; 2];
        }
    }
}

/// What `into_raw` gave. It is never given back.
pub enum Raw<E> {
    Unique(*const E),
    Shared(*const E),
    Atomic(*const E),
}

impl<T, E: Part<T, D>, D> Part<T, In<D>> for Raw<E> {
    fn made_of(value: T, luck: &mut Random) -> Self {
        let part = E::made_of(value, luck);
        match luck.below(3) {
            0 => Raw::Unique(Box::into_raw(Box::new(part))),
            1 => Raw::Shared(Rc::into_raw(Rc::new(part))),
            _ => Raw::Atomic(Arc::into_raw(Arc::new(part))),
        }
    }
    fn apart(self, _: &mut Vec<T>) {}
    fn put(&mut self, value: T, _: &mut Random) -> Option<T> {
        let (Raw::Unique(pointer) | Raw::Shared(pointer) | Raw::Atomic(pointer)) = self;
        std::hint::black_box(pointer);
        Some(value)
    }
    fn fetch(&mut self, _: &mut Random) -> Option<T> {
        None
    }
    fn change(&mut self, _: &mut Random) {}
}
