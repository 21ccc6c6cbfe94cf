//! The report of one test as data, and as JSON.
//!
//! May use: nothing of this crate.
//!
//! The names of the fields are the format. It is described by `schema.json` beside the manifest of this crate, which a test compares with the
//! types here. A field may be added in a version of the format; what is there keeps its meaning.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use struson::reader::{JsonReader, JsonStreamReader};
use struson::writer::{JsonStreamWriter, JsonWriter, WriterSettings};

/// The version of the format, which a document carries.
pub const VERSION: u32 = 1;

/// What became of one test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Document {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// Which memleak wrote it.
    pub memleak: String,
    /// Which test it is.
    pub test: Test,
    /// How it ended.
    pub outcome: Outcome,
    /// What was said of it, as the terminal has it, without colours.
    pub text: String,
    /// What decides nothing: leaks that are known, threads that did not stop.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was found.
    #[serde(flatten)]
    pub findings: Findings,
}

/// What was found in the heap.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Findings {
    /// How long background work was given to let go before the count, in milliseconds.
    #[serde(default)]
    pub settled_ms: u64,
    /// The expectations that do not hold.
    #[serde(default)]
    pub expectations: Vec<Expectation>,
    /// The figures that are above their limits.
    #[serde(default)]
    pub overruns: Vec<Overrun>,
    /// Memory that nothing leads to any more.
    #[serde(default)]
    pub unreachable: Vec<Lost>,
    /// Why it could not be told whether the test leaks.
    #[serde(default)]
    pub obstacles: Vec<Obstacle>,
    /// The file that has the heap, if it was saved: from the directory of the reports on, with `/` on every system. It is the one of the last run.
    #[serde(default)]
    pub heap_file: Option<String>,
}

/// Which test.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Test {
    /// The package it is in; empty if cargo did not say.
    pub package: String,
    /// The test binary, without the hash that cargo adds: the name of the library, or of the file in `tests`.
    pub binary: String,
    /// As the test harness calls it: `session::tests::logging_off`.
    pub name: String,
    /// Where it is in the source.
    pub location: Option<Location>,
}

/// How a test ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All is as expected.
    Passed,
    /// The body did what it should. The heap could not be read, which the test allows.
    Unchecked,
    /// The heap is not as expected.
    Leaked,
    /// It could not be told whether the heap is as expected.
    CouldNotTell,
    /// The body panicked, returned a failure, or did not panic as it should.
    BodyFailed,
    /// The process of the test ended, or was ended, without a verdict.
    NoVerdict,
}

impl Outcome {
    /// Whether the test passes.
    pub fn passes(self) -> bool {
        matches!(self, Outcome::Passed | Outcome::Unchecked)
    }
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Location {
    /// The file: relative to the workspace if it is in there, a dependency's from its package on, else absolute. With `/` on every system.
    pub file: String,
    /// The line, from 1 on.
    pub line: u32,
    /// Whether the file is the workspace's own.
    pub own: bool,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An expectation that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Expectation {
    /// The type or pattern as the test has it.
    pub written: String,
    /// How many instances have to live.
    pub at_least: u64,
    /// How many instances may live.
    pub at_most: u64,
    /// What is said of it first: a line for each type.
    pub headlines: Vec<String>,
    /// How many instances live for certain.
    pub certain: u64,
    /// How many more may live.
    pub possible: u64,
    /// The instances, by type, place and holder.
    pub groups: Vec<Group>,
}

/// Instances of one type from one place, held in one way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Group {
    /// The same for the same leak in every run, on every machine; see [`Lost::fingerprint`].
    pub fingerprint: String,
    /// The type in full.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type as the text has it.
    pub type_short: String,
    /// How many.
    pub count: u64,
    /// How many of them the list of known leaks has.
    pub known: u64,
    /// The size of one in bytes.
    pub size: u64,
    /// What would be freed with all of them in bytes, if that is known.
    pub retained: Option<u64>,
    /// How many of them lived before the body began.
    pub before: u64,
    /// Why they are only possibly live; none if they are for certain.
    pub doubt: Option<String>,
    /// Where they are.
    pub place: Place,
    /// The stack that allocated them, innermost first.
    pub stack: Vec<Frame>,
    /// Who holds them, the most telling first.
    pub holders: Vec<Holder>,
    /// How many holders there are besides.
    pub more_holders: u64,
    /// What some of them hold, as `{:?}` would have it. Empty if it was not asked for (`MEMLEAK_REPORT_VALUES=1`): it may be secret.
    #[serde(default)]
    pub values: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

/// Where instances are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// In blocks of the heap.
    Heap {
        /// What contains them, if they are not blocks of their own.
        inside: Option<String>,
    },
    /// In a static or thread-local.
    Static {
        /// Its path.
        name: String,
    },
    /// On the stack of a live thread.
    Stack {
        /// The thread's name; empty if it has none.
        thread: String,
        /// The function whose local it is.
        function: String,
    },
}

/// A function on a stack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Frame {
    /// Its path, as the text has it.
    pub function: String,
    /// Where the call is.
    pub location: Option<Location>,
    /// Whose code it is.
    pub code: Code,
}

