//! B-trees and linked lists: values that own nodes, which say themselves what is in them.

use crate::address::RuntimeAddress;
use crate::debuginfo::types::{Type, TypeId, TypeKind, pointee};
use crate::heap::containers::{Claim, Elements, Owned, Unreadable, View, at, generic};
use crate::heap::evidence::Active;
use std::collections::BTreeSet;
use std::rc::Rc;

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

/// A map owns its root. What is in it the nodes say.
pub(super) fn map(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let Some((root, start)) = some(view, ty, address, "root")? else { return Ok(Owned::default()) };
    node(view, view.number(&root, start, "node")?)
}

/// A list owns its first node.
pub(super) fn list(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let Some((_, start)) = some(view, ty, address, "head")? else { return Ok(Owned::default()) };
    node(view, view.snapshot.word(start).ok_or(Unreadable::Stale)?)
}

fn node(view: View<'_>, address: u64) -> Result<Owned, Unreadable> {
    let block = view.snapshot.block_starting(RuntimeAddress(address)).ok_or(Unreadable::Stale)?;
    Ok(Owned { blocks: vec![(block, Claim::Exclusive)], elements: Vec::new() })
}

/// What the `Option` in the field called `name` holds, and where.
fn some(
    view: View<'_>,
    ty: &Type,
    address: RuntimeAddress,
    name: &str,
) -> Result<Option<(Rc<Type>, RuntimeAddress)>, Unreadable> {
    let (offset, option) = view.field(ty, name).ok_or(Unreadable::Layout)?;
    match variant(view, &view.types.get(option), at(address, offset))? {
        ("None", ..) => Ok(None),
        (_, held, start) => Ok(Some((held, start))),
    }
}

/// The name of the active variant of an enum, and its only field.
fn variant(
    view: View<'_>,
    ty: &Type,
    address: RuntimeAddress,
) -> Result<(&'static str, Rc<Type>, RuntimeAddress), Unreadable> {
    if !matches!(ty.kind, TypeKind::Enum { .. }) {
        return Err(Unreadable::Layout);
    }
    let Active::Variant(variant) = view.active(ty, address) else { return Err(Unreadable::Stale) };
    let name = ["None", "Some", "Root", "Edge"].into_iter().find(|name| **name == *variant.name);
    let inner = view.types.get(variant.ty);
    let TypeKind::Struct { fields } = &inner.kind else { return Err(Unreadable::Layout) };
    let (held, start) = match fields.first() {
        Some(field) => (view.types.get(field.ty), at(address, field.offset)),
        None => (Rc::clone(&inner), address),
    };
    Ok((name.ok_or(Unreadable::Layout)?, held, start))
}

/// The nodes of a tree by their types, and those that were met.
struct Nodes<'a> {
    view: View<'a>,
    leaf: Rc<Type>,
    /// The type of the nodes above the leaves.
    internal: Rc<Type>,
    met: BTreeSet<usize>,
}

/// Before the key with this number in this node.
#[derive(Clone, Copy)]
struct Edge {
    node: RuntimeAddress,
    height: u64,
    index: u64,
}

impl Nodes<'_> {
    fn meet(&mut self, node: RuntimeAddress) -> Result<(), Unreadable> {
        self.met.insert(self.view.snapshot.block_starting(node).ok_or(Unreadable::Stale)?);
        Ok(())
    }

    fn child(&self, edge: Edge) -> Result<RuntimeAddress, Unreadable> {
        let (edges, array) = self.view.field(&self.internal, "edges").ok_or(Unreadable::Layout)?;
        let TypeKind::Array { element, count } = self.view.types.get(array).kind else {
            return Err(Unreadable::Layout);
        };
        let offset = edges + edge.index * self.view.types.get(element).size;
        let word = self.view.snapshot.word(at(edge.node, offset)).filter(|_| edge.index < count);
        word.map(RuntimeAddress).ok_or(Unreadable::Stale)
    }

    /// Down to the leaf before which all keys are behind the edge.
    fn down(&mut self, mut edge: Edge) -> Result<Edge, Unreadable> {
        self.meet(edge.node)?;
        while edge.height > 0 {
            edge = Edge { node: self.child(edge)?, height: edge.height - 1, index: 0 };
            self.meet(edge.node)?;
        }
        Ok(edge)
    }

    /// The edge above the node; none at the root.
    fn up(&mut self, edge: Edge) -> Result<Option<Edge>, Unreadable> {
        let (offset, parent) = self.view.field(&self.leaf, "parent").ok_or(Unreadable::Layout)?;
        let ("Some", _, start) = variant(self.view, &self.view.types.get(parent), at(edge.node, offset))? else {
            return Ok(None);
        };
        let node = RuntimeAddress(self.view.snapshot.word(start).ok_or(Unreadable::Stale)?);
        // A circle has no end.
        if edge.height > 64 {
            return Err(Unreadable::Stale);
        }
        self.meet(node)?;
        // It need not be written, as a union.
        let (offset, _) = self.view.field(&self.leaf, "parent_idx").ok_or(Unreadable::Layout)?;
        let index = self.view.snapshot.number(at(edge.node, offset), 2).ok_or(Unreadable::Stale)?;
        Ok(Some(Edge { node, height: edge.height + 1, index: index as u64 }))
    }

    /// The next key and value at or behind `edge`, and the edge behind them.
    fn next(&mut self, mut edge: Edge) -> Result<(Edge, Edge), Unreadable> {
        while edge.index >= self.view.number(&self.leaf, edge.node, "len")? {
            edge = self.up(edge)?.ok_or(Unreadable::Stale)?;
        }
        let behind = Edge { index: edge.index + 1, ..edge };
        Ok((edge, if edge.height == 0 { behind } else { self.down(behind)? }))
    }

    /// From a side of the iterator down to its leaf. All nodes on the way up from there are the iterator's.
    fn leaf(&mut self, side: &Side) -> Result<Edge, Unreadable> {
        let edge = self.down(side.edge)?;
        let mut above = edge;
        while let Some(next) = self.up(above)? {
            above = next;
        }
        Ok(edge)
    }
}

