//! The attribute where memleak is called `other`, and where it is reached through another module.

#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use other::leak_test;

mod reexported {
    pub(crate) use other as memleak;
}

struct Session(String);

#[leak_test(expect_zero = Session, crate = other)]
fn sync() {
    assert_eq!(Session(String::new()).0, "");
}

#[other::test(expect_zero = dyn Send, start_paused = true, crate = ::other)]
async fn asynchronous() {}

#[reexported::memleak::test(expect_zero = "Session", settle = "1s", timeout = "2s", crate = crate::reexported::memleak)]
async fn by_a_path() -> Result<(), String> {
    Ok(())
}