/// Whose code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The user's.
    User,
    /// A dependency's.
    Dependency,
    /// The standard library's.
    Std,
}

/// One way from a root to the instances.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Holder {
    /// Where the way begins.
    pub root: Root,
    /// From there on, pointer by pointer.
    pub steps: Vec<Step>,
    /// The lines that the text has for it.
    pub lines: Vec<String>,
}

/// Where a way begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Root {
    /// What it is.
    pub kind: RootKind,
    /// The path of a static or thread-local, the future of a task, the name of a local; empty if it has none.
    pub name: String,
    /// The type of a static, thread-local or local, in full; empty if it is not known.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The thread of a thread-local, a local or a stack; empty if it has no name, or there is none.
    pub thread: String,
    /// The function of a local.
    pub function: Option<String>,
    /// Where a static is declared, where in its function a thread is, which `.await` a task is parked on.
    pub location: Option<Location>,
    /// Where a task was spawned.
    pub spawned: Option<Location>,
}

/// What a way begins at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RootKind {
    /// A static.
    Static,
    /// A thread-local of a live thread.
    ThreadLocal,
    /// A task of an async runtime.
    Task,
    /// A local on the stack of a live thread.
    Local,
    /// The stack or a register of a live thread.
    Thread,
    /// Memory of another allocator.
    Foreign,
    /// Nothing leads there.
    Nothing,
}

/// One step of a way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// The parts on the way as a user would write them: `.sessions`, `[value]`, `local session`.
    pub way: Vec<String>,
    /// The type of the pointer or container that leads on, or of the value at the end, in full; empty if it is not known.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type as the text has it.
    pub type_short: String,
    /// What kind of pointer it is; none at the end.
    pub pointer: Option<Pointer>,
    /// For an `Rc` or `Arc`: how many owners were found, and how many its count says there are.
    pub owners: Option<Owners>,
}

/// A kind of pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pointer {
    /// It owns what it leads to.
    Owning,
    /// It shares it, as `Rc` and `Arc` do.
    Shared,
    /// It keeps the memory, and not the value.
    Weak,
    /// It borrows it: a reference or a raw pointer.
    Borrowed,
    /// A word of which no more is known.
    Unknown,
}

/// The owners of an `Rc` or `Arc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Owners {
    /// How many were found.
    pub found: u64,
    /// How many its strong count says there are.
    pub strong: u64,
}

/// A figure above its limit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Overrun {
    /// Which.
    pub figure: Figure,
    /// What is said of it first.
    pub headline: String,
    /// What it is.
    pub measured: u64,
    /// What it may be.
    pub allowed: u64,
    /// What it is made of, the largest first.
    pub parts: Vec<Part>,
}

