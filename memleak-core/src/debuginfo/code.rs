//! Whose code a function or a type is: the user's, a dependency's, the standard library's.

/// Whose code a function or type is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeKind {
    /// The package under test, its workspace, path dependencies.
    User,
    /// A downloaded dependency, or memleak itself.
    Dependency,
    /// `core`, `alloc`, `std`, `test`, the C library.
    Std,
}

impl CodeKind {
    /// By the path of the function or type and the file it was compiled from.
    pub fn of(path: &str, file: Option<&str>) -> CodeKind {
        let krate = path.trim_start_matches(['<', '&']).split("::").next().unwrap_or_default();
        if matches!(krate, "memleak" | "memleak_core") {
            return CodeKind::Dependency;
        }
        // The shims in front of the global allocator are expanded where it is declared.
        if path.rsplit("::").next().is_some_and(|name| name.starts_with("__rust_")) {
            return CodeKind::Std;
        }
        match file {
            None => CodeKind::Std,
            // The second is what the precompiled standard library depends on.
            Some(file) if ["/rustc/", "/rust/deps/"].iter().any(|start| file.starts_with(start)) => CodeKind::Std,
            Some(file) if file.contains("/rustlib/src/rust/") => CodeKind::Std,
            Some(file) if ["/registry/src/", "/git/checkouts/", "/vendor/"].iter().any(|part| file.contains(part)) => {
                CodeKind::Dependency
            }
            Some(_) => CodeKind::User,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CodeKind;

    #[test]
    fn whose_code_a_frame_is() {
        let std = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/boxed.rs";
        let tokio = "/home/u/.cargo/registry/src/index-1/tokio-1.48.0/src/runtime/task/core.rs";
        assert_eq!(CodeKind::of("alloc::boxed::{impl#0}::new<chat::Session>", Some(std)), CodeKind::Std);
        assert_eq!(CodeKind::of("tokio::runtime::task::core::{impl#5}::new", Some(tokio)), CodeKind::Dependency);
        assert_eq!(CodeKind::of("chat::Session::connect", Some("/w/chat/src/session.rs")), CodeKind::User);
        let hashbrown = "/rust/deps/hashbrown-0.16.1/src/raw.rs";
        assert_eq!(CodeKind::of("hashbrown::raw::{impl#3}::reserve", Some(hashbrown)), CodeKind::Std);
        assert_eq!(CodeKind::of("malloc", None), CodeKind::Std);
        assert_eq!(CodeKind::of("chat::_::__rust_alloc", Some("/w/chat/src/lib.rs")), CodeKind::Std);
        assert_eq!(
            CodeKind::of("<memleak_core::tracker::Allocator as GlobalAlloc>::alloc", Some("/w/m/src/lib.rs")),
            CodeKind::Dependency
        );
    }
}
