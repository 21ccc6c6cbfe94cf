//! What becomes of each program in `fixtures`, down to the text: each is run by this same test binary, as cargo would run it.

mod fixtures;
mod processes;
mod reports;

use std::env;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How libtest calls a fixture.
fn full_name(fixture: &str) -> String {
    let (_crate, module) = module_path!().split_once("::").expect("a module");
    format!("{module}::fixtures::{fixture}")
}

struct Ran {
    passed: bool,
    /// What libtest shows of a failed test.
    text: String,
    took: Duration,
}

fn test_binary(fixture: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("there is one"));
    command
        .args(["--exact", &full_name(fixture), "--include-ignored", "--test-threads=1"])
        .env_remove("MEMLEAK_UNSUPPORTED")
        .env("MEMLEAK_REPORT", "never")
        .env_remove("RUST_TEST_NOCAPTURE")
        .env("RUST_BACKTRACE", "0");
    command
}

fn output(command: &mut Command) -> (Output, Duration) {
    let begun = Instant::now();
    let output = command.output().expect("the test binary runs");
    (output, begun.elapsed())
}

fn run(fixture: &str) -> Ran {
    run_command(fixture, &mut test_binary(fixture))
}

fn run_command(fixture: &str, command: &mut Command) -> Ran {
    let (output, took) = output(command);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing bypasses the capture: {stdout}");
    assert!(stdout.contains("running 1 test\n"), "{stdout}");
    let passed = output.status.success();
    let head = format!("---- {} stdout ----\n", full_name(fixture));
    let text = match stdout.split_once(&head) {
        Some((_, text)) => text.split("\n\nfailures:\n").next().unwrap_or_default(),
        None => "",
    };
    assert_eq!(passed, stdout.contains("test result: ok. 1 passed"), "{stdout}");
    Ran { passed, text: without_numbers(text), took }
}

/// Thread ids and places in source files become `N`.
fn without_numbers(text: &str) -> String {
    let mut result = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        result.push(character);
        let before_number = result.ends_with("' (") || result.ends_with(".rs:") || result.ends_with(".rs:N:");
        if before_number && characters.peek().is_some_and(char::is_ascii_digit) {
            while characters.next_if(char::is_ascii_digit).is_some() {}
            result.push('N');
        }
    }
    result
}

#[track_caller]
fn fails(fixture: &str, text: &str) -> Ran {
    let ran = run(fixture);
    assert_eq!(ran.text.trim_end(), text);
    assert!(!ran.passed);
    ran
}

#[track_caller]
fn passes(fixture: &str) -> Ran {
    let ran = run(fixture);
    assert!(ran.passed, "{}", ran.text);
    ran
}

/// What the test shows with `--nocapture`, on each of its streams.
fn shown(fixture: &str) -> (bool, String, String) {
    let (output, _) = output(test_binary(fixture).arg("--nocapture"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, stdout) = stdout.split_once("running 1 test\n").expect("libtest's first line");
    let stdout = stdout.split("test result: ").next().unwrap_or_default();
    (output.status.success(), without_numbers(stdout), without_numbers(&String::from_utf8_lossy(&output.stderr)))
}

const PANICKED: &str = "thread 'runner::tests::fixtures::FIXTURE' (N) panicked at memleak-core/src/runner/tests/fixtures.rs:N:N:\nMESSAGE\n\
                        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";

fn panicked(fixture: &str, message: &str) -> String {
    format!("\n{}", PANICKED.replace("FIXTURE", fixture).replace("MESSAGE", message))
}

#[test]
fn a_clean_test_passes() {
    passes("passes");
    passes("returns_ok");
}

#[test]
fn a_note_is_seen_although_the_test_passes() {
    let (output, _) = output(&mut test_binary("passes_with_a_note"));
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "memleak: note: one leak is known\n");
}

#[test]
fn the_output_is_what_the_body_printed() {
    let (passed, stdout, stderr) = shown("passes_and_prints");
    assert!(passed);
    let name = full_name("passes_and_prints");
    assert!(
        stdout.starts_with(&format!("test {name} ... to stdout\nok\n")) || stdout.starts_with("to stdout\n"),
        "{stdout:?}"
    );
    assert_eq!(stderr, "to stderr\n");
}

