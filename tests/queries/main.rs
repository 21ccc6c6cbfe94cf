//! What a snapshot answers, asked in leak tests.

mod differences;
mod lost;
mod sets;
mod threads;
mod values;

/// The usual type. Its buffer lets ownership decide where its bytes may be stale.
#[derive(Clone)]
struct Session {
    id: u64,
    user: String,
}

impl Session {
    fn new(id: u64) -> Session {
        Session { id, user: format!("user {id}") }
    }
}
