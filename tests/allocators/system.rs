//! The tests of `shapes` over the system's allocator, wrapped by the program itself.

mod shapes;

#[global_allocator]
static ALLOCATOR: memleak::Allocator<std::alloc::System> = memleak::Allocator::new(std::alloc::System);
