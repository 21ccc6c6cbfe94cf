use memleak::leak_test;

#[leak_test(expect_zero = "Session")]
#[should_panic(message = "planned")]
fn test() {}
