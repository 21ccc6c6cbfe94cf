//! Names of the prelude, and of the standard library's crates, mean something else here.

#![expect(dead_code, unused_macros, non_camel_case_types, reason = "they are here to be in the way")]

struct Option;
struct Some;
struct None;
struct Result;
struct Ok;
struct String;
struct Vec;
struct Box;
struct Duration;
struct str;
struct u64;
struct usize;

mod core {}
mod std {}
mod alloc {}
mod tokio {}
mod memleak {}

trait Into {}
trait Iterator {}
trait Future {
    fn poll(&self) -> u8;
}
impl Future for Some {
    fn poll(&self) -> u8 {
        4
    }
}
trait PausedClock {}

macro_rules! concat {
    ($($tokens:tt)*) => {
        compile_error!("the user's")
    };
}
macro_rules! stringify {
    ($($tokens:tt)*) => {
        compile_error!("the user's")
    };
}
macro_rules! module_path {
    () => {
        compile_error!("the user's")
    };
}

const fn run() {}
const fn run_async() {}
const fn case() {}

#[::memleak::leak_test(expect_zero = [Option, "Result"], expect_at_most(String = 1), settle = "1s", timeout = "1m")]
fn sync() {
    run();
    run_async();
    case();
}

#[::memleak::test(expect_zero = dyn Future, start_paused = true)]
async fn asynchronous() {
    let future: ::std::boxed::Box<dyn Future> = ::std::boxed::Box::new(Some);
    assert_eq!(future.poll(), 4);
}

#[::memleak::test(expect_zero = Vec, flavor = "multi_thread", worker_threads = 1, unsupported = "fail")]
#[should_panic(expected = "planned")]
async fn panics() {
    panic!("planned");
}
