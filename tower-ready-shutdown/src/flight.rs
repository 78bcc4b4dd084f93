use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, Version};
use tower_ready_core::{End, Guard, Head, Instant, RequestId, Route, RouteSlot};

use crate::{
    Leftover, LeftoverKind, Lifecycle,
    connection::{Boarded, current},
    roster::Place,
    stamp::stamp,
    traffic::Traffic,
};

/// A request in flight: held by its future and then by its body, and over when it is dropped.
///
/// There is nothing to call.
pub struct Flight {
    traffic: Option<Arc<Traffic>>,
    /// Whether its answer may say `Connection: close`, which is HTTP/1.1's.
    stampable: bool,
    /// Keeps the connection from being closed as idle.
    connection: Option<Boarded>,
    described: Option<Box<Described>>,
}

impl Flight {
    /// A request that is not counted.
    pub(crate) const fn none() -> Self {
        Self { traffic: None, stampable: false, connection: None, described: None }
    }

    #[inline]
    pub(crate) fn begin(traffic: &Arc<Traffic>, version: Version) -> Self {
        Self {
            traffic: Some(Arc::clone(traffic)),
            stampable: version == Version::HTTP_11,
            connection: current::board(),
            described: None,
        }
    }

    #[cold]
    pub(crate) fn describe(&mut self, lifecycle: &Lifecycle, head: &Head<'_>, route: Route) {
        let slot = head.extensions().get::<RouteSlot>().cloned();
        let request = Arc::new(Request {
            method: head.method().clone(),
            route,
            slot,
            id: RequestId::of(head.headers()).map(RequestId::into_header_value),
            peer: self.connection.as_ref().and_then(|connection| connection.peer()),
            began: Instant::now(),
            bytes: AtomicU64::new(0),
        });
        let place = lifecycle.0.requests.join(Arc::clone(&request));
        let lifecycle = lifecycle.clone();
        self.described = Some(Box::new(Described { lifecycle, request, place: Some(place) }));
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("counted", &self.traffic.is_some()).finish_non_exhaustive()
    }
}

impl Guard for Flight {
    #[inline]
    fn head<B>(&mut self, response: &mut Response<B>) {
        if let Some(traffic) = &self.traffic
            && traffic.is_leaving()
            && self.stampable
            && traffic.tells_to_go()
        {
            stamp(response);
        }
    }

    #[inline]
    fn data(&mut self, data: &Bytes) {
        if let Some(described) = &self.described {
            described.request.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }

    #[inline]
    fn end(self, _: End<'_>) {}
}

/// What a report says of a request.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    route: Route,
    /// Names the route better, once a router has looked.
    slot: Option<RouteSlot>,
    id: Option<HeaderValue>,
    peer: Option<SocketAddr>,
    began: Instant,
    bytes: AtomicU64,
}

struct Described {
    lifecycle: Lifecycle,
    request: Arc<Request>,
    place: Option<Place>,
}

impl Drop for Described {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.lifecycle.0.requests.leave(place);
        }
    }
}

/// The longest route that is reported.
const LONGEST: usize = 128;

impl Request {
    pub(crate) fn leftover(&self) -> Leftover {
        let route = self.slot.as_ref().and_then(RouteSlot::get).unwrap_or(&self.route);
        // It may be a path, which a caller chose.
        let route: String = route.as_str().chars().take(LONGEST).flat_map(printable).collect();
        Leftover {
            kind: LeftoverKind::Request,
            what: Some(format!("{} {route}", self.method)),
            request_id: self.id.as_ref().and_then(|id| id.to_str().ok()).map(str::to_owned),
            peer: self.peer,
            age: Some(self.age()),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn age(&self) -> Duration {
        Instant::now().since(self.began)
    }
}

fn printable(char: char) -> impl Iterator<Item = char> {
    let escaped = char.is_control().then(|| char.escape_default());
    let plain = escaped.is_none().then_some(char);
    plain.into_iter().chain(escaped.into_iter().flatten())
}
