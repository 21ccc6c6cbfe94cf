//! Attributes such as `#[serial]` let tests wait for each other with a lock of their process. The tests run in processes of their own, so the
//! lock is taken where they are started from. Such an attribute works on a function without arguments: the work is left for it on its thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How a test waits for others. The function calls [`take_turn`] when it is the test's turn.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// It does not.
    None,
    /// By an attribute of the test.
    Attribute(fn()),
    /// By an attribute that the body has as well. In the process that the body runs in, the lock must not be taken twice.
    BodyToo(fn()),
}

type Work = Box<dyn FnOnce()>;

thread_local! {
    /// What the function with the attribute is to do.
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

impl Turn {
    /// Does what the process does that starts the one of the body.
    #[cfg(memleak_supported)]
    pub(super) fn take<T: 'static>(self, work: impl FnOnce() -> T + 'static) -> T {
        match self {
            Turn::None => work(),
            Turn::Attribute(turn) | Turn::BodyToo(turn) => within(turn, work),
        }
    }

    /// Does what the process does that the body runs in, if no other has started it.
    pub(super) fn take_in_place<T: 'static>(self, work: impl FnOnce() -> T + 'static) -> T {
        match self {
            Turn::None | Turn::BodyToo(_) => work(),
            Turn::Attribute(turn) => within(turn, work),
        }
    }
}

fn within<T: 'static>(turn: fn(), work: impl FnOnce() -> T + 'static) -> T {
    let done = Rc::new(Cell::new(None));
    let told = Rc::clone(&done);
    WORK.set(Some(Box::new(move || told.set(Some(work())))));
    turn();
    WORK.take();
    done.take().expect("memleak: an attribute that lets tests wait for each other did not let this one go on")
}

/// Does what was left to do on this thread.
pub fn take_turn() {
    if let Some(work) = WORK.take() {
        work();
    }
}
