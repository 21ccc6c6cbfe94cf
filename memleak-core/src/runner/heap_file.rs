//! The file in which the heap of a test is kept for DevTools: whether there is one, where, and from which look at the heap.
//!
//! May use: `filing` (for the place), `name`, `outcome`, `check`, `query`.
//!
//! It is written in the process of the body, while memleak's thread has the copy of the heap that the verdict is about.

use super::Case;
use super::outcome::Outcome;
use super::{filing, name};
use crate::check::checker::Checkpoint;
use crate::query::heapsnapshot::{self, Whole};
use crate::query::scene::Relations;
use memleak_report::store::file_name;
use std::cell::Cell;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable that says of which tests the heap is saved.
const WHEN: &str = "MEMLEAK_SNAPSHOT";
/// The environment variable that says whether the texts of the program are in it.
const TEXTS: &str = "MEMLEAK_SNAPSHOT_TEXTS";

/// What is known of the file of a test.
pub(super) struct HeapFile {
    /// None if there is to be none.
    wanted: Option<Wanted>,
    /// What is wrong, as far as it is known.
    wrong: Cell<Option<String>>,
    written: Cell<Written>,
}

struct Wanted {
    always: bool,
    texts: bool,
    path: PathBuf,
    /// The same from the directory of the reports on.
    name: String,
}

/// What is in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
enum Written {
    #[default]
    Nothing,
    /// A heap that does not let the test fail by itself.
    Heap,
    /// The one that does.
    TooMuch,
}

impl HeapFile {
    /// As the environment says, for the test on the current thread.
    pub(super) fn of(case: &Case) -> HeapFile {
        let wanted = Wanted::of(env::var_os(WHEN), |always| Wanted::at(&name::of_test(case.path), always));
        let (wanted, wrong) = wanted.map_or_else(|wrong| (None, Some(wrong)), |wanted| (wanted, None));
        HeapFile { wanted, wrong: Cell::new(wrong), written: Cell::default() }
    }

    /// Whether the heap is saved although nothing is wrong with it.
    pub(super) fn always(&self) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.always)
    }

    /// The last look at a checkpoint, at which there was `too_much`, or could be. The first at which there is too much counts.
    pub(super) fn looked(&self, checkpoint: Checkpoint, relations: &Relations<'_>, too_much: bool, since: u32) {
        let Some(wanted) = &self.wanted else { return };
        let now = if too_much { Written::TooMuch } else { Written::Heap };
        if now <= self.written.get() || (checkpoint == Checkpoint::Afterwards && !too_much) {
            return;
        }
        let Relations { scene, graph, reach, names } = relations;
        let whole = Whole { scene, graph, reach, names, since };
        let saved = fs::create_dir_all(wanted.path.parent().unwrap_or(Path::new("")))
            .and_then(|()| heapsnapshot::save(&whole, &wanted.path, wanted.texts));
        match saved {
            Ok(()) => self.written.set(now),
            Err(error) => {
                self.wrong.set(Some(format!("the heap could not be saved to {}: {error}", wanted.path.display())))
            }
        }
    }

    /// What is to be said of it when the test `passed` or did not, and the file from the directory of the reports on. A file that was written of
    /// a test that passes now is taken away, whichever run has written it.
    pub(super) fn conclude(&self, passed: bool) -> (Option<String>, Option<String>) {
        if let Some(wrong) = self.wrong.take() {
            return (Some(wrong), None);
        }
        let Some(wanted) = &self.wanted else { return (None, None) };
        if self.written.get() == Written::Nothing || (passed && !wanted.always) {
            wanted.withdraw();
            return ((!passed).then(|| "the heap was not saved: it could not be read".to_owned()), None);
        }
        let path = wanted.path.display();
        (
            Some(format!("the heap is in {path}, for Chrome's DevTools (Memory, Load) and memlab")),
            Some(wanted.name.clone()),
        )
    }
}

/// What is to be said if the heap of the test of this name was to be saved, and the test has come to its end before it was looked at. A file of
/// another run is taken away.
pub(super) fn not_looked_at(test: &str, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Passed | Outcome::Unchecked(_) | Outcome::Unclean(_) | Outcome::CouldNotTell(_) => return None,
        Outcome::BodyPanicked | Outcome::BodyFailed(_) => {}
        #[cfg(memleak_supported)]
        Outcome::NoVerdict(_) => {}
    }
    // What is wrong with the variable is said where the heap is looked at.
    let wanted = Wanted::of(env::var_os(WHEN), |always| Wanted::at(test, always)).ok()??;
    wanted.withdraw();
    Some("the heap was not saved: it is looked at when the body has ended as it should".to_owned())
}

impl Wanted {
    /// Beside the reports. It is not in the folder of a run: it is there for one test at a time, and large.
    fn at(test: &str, always: bool) -> Result<Wanted, String> {
        let directory = filing::directory().map_err(|why| format!("the heap was not saved: {why}"))?;
        let name = format!("heaps/{}/{}.heapsnapshot", file_name(&filing::binary()), file_name(test));
        Ok(Wanted { always, texts: filing::asks_for(TEXTS), path: directory.join(&name), name })
    }

    /// Takes the file away that another run has written, if there is one.
    fn withdraw(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn of(
        value: Option<OsString>,
        make: impl FnOnce(bool) -> Result<Wanted, String>,
    ) -> Result<Option<Wanted>, String> {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
        match value.to_str() {
            Some("always") => make(true).map(Some),
            Some("on_failure") => make(false).map(Some),
            Some("never") => Ok(None),
            _ => Err(format!(
                "`{WHEN}={}` is not understood: write `always`, `on_failure` or `never` (the default)",
                value.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn what_the_variable_may_say() {
        let of = |value: Option<&str>| {
            let make = |always| Ok(Wanted { always, texts: false, path: "a".into(), name: String::new() });
            Wanted::of(value.map(Into::into), make).map(|wanted| wanted.map(|wanted| wanted.always))
        };
        assert_eq!(of(None), Ok(None));
        assert_eq!(of(Some("")), Ok(None));
        assert_eq!(of(Some("never")), Ok(None));
        assert_eq!(of(Some("on_failure")), Ok(Some(false)));
        assert_eq!(of(Some("always")), Ok(Some(true)));
        assert!(of(Some("onfailure")).unwrap_err().contains("`MEMLEAK_SNAPSHOT=onfailure` is not understood"));
    }
}
