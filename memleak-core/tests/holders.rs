//! Who holds a value, in words, against what the program does: this very process keeps sessions in all kinds of places.

mod child;
mod held;

use child::tracked;
use held::expect;
use memleak_core::tracker::Allocator;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::hint::black_box;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock, mpsc};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Session {
    id: u64,
}

impl Session {
    fn new(id: u64) -> Arc<Session> {
        black_box(Arc::new(Session { id }))
    }
}

#[expect(dead_code, reason = "it only holds")]
struct Room {
    members: Vec<Arc<Session>>,
    guests: [Option<Arc<Session>>; 3],
    pair: (u64, Box<Session>),
}

enum Conn {
    #[expect(dead_code, reason = "a variant that is not active")]
    Closed(u64),
    #[expect(dead_code, reason = "it only holds")]
    Open { session: Arc<Session> },
}

#[derive(Default)]
struct Server {
    queue: VecDeque<Arc<Session>>,
    tree: BTreeMap<u64, Session>,
    names: BTreeSet<Arc<Session>>,
    list: LinkedList<Arc<Session>>,
    heap: BinaryHeap<Arc<Session>>,
    set: HashSet<Arc<Session>>,
    by_session: HashMap<Arc<Session>, Arc<Session>>,
    lists: HashMap<u64, Vec<Arc<Session>>>,
    nested: Option<Option<Box<Session>>>,
    shards: Vec<RwLock<HashMap<u64, Arc<Session>>>>,
    callbacks: Vec<Box<dyn Fn() -> u64 + Send + Sync>>,
    shared: Arc<Mutex<Vec<Arc<Session>>>>,
    slice: Option<Arc<[Session]>>,
    boxed: Option<Box<[Arc<Session>]>>,
    conn: Option<Conn>,
    any: Option<Box<dyn std::any::Any + Send + Sync>>,
    raw: usize,
    pointer: Pointer,
    lazy: LazyArc,
}

#[expect(dead_code, reason = "it only points")]
struct Pointer(*const Session);
// SAFETY: only this test's one thread looks at it.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}
impl Default for Pointer {
    fn default() -> Pointer {
        Pointer(std::ptr::null())
    }
}

struct LazyArc(LazyLock<Arc<Session>>);
impl Default for LazyArc {
    fn default() -> LazyArc {
        LazyArc(LazyLock::new(|| Session::new(700)))
    }
}

static REGISTRY: Mutex<BTreeMap<u64, Arc<Session>>> = Mutex::new(BTreeMap::new());
static BY_ID: LazyLock<Mutex<HashMap<u64, Arc<Session>>>> = LazyLock::new(Mutex::default);
static ROOMS: RwLock<Vec<Room>> = RwLock::new(Vec::new());
static ONE: OnceLock<Session> = OnceLock::new();
static SERVER: OnceLock<Server> = OnceLock::new();
#[expect(clippy::type_complexity, reason = "as a user may have it")]
static CHANNEL: OnceLock<(mpsc::Sender<Arc<Session>>, Mutex<mpsc::Receiver<Arc<Session>>>)> = OnceLock::new();
static BOUNDED: OnceLock<mpsc::SyncSender<Session>> = OnceLock::new();

thread_local! {
    static CURRENT: RefCell<Vec<Arc<Session>>> = RefCell::default();
    static LAST: RefCell<Option<Session>> = const { RefCell::new(None) };
}

#[test]
fn sessions_in_all_kinds_of_places() {
    tracked("sessions_in_all_kinds_of_places", || {
        fill();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::Builder::new().name("pool".to_owned()).spawn(move || {
            CURRENT.with_borrow_mut(|list| list.extend([400, 401].map(Session::new)));
            LAST.set(Some(Session { id: 402 }));
            ready.send(()).unwrap();
            std::thread::park();
        });
        is_ready.recv().unwrap();
        expect(EXPECTED);
        let thread = thread.unwrap();
        thread.thread().unpark();
        thread.join().unwrap();
    });
}

