//! What pipelines understand in the output of a step: an error at a line of the source, and a page for the run.
//!
//! May use: `document`, `markdown`, `page` (headlines).

use crate::document::{Document, Expectation, Location, RootKind};
use crate::page::headlines;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A pipeline, known by its environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pipeline {
    /// GitHub Actions.
    GitHub {
        /// Where the repository is.
        repository: Option<PathBuf>,
        /// The file that the page of the step is added to.
        summary: Option<PathBuf>,
    },
    /// Azure Pipelines.
    Azure {
        /// Where the repository is.
        repository: Option<PathBuf>,
    },
}

impl Pipeline {
    /// The pipeline that these variables belong to.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Pipeline> {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if variable("GITHUB_ACTIONS").as_deref() == Some("true") {
            return Some(Pipeline::GitHub {
                repository: path("GITHUB_WORKSPACE"),
                summary: path("GITHUB_STEP_SUMMARY"),
            });
        }
        if variable("TF_BUILD").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Some(Pipeline::Azure { repository: path("BUILD_SOURCESDIRECTORY") });
        }
        None
    }

    /// The lines to print for a failed test, each with its newline. `workspace` is what the report's own files are relative to; the pipeline
    /// wants them relative to the repository.
    pub fn errors(&self, document: &Document, workspace: &Path) -> String {
        let mut lines = String::new();
        for Error { at, title, message } in not_too_many(errors(document)) {
            let file = at.as_ref().map(|at| self.file(&at.file, workspace));
            let line = at.as_ref().map_or(0, |at| at.line);
            lines += &match (self, file) {
                (Pipeline::GitHub { .. }, Some(file)) => {
                    let (file, title) = (github_property(&file), github_property(&title));
                    format!("::error file={file},line={line},title={title}::{}\n", github_data(&message))
                }
                (Pipeline::GitHub { .. }, None) => {
                    format!("::error title={}::{}\n", github_property(&title), github_data(&message))
                }
                (Pipeline::Azure { .. }, Some(file)) => format!(
                    "##vso[task.logissue type=error;sourcepath={};linenumber={line};columnnumber=1;]{}\n",
                    azure_property(&file),
                    azure_data(&format!("{title}: {message}"))
                ),
                (Pipeline::Azure { .. }, None) => {
                    format!("##vso[task.logissue type=error;]{}\n", azure_data(&format!("{title}: {message}")))
                }
            };
        }
        lines
    }

    /// Has this file of Markdown shown on the page of the run: the line to print. Where a pipeline has a file to add to there is none.
    pub fn upload(&self, page: &Path) -> Option<String> {
        match self {
            Pipeline::GitHub { .. } => None,
            Pipeline::Azure { .. } => {
                Some(format!("##vso[task.uploadsummary]{}\n", azure_data(&page.display().to_string())))
            }
        }
    }

    /// The file relative to the repository.
    fn file(&self, file: &str, workspace: &Path) -> String {
        let (Pipeline::GitHub { repository, .. } | Pipeline::Azure { repository }) = self;
        let file = workspace.join(file);
        let relative = repository.as_deref().and_then(|repository| file.strip_prefix(repository).ok());
        relative.unwrap_or(&file).to_string_lossy().replace('\\', "/")
    }
}

/// How many errors of a step pipelines show.
const MOST: usize = 10;

/// Those that are shown, and at the last one how many there are besides.
fn not_too_many(mut errors: Vec<Error>) -> Vec<Error> {
    let more = errors.len().saturating_sub(MOST);
    errors.truncate(MOST);
    if let Some(last) = errors.last_mut().filter(|_| more > 0) {
        let _ = write!(last.message, "\n… and {more} more errors of this test");
    }
    errors
}

/// One thing to say at one place.
struct Error {
    at: Option<Location>,
    title: String,
    message: String,
}

