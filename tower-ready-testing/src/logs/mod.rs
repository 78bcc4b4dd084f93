//! Captures what a test logs through `tracing`.
//!
//! ```
//! use tower_ready_testing::logs;
//!
//! let logs = logs::capture();
//! tracing::warn!(target: "gate", seat = 7, "no ticket");
//!
//! let event = &logs.events()[0];
//! assert_eq!(event.level(), logs::Level::WARN);
//! assert_eq!(event.target(), "gate");
//! assert_eq!(event.message(), "no ticket");
//! assert_eq!(event.field("seat"), Some("7"));
//! assert_eq!(logs.text(), "WARN gate: no ticket seat=7\n");
//! ```
//!
//! The capture is of one thread: of everything under the current-thread runtime that
//! `#[tokio::test]` and [`each_host!`](crate::each_host) make, servers and clients included, and of
//! no other test. It sees every level.

use std::sync::{Arc, Mutex, OnceLock};

use tracing::{Dispatch, subscriber::NoSubscriber};
use tracing_subscriber::{Registry, layer::SubscriberExt};

mod event;
mod layer;

pub use self::event::Event;
#[doc(no_inline)]
pub use tracing::Level;

use self::layer::Collect;

/// What this thread logs, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the capture"]
pub struct Logs {
    events: Arc<Mutex<Vec<Event>>>,
    _default: tracing::subscriber::DefaultGuard,
}

/// Begins to capture what this thread logs.
pub fn capture() -> Logs {
    stay_attentive();
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let subscriber = Registry::default().with(Collect::new(Arc::clone(&events)));
    Logs { events, _default: tracing::subscriber::set_default(subscriber) }
}

/// Keeps a second subscriber registered.
///
/// With only one in the process, `tracing` asks the subscriber of whichever thread meets an event
/// first whether anyone wants it, and remembers a no from a thread that captures nothing. With two
/// it asks them all.
fn stay_attentive() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
}

// === impl Logs ===

impl Logs {
    /// Everything so far, oldest first.
    ///
    /// # Panics
    ///
    /// When a value panicked while it was formatted for the log.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no value panics while it is formatted").clone()
    }

    /// The events of one level.
    #[must_use]
    pub fn at(&self, level: Level) -> Vec<Event> {
        let mut events = self.events();
        events.retain(|event| event.level() == level);
        events
    }

    /// The events under a target and its children: of `tower_ready_auth`, say, or of one module.
    #[must_use]
    pub fn under(&self, target: &str) -> Vec<Event> {
        let mut events = self.events();
        events.retain(|event| match event.target().strip_prefix(target) {
            Some(rest) => rest.is_empty() || rest.starts_with("::"),
            None => false,
        });
        events
    }

    /// Everything so far as text, one event a line: to look for what must not be there.
    #[must_use]
    pub fn text(&self) -> String {
        self.events().iter().map(|event| format!("{event}\n")).collect()
    }
}
