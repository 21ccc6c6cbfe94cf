//! Where documents are kept: a folder for each run, in it a folder for each test binary, in that a file for each test.
//!
//! May use: `document`, `hash`.
//!
//! ```text
//!   target/memleak/                     MEMLEAK_REPORT_DIR
//!     20261123-041400-71-5120/          a run: when it began, and which process began it
//!       chat/logging_off.json
//! ```
//!
//! Nobody is told when a run ends: under nextest each test has a process of its own, under cargo each binary. So whoever writes a document does
//! what is to be done for the whole run, and several may at once. A file is there as a whole or not at all.

use crate::document::{Document, ReadError, Test};
use crate::hash;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The documents of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    directory: PathBuf,
}

/// How much is kept of earlier runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many runs, this one too.
    pub runs: usize,
    /// How many bytes their files have, this run's too.
    pub bytes: u64,
}

impl Default for Limits {
    /// Twenty runs, 200 MiB.
    fn default() -> Self {
        Limits { runs: 20, bytes: 200 << 20 }
    }
}

impl Run {
    /// The run that was begun at this time by the process called `by`, below the directory of all runs.
    ///
    /// Others may have computed another time for the same process, so a folder that is there already is taken.
    pub fn begun(all: &Path, at: SystemTime, by: &str) -> Run {
        let end = format!("-{by}");
        let entries = fs::read_dir(all).into_iter().flatten().flatten().map(|entry| entry.path());
        let known = entries.filter(|path| is_run(path)).find(|path| path.to_string_lossy().ends_with(&end));
        let directory = known.unwrap_or_else(|| {
            let at = humantime::format_rfc3339_seconds(at).to_string();
            let time: String = at.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
            all.join(time.replace('T', "-").replace('Z', "") + &end)
        });
        Run { directory }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a document, or replaces that of the same test: of several attempts the last counts. Returns its file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, document: &Document) -> io::Result<PathBuf> {
        let file = self.file(&document.test);
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        replace(&file, document.to_json().as_bytes())?;
        Ok(file)
    }

    fn file(&self, test: &Test) -> PathBuf {
        self.directory.join(file_name(&test.binary)).join(file_name(&test.name) + ".json")
    }

