//! B-trees.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::Type;
use crate::heap::containers::{Elements, Owned, Unreadable, View, at, generic};

/// A B-tree node: only the first `len` keys and values are there. They lie in the node itself.
pub(super) fn leaf_node(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let len = view.number(ty, address, "len")?;
    let mut elements = Vec::new();
    for (array, name) in [("keys", "K"), ("vals", "V")] {
        let (offset, _) = view.field(ty, array).ok_or(Unreadable::Layout)?;
        let element = generic(ty, name)?;
        elements.push(Elements { ty: element, start: at(address, offset), count: len });
    }
    // A node has room for 11.
    if len > 11 { Err(Unreadable::Stale) } else { Ok(Owned { blocks: Vec::new(), elements }) }
}
