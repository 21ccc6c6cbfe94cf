//! Values behind trait objects: counted by the trait, and by their own type.

use crate::means;
use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

trait Named {
    fn name(&self) -> u64;
}
trait Chat: Named {
    fn chat(&self) -> u64 {
        self.name()
    }
}
macro_rules! chats {
    ($($name:ident($($text:ty)?),)*) => {$(
        struct $name(u64 $(, $text)?);
        impl Named for $name {
            fn name(&self) -> u64 {
                self.0
            }
        }
        impl Chat for $name {}
    )*};
}
chats! { Boxed(), Counted(String), Local(), Constant(), Listed(), Mapped(String), FromBox(), FromBoxToRc(String), Sent(), NeverBehindOne(), }

static CONSTANT: Constant = Constant(1);
static HELD: Mutex<Option<&'static (dyn Chat + Sync)>> = Mutex::new(None);

fn chats() -> impl Sized {
    *HELD.lock().unwrap() = Some(&CONSTANT);
    let boxed: Box<dyn Chat> = Box::new(Boxed(1));
    let counted: Arc<dyn Chat> = Arc::new(Counted(1, "owned".to_owned()));
    let local: Rc<dyn Chat> = Rc::new(Local(1));
    let listed: Vec<Box<dyn Chat>> = (0..3).map(|n| Box::new(Listed(n)) as Box<dyn Chat>).collect();
    let mapped: HashMap<u64, Arc<dyn Chat>> =
        (0..4).map(|n| (n, Arc::new(Mapped(n, n.to_string())) as Arc<dyn Chat>)).collect();
    let from_box: Arc<dyn Chat> = Arc::from(Box::new(FromBox(1)) as Box<dyn Chat>);
    let from_box_to_rc: Rc<dyn Chat> = Rc::from(Box::new(FromBoxToRc(1, "owned".to_owned())) as Box<dyn Chat>);
    let sent: Box<dyn Chat + Send> = Box::new(Sent(1));
    let never: Box<NeverBehindOne> = Box::new(NeverBehindOne(1));
    let all: [&dyn Chat; 6] = [&*boxed, &*counted, &*local, &*from_box, &*from_box_to_rc, &*sent];
    black_box(all.iter().map(|chat| chat.chat()).sum::<u64>());
    black_box(
        listed.iter().map(|chat| chat.chat()).sum::<u64>() + mapped.values().map(|chat| chat.chat()).sum::<u64>(),
    );
    black_box((boxed, counted, local, listed, mapped, from_box, from_box_to_rc, sent, never))
}

#[test]
fn values_behind_a_trait() {
    let all = "objects::Boxed 1, objects::Constant 1, objects::Counted 1, objects::FromBox 1, objects::FromBoxToRc 1, \
               objects::Listed 3, objects::Local 1, objects::Mapped 4, objects::Sent 1";
    means(
        "objects::values_behind_a_trait",
        chats,
        &[
            ("dyn Chat", all),
            ("dyn objects::Chat", all),
            ("dyn Chat + Send", all),
            ("Boxed", "objects::Boxed 1"),
            ("Counted", "objects::Counted 1"),
            ("Local", "objects::Local 1"),
            ("Listed", "objects::Listed 3"),
            ("Mapped", "objects::Mapped 4"),
            ("FromBox", "objects::FromBox 1"),
            ("FromBoxToRc", "objects::FromBoxToRc 1"),
            ("Sent", "objects::Sent 1"),
            ("NeverBehindOne", "objects::NeverBehindOne 1"),
            // What the debug info does not say: that every `Chat` is one.
            ("dyn Named", "unknown"),
        ],
    );
}

trait Handler<Request> {
    fn handle(&self, request: Request) -> u64;
}
struct Get;
struct Put(u64);
struct Both(u64, String);
struct OnlyPut(u64);
impl Handler<Get> for Both {
    fn handle(&self, Get: Get) -> u64 {
        self.0
    }
}
impl Handler<Put> for Both {
    fn handle(&self, request: Put) -> u64 {
        self.0 + request.0
    }
}
impl Handler<Put> for OnlyPut {
    fn handle(&self, request: Put) -> u64 {
        self.0 + request.0
    }
}

fn handlers() -> impl Sized {
    let get: Box<dyn Handler<Get>> = Box::new(Both(1, "owned".to_owned()));
    let put: [Box<dyn Handler<Put>>; 2] = [Box::new(OnlyPut(1)), Box::new(OnlyPut(2))];
    black_box(get.handle(Get) + put[0].handle(Put(1)) + put[1].handle(Put(2)));
    black_box((get, put))
}

#[test]
fn values_behind_a_generic_trait() {
    means(
        "objects::values_behind_a_generic_trait",
        handlers,
        &[
            ("dyn Handler<Get>", "objects::Both 1"),
            ("dyn Handler<Put>", "objects::OnlyPut 2"),
            ("dyn Handler<_>", "objects::Both 1, objects::OnlyPut 2"),
            ("dyn Handler", "objects::Both 1, objects::OnlyPut 2"),
        ],
    );
}

struct Token(u64, String);
struct Waiting(u64);

impl Token {
    fn number(&self) -> u64 {
        self.0
    }
}

async fn beat(token: Token) -> u64 {
    std::future::pending::<()>().await;
    token.0
}

type Work = Pin<Box<dyn Future<Output = u64>>>;
type Anything = Box<dyn Any>;

fn closures_and_futures() -> impl Sized {
    let token = |n: u64| Token(n, n.to_string());
    let (first, second) = (token(1), token(2));
    let call: Box<dyn Fn(u32) -> u64> = Box::new(move |n| u64::from(n) + first.number());
    let shared: Arc<dyn Fn(u32) -> u64> = Arc::new(move |n| u64::from(n) + second.number());
    let work: Work = Box::pin(beat(token(3)));
    let waiting: Box<dyn Any> = Box::new(Waiting(1));
    let sent: Arc<dyn Any + Send + Sync> = Arc::from(Box::new(Waiting(2)) as Box<dyn Any + Send + Sync>);
    black_box(call(1) + shared(2) + u64::from(sent.is::<Waiting>()));
    black_box::<(Box<dyn Fn(u32) -> u64>, Arc<dyn Fn(u32) -> u64>, Work, Anything, Arc<dyn Any + Send + Sync>)>((
        call, shared, work, waiting, sent,
    ))
}

#[test]
fn closures_and_futures_behind_their_traits() {
    let closures = "objects::closures_and_futures::{closure_env#1} 1, objects::closures_and_futures::{closure_env#2} 1";
    means(
        "objects::closures_and_futures_behind_their_traits",
        closures_and_futures,
        &[
            ("Token", "objects::Token 3"),
            ("Waiting", "objects::Waiting 2"),
            ("dyn Any", "objects::Waiting 2"),
            ("dyn Fn(u32)", closures),
            ("dyn Fn(u32) -> u64", closures),
            ("dyn Future<Output = u64>", "objects::beat::{async_fn_env#0} 1"),
            ("dyn Future", "objects::beat::{async_fn_env#0} 1"),
            ("beat::{async_fn_env#0}", "objects::beat::{async_fn_env#0} 1"),
        ],
    );
}
