//! The locals and parameters of a function that are in scope at an address, and where in its frame they are.
//!
//! May use: `address`, `load`, `layouts`, `types`.
//!
//! Code that is not optimised keeps each of them in memory: in the frame, or, for what is passed by value and is large, where a pointer in the frame
//! says. What is in registers, or in pieces, is left out; so is what the code at this address does not have any more.

use crate::address::FileAddress;
use crate::debuginfo::layouts::TypeTable;
use crate::debuginfo::load::{Binary, DieRef, Reader};
use crate::debuginfo::types::TypeId;
use gimli::constants as dw;
use gimli::{AttributeValue, Operation, UnitOffset};
use std::rc::Rc;

/// A local or parameter.
#[derive(Clone, PartialEq, Debug)]
pub struct Variable {
    /// As the source has it.
    pub name: Rc<str>,
    /// Its type.
    pub ty: TypeId,
    /// Where it is.
    pub place: Place,
    /// Which of the functions at the address it is of, as [`Functions::at`](crate::debuginfo::functions::Functions::at) lists them.
    pub function: usize,
}

/// Where a variable is, given its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    base: Base,
    /// From the base.
    offset: i64,
    /// There is a pointer, and the variable is at this distance from where it leads.
    behind_pointer: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Base {
    StackPointer,
    FramePointer,
}

impl Place {
    /// The address, in a frame with these registers. None if what it takes is not known.
    pub fn address(&self, sp: u64, fp: Option<u64>, word: &dyn Fn(u64) -> Option<u64>) -> Option<u64> {
        let base = match self.base {
            Base::StackPointer => sp,
            Base::FramePointer => fp?,
        };
        let at = base.wrapping_add_signed(self.offset);
        match self.behind_pointer {
            None => Some(at),
            Some(offset) => Some(word(at)?.wrapping_add(offset)),
        }
    }
}

/// The variables in scope at `address` in the function that `die` is the entry of, those of inner scopes and later ones first.
pub(super) fn at(table: &TypeTable, die: DieRef, address: FileAddress) -> gimli::Result<Vec<Variable>> {
    let binary = table.binary();
    let unit = binary.unit(die.unit)?;
    let mut raw = unit.entries_raw(Some(UnitOffset(die.offset as usize)))?;
    let mut walk = Scopes {
        table,
        unit: die.unit,
        address,
        base: None,
        open: 0,
        inlined: Vec::new(),
        innermost: 0,
        found: Vec::new(),
    };
    loop {
        let depth = raw.next_depth();
        if let Some(abbreviation) = raw.read_abbreviation()? {
            let mut values = Values::default();
            for specification in abbreviation.attributes() {
                let attribute = raw.read_attribute(*specification)?;
                values.take(attribute.name(), attribute.value());
            }
            walk.entry(abbreviation.tag(), depth, &values)?;
        }
        if raw.next_depth() <= 0 {
            break;
        }
    }
    let (mut found, innermost) = (walk.found, walk.innermost);
    found.reverse();
    found.iter_mut().for_each(|variable| variable.function = innermost - variable.function);
    Ok(found)
}

/// The attributes that matter here.
#[derive(Default)]
struct Values {
    low: Option<AttributeValue<Reader>>,
    high: Option<AttributeValue<Reader>>,
    ranges: Option<AttributeValue<Reader>>,
    base: Option<AttributeValue<Reader>>,
    location: Option<AttributeValue<Reader>>,
    name: Option<AttributeValue<Reader>>,
    ty: Option<AttributeValue<Reader>>,
    origin: Option<AttributeValue<Reader>>,
}

impl Values {
    fn take(&mut self, name: gimli::DwAt, value: AttributeValue<Reader>) {
        let slot = match name {
            dw::DW_AT_low_pc => &mut self.low,
            dw::DW_AT_high_pc => &mut self.high,
            dw::DW_AT_ranges => &mut self.ranges,
            dw::DW_AT_frame_base => &mut self.base,
            dw::DW_AT_location => &mut self.location,
            dw::DW_AT_name => &mut self.name,
            dw::DW_AT_type => &mut self.ty,
            dw::DW_AT_abstract_origin => &mut self.origin,
            _ => return,
        };
        *slot = Some(value);
    }
}

/// A walk down the scopes around an address.
struct Scopes<'t, 'b> {
    table: &'t TypeTable<'b>,
    unit: u32,
    address: FileAddress,
    /// What the function's locations are relative to.
    base: Option<Base>,
    /// The depth of the innermost scope that is around the address and has not ended.
    open: isize,
    /// The depths of the inlined functions among these scopes.
    inlined: Vec<isize>,
    /// How many there are in all.
    innermost: usize,
    found: Vec<Variable>,
}

impl Scopes<'_, '_> {
    fn entry(&mut self, tag: gimli::DwTag, depth: isize, values: &Values) -> gimli::Result<()> {
        if depth == 0 {
            self.base = values.base.and_then(|base| self.base_of(base.exprloc_value()?));
            return Ok(());
        }
        // Else it is in something that is not around the address.
        if depth <= self.open + 1 {
            self.open = depth - 1;
            self.inlined.retain(|inlined| *inlined < depth);
            let inlined = tag == dw::DW_TAG_inlined_subroutine;
            if (inlined || tag == dw::DW_TAG_lexical_block) && self.is_around(values)? {
                self.open = depth;
                self.inlined.extend(inlined.then_some(depth));
                self.innermost = self.innermost.max(self.inlined.len());
            } else if tag == dw::DW_TAG_variable || tag == dw::DW_TAG_formal_parameter {
                self.variable(values)?;
            }
        }
        Ok(())
    }