    /// Takes back what an earlier attempt of a test has written; false if there is nothing.
    ///
    /// # Errors
    /// If the file is there and cannot be removed.
    pub fn withdraw(&self, test: &Test) -> io::Result<bool> {
        match fs::remove_file(self.file(test)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes something of all documents of the run, and puts it beside them and beside the runs, under this name. `make` is told how one gets from
    /// there to the directory of all runs.
    ///
    /// # Errors
    /// If a document cannot be read, or the file cannot be written.
    pub fn renew(&self, name: &str, make: impl Fn(&[Document], &str) -> String) -> Result<(), StoreError> {
        let of = |path: &Path| {
            let path = path.to_owned();
            move |error| StoreError { path, why: Why::Unreadable(error) }
        };
        // Others may add documents meanwhile, and put what they made of them in place before this does.
        loop {
            let before = self.state().map_err(of(&self.directory))?;
            let documents = match read(&self.directory) {
                // One that was there a moment ago was withdrawn, or replaced.
                Err(_) if self.state().is_ok_and(|now| now != before) => continue,
                documents => documents?,
            };
            for (directory, to_all) in [(Some(self.directory()), "../"), (self.directory.parent(), "")] {
                let Some(file) = directory.map(|directory| directory.join(name)) else { continue };
                replace(&file, make(&documents, to_all).as_bytes()).map_err(of(&file))?;
            }
            if self.state().map_err(of(&self.directory))? == before {
                return Ok(());
            }
        }
    }

    /// Which documents there are, and when each was written.
    fn state(&self) -> io::Result<Vec<(PathBuf, Option<SystemTime>)>> {
        let mut files = Vec::new();
        collect(&self.directory, &mut files)?;
        files.sort();
        let written = |file: &PathBuf| fs::metadata(file).and_then(|data| data.modified()).ok();
        Ok(files.into_iter().map(|file| (file.clone(), written(&file))).collect())
    }

    /// Removes the oldest runs beside this one until all are within the limits.
    ///
    /// # Errors
    /// If the directory of all runs cannot be read. A run that cannot be removed stays.
    pub fn prune(&self, limits: Limits) -> io::Result<()> {
        let Some(all) = self.directory.parent() else { return Ok(()) };
        let mut others: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(all)? {
            let path = entry?.path();
            if path == self.directory || !is_run(&path) {
                continue;
            }
            let changed = fs::metadata(&path).and_then(|data| data.modified());
            others.push((changed.unwrap_or(SystemTime::UNIX_EPOCH), size(&path), path));
        }
        others.sort();
        let mut bytes = size(&self.directory) + others.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        let mut runs = others.len() + 1;
        for (_, of_run, path) in others {
            if runs <= limits.runs && bytes <= limits.bytes {
                break;
            }
            // Somebody else may be at it as well.
            if fs::remove_dir_all(&path).is_ok() || !path.exists() {
                runs -= 1;
                bytes -= of_run;
            }
        }
        Ok(())
    }
}

/// The newest run below the directory of all runs.
pub fn newest(all: &Path) -> Option<PathBuf> {
    let runs = fs::read_dir(all).ok()?.flatten().map(|entry| entry.path()).filter(|path| is_run(path));
    runs.max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
}

/// All documents in a file, or below a directory, in the order of their paths.
///
/// # Errors
/// If there is nothing, or something cannot be read: a report that is left out would look like a test that did not leak.
pub fn read(path: &Path) -> Result<Vec<Document>, StoreError> {
    let mut files = Vec::new();
    collect(path, &mut files).map_err(|error| StoreError { path: path.to_owned(), why: Why::Unreadable(error) })?;
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let failed = |why| StoreError { path: file.clone(), why };
            let text = fs::read_to_string(&file).map_err(|error| failed(Why::Unreadable(error)))?;
            Document::from_json(&text).map_err(|error| failed(Why::NoDocument(error)))
        })
        .collect()
}

/// What cannot be read.
#[derive(Debug)]
pub struct StoreError {
    /// The file or directory.
    pub path: PathBuf,
    /// Why not.
    pub why: Why,
}