#[test]
fn an_unclean_heap_fails_with_the_judges_text_after_the_output() {
    fails("leaves_one", "before\n1 live after 200ms, 1 after the thread");
}

#[test]
fn what_cannot_be_told_is_no_pass() {
    fails("could_not_tell", "no such type");
}

#[test]
fn an_unsupported_platform_is_no_pass_unless_the_test_says_so() {
    fails("unsupported", "no stacks\n  help: none");
    let everywhere = output(test_binary("unsupported").env("MEMLEAK_UNSUPPORTED", "skip")).0;
    let here = output(&mut test_binary("skips")).0;
    for (fixture, output) in [("unsupported", everywhere), ("skips", here)] {
        assert!(output.status.success());
        // Seen although the test passes and its output is captured.
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr, format!("memleak: the heap of `{}` was not checked: no stacks\n", full_name(fixture)));
    }
    fails("skips_and_panics", &panicked("skips_and_panics", "still counts"));
}

#[test]
fn a_panic_is_reported_as_a_panic_whatever_the_heap() {
    fails("panics_and_leaves_one", &panicked("panics_and_leaves_one", "the reason"));
    fails("awaits_and_panics", &panicked("awaits_and_panics", "the reason"));
    fails("panics_silently", "");
}

#[test]
fn should_panic_is_judged_as_libtest_does() {
    passes("panics_as_it_should");
    passes("panics_with_the_text");
    passes("panics_with_a_probe");
    fails(
        "panics_with_another_text",
        &(panicked("panics_with_another_text", "other")
            + "\nnote: panic did not contain expected string\n      panic message: \"other\"\n expected substring: \"due\""),
    );
    fails("does_not_panic", "note: test did not panic as expected at memleak-core/src/runner/tests/fixtures.rs:N:N");
    let no_text = run("panics_with_no_text");
    assert!(!no_text.passed);
    let expected = panicked("panics_with_no_text", "Box<dyn Any>")
        + "\nnote: expected panic with string value,\n found non-string value: `TypeId(";
    assert_eq!(no_text.text.get(..expected.len()), Some(expected.as_str()));
    assert!(no_text.text.trim_end().ends_with(")`\n     expected substring: \"due\""), "{}", no_text.text);
}

#[test]
fn a_panic_that_is_due_does_not_excuse_the_heap() {
    fails(
        "panics_as_it_should_and_leaves_one",
        &(panicked("panics_as_it_should_and_leaves_one", "due") + "\n1 live after 200ms, 1 after the thread"),
    );
}

#[test]
fn an_err_is_reported_as_libtest_does() {
    const STATUS: &str = "note: the test returned a termination value with a non-zero status code";
    fails("returns_err", &format!("Error: \"refused\"\n{STATUS} (1) which indicates a failure"));
    fails("awaits_and_returns_err", &format!("Error: \"refused\"\n{STATUS} (1) which indicates a failure"));
    fails("returns_a_code", &format!("{STATUS} (7) which indicates a failure"));
}

#[test]
fn a_process_that_ends_in_the_body_fails_with_its_status() {
    const ENDED: &str = "memleak: no verdict: the test's process ended before the body had ended, with ";
    const HELP: &str = "\n  help: a body must not end its process (`std::process::exit`) or replace it (`exec`)";
    fails("exits_with_0", &format!("{ENDED}exit status: 0{HELP}"));
    fails("exits_with_3", &format!("{ENDED}exit status: 3{HELP}"));
    fails("replaces_itself", &format!("{ENDED}exit status: 0{HELP}"));
    fails(
        "has_a_thread_that_ends_the_process",
        "memleak: no verdict: the test's process ended while the heap was looked at after the body, with exit status: 0",
    );
    fails("kills_itself", &format!("{ENDED}signal: 9 (SIGKILL)"));
    assert_eq!(without_core(&run("aborts").text), format!("{ENDED}signal: 6 (SIGABRT)\n"));
    assert_eq!(
        without_core(&run("overflows_the_stack").text),
        format!(
            "\nthread '{}' (N) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n{ENDED}signal: 6 (SIGABRT)\n",
            full_name("overflows_the_stack")
        )
    );
}

