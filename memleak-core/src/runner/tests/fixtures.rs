//! The programs: each `#[ignore]`d test is a leak test over a made-up judge, which counts [`Probe`]s.

use super::super::course::Test;
use super::super::inside::{self, Returns};
use super::super::judge::{Conclusion, Judge, Judgement, Seen};
use super::super::{Case, Flavor, RuntimeOptions, ShouldPanic, Turn, Unsupported, async_test, start};
use crate::check::checker::Checkpoint;
use crate::check::verdict::Ended;
use crate::check::{Limits, Possibly, Rounds, Unreachable};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::panic::Location;
use std::process::{self, Command, Termination};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// What the made-up judge counts.
struct Probe(());

impl Probe {
    fn new() -> Self {
        LIVE.fetch_add(1, Ordering::SeqCst);
        Probe(())
    }

    /// Never dropped.
    fn forgotten() {
        std::mem::forget(Probe::new());
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What was alive at the last look of each checkpoint.
#[derive(Default)]
struct Probes {
    body_ended: AtomicUsize,
    afterwards: AtomicUsize,
}

impl Judge for Probes {
    fn body_begins(&self) {
        assert_eq!(LIVE.load(Ordering::SeqCst), 0);
    }

    fn round(&self, _round: u32) -> Seen {
        Seen::Settled
    }

    fn look(&self, checkpoint: Checkpoint) -> Seen {
        let live = LIVE.load(Ordering::SeqCst);
        let place = match checkpoint {
            Checkpoint::BodyEnded => &self.body_ended,
            Checkpoint::Afterwards => &self.afterwards,
        };
        place.store(live, Ordering::SeqCst);
        if live > 0 { Seen::Unsettled } else { Seen::Settled }
    }

    fn explain(&self, checkpoint: Checkpoint) -> Seen {
        self.look(checkpoint)
    }

    fn conclude(&self, settled: Duration, ended: Ended) -> Conclusion {
        let end = match ended {
            Ended::Runtime => "the runtime",
            Ended::Thread => "the thread",
        };
        let judgement = match (self.body_ended.load(Ordering::SeqCst), self.afterwards.load(Ordering::SeqCst)) {
            (0, 0) => Judgement::Clean(Vec::new()),
            (0, more) => Judgement::Unclean(format!("{more} live after {end}")),
            (live, 0) => Judgement::Unclean(format!("{live} live after {settled:?}, none after {end}")),
            (live, more) => Judgement::Unclean(format!("{live} live after {settled:?}, {more} after {end}")),
        };
        judgement.into()
    }
}

/// Says the same whatever the heap.
struct Says(Judgement);

impl Judge for Says {
    fn body_begins(&self) {}
    fn round(&self, _round: u32) -> Seen {
        Seen::Settled
    }

    fn look(&self, _checkpoint: Checkpoint) -> Seen {
        Seen::Settled
    }
    fn explain(&self, _checkpoint: Checkpoint) -> Seen {
        Seen::Settled
    }
    fn conclude(&self, _settled: Duration, _ended: Ended) -> Conclusion {
        self.0.clone().into()
    }
}

const fn case(path: &'static str) -> Case {
    Case {
        path,
        expectations: &[],
        unreachable: Unreachable::Allow,
        possibly: Possibly::Show,
        limits: Limits::NONE,
        rounds: Rounds::ONE,
        ignores: &[],
        settle: None,
        timeout: Some(Duration::from_secs(20)),
        unsupported: Unsupported::Fail,
        should_panic: ShouldPanic::No,
        runtime: RuntimeOptions::new(Flavor::CurrentThread, None),
        turn: Turn::None,
    }
}

/// `fixture!(name, { fields of Case }, body)`, with `judge: …` before the body if it is not the count of probes.
macro_rules! fixture {
    ($name:ident, { $($field:ident: $value:expr),* }, judge: $judge:expr, $body:expr) => {
        #[test]
        #[ignore = "a program for the tests beside it"]
        fn $name() {
            static CASE: Case =
                Case { $($field: $value,)* ..case(concat!(module_path!(), "::", stringify!($name))) };
            start(&CASE, Location::caller(), $body(&CASE), $judge);
        }
    };
    ($name:ident, { $($fields:tt)* }, $body:expr) => {
        fixture!($name, { $($fields)* }, judge: |_, _| Probes::default(), $body);
    };
    ($name:ident, $body:expr) => {
        fixture!($name, {}, $body);
    };
}

fn plain<T: Termination + 'static>(body: fn() -> T) -> impl FnOnce(&'static Case) -> Test {
    move |case| Box::new(move || inside::run(case.path, Returns::REPORTED, body, None))
}

fn async_body<T, F>(body: fn() -> F) -> impl FnOnce(&'static Case) -> Test
where
    T: Termination + 'static,
    F: Future<Output = T> + 'static,
{
    move |case| async_test(case, body)
}

fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if frame[0] == u64::MAX { 0 } else { overflow(depth + 1) + frame[0] }
}

fixture!(passes, plain(|| drop(Probe::new())));
fixture!(
    passes_and_prints,
    plain(|| {
        println!("to stdout");
        eprintln!("to stderr");
    })
);
fixture!(
    leaves_one,
    plain(|| {
        println!("before");
        Probe::forgotten();
    })
);
fixture!(passes_with_a_note, {}, judge: |_, _| Says(Judgement::Clean(vec!["one leak is known".to_owned()])), plain(|| ()));
fixture!(could_not_tell, {}, judge: |_, _| Says(Judgement::CouldNotTell("no such type".to_owned())), plain(|| ()));
fixture!(unsupported, {}, judge: |_, _| Says(Judgement::Unsupported("no stacks\n  help: none".to_owned())), plain(|| ()));
fixture!(skips, { unsupported: Unsupported::Skip },
    judge: |_, _| Says(Judgement::Unsupported("no stacks\n  help: none".to_owned())), plain(|| ()));
fixture!(skips_and_panics, { unsupported: Unsupported::Skip },
    judge: |_, _| Says(Judgement::Unsupported("no stacks\n  help: none".to_owned())), plain(|| panic!("still counts")));

fixture!(
    panics_and_leaves_one,
    plain(|| {
        Probe::forgotten();
        panic!("the reason");
    })
);
fixture!(panics_silently, plain(|| std::panic::resume_unwind(Box::new(()))));
fixture!(panics_as_it_should, { should_panic: ShouldPanic::Yes }, plain(|| panic!("due")));
fixture!(panics_as_it_should_and_leaves_one, { should_panic: ShouldPanic::Yes }, plain(|| {
    Probe::forgotten();
    panic!("due");
}));
fixture!(panics_with_a_probe, { should_panic: ShouldPanic::Yes }, plain(|| {
    std::panic::panic_any(Probe::new());
}));
fixture!(panics_with_the_text, { should_panic: ShouldPanic::Expected("du") }, plain(|| panic!("{}", "due")));
fixture!(panics_with_another_text, { should_panic: ShouldPanic::Expected("due") }, plain(|| panic!("other")));
fixture!(panics_with_no_text, { should_panic: ShouldPanic::Expected("due") }, plain(|| std::panic::panic_any(7)));
fixture!(does_not_panic, { should_panic: ShouldPanic::Expected("due") }, plain(|| ()));
fixture!(returns_ok, plain(|| Ok::<(), String>(())));
fixture!(
    returns_err,
    plain(|| {
        Probe::forgotten();
        Err::<(), _>("refused")
    })
);
fixture!(returns_a_code, plain(|| process::ExitCode::from(7)));

fixture!(exits_with_0, plain(|| process::exit(0)));
fixture!(exits_with_3, plain(|| process::exit(3)));
fixture!(aborts, plain(|| process::abort()));
fixture!(
    kills_itself,
    plain(|| {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        thread::sleep(Duration::from_secs(10));
    })
);
fixture!(overflows_the_stack, plain(|| println!("{}", overflow(0))));
fixture!(
    replaces_itself,
    plain(|| -> () {
        panic!("{}", Command::new("true").exec());
    })
);
fixture!(hangs, { timeout: Some(Duration::from_secs(1)) }, plain(|| {
    println!("so far");
    thread::sleep(Duration::from_secs(100));
}));
fixture!(
    needs_a_large_stack,
    plain(|| {
        fn down(depth: usize) -> u8 {
            let frame = std::hint::black_box([1_u8; 1 << 16]);
            if depth == 0 { frame[0] } else { down(depth - 1).max(frame[1]) }
        }
        assert_eq!(down(60), 1);
    })
);
fixture!(hangs_in_settle, { timeout: Some(Duration::from_secs(1)), settle: Some(Duration::from_secs(100)) },
    plain(Probe::forgotten));

fixture!(
    prints_megabytes,
    plain(|| {
        for number in 0..20_000 {
            println!("{number:0100}");
            eprintln!("{number:0100}");
        }
    })
);
fixture!(
    prints_more_than_is_read_before_it_ends,
    plain(|| {
        for _ in 0..120 {
            println!("{:01000}", 7);
        }
    })
);
fixture!(
    prints_bytes,
    plain(|| {
        let _ = io::stdout().write_all(b"caf\xc3\xa9 \xff\xfe half \xe2\x98");
    })
);
fixture!(
    redirects_its_output,
    plain(|| {
        let null = std::fs::File::options().write(true).open("/dev/null").expect("/dev/null opens");
        rustix::stdio::dup2_stdout(&null).expect("stdout can be redirected");
        rustix::stdio::dup2_stderr(&null).expect("stderr can be redirected");
        println!("lost");
        std::env::set_current_dir("/").expect("/ is there");
        Probe::forgotten();
    })
);
fixture!(
    reads_stdin,
    plain(|| {
        let read = io::read_to_string(io::stdin()).expect("stdin can be read");
        println!("stdin: {read:?}");
    })
);
fixture!(
    writes_to_every_descriptor_it_may_know,
    plain(|| {
        let mut child = Command::new("sh")
            .args(["-c", "for i in 3 4 5 6 7 8 9; do echo x >&$i; done 2>/dev/null"])
            .spawn()
            .expect("sh is there");
        child.wait().expect("sh ends");
        Probe::forgotten();
    })
);

/// Starts a process that lives so many seconds, and tells it.
#[allow(clippy::zombie_processes, reason = "what becomes of it is what the tests are about")]
fn leave(seconds: &str) {
    let child = Command::new("sleep").arg(seconds).spawn().expect("sleep is there");
    println!("process {} child", child.id());
}

/// Starts a process, one that is orphaned at once, and a daemon, and tells all of them and itself.
fn starts_processes() {
    println!("process {} child", process::id());
    leave("300");
    let script = "sleep 300 & echo process $! orphan; setsid sleep 300 & echo process $! daemon";
    let mut shell = Command::new("sh").args(["-c", script]).spawn().expect("sh is there");
    shell.wait().expect("sh ends");
    // `setsid` has made its session by then.
    thread::sleep(Duration::from_millis(50));
}

fixture!(leaves_processes, plain(starts_processes));
fixture!(
    leaves_processes_and_aborts,
    plain(|| {
        starts_processes();
        process::abort();
    })
);
fixture!(leaves_processes_and_hangs, { timeout: Some(Duration::from_secs(1)) }, plain(|| {
    starts_processes();
    thread::sleep(Duration::from_secs(100));
}));
fixture!(
    leaves_processes_and_waits,
    plain(|| {
        starts_processes();
        println!("ready");
        thread::sleep(Duration::from_secs(100));
    })
);
fixture!(leaves_a_process_that_ends_soon, plain(|| leave("0.03")));
fixture!(tells_its_process, plain(|| println!("process {} itself", process::id())));
fixture!(tells_its_surroundings, plain(tells_surroundings));

/// The same as a plain test.
#[test]
#[ignore = "a program for the tests beside it"]
fn plain_test_tells_its_surroundings() {
    tells_surroundings();
}

fn tells_surroundings() {
    let mut variables: Vec<_> = std::env::vars_os().collect();
    variables.sort();
    println!("{variables:?}");
    println!("{:?} {:?}", std::env::current_dir(), std::env::current_exe());
    println!("{:?}", std::fs::read_to_string("/proc/self/comm"));
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
    let group_and_session: Vec<&str> = fields.split_ascii_whitespace().skip(2).take(2).collect();
    println!("{group_and_session:?}");
}

fixture!(calls_a_leak_test, plain(passes));
fixture!(calls_itself, plain(calls_itself));
fixture!(
    starts_leak_tests,
    plain(|| {
        for name in ["passes", "leaves_one"] {
            let ended = Command::new(std::env::current_exe().expect("there is one"))
                .args(["--exact", &super::full_name(name), "--include-ignored"])
                .stdout(process::Stdio::null())
                .status()
                .expect("the test binary runs");
            println!("{name}: {ended}");
        }
    })
);
#[test]
#[ignore = "a program for the tests beside it"]
fn runs_under_a_name_that_is_no_test() {
    static CASE: Case = case("krate::nowhere::not_a_test");
    start(&CASE, Location::caller(), plain(|| ())(&CASE), |_, _| Probes::default());
}
#[test]
#[ignore = "a program for the tests beside it"]
fn runs_on_a_thread_of_the_users() {
    thread::Builder::new()
        .name("users".to_owned())
        .spawn(|| {
            static CASE: Case = case(concat!(module_path!(), "::runs_on_a_thread_of_the_users"));
            start(&CASE, Location::caller(), plain(Probe::forgotten)(&CASE), |_, _| Probes::default());
        })
        .expect("a thread starts")
        .join()
        .expect_err("the test fails");
    panic!("and so does the thread that waits for it");
}

fixture!(
    has_a_thread_that_ends_the_process,
    plain(|| {
        Probe::forgotten();
        thread::spawn(|| {
            thread::sleep(Duration::from_millis(50));
            process::exit(0);
        });
    })
);
fixture!(
    has_a_thread_that_ends_soon,
    plain(|| {
        let probe = Probe::new();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            drop(probe);
        });
    })
);
fixture!(
    has_a_thread_that_never_ends,
    plain(|| {
        let probe = Probe::new();
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(100));
            drop(probe);
        });
    })
);
fixture!(
    has_a_thread_local,
    plain(|| {
        thread_local!(static KEPT: std::cell::RefCell<Option<Probe>> = const { std::cell::RefCell::new(None) });
        KEPT.set(Some(Probe::new()));
    })
);
fixture!(tells_its_thread, plain(|| println!("{:?}", thread::current().name())));

