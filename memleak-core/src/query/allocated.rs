//! Which objects were allocated by a function.
//!
//! May use: `heap`, `debuginfo`.

use crate::debuginfo::names;
use crate::heap::instances::{Home, Instance};
use crate::query::copy::Copy;
use crate::query::functions;
use crate::query::pattern::Pattern;
use crate::query::scene::frames;
use crate::query::short::short_function;
use crate::query::subjects::NameError;
use crate::stack::StackId;
use std::collections::HashMap;

impl Copy {
    /// Which of `objects` lie in a block that a function called `written` allocated, or one that it called.
    ///
    /// # Errors
    /// When the text is not a pattern, or no function has this name.
    pub fn allocated_in(&self, written: &str, objects: &[Instance]) -> Result<Vec<bool>, NameError> {
        let pattern = Pattern::parse(written).map_err(NameError::Pattern)?;
        let mut known: HashMap<u32, bool> = HashMap::new();
        let mut by = |stack: StackId| {
            let matches =
                || frames(self.scene.program, stack).iter().any(|frame| pattern.matches_function(&frame.function));
            *known.entry(stack.0).or_insert_with(matches)
        };
        let of = |object: &Instance| matches!(object.home, Home::Block(block) if by(self.scene.stack(block as u32)));
        let found: Vec<bool> = objects.iter().map(of).collect();
        if !found.contains(&true) {
            self.must_be_a_function(&pattern)?;
        }
        Ok(found)
    }

    fn must_be_a_function(&self, pattern: &Pattern) -> Result<(), NameError> {
        let Some(segment) = pattern.last_segment() else { return Ok(()) };
        let types = self.scene.program.types();
        let called = names::functions_called(types, segment)?;
        if called.iter().any(|(path, _)| pattern.matches_function(path)) {
            return Ok(());
        }
        // Of the same name in another module, or of a similar name.
        let mut nearest: Vec<String> = called.iter().map(|(path, _)| short_function(path)).collect();
        nearest.sort();
        nearest.dedup();
        nearest.extend(functions::instead_of(types, pattern)?.unwrap_or_default());
        Err(NameError::Unknown { resolved: false, nearest, instead: None })
    }
}
