//! In which states a connection is, apart from what is counted.

/// What is known of a connection from the listener that it came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    Nothing,
    /// It speaks HTTP.
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "axum's alone"))]
    Http,
    /// And where no request of the process is in flight, none is on this connection: the layer is
    /// around the whole server.
    ByCount,
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    /// Not yet.
    None,
    /// Unless a request has just arrived on it.
    IfIdle,
    /// In any case.
    Now,
}

/// Whether whoever serves a connection has looked, at our wish, if a request has arrived on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Look {
    NotAsked,
    Asked,
    Looked,
}
