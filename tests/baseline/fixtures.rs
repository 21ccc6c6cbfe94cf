//! Leak tests whose leaks are as many as the environment says.

use memleak::leak_test;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

#[allow(dead_code, reason = "only there to be there")]
pub struct Session {
    user: String,
}

static REGISTRY: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());
static BACKLOG: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());

/// How many leaks of this kind are asked for.
fn asked(kind: &str) -> usize {
    std::env::var(kind).map_or(0, |count| count.parse().unwrap())
}

fn connect() -> Arc<Session> {
    Arc::new(Session { user: "ada".to_owned() })
}

fn leak() {
    for _ in 0..asked("REGISTERED") {
        REGISTRY.lock().unwrap().push(connect());
    }
    for _ in 0..asked("BACKLOGGED") {
        let session = connect();
        BACKLOG.lock().unwrap().push(session);
    }
}

#[leak_test(expect_zero = "Session")]
#[ignore = "a program for the tests beside it"]
async fn none_may_live() {
    leak();
}

/// The same leaks are asked about twice.
#[leak_test(expect_zero = ["fixtures::Session", Session])]
#[ignore = "a program for the tests beside it"]
fn said_twice() {
    leak();
}

#[leak_test(expect_at_most("Session" = 2))]
#[ignore = "a program for the tests beside it"]
fn two_may_live() {
    leak();
}

struct Parent {
    children: RefCell<Vec<Rc<Child>>>,
}

#[allow(dead_code, reason = "only there to be there")]
struct Child {
    parent: Rc<Parent>,
}

#[leak_test]
#[ignore = "a program for the tests beside it"]
fn families() {
    for _ in 0..asked("FAMILIES") {
        let parent = Rc::new(Parent { children: RefCell::new(Vec::new()) });
        parent.children.borrow_mut().push(Rc::new(Child { parent: parent.clone() }));
    }
}

#[allow(dead_code, reason = "only there to be there")]
struct One(RefCell<Option<Rc<Other>>>, u64);
#[allow(dead_code, reason = "only there to be there")]
struct Other(RefCell<Option<Rc<One>>>, u64);

/// Cycles of which either member is as good a beginning, in both orders of their addresses.
#[leak_test]
#[ignore = "a program for the tests beside it"]
fn equals() {
    for index in 0..asked("FAMILIES") {
        let (one, other);
        if index % 2 == 0 {
            one = Rc::new(One(RefCell::new(None), 1));
            other = Rc::new(Other(RefCell::new(Some(one.clone())), 2));
        } else {
            other = Rc::new(Other(RefCell::new(None), 2));
            one = Rc::new(One(RefCell::new(None), 1));
            *other.0.borrow_mut() = Some(one.clone());
        }
        *one.0.borrow_mut() = Some(other);
    }
}

#[leak_test(expect_zero = "Session")]
#[ignore = "a program for the tests beside it"]
fn panics() {
    leak();
    panic!("the body gave up");
}

macro_rules! many {
    ($($name:ident)*) => {
        pub mod many {
            $(
                #[memleak::leak_test(expect_zero = "fixtures::Session")]
                #[ignore = "a program for the tests beside it"]
                fn $name() {
                    super::leak();
                }
            )*
        }
    };
}

many!(a b c d e f g h i j k l);