const EXPECTED: &str = "
0 REGISTRY: Mutex<BTreeMap<u64, Arc<Session>>> > [Value]: Arc<Session> 1/1
3 REGISTRY: Mutex<BTreeMap<u64, Arc<Session>>> > [Value]: Arc<Session> 1/1
49 REGISTRY: Mutex<BTreeMap<u64, Arc<Session>>> > [Value]: Arc<Session> 1/1
100 BY_ID: LazyLock<Mutex<HashMap<u64, Arc<Session>>>> > [Value]: Arc<Session> 1/1
101 ROOMS: RwLock<Vec<Room>> > [0].pair.1: Box<Session>
102 ROOMS: RwLock<Vec<Room>> > [1].guests[1]: Option<Arc<Session>> 2/2
102 ROOMS: RwLock<Vec<Room>> > [1].members: Vec<Arc<Session>> > [1]: Arc<Session> 2/2
103 ROOMS: RwLock<Vec<Room>> > [1].members: Vec<Arc<Session>> > [0]: Arc<Session> 1/1
104 ROOMS: RwLock<Vec<Room>> > [1].guests[2]: Option<Arc<Session>> 1/1
105 ROOMS: RwLock<Vec<Room>> > [1].pair.1: Box<Session>
106 ONE: OnceLock<Session>
200 SERVER: OnceLock<Server> > .queue: VecDeque<Arc<Session>> > [0]: Arc<Session> 1/1
201 SERVER: OnceLock<Server> > .queue: VecDeque<Arc<Session>> > [1]: Arc<Session> 1/1
202 SERVER: OnceLock<Server> > .names: BTreeSet<Arc<Session>> > [Key]: Arc<Session> 1/1
203 SERVER: OnceLock<Server> > .list: LinkedList<Arc<Session>> > [0]: Arc<Session> 1/1
204 SERVER: OnceLock<Server> > .list: LinkedList<Arc<Session>> > [1]: Arc<Session> 1/1
205 SERVER: OnceLock<Server> > .list: LinkedList<Arc<Session>> > [2]: Arc<Session> 1/1
206 SERVER: OnceLock<Server> > .list: LinkedList<Arc<Session>> > [3]: Arc<Session> 1/1
207 SERVER: OnceLock<Server> > .heap: BinaryHeap<Arc<Session>> > [0]: Arc<Session> 1/1
208 SERVER: OnceLock<Server> > .set: HashSet<Arc<Session>> > [Key]: Arc<Session> 1/1
209 SERVER: OnceLock<Server> > .by_session: HashMap<Arc<Session>, Arc<Session>> > [Key]: Arc<Session> 1/1
210 SERVER: OnceLock<Server> > .by_session: HashMap<Arc<Session>, Arc<Session>> > [Value]: Arc<Session> 1/1
211 SERVER: OnceLock<Server> > .lists: HashMap<u64, Vec<Arc<Session>>> > [Value]: Vec<Arc<Session>> > [0]: Arc<Session> 1/1
212 SERVER: OnceLock<Server> > .lists: HashMap<u64, Vec<Arc<Session>>> > [Value]: Vec<Arc<Session>> > [1]: Arc<Session> 1/1
213 SERVER: OnceLock<Server> > .nested: Option<Option<Box<Session>>>
214 SERVER: OnceLock<Server> > .shards: Vec<RwLock<HashMap<u64, Arc<Session>>>> > [2]: RwLock<HashMap<u64, Arc<Session>>> > [Value]: Arc<Session> 1/1
215 SERVER: OnceLock<Server> > .callbacks: Vec<Box<dyn Fn() -> u64 + Send + Sync>> > [0]: Box<dyn Fn() -> u64 + Send + Sync> > captured by_value: Arc<Session> 1/1
216 SERVER: OnceLock<Server> > .callbacks: Vec<Box<dyn Fn() -> u64 + Send + Sync>> > [1]: Box<dyn Fn() -> u64 + Send + Sync> > captured by_reference: &Arc<Session> > : Arc<Session> 1/1
217 SERVER: OnceLock<Server> > .shared: Arc<Mutex<Vec<Arc<Session>>>> 1/1 > : Mutex<Vec<Arc<Session>>> > [0]: Arc<Session> 1/1
218 SERVER: OnceLock<Server> > .shared: Arc<Mutex<Vec<Arc<Session>>>> 1/1 > : Mutex<Vec<Arc<Session>>> > [1]: Arc<Session> 1/1
219 SERVER: OnceLock<Server> > .slice: Option<Arc<[Session]>> 1/1 > [0]: Session
220 SERVER: OnceLock<Server> > .slice: Option<Arc<[Session]>> 1/1 > [1]: Session
221 SERVER: OnceLock<Server> > .boxed: Option<Box<[Arc<Session>]>> > [0]: Arc<Session> 1/1
222 SERVER: OnceLock<Server> > .boxed: Option<Box<[Arc<Session>]>> > [1]: Arc<Session> 1/1
223 SERVER: OnceLock<Server> > .conn as Conn::Open.session: Arc<Session> 1/1
224 SERVER: OnceLock<Server> > .any: Option<Box<dyn Any + Send + Sync>> > .1: Arc<Session> 1/1
225 SERVER: OnceLock<Server> > .raw: usize
226 SERVER: OnceLock<Server> > .pointer.0: *const Session
300 CHANNEL: OnceLock<(Sender<Arc<Session>>, Mutex<Receiver<Arc<Session>>>)> > .0: Sender<Arc<Session>> > [Message]: Arc<Session> 1/1
301 BOUNDED: OnceLock<SyncSender<Session>> > [Message]: Session
400 CURRENT of pool: RefCell<Vec<Arc<Session>>> > [0]: Arc<Session> 1/1
401 CURRENT of pool: RefCell<Vec<Arc<Session>>> > [1]: Arc<Session> 1/1
402 LAST of pool: RefCell<Option<Session>>
700 SERVER: OnceLock<Server> > .lazy.0: LazyLock<Arc<Session>> 1/1
1000 SERVER: OnceLock<Server> > .tree: BTreeMap<u64, Session> > [Value]: Session
1001 SERVER: OnceLock<Server> > .tree: BTreeMap<u64, Session> > [Value]: Session
1049 SERVER: OnceLock<Server> > .tree: BTreeMap<u64, Session> > [Value]: Session
";

