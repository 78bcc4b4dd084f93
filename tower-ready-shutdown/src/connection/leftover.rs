use super::Connection;
use crate::{Leftover, LeftoverKind};

impl Connection {
    /// What a report says of it, unless that of its requests is enough.
    pub(crate) fn leftover(&self, described: bool) -> Option<Leftover> {
        let kind = if self.is_upgraded() {
            LeftoverKind::Upgraded
        } else if self.in_flight() == 0 {
            LeftoverKind::Connection
        } else if described {
            return None;
        } else {
            LeftoverKind::Request
        };
        Some(Leftover {
            kind,
            what: None,
            request_id: None,
            peer: self.peer(),
            age: Some(self.age()),
            bytes: self.bytes_written(),
        })
    }
}
