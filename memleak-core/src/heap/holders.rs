//! Who holds a block or a value: the way from a root to it, in the names of the program.
//!
//! May use: `debuginfo`, `stack`, `address`.

use crate::debuginfo::functions::Location;
use crate::heap::graph::EdgeKind;
use crate::stack::StackId;
use std::rc::Rc;

/// One holder of a value, from the root down.
#[derive(Clone, PartialEq, Debug)]
pub struct Holder {
    /// Where the way begins.
    pub root: HeldBy,
    /// From the root to the value, hop by hop. Empty if the root itself leads there: a pointer on a stack, a static `Box`.
    pub hops: Vec<Hop>,
}

/// Where a way begins.
#[derive(Clone, PartialEq, Debug)]
pub enum HeldBy {
    /// A static.
    Static {
        /// Qualified.
        name: Rc<str>,
        /// Its type, in full.
        ty: Rc<str>,
        /// Where it is declared.
        declared: Option<Location>,
    },
    /// A thread-local of a live thread.
    ThreadLocal {
        /// Qualified.
        name: Rc<str>,
        /// Its type, in full.
        ty: Rc<str>,
        /// Where it is declared.
        declared: Option<Location>,
        /// The thread's name; empty if it has none.
        thread: Rc<str>,
    },
    /// A task of an async runtime.
    Task(Task),
    /// The stack or a register of a live thread.
    Thread {
        /// The thread's name; empty if it has none.
        name: Rc<str>,
    },
    /// A local on the stack of a live thread.
    Local {
        /// The thread's name; empty if it has none.
        thread: Rc<str>,
        /// The function that the thread is in, in full.
        function: Rc<str>,
        /// Where in it the thread is.
        at: Option<Location>,
        /// As the source has it.
        name: Rc<str>,
        /// Its type, in full.
        ty: Rc<str>,
    },
    /// Thread-local memory of a thread, of which no thread-local is known by name.
    ThreadMemory {
        /// The thread's name; empty if it has none.
        name: Rc<str>,
    },
    /// A static that has no debug info: of the standard library, or of a library in another language.
    UnnamedStatic,
    /// Memory of another allocator.
    Foreign,
    /// Nothing leads to it: it is part of a cycle, or the way begins at a lost block.
    Nothing,
}

/// A task of an async runtime, or another future that has a block of its own and is polled by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Task {
    /// What polls it.
    pub kind: TaskKind,
    /// The future, in full: `chat::heartbeat::{async_fn_env#0}`. For a blocking task the closure.
    pub future: Rc<str>,
    /// Where the block was allocated, which for a task is where it was spawned.
    pub spawned: StackId,
    /// What it is doing.
    pub state: TaskState,
}

impl Task {
    /// Whether it has ended, so that nobody polls it any more: it is only kept by a handle, a waker, or the owner of the set it is in.
    pub fn has_ended(&self) -> bool {
        use TaskState::{Aborted, Cancelled, Consumed, Finished, NotBegun, Panicked, Running, Suspended, Unknown};
        match self.state {
            Finished | Consumed | Panicked | Cancelled => true,
            NotBegun | Suspended { .. } | Running | Aborted | Unknown => false,
        }
    }
}

/// What polls a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskKind {
    /// A runtime, or a `LocalSet`.
    Spawned,
    /// It is a closure that a runtime calls on a thread of its own: `spawn_blocking`.
    Blocking,
    /// Whoever polls the set that it is in: `FuturesUnordered`.
    InSet,
}

/// What a task or future is doing.
#[derive(Clone, PartialEq, Debug)]
pub enum TaskState {
    /// It has not been polled yet; a closure has not been called.
    NotBegun,
    /// It is parked on an await.
    Suspended {
        /// The futures from the task's own down, outermost first: each awaits the next.
        awaits: Vec<Await>,
        /// If the last of them polls several others (`select!`, `join!`): those that have not ended, each with what it awaits in turn.
        branches: Vec<Vec<Await>>,
    },
    /// A thread is in it at this moment, so its memory does not say where it is.
    Running,
    /// It has ended, and its result is kept, for a `JoinHandle` that has not been awaited.
    Finished,
    /// It has ended, and of its value nothing is left.
    Consumed,
    /// It panicked.
    Panicked,
    /// It was aborted, and is still there: its runtime has not come to drop it.
    Aborted,
    /// It was aborted, and is dropped.
    Cancelled,
    /// Its type is not known to be a future that can be read, or its bytes make no sense.
    Unknown,
}

/// One future on the way from a task to what it waits for.
#[derive(Clone, PartialEq, Debug)]
pub struct Await {
    /// The future, in full: of an async fn or block, or one written by hand (`tokio::sync::notify::Notified`).
    pub future: Rc<str>,
    /// For an async fn or block, the `.await` (or the `select!`, the `join!`) that it is parked on; none if it has not been polled yet.
    pub at: Option<Location>,
}

/// One hop: from a value, through its parts, to a pointer or container, and on to what that leads to.
#[derive(Clone, PartialEq, Debug)]
pub struct Hop {
    /// The parts on the way, as a user would write them: `.sessions`, `local session`, `captured session`. A place in the container of the hop
    /// before comes first: `[3]`, `[value]`. Empty for a pointer to a pointer.
    pub way: Vec<Way>,
    /// The type of the pointer or container that leads on, locks and cells around it included, or of the value itself at the end of the
    /// last hop; in full. Empty if it is not known.
    pub ty: Rc<str>,
    /// What kind of pointer it is, for a container that of the pointer to its first block; none at the end of the last hop, if the value is a
    /// part of the block reached.
    pub kind: Option<EdgeKind>,
    /// For a counted pointer: how many owners were found, and how many its count says there are.
    pub counted: Option<Counted>,
}

/// The owners of an `Rc` or `Arc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Live `Rc`s or `Arc`s that were found.
    pub found: u64,
    /// The strong count.
    pub strong: u64,
}

/// A part on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// A field: `.sessions`; `.0` of a tuple. Fields that only a library knows (`.inner`, `.buf`) are left out.
    Field(Rc<str>),
    /// A future that is not a task of its own: of an async fn or block, in full. Its locals and captured variables follow.
    Future {
        /// Its type.
        future: Rc<str>,
        /// The `.await` that it is parked on; none if it has not been polled yet.
        at: Option<Location>,
    },
    /// A local of an async fn or block.
    Local(Rc<str>),
    /// A variable that a closure, or an async block, captured.
    Captured(Rc<str>),
    /// An element of a `Vec`, slice, array or deque.
    Index(u64),
    /// A key of a map, or a member of a set.
    Key,
    /// A value of a map.
    Value,
    /// A message in a channel.
    Message,
    /// The wanted variant of an enum, where that says something: `Conn::Open`.
    Variant(Rc<str>),
    /// The way is not known: the pointer is in memory without a type.
    Unknown,
}
