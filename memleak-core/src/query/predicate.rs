//! Whether a value is in the state that a pattern describes, and whether a value of its type can be.
//!
//! May use: `heap`, `debuginfo` (types only).

use crate::debuginfo::types::{Type, TypeId, TypeKind, Types, pointee};
use crate::heap::evidence::is_counted;
use crate::query::read::{Datum, Place, Reader, Scalar, field_name, is_pointer, is_text, scalar_kind, value_inside};
use crate::query::state::{Expected, State};
use std::rc::Rc;

/// Why no value of a type can be in a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateError {
    /// It has no such field.
    NoField {
        /// The type, or its variant.
        of: String,
        /// As written.
        field: String,
        /// Those that it has.
        fields: Vec<String>,
    },
    /// The field is of another kind.
    OtherKind {
        /// The field.
        field: String,
        /// Its type.
        ty: String,
        /// As written.
        expected: String,
    },
    /// The enum has no such variant.
    NoVariant {
        /// The field.
        field: String,
        /// Its type.
        ty: String,
        /// As written.
        expected: String,
        /// Those that it has.
        variants: Vec<String>,
    },
}

impl Reader<'_> {
    /// Whether the fields of this value, of the active variant if it is an enum, are as they have to be.
    pub fn is_in(&self, place: Place, state: &State) -> bool {
        let Some(fields) = self.fields(place) else { return state.fields.is_empty() };
        state
            .fields
            .iter()
            .all(|(name, expected)| fields.iter().any(|(field, place)| **field == **name && self.is(*place, expected)))
    }

    fn is(&self, place: Place, expected: &Expected) -> bool {
        let place = self.inside(place);
        match (expected, self.datum(place)) {
            (Expected::Anything, _) => true,
            (Expected::Bool(wanted), Datum::Bool(value)) => *wanted == value,
            (Expected::Char(wanted), Datum::Char(value)) => *wanted == value,
            (Expected::Integer(wanted), Datum::Signed(value)) => *wanted == value,
            (Expected::Integer(wanted), Datum::Unsigned(value)) => u128::try_from(*wanted) == Ok(value),
            (Expected::Integer(wanted), Datum::Float(value)) => *wanted as f64 == value,
            (Expected::Float(wanted), Datum::Float(value)) => is_same(f64::from_bits(*wanted), value),
            (Expected::Text(wanted), Datum::Text(value)) => *wanted == value,
            (Expected::Named { pattern, .. }, Datum::Variant(variant)) => {
                let ty = self.view.types.get(place.ty);
                pattern.is_variant(&ty.name, &variant) && pattern.state().is_none_or(|state| self.is_in(place, state))
            }
            (Expected::Named { pattern, .. }, Datum::Struct) => {
                let ty = self.view.types.get(place.ty);
                pattern.matches(&ty.name) && pattern.state().is_none_or(|state| self.is_in(place, state))
            }
            (_, Datum::Pointer(_)) => self.target(place).is_some_and(|target| self.is(target, expected)),
            _ => false,
        }
    }
}

/// Whether a float is the one that was written; an `f32` is if the nearest one to that is.
fn is_same(wanted: f64, value: f64) -> bool {
    wanted == value || f64::from(wanted as f32) == value
}

/// Checks that a value of this type, or of this variant of it, can be in this state.
///
/// # Errors
/// When it cannot.
pub fn check(types: &dyn Types, ty: TypeId, variant: Option<&str>, state: &State) -> Result<(), StateError> {
    let of = types.get(ty);
    let TypeKind::Enum { variants, .. } = &of.kind else {
        return check_fields(types, &of.name, &of, state);
    };
    let mut error = None;
    for one in variants.iter().filter(|one| variant.is_none_or(|wanted| *one.name == *wanted)) {
        let name = format!("{}::{}", of.name, one.name);
        match check_fields(types, &name, &types.get(one.ty), state) {
            Ok(()) => return Ok(()),
            Err(another) => error = error.or(Some(another)),
        }
    }
    error.map_or(Ok(()), Err)
}

fn check_fields(types: &dyn Types, name: &str, ty: &Type, state: &State) -> Result<(), StateError> {
    let fields = match &ty.kind {
        TypeKind::Struct { fields } => fields.as_slice(),
        _ => &[],
    };
    for (written, expected) in &state.fields {
        let Some(field) = fields.iter().find(|field| *field_name(&field.name) == **written) else {
            let fields = fields.iter().map(|field| field_name(&field.name).to_string()).collect();
            return Err(StateError::NoField { of: name.to_owned(), field: written.clone(), fields });
        };
        check_value(types, written, field.ty, expected)?;
    }
    Ok(())
}

fn check_value(types: &dyn Types, field: &str, id: TypeId, expected: &Expected) -> Result<(), StateError> {
    let ty = types.get(id);
    if let Some((_, inner)) = value_inside(types, &ty) {
        return check_value(types, field, inner, expected);
    }
    let fits = |fits: bool| {
        let error =
            || StateError::OtherKind { field: field.to_owned(), ty: ty.name.to_string(), expected: expected.written() };
        if fits { Ok(()) } else { Err(error()) }
    };
    if is_text(&ty) {
        return fits(matches!(expected, Expected::Anything | Expected::Text(_)));
    }
    if is_pointer(&ty) {
        // Behind a trait object may be any type.
        return match owned_by(types, id).filter(|target| types.get(*target).size > 0) {
            Some(target) => check_value(types, field, target, expected),
            None => Ok(()),
        };
    }
    match expected {
        Expected::Anything => Ok(()),
        Expected::Bool(_) => fits(scalar_kind(&ty.name) == Scalar::Bool),
        Expected::Char(_) => fits(scalar_kind(&ty.name) == Scalar::Char),
        Expected::Integer(_) => {
            fits(matches!(scalar_kind(&ty.name), Scalar::Signed | Scalar::Unsigned | Scalar::Float))
        }
        Expected::Float(_) => fits(scalar_kind(&ty.name) == Scalar::Float),
        Expected::Text(_) => fits(false),
        Expected::Named { pattern, .. } => {
            let names: Vec<Rc<str>> = match &ty.kind {
                TypeKind::Enum { variants, .. } => variants.iter().map(|variant| Rc::clone(&variant.name)).collect(),
                _ => {
                    fits(pattern.matches(&ty.name))?;
                    return pattern.state().map_or(Ok(()), |state| check(types, id, None, state));
                }
            };
            fits(!names.is_empty())?;
            let Some(variant) = names.iter().find(|name| pattern.is_variant(&ty.name, name)) else {
                return Err(StateError::NoVariant {
                    field: field.to_owned(),
                    ty: ty.name.to_string(),
                    expected: expected.written(),
                    variants: names.iter().map(|name| name.to_string()).collect(),
                });
            };
            pattern.state().map_or(Ok(()), |state| check(types, id, Some(variant), state))
        }
    }
}

/// The type of the value that a pointer of this type owns or refers to.
fn owned_by(types: &dyn Types, id: TypeId) -> Option<TypeId> {
    let target = pointee(types, id)?;
    let ty = types.get(target);
    if !is_counted(&ty) {
        return Some(target);
    }
    ty.parameters.first().map(|(_, inner)| *inner)
}
