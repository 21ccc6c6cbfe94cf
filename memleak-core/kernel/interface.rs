//! What the kernel and memleak-core share: `repr(C)` data and the tables of functions.
