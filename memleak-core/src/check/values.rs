//! What leaked values hold, for reports that were asked for it.
//!
//! May use: `query`, `heap`, `debuginfo` (types only).

use crate::debuginfo::types::TypeId;
use crate::heap::instances::Instance;
use crate::query::read::Place;
use crate::query::scene::Scene;

/// Of how many that are alike.
pub(super) const SOME: usize = 3;
/// How deep, and how many characters of each.
const DEEPEST: usize = 3;
const MOST: usize = 2_000;

/// What one holds, as `{:?}` would have it.
pub(super) fn of(scene: &Scene<'_>, value: &Instance, ty: TypeId) -> String {
    scene.reader().show_some(Place { ty, address: value.address }, DEEPEST, MOST)
}
