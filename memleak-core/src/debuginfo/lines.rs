//! From an address, or an inlined call, to file and line.
//!
//! May use: `address`, `load`, `functions` (its `Location`).

use crate::address::FileAddress;
use crate::debuginfo::functions::Location;
use crate::debuginfo::load::{Binary, Reader};
use gimli::UnitOffset;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

/// The line tables of the units. Each is read when first asked for.
pub(super) struct Lines<'b> {
    binary: &'b Binary,
    units: RefCell<HashMap<u32, Rc<[Row]>>>,
    files: RefCell<HashMap<FileKey, Option<Rc<str>>>>,
}

/// A unit, and the index of a file in its line table.
type FileKey = (u32, u64);

/// From this address to the next row's, code is of this line.
struct Row {
    address: u64,
    file: u64,
    line: u32,
    /// No code: the end of a run of rows.
    end: bool,
}

impl<'b> Lines<'b> {
    pub(super) fn new(binary: &'b Binary) -> Lines<'b> {
        Lines { binary, units: RefCell::default(), files: RefCell::default() }
    }

    /// The place of the code at `address`.
    pub(super) fn at(&self, unit: u32, address: FileAddress) -> Option<Location> {
        let rows = self.rows(unit);
        let after = rows.partition_point(|row| row.address <= address.0);
        let row = rows[..after].last()?;
        if row.end {
            return None;
        }
        Some(Location { file: self.file(unit, row.file)?, line: row.line })
    }

    /// Where the function of the inlined entry at `offset` in the unit is called.
    pub(super) fn call_site(&self, unit: u32, offset: u32) -> Option<Location> {
        let entry = self.binary.unit(unit).ok()?.entry(UnitOffset(offset as usize)).ok()?;
        let number = |name| entry.attr(name)?.raw_value().udata_value();
        let file = self.file(unit, number(gimli::DW_AT_call_file)?)?;
        let line = number(gimli::DW_AT_call_line).and_then(|line| u32::try_from(line).ok());
        Some(Location { file, line: line.unwrap_or(0) })
    }

    fn file(&self, unit: u32, index: u64) -> Option<Rc<str>> {
        if let Some(known) = self.files.borrow().get(&(unit, index)) {
            return known.clone();
        }
        let file = file(self.binary, unit, index);
        self.files.borrow_mut().insert((unit, index), file.clone());
        file
    }

    fn rows(&self, unit: u32) -> Rc<[Row]> {
        if let Some(rows) = self.units.borrow().get(&unit) {
            return Rc::clone(rows);
        }
        // What was read of a broken table still holds.
        let mut rows = Vec::new();
        let _ = read(self.binary, unit, &mut rows);
        let rows: Rc<[Row]> = rows.into();
        self.units.borrow_mut().insert(unit, Rc::clone(&rows));
        rows
    }
}

/// The path of a file in the line table of a unit.
pub(super) fn file(binary: &Binary, unit: u32, index: u64) -> Option<Rc<str>> {
    let unit = binary.unit(unit).ok()?;
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(index)?;
    let text = |value| binary.dwarf().attr_string(unit, value).ok().map(|text: Reader| text.to_string_lossy());
    let mut path = PathBuf::new();
    path.extend(unit.comp_dir.map(|directory| directory.to_string_lossy()).as_deref());
    path.extend(file.directory(header).and_then(text).as_deref());
    path.extend(text(file.path_name()).as_deref());
    Some(path.to_string_lossy().into())
}

/// Reads the rows of a unit's line table, by address.
fn read(binary: &Binary, unit: u32, rows: &mut Vec<Row>) -> gimli::Result<()> {
    let Some(program) = binary.unit(unit)?.line_program.clone() else { return Ok(()) };
    // Each run of rows has ascending addresses, and no two runs overlap, except those of functions that the linker left out.
    let mut runs: Vec<Vec<Row>> = Vec::new();
    let mut run: Vec<Row> = Vec::new();
    let mut decoder = program.rows();
    while let Some((_, row)) = decoder.next_row()? {
        let line = row.line().and_then(|line| u32::try_from(line.get()).ok()).unwrap_or(0);
        let row = Row { address: row.address(), file: row.file_index(), line, end: row.end_sequence() };
        // Of several rows for one address, the last counts.
        if run.last().is_some_and(|last| last.address == row.address) {
            run.pop();
        }
        let end = row.end;
        run.push(row);
        if end {
            let run = std::mem::take(&mut run);
            if run.len() > 1 && run[0].address >= binary.lowest_code() {
                runs.push(run);
            }
        }
    }
    runs.sort_by_key(|run| run[0].address);
    rows.extend(runs.into_iter().flatten());
    Ok(())
}
