//! Beside the attributes of rstest and test-log.

use memleak::leak_test;
use rstest::{fixture, rstest};

struct Session(u8);

#[rstest]
#[case(1)]
#[case::two(2)]
#[leak_test(expect_zero = Session)]
fn cases(#[case] number: u8) {
    assert_eq!(Session(number).0, number);
}

#[rstest]
#[case(1)]
#[memleak::test(expect_zero = Session)]
async fn async_cases(#[case] number: u8) {
    assert_eq!(Session(std::future::ready(number).await).0, number);
}

#[fixture]
fn session() -> Session {
    Session(4)
}

#[rstest]
#[leak_test(expect_zero = Session)]
#[should_panic(expected = "as planned")]
fn a_fixture(session: Session) {
    assert_ne!(session.0, 4, "as planned");
}

#[rstest]
#[leak_test(expect_zero = Session)]
fn values(#[values(1, 2)] number: u8, #[values("a", "b")] text: &str) {
    assert!(number > 0 && text.len() == 1);
}

#[leak_test(expect_zero = Session)]
#[rstest]
fn rstest_below() {}

macro_rules! passes_attributes_on {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        fn $name() {}
    };
}

passes_attributes_on! {
    #[rstest]
    #[leak_test(expect_zero = Session)]
    rstest_above_in_a_macro
}

#[test_log::test]
#[leak_test(expect_zero = Session)]
fn test_log_above() {}

#[test_log::test]
#[leak_test(expect_zero = Session)]
async fn test_log_above_async() {}

#[test_log::test(memleak::test(expect_zero = Session))]
async fn test_log_around() {}

#[leak_test(expect_zero = Session)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokio_test_below() {
    assert_eq!(Session(std::future::ready(4).await).0, 4);
}

#[leak_test(expect_zero = Session)]
#[tokio::test(start_paused = true)]
#[should_panic(expected = "as planned")]
async fn tokio_test_below_a_panic() -> Result<(), std::fmt::Error> {
    tokio::time::sleep(std::time::Duration::from_secs(100)).await;
    panic!("as planned");
}

#[leak_test(expect_zero = Session)]
#[test_log::test(tokio::test)]
async fn test_log_below_async() -> Result<(), std::fmt::Error> {
    assert_eq!(Session(std::future::ready(4).await).0, 4);
    Ok(())
}

#[leak_test(expect_zero = Session)]
#[test_log::test]
fn test_log_below() {
    assert_eq!(Session(4).0, 4);
}

#[leak_test(expect_zero = Session)]
#[rstest]
#[case(1)]
#[case::two(2)]
#[tokio::test]
async fn cases_below(#[case] number: u8, #[values("a", "b")] mut text: &str) {
    text = text.trim();
    assert!(std::future::ready(number).await > 0 && text.len() == 1);
}