/// Why something cannot be read.
#[derive(Debug)]
pub enum Why {
    /// The system does not let us.
    Unreadable(io::Error),
    /// It is something else.
    NoDocument(ReadError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Unreadable(error) => write!(f, "{path} cannot be read: {error}"),
            Why::NoDocument(error) => write!(f, "{path}: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes a file so that a reader finds the old one or the new one.
///
/// # Errors
/// If it cannot be written.
pub fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    // Several threads of several processes may be at it.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    name.push(format!(".{}-{}.new", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let new = file.with_file_name(name);
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, file)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Whether a directory is one of ours: nothing else is to be removed, wherever a user lets us write.
fn is_run(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut parts = name.splitn(3, '-');
    let digits = |part: Option<&str>, count| {
        part.is_some_and(|part| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(parts.next(), 8) && digits(parts.next(), 6) && parts.next().is_some() && path.is_dir()
}

/// The bytes of all files below a directory, as far as they can be seen.
fn size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let each =
        |path: PathBuf| if path.is_dir() { size(&path) } else { fs::metadata(&path).map_or(0, |data| data.len()) };
    entries.flatten().map(|entry| each(entry.path())).sum()
}

/// A name as that of a file on every system: `session::tests::logging_off` is `session.tests.logging_off`. A name that is changed, or too long
/// for a file, ends with a number that tells it from others.
pub fn file_name(name: &str) -> String {
    /// File systems take 255 bytes, and an extension follows.
    const LONGEST: usize = 180;
    let joined = name.replace("::", ".");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut text: String = joined.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if text != joined || text.len() > LONGEST || text.starts_with('.') {
        text.truncate(LONGEST);
        text = format!("{}-{:016x}", text.trim_start_matches('.'), hash::of(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Limits, Run, file_name, read};
    use crate::document::Document;
    use crate::examples;
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    /// A directory that goes with its value.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("memleak-store-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn named(name: &str) -> Document {
        let mut document = examples::held();
        document.test.name = name.to_owned();
        document
    }

    fn run(all: &Directory, number: u64) -> Run {
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_870_040 + number);
        Run::begun(&all.0, then, &format!("{number}-1"))
    }

    #[test]
    fn a_run_is_known_by_who_began_it() {
        let all = Directory::new("begun");
        let first = run(&all, 7);
        assert_eq!(first.directory(), all.0.join("20251123-035407-7-1"));
        first.write(&named("a")).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_870_050);
        assert_eq!(Run::begun(&all.0, then, "7-1"), first);
        assert_ne!(Run::begun(&all.0, then, "7-2"), first);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let all = Directory::new("read");
        let run = run(&all, 0);
        for name in ["b", "a", "a"] {
            run.write(&named(name)).unwrap();
        }
        assert_eq!(read(&all.0).unwrap(), [named("a"), named("b")]);
        assert_eq!(read(&run.write(&named("a")).unwrap()).unwrap(), [named("a")]);
        assert!(run.withdraw(&named("a").test).unwrap());
        assert!(!run.withdraw(&named("a").test).unwrap());
        assert_eq!(read(run.directory()).unwrap(), [named("b")]);
    }

    #[test]
    fn what_several_make_of_a_run_at_once_has_all_of_it() {
        let all = Directory::new("renew");
        let run = run(&all, 0);
        let names = |documents: &[Document], _: &str| {
            documents.iter().map(|document| document.test.name.clone()).collect::<String>()
        };
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                let run = &run;
                scope.spawn(move || {
                    run.write(&named(name)).unwrap();
                    run.renew("made", names).unwrap();
                });
            }
        });
        for directory in [run.directory(), &all.0] {
            assert_eq!(fs::read_to_string(directory.join("made")).unwrap(), "abcdefgh");
        }
    }

    #[test]
    fn a_file_that_is_no_document_is_not_left_out() {
        let all = Directory::new("broken");
        let run = run(&all, 0);
        let file = run.write(&named("a")).unwrap();
        fs::write(&file, "{\"version\": 1").unwrap();
        let error = read(&all.0).unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
        assert!(read(&all.0.join("nowhere")).is_err());
    }

    #[test]
    fn the_oldest_runs_go_first_and_nothing_else_does() {
        let all = Directory::new("prune");
        fs::create_dir_all(all.0.join("20261123-notes")).unwrap();
        let runs: Vec<Run> = (0..5).map(|i| run(&all, i)).collect();
        for (run, age) in runs.iter().zip((0..5).rev()) {
            run.write(&named("a")).unwrap();
            let then = SystemTime::now() - Duration::from_secs(60 * age);
            fs::File::open(run.directory()).unwrap().set_modified(then).unwrap();
        }
        let left = || runs.iter().map(|run| run.directory().exists()).collect::<Vec<_>>();
        let newest = &runs[4];
        newest.prune(Limits { runs: 4, bytes: u64::MAX }).unwrap();
        assert_eq!(left(), [false, true, true, true, true]);
        let of_one = super::size(newest.directory());
        newest.prune(Limits { runs: 4, bytes: of_one * 2 }).unwrap();
        assert_eq!(left(), [false, false, false, true, true]);
        // The run itself stays, however large it is.
        newest.prune(Limits { runs: 0, bytes: 0 }).unwrap();
        assert_eq!(left(), [false, false, false, false, true]);
        assert!(all.0.join("20261123-notes").exists());
    }

    #[test]
    fn names_become_files_that_can_be_told_apart() {
        assert_eq!(file_name("session::tests::logging_off"), "session.tests.logging_off");
        let odd = ["a b", "a_b", "a/b", "../a", "é", "ê", &"x".repeat(300), &"x".repeat(301)].map(file_name);
        for (i, name) in odd.iter().enumerate() {
            assert!(name.len() < 200 && !name.starts_with('.') && !name.contains('/'), "{name}");
            assert!(!odd[..i].contains(name), "{name}");
        }
    }
}
