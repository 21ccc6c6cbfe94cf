//! The tests of `shapes` over jemalloc.

mod shapes;

#[global_allocator]
static ALLOCATOR: memleak::Allocator<tikv_jemallocator::Jemalloc> = memleak::Allocator::new(tikv_jemallocator::Jemalloc);
