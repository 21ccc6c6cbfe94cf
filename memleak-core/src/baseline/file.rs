//! The file: TOML, one `[[leak]]` for each, sorted, so that a change of one is a change of its lines.

use crate::check::verdict::Obstacle;
use crate::report::fingerprint::{Fingerprint, Kind};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is said at its top.
const HEAD: &str = "\
# Leaks that are known, so that only new ones let a test fail. This file may only become shorter.
# MEMLEAK_BASELINE=write, set for a test run, writes the entries of the tests that run anew. It keeps a `reason`, but no other comment.
";

/// What an entry can say.
const KEYS: [&str; 7] = ["test", "kind", "type", "allocated_in", "held_by", "count", "reason"];

/// What it calls them.
const KINDS: [(Kind, &str); 4] = [
    (Kind::Live, "live"),
    (Kind::PossiblyLive, "possibly live"),
    (Kind::Unreachable, "unreachable"),
    (Kind::UnreachableCycle, "unreachable cycle"),
];

/// A leak that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// The path of the test, with its crate.
    pub(super) test: String,
    pub(super) leak: Fingerprint,
    /// How many of it there may be; at least one.
    pub(super) count: u64,
    /// Why it is there, if somebody wrote that.
    pub(super) reason: Option<String>,
    /// Where it begins, if it was read.
    pub(super) line: usize,
}

/// What is wrong with a text, and where.
type Flaw = (Range<usize>, String);

/// Reads it; without a file there is nothing in it.
pub(super) fn read(path: &Path, shown: &str) -> Result<Vec<Entry>, Obstacle> {
    let wrong = |line, wrong| Obstacle::Baseline { file: shown.to_owned(), line, wrong };
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map_err(|(line, error)| wrong(Some(line), error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(wrong(None, format!("it could not be read: {error}"))),
    }
}

/// Writes it anew, while no other test does; whether that changed it. Who reads it meanwhile sees one or the other.
pub(super) fn rewrite(
    path: &Path,
    shown: &str,
    change: impl FnOnce(Vec<Entry>) -> Vec<Entry>,
) -> Result<bool, Obstacle> {
    let failed = |error: io::Error| Obstacle::Baseline {
        file: shown.to_owned(),
        line: None,
        wrong: format!("it could not be written: {error}"),
    };
    // What a link leads to is written, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = lock(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    let before = read(&path, shown)?;
    let mut after = change(before.clone());
    after.sort_by(|a, b| (&a.test, &a.leak).cmp(&(&b.test, &b.leak)));
    if print(&before) == print(&after) {
        return Ok(false);
    }
    let done = if after.is_empty() {
        fs::remove_file(&path)
    } else {
        let new = path.with_extension(format!("toml.{}", std::process::id()));
        fs::write(&new, print(&after)).and_then(|()| fs::rename(&new, &path)).inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })
    };
    done.map_err(failed).map(|()| true)
}

/// Waits until no other process has the directory's lock. The file itself cannot be locked: a new one takes its place.
#[cfg(memleak_supported)]
fn lock(directory: &Path) -> io::Result<File> {
    let directory = File::open(directory)?;
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(directory)
}

/// Where no heap can be read, nothing is found that could be written.
#[cfg(not(memleak_supported))]
fn lock(directory: &Path) -> io::Result<File> {
    File::open(directory)
}

/// As it is written.
fn print(entries: &[Entry]) -> String {
    let mut text = HEAD.to_owned();
    for Entry { test, leak, count, reason, .. } in entries {
        let kind = KINDS.iter().find(|(kind, _)| *kind == leak.kind).map_or("", |(_, word)| word);
        let mut line = |key: &str, value: String| text += &format!("{key} = {value}\n");
        line("\n[[leak]]\ntest", quoted(test));
        line("kind", quoted(kind));
        line("type", quoted(&leak.type_name));
        line("allocated_in", list(&leak.allocated_in));
        line("held_by", list(&leak.held_by));
        line("count", count.to_string());
        if let Some(reason) = reason {
            line("reason", quoted(reason));
        }
    }
    text
}

/// One in a line, if there are several.
fn list(texts: &[String]) -> String {
    match texts {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", quoted(one)),
        several => format!("[\n{}]", several.iter().map(|text| format!("    {},\n", quoted(text))).collect::<String>()),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// The entries, or the line at fault and what is wrong there.
fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let told = |(at, wrong): Flaw| (line(at.start), wrong);
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        told((at, error.message().lines().collect::<Vec<_>>().join(", ")))
    })?;
    let mut entries: Vec<Entry> = Vec::new();
    for (key, value) in table.get_ref() {
        if key.get_ref() != "leak" {
            return Err(told((key.span(), format!("there is no `{}` here: each leak is a `[[leak]]`", key.get_ref()))));
        }
        let not_a_list = || told((value.span(), "each leak is a `[[leak]]`, with two brackets".to_owned()));
        for value in value.get_ref().as_array().ok_or_else(not_a_list)?.iter() {
            let mut entry = entry(value).map_err(told)?;
            entry.line = line(value.span().start);
            if let Some(other) = entries.iter().find(|other| (&other.test, &other.leak) == (&entry.test, &entry.leak)) {
                let wrong = format!("this is the leak of line {} once more: leave one of them out", other.line);
                return Err(told((value.span(), wrong)));
            }
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn entry(value: &Spanned<DeValue<'_>>) -> Result<Entry, Flaw> {
    let at = value.span();
    let table = value.get_ref().as_table().ok_or_else(|| (at.clone(), "each leak is a `[[leak]]`".to_owned()))?;
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&&**key.get_ref())) {
        let all: Vec<String> = KEYS.iter().map(|key| format!("`{key}`")).collect();
        return Err((key.span(), format!("a leak has no `{}`; it has {}", key.get_ref(), all.join(", "))));
    }
    let get = |key: &str| table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value);
    let required = |key: &str| get(key).ok_or_else(|| (at.clone(), format!("this leak has no `{key}`")));
    let text_in = |key: &str, value: &Spanned<DeValue<'_>>| {
        let text = value.get_ref().as_str().map(str::to_owned);
        text.ok_or_else(|| (value.span(), format!("`{key}` takes a text in quotes")))
    };
    let text = |key: &str| text_in(key, required(key)?);
    let texts = |key: &str| {
        let Some(value) = get(key) else { return Ok(Vec::new()) };
        let list = value.get_ref().as_array();
        let list = list.ok_or_else(|| (value.span(), format!("`{key}` takes texts in brackets: `{key} = [\"…\"]`")))?;
        list.iter().map(|value| text_in(key, value)).collect()
    };
    let kind = text("kind")?;
    let Some((kind, _)) = KINDS.iter().find(|(_, word)| *word == kind) else {
        let all: Vec<String> = KINDS.iter().map(|(_, word)| format!("{word:?}")).collect();
        return Err((required("kind")?.span(), format!("`kind` is one of {}", all.join(", "))));
    };
    let count = required("count")?;
    let number = count.get_ref().as_integer().and_then(|count| u64::from_str_radix(count.as_str(), count.radix()).ok());
    let number = number.filter(|count| *count > 0);
    let number = number.ok_or_else(|| (count.span(), "`count` takes a number above zero".to_owned()))?;
    Ok(Entry {
        test: text("test")?,
        leak: Fingerprint {
            kind: *kind,
            type_name: text("type")?,
            allocated_in: texts("allocated_in")?,
            held_by: texts("held_by")?,
        },
        count: number,
        reason: get("reason").map(|reason| text_in("reason", reason)).transpose()?,
        line: 0,
    })
}
