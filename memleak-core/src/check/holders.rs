//! Who holds values that are alike.
//!
//! May use: `heap`, `query`.

use crate::check::verdict::Holder;
use crate::heap::advice::{Advice, for_holder};
use crate::heap::graph::EdgeKind;
use crate::heap::holders::{self, HeldBy, Hop, Way};
use crate::heap::instances::Home;
use crate::heap::naming::{self, End};
use crate::query::scene::Relations;

/// How many holders are shown of one kind of values.
const MOST_HOLDERS: usize = 3;

/// The holders of alike values.
#[derive(Clone, Default, Debug)]
pub(super) struct Holders {
    /// The most telling first.
    pub(super) holders: Vec<Holder>,
    /// How many there are besides.
    pub(super) more: u64,
    /// What to do.
    pub(super) advice: Option<Advice>,
}

impl Holders {
    /// Looks up who holds these values; without an end it is the block as a whole. Those that differ only in their place in a collection count once.
    pub(super) fn by<'a>(relations: &Relations<'_>, values: impl Iterator<Item = (Home, Option<End<'a>>)>) -> Holders {
        let heap = relations.scene.heap();
        let what = (&heap, &relations.graph, &relations.reach);
        let mut found: Vec<holders::Holder> = Vec::new();
        for (home, end) in values {
            for holder in naming::holders(what, (home, end), MOST_HOLDERS, &relations.names) {
                // What a future captured comes first, and may have been moved into a local.
                match found.iter().position(|known| moved(known, &holder)) {
                    Some(known) if is_captured(&found[known]) => found[known] = holder,
                    Some(_) => {}
                    None if found.iter().any(|known| alike(known, &holder)) => {}
                    None => found.push(holder),
                }
            }
        }
        Holders::of(relations, found)
    }

    /// Nothing leads to them.
    pub(super) fn by_nothing(relations: &Relations<'_>) -> Holders {
        Holders::of(relations, vec![holders::Holder { root: HeldBy::Nothing, hops: Vec::new() }])
    }

    fn of(relations: &Relations<'_>, mut found: Vec<holders::Holder>) -> Holders {
        let more = found.len().saturating_sub(MOST_HOLDERS) as u64;
        found.truncate(MOST_HOLDERS);
        let advice = found.iter().find_map(for_holder);
        Holders { holders: found.into_iter().map(|holder| relations.holder(holder)).collect(), more, advice }
    }
}

/// Whether two holders are locals of one future and only one of them can have the value: it was moved from one to the other.
fn moved(a: &holders::Holder, b: &holders::Holder) -> bool {
    let is_local = |hop: &Hop| matches!(hop.way.last(), Some(Way::Local(_) | Way::Captured(_)));
    let one_of = |a: &Hop, b: &Hop| {
        let either = is_local(a) && is_local(b) && a.way.len() == b.way.len() && a.ty == b.ty;
        either && a.kind == Some(EdgeKind::Unknown) && b.kind == Some(EdgeKind::Unknown)
    };
    let mut differing = a.hops.iter().zip(&b.hops).filter(|(a, b)| a != b);
    a.root == b.root
        && a.hops.len() == b.hops.len()
        && differing.next().is_some_and(|(a, b)| one_of(a, b))
        && differing.next().is_none()
}

fn is_captured(holder: &holders::Holder) -> bool {
    holder.hops.iter().any(|hop| matches!(hop.way.last(), Some(Way::Captured(_))))
}

/// Whether two holders differ in nothing but which element of a collection they are.
fn alike(a: &holders::Holder, b: &holders::Holder) -> bool {
    let same_way = |a: &Way, b: &Way| a == b || matches!((a, b), (Way::Index(_), Way::Index(_)));
    a.root == b.root
        && a.hops.len() == b.hops.len()
        && a.hops.iter().zip(&b.hops).all(|(a, b)| {
            let ways = a.way.len() == b.way.len() && a.way.iter().zip(&b.way).all(|(a, b)| same_way(a, b));
            ways && (&a.ty, a.kind, a.counted) == (&b.ty, b.kind, b.counted)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use EdgeKind::{Counted, Unknown};

    fn holder(ways: &[(Way, EdgeKind)]) -> holders::Holder {
        let hop = |(way, kind): &(Way, EdgeKind)| Hop {
            way: vec![way.clone()],
            ty: "alloc::sync::Arc<chat::Session>".into(),
            kind: Some(*kind),
            counted: None,
        };
        holders::Holder { root: HeldBy::Foreign, hops: ways.iter().map(hop).collect() }
    }

    #[test]
    fn a_value_that_was_moved_within_a_future_has_one_holder() {
        let local = |name: &str| Way::Local(name.into());
        let captured = || Way::Captured("session".into());
        let of = |way, kind| holder(&[(way, kind)]);
        assert!(moved(&of(captured(), Unknown), &of(local("kept"), Unknown)));
        assert!(!moved(&of(captured(), Counted), &of(local("kept"), Counted)), "each of two `Arc`s has it");
        assert!(!moved(&of(captured(), Unknown), &of(Way::Field("kept".into()), Unknown)));
        assert!(!moved(&of(captured(), Unknown), &of(captured(), Unknown)), "the same is no move");
        let deeper = |way| holder(&[(way, Unknown), (Way::Index(0), Counted)]);
        assert!(moved(&deeper(captured()), &deeper(local("kept"))));
        assert!(!moved(&deeper(captured()), &of(local("kept"), Unknown)));
        assert!(is_captured(&deeper(captured())) && !is_captured(&deeper(local("kept"))));
    }
}
