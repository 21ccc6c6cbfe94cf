//! A copy of the heap as a file that Chrome's DevTools and memlab open.
//!
//! May use: `heap`, `debuginfo`, `tracker`, `stack`, `address`. On memleak's thread only.
//!
//! Blocks are nodes, by the types of their values, and pointers are edges, by the fields that they are in. Above them stand, as V8 has it, an
//! empty root and `(GC roots)`; below these groups of statics, threads, tasks, memory of others, and of what nothing leads to. Sizes of blocks
//! are the nodes' own sizes, and nothing else has one, so that all sums agree with what memleak says itself.
//!
//! [`format`](mod@format) writes the file, `strings` has its texts, `ids` the numbers by which snapshots are compared, `labels` the names of
//! pointers, `above` what stands above the blocks, `layout` all nodes and edges, `stacks` where blocks were allocated.

mod above;
mod format;
mod ids;
mod labels;
mod layout;
mod stacks;
mod strings;

use crate::heap::graph::Graph;
use crate::heap::naming::Known;
use crate::heap::reach::Reach;
use crate::query::scene::Scene;
use layout::Layout;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process;

/// What is written.
pub struct Whole<'a> {
    /// The copy.
    pub scene: &'a Scene<'a>,
    /// Who points to whom in it.
    pub graph: &'a Graph,
    /// What is reachable.
    pub reach: &'a Reach,
    /// The names of what is in it.
    pub names: &'a Known<'a>,
    /// Blocks of an earlier epoch that nothing leads to are no leaks: they were there before.
    pub since: u32,
}

/// Writes a file, so that a reader finds all of it or the one that was there before. With `values` the texts of the program are in it too.
///
/// # Errors
/// If it cannot be written.
pub fn save(whole: &Whole<'_>, path: &Path, values: bool) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", process::id()));
    let new = path.with_file_name(name);
    let written = File::create(&new).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        write(whole, &mut out, values)?;
        out.flush()
    });
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Writes it.
///
/// # Errors
/// If that fails.
pub fn write(whole: &Whole<'_>, out: &mut dyn Write, values: bool) -> io::Result<()> {
    Layout::of(whole, values).write(out)
}