    fn is_around(&self, values: &Values) -> gimli::Result<bool> {
        let (dwarf, unit) = (self.table.binary().dwarf(), self.table.binary().unit(self.unit)?);
        let at = self.address.0;
        if let Some(ranges) = values.ranges {
            let Some(mut ranges) = dwarf.attr_ranges(unit, ranges)? else { return Ok(false) };
            while let Some(range) = ranges.next()? {
                if range.begin <= at && at < range.end {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let (Some(low), Some(high)) = (values.low, values.high) else { return Ok(false) };
        let Some(low) = dwarf.attr_address(unit, low)? else { return Ok(false) };
        let end = match high.udata_value() {
            Some(length) => Some(low.wrapping_add(length)),
            None => dwarf.attr_address(unit, high)?,
        };
        Ok(low <= at && end.is_some_and(|end| at < end))
    }

    fn variable(&mut self, values: &Values) -> gimli::Result<()> {
        let Some(place) = self.place(values.location)? else { return Ok(()) };
        let binary = self.table.binary();
        let text = |unit: u32, value| {
            let text = binary.dwarf().attr_string(binary.unit(unit).ok()?, value).ok()?;
            Some(Rc::from(text.to_string_lossy()))
        };
        let mut name = values.name.and_then(|name| text(self.unit, name));
        let mut ty = values.ty.and_then(|ty| reference(binary, self.unit, ty));
        // An inlined function says of its variables only where they are.
        if let (None, Some(origin)) = (ty, values.origin.and_then(|origin| reference(binary, self.unit, origin))) {
            let entry = binary.unit(origin.unit)?.entry(UnitOffset(origin.offset as usize))?;
            name = entry.attr_value(dw::DW_AT_name).and_then(|name| text(origin.unit, name));
            ty = entry.attr_value(dw::DW_AT_type).and_then(|ty| reference(binary, origin.unit, ty));
        }
        let Some(ty) = ty else { return Ok(()) };
        self.found.push(Variable {
            name: name.unwrap_or_default(),
            ty: self.table.id_of(ty),
            place,
            function: self.inlined.len(),
        });
        Ok(())
    }

    fn place(&self, location: Option<AttributeValue<Reader>>) -> gimli::Result<Option<Place>> {
        let Some(location) = location else { return Ok(None) };
        if let Some(expression) = location.exprloc_value() {
            return Ok(self.place_of(expression));
        }
        let (dwarf, unit) = (self.table.binary().dwarf(), self.table.binary().unit(self.unit)?);
        let Some(mut list) = dwarf.attr_locations(unit, location)? else { return Ok(None) };
        while let Some(entry) = list.next()? {
            if entry.range.begin <= self.address.0 && self.address.0 < entry.range.end {
                return Ok(self.place_of(entry.data));
            }
        }
        Ok(None)
    }

    /// None for what is in a register, in pieces, or a value without a place.
    fn place_of(&self, expression: gimli::Expression<Reader>) -> Option<Place> {
        let unit = self.table.binary().unit(self.unit).ok()?;
        let mut operations = expression.operations(unit.encoding());
        let mut place = match operations.next().ok()?? {
            Operation::FrameOffset { offset } => Place { base: self.base?, offset, behind_pointer: None },
            Operation::RegisterOffset { register, offset, .. } => {
                Place { base: base(register)?, offset, behind_pointer: None }
            }
            _ => return None,
        };
        while let Some(operation) = operations.next().ok()? {
            match (operation, &mut place.behind_pointer) {
                (Operation::Deref { size: 8, space: false, .. }, behind @ None) => *behind = Some(0),
                (Operation::PlusConstant { value }, Some(behind)) => *behind = behind.wrapping_add(value),
                (Operation::PlusConstant { value }, None) => place.offset = place.offset.wrapping_add_unsigned(value),
                _ => return None,
            }
        }
        Some(place)
    }

    fn base_of(&self, expression: gimli::Expression<Reader>) -> Option<Base> {
        let unit = self.table.binary().unit(self.unit).ok()?;
        let mut operations = expression.operations(unit.encoding());
        match operations.next().ok()?? {
            Operation::Register { register } => base(register),
            _ => None,
        }
    }
}

fn base(register: gimli::Register) -> Option<Base> {
    const REGISTERS: [gimli::Register; 2] = if cfg!(target_arch = "aarch64") {
        [gimli::AArch64::SP, gimli::AArch64::X29]
    } else {
        [gimli::X86_64::RSP, gimli::X86_64::RBP]
    };
    let [stack_pointer, frame_pointer] = REGISTERS;
    match register {
        register if register == stack_pointer => Some(Base::StackPointer),
        register if register == frame_pointer => Some(Base::FramePointer),
        _ => None,
    }
}

fn reference(binary: &Binary, unit: u32, value: AttributeValue<Reader>) -> Option<DieRef> {
    match value {
        AttributeValue::UnitRef(offset) => Some(DieRef { unit, offset: offset.0 as u32 }),
        AttributeValue::DebugInfoRef(offset) => binary.die(offset),
        _ => None,
    }
}
