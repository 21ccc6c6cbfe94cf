//! Finds and opens the debug info of the running executable, and says clearly when there is none.
//!
//! May use: `address`, `code`, `kernel`, `tree`. Everything is little-endian 64-bit ELF. The bytes of the file live as long as the process: there is one executable,
//! and what is read from it is kept, so names and entries can be borrowed without lifetimes.

use crate::address::{FileAddress, RuntimeAddress};
use crate::debuginfo::code::in_the_toolchain;
use crate::debuginfo::tree::Tree;
use crate::kernel::interface_dies::Tags;
use crate::kernel::walk::{Data, Found, Selection, WalkError, Walker};
use gimli::{LittleEndian, Section as _, SectionId};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Object as _, ObjectSection as _, SectionFlags, elf};
use once_cell::unsync::OnceCell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;
use std::sync::OnceLock;

/// How gimli reads the mapped sections.
pub type Reader = gimli::EndianSlice<'static, LittleEndian>;
/// The executable as ELF.
pub type Elf = ElfFile64<'static, object::LittleEndian>;

/// A debug info entry (DIE): the unit it is in, and its offset from the start of that unit's header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DieRef {
    /// Index into [`Binary::units`].
    pub unit: u32,
    /// From the start of the unit's header, as in `DW_FORM_ref4` and `gimli::UnitOffset`.
    pub offset: u32,
}

/// A map by entries. In the plain dev profile std's own hasher takes longer than all else that a look-up does; where an entry is, is no
/// secret that anyone could use against it.
pub(crate) type DieMap<V> = HashMap<DieRef, V, BuildHasherDefault<DieHasher>>;

/// Mixes the two numbers of a [`DieRef`].
#[derive(Default)]
pub(crate) struct DieHasher(u64);

impl Hasher for DieHasher {
    fn write_u32(&mut self, number: u32) {
        // The map takes the bucket from the low bits and a tag from the high ones; this fills both.
        self.0 = (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The executable's file, mapped, its sections found.
pub struct Binary {
    elf: Elf,
    dwarf: gimli::Dwarf<Reader>,
    units: Vec<gimli::UnitHeader<Reader>>,
    /// `units`, as offsets into `.debug_info`, for searching.
    starts: Vec<usize>,
    parsed: Vec<OnceCell<gimli::Unit<Reader>>>,
    trees: Vec<OnceCell<Tree>>,
    data: Data<'static>,
    walker: RefCell<Walker>,
    /// What the loader added to file addresses.
    bias: u64,
}

/// Why types cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// Not a platform whose binaries are read (with its name).
    UnsupportedPlatform(String),
    /// No debug info but that of the precompiled standard library, and the symbol table is there: `debug = false`.
    NoDebugInfo,
    /// No `.debug_info` and no symbol table: `strip`.
    Stripped,
    /// `.debug_info` without types: `debug = "line-tables-only"` or `debug = 1`.
    LineTablesOnly,
    /// The debug info is in other files: `split-debuginfo`.
    Split,
    /// The sections are compressed.
    Compressed,
    /// The file could not be read or is not understood.
    Unreadable(String),
}

/// The files of the running program.
#[derive(Clone, Copy)]
pub struct Program {
    file: &'static [u8],
    /// What the kernel has told the process at its start.
    auxiliary: &'static [u8],
}

impl Program {
    /// Opens them, once. Where other code may close descriptors that are not its own, this has to be done before.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open() -> Result<Program, LoadError> {
        static OPEN: OnceLock<Result<Program, LoadError>> = OnceLock::new();
        let open = || {
            // Not the path in `argv[0]`: that may be anything, and the file there may have been rebuilt since.
            let file = fs::File::open("/proc/self/exe").map_err(unreadable)?;
            // SAFETY: the system refuses to write to the file of a running program (ETXTBSY), and a rebuild puts a new file in its place.
            let map = unsafe { memmap2::Mmap::map(&file) }.map_err(unreadable)?;
            let auxiliary = fs::read("/proc/self/auxv").map_err(unreadable)?;
            Ok(Program { file: Box::leak(Box::new(map)), auxiliary: auxiliary.leak() })
        };
        OPEN.get_or_init(open).clone()
    }
}

impl Binary {
    /// Opens the running executable.
    ///
    /// # Errors
    /// When it has no debug info with types, or cannot be read.
    pub fn current() -> Result<Binary, LoadError> {
        if !cfg!(memleak_supported) {
            let platform = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
            return Err(LoadError::UnsupportedPlatform(platform));
        }
        let Program { file, auxiliary } = Program::open()?;
        let mut binary = Binary::parse(file)?;
        binary.bias = binary.loader_bias(auxiliary)?;
        Ok(binary)
    }

