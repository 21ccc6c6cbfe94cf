//! Which part this process plays for a leak test: the parent that judges, or the child in which the body runs.
//!
//! May use: `birth`, `name`, `tracker`.
//!
//! The parent tells the child by one environment variable, [`MARKER`], which names the test and the parent's process. The child takes it out of
//! its environment before `main`, so neither the body nor a process that it starts sees it. A leak test that the body calls is not the child,
//! and is refused: its body would be judged with the other's.

use super::{birth, name};
use crate::tracker::IN_PLACE;
use std::env;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

/// The environment variable by which a child knows that it is one.
pub(super) const MARKER: &str = match MARKER_C.to_str() {
    Ok(name) => name,
    Err(_) => panic!("not UTF-8"),
};

/// The same for the C library.
pub(super) const MARKER_C: &CStr = c"MEMLEAK_CHILD";

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
        /// Whether texts may be coloured.
        colour: bool,
    },
    /// Run the body, and judge it, in this process.
    InPlace {
        /// As above.
        name: String,
    },
    /// Nothing: this process is for another test, which is still to come.
    None,
    /// Refuse, for this reason.
    Nested(String),
}

static CLAIMED: AtomicBool = AtomicBool::new(false);

impl Role {
    /// The role for the test of `path` on the current thread. A process is a child once.
    pub(super) fn find(path: &str) -> Role {
        let name = name::of_test(path);
        let in_place = env::var_os(IN_PLACE).is_some_and(|value| !value.is_empty());
        Role::of(&name, birth::told().and_then(Marker::parse), in_place, &CLAIMED)
    }

    fn of(name: &str, marker: Option<Marker<'_>>, in_place: bool, claimed: &AtomicBool) -> Role {
        let Some(marker) = marker else {
            let name = name.to_owned();
            return if in_place { Role::InPlace { name } } else { Role::Parent { name } };
        };
        if marker.name == name && !claimed.swap(true, Ordering::Relaxed) {
            Role::Child { name: name.to_owned(), colour: marker.colour }
        } else if claimed.load(Ordering::Relaxed) {
            Role::Nested(format!("the leak test `{name}` was called inside the leak test `{}`", marker.name))
        } else {
            Role::None
        }
    }
}

/// The value of [`MARKER`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

    /// Allocates nothing.
    pub(super) fn parse(text: &'a str) -> Option<Marker<'a>> {
        let (parent, rest) = text.split_once(' ')?;
        let (colour, name) = rest.split_once(' ')?;
        Some(Marker { parent: parent.parse().ok()?, colour: colour == "1", name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_test_is_the_child_and_only_once() {
        let marker = Marker { parent: 42, colour: true, name: "a::works" };
        let role = |name, claimed: &AtomicBool| Role::of(name, Some(marker), true, claimed);
        let claimed = AtomicBool::new(false);
        assert_eq!(role("a::other", &claimed), Role::None);
        assert_eq!(role("a::works", &claimed), Role::Child { name: "a::works".to_owned(), colour: true });
        for name in ["a::works", "a::other"] {
            assert!(matches!(role(name, &claimed), Role::Nested(_)), "{name}");
        }
    }

    #[test]
    fn who_is_no_child_is_the_parent_or_runs_the_test_itself() {
        let role = |in_place| Role::of("a", None, in_place, &AtomicBool::new(false));
        assert_eq!(role(false), Role::Parent { name: "a".to_owned() });
        assert_eq!(role(true), Role::InPlace { name: "a".to_owned() });
    }

    #[test]
    fn the_marker_survives_its_way_through_the_environment() {
        let marker = Marker { parent: 42, colour: true, name: "a::works" };
        assert_eq!(Marker::parse(&marker.format()), Some(marker));
        assert_eq!(Marker::parse("1"), None);
        assert_eq!(Marker::parse("x 1 a"), None);
    }
}
