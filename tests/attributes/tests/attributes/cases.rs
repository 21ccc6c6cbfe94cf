//! `#[rstest]`, above and below, with cases, fixtures and values; `#[test_case]`.

use memleak::leak_test;
use memleak_attributes::Session;
use rstest::{fixture, rstest};
use std::future::pending;
use std::sync::Arc;
use test_case::test_case;

#[fixture]
fn session() -> Arc<Session> {
    Session::connect()
}

fn hold_for_ever(session: Arc<Session>) {
    tokio::spawn(async move {
        pending::<()>().await;
        drop(session);
    });
}

#[rstest]
#[case(1)]
#[case::two(2)]
#[leak_test(expect_zero = Session)]
#[tokio::test]
async fn above(#[case] number: u8, session: Arc<Session>) {
    assert_eq!((number > 0, session.user()), (true, "ada"));
}

#[rstest]
#[case(1)]
#[leak_test(expect_zero = Session)]
#[tokio::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn above_leaks(#[case] number: u8, session: Arc<Session>) {
    assert!(number > 0);
    hold_for_ever(session);
}

#[leak_test(expect_zero = Session)]
#[rstest]
#[case(1)]
#[case::two(2)]
#[tokio::test]
async fn below(#[case] number: u8, #[values("ada", "eve")] user: &str, session: Arc<Session>) {
    assert_eq!((number > 0, session.user() == user), (true, user == "ada"));
}

#[leak_test(expect_zero = Session)]
#[rstest]
#[case(1)]
#[tokio::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn below_leaks(#[case] number: u8, #[values("ada", "eve")] user: &str, session: Arc<Session>) {
    assert!(number > 0 && !user.is_empty());
    hold_for_ever(session);
}

#[leak_test(expect_zero = Session)]
#[rstest]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn not_async(#[values(1, 2)] number: u8) {
    assert!(number > 0);
    Session::connect_for_ever();
}

#[leak_test(expect_zero = Session)]
#[test_case(1)]
#[test_case(2 ; "two")]
fn test_case_below(number: u8) {
    assert!(number > 0);
}

#[leak_test(expect_zero = Session)]
#[test_case(1 => 2)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn test_case_below_leaks(number: u8) -> u8 {
    Session::connect_for_ever();
    number + 1
}

#[test_case(1)]
#[leak_test(expect_zero = Session)]
#[ignore = "leaks: run by `what_leaks_fails`"]
fn test_case_above_leaks(number: u8) {
    assert!(number > 0);
    Session::connect_for_ever();
}

#[leak_test(expect_zero = Session)]
#[test_case(1)]
#[tokio::test]
async fn test_case_async(number: u8) {
    assert!(number > 0);
}

#[leak_test(expect_zero = Session)]
#[test_case(1)]
#[tokio::test]
#[ignore = "leaks: run by `what_leaks_fails`"]
async fn test_case_async_leaks(number: u8) {
    assert!(number > 0);
    hold_for_ever(Session::connect());
}
