//! What a figure is made of: blocks of one type from one place, with who holds those that live.
//!
//! May use: `query`, `heap`, `tracker`, `stack`.

use crate::check::holders::Holders;
use crate::check::verdict::Part;
use crate::heap::instances::Home;
use crate::query::scene::{Relations, Scene, frames};
use crate::stack::StackId;
use crate::tracker::Block;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;

/// The most parts of a figure whose holders are looked up: no more are shown.
const EXPLAINED: usize = 8;
/// Of how many blocks of one part the holders are looked up.
const ASKED: usize = 16;

/// Blocks of one type that one stack allocated. Some of them may have been freed.
pub(super) struct Piece {
    pub(super) type_name: Option<Rc<str>>,
    pub(super) stack: StackId,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    /// Of one of them, if it is the same for all.
    pub(super) size: Option<u64>,
    /// What they add to the figure.
    pub(super) number: u64,
}

/// Blocks that live, by type and stack; the newest first, because they say best who goes on holding more.
pub(super) type Living = HashMap<(Option<Rc<str>>, StackId), Vec<u32>>;

/// Those of the blocks that live.
pub(super) fn living(scene: &Scene<'_>, wanted: &dyn Fn(&Block) -> bool) -> Living {
    let mut living = Living::new();
    for (block, index) in scene.snapshot.blocks().iter().zip(0..).filter(|(block, _)| wanted(block)) {
        living.entry((scene.type_name(index), block.stack)).or_default().push(index);
    }
    let epoch = |block: &u32| scene.snapshot.blocks()[*block as usize].epoch;
    living.values_mut().for_each(|blocks| blocks.sort_by_key(|block| Reverse(epoch(block))));
    living
}

/// The pieces, the largest first, with who holds what lives of them.
pub(super) fn parts(relations: &Relations<'_>, mut pieces: Vec<Piece>, living: &Living) -> Vec<Part> {
    pieces.sort_by(|a, b| (b.number, &a.type_name, a.stack).cmp(&(a.number, &b.type_name, b.stack)));
    let part = |(index, piece): (usize, Piece)| {
        let key = (piece.type_name, piece.stack);
        let blocks = living.get(&key).map(Vec::as_slice).unwrap_or_default();
        let asked = if index < EXPLAINED { &blocks[..blocks.len().min(ASKED)] } else { &[] };
        let mut held = Holders::by(relations, asked.iter().map(|block| (Home::Block(*block as usize), None)));
        let lost = |block: &u32| relations.reach.trust(*block).is_none();
        if held.holders.is_empty() && !asked.is_empty() && asked.iter().all(lost) {
            held = Holders::by_nothing(relations);
        }
        Part {
            type_name: key.0.map(|name| name.to_string()),
            blocks: piece.blocks,
            bytes: piece.bytes,
            size: piece.size,
            number: piece.number,
            left: blocks.len() as u64,
            stack: frames(relations.scene.program, piece.stack),
            slope: None,
            holders: held.holders,
            more_holders: held.more,
            advice: held.advice,
        }
    };
    pieces.into_iter().enumerate().map(part).collect()
}