/// Whether there is a core file is the machine's affair.
fn without_core(text: &str) -> String {
    text.replace(" (core dumped)", "")
}

#[test]
fn a_hung_test_is_killed_and_says_where_it_hangs() {
    const HELP: &str = "; the test's process was killed\n  help: `timeout = \"…\"` gives the test more time";
    let hangs = fails("hangs", &format!("so far\nmemleak: no verdict: the body had not ended after 1s{HELP}"));
    assert!(hangs.took < Duration::from_secs(5), "{:?}", hangs.took);
    fails(
        "hangs_in_settle",
        &format!("memleak: no verdict: the body had ended, and the heap was being looked at after 1s{HELP}"),
    );
}

#[test]
fn the_bodys_stack_is_as_large_as_the_user_says() {
    assert!(
        run_command("needs_a_large_stack", test_binary("needs_a_large_stack").env("RUST_MIN_STACK", "16000000")).passed
    );
    assert!(
        !run_command("needs_a_large_stack", test_binary("needs_a_large_stack").env("RUST_MIN_STACK", "2000000")).passed
    );
}

#[test]
fn a_test_that_the_harness_does_not_know_runs_in_place_and_says_so() {
    let (output, _) = output(&mut test_binary("runs_under_a_name_that_is_no_test"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(
        stderr.starts_with("memleak: note: `nowhere::not_a_test` ran in the process of the test harness"),
        "{stderr}"
    );
    assert!(!stdout.contains("running 0 tests"), "{stdout}");
}

#[test]
fn the_path_stands_in_for_the_name_of_a_thread_of_the_users() {
    let ran = run("runs_on_a_thread_of_the_users");
    assert!(!ran.passed);
    assert!(ran.text.contains("and so does the thread that waits for it"), "{}", ran.text);
}

#[test]
fn a_leak_test_inside_a_leak_test_is_an_error() {
    for (outer, inner) in [("calls_a_leak_test", "passes"), ("calls_itself", "calls_itself")] {
        let words =
            format!("the leak test `{}` was called inside the leak test `{}`", full_name(inner), full_name(outer));
        let called = run(outer);
        assert!(!called.passed);
        assert!(called.text.contains(&words), "{}", called.text);
        assert!(called.text.contains("tests/fixtures.rs:N:N:\nthe leak test"), "{}", called.text);
    }
}

#[test]
fn a_process_that_the_body_starts_may_run_leak_tests() {
    let (passed, stdout, stderr) = shown("starts_leak_tests");
    assert!(passed, "{stderr}");
    assert!(stdout.contains("passes: exit status: 0\nleaves_one: exit status: 101\n"), "{stdout}");
}

#[test]
fn megabytes_of_output_arrive_whole_and_in_order() {
    let (passed, stdout, stderr) = shown("prints_megabytes");
    assert!(passed);
    for text in [stdout, stderr] {
        let numbers: Vec<usize> = text
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap_or_default())
            .filter(|line| line.len() == 100)
            .map(|line| line.parse().expect("a number"))
            .collect();
        assert!(numbers.iter().copied().eq(0..20_000), "{} lines", numbers.len());
    }
}

#[test]
fn what_is_unread_when_the_child_ends_is_not_lost() {
    let parent = test_binary("prints_more_than_is_read_before_it_ends")
        .arg("--nocapture")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary runs");
    // The parent waits for its own output to be read, and the child ends meanwhile: 120 KB fit into two pipes.
    thread::sleep(Duration::from_millis(200));
    let output = parent.wait_with_output().expect("it ends");
    let line = format!("{:01000}", 7);
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches(&line).count(), 120);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let (passed, stdout, _) = shown("prints_bytes");
    assert!(passed);
    assert!(stdout.contains("café \u{fffd}\u{fffd} half \u{fffd}"), "{stdout:?}");
}

