//! A copy of the heap that questions are asked about, with what has been found out so far.
//!
//! May use: `heap`, `debuginfo`. On memleak's thread only.

use crate::debuginfo::load::LoadError;
use crate::heap::graph::Graph;
use crate::heap::reach::Reach;
use crate::query::analyst;
use crate::query::scene::Scene;
use std::cell::OnceCell;

/// A copy of the heap.
pub struct Copy {
    /// What was there.
    pub scene: Scene<'static>,
    links: OnceCell<Links>,
}

/// Who points to whom.
pub struct Links {
    /// All pointers.
    pub graph: Graph,
    /// What is reachable.
    pub reach: Reach,
}

impl Copy {
    /// Copies the heap as it is now.
    ///
    /// # Errors
    /// When the debug info cannot be read.
    pub fn take() -> Result<Copy, LoadError> {
        Ok(Copy { scene: Scene::take(analyst::program()?, None), links: OnceCell::new() })
    }

    /// Who points to whom in it.
    pub fn links(&self) -> &Links {
        self.links.get_or_init(|| {
            let graph = Graph::of(&self.scene.heap());
            let reach = Reach::of(&graph);
            Links { graph, reach }
        })
    }
}
