//! Which objects there are.

use crate::Session;
use memleak::{leak_test, snapshot};
use std::hint::black_box;

#[leak_test]
fn a_session_is_seen_while_it_lives() {
    let session = black_box(Box::new(Session::new(1)));
    let sessions = black_box(vec![Session::new(2), Session::new(3)]);
    assert_eq!((session.id, sessions[0].user.as_str()), (1, "user 2"));
    assert_eq!(snapshot().of::<Session>().count(), 3);
    drop(session);
    assert_eq!(snapshot().of::<Session>().count(), 2);
    drop(sessions);
    assert_eq!(snapshot().of::<Session>().count(), 0);
}