/// What a test can limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Bytes that live of those that were allocated since the body began.
    LiveBytes,
    /// The most of them that lived at any moment of the body. Its parts are what lived when the limit was first crossed.
    PeakBytes,
    /// Bytes that the body allocated.
    AllocatedBytes,
    /// Blocks that the body allocated.
    Allocations,
    /// Values of one type that the body allocated.
    Allocated,
    /// Bytes that were added in each round, on average.
    Growth,
}

/// A part of a figure: blocks of one type, from one place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part {
    /// The type of what they hold, in full; none if it is not known.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The type as the text has it.
    pub type_short: String,
    /// How many.
    pub blocks: u64,
    /// All of them in bytes.
    pub bytes: u64,
    /// What they are: `live`, `allocated`, and the like.
    pub state: String,
    /// How many live when the body has ended, of those that were allocated since it began.
    pub left: u64,
    /// How they grow, if it is growth.
    pub growth: Option<String>,
    /// The stack that allocated them, innermost first.
    pub stack: Vec<Frame>,
    /// Who holds them, the most telling first.
    pub holders: Vec<Holder>,
    /// How many holders there are besides.
    pub more_holders: u64,
    /// What to do.
    pub help: Option<String>,
}

/// Leaks that nothing leads to, of one type and from one place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Lost {
    /// The same for the same leak in every run, on every machine. No address, no hash of the compiler and no line number is in it.
    pub fingerprint: String,
    /// The type of the block that nothing leads to, in full; none if it is not known.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The type as the text has it.
    pub type_short: String,
    /// How many leaks.
    pub count: u64,
    /// How many of them the list of known leaks has.
    pub known: u64,
    /// All blocks of these leaks.
    pub blocks: u64,
    /// The same in bytes.
    pub bytes: u64,
    /// The stack that allocated it, innermost first.
    pub stack: Vec<Frame>,
    /// How values keep each other alive, if they do.
    pub cycle: Option<Cycle>,
    /// The owners of an `Rc` or `Arc` of which not all were found.
    pub owners: Option<Owners>,
    /// What some of them hold; see [`Group::values`].
    #[serde(default)]
    pub values: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

/// Values that keep each other alive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cycle {
    /// The types of the members, as the text has them. First the ring, whose last points to its first.
    pub members: Vec<String>,
    /// How many members the ring has.
    pub ring: u64,
    /// The pointers between members.
    pub edges: Vec<CycleEdge>,
    /// Whether every edge is known to own its target.
    pub certain: bool,
}

/// A pointer between members of a cycle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CycleEdge {
    /// The member that has it, by index.
    pub from: u64,
    /// Where it leads, by index.
    pub to: u64,
    /// Through which fields, as the text has it.
    pub way: String,
    /// If this field alone, made a `Weak`, would free the cycle: its rank among such fields, 0 for the one to choose.
    pub weaken: Option<u64>,
}

/// Why something could not be told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Obstacle {
    /// What is wrong.
    pub wrong: String,
    /// More of it.
    pub details: Vec<String>,
    /// What to write instead.
    pub help: Vec<String>,
}

impl Findings {
    /// As JSON, for another process of the same program.
    pub fn to_json(&self) -> String {
        write(self, WriterSettings::default())
    }

    /// Out of JSON of the same program.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_json(json: &str) -> Result<Findings, ReadError> {
        read(json)
    }
}

impl Document {
    /// As JSON, to be read by people as well.
    pub fn to_json(&self) -> String {
        pretty(self)
    }

    /// Out of JSON.
    ///
    /// # Errors
    /// If it is none, is no report, or is of a later format than this memleak knows.
    pub fn from_json(json: &str) -> Result<Document, ReadError> {
        of_this_version(json)
    }

