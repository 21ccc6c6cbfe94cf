//! The statics and thread-locals of the executable.
//!
//! May use: `load`, `functions` (its `Location`), `lines`, `layouts`, `entries`, `scan`, `names`.

use crate::address::FileAddress;
use crate::debuginfo::entries::Entry;
use crate::debuginfo::functions::Location;
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{Binary, DieRef, Elf, LoadError};
use crate::debuginfo::types::TypeId;
use crate::debuginfo::{lines, names, scan};
use object::elf;
use object::read::elf::Sym as _;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Every static and thread-local that the debug info describes and the linker kept.
///
/// Those of the precompiled standard library are not among them: their debug info has no variables.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Globals {
    /// By address.
    pub statics: Vec<Static>,
    /// By offset.
    pub thread_locals: Vec<ThreadLocal>,
    /// The entries of all vtables, for [`names::implementor`].
    pub vtables: Vec<DieRef>,
}

/// A static, of a module or of a function. Its size is that of its type.
#[derive(Clone, PartialEq, Debug)]
pub struct Static {
    /// `chat::REGISTRY`, `chat::connect::COUNT`.
    pub name: Rc<str>,
    /// Where it is.
    pub address: FileAddress,
    /// Its type.
    pub ty: TypeId,
    /// Its entry, for [`declared_at`].
    pub die: DieRef,
}

/// A `thread_local!`.
#[derive(Clone, PartialEq, Debug)]
pub struct ThreadLocal {
    /// `chat::CURRENT`, as the user calls it.
    pub name: Rc<str>,
    /// From the start of the executable's block of thread-locals, of which each thread has one.
    pub offset: u64,
    /// What is stored there: `std`'s `Storage` of the user's type and its state, or the user's type itself where it needs neither drop
    /// nor late initialisation.
    pub ty: TypeId,
    /// Its entry, for [`declared_at`].
    pub die: DieRef,
}

impl Globals {
    /// Lists them. One pass over the debug info; no type is read.
    ///
    /// # Errors
    /// When a unit cannot be read: a static in it would be missed.
    pub fn of(table: &TypeTable) -> Result<Globals, LoadError> {
        let binary = table.binary();
        let mut globals = Globals::default();
        let symbols = thread_local_symbols(binary.elf());
        scan::statics(binary, |hit| {
            if names::vtable_trait(&hit.own_name()).is_some() {
                return globals.vtables.push(hit.die);
            }
            let Some(variable) = Entry::at(binary, hit.die) else { return };
            let Some(ty) = variable.ty.map(|ty| table.id_of(ty)) else { return };
            let (name, die) = (hit.full_name(), hit.die);
            if let Some(address) = variable.address(binary) {
                // The linker gives address 0 to what it dropped.
                if address != FileAddress(0) {
                    globals.statics.push(Static { name: name.into(), address, ty, die });
                }
            } else if let Some(offset) = thread_local_offset(&variable, binary, &symbols) {
                let name = thread_local_name(&name).into();
                globals.thread_locals.push(ThreadLocal { name, offset, ty, die });
            }
        })?;
        globals.sort();
        Ok(globals)
    }

    /// By place, each once: a generic function's static is described in each unit that has a copy of the function.
    fn sort(&mut self) {
        self.statics.sort_by_key(|entry| (entry.address, entry.die));
        let mut seen = HashSet::new();
        self.statics.retain(|entry| seen.insert((entry.address, Rc::clone(&entry.name))));
        self.thread_locals.sort_by_key(|entry| (entry.offset, entry.die));
        self.thread_locals.dedup_by_key(|entry| entry.offset);
    }
}

/// The name that the user gave: `thread_local!` wraps the variable in closures of its own.
fn thread_local_name(path: &str) -> &str {
    let Some(inside) = path.strip_suffix(scan::THREAD_LOCAL) else { return path };
    inside.find("::{constant#").map_or(path, |end| &inside[..end])
}

