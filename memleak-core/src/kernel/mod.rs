//! The door to the kernel: its interface, linked as an object that is optimised in every profile, or compiled in as a module.

#[path = "../../kernel/interface.rs"]
pub mod interface;

#[cfg(not(memleak_kernel_object))]
#[path = "../../kernel/dies.rs"]
mod dies;
