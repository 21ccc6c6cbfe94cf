//! The outcome table: for each fixture program the verdict that is due, and words that its text must have.
//!
//! The fixtures are leak tests of this binary that are ignored; the table runs each in a process of its own, as a user's runner would.

mod fixtures;

use parking_lot::Mutex;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is due.
enum Due {
    Pass,
    /// And these words.
    Fail(&'static [&'static str]),
}
use Due::{Fail, Pass};

#[rustfmt::skip]
const TABLE: &[(&str, Due)] = &[
    // Clean: nothing lives, however it went.
    ("clean::dropped_at_once", Pass),
    ("clean::registry_emptied", Pass),
    ("clean::popped_but_still_in_the_buffer", Pass),
    ("clean::only_weak_references_left", Pass),
    ("clean::option_taken", Pass),
    ("clean::task_that_ends_soon", Pass),
    ("clean::task_aborted", Pass),
    ("clean::messages_received", Pass),
    ("clean::many_threads", Pass),
    ("clean::moved_into_a_finished_task", Pass),
    ("clean::returned_by_the_body", Pass),
    ("clean::multi_thread_runtime", Pass),
    ("clean::as_many_as_allowed", Pass),
    ("clean::the_other_session_leaks", Pass),
    ("clean::statics_that_are_never_used", Pass),
    ("clean::body_that_should_panic", Pass),
    ("clean::dropped_by_a_closure_that_still_runs", Pass),
    ("clean::popped_by_a_thread_that_still_runs", Pass),
    ("clean::plain_data_popped_from_a_deque", Pass),
    ("clean::collected_in_place_into_another_type", Pass),
    ("clean::strings_of_memleak_are_not_counted", Pass),

    // Held by something reachable.
    ("held::by_a_registry_of_arcs", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "tests/fixtures/mod.rs:", "outcomes::fixtures::Session::connect"])),
    ("held::by_a_static_since_the_body_ended", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_registry_of_values", Fail(&["3 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_vec_in_a_static", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_btree_map", Fail(&["20 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_deque_that_wrapped", Fail(&["3 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::in_a_static_itself", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "outcomes::fixtures::held::CURRENT"])),
    ("held::by_a_task_that_never_ends", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::in_the_future_of_a_task", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_message_never_received", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_thread_that_never_ends", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_thread_local", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "Once that thread had ended, none lived any more"])),
    ("held::by_locks_and_cells_of_other_crates", Fail(&["3 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_arcs_that_are_not_made_by_new", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_tasks_that_have_not_begun", Fail(&["3 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_iterators_that_are_partly_consumed", Fail(&["3 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::in_a_small_vec", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::behind_an_arc_of_a_trait", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::by_a_closure", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::behind_a_trait_object", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::in_a_slice", Fail(&["5 live `outcomes::fixtures::Session`, expected 0"])),
    ("held::plain_data_in_a_future", Fail(&["outcomes::fixtures::Token"])),

    // Held by nothing.
    ("lost::forgotten_box", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("lost::cycle_of_rcs", Fail(&["2 live `outcomes::fixtures::lost::Node`, expected 0"])),
    ("lost::leaked_vec", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("lost::very_many", Fail(&["20000 live `outcomes::fixtures::Session`, expected 0"])),
    ("lost::long_list", Fail(&["100000 live `outcomes::fixtures::lost::Link`, expected 0"])),
    ("lost::two_types", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "1 live `outcomes::fixtures::Token`, expected 0"])),

    // Names.
    ("names::resolved_by_the_compiler", Fail(&["1 live `outcomes::fixtures::names::tcp::Link`, expected 0"])),
    ("names::by_module", Fail(&["1 live `outcomes::fixtures::names::udp::Link`, expected 0"])),
    ("names::by_generics", Fail(&["outcomes::fixtures::names::Wrapper<outcomes::fixtures::names::tcp::Link>"])),
    ("names::generics_that_do_not_match", Pass),
    ("names::by_variant", Fail(&["1 live", "Conn::Open"])),
    ("names::by_trait", Fail(&["1 live `outcomes::fixtures::names::Bot`, expected 0", "1 live `outcomes::fixtures::names::tcp::Link`, expected 0"])),
    ("names::of_a_type_without_size", Fail(&["1 live `outcomes::fixtures::names::Nothing`, expected 0"])),
    ("names::misspelt", Fail(&["no type", "Sesion", "Session"])),
    ("names::one_right_one_misspelt", Fail(&["no type", "Sesion"])),

    // The body's own fate comes first.
    ("body::panics", Fail(&["the body gave up", "fixtures/body.rs:"])),
    ("body::returns_an_error", Fail(&["the body returned this"])),
    ("body::exits", Fail(&["exit"])),
    ("body::hangs", Fail(&["1s"])),
    ("body::should_have_panicked", Fail(&["panic"])),
];

#[test]
fn every_fixture_ends_as_it_should() {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((name, due)) = TABLE.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(text) = difference(name, due) {
                        wrong.lock().push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner();
    assert!(wrong.is_empty(), "{} of {} are wrong:\n\n{}", wrong.len(), TABLE.len(), wrong.join("\n\n"));
}

/// What is wrong with the outcome of one fixture; none if it is as due.
fn difference(name: &str, due: &Due) -> Option<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--include-ignored", &format!("fixtures::{name}")])
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let ran = text.contains("running 1 test");
    let problem = match due {
        _ if !ran => Some("did not run".to_owned()),
        Pass if output.status.success() => None,
        Pass => Some("fails".to_owned()),
        Fail(_) if output.status.success() => Some("passes".to_owned()),
        Fail(words) => words.iter().find(|word| !text.contains(**word)).map(|word| format!("does not say `{word}`")),
    };
    problem.map(|problem| format!("{name} {problem}:\n{}", text.trim()))
}

#[test]
fn every_fixture_is_in_the_table() {
    let output = Command::new(std::env::current_exe().unwrap()).args(["--list", "--ignored"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("fixtures::")?.strip_suffix(": test")).collect();
    let missing: Vec<_> = listed.iter().filter(|name| !TABLE.iter().any(|(row, _)| row == *name)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    assert_eq!(listed.len(), TABLE.len(), "rows without a fixture");
}