/// Where the symbol table says that thread-locals are, by linkage name.
fn thread_local_symbols(elf: &Elf) -> HashMap<&'static [u8], u64> {
    let endian = elf.endian();
    let symbols = elf.elf_symbol_table();
    let mut offsets = HashMap::new();
    for symbol in symbols.iter() {
        if symbol.st_type() != elf::STT_TLS || symbol.st_shndx(endian) == elf::SHN_UNDEF {
            continue;
        }
        // Names are long, and there are many: only these are read.
        if let Ok(name) = symbols.symbol_name(endian, symbol) {
            let offset = offsets.entry(linkage_name(name)).or_insert(symbol.st_value(endian));
            // Of two by one name the first in the block, so that what is at offset 0 is known to be.
            *offset = symbol.st_value(endian).min(*offset);
        }
    }
    offsets
}

/// Where a variable is in the block of thread-locals, if it is one and the linker kept it.
fn thread_local_offset(variable: &Entry, binary: &Binary, symbols: &HashMap<&[u8], u64>) -> Option<u64> {
    let by_name = variable.linkage_name.and_then(|name| symbols.get(name.slice()).copied());
    match variable.tls_offset(binary) {
        // `thread_local!` describes two variables, with and without a destructor, of which the linker drops one and gives it the offset 0.
        // Really there is one, or more if all but one have no size.
        Some(0) if symbols.values().any(|offset| *offset == 0) => by_name.filter(|offset| *offset == 0),
        Some(offset) => Some(offset),
        // On aarch64 the debug info does not say where thread-locals are.
        None if variable.location.is_none() => by_name,
        None => None,
    }
}

/// The name that the debug info has for a symbol: a local one that optimisation has made visible to other units is called `….llvm.123`.
fn linkage_name(symbol: &[u8]) -> &[u8] {
    const SUFFIX: &[u8] = b".llvm.";
    let end = symbol.windows(SUFFIX.len()).position(|bytes| bytes == SUFFIX);
    end.map_or(symbol, |end| &symbol[..end])
}

/// Where a static or thread-local is declared.
pub fn declared_at(binary: &Binary, die: DieRef) -> Option<Location> {
    let entry = Entry::at(binary, die)?;
    let file = lines::file(binary, die.unit, entry.file?)?;
    Some(Location { file, line: u32::try_from(entry.line?).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static ONE: Cell<u64> = const { Cell::new(1) };
        static OTHER: Cell<Option<Box<u64>>> = const { Cell::new(None) };
    }

    /// So on machines whose debug info says where thread-locals are, those too are found that only have a symbol.
    #[test]
    fn symbols_say_of_thread_locals_what_the_debug_info_says() {
        assert_eq!(ONE.get(), 1);
        OTHER.set(None);
        let binary = Binary::current().unwrap();
        let table = TypeTable::new(&binary);
        let symbols = thread_local_symbols(binary.elf());
        let found = Globals::of(&table).unwrap().thread_locals;
        for thread_local in &found {
            let mut variable = Entry::at(&binary, thread_local.die).unwrap();
            variable.location = None;
            assert_eq!(
                thread_local_offset(&variable, &binary, &symbols),
                Some(thread_local.offset),
                "{}",
                thread_local.name
            );
        }
        for name in ["ONE", "OTHER"] {
            let name = format!("{}::{name}", module_path!());
            assert_eq!(found.iter().filter(|thread_local| *thread_local.name == *name).count(), 1, "{name}");
        }
    }

    #[test]
    fn names_of_thread_locals() {
        assert_eq!(linkage_name(b"_ZN5types5ALONE17h383bE.llvm.15136006134175970945"), b"_ZN5types5ALONE17h383bE");
        assert_eq!(linkage_name(b"_ZN5types5ALONE17h383bE"), b"_ZN5types5ALONE17h383bE");
        assert_eq!(
            thread_local_name("chat::CURRENT::{constant#0}::{closure#1}::__RUST_STD_INTERNAL_VAL"),
            "chat::CURRENT"
        );
        assert_eq!(thread_local_name("chat::CURRENT"), "chat::CURRENT");
    }
}
