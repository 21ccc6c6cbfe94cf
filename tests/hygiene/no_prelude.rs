//! Without a prelude.

#![no_implicit_prelude]

struct Session;

trait Chat {
    fn send(&self) -> u8;
}

impl Chat for Session {
    fn send(&self) -> u8 {
        4
    }
}

#[::memleak::leak_test(expect_zero = ["Session", Session], settle = "1s", timeout = "1m", unsupported = "fail")]
fn sync() {
    ::core::assert_eq!(::core::mem::size_of_val(&Session), 0);
}

#[::memleak::test(expect_at_most(Session = 1), expect_zero = dyn Chat, start_paused = true)]
async fn asynchronous() -> ::core::result::Result<(), ::std::boxed::Box<dyn ::std::error::Error>> {
    let chat: ::std::boxed::Box<dyn Chat> = ::std::boxed::Box::new(Session);
    ::core::assert_eq!(chat.send(), 4);
    ::core::result::Result::Ok(())
}
