//! What memleak writes of a test, and what is made of it.
//!
//! A [`Document`] says of one test all that its text says, as data. It is written where the test ran, and read by
//! pages, pipelines and `cargo memleak`. Nothing here knows a heap or debug info.
//!
//! - [`document`]: the format.
//! - [`hash`]: what fingerprints are made with.
//! - [`markdown`]: a test as pipelines show it.
//! - [`mod@merge`]: several runs as one, and compared.
//! - [`page`]: the page of a run.
//! - [`pipeline`]: what pipelines understand in the output of a step.
//! - [`store`]: where documents are kept, and for how long.

pub mod document;
#[cfg(test)]
mod examples;
pub mod hash;
pub mod markdown;
pub mod merge;
pub mod page;
pub mod pipeline;
mod ring;
pub mod store;
mod treemap;

pub use document::Document;
