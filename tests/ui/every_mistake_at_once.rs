//! All mistakes are reported together, and nothing else is.

use memleak::leak_test;

// One report, and no error about what uses the function or is used by it.
fn used_by_the_test() {}

#[leak_test(expect_none = "Session", settle = 5, timeout = "1h", flavour = "multi_thread", unsupported = "ignore")]
#[should_panic(message = "x")]
async unsafe fn test<T>(argument: T) {
    used_by_the_test();
}

#[deny(dead_code)]
mod uses_the_test {
    pub async fn uses() {
        unsafe { super::test(1).await }
    }
}

#[test]
fn another() {
    drop(uses_the_test::uses());
}