fixture!(
    awaits,
    async_body(|| async {
        let probe = Probe::new();
        let (wake, woken) = std::sync::mpsc::channel();
        let mut first = true;
        std::future::poll_fn(move |context| {
            if !std::mem::take(&mut first) {
                return std::task::Poll::Ready(());
            }
            let waker = context.waker().clone();
            let wake = wake.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(10));
                waker.wake();
                wake.send(()).expect("the body waits");
            });
            std::task::Poll::Pending
        })
        .await;
        woken.recv().expect("the thread sent");
        drop(probe);
    })
);
fixture!(awaits_and_leaves_one, async_body(|| async { Probe::forgotten() }));
fixture!(awaits_and_returns_err, async_body(|| async { Err::<(), _>("refused") }));
fixture!(awaits_and_panics, async_body(|| async { panic!("the reason") }));

#[cfg(feature = "tokio")]
mod on_tokio {
    use super::super::super::settle::DEFAULT_SETTLE;
    use super::*;
    use tokio::time::{Instant, sleep};

    const PAUSED: RuntimeOptions = RuntimeOptions::new(Flavor::CurrentThread, None).paused(
        |builder| {
            builder.start_paused(true);
        },
        |time| Box::pin(sleep(time)),
    );
    const MULTI_THREAD: RuntimeOptions = RuntimeOptions::new(Flavor::MultiThread, Some(2));

