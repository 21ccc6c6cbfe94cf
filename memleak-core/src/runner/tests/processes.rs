//! What becomes of the processes of a test, and of what they find around them.

use super::{output, shown, test_binary};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The processes that a fixture has told of.
struct Told(Vec<(PathBuf, String)>);

impl Told {
    fn of(stdout: &str) -> Told {
        // libtest may have begun the line.
        let entries = stdout.lines().filter_map(|line| line.split_once("process ")?.1.split_once(' '));
        let told: Vec<_> = entries.map(|(id, what)| (Path::new("/proc").join(id), what.to_owned())).collect();
        assert!(!told.is_empty(), "{stdout}");
        Told(told)
    }

    /// Those that have not ended: nobody need have taken note of one that has.
    fn alive(&self) -> Vec<&str> {
        let is_alive = |process: &Path| {
            let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
        };
        self.0.iter().filter(|(process, _)| is_alive(process)).map(|(_, what)| what.as_str()).collect()
    }

    fn are_gone_soon(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.alive().is_empty() {
            assert!(Instant::now() < deadline, "still there: {:?}", self.alive());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Told {
    /// The daemon that is meant to stay.
    fn drop(&mut self) {
        for (process, what) in &self.0 {
            let id =
                process.file_name().and_then(|id| id.to_str()?.parse().ok()).and_then(rustix::process::Pid::from_raw);
            if let Some(id) = id.filter(|_| what == "daemon") {
                let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            }
        }
    }
}

/// The test binary run by another program, which its words and the binary's path complete.
fn run_by(program: &[&str], fixture: &str) -> Command {
    let binary = test_binary(fixture);
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(binary.get_program()).args(binary.get_args());
    command
}

/// As in a container: the session was begun outside, and has no number here.
#[test]
fn a_pid_namespace_without_a_session_of_its_own() {
    let unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    let may = Command::new(unshare[0]).args(&unshare[1..]).arg("true").output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("no namespace can be made here");
        return;
    }
    let output = run_by(&unshare, "leaves_processes").arg("--nocapture").output().expect("`unshare` runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.matches("`sleep 300`").count(), 2, "{stderr}");
}

/// As below a program that never waits for its children.
#[test]
fn the_end_of_a_test_is_seen_where_the_ends_of_children_are_ignored() {
    let env = ["env", "--ignore-signal=CHLD"];
    let output = run_by(&env, "passes").output().expect("`env` runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_the_body_leaves_behind_is_ended_and_named() {
    let (passed, stdout, stderr) = shown("leaves_processes");
    assert!(passed);
    let told = Told::of(&stdout);
    assert_eq!(told.alive(), ["daemon"], "what has made a session of its own was meant to stay");
    assert!(
        stderr.starts_with("memleak: note: the test left processes running, killed now: `sleep 300` ("),
        "{stderr}"
    );
    assert_eq!(stderr.matches("`sleep 300`").count(), 2, "{stderr}");
}

#[test]
fn what_ends_by_itself_is_not_a_word_worth() {
    let (passed, stdout, stderr) = shown("leaves_a_process_that_ends_soon");
    assert!(passed);
    assert_eq!(stderr, "");
    assert_eq!(Told::of(&stdout).alive(), [""; 0]);
}

#[test]
fn what_a_crashed_body_leaves_behind_is_ended() {
    let (passed, stdout, stderr) = shown("leaves_processes_and_aborts");
    assert!(!passed);
    assert!(
        stderr.contains("the test's process ended before the body had ended, with signal: 6 (SIGABRT)"),
        "{stderr}"
    );
    assert_eq!(Told::of(&stdout).alive(), ["daemon"]);
}

#[test]
fn all_that_a_hung_body_has_started_is_killed() {
    let (passed, stdout, stderr) = shown("leaves_processes_and_hangs");
    assert!(!passed);
    assert!(stderr.contains("the body had not ended after 1s"), "{stderr}");
    let told = Told::of(&stdout);
    assert_eq!(told.0.len(), 4);
    told.are_gone_soon();
}

#[test]
fn all_that_a_body_has_started_ends_with_the_parent() {
    let mut parent = test_binary("leaves_processes_and_waits")
        .arg("--nocapture")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary runs");
    let lines = BufReader::new(parent.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let told = Told::of(&lines.take_while(|line| line != "ready").collect::<Vec<_>>().join("\n"));
    assert_eq!(told.alive().len(), 4);
    parent.kill().expect("it runs");
    parent.wait().expect("it has ended");
    told.are_gone_soon();
}

#[test]
fn the_body_finds_the_surroundings_of_a_plain_test() {
    let told = |fixture: &str| {
        let (output, _) = output(test_binary(fixture).arg("--nocapture"));
        let text = String::from_utf8(output.stdout).expect("text");
        let begin = text.find("[(").expect("the environment");
        text[begin..].lines().take(4).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told("tells_its_surroundings"), told("plain_test_tells_its_surroundings"));
}

#[test]
fn a_test_may_run_in_place() {
    let own = |command: &mut Command| {
        let child = command
            .env("MEMLEAK_IN_PLACE", "1")
            .arg("--nocapture")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.expect("the test binary runs");
        let id = child.id();
        let output = child.wait_with_output().expect("it ends");
        (id, output)
    };
    let (id, output) = own(&mut test_binary("tells_its_process"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(stdout.contains(&format!("process {id} itself")), "{stdout}");
    let (_, output) = own(&mut test_binary("leaves_one"));
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().next(), Some("1 live after 200ms, 1 after the thread"));
}
