//! Every shape of function and every argument.

#![deny(clippy::absolute_paths)]

use memleak::leak_test;
use std::error::Error;
use std::future::ready;
use std::mem::forget;
use std::process::{ExitCode, Termination, abort};
use std::time::Duration;
use tokio::time::sleep;

struct Session {
    name: String,
}

impl Session {
    fn log_on() -> Self {
        Self { name: "anna".to_owned() }
    }

    async fn log_off(self) -> usize {
        ready(self.name.len()).await
    }
}

mod chat {
    pub(super) struct Link<T>(pub(super) T);

    pub(super) trait Chat {
        fn send(&self) -> usize;
    }

    impl Chat for super::Session {
        fn send(&self) -> usize {
            self.name.len()
        }
    }
}

use chat::Chat;

#[leak_test]
fn bare() {
    assert_eq!(Session::log_on().name, "anna");
}

#[memleak::test]
async fn bare_and_async() {
    assert_eq!(Session::log_on().log_off().await, 4);
}

#[leak_test(
    expect_zero = Session,
    unreachable = "allow",
    ignore(type = "Link<_>", function = "shapes::**", reason = "one of each"),
    ignore(function = "known_leaks", reason = "and another",),
)]
fn known_leaks() {
    forget(Box::new(chat::Link(5)));
}

#[leak_test(expect_zero = "Session")]
fn sync() {
    assert_eq!(Session::log_on().name, "anna");
}

#[leak_test(expect_zero = Session)]
async fn asynchronous() {
    assert_eq!(Session::log_on().log_off().await, 4);
}

#[memleak::test(expect_zero = ["Session", chat::Link<Session>, dyn Chat, "dyn Chat"])]
async fn a_list() {
    let link = chat::Link(Session::log_on());
    let chat: Box<dyn Chat> = Box::new(link.0);
    assert_eq!(chat.send(), 4);
}

#[leak_test(expect_at_most("Session" = 3, chat::Link<Session> = 1, dyn Chat = 3), unreachable = "allow")]
async fn a_number() {
    let kept: Box<dyn Chat> = Box::new(chat::Link(Session::log_on()).0);
    assert_eq!(Box::leak(kept).send(), 4);
}

#[leak_test(expect_zero = "Session", settle = "500ms", timeout = "2m", unsupported = "fail")]
async fn times() -> Result<(), Box<dyn Error>> {
    Session::log_on().log_off().await;
    Ok(())
}

#[leak_test(expect_zero = Session, flavor = "multi_thread", worker_threads = 2)]
async fn many_threads() {
    assert_eq!(tokio::spawn(async { Session::log_on().log_off().await }).await.ok(), Some(4));
}

#[leak_test(expect_zero = Session, flavor = "current_thread", start_paused = true)]
async fn a_paused_clock() {
    sleep(Duration::from_secs(100)).await;
}

#[leak_test(expect_zero = Session)]
async fn nothing() {}

#[leak_test(expect_zero = Session)]
fn a_result() -> Result<(), Box<dyn Error>> {
    let number: u8 = "4".parse()?;
    assert_eq!(usize::from(number), Session::log_on().name.len());
    Ok(())
}

#[leak_test(expect_zero = Session)]
fn an_opaque_result() -> impl Termination {
    drop(Session::log_on());
    ExitCode::SUCCESS
}

#[leak_test(expect_zero = Session)]
async fn an_opaque_result_later() -> impl Termination {
    Session::log_on().log_off().await;
    ExitCode::SUCCESS
}

#[leak_test(expect_zero = Session)]
#[should_panic]
fn a_panic() {
    drop(Session::log_on());
    panic!("as planned");
}

#[leak_test(expect_zero = Session)]
#[should_panic(expected = "as planned")]
async fn a_panic_with_a_text() -> ! {
    Session::log_on().log_off().await;
    panic!("as planned, and more");
}

/// Documented.
#[leak_test(expect_zero = Session)]
#[ignore = "never run"]
#[cfg_attr(all(), should_panic = "never run")]
fn ignored() {
    abort();
}

#[leak_test(expect_zero = Session)]
#[test]
fn with_a_test_attribute() {
    drop(Session::log_on());
}

#[leak_test(expect_zero = Session)]
#[expect(unused_variables, non_snake_case)]
fn with_a_Lint() {
    let unused = Session::log_on();
}

#[leak_test(expect_zero = Session)]
fn with_an_inner_attribute() {
    #![expect(clippy::let_unit_value)]
    let _unit = drop(Session::log_on());
}

#[leak_test(expect_zero = Session)]
#[cfg(not(test))]
fn configured_out() {
    does_not_exist();
}

#[leak_test(expect_zero = Session)]
fn r#match() {
    drop(Session::log_on());
}

/// A name of the expansion, used by the body.
const CASE: usize = 4;

#[leak_test(expect_zero = Session)]
fn case() {
    assert_eq!(Session::log_on().name.len(), CASE);
}

mod inside {
    use super::Session;

    #[memleak::leak_test(expect_zero = [super::chat::Link<Session>, Session])]
    pub(super) fn a_module() {
        drop(Session::log_on());
    }
}
