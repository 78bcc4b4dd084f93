use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, Request, Response, Uri,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use tower_ready_core::{
    End, Guard, Head, Instant, LocalRejection, Protocol, RouteSlot, grpc::Code, lookup,
};
use tower_ready_problem::Problem;

use super::{active::Place, builder::Streams, peer::peer, state::Lane};
use crate::{
    grpc_web::WebStatus,
    labels::{ErrorType, GrpcMethod, UrlScheme, Version, of_route},
    recorder::Measured,
    series::{
        exemplar::Trace,
        key::{Key, Kind},
        names::Name,
    },
    verdict,
};

/// Watches one request to its end, and counts it then, exactly once.
#[must_use = "a request is over when this is dropped"]
pub struct Recording(Option<Watched>);

struct Watched {
    lane: Arc<Lane>,
    start: Instant,
    headers_at: Option<Instant>,
    key: Key,
    place: Place,
    protocol: Protocol,
    trace: Option<Trace>,
    request_bytes: Option<u64>,
    response_bytes: u64,
    /// Where an inner layer leaves the route.
    slot: Option<RouteSlot>,
    /// Behind a pointer, since few calls want it and all of this moves about.
    call: Option<Box<Call>>,
}

/// What has to be found out about a call of gRPC.
struct Call {
    /// The trailers of gRPC-Web.
    web: Option<WebStatus>,
    /// Where a method is called that becomes known if the call is good.
    candidate: Option<Uri>,
}

impl Recording {
    /// Of a request that is not counted.
    pub(super) const fn nothing() -> Self {
        Self(None)
    }

    #[inline]
    pub(super) fn start<Q>(lane: &Arc<Lane>, is_client: bool, request: &mut Request<Q>) -> Self {
        let start = Instant::now();
        let state = &*lane.state;
        let protocol = Protocol::of(request);
        let is_rpc = verdict::is_rpc(protocol);
        let kind = match (is_client, is_rpc) {
            (false, false) => Kind::HttpServer,
            (false, true) => Kind::RpcServer,
            (true, false) => Kind::HttpClient,
            (true, true) => Kind::RpcClient,
        };
        let (mut slot, mut candidate) = (None, None);
        let (mut name, mut is_stream) = (Name::NONE, false);
        if is_rpc {
            name = match state.grpc.find(request.uri().path()) {
                GrpcMethod::Known { name, is_stream: streams } => {
                    is_stream = streams;
                    name
                }
                GrpcMethod::Unknown => Name::OTHER,
                GrpcMethod::Candidate => {
                    candidate = Some(request.uri().clone());
                    Name::OTHER
                }
            };
        } else if let Some(known) = state.routes.name(request, &state.names) {
            name = known;
        } else if !is_client && state.leaves_slot() {
            slot = Some(leave_slot(request));
        }
        if let Some(predicate) = &state.is_stream {
            is_stream |= predicate(&Head::of(request));
        }
        let scheme = UrlScheme::of(request.uri(), state.scheme);
        let method = state.methods.name(request.method());
        let place = Place::of(kind, scheme, method);
        state.active.begin(lane.number, place);
        let key = Key {
            kind,
            is_stream,
            method,
            scheme,
            version: Version::of(request.version()),
            name,
            peer: if is_client { peer(lane, request.uri(), scheme) } else { Name::NONE },
            status: None,
            code: None,
            error: ErrorType::None,
        };
        Self(Some(Watched {
            lane: lane.clone(),
            start,
            headers_at: None,
            key,
            place,
            protocol,
            trace: if state.shape.exemplars { Trace::sampled(request.headers()) } else { None },
            request_bytes: if state.shape.body_sizes { length(request.headers()) } else { None },
            response_bytes: 0,
            slot,
            call: if is_rpc { Call::of(protocol, candidate) } else { None },
        }))
    }
}

impl Call {
    fn of(protocol: Protocol, candidate: Option<Uri>) -> Option<Box<Self>> {
        let web = WebStatus::of(protocol);
        let is_wanted = web.is_some() || candidate.is_some();
        is_wanted.then(|| Box::new(Self { web, candidate }))
    }

    #[cold]
    fn read(&mut self, data: &[u8]) {
        if let Some(web) = &mut self.web {
            web.read(data);
        }
    }
}

impl Guard for Recording {
    #[inline]
    fn head<B>(&mut self, response: &mut Response<B>) {
        if let Some(watched) = &mut self.0 {
            watched.head(response);
        }
    }

    #[inline]
    fn data(&mut self, data: &Bytes) {
        if let Some(watched) = &mut self.0 {
            watched.response_bytes += data.len() as u64;
            if let Some(call) = &mut watched.call {
                call.read(data);
            }
        }
    }

