use memleak::leak_test;

#[leak_test(expect_zero = "Session", flavor = "multi_thread", worker_threads = 2)]
fn test() {}