fn fill() {
    REGISTRY.lock().unwrap().extend((0..50).map(|id| (id, Session::new(id))));
    BY_ID.lock().unwrap().insert(1, Session::new(100));
    let member = Session::new(102);
    *ROOMS.write().unwrap() = vec![
        Room { members: vec![], guests: [None, None, None], pair: (1, Box::new(Session { id: 101 })) },
        Room {
            members: vec![Session::new(103), Arc::clone(&member)],
            guests: [None, Some(member), Some(Session::new(104))],
            pair: (1, Box::new(Session { id: 105 })),
        },
    ];
    assert!(ONE.set(Session { id: 106 }).is_ok());
    let mut server = Server::default();
    server.queue.extend([1, 2, 3].map(Session::new));
    server.queue.drain(..2);
    server.queue.extend([200, 201].map(Session::new));
    server.queue.pop_front();
    server.tree.extend((1000..1050).map(|id| (id, Session { id })));
    server.names.insert(Session::new(202));
    server.list.extend([203, 204, 205, 206].map(Session::new));
    server.heap.push(Session::new(207));
    server.set.insert(Session::new(208));
    server.by_session.insert(Session::new(209), Session::new(210));
    server.lists.insert(7, vec![Session::new(211), Session::new(212)]);
    server.nested = Some(Some(Box::new(Session { id: 213 })));
    server.shards = (0..4).map(|_| RwLock::default()).collect();
    server.shards[2].write().unwrap().insert(3, Session::new(214));
    let (by_value, number) = (Session::new(215), 3);
    server.callbacks.push(Box::new(move || by_value.id + number));
    let other = Session::new(216);
    let by_reference: &'static Arc<Session> = Box::leak(Box::new(other));
    server.callbacks.push(Box::new(|| by_reference.id));
    server.shared.lock().unwrap().extend([217, 218].map(Session::new));
    server.slice = Some(Arc::new([Session { id: 219 }, Session { id: 220 }]));
    server.boxed = Some(vec![Session::new(221), Session::new(222)].into_boxed_slice());
    server.conn = Some(Conn::Open { session: Session::new(223) });
    server.any = Some(Box::new((1u8, Session::new(224))));
    server.raw = Box::into_raw(Box::new(Session { id: 225 })) as usize;
    server.pointer = Pointer(Arc::into_raw(Session::new(226)));
    black_box(server.lazy.0.id);
    assert!(SERVER.set(server).is_ok());
    let (sender, receiver) = mpsc::channel();
    sender.send(Session::new(300)).unwrap();
    assert!(CHANNEL.set((sender, Mutex::new(receiver))).is_ok());
    let (sender, receiver) = mpsc::sync_channel(3);
    sender.send(Session { id: 301 }).unwrap();
    std::mem::forget(receiver);
    assert!(BOUNDED.set(sender).is_ok());
}