    fn ends_by_unwinding(&self) -> bool {
        !self.0.as_ref().is_some_and(|watched| watched.key.kind.is_client())
    }

    #[inline]
    fn end(self, end: End<'_>) {
        if let Some(watched) = self.0 {
            watched.end(end);
        }
    }
}

impl Watched {
    #[inline]
    fn head<B>(&mut self, response: &Response<B>) {
        if self.lane.state.shape.time_to_headers {
            self.headers_at = Some(Instant::now());
        }
        let headers = response.headers();
        self.key.status = Some(response.status());
        if self.key.kind.is_rpc() {
            self.key.code = Code::among(headers);
            if let Some(call) = &mut self.call
                && headers.contains_key(CONTENT_ENCODING)
            {
                // What passes is compressed.
                call.web = None;
            }
        } else if let Some(content_type) = lookup(headers, &CONTENT_TYPE) {
            self.key.is_stream |= is_stream(content_type.as_bytes());
        }
        let extensions = response.extensions();
        if !extensions.is_empty() {
            let kind = self.key.kind;
            if let Some(rejection) = extensions.get::<LocalRejection>() {
                self.resolve_name();
                self.lane.state.rejected(kind, self.key.name, *rejection);
            }
            if let Some(problem) = extensions.get::<Problem>() {
                self.resolve_name();
                self.lane.state.problem(kind, self.key.name, problem);
            }
        }
    }

    #[inline]
    fn end(mut self, end: End<'_>) {
        let now = Instant::now();
        self.judge(&end);
        self.resolve_name();
        let Self { lane, mut key, start, place, .. } = self;
        let state = &*lane.state;
        if let Some(uri) = self.call.as_ref().and_then(|call| call.candidate.as_ref())
            && key.code == Some(Code::Ok)
        {
            key.name = state.grpc.learn(uri.path());
        }
        if matches!(end, End::Panicked) {
            state.panicked(key.kind, key.name);
        }
        let nanos = |at: Instant| at.as_nanos().saturating_sub(start.as_nanos());
        let mut measured = Measured {
            nanos: Some(nanos(now)),
            nanos_to_headers: self.headers_at.map(nanos),
            request_bytes: self.request_bytes,
            response_bytes: Some(self.response_bytes),
            trace: self.trace,
            at: now.as_nanos(),
        };
        let mut fits = true;
        if key.is_stream {
            let own = Measured {
                nanos_to_headers: None,
                request_bytes: None,
                response_bytes: None,
                ..measured
            };
            fits = state.count(lane.number, &key, &own);
            key.is_stream = false;
            if state.streams == Streams::Apart {
                measured.nanos = None;
            }
        }
        fits &= state.count(lane.number, &key, &measured);
        if !fits {
            state.dropped.add(1);
        }
        state.active.end(lane.number, place);
    }

    /// What became of it, in the words of the labels.
    #[inline]
    fn judge(&mut self, end: &End<'_>) {
        let key = &mut self.key;
        if key.kind.is_rpc() {
            let web = self.call.as_ref().and_then(|call| call.web.as_ref());
            let (is_client, protocol) = (key.kind.is_client(), (self.protocol, web));
            (key.code, key.error) = verdict::of_rpc(is_client, key.status, key.code, protocol, end);
        } else {
            key.error = verdict::of_http(key.kind.is_client(), key.status, end);
        }
    }

    #[inline]
    fn resolve_name(&mut self) {
        if let Some(route) = self.slot.as_ref().and_then(RouteSlot::get) {
            self.key.name = of_route(route, &self.lane.state.names);
        }
    }
}

/// Answers that go on for as long as somebody listens.
fn is_stream(content_type: &[u8]) -> bool {
    const ENDLESS: [&[u8]; 2] = [b"text/event-stream", b"multipart/x-mixed-replace"];
    ENDLESS.iter().any(|endless| {
        let start = content_type.get(..endless.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(endless))
    })
}

/// The slot of the request, left now if there is none.
#[cold]
fn leave_slot<Q>(request: &mut Request<Q>) -> RouteSlot {
    request.extensions_mut().get_or_insert_default::<RouteSlot>().clone()
}

/// How long the body of a request is, if it says so. A caller may say what it likes, and should not
/// make the sum of all begin anew.
fn length(headers: &HeaderMap) -> Option<u64> {
    const LONGEST: u64 = 1 << 40;
    let length: u64 = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    Some(length.min(LONGEST))
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("counts", &self.0.is_some()).finish_non_exhaustive()
    }
}