    /// The fingerprints of all its leaks.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        let groups = self.findings.expectations.iter().flat_map(|expectation| &expectation.groups);
        let held = groups.filter(|group| group.doubt.is_none()).map(|group| group.fingerprint.as_str());
        held.chain(self.findings.unreachable.iter().map(|lost| lost.fingerprint.as_str()))
    }
}

/// JSON in lines.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    write(value, WriterSettings { pretty_print: true, ..WriterSettings::default() }) + "\n"
}

/// What says its version, if that is ours.
pub(crate) fn of_this_version<T: DeserializeOwned>(json: &str) -> Result<T, ReadError> {
    /// What every version has.
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = read(json)?;
    if version == VERSION { read(json) } else { Err(ReadError::Version(version)) }
}

fn write(value: &impl Serialize, settings: WriterSettings) -> String {
    let mut bytes = Vec::new();
    let mut writer = JsonStreamWriter::new_custom(&mut bytes, settings);
    writer.serialize_value(value).expect("it has no maps, no floats, and goes to memory");
    writer.finish_document().expect("it goes to memory");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, ReadError> {
    let mut reader = JsonStreamReader::new(json.as_bytes());
    let value = reader.deserialize_next().map_err(|error| ReadError::NoReport(error.to_string()))?;
    reader.consume_trailing_whitespace().map_err(|error| ReadError::NoReport(error.to_string()))?;
    Ok(value)
}

/// Why a text is no document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// It is no JSON, or not that of a report.
    NoReport(String),
    /// It is of another version of the format.
    Version(u32),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::NoReport(error) => write!(f, "it is no report of memleak: {error}"),
            ReadError::Version(version) => write!(
                f,
                "it is of version {version} of the format, and this memleak reads version {VERSION}: use the `cargo memleak` of the memleak that wrote it"
            ),
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::{Document, ReadError, VERSION};
    use crate::examples;
    use serde_json::json;

    /// What stands beside the manifest for those who read reports with other tools.
    #[test]
    fn the_schema_describes_the_format() {
        let mut schema = schemars::schema_for!(Document);
        schema.insert("title".to_owned(), "The report of memleak for one test".into());
        schema.insert("$id".to_owned(), format!("memleak-report-{VERSION}").into());
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        expect_test::expect_file!["../schema.json"].assert_eq(&text);
    }

    #[test]
    fn documents_are_as_the_schema_says() {
        let schema: serde_json::Value = serde_json::from_str(include_str!("../schema.json")).unwrap();
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("schema.json", schema).unwrap();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        let mut value = serde_json::to_value(examples::held()).unwrap();
        for document in [examples::held(), examples::cycle()] {
            let value = serde_json::to_value(document).unwrap();
            schemas.validate(&value, index).map_err(|error| error.to_string()).unwrap();
        }
        value["expectations"][0]["groups"][0]["count"] = json!("two");
        assert!(schemas.validate(&value, index).is_err());
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        for document in [examples::held(), examples::cycle()] {
            assert_eq!(Document::from_json(&document.to_json()).unwrap(), document);
        }
    }

    #[test]
    fn what_is_no_document_is_told() {
        let error = |text: &str| Document::from_json(text).unwrap_err();
        assert!(matches!(error("{}"), ReadError::NoReport(_)));
        assert!(matches!(error("<html>"), ReadError::NoReport(_)));
        let mut later = serde_json::to_value(examples::held()).unwrap();
        later["version"] = json!(VERSION + 1);
        later["outcome"] = json!("unheard_of");
        assert!(matches!(error(&later.to_string()), ReadError::Version(version) if version == VERSION + 1));
        // What a later memleak adds within the version is no obstacle.
        let mut more = serde_json::to_value(examples::held()).unwrap();
        more["more"] = json!(1);
        assert_eq!(Document::from_json(&more.to_string()).unwrap(), examples::held());
    }

    #[test]
    fn leaks_have_fingerprints() {
        assert_eq!(examples::held().fingerprints().count(), 1);
        assert_eq!(examples::cycle().fingerprints().count(), 1);
    }
}
