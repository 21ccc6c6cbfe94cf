//! The attribute in a strict crate and in odd places. Runs as it is; `tests/compile` has it compiled in every edition, by clippy.

#![forbid(unsafe_code)]
#![deny(warnings, rust_2018_idioms, unused, unused_qualifications, missing_docs, unreachable_pub, single_use_lifetimes)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::allow_attributes, clippy::unwrap_used)]

mod beside_others;
mod from_macros;
mod no_prelude;
mod shadowed;
mod shapes;
