//! The functions that a pattern may have meant.
//!
//! May use: `debuginfo`.

use crate::debuginfo::code::{CodeKind, is_memleak};
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::LoadError;
use crate::debuginfo::names;
use crate::query::nearest::{Candidate, nearest};
use crate::query::pattern::Pattern;
use crate::query::short::short_function;

/// The most paths that are shown.
const MOST: usize = 5;

/// If no function of the binary has the last segment of this pattern: the functions with the most similar one.
///
/// None as well where the last segment is a wildcard, so that it says nothing.
///
/// # Errors
/// When the debug info cannot be read.
pub fn instead_of(types: &TypeTable, pattern: &Pattern) -> Result<Option<Vec<String>>, LoadError> {
    let Some(word) = pattern.last_segment() else { return Ok(None) };
    if !names::functions_called(types, word)?.is_empty() {
        return Ok(None);
    }
    let words = names::function_words(types)?;
    let candidates = words.iter().map(|name| Candidate { name, kind: CodeKind::User });
    let mut found: Vec<(usize, bool, String)> = Vec::new();
    for (rank, word) in nearest(word, candidates).into_iter().enumerate() {
        for (path, kind) in names::functions_called(types, &word)? {
            let path = short_function(&path);
            if !is_memleak(&path) && !found.iter().any(|(_, _, known)| *known == path) {
                found.push((rank, kind != CodeKind::User, path));
            }
        }
    }
    // Of functions called the same, the user's own come first.
    found.sort();
    Ok(Some(found.into_iter().take(MOST).map(|(_, _, path)| path).collect()))
}
