//! What a harness calls a test.

use std::thread;

/// The name of the test of `path` that runs on the current thread.
pub(super) fn of_test(path: &str) -> String {
    as_harness(thread::current().name(), path).to_owned()
}

/// What libtest calls the test: the name of the thread it runs a test on. `path` (crate, modules and function) tells whether this is that
/// thread, and stands in for it where it is not: a harness that uses the main thread, a thread of the user's own.
fn as_harness<'a>(thread: Option<&'a str>, path: &'a str) -> &'a str {
    let function = without_raw(path.rsplit("::").next().unwrap_or(path));
    match thread {
        Some(thread) if thread.split("::").any(|segment| without_raw(segment) == function) => thread,
        _ => path.split_once("::").map_or(path, |(_crate, rest)| rest),
    }
}

/// libtest writes `r#match`.
fn without_raw(name: &str) -> &str {
    name.trim_start_matches("r#")
}

#[cfg(test)]
mod tests {
    use super::as_harness;

    #[test]
    fn the_test_threads_name_counts_and_other_threads_do_not() {
        assert_eq!(as_harness(Some("a::works"), "krate::a::works"), "a::works");
        assert_eq!(as_harness(Some("a::works::case_1"), "krate::a::works"), "a::works::case_1");
        assert_eq!(as_harness(Some("a::r#match"), "krate::a::match"), "a::r#match");
        assert_eq!(as_harness(Some("main"), "krate::a::works"), "a::works");
        assert_eq!(as_harness(Some("tokio-runtime-worker"), "krate::works"), "works");
        assert_eq!(as_harness(None, "krate::a::works"), "a::works");
    }
}
