//! Arguments that come later are told apart from unknown ones.

use memleak::leak_test;

#[leak_test(
    expect_zero = "Session",
    expect_exactly(Session = 1),
    max_peak_bytes = "64 KiB",
    max_allocated_bytes = "64 KiB",
    max_allocations = 10,
    max_allocated("Session" = 10),
)]
fn test() {}
