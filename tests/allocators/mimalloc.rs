//! The tests of `shapes` over mimalloc.

mod shapes;

#[global_allocator]
static ALLOCATOR: memleak::Allocator<mimalloc::MiMalloc> = memleak::Allocator::new(mimalloc::MiMalloc);
