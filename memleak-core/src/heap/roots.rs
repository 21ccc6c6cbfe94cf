//! Where values are outside of the heap: statics, thread-locals, and locals on the stacks of live threads.
//!
//! May use: `debuginfo` (types and `DieRef` only), `address`.

use crate::address::RuntimeAddress;
use crate::debuginfo::load::DieRef;
use crate::debuginfo::types::TypeId;
use crate::heap::locals::Call;
use std::rc::Rc;

/// A static, a thread-local of one thread, or a local on the stack of one, to be searched as a whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Root {
    /// Qualified, but for a local.
    pub name: Rc<str>,
    /// For a thread-local and a local: the index of its thread in the snapshot.
    pub thread: Option<u32>,
    /// For a local: the call that it is of.
    pub call: Option<Rc<Call>>,
    /// Its entry in the debug info, which says where it is declared; none if it is made up.
    pub die: Option<DieRef>,
    /// Where it is.
    pub address: RuntimeAddress,
    /// Its type.
    pub ty: TypeId,
    /// Whether there is a value.
    pub presence: Presence,
}

/// Whether there is a value in the place of a root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// There is: a static, a thread-local, what a call would drop.
    Certain,
    /// A local in scope, which may have been moved or dropped, or not been made yet.
    Possible,
    /// A local in scope that its call would not drop. So there is none, unless values of its type need no drop.
    NotDropped,
}
