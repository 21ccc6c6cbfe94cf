//! Copies of the heap, and the sets of objects that they are asked for.

use crate::objects::Objects;
use memleak_core::check::checker::recording;
use memleak_core::check::verdict::Obstacle;
use memleak_core::query::analyst::Kept;
use memleak_core::query::copy::Copy;
use memleak_core::query::subjects::Subject;
use memleak_core::report::{self, Look};
use memleak_core::tracker;
use std::any::type_name;
use std::sync::Arc;

/// A copy of the heap at one moment.
///
/// Nothing that happens later changes it. It is kept in memory of memleak's own, which is never searched: what a snapshot shows does not stay
/// alive because of it, and does not look so in the next one.
#[derive(Clone)]
pub struct Snapshot {
    copy: Arc<Kept<Copy>>,
}

/// Takes a snapshot of the heap, in the body of a leak test.
///
/// All other threads stand still while the heap is copied. What the snapshot is asked afterwards is read from the copy.
///
/// ```
/// # use memleak::leak_test;
/// # struct Session { user: String }
/// #[leak_test]
/// fn logging_off_drops_the_session() {
///     let session = Box::new(Session { user: "ada".to_owned() });
///     assert_eq!(memleak::snapshot().of::<Session>().count(), 1);
///     drop(session);
///     assert_eq!(memleak::snapshot().of::<Session>().count(), 0);
/// }
/// ```
///
/// # Panics
/// When nothing is recorded here: outside of a leak test. When the binary has no debug info, or the platform is not
/// supported.
#[track_caller]
pub fn snapshot() -> Snapshot {
    Snapshot::take().unwrap_or_else(|text| panic!("{text}"))
}

/// Why memleak cannot do as it was asked.
fn words(obstacle: Obstacle) -> String {
    let _own = tracker::untracked();
    let text = report::obstacles(&[obstacle], &Look::default());
    format!("memleak: {}", text.trim_end())
}

impl Snapshot {
    fn take() -> Result<Snapshot, String> {
        let _own = tracker::untracked();
        recording().map_err(words)?;
        match Kept::try_new(Copy::take) {
            Some(Ok(copy)) => Ok(Snapshot { copy: Arc::new(copy) }),
            Some(Err(error)) => Err(words(Obstacle::DebugInfo(error))),
            None => Err(FAILED.to_owned()),
        }
    }

    /// The live values of type `T`.
    #[track_caller]
    pub fn of<T: ?Sized>(&self) -> Objects {
        let name = type_name::<T>;
        self.find(Subject::Path { written: name(), name, size: None })
    }

    #[track_caller]
    fn find(&self, subject: Subject<'static>) -> Objects {
        Objects::find(self, subject).unwrap_or_else(|obstacle| panic!("{}", words(obstacle)))
    }

    /// Asks memleak's thread.
    pub(crate) fn ask<R: Send + 'static>(&self, question: impl FnOnce(&Copy) -> R + Send + 'static) -> R {
        match self.copy.ask(question) {
            Some(answer) => answer,
            None => panic!("{FAILED}"),
        }
    }
}

const FAILED: &str = "memleak: reading the heap failed: its thread panicked, as said above";
