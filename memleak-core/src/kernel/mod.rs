//! The door to the kernel: its interface, linked as an object that is optimised in every profile, or compiled in as a module.

#[path = "../../kernel/interface_dies.rs"]
#[allow(dead_code, reason = "some of it only the kernel makes, which is not compiled here if it is an object")]
pub mod interface_dies;
pub mod walk;

#[cfg(memleak_kernel_object)]
unsafe extern "C" {
    /// The half of the kernel that reads debug info.
    pub safe static MEMLEAK_DIES: interface_dies::DieTable;
}

#[cfg(not(memleak_kernel_object))]
#[path = "../../kernel/dies/mod.rs"]
mod dies;
#[cfg(not(memleak_kernel_object))]
pub use dies::MEMLEAK_DIES;

#[path = "../../kernel/interface_strings.rs"]
pub mod interface_strings;
pub mod search;

#[cfg(memleak_kernel_object)]
unsafe extern "C" {
    /// The part of the kernel that looks for names.
    pub safe static MEMLEAK_STRINGS: interface_strings::StringTable;
}

#[cfg(not(memleak_kernel_object))]
#[path = "../../kernel/strings.rs"]
mod strings;
#[cfg(not(memleak_kernel_object))]
pub use strings::MEMLEAK_STRINGS;

#[path = "../../kernel/interface_pointers.rs"]
pub mod interface_pointers;
pub mod pointers;

#[cfg(memleak_kernel_object)]
unsafe extern "C" {
    /// The part of the kernel that looks for pointers.
    pub safe static MEMLEAK_POINTERS: interface_pointers::PointerTable;
}

#[cfg(not(memleak_kernel_object))]
#[path = "../../kernel/pointers.rs"]
mod search_for_pointers;
#[cfg(not(memleak_kernel_object))]
pub use search_for_pointers::MEMLEAK_POINTERS;

#[path = "../../kernel/interface_tracker.rs"]
#[allow(dead_code, reason = "some of it only the kernel makes, which is not compiled here if it is an object")]
pub mod interface_tracker;

#[cfg(memleak_kernel_object)]
unsafe extern "C" {
    /// The tracking half of the kernel.
    pub safe static MEMLEAK_TRACKER: interface_tracker::Tracker;
}

#[cfg(not(memleak_kernel_object))]
#[cfg_attr(memleak_supported, path = "../../kernel/tracking/mod.rs")]
#[cfg_attr(not(memleak_supported), path = "../../kernel/unsupported.rs")]
mod tracking;
#[cfg(not(memleak_kernel_object))]
pub use tracking::MEMLEAK_TRACKER;
