//! What the tests of this crate test: a server that may forget to forget. Uses nothing but std.

use std::sync::{Arc, Mutex, PoisonError};

/// A user who is logged on.
#[derive(Debug)]
pub struct Session {
    user: String,
}

static SESSIONS: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());

impl Session {
    /// Logs on.
    #[must_use]
    pub fn connect() -> Arc<Session> {
        Arc::new(Session { user: "ada".to_owned() })
    }

    /// Logs on, and is never forgotten.
    pub fn connect_for_ever() {
        SESSIONS.lock().unwrap_or_else(PoisonError::into_inner).push(Session::connect());
    }

    /// Who it is.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }
}
