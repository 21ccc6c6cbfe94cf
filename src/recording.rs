//! Recording in a program that is no leak test.

use crate::Snapshot;
use memleak_core::check::checker::recording;
use memleak_core::check::verdict::Obstacle;
use memleak_core::debuginfo::load::LoadError;
use memleak_core::query::analyst;
use memleak_core::tracker;
use std::error::Error;
use std::fmt;

/// Records all blocks of the program from now on: in an example, a benchmark, a server. A leak test does so by itself.
///
/// What was allocated before the start is not seen: it is in no snapshot, though what it points to is held by it. So start early. From then on
/// each allocation takes about one and a half times as long, and that cannot be turned off again: [`stop`](Recording::stop) takes the last
/// snapshot, no more.
///
/// ```
/// use memleak::Recording;
/// # struct Session { user: String }
///
/// fn scenario() -> Result<(), memleak::RecordingError> {
///     let recording = Recording::start()?;
///     let session = Box::new(Session { user: "ada".to_owned() });
///     let before = recording.snapshot();
///     drop(session);
///     let after = recording.stop();
///     println!("{}", after.since(&before).freed());
///     Ok(())
/// }
/// # #[test]
/// # fn records() { scenario().unwrap(); }
/// # fn main() {}
/// ```
///
/// A whole program is in `examples/recording.rs`.
#[derive(Debug)]
pub struct Recording(());

impl Recording {
    /// Begins to record. A second recording goes on with what the first has begun.
    ///
    /// # Errors
    /// When memleak's allocator is not the program's, when the program has no debug info, or when the platform is not supported.
    pub fn start() -> Result<Recording, RecordingError> {
        tracker::enable();
        let _own = tracker::untracked();
        recording().map_err(RecordingError::new)?;
        match analyst::ask(|| analyst::program().map(|_| ())) {
            Some(Ok(())) => Ok(Recording(())),
            Some(Err(error)) => Err(RecordingError::new(Obstacle::DebugInfo(error))),
            None => Err(RecordingError::Unreadable("memleak's thread panicked, as said above".to_owned())),
        }
    }

    /// Takes a snapshot, as [`memleak::snapshot`](crate::snapshot) does.
    ///
    /// # Panics
    /// In a child process that was made by `fork`.
    #[track_caller]
    pub fn snapshot(&self) -> Snapshot {
        crate::snapshot()
    }

    /// Takes the last snapshot.
    ///
    /// # Panics
    /// In a child process that was made by `fork`.
    #[track_caller]
    pub fn stop(self) -> Snapshot {
        crate::snapshot()
    }
}

/// Why a program cannot be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecordingError {
    /// memleak's allocator is not the global allocator of this program.
    NotInstalled,
    /// Nothing is recorded in this process: it was made by `fork`.
    NotRecording,
    /// The platform is not supported.
    Unsupported,
    /// The program has no debug info with types: how it was left out.
    NoDebugInfo(String),
    /// The debug info cannot be read, and why.
    Unreadable(String),
}

impl RecordingError {
    fn new(obstacle: Obstacle) -> RecordingError {
        match obstacle {
            Obstacle::NotInstalled => RecordingError::NotInstalled,
            Obstacle::NoStacks => RecordingError::Unsupported,
            Obstacle::DebugInfo(error) => RecordingError::of_debug_info(error),
            _ => RecordingError::NotRecording,
        }
    }

    fn of_debug_info(error: LoadError) -> RecordingError {
        let how = match error {
            LoadError::UnsupportedPlatform(_) => return RecordingError::Unsupported,
            LoadError::Unreadable(why) => return RecordingError::Unreadable(why),
            LoadError::NoDebugInfo => "it was built without",
            LoadError::Stripped => "it was stripped",
            LoadError::LineTablesOnly => "it has lines only, no types",
            LoadError::Split => "it is in other files",
            LoadError::Compressed => "it is compressed",
        };
        RecordingError::NoDebugInfo(how.to_owned())
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordingError::NotInstalled => f.write_str(
                "memleak's allocator is not the global allocator of this program: turn memleak's feature `global-allocator` on, which is \
                 a default feature, or wrap the program's own, `static ALLOCATOR: memleak::Allocator<Jemalloc> = \
                 memleak::Allocator::new(Jemalloc);`",
            ),
            RecordingError::NotRecording => f.write_str("nothing is recorded in this process: it was made by `fork`"),
            RecordingError::Unsupported => f.write_str("memleak cannot record a program on this platform: it works on 64-bit Linux"),
            RecordingError::NoDebugInfo(how) => write!(
                f,
                "this program has no debug info with types ({how}): write `debug = \"full\"`, `strip = false` and `split-debuginfo = \
                 \"off\"` in its profile in Cargo.toml, [profile.dev] for examples, [profile.bench] for benchmarks, [profile.release] with \
                 `--release`"
            ),
            RecordingError::Unreadable(why) => write!(f, "memleak could not read the debug info of this program: {why}"),
        }
    }
}

impl Error for RecordingError {}
