//! Streams that have no end of their own.

mod end_on_drain;
#[cfg(feature = "ws")]
mod web_socket;

use std::time::Duration;

use bytes::Bytes;

pub use self::end_on_drain::EndOnDrain;
#[cfg(feature = "ws")]
pub use self::web_socket::say_goodbye;

/// The last of server-sent events, as it goes over the wire: no event, but the time after which
/// the client comes back, to another instance. For streams of bytes; axum's `Event` has a `retry`
/// of its own.
#[must_use]
pub fn last_event(retry: Duration) -> Bytes {
    format!(": the server leaves\nretry: {}\n\n", retry.as_millis()).into()
}