    /// Opens the executable at `path`, which need not be running: runtime addresses are file addresses.
    ///
    /// # Errors
    /// When it has no debug info with types, or cannot be read.
    pub fn open(path: &Path) -> Result<Binary, LoadError> {
        // Read, not mapped: unlike the running program's, this file may change at any time.
        Binary::parse(fs::read(path).map_err(unreadable)?.leak())
    }

    fn parse(data: &'static [u8]) -> Result<Binary, LoadError> {
        match data {
            [0x7f, b'E', b'L', b'F', class, order, ..]
                if *class == elf::ELFCLASS64.0 && *order == elf::ELFDATA2LSB.0 => {}
            [0x7f, b'E', b'L', b'F', ..] => {
                return Err(LoadError::UnsupportedPlatform("32-bit or big-endian ELF".to_owned()));
            }
            _ => return Err(LoadError::Unreadable("not an ELF file".to_owned())),
        }
        let elf = Elf::parse(data).map_err(unreadable)?;
        check_sections(&elf)?;
        let dwarf = gimli::Dwarf::load(|id| section(&elf, id.name()))?;
        let units = unit_headers(&dwarf)?;
        let starts = units.iter().map(|unit| unit.debug_info_offset().map_or(0, |offset| offset.0)).collect();
        let parsed = units.iter().map(|_| OnceCell::new()).collect();
        let trees = units.iter().map(|_| OnceCell::new()).collect();
        let data = walk_data(&elf, &dwarf);
        let walker = RefCell::new(Walker::new());
        let binary = Binary { elf, dwarf, units, starts, parsed, trees, data, walker, bias: 0 };
        binary.check_types()?;
        Ok(binary)
    }

    /// The executable as ELF: symbols and segments.
    pub fn elf(&self) -> &Elf {
        &self.elf
    }

    /// The sections of debug info.
    pub fn dwarf(&self) -> &gimli::Dwarf<Reader> {
        &self.dwarf
    }

    /// The headers of all units, in the order of `.debug_info`.
    pub fn units(&self) -> &[gimli::UnitHeader<Reader>] {
        &self.units
    }

    /// The unit with this index in [`units`](Binary::units), parsed on first use and kept.
    ///
    /// # Errors
    /// When its abbreviations or its first entry are broken.
    ///
    /// # Panics
    /// If there is no such unit.
    pub fn unit(&self, index: u32) -> Result<&gimli::Unit<Reader>, gimli::Error> {
        self.parsed[index as usize].get_or_try_init(|| self.dwarf.unit(self.units[index as usize]))
    }

    /// The named entries and the code of the unit with this index, walked on first use and kept.
    pub(crate) fn tree(&self, unit: u32) -> Result<&Tree, WalkError> {
        self.trees[unit as usize].get_or_try_init(|| Tree::new(self, unit))
    }

    /// Appends the entries of the unit with this index that `selection` wants.
    pub(crate) fn walk(&self, unit: u32, selection: &Selection, found: &mut Found) -> Result<(), WalkError> {
        self.walker.borrow_mut().walk(&self.data, selection, self.starts[unit as usize], found)
    }

    /// What walks read.
    #[cfg(test)]
    pub(crate) fn walk_data(&self) -> Data<'static> {
        self.data
    }

    /// No code is below this address, whatever the debug info says: linkers give 0 or 1 to what they leave out.
    pub(crate) fn lowest_code(&self) -> u64 {
        self.data.lowest_code
    }

