//! `cargo memleak`: shows, merges, compares and converts the reports that leak tests have written. It reads files only; no test needs it.

use lexopt::prelude::{Long, Short, Value};
use memleak_report::document::Document;
use memleak_report::merge::{self, Leak, Merged};
use memleak_report::{markdown, page, store};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Shows, merges, compares and converts the reports of memleak's tests.

Usage: cargo memleak <COMMAND>

Commands:
  show [PATH…]          Print the texts of the reports
  merge DIR… --out DIR  Make one page (index.html) and one JSON (memleak.json) of the reports
                        of several machines
  diff EARLIER LATER    Say which leaks are new, which are gone, and which are still there
  convert [PATH…] --to FORMAT [--out FILE]
                        Write reports as `html`, `markdown` or `json`

A PATH is a report, what `merge` made, or a directory of them: all runs below it count.
Without a PATH it is the newest run in target/memleak.

Leak tests that fail write reports to target/memleak, or to where MEMLEAK_REPORT_DIR says.
MEMLEAK_REPORT=always|on_failure|never says of which tests.

Examples:
  cargo memleak show
  cargo memleak merge machine-1 machine-2 --out all
  cargo memleak diff main/ branch/
  cargo memleak convert target/memleak --to markdown --out leaks.md

Exit status: 0 if it was done, 1 if `diff` finds a new leak, 2 if it could not be done.
";

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    // cargo passes its own name for the subcommand.
    let arguments: Vec<OsString> = arguments
        .enumerate()
        .filter(|(i, argument)| *i > 0 || argument != "memleak")
        .map(|(_, argument)| argument)
        .collect();
    match run(arguments, &mut io::stdout().lock()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo memleak: {error}");
            ExitCode::from(2)
        }
    }
}

/// What was asked for.
#[derive(Default)]
struct Arguments {
    command: String,
    paths: Vec<PathBuf>,
    out: Option<PathBuf>,
    to: Option<String>,
    help: bool,
}

fn parse(arguments: Vec<OsString>) -> Result<Arguments, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut parsed = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => parsed.help = true,
            Short('o') | Long("out") => parsed.out = Some(parser.value()?.into()),
            Long("to") => parsed.to = Some(parser.value()?.into_string()?),
            Value(value) if parsed.command.is_empty() => parsed.command = value.into_string()?,
            Value(value) => parsed.paths.push(value.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(parsed)
}

fn run(arguments: Vec<OsString>, stdout: &mut impl Write) -> Result<ExitCode, String> {
    let Arguments { command, paths, out, to, help } =
        parse(arguments).map_err(|error| format!("{error}; `cargo memleak --help` says how"))?;
    if help || command.is_empty() {
        say(stdout, HELP)?;
        return Ok(ExitCode::SUCCESS);
    }
    if to.is_some() != (command == "convert") || (out.is_some() && !matches!(command.as_str(), "convert" | "merge")) {
        return Err(match command.as_str() {
            "convert" => "`convert` needs `--to html`, `--to markdown` or `--to json`".to_owned(),
            _ => format!("`{command}` takes no `--to`, and `--out` only if it is `merge`"),
        });
    }
    match command.as_str() {
        "show" => {
            for document in documents(&paths)? {
                say(stdout, &format!("---- {} {}\n{}\n", document.test.binary, document.test.name, document.text))?;
            }
        }
        "merge" => {
            let out = out.ok_or("`merge` needs `--out DIR`: where to put what it makes")?;
            if paths.is_empty() {
                return Err("`merge` needs the directories to merge".to_owned());
            }
            let merged = merge::merge(documents(&paths)?);
            let written = std::fs::create_dir_all(&out)
                .and_then(|()| store::replace(&out.join("memleak.json"), merged.to_json().as_bytes()))
                .and_then(|()| store::replace(&out.join("index.html"), page::html(&merged.tests, None).as_bytes()));
            written.map_err(|error| format!("{} cannot be written: {error}", out.display()))?;
            let failed = merged.tests.iter().filter(|test| !test.outcome.passes()).count();
            let of_all =
                format!("{failed} failed tests, {} leaks: {}\n", merged.leaks.len(), out.join("index.html").display());
            say(stdout, &of_all)?;
        }
        "diff" => return diff(&paths, stdout),
        "convert" => convert(&paths, &to.unwrap_or_default(), out.as_deref(), stdout)?,
        _ => return Err(format!("there is no command `{command}`; `cargo memleak --help` says which there are")),
    }
    Ok(ExitCode::SUCCESS)
}

fn convert(paths: &[PathBuf], to: &str, out: Option<&Path>, stdout: &mut impl Write) -> Result<(), String> {
    let write: fn(&Merged) -> String = match to {
        "html" => |merged| page::html(&merged.tests, None),
        "markdown" => |merged| merged.tests.iter().map(markdown::test).collect(),
        "json" => Merged::to_json,
        _ => return Err(format!("there is no format `{to}`: write `html`, `markdown` or `json`")),
    };
    let text = write(&merge::merge(documents(paths)?));
    match out {
        Some(out) => store::replace(out, text.as_bytes())
            .map_err(|error| format!("{} cannot be written: {error}", out.display())),
        None => say(stdout, &text),
    }
}

fn diff(paths: &[PathBuf], stdout: &mut impl Write) -> Result<ExitCode, String> {
    let [earlier, later] = paths else { return Err("`diff` needs two: the earlier and the later".to_owned()) };
    let found = merge::difference(&read(earlier)?, &read(later)?);
    let mut text = String::new();
    for (word, leaks) in [("new", &found.new), ("gone", &found.gone)] {
        for leak in leaks {
            text += &format!("{word:<6} {}\n", line(leak));
        }
    }
    for (before, after) in &found.both {
        text += &format!("still  {}, {} before\n", line(after), before.count);
    }
    if text.is_empty() {
        text = "no leaks in either\n".to_owned();
    }
    say(stdout, &text)?;
    Ok(ExitCode::from(u8::from(!found.new.is_empty())))
}

fn line(leak: &Leak) -> String {
    let test = leak.tests.first().map(|test| format!("{} {}", test.binary, test.name)).unwrap_or_default();
    let more = leak.tests.len().saturating_sub(1);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} {} ({} bytes), in {test}{more}", leak.count, leak.type_name, leak.bytes)
}

/// The reports in these places, or of the newest run.
fn documents(paths: &[PathBuf]) -> Result<Vec<Document>, String> {
    if paths.is_empty() {
        return read(&newest()?);
    }
    let mut documents = Vec::new();
    for path in paths {
        documents.extend(read(path)?);
    }
    Ok(documents)
}

fn read(path: &Path) -> Result<Vec<Document>, String> {
    // What `merge` made has the reports in it.
    if path.is_file()
        && let Some(merged) = std::fs::read_to_string(path).ok().and_then(|text| Merged::from_json(&text).ok())
    {
        return Ok(merged.tests);
    }
    store::read(path).map_err(|error| error.to_string())
}

fn newest() -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let all = std::env::var_os("MEMLEAK_REPORT_DIR").map_or_else(|| target.join("memleak"), PathBuf::from);
    store::newest(&all).ok_or_else(|| {
        format!("{} has no reports: no leak test has failed, or they are elsewhere; say where", all.display())
    })
}

fn say(stdout: &mut impl Write, text: &str) -> Result<(), String> {
    match stdout.write_all(text.as_bytes()) {
        // Whoever reads has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| format!("the output cannot be written: {error}")),
    }
}
