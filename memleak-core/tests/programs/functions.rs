//! Built by the tests of `debuginfo::functions`: generics, inlining, closures, cold paths.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

pub struct Session {
    pub id: u64,
    pub name: String,
}

impl Session {
    pub fn connect(id: u64) -> Box<Session> {
        Box::new(Session { id, name: format!("session {id}") })
    }
}

pub trait Chat {
    fn say(&self) -> u64;
}

impl Chat for Session {
    fn say(&self) -> u64 {
        if self.id == 77 {
            panic!("a cold path for {}", self.name);
        }
        self.id + self.name.len() as u64
    }
}

mod inner {
    #[inline(always)]
    pub fn wrap<T>(value: T) -> Box<Option<T>> {
        Box::new(Some(value))
    }

    #[inline(never)]
    pub fn each<T, R>(values: &[T], f: impl Fn(&T) -> R) -> Vec<R> {
        values.iter().map(f).collect()
    }
}

fn main() {
    let count = std::env::args().count() as u64;
    let sessions: Vec<Arc<dyn Chat>> = (0..count).map(|id| Arc::<Session>::from(Session::connect(id)) as Arc<dyn Chat>).collect();
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    for session in &sessions {
        map.insert(session.say(), Rc::new(inner::wrap(session.say())));
        tree.insert(session.say(), inner::wrap([count; 4]));
    }
    let lengths = inner::each(&sessions, |session| session.say().to_string());
    println!("{} {} {lengths:?}", map.len(), tree.len());
}
