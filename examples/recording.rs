//! The heap of an ordinary program, recorded, asked, and asserted on: no leak test, no test at all.
//!
//! `cargo run --example recording` starts a small cache, records what it does from then on, and says what came, what stayed and what passed
//! through. It ends with an error if the cache keeps more than it should.
//!
//! `cargo run --example recording -- DIRECTORY` also leaves the heap there, before and after the first day: `before.heapsnapshot` and
//! `after.heapsnapshot`. Load both into Chrome's DevTools (F12, Memory, Load), choose the later one, then "Comparison" and "before".

use memleak::{Recording, Snapshot};
use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A page of the site, rendered.
struct Page {
    path: String,
    body: String,
    stale: bool,
}

/// Pages by path.
#[derive(Default)]
struct Cache {
    pages: HashMap<String, Box<Page>>,
}

impl Cache {
    fn get(&mut self, path: &str) -> usize {
        let page = self.pages.entry(path.to_owned()).or_insert_with(|| Box::new(render(path)));
        page.body.len()
    }

    /// Throws away what is stale, or so it should.
    fn sweep(&mut self, careful: bool) {
        for page in self.pages.values_mut() {
            page.stale = page.path.starts_with("/news/");
        }
        if careful {
            self.pages.retain(|_, page| !page.stale);
        }
    }
}

fn render(path: &str) -> Page {
    Page { path: path.to_owned(), body: format!("<h1>{path}</h1>").repeat(20), stale: false }
}

/// A day on the site: five pages stay, twenty are news.
fn a_day(cache: &mut Cache, careful: bool) -> usize {
    let paths = (0..5).map(|page| format!("/docs/{page}")).chain((0..20).map(|page| format!("/news/{page}")));
    let sent = paths.map(|path| cache.get(&path)).sum();
    cache.sweep(careful);
    sent
}

fn describe(title: &str, before: &Snapshot, after: &Snapshot) {
    let diff = after.since(before);
    let traffic = after.traffic_since(before);
    println!("{title}");
    println!("  pages made {}, still there {}", traffic.allocated().of::<Page>().count(), after.of::<Page>().count());
    println!("  allocated {} bytes, freed {}", traffic.allocated().bytes(), traffic.freed().bytes());
    for group in diff.created().group_by_type().iter().take(3) {
        println!("  new: {group}");
    }
}

fn run(directory: Option<&Path>) -> Result<bool, Box<dyn Error>> {
    let recording = Recording::start()?;
    let mut clean = true;
    for (title, careful) in [("A cache that forgets to sweep:", false), ("The same, repaired:", true)] {
        let before = recording.snapshot();
        let mut cache = Box::new(Cache::default());
        let sent = a_day(&mut cache, careful);
        let after = recording.snapshot();
        describe(title, &before, &after);
        let stale = after.named("Page { stale: true }");
        println!("  {sent} bytes sent, {} stale pages keep {} bytes\n", stale.count(), stale.retained_bytes());
        if let Some(directory) = directory.filter(|_| !careful) {
            before.save(directory.join("before.heapsnapshot"))?;
            after.save(directory.join("after.heapsnapshot"))?;
        }
        clean = stale.is_empty();
        drop(cache);
    }
    let end = recording.stop();
    Ok(clean && end.of::<Page>().is_empty())
}

fn main() -> ExitCode {
    match run(env::args_os().nth(1).map(PathBuf::from).as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("stale pages were kept");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    /// The program itself, as its user runs it.
    #[test]
    fn a_recorded_program_says_what_it_keeps() {
        let directory = std::env::temp_dir().join(format!("memleak-recording-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        assert!(super::run(Some(&directory)).unwrap());
        for (file, has_pages) in [("before.heapsnapshot", false), ("after.heapsnapshot", true)] {
            let text = std::fs::read_to_string(directory.join(file)).unwrap();
            assert_eq!(text.contains("recording::Page"), has_pages, "{file}");
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
