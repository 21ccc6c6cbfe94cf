//! The attribute of the `memleak` crate.
