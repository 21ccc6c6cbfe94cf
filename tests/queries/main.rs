//! What a snapshot answers, asked in leak tests.

mod sets;

/// The usual type. Its buffer lets ownership decide where its bytes may be stale.
struct Session {
    id: u64,
    user: String,
}

impl Session {
    fn new(id: u64) -> Session {
        Session { id, user: format!("user {id}") }
    }
}