/// A side of an iterator: the root, if it has not begun, or an edge of a leaf.
struct Side {
    edge: Edge,
    leaf: TypeId,
}

fn side(view: View<'_>, ty: &Type, address: RuntimeAddress, name: &str) -> Result<Option<Side>, Unreadable> {
    let Some((lazy, start)) = some(view, ty, address, name)? else { return Ok(None) };
    let (name, mut held, mut start) = variant(view, &lazy, start)?;
    let mut index = 0;
    if name == "Edge" {
        index = view.number(&held, start, "idx")?;
        let (offset, reference) = view.field(&held, "node").ok_or(Unreadable::Layout)?;
        (held, start) = (view.types.get(reference), at(start, offset));
    }
    let (_, node) = view.field(&held, "node").ok_or(Unreadable::Layout)?;
    let leaf = pointee(view.types, node).ok_or(Unreadable::Layout)?;
    let node = RuntimeAddress(view.number(&held, start, "node")?);
    Ok(Some(Side { edge: Edge { node, height: view.number(&held, start, "height")?, index }, leaf }))
}

/// What is left to come: `length` keys and values from `front` on. All before them were moved out of their nodes, which still count them.
pub(super) fn into_iter(view: View<'_>, ty: &Type, address: RuntimeAddress) -> Result<Owned, Unreadable> {
    let (keys, values) = (generic(ty, "K")?, generic(ty, "V")?);
    let length = view.number(ty, address, "length")?;
    let Some(front) = side(view, ty, address, "front")? else {
        return if length == 0 { Ok(Owned::default()) } else { Err(Unreadable::Stale) };
    };
    let leaf = view.types.get(front.leaf);
    let parent = view.field(&leaf, "parent").and_then(|(_, parent)| held_in(view, parent)).ok_or(Unreadable::Layout)?;
    let internal = view.types.get(pointee(view.types, parent).ok_or(Unreadable::Layout)?);
    let mut nodes = Nodes { view, leaf, internal, met: BTreeSet::new() };
    let mut next = nodes.leaf(&front)?;
    if let Some(back) = side(view, ty, address, "back")? {
        // That of a root is on the way up from the other side, or the other side is one too.
        match back.edge.height {
            0 => nodes.leaf(&back).map(|_| ())?,
            _ => nodes.meet(back.edge.node)?,
        }
    }
    let mut elements = Vec::new();
    for _ in 0..length {
        let (at_key, behind) = nodes.next(next)?;
        for (array, ty) in [("keys", keys), ("vals", values)] {
            let (offset, _) = view.field(&nodes.leaf, array).ok_or(Unreadable::Layout)?;
            let start = at(at_key.node, offset + at_key.index * view.types.get(ty).size);
            elements.push(Elements { ty, start, count: 1 });
        }
        next = behind;
    }
    let blocks = nodes.met.into_iter().map(|block| (block, Claim::Exclusive)).collect();
    Ok(Owned { blocks, elements })
}

/// The type of what an `Option` holds.
fn held_in(view: View<'_>, option: TypeId) -> Option<TypeId> {
    let TypeKind::Enum { variants, .. } = &view.types.get(option).kind else { return None };
    let some = variants.iter().find(|variant| &*variant.name == "Some")?;
    let TypeKind::Struct { fields } = &view.types.get(some.ty).kind else { return None };
    fields.first().map(|field| field.ty)
}