/// `0`, `at most 3`, `exactly 2`.
fn expected(expectation: &Expectation) -> String {
    match (expectation.at_least, expectation.at_most) {
        (_, 0) => "0".to_owned(),
        (0, most) => format!("at most {most}"),
        (least, _) => format!("exactly {least}"),
    }
}

/// A leak is said where it was allocated, or where the task that holds it waits; everything else where the test is.
fn errors(document: &Document) -> Vec<Error> {
    let title = format!("{} {}", document.test.binary, document.test.name);
    let of_test = || document.test.location.clone().filter(|at| at.own);
    let mut errors = Vec::new();
    for expectation in &document.findings.expectations {
        for group in expectation.groups.iter().filter(|group| group.known < group.count) {
            let root = group.holders.first().map(|holder| &holder.root);
            let awaits = root.filter(|root| root.kind == RootKind::Task).and_then(|root| root.location.clone());
            let allocated = group.stack.iter().filter_map(|frame| frame.location.clone()).find(|at| at.own);
            let held = group.holders.first().and_then(|holder| holder.lines.first());
            let live = if group.doubt.is_some() { "possibly live" } else { "live" };
            let parts = [
                Some(format!("{} {live} `{}`, expected {}", group.count, group.type_short, expected(expectation))),
                held.map(|line| format!("held by {}", line.trim())),
                group.help.as_ref().map(|help| format!("help: {help}")),
            ];
            let message = parts.into_iter().flatten().collect::<Vec<_>>().join("\n");
            let at = awaits.filter(|at| at.own).or(allocated).or_else(of_test);
            errors.push(Error { at, title: title.clone(), message });
        }
        if expectation.groups.is_empty() {
            errors.push(Error { at: of_test(), title: title.clone(), message: expectation.headlines.join("\n") });
        }
    }
    for overrun in &document.findings.overruns {
        // What it is made of is from many places: the largest part tells most.
        let part = overrun.parts.first();
        let allocated =
            part.and_then(|part| part.stack.iter().filter_map(|frame| frame.location.clone()).find(|at| at.own));
        let mut message = overrun.headline.clone();
        if let Some(part) = part {
            message += &format!("\n{} bytes of `{}` {}", part.bytes, part.type_short, part.state);
            message.extend(part.help.iter().map(|help| format!("\nhelp: {help}")));
        }
        errors.push(Error { at: allocated.or_else(of_test), title: title.clone(), message });
    }
    for lost in document.findings.unreachable.iter().filter(|lost| lost.known < lost.count) {
        let allocated = lost.stack.iter().filter_map(|frame| frame.location.clone()).find(|at| at.own);
        let mut message = format!("{} unreachable `{}`: nothing points there any more", lost.count, lost.type_short);
        if let Some(help) = &lost.help {
            message += &format!("\nhelp: {help}");
        }
        errors.push(Error { at: allocated.or_else(of_test), title: title.clone(), message });
    }
    if errors.is_empty() {
        errors.push(Error { at: of_test(), title, message: headlines(document).join("\n") });
    }
    errors
}

fn github_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