    /// A section of debug info; empty if the file lacks it.
    pub(crate) fn section(&self, id: SectionId) -> &'static [u8] {
        match id {
            SectionId::DebugInfo => self.data.info,
            SectionId::DebugStr => self.dwarf.debug_str.reader().slice(),
            SectionId::DebugLineStr => self.dwarf.debug_line_str.reader().slice(),
            SectionId::DebugAranges => self.dwarf.debug_aranges.reader().slice(),
            _ => &[],
        }
    }

    /// The entry at an offset into `.debug_info`, as `DW_FORM_ref_addr` gives it.
    pub fn die(&self, offset: gimli::DebugInfoOffset) -> Option<DieRef> {
        let index = self.starts.partition_point(|start| *start <= offset.0).checked_sub(1)?;
        let within = offset.0 - self.starts[index];
        if within >= self.units[index].length_including_self() {
            return None;
        }
        Some(DieRef { unit: u32::try_from(index).ok()?, offset: u32::try_from(within).ok()? })
    }

    /// The file address of a runtime address in the executable; none in shared libraries, heap or stack.
    pub fn file_address(&self, address: RuntimeAddress) -> Option<FileAddress> {
        let address = address.0.checked_sub(self.bias)?;
        let endian = self.elf.endian();
        let inside = self.elf.elf_program_headers().iter().any(|segment| {
            segment.p_type(endian) == elf::PT_LOAD
                && address.checked_sub(segment.p_vaddr(endian)).is_some_and(|within| within < segment.p_memsz(endian))
        });
        inside.then_some(FileAddress(address))
    }

    /// The bytes at a runtime address in memory that the executable cannot write, as its file has them.
    pub fn constant(&self, address: RuntimeAddress, size: u64) -> Option<&'static [u8]> {
        let address = address.0.checked_sub(self.bias)?;
        let endian = self.elf.endian();
        let (start, size) = (usize::try_from(address).ok()?, usize::try_from(size).ok()?);
        self.elf.elf_program_headers().iter().find_map(|segment| {
            let constant = segment.p_type(endian) == elf::PT_LOAD && !segment.p_flags(endian).contains(elf::PF_W);
            let bytes = segment.data(endian, self.elf.data()).ok().filter(|_| constant)?;
            let start = start.checked_sub(usize::try_from(segment.p_vaddr(endian)).ok()?)?;
            bytes.get(start..start.checked_add(size)?)
        })
    }

    /// Where a file address is in this process.
    pub fn runtime_address(&self, address: FileAddress) -> RuntimeAddress {
        RuntimeAddress(address.0.wrapping_add(self.bias))
    }

    /// The kernel tells each process where the program headers of its executable are; the file tells where they were meant to be.
    fn loader_bias(&self, auxiliary: &[u8]) -> Result<u64, LoadError> {
        const AT_PHDR: u64 = 3;
        let runtime = auxiliary
            .as_chunks::<16>()
            .0
            .iter()
            .map(|entry| u128::from_le_bytes(*entry))
            .find(|entry| *entry as u64 == AT_PHDR)
            .map(|entry| (entry >> 64) as u64);
        let endian = self.elf.endian();
        let in_file = self.elf.elf_header().e_phoff(endian);
        let meant = self.elf.elf_program_headers().iter().find_map(|segment| {
            let within = in_file.checked_sub(segment.p_offset(endian))?;
            let holds = segment.p_type(endian) == elf::PT_LOAD && within < segment.p_filesz(endian);
            holds.then(|| segment.p_vaddr(endian).wrapping_add(within))
        });
        match (runtime, meant) {
            (Some(runtime), Some(meant)) => Ok(runtime.wrapping_sub(meant)),
            _ => Err(LoadError::Unreadable("the load address of the executable is not known".to_owned())),
        }
    }

    /// Fails unless a unit of the user's own build describes types.
    ///
    /// One is enough: dependencies may be built with less. The precompiled standard library has units in every program; those of some
    /// distributions describe types.
    fn check_types(&self) -> Result<(), LoadError> {
        const TYPES: Selection<'static> = Selection {
            always: Tags::of(&[gimli::DW_TAG_base_type.0, gimli::DW_TAG_structure_type.0]),
            named: Tags::of(&[]),
            around: Tags::of(&[]),
            names: &[],
            root_only: false,
        };
        let mut verdict = LoadError::NoDebugInfo;
        let mut found = Found::default();
        for index in 0..self.units.len() as u32 {
            let unit = self.unit(index).map_err(unreadable)?;
            if unit.dwo_name().map_err(unreadable)?.is_some() {
                return Err(LoadError::Split);
            }
            let root = unit.entry(unit.header.root_offset()).map_err(unreadable)?;
            let language = root.attr_value(gimli::DW_AT_language);
            if language != Some(gimli::AttributeValue::Language(gimli::DW_LANG_Rust)) || is_precompiled(unit) {
                continue;
            }
            verdict = LoadError::LineTablesOnly;
            self.walk(index, &TYPES, &mut found).map_err(unreadable)?;
            if !found.nodes.is_empty() {
                return Ok(());
            }
        }
        Err(verdict)
    }
}

