use memleak::leak_test;

#[leak_test(expect_zero = "Session", start_paused = true)]
async fn test() {}
