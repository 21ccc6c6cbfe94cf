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
        if is_memleak(path) {
            return CodeKind::Dependency;
        }
        // The shims in front of the global allocator are expanded where it is declared.
        if path.rsplit("::").next().is_some_and(|name| name.starts_with("__rust_")) {
            return CodeKind::Std;
        }
        match file {
            None => CodeKind::Std,
            Some(file) if in_the_toolchain(file).is_some() => CodeKind::Std,
            Some(file) if ["/registry/src/", "/git/checkouts/", "/vendor/"].iter().any(|part| file.contains(part)) => {
                CodeKind::Dependency
            }
            Some(_) => CodeKind::User,
        }
    }
}

/// What a file of the standard library, or of what that depends on, is called there: `library/std/src/lib.rs`. None for any other.
pub fn in_the_toolchain(file: &str) -> Option<&str> {
    // Where the Rust project builds it: in a directory that is the name of a commit.
    if let Some(rest) = file.strip_prefix("/rustc/") {
        return Some(rest.split_once('/')?.1);
    }
    if let Some(rest) = file.strip_prefix("/rust/deps/") {
        return Some(rest);
    }
    // Where rustup puts its sources.
    if let Some((_, rest)) = file.split_once("/rustlib/src/rust/") {
        return Some(rest);
    }
    // Distributions build it in directories of their own: `/usr/src/rustc-1.97.1/library/std/src/lib.rs`.
    let (_, rest) = file.split_once("/rustc-")?;
    rest.split_once('/').map(|(_, path)| path).filter(|path| path.starts_with("library/"))
}

/// Whether a function or type of this path is memleak's own, which no test means.
pub fn is_memleak(path: &str) -> bool {
    let krate = path.trim_start_matches(['<', '&']).split("::").next().unwrap_or_default();
    matches!(krate, "memleak" | "memleak_core" | "memleak_report")
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
        let distribution = "/usr/src/rustc-1.97.1/library/alloc/src/boxed.rs";
        assert_eq!(CodeKind::of("alloc::boxed::{impl#0}::new<chat::Session>", Some(distribution)), CodeKind::Std);
        assert_eq!(CodeKind::of("chat::Session::connect", Some("/w/rustc-tools/chat/src/lib.rs")), CodeKind::User);
        assert_eq!(CodeKind::of("malloc", None), CodeKind::Std);
        assert_eq!(CodeKind::of("chat::_::__rust_alloc", Some("/w/chat/src/lib.rs")), CodeKind::Std);
        assert_eq!(
            CodeKind::of("<memleak_core::tracker::Allocator as GlobalAlloc>::alloc", Some("/w/m/src/lib.rs")),
            CodeKind::Dependency
        );
    }
}
