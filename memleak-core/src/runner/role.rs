//! Which part this process plays for a leak test: the parent that judges, or the child in which the body runs.
//!
//! The parent tells the child by one environment variable, [`MARKER`], which names the test and the parent's process. A process that the
//! body starts inherits the variable, and so does a leak test that the body calls; neither is the child, and neither may start one of its
//! own: a test that starts its own test binary would do so without end.

use std::env;
use std::os::unix::process::parent_id;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The environment variable by which a child knows that it is one.
pub(super) const MARKER: &str = "MEMLEAK_CHILD";

/// What to do with a leak test in this process.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Start a child for the test of this name and judge it.
    Parent {
        /// As `--exact` takes it.
        name: String,
    },
    /// Run the body.
    Child {
        /// As above.
        name: String,
        /// The parent's process.
        parent: u32,
        /// Whether texts may be coloured.
        colour: bool,
    },
    /// Refuse, for this reason.
    Nested(String),
}

static CLAIMED: AtomicBool = AtomicBool::new(false);

impl Role {
    /// The role for the test of `path` on the current thread. A process is a child once.
    pub(super) fn find(path: &str) -> Role {
        let thread = thread::current();
        let name = test_name(thread.name(), path);
        let marker = env::var_os(MARKER).map(|marker| marker.to_string_lossy().into_owned());
        let claim = || !CLAIMED.swap(true, Ordering::Relaxed);
        Role::of(name, marker.as_deref(), parent_id(), claim)
    }

    fn of(name: &str, marker: Option<&str>, parent: u32, claim: impl FnOnce() -> bool) -> Role {
        let Some(marker) = marker else {
            return Role::Parent { name: name.to_owned() };
        };
        match Marker::parse(marker) {
            Some(marker) if marker.parent == parent && marker.name == name && claim() => {
                Role::Child { name: name.to_owned(), parent, colour: marker.colour }
            }
            Some(marker) => Role::Nested(format!(
                "the leak test `{name}` was started inside the leak test `{}`; a process that is to run leak tests of its own must be \
                 started without the environment variable {MARKER}",
                marker.name
            )),
            None => Role::Nested(format!("the environment variable {MARKER} is memleak's own and must not be set")),
        }
    }
}

/// The value of [`MARKER`].
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Marker<'a> {
    /// The process that started the child.
    pub(super) parent: u32,
    /// Whether texts may be coloured: the parent's output is a terminal, the child's never is.
    pub(super) colour: bool,
    /// The test.
    pub(super) name: &'a str,
}

impl<'a> Marker<'a> {
    /// As the value of the variable.
    pub(super) fn format(&self) -> String {
        format!("{} {} {}", self.parent, u8::from(self.colour), self.name)
    }

    fn parse(text: &'a str) -> Option<Marker<'a>> {
        let (parent, rest) = text.split_once(' ')?;
        let (colour, name) = rest.split_once(' ')?;
        Some(Marker { parent: parent.parse().ok()?, colour: colour == "1", name })
    }
}

/// What libtest calls the test: the name of the thread it runs a test on. `path` (crate, modules and function) tells whether this is that
/// thread, and stands in for it where it is not: a harness that uses the main thread, a thread of the user's own.
fn test_name<'a>(thread: Option<&'a str>, path: &'a str) -> &'a str {
    let function = without_raw(path.rsplit("::").next().unwrap_or(path));
    match thread {
        Some(thread) if thread.split("::").any(|segment| without_raw(segment) == function) => thread,
        _ => path.split_once("::").map_or(path, |(_crate, rest)| rest),
    }
}

/// libtest writes `r#match`.
fn without_raw(name: &str) -> &str {
    name.trim_start_matches("r#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_threads_name_counts_and_other_threads_do_not() {
        assert_eq!(test_name(Some("a::works"), "krate::a::works"), "a::works");
        assert_eq!(test_name(Some("a::works::case_1"), "krate::a::works"), "a::works::case_1");
        assert_eq!(test_name(Some("a::r#match"), "krate::a::match"), "a::r#match");
        assert_eq!(test_name(Some("main"), "krate::a::works"), "a::works");
        assert_eq!(test_name(Some("tokio-runtime-worker"), "krate::works"), "works");
        assert_eq!(test_name(None, "krate::a::works"), "a::works");
    }

    #[test]
    fn only_the_named_test_in_the_parents_own_child_is_the_child_and_only_once() {
        let role = |name, parent, first| Role::of(name, Some("42 1 a::works"), parent, || first);
        let child = Role::Child { name: "a::works".to_owned(), parent: 42, colour: true };
        assert_eq!(role("a::works", 42, true), child);
        for other in [role("a::works", 42, false), role("a::works", 43, true), role("a::other", 42, true)] {
            assert!(matches!(other, Role::Nested(_)), "{other:?}");
        }
        assert!(matches!(Role::of("a", Some("yes"), 42, || true), Role::Nested(_)));
        assert_eq!(Role::of("a", None, 42, || true), Role::Parent { name: "a".to_owned() });
    }

    #[test]
    fn the_marker_survives_its_way_through_the_environment() {
        let marker = Marker { parent: 42, colour: true, name: "a::works" };
        assert_eq!(Marker::parse(&marker.format()), Some(marker));
        assert_eq!(Marker::parse("1"), None);
        assert_eq!(Marker::parse("x 1 a"), None);
    }
}