fn azure_data(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn azure_property(text: &str) -> String {
    azure_data(text).replace(']', "%5D").replace(';', "%3B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Findings, Outcome, Root};
    use crate::examples;

    /// A variable of an environment that was recorded in a step of a real pipeline; the names of people and projects are changed.
    fn recorded(environment: &str, name: &str) -> Option<String> {
        let variables = environment.lines().filter_map(|line| line.split_once('='));
        variables.into_iter().find_map(|(known, value)| (known == name).then(|| value.to_owned()))
    }

    fn github(name: &str) -> Option<String> {
        recorded(include_str!("pipeline/github.env"), name)
    }

    fn azure(name: &str) -> Option<String> {
        recorded(include_str!("pipeline/azure.env"), name)
    }

    /// A command as the pipeline reads it.
    #[derive(PartialEq, Debug)]
    struct Command {
        name: String,
        properties: Vec<(String, String)>,
        message: String,
    }

    fn without_escapes(text: &str, escapes: &[(&str, &str)]) -> String {
        // The sign that escapes begin with comes last.
        escapes.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign))
    }

    fn command(name: &str, properties: &str, apart: char, message: &str, escapes: [&[(&str, &str)]; 2]) -> Command {
        let property = |pair: &str| {
            let (name, value) = pair.split_once('=').expect("a name and a value");
            (name.to_owned(), without_escapes(value, escapes[0]))
        };
        let properties = properties.split(apart).filter(|pair| !pair.is_empty()).map(property).collect();
        Command { name: name.to_owned(), properties, message: without_escapes(message, escapes[1]) }
    }

    /// By the grammar of workflow commands: `::name key=value,key=value::message` at the beginning of a line, spaces aside.
    fn read_by_github(line: &str) -> Command {
        let rest = line.trim_start().strip_prefix("::").expect("the beginning of a command");
        let (head, message) = rest.split_once("::").expect("a message");
        let (name, properties) = head.split_once(' ').expect("properties");
        let data = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
        let in_property = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
        command(name, properties, ',', message, [&in_property, &data])
    }

    /// By the grammar of logging commands: `##vso[area.action key=value;key=value;]message` anywhere in a line.
    fn read_by_azure(line: &str) -> Command {
        let rest = &line[line.find("##vso[").expect("the beginning of a command") + 6..];
        let (head, message) = rest.split_once(']').expect("a message");
        let (name, properties) = head.split_once(' ').expect("properties");
        let all = [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")];
        command(name, properties, ';', message, [&all, &all])
    }

    #[test]
    fn what_a_pipeline_reads_is_what_is_meant_whatever_is_in_it() {
        let odd = "a b;c]d,e:f=g%h%3Bi%0Aj::k##vso[l ☃é\r\nm";
        let mut document = examples::held();
        document.test.name = odd.to_owned();
        let group = &mut document.findings.expectations[0].groups[0];
        group.type_short = odd.to_owned();
        group.help = Some(odd.to_owned());
        let at = group.stack[0].location.as_mut().unwrap();
        at.file = format!("src/{odd}.rs");
        let message =
            format!("2 live `{odd}`, expected 0\nheld by static chat::REGISTRY (src/registry.rs:7)\nhelp: {odd}");
        let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (file, title) = (format!("server/src/{odd}.rs"), format!("chat {odd}"));
        let lines = |variable: fn(&str) -> Option<String>, repository: &str| {
            let workspace = Path::new(repository).join("server");
            Pipeline::of(variable).expect("a pipeline").errors(&document, &workspace)
        };
        let said = lines(github, "/home/runner/work/chat/chat");
        assert_eq!(said.lines().count(), 1, "{said}");
        let properties = vec![property("file", &file), property("line", "41"), property("title", &title)];
        let expected = Command { name: "error".to_owned(), properties, message: message.clone() };
        assert_eq!(read_by_github(said.trim_end_matches('\n')), expected);
        // nextest shows what a test says farther to the right.
        assert_eq!(read_by_github(&format!("    {}", said.trim_end_matches('\n'))), expected);
        let said = lines(azure, "/home/vsts/work/1/s");
        assert_eq!(said.lines().count(), 1, "{said}");
        let command = read_by_azure(said.trim_end_matches('\n'));
        let properties = vec![
            property("type", "error"),
            property("sourcepath", &file),
            property("linenumber", "41"),
            property("columnnumber", "1"),
        ];
        let message = format!("{title}: {message}");
        assert_eq!(command, Command { name: "task.logissue".to_owned(), properties, message });
    }

    #[test]
    fn a_test_with_many_leaks_leaves_room_for_others() {
        let mut document = examples::held();
        let groups = &mut document.findings.expectations[0].groups;
        *groups = vec![groups[0].clone(); 1_000];
        let lines = Pipeline::of(github).unwrap().errors(&document, Path::new(""));
        assert_eq!(lines.lines().count(), MOST);
        let last = read_by_github(lines.lines().last().unwrap());
        assert!(last.message.ends_with("\n… and 990 more errors of this test"), "{last:?}");
    }

    #[test]
    fn an_instance_that_is_missing_is_an_error_of_the_test() {
        let mut document = examples::held();
        let expectation = &mut document.findings.expectations[0];
        (expectation.at_least, expectation.at_most) = (2, 2);
        assert_eq!(expected(expectation), "exactly 2");
        expectation.headlines = vec!["0 live `Session`, expected exactly 2".to_owned()];
        expectation.groups.clear();
        document.findings.overruns.clear();
        document.findings.unreachable.clear();
        let errors = errors(&document);
        let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, ["0 live `Session`, expected exactly 2"]);
    }

    #[test]
    fn github_is_told_files_from_the_repository_on() {
        let pipeline = Pipeline::of(github).unwrap();
        let lines = pipeline.errors(&examples::held(), Path::new("/home/runner/work/chat/chat/server"));
        assert_eq!(
            lines,
            "::error file=server/src/session.rs,line=41,title=chat tests%3A%3Alogging_off::2 live `Session`, expected 0%0A\
             held by static chat::REGISTRY (src/registry.rs:7)%0A\
             help: chat::REGISTRY.sessions still has it: take it out when it is done with\n"
        );
        assert_eq!(pipeline.upload(Path::new("/a.md")), None);
    }

    #[test]
    fn azure_is_told_the_same_its_way() {
        let pipeline = Pipeline::of(azure).unwrap();
        let lines = pipeline.errors(&examples::cycle(), Path::new("/home/vsts/work/1/s"));
        assert_eq!(
            lines,
            "##vso[task.logissue type=error;sourcepath=src/session.rs;linenumber=41;columnnumber=1;]chat tests::leaving_a_room: \
             1 unreachable `Room`: nothing points there any more%0Ahelp: make Member.room a `Weak`\n"
        );
        assert_eq!(pipeline.upload(Path::new("/100%.md")).unwrap(), "##vso[task.uploadsummary]/100%AZP25.md\n");
    }

    #[test]
    fn a_task_is_said_where_it_waits_and_what_is_no_leak_where_the_test_is() {
        let pipeline = Pipeline::of(github).unwrap();
        let mut document = examples::held();
        let location = Some(Location { file: "src/beat.rs".to_owned(), line: 3, own: true });
        let holder = &mut document.findings.expectations[0].groups[0].holders[0];
        holder.root = Root { kind: RootKind::Task, location, ..holder.root.clone() };
        assert!(pipeline.errors(&document, Path::new("")).starts_with("::error file=src/beat.rs,line=3,"));
        let hung = Document { outcome: Outcome::NoVerdict, findings: Findings::default(), ..document };
        assert!(pipeline.errors(&hung, Path::new("")).starts_with("::error file=src/tests.rs,line=10,"));
    }

    #[test]
    fn what_is_known_is_no_error() {
        let mut document = examples::held();
        let mut group = document.findings.expectations[0].groups[0].clone();
        group.known = group.count;
        document.findings.expectations[0].groups.push(group);
        let pipeline = Pipeline::of(github).unwrap();
        assert_eq!(pipeline.errors(&document, Path::new("")), pipeline.errors(&examples::held(), Path::new("")));
    }

    #[test]
    fn odd_characters_do_not_end_a_command() {
        assert_eq!(github_property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
        assert_eq!(azure_property("a;b]%\r"), "a%3Bb%5D%AZP25%0D");
    }

    #[test]
    fn elsewhere_nothing_is_said() {
        assert_eq!(Pipeline::of(|_| None), None);
        assert_eq!(Pipeline::of(|name| recorded(include_str!("pipeline/gitlab.env"), name)), None);
        assert_eq!(Pipeline::of(|name| (name == "GITHUB_ACTIONS").then(|| "false".to_owned())), None);
    }
}