    /// A task that holds a probe for a while.
    fn hold(time: Duration) {
        let probe = Probe::new();
        tokio::spawn(async move {
            sleep(time).await;
            drop(probe);
        });
    }

    fixture!(task_ends_soon, async_body(|| async { hold(Duration::from_millis(30)) }));
    fixture!(task_never_ends, async_body(|| async { hold(Duration::from_secs(100)) }));
    fixture!(multi_thread_task_ends_soon, { runtime: MULTI_THREAD }, async_body(|| async {
            // Two workers, or neither gets past the other.
            let meeting = std::sync::Arc::new(std::sync::Barrier::new(2));
            let other = std::sync::Arc::clone(&meeting);
            let one = tokio::spawn(async move { meeting.wait() });
            tokio::spawn(async move { other.wait() }).await.expect("no panic");
            one.await.expect("no panic");
        hold(Duration::from_millis(30));
    }));
    fixture!(multi_thread_task_never_ends, { runtime: MULTI_THREAD },
        async_body(|| async { hold(Duration::from_secs(100)) }));
    fixture!(paused_task_ends_soon, { runtime: PAUSED }, async_body(|| async {
        let begun = std::time::Instant::now();
        sleep(Duration::from_secs(3600)).await;
        assert!(begun.elapsed() < Duration::from_secs(60));
        hold(DEFAULT_SETTLE / 2);
    }));
    fixture!(paused_task_ends_late, { runtime: PAUSED }, async_body(|| async { hold(DEFAULT_SETTLE * 3) }));
    fixture!(paused_clock_does_not_run_away, { runtime: PAUSED }, async_body(|| async {
        Probe::forgotten();
        let begun = Instant::now();
        tokio::spawn(async move {
            let _told = Told(begun);
            loop {
                sleep(Duration::from_millis(1)).await;
            }
        });
    }));
    fixture!(
        clock_paused_by_the_body_stands_still,
        async_body(|| async {
            Probe::forgotten();
            tokio::time::pause();
            let begun = Instant::now();
            tokio::spawn(async move {
                let _told = Told(begun);
                loop {
                    sleep(Duration::from_millis(1)).await;
                }
            });
        })
    );
    fixture!(paused_thread_ends_soon, { runtime: PAUSED }, async_body(|| async {
        let probe = Probe::new();
        let (done, wait) = tokio::sync::oneshot::channel();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            done.send(()).expect("the task waits");
        });
        tokio::spawn(async move {
            wait.await.expect("the thread sends");
            drop(probe);
        });
    }));
    fixture!(paused_blocking_task_never_ends, { runtime: PAUSED }, async_body(|| async {
        tokio::task::spawn_blocking(|| thread::sleep(Duration::from_secs(100)));
        hold(Duration::from_millis(1));
    }));
    fixture!(
        blocking_task_never_ends,
        async_body(|| async {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::from_secs(100)));
        })
    );
    fixture!(
        blocking_task_never_ends_and_body_panics,
        async_body(|| async {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::from_secs(100)));
            panic!("the reason");
        })
    );
    fixture!(task_never_yields, { runtime: MULTI_THREAD }, async_body(|| async {
        tokio::spawn(async { thread::sleep(Duration::from_secs(100)) });
    }));
    fixture!(shutdown_hangs, { timeout: Some(Duration::from_secs(1)) }, async_body(|| async {
        struct Hangs;
        impl Drop for Hangs {
            fn drop(&mut self) {
                thread::sleep(Duration::from_secs(100));
            }
        }
        thread_local!(static KEPT: std::cell::RefCell<Option<Hangs>> = const { std::cell::RefCell::new(None) });
        KEPT.set(Some(Hangs));
    }));
    fixture!(
        shutdown_leaves_one,
        async_body(|| async {
            struct Leaves;
            impl Drop for Leaves {
                fn drop(&mut self) {
                    Probe::forgotten();
                }
            }
            let leaves = Leaves;
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(leaves);
            });
        })
    );
    fixture!(
        connection_closes_soon,
        async_body(|| async {
            use tokio::io::AsyncReadExt;
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
            let address = listener.local_addr().expect("it has one");
            tokio::spawn(async move {
                let (mut server, _) = listener.accept().await.expect("a client comes");
                let probe = Probe::new();
                let _ = server.read_to_end(&mut Vec::new()).await;
                drop(probe);
            });
            drop(tokio::net::TcpStream::connect(address).await.expect("the server accepts"));
        })
    );
    fixture!(
        driver_thread_is_the_bodys,
        async_body(|| async {
            thread_local!(static HERE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
            HERE.set(true);
            let probe = Probe::new();
            tokio::spawn(async move {
                sleep(Duration::from_millis(20)).await;
                assert!(HERE.get());
                drop(probe);
            });
        })
    );

    /// Prints how far the runtime's clock has gone when the runtime drops it.
    struct Told(Instant);

    impl Drop for Told {
        fn drop(&mut self) {
            println!("the clock went {:?}", self.0.elapsed());
        }
    }
}