#[test]
fn a_body_cannot_disturb_the_verdict() {
    fails("redirects_its_output", "1 live after 200ms, 1 after the thread");
    fails("writes_to_every_descriptor_it_may_know", "1 live after 200ms, 1 after the thread");
    let (passed, stdout, _) = shown("reads_stdin");
    assert!(passed);
    assert!(stdout.contains("stdin: \"\"\n"), "{stdout}");
}

#[test]
fn background_threads_may_end_while_the_test_settles() {
    let ran = passes("has_a_thread_that_ends_soon");
    assert!(ran.took >= Duration::from_millis(30), "{:?}", ran.took);
    fails("has_a_thread_that_never_ends", "1 live after 200ms, 1 after the thread");
}

#[test]
fn a_thread_local_of_the_bodys_thread_lives_until_that_ends() {
    fails("has_a_thread_local", "1 live after 200ms, none after the thread");
}

#[test]
fn the_bodys_thread_is_named_as_the_test() {
    let (_, stdout, _) = shown("tells_its_thread");
    assert!(stdout.contains(&format!("Some({:?})\n", full_name("tells_its_thread"))), "{stdout}");
}

#[test]
fn an_async_body_runs_to_its_end() {
    passes("awaits");
    fails("awaits_and_leaves_one", "1 live after 200ms, 1 after the runtime");
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use super::{Duration, Instant, fails, panicked, passes, shown};

    const NEVER_DOWN: &str = "memleak: note: the runtime had not shut down after 1s: a blocking task, or a task that never yields, still \
                              runs; under `#[tokio::test]` this test would hang";

    #[test]
    fn tasks_may_end_while_the_test_settles() {
        passes("on_tokio::task_ends_soon");
        passes("on_tokio::multi_thread_task_ends_soon");
        passes("on_tokio::connection_closes_soon");
        passes("on_tokio::driver_thread_is_the_bodys");
    }

    #[test]
    fn a_task_that_only_the_shutdown_ends_fails_the_test() {
        const TEXT: &str = "1 live after 200ms, none after the runtime";
        fails("on_tokio::task_never_ends", TEXT);
        fails("on_tokio::multi_thread_task_never_ends", TEXT);
    }

    #[test]
    fn what_the_shutdown_leaves_behind_fails_the_test() {
        fails("on_tokio::shutdown_leaves_one", "1 live after the runtime");
    }

    #[test]
    fn a_shutdown_that_hangs_is_killed() {
        fails(
            "on_tokio::shutdown_hangs",
            "memleak: no verdict: the body had ended, and the runtime was being shut down after 1s; the test's process was killed\n  help: \
             `timeout = \"…\"` gives the test more time",
        );
    }

    #[test]
    fn a_paused_clock_goes_on_for_as_long_as_settle_and_no_longer() {
        passes("on_tokio::paused_task_ends_soon");
        fails("on_tokio::paused_task_ends_late", "1 live after 200ms, none after the runtime");
        fails(
            "on_tokio::paused_clock_does_not_run_away",
            "the clock went 200ms\n1 live after 200ms, 1 after the runtime",
        );
    }

    #[test]
    fn a_clock_that_the_body_paused_stands_still() {
        fails(
            "on_tokio::clock_paused_by_the_body_stands_still",
            "the clock went 0ns\n1 live after 200ms, 1 after the runtime",
        );
    }

    #[test]
    fn a_paused_clock_does_not_keep_threads_from_ending() {
        passes("on_tokio::paused_thread_ends_soon");
    }

    #[test]
    fn a_blocking_task_that_never_ends_does_not_hold_the_test_up() {
        let (passed, _, stderr) = shown("on_tokio::blocking_task_never_ends");
        assert!(passed);
        assert_eq!(stderr.trim_end(), NEVER_DOWN);
        let fixture = "on_tokio::blocking_task_never_ends_and_body_panics";
        fails(fixture, &format!("{}\n{NEVER_DOWN}", panicked(fixture, "the reason")));
        for fixture in ["on_tokio::task_never_yields", "on_tokio::paused_blocking_task_never_ends"] {
            let begun = Instant::now();
            let _ = shown(fixture);
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
    }
}
