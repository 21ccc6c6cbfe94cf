//! Who holds a value in a program on tokio, in words: tasks, stored futures, channels.

mod child;
mod held;

use child::tracked;
use held::expect;
use memleak_core::tracker::Allocator;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use tokio::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

struct Session {
    id: u64,
}

impl Session {
    fn new(id: u64) -> Arc<Session> {
        black_box(Arc::new(Session { id }))
    }
}

#[expect(dead_code, reason = "it only holds")]
struct Server {
    bounded: (mpsc::Sender<Arc<Session>>, Mutex<mpsc::Receiver<Arc<Session>>>),
    unbounded: (mpsc::UnboundedSender<Session>, Mutex<mpsc::UnboundedReceiver<Session>>),
    oneshot: (Option<oneshot::Sender<Session>>, oneshot::Receiver<Session>),
    watch: (watch::Sender<Arc<Session>>, watch::Receiver<Arc<Session>>),
    broadcast: (broadcast::Sender<Arc<Session>>, broadcast::Receiver<Arc<Session>>),
    mutex: Arc<Mutex<Vec<Session>>>,
    lock: RwLock<Option<Arc<Session>>>,
    stored: std::sync::Mutex<Pin<Box<dyn Future<Output = u64> + Send>>>,
    ended: JoinHandle<Arc<Session>>,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static NEVER: Notify = Notify::const_new();
static NO_PERMITS: Semaphore = Semaphore::const_new(0);

async fn heartbeat(session: Arc<Session>) -> u64 {
    NEVER.notified().await;
    session.id
}

async fn outer(id: u64) -> u64 {
    let name = String::from("of the outer");
    let inner = inner(Session::new(id)).await;
    inner + name.len() as u64
}

async fn inner(session: Arc<Session>) -> u64 {
    let mut list = vec![Session { id: session.id + 1 }];
    let permit = NO_PERMITS.acquire().await;
    list.push(Session { id: 0 });
    drop(permit);
    list.len() as u64 + session.id
}

async fn selecting(session: Session) -> u64 {
    tokio::select! {
        id = heartbeat(Session::new(26)) => id,
        () = NEVER.notified() => session.id,
    }
}

struct Polled {
    session: Arc<Session>,
}

impl Future for Polled {
    type Output = u64;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> std::task::Poll<u64> {
        black_box(self.session.id);
        std::task::Poll::Pending
    }
}

async fn fill() {
    tokio::spawn(heartbeat(Session::new(20)));
    tokio::spawn(outer(21));
    let captured = Session::new(23);
    tokio::spawn(async move {
        let local = Session::new(24);
        NEVER.notified().await;
        drop(captured);
        local.id
    });
    tokio::spawn(selecting(Session { id: 25 }));
    let boxed: Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(heartbeat(Session::new(27)));
    tokio::spawn(async move { boxed.await + 1 });
    tokio::spawn(Polled { session: Session::new(28) });
    let bounded = mpsc::channel(40);
    bounded.0.send(Session::new(1)).await.unwrap();
    let unbounded = mpsc::unbounded_channel();
    for id in 2..40 {
        unbounded.0.send(Session { id: if id == 2 { 2 } else { 3 } }).ok().unwrap();
    }
    let oneshot = oneshot::channel();
    oneshot.0.send(Session { id: 4 }).ok().unwrap();
    let watch = watch::channel(Session::new(5));
    let broadcast = broadcast::channel(4);
    broadcast.0.send(Session::new(6)).ok().unwrap();
    let mut stored: Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(heartbeat(Session::new(9)));
    assert!(stored.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let server = Server {
        bounded: (bounded.0, Mutex::new(bounded.1)),
        unbounded: (unbounded.0, Mutex::new(unbounded.1)),
        oneshot: (None, oneshot.1),
        watch,
        broadcast,
        mutex: Arc::new(Mutex::new(vec![Session { id: 7 }])),
        lock: RwLock::new(Some(Session::new(8))),
        stored: std::sync::Mutex::new(stored),
        ended: tokio::spawn(async { Session::new(10) }),
    };
    assert!(SERVER.set(server).is_ok());
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn sessions_in_an_async_program() {
    tracked("sessions_in_an_async_program", || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(fill());
        expect(EXPECTED);
    });
}

const EXPECTED: &str = "
1 SERVER: OnceLock<Server> > .bounded.0: tokio::sync::mpsc::bounded::Sender<Arc<Session>> > [Message]: Arc<Session> 1/1
2 SERVER: OnceLock<Server> > .unbounded.0: tokio::sync::mpsc::unbounded::UnboundedSender<Session> > [Message]: Session
4 SERVER: OnceLock<Server> > .oneshot.1: tokio::sync::oneshot::Receiver<Session> > [Message]: Session
5 SERVER: OnceLock<Server> > .watch.0: tokio::sync::watch::Sender<Arc<Session>> > : Arc<Session> 1/1
6 SERVER: OnceLock<Server> > .broadcast.0: tokio::sync::broadcast::Sender<Arc<Session>> > [Message]: Arc<Session> 1/1
7 SERVER: OnceLock<Server> > .mutex: Arc<tokio::sync::mutex::Mutex<Vec<Session>>> 1/1 > : tokio::sync::mutex::Mutex<Vec<Session>> > [0]: Session
8 SERVER: OnceLock<Server> > .lock: tokio::sync::rwlock::RwLock<Option<Arc<Session>>> 1/1
9 SERVER: OnceLock<Server> > .stored: Mutex<Pin<Box<dyn Future<Output = u64> + Send>>> > future heartbeat::{async_fn_env#0} local session: Arc<Session> 1/1
10 SERVER: OnceLock<Server> > .ended: tokio::runtime::task::join::JoinHandle<Arc<Session>> > : Result<Arc<Session>, tokio::runtime::task::error::JoinError> 1/1
20 task heartbeat > local session: Arc<Session> 1/1
21 task outer > local session: Arc<Session> 1/1
22 task outer > local list: Vec<Session> > [0]: Session
23 task fill::{async block} > captured captured: Arc<Session> 1/1
24 task fill::{async block} > local local: Arc<Session> 1/1
25 task selecting > local session: Session
26 task selecting > local futures.0future heartbeat::{async_fn_env#0} local session: Arc<Session> 1/1
27 task fill::{async block} > future heartbeat::{async_fn_env#0} local session: Arc<Session> 1/1
28 task Polled > .session: Arc<Session> 1/1
";
