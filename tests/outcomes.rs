//! The outcome table: for each fixture program the verdict that is due, and words that its text must have.
//!
//! The fixtures are leak tests of this binary that are ignored; the table runs each in a process of its own, as a user's runner would.

mod fixtures;

use parking_lot::Mutex;
use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is due.
enum Due {
    Pass,
    /// And these words on stderr.
    PassSaying(&'static [&'static str]),
    /// And these words. `src/file.rs:@here` at their end stands for the line of that file that ends with `// @ here`.
    Fail(&'static [&'static str]),
}
use Due::{Fail, Pass, PassSaying};

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

    // It cannot be told.
    ("possibly::local_of_a_future", PassSaying(&["fixtures::possibly::local_of_a_future: passed, though 1 `outcomes::fixtures::Token` is possibly live: a local of the suspended future outcomes::fixtures::possibly::work_with_a_token", "allocated at tests/fixtures/possibly.rs:@spawned"])),
    ("possibly::local_of_a_future_that_counts", Fail(&["1 possibly live `outcomes::fixtures::Token`, expected 0", "a local of the suspended future", "held by"])),
    ("possibly::beside_a_certain_one", Fail(&["1 live `outcomes::fixtures::Token`, expected 0, and 1 possibly live"])),
    ("possibly::too_many_with_the_doubtful_ones", PassSaying(&["1 `outcomes::fixtures::Token` is possibly live besides 2 of at most 2"])),
    ("possibly::not_too_many_with_the_doubtful_ones", Pass),
    ("possibly::doubt_that_ends_soon", Pass),
    ("possibly::beside_memory_that_is_lost", Fail(&["unreachable: nothing points to", "1 `outcomes::fixtures::Token` is possibly live: a local of the suspended future"])),
    ("possibly::in_a_container_that_makes_no_sense", Fail(&["memleak does not understand the contents of a `Vec<outcomes::fixtures::Session>`, so it cannot count the `outcomes::fixtures::Session` in it", "static outcomes::fixtures::possibly::SESSIONS", "that is not a pass"])),
    ("possibly::as_many_as_allowed_in_a_container_that_makes_no_sense", Fail(&["memleak does not understand the contents of a `Vec<outcomes::fixtures::Session>`"])),
    ("possibly::certain_beside_a_container_that_makes_no_sense", Fail(&["1 live `outcomes::fixtures::Session`, expected 0, and 1 possibly live", "make no sense"])),

    // In statics and thread-locals themselves.
    ("globals::thread_locals_of_threads", Fail(&["10 live `outcomes::fixtures::Session`, expected 0"])),
    ("globals::thread_locals_without_drop", Fail(&["2 live `outcomes::fixtures::Token`, expected 0"])),
    ("globals::statics_that_are_not_made", Pass),
    ("globals::statics_that_are_made", Fail(&["4 live `outcomes::fixtures::Session`, expected 0"])),

    // On the stack of a thread that still runs.
    ("stacks::local_of_a_thread", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "thread `server`, in outcomes::fixtures::stacks::serve at tests/fixtures/stacks.rs:@serve", "local `session`: Session"])),
    ("stacks::captured_by_the_closure_of_a_thread", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::captured_and_changed", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::temporary_of_a_thread", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::in_an_option_and_a_tuple_and_an_array", Fail(&["4 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::in_a_vec_on_a_stack", Fail(&["3 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::of_a_blocking_task", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::of_a_thread_that_computes", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::of_a_scoped_thread", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::of_a_job_of_a_pool", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::plain_data_on_a_stack", PassSaying(&["1 `outcomes::fixtures::Token` is possibly live: a local of outcomes::fixtures::stacks::plain_data_on_a_stack", "on the stack of thread"])),
    ("stacks::boxed_and_shared", Fail(&["2 live `outcomes::fixtures::Session`, expected 0", "held by       thread `server`, in outcomes::fixtures::stacks::boxed_and_shared::{closure} at tests/fixtures/stacks.rs:@boxed", "local `session`: Arc<Session>, strong 1 of 1 found", "local `boxed`: Box<Session>"])),
    ("stacks::dropped_before", Pass),
    ("stacks::without_a_buffer_and_dropped_before", Pass),
    ("stacks::without_a_buffer", Fail(&["`outcomes::fixtures::Session`, expected 0"])),
    ("stacks::moved_into_another_thread", Pass),
    ("stacks::moved_into_a_channel_and_a_static", Pass),
    ("stacks::one_of_two_moved_away", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::moved_into_an_outer_variable", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("stacks::threads_that_wait_without_any", Pass),

    // Held by nothing.
    ("lost::forgotten_box", Fail(&["1 live `outcomes::fixtures::Session`, expected 0"])),
    ("lost::cycle_of_rcs", Fail(&["2 live `outcomes::fixtures::lost::Node`, expected 0"])),
    ("lost::leaked_vec", Fail(&["2 live `outcomes::fixtures::Session`, expected 0"])),
    ("lost::very_many", Fail(&["20000 live `outcomes::fixtures::Session`, expected 0"])),
    ("lost::long_list", Fail(&["100000 live `outcomes::fixtures::lost::Link`, expected 0"])),
    ("lost::two_types", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "1 live `outcomes::fixtures::Token`, expected 0"])),

    // No type is named: memory that nothing leads to.
    ("leaked::cycle_of_one", Fail(&["1 unreachable cycle", "leaked::Node .next", "back to"])),
    ("leaked::cycle_of_two_rcs", Fail(&["1 unreachable cycle", "leaked::Node .next", "make this one a `Weak`"])),
    ("leaked::cycle_of_three_arcs", Fail(&["1 unreachable cycle", "leaked::Peer .peers", "make this one a `Weak`"])),
    ("leaked::cycle_through_a_closure", Fail(&["1 unreachable cycle", "leaked::Button .on_click", "captured `clicked`"])),
    ("leaked::cycle_through_a_trait_object", Fail(&["1 unreachable cycle", "leaked::Subject .observers", "leaked::Window .subject"])),
    ("leaked::cycle_through_a_waker", Fail(&["unreachable: nothing points to", "leaked::Signal"])),
    ("leaked::cycle_through_a_future", Fail(&["1 unreachable cycle", "leaked::Actor .work", "leaked::run"])),
    ("leaked::cycle_that_a_weak_watches", Fail(&["1 unreachable cycle", "leaked::Peer .peers"])),
    ("leaked::children_that_hold_their_parent", Fail(&["3 live `outcomes::fixtures::leaked::Child`, expected 0", "1 unreachable cycle", ".parent", ".children", "make this one a `Weak`"])),
    ("leaked::forgotten", Fail(&["fixtures::Session  1 unreachable", "tests/fixtures/leaked.rs:@forgotten"])),
    ("leaked::an_owner_too_many", Fail(&["fixtures::Session", "forgotten"])),
    ("leaked::never_dropped_by_hand", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::raw_pointer_lost", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::raw_arc_lost", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::string_for_c_lost", Fail(&["unreachable: nothing points to", "tests/fixtures/leaked.rs:@c string"])),
    ("leaked::vec_leaked_and_not_kept", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::string_leaked_and_not_kept", Fail(&["unreachable: nothing points to"])),
    ("leaked::long_list_lost", Fail(&["300000 blocks", "leaked::Link"])),
    ("leaked::in_a_dead_frame_of_a_thread_that_is_parked", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::popped_and_forgotten", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::taken_from_a_queue_and_forgotten", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::taken_from_a_map_and_forgotten", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::in_a_variant_that_is_not_active_any_more", Fail(&["unreachable: nothing points to"])),
    ("leaked::receiver_in_its_own_channel", Fail(&["unreachable: nothing points to"])),
    ("leaked::receiver_in_its_own_channel_of_tokio", Fail(&["unreachable: nothing points to"])),
    ("leaked::lost_by_a_task", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::lost_by_a_thread_that_has_ended", Fail(&["unreachable: nothing points to", "fixtures::Session"])),
    ("leaked::beside_memory_that_was_freed", Fail(&["unreachable: nothing points to", "tests/fixtures/leaked.rs:@beside"])),
    ("leaked::list_with_owners_both_ways", Fail(&["unreachable cycle", "leaked::Both", ".previous"])),
    ("leaked::waker_forgotten", Fail(&["unreachable: nothing points to", "leaked::Signal"])),
    ("leaked::future_forgotten", Fail(&["unreachable: nothing points to", "leaked::run", "leaked::Actor"])),
    ("leaked::drained_and_forgotten", Fail(&["unreachable: nothing points to", "6 unreachable", "fixtures::Session"])),
    ("leaked::taken_from_a_tree_and_forgotten", Fail(&["unreachable: nothing points to", "17 unreachable", "fixtures::Session"])),
    ("leaked::weak_forgotten", Fail(&["unreachable: nothing points to"])),
    ("leaked::set_of_tasks_forgotten", Fail(&["task async block in outcomes::fixtures::leaked::set_of_tasks_forgotten  1 unreachable", "help: it was forgotten"])),
    ("leaked::map_forgotten", Fail(&["hash table of (String, Arc<outcomes::fixtures::Session>)  1 unreachable"])),
    ("leaked::of_another_type_than_the_one_named", Fail(&["unreachable: nothing points to", "fixtures::Session"])),

    // No type is named: something leads to all memory.
    ("reachable::by_a_raw_pointer", Pass),
    ("reachable::by_memory_that_is_shared", Pass),
    ("reachable::by_a_raw_arc", Pass),
    ("reachable::by_numbers_with_tags", Pass),
    ("reachable::by_pointers_into_the_middle_and_to_the_end", Pass),
    ("reachable::by_statics_that_are_made_late", Pass),
    ("reachable::leaked_on_purpose", Pass),
    ("reachable::by_thread_locals_of_a_thread_that_lives_on", Pass),
    ("reachable::by_thread_locals_of_the_body", Pass),
    ("reachable::by_thread_locals_of_a_runtime", Pass),
    ("reachable::by_the_stack_of_a_parked_thread", Pass),
    ("reachable::by_a_thread_that_waits_for_work", Pass),
    ("reachable::dropped_values_that_weaks_watch", Pass),
    ("reachable::long_list_held", Pass),
    ("reachable::an_owner_too_many_of_what_is_held", Pass),
    ("reachable::body_that_should_panic", Pass),
    ("reachable::panics_that_were_caught", Pass),
    ("reachable::backtraces_that_were_shown", Pass),
    ("reachable::output", Pass),
    ("reachable::programs_and_files", Pass),
    ("reachable::by_memory_that_is_not_of_rust", Pass),
    ("reachable::by_memory_beside_a_guard", Pass),
    ("reachable::by_thread_specific_data_of_a_c_library", Pass),
    ("reachable::by_the_result_of_a_thread", Pass),
    ("reachable::by_a_runtime_in_a_static", Pass),
    ("reachable::nothing", Pass),
    ("runtime::channels", Pass),
    ("runtime::channels_with_many_ends", Pass),
    ("runtime::locks", Pass),
    ("runtime::time_and_select", Pass),
    ("runtime::paused_time", Pass),
    ("runtime::tasks_that_are_aborted_dropped_or_left", Pass),
    ("runtime::local_tasks", Pass),
    ("runtime::threads_that_may_block", Pass),
    ("runtime::tcp_server", Pass),
    ("runtime::sockets_that_are_left_open", Pass),
    ("runtime::files_programs_and_signals", Pass),
    ("runtime::task_locals", Pass),
    ("runtime::runtimes_of_its_own", Pass),
    ("runtime::runtime_that_is_shut_down_in_the_background", Pass),

    // Who holds it.
    ("holders::entry_of_a_registry", Fail(&["static outcomes::fixtures::holders::REGISTRY", ".sessions: ", "[value]", "strong 1 of 1 found", "holders::REGISTRY.sessions still has it"])),
    ("holders::entry_of_a_tree", Fail(&["static outcomes::fixtures::holders::BY_SESSION", "[value]"])),
    ("holders::element_of_a_vec", Fail(&["static outcomes::fixtures::holders::ANY", "[3]"])),
    ("holders::element_of_a_deque", Fail(&["static outcomes::fixtures::holders::QUEUE", "[0]"])),
    ("holders::thread_local_of_a_named_thread", Fail(&["thread-local outcomes::fixtures::holders::LAST_SEEN", "thread `janitor`"])),
    ("holders::stack_of_a_named_thread", Fail(&["thread `janitor`, in ", "captured `session`: Arc<Session>, strong 1 of 1 found", "thread `janitor` has not ended"])),
    ("holders::task_that_is_stuck", Fail(&["task outcomes::fixtures::holders::heartbeat, spawned at tests/fixtures/holders.rs:@spawned", "suspended at tests/fixtures/holders.rs:@parked", "local `session`"])),
    ("holders::task_that_awaits_another_future", Fail(&["task outcomes::fixtures::holders::outer_work", "suspended at tests/fixtures/holders.rs:@outer", "holders::inner_work", "suspended at tests/fixtures/holders.rs:@inner", "`session`"])),
    ("holders::task_and_registry", Fail(&["held by", "and by", "static outcomes::fixtures::holders::REGISTRY", "task outcomes::fixtures::holders::heartbeat", "suspended at tests/fixtures/holders.rs:@parked", "strong 2 of 2 found"])),
    ("holders::future_in_a_struct", Fail(&["static outcomes::fixtures::holders::SERVICE", ".work", "holders::inner_work", "suspended at tests/fixtures/holders.rs:@inner", "`session`"])),
    ("holders::variable_of_a_closure", Fail(&["static outcomes::fixtures::holders::CALLBACKS", "[0]", "captured `session`"])),
    ("holders::message_that_is_never_received", Fail(&["static outcomes::fixtures::holders::INBOX", "[message]", "nobody has received this message"])),
    ("holders::an_owner_is_not_found", Fail(&["static outcomes::fixtures::holders::OWNER", "strong 1 of 2 found", "1 of 2 not found"])),
    ("holders::cycle_with_an_edge_to_weaken", Fail(&["1 unreachable cycle", "holders::Room .members", "holders::Member .room", "make this one a `Weak`"])),
    ("holders::leaked_into_a_static", Fail(&["static outcomes::fixtures::holders::LEAKED"])),
    ("holders::handle_of_a_task_that_has_ended", Fail(&["static outcomes::fixtures::holders::ENDED", "JoinHandle"])),
    ("holders::aborted_task_that_is_not_dropped", Fail(&["which was aborted and is not dropped yet"])),
    ("holders::moved_from_a_capture_to_a_local", Fail(&["local `_local`: Arc<Session>, perhaps moved away"])),
    ("holders::nothing_holds_it", Fail(&["unreachable", "forgotten"])),

    // Bytes and their growth.
    ("budgets::few_bytes_are_left", Pass),
    ("budgets::bytes_that_go_soon", Pass),
    ("budgets::many_bytes_are_left", Fail(&["live bytes are left, expected at most 4096 (4.0 KiB)", "[u8]", "tests/fixtures/budgets.rs:@cached", "static outcomes::fixtures::budgets::CACHE"])),
    ("budgets::memory_of_a_value_that_a_weak_watches", Fail(&["8208 (8.0 KiB) live bytes are left, expected at most 4096 (4.0 KiB)", "budgets::Page", "tests/fixtures/budgets.rs:@page", "static outcomes::fixtures::budgets::WATCHED", "a `Weak` in outcomes::fixtures::budgets::WATCHED.page keeps the memory"])),
    ("budgets::runs_as_often_as_it_says", Fail(&["the twelfth run"])),
    ("budgets::an_early_run_returns_an_error", Fail(&["the second failed", "run 2 of 3 returned a failure"])),
    ("budgets::a_registry_grows", Fail(&["memory grew by", "in each of 17 runs, on average, expected at most 0", "fixtures::Session", "tests/fixtures/budgets.rs:@registered", "static outcomes::fixtures::budgets::REGISTRY", ".sessions"])),
    ("budgets::a_registry_is_emptied", Pass),
    ("budgets::a_vec_grows_in_steps", Fail(&["memory grew by", "expected at most 2", "steps over 35 runs", "tests/fixtures/budgets.rs:@pushed", "static outcomes::fixtures::budgets::NUMBERS"])),
    ("budgets::a_vec_grows_less_than_it_may", Pass),
    ("budgets::a_tree_in_a_thread_local_grows", Fail(&["memory grew by", "thread-local outcomes::fixtures::budgets::SEEN"])),
    ("budgets::lost_memory_grows", Fail(&["memory grew by", "fixtures::Session", "nothing"])),
    ("budgets::tasks_pile_up", Fail(&["memory grew by", "in 17 of 17 runs", "suspended at tests/fixtures/budgets.rs:@stuck"])),
    ("budgets::tasks_pile_up_on_tokios_own_runtime", Fail(&["memory grew by", "in 17 of 17 runs"])),
    ("budgets::caches_that_are_bounded", Pass),
    ("budgets::busy_and_clean", Pass),
    ("budgets::busy_and_clean_on_one_thread", Pass),

    // Exact numbers, and what a body spends.
    ("spending::as_many_as_expected", Pass),
    ("spending::fewer_than_expected", Fail(&["1 live `Session`, expected exactly 2", "tests/fixtures/spending.rs:@filled", "POOL"])),
    ("spending::none_of_those_expected", Fail(&["0 live `Session`, expected exactly 2"])),
    ("spending::more_than_expected", Fail(&["3 live `Session`, expected exactly 2", "POOL"])),
    ("spending::the_one_expected_is_in_a_task", Pass),
    ("spending::the_one_expected_comes_soon", Pass),
    ("spending::spends_as_much_as_it_may", Pass),
    ("spending::allocates_too_many_bytes", Fail(&["100013 (97.6 KiB) bytes were allocated, expected at most 100000 (97.6 KiB)", "[u8]  100 blocks allocated", "tests/fixtures/spending.rs:@wasted"])),
    ("spending::allocates_too_often", Fail(&["104 allocations were made, expected at most 100", "[u8]  100 blocks allocated", "tests/fixtures/spending.rs:@wasted", "fixtures::Session  1 block allocated", "1 still lives when the body has ended", "static outcomes::fixtures::spending::POOL"])),
    ("spending::allocates_too_often_in_tasks", Fail(&["102 allocations were made, expected at most 100", "tests/fixtures/spending.rs:@wasted"])),
    ("spending::allocates_too_often_in_a_case::case_1", Fail(&["allocations were made, expected at most 100", "usize  100 blocks allocated"])),
    ("spending::allocates_too_often_and_panics", Fail(&["allocations were made, expected at most 100", "[u8]  100 blocks allocated"])),
    ("spending::allocates_nothing", Pass),
    ("spending::allocates_nothing_several_times", Pass),
    ("spending::allocates_nothing_beside_workers", Pass),
    ("spending::allocates_nothing_beside_tokios_own_workers", Pass),
    ("spending::asks_memleak_about_much", Pass),
    ("spending::makes_as_many_sessions_as_it_may", Pass),
    ("spending::makes_too_many_sessions", Fail(&["3 `Session` were allocated, expected at most 2", "10 `Token` were allocated, expected at most 9", "tests/fixtures/spending.rs:@third", "[outcomes::fixtures::Token]  1 block allocated", "with room for 10 `Token`", "tests/fixtures/spending.rs:@tokens"])),
    ("spending::makes_too_many_sessions_in_collections", Fail(&["40 `Session` were allocated, expected at most 39", "with room for 10 `Session`"])),
    ("spending::makes_many_sessions_in_a_table", Fail(&["`Session` were allocated, expected at most 3", "hash table of (u64, outcomes::fixtures::Session)"])),
    ("spending::limits_a_type_that_is_not_there", Fail(&["Sesion", "Session"])),
    ("spending::a_peak_that_is_gone_at_the_end", Fail(&["live bytes went up to 204960 (200.1 KiB), expected at most 102400 (100.0 KiB)", "[u8; 10240]  10 blocks live when the limit was crossed, 100.0 KiB, 10.0 KiB each", "tests/fixtures/spending.rs:@page"])),
    ("spending::a_peak_below_its_limit", Pass),
    ("spending::a_peak_in_tasks", Fail(&["live bytes went up to 2", "blocks live when the limit was crossed", "tests/fixtures/spending.rs:@kept", "1 still lives", "KEPT"])),
    ("spending::tasks_on_the_bodys_thread_spend_too_much", Fail(&["live bytes went up to 10", "bytes were allocated, expected at most 65536 (64.0 KiB)", "[u8]  10 blocks allocated, 100.0 KiB", "tests/fixtures/spending.rs:@page_of_a_task"])),
    ("spending::all_limits_are_told", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "live bytes went up to", "allocations were made, expected at most 1", "1 `Session` was allocated, expected at most 0"])),

    // Names.
    ("names::resolved_by_the_compiler", Fail(&["1 live `outcomes::fixtures::names::tcp::Link`, expected 0"])),
    ("names::by_module", Fail(&["1 live `outcomes::fixtures::names::udp::Link`, expected 0"])),
    ("names::by_generics", Fail(&["outcomes::fixtures::names::Wrapper<outcomes::fixtures::names::tcp::Link>"])),
    ("names::generics_that_do_not_match", Pass),
    ("names::by_variant", Fail(&["1 live", "Conn::Open"])),
    ("names::by_trait", Fail(&["1 live `outcomes::fixtures::names::Bot`, expected 0", "1 live `outcomes::fixtures::names::tcp::Link`, expected 0"])),
    ("names::of_a_type_without_size", Fail(&["1 live `outcomes::fixtures::names::Nothing`, expected 0"])),
    ("names::of_a_type_inside_the_test", Fail(&["1 live `outcomes::fixtures::names::of_a_type_inside_the_test::Inner`, expected 0", "static outcomes::fixtures::names::of_a_type_inside_the_test::ALL"])),
    ("names::misspelt_in_an_ignore", Fail(&["can match nothing: no type in this test binary is called `Sesion`", "nearest  outcomes::fixtures::Session", "can match nothing: no function in this binary is called `Session::conect`", "outcomes::fixtures::Session::connect", "can match nothing: nothing in this binary that could hold others is called `REGISTERY`"])),
    ("names::misspelt_in_an_ignore_beside_a_leak", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "`ignore(held_by = \"REGISTRY.sesions\", …)` can match nothing"])),
    ("names::not_needed_in_an_ignore", PassSaying(&["`ignore(type = \"fixtures::Session\", function = \"Session::connect\", …)` matched nothing: leave it out"])),
    ("names::of_a_pointer", Fail(&["`Box<Session>` is not a type whose values memleak can count", "write    Session"])),
    ("names::by_variant_without_data", Fail(&["2 live `outcomes::fixtures::names::Level::High`, expected 0"])),
    ("names::misspelt", Fail(&["no type", "Sesion", "Session"])),
    ("names::one_right_one_misspelt", Fail(&["no type", "Sesion"])),

    // Leaks that are known.
    ("known::held_by_a_static", PassSaying(&["ignored 3 leaks", "bytes: cached for the next user"])),
    ("known::and_one_is_held_by_another", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", "static outcomes::fixtures::known::REGISTRY", "Ignored 3 leaks", "cached for the next user"])),
    ("known::held_by_a_field_and_not_by_the_other", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", ".recent", "Ignored 1 leak"])),
    ("known::held_by_fields_of_types", PassSaying(&["bytes: the field of a type", "bytes: the field of any type"])),
    ("known::all_parts_have_to_match", Fail(&["1 live `outcomes::fixtures::Session`, expected 0", ".recent", "`ignore(type = \"Token\", held_by = \"CACHE\", …)` matched nothing: leave it out", "Ignored 1 leak, 32 bytes: both"])),
    ("known::held_by_a_task_a_thread_local_and_a_thread", PassSaying(&["bytes: beats for ever", "bytes: one for each thread", "bytes: serves for ever"])),
    ("known::unreachable_and_held_by_itself", PassSaying(&["ignored 1 leak", "a ring that is meant to be one"])),
    ("known::not_needed", PassSaying(&["`ignore(held_by = \"REGISTRY\", …)` matched nothing: leave it out"])),

    // The body's own fate comes first.
    ("body::panics", Fail(&["the body gave up", "fixtures/body.rs:"])),
    ("body::returns_an_error", Fail(&["the body returned this"])),
    ("body::exits", Fail(&["no verdict: ", "exit"])),
    ("body::hangs", Fail(&["no verdict: ", "1s"])),
    ("body::should_have_panicked", Fail(&["panic"])),
    ("body::forks", Pass),
    ("body::closes_every_descriptor", Fail(&["no verdict: ", "a body must not close descriptors that it has not opened"])),
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
    let missing = |words: &[&str]| {
        let missing = words.iter().map(|word| with_line(word)).find(|word| !text.contains(word));
        missing.map(|word| format!("does not say `{word}`"))
    };
    // What a passing test says past the capture of its output.
    let said: Vec<&str> =
        text.lines().filter(|line| line.contains("possibly live") || line.contains("killed now")).collect();
    let problem = match due {
        _ if !ran => Some("did not run".to_owned()),
        Pass | PassSaying(_) if !output.status.success() => Some("fails".to_owned()),
        Pass => said.first().map(|note| format!("says `{note}`")),
        PassSaying(words) => missing(words),
        Fail(_) if output.status.success() => Some("passes".to_owned()),
        // A process that crashed in the end is not what is due, whatever it said before.
        Fail(words) if text.contains("no verdict: ") && !words.contains(&"no verdict: ") => {
            Some("has no verdict".to_owned())
        }
        Fail(words) => missing(words),
    };
    problem.map(|problem| format!("{name} {problem}:\n{}", text.trim()))
}

/// As in a debugger: in the process of the test harness.
#[test]
fn in_place_a_test_is_judged_as_well() {
    for (name, passes, words) in
        [("leaked::cycle_of_one", false, "1 unreachable cycle"), ("clean::dropped_at_once", true, "1 passed")]
    {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--include-ignored", &format!("fixtures::{name}")])
            .env("MEMLEAK_IN_PLACE", "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), passes, "{text}");
        assert!(text.contains(words), "{text}");
    }
}

/// What a fixture says to a terminal, or to a file in place of its stdout, in an environment with this variable.
fn said_to_a_terminal(all: bool, variable: (&str, &str)) -> String {
    let (mut own, mut terminal) = (-1, -1);
    // SAFETY: both places are there for the answer, and the rest may be null.
    let made = unsafe {
        libc::openpty(&raw mut own, &raw mut terminal, std::ptr::null_mut(), std::ptr::null(), std::ptr::null())
    };
    assert_eq!(made, 0);
    // SAFETY: `openpty` has just opened them for us.
    let (mut own, terminal) = unsafe { (File::from_raw_fd(own), OwnedFd::from_raw_fd(terminal)) };
    let out = if all { Stdio::from(terminal.try_clone().unwrap()) } else { Stdio::piped() };
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--include-ignored", "--nocapture", "--color", "never", "fixtures::leaked::cycle_of_one"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env(variable.0, variable.1)
        .stdout(out)
        .stderr(terminal)
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    // It ends with an error when nobody has the terminal any more.
    let _ = own.read_to_end(&mut said);
    child.wait_with_output().unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn only_a_terminal_gets_colours() {
    let words = "1 unreachable cycle";
    let coloured = said_to_a_terminal(true, ("NO_COLOR", ""));
    assert!(coloured.contains(words) && coloured.contains("\x1b[1;31m"), "{coloured}");
    for (all, variable) in [(true, ("NO_COLOR", "1")), (true, ("TERM", "dumb")), (false, ("NO_COLOR", ""))] {
        let plain = said_to_a_terminal(all, variable);
        assert!(plain.contains(words) && !plain.contains('\x1b'), "{variable:?}: {plain}");
    }
}

/// Puts the number of the line that is marked in place of the mark.
fn with_line(word: &str) -> String {
    let Some((before, mark)) = word.split_once(":@") else { return word.to_owned() };
    let file = before.rsplit(' ').next().unwrap();
    let source = std::fs::read_to_string(file).unwrap();
    let mark = format!("// @ {mark}");
    let line = source.lines().position(|line| line.ends_with(&mark));
    format!("{before}:{}", line.unwrap_or_else(|| panic!("no line of {file} ends with `{mark}`")) + 1)
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