/// Whether the unit came with the toolchain.
fn is_precompiled(unit: &gimli::Unit<Reader>) -> bool {
    root_file(unit).is_some_and(|file| in_the_toolchain(&file).is_some())
}

/// The root file of the crate that a unit is of: `src/main.rs` of `src/main.rs/@/1a2b3c`, made absolute.
pub(super) fn root_file(unit: &gimli::Unit<Reader>) -> Option<String> {
    let name = unit.name?.to_string_lossy();
    let file = name.split("/@/").next()?;
    Path::new(&*unit.comp_dir?.to_string_lossy()).join(file).to_str().map(str::to_owned)
}

/// Tells the ways apart in which there is nothing to open.
fn check_sections(elf: &Elf) -> Result<(), LoadError> {
    for section in elf.sections() {
        let name = section.name().unwrap_or_default();
        let compressed = match section.flags() {
            SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(elf::SHF_COMPRESSED),
            _ => false,
        };
        if name.starts_with(".zdebug_") || name.starts_with(".debug_") && compressed {
            return Err(LoadError::Compressed);
        }
    }
    if elf.section_by_name(".debug_info").is_some() {
        Ok(())
    } else if elf.section_by_name(".symtab").is_some() {
        Err(LoadError::NoDebugInfo)
    } else {
        Err(LoadError::Stripped)
    }
}

fn section(elf: &Elf, name: &str) -> Result<Reader, LoadError> {
    let data = match elf.section_by_name(name) {
        Some(section) => section.data().map_err(unreadable)?,
        None => &[],
    };
    Ok(Reader::new(data, LittleEndian))
}

fn walk_data(elf: &Elf, dwarf: &gimli::Dwarf<Reader>) -> Data<'static> {
    let endian = elf.endian();
    let code = elf
        .elf_program_headers()
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD && segment.p_flags(endian).contains(elf::PF_X));
    let section = |name| section(elf, name).map_or(&[][..], |section| section.slice());
    Data {
        info: dwarf.debug_info.reader().slice(),
        abbrev: dwarf.debug_abbrev.reader().slice(),
        str_offsets: dwarf.debug_str_offsets.reader().slice(),
        addr: dwarf.debug_addr.reader().slice(),
        ranges: section(".debug_ranges"),
        rnglists: section(".debug_rnglists"),
        lowest_code: code.map(|segment| segment.p_vaddr(endian)).min().unwrap_or(0).max(1),
    }
}

fn unit_headers(dwarf: &gimli::Dwarf<Reader>) -> Result<Vec<gimli::UnitHeader<Reader>>, LoadError> {
    let mut units = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next().map_err(unreadable)? {
        units.push(header);
    }
    Ok(units)
}

fn unreadable(error: impl std::fmt::Display) -> LoadError {
    LoadError::Unreadable(error.to_string())
}
