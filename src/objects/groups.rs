//! Sets as text, and the groups that a set can be put into.

use super::Objects;
use memleak_core::query::short::short_block;
use std::fmt;

/// How many objects, and below that the types and where they were allocated.
impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 10;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let count = self.count();
        write!(f, "{count} object{}, {} bytes", plural(count), self.bytes())?;
        if !self.set.possible.is_empty() {
            write!(f, ", and {} that may live", self.set.possible.len())?;
        }
        let types = self.group_by_type();
        for group in types.iter().take(MOST) {
            write!(f, "\n  {group}")?;
            let sites = group.objects().group_by_site();
            for site in sites.iter().take(MOST) {
                write!(f, "\n    {} allocated at {}", site.count(), site.name())?;
            }
            if sites.len() > MOST {
                write!(f, "\n    … and at {} other places", sites.len() - MOST)?;
            }
        }
        if types.len() > MOST {
            write!(f, "\n  … and {} other types", types.len() - MOST)?;
        }
        for item in self.set.possible.iter().take(MOST) {
            write!(f, "\n  possibly {}: {}", short_block(&item.type_name), item.doubt.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Objects that have something in common: their type, or where they were allocated.
#[derive(Clone)]
pub struct Group {
    pub(super) name: String,
    pub(super) objects: Objects,
}

impl Group {
    /// What they have in common: a type, `chat::Session`, or a place, `src/session.rs:41  chat::Session::connect`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.objects.count()
    }

    /// The sum of their sizes.
    pub fn bytes(&self) -> u64 {
        self.objects.bytes()
    }

    /// They themselves.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} bytes", self.name, self.count(), self.bytes())
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
