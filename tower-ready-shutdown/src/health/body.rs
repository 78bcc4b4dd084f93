//! The bodies of answers.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::grpc::Watching;

/// The body of an answer of health's own.
pub struct ProbeBody(Kind);

enum Kind {
    Full(Option<Bytes>),
    /// A message of gRPC and its status.
    Message(Option<Bytes>, Option<HeaderMap>),
    Watch(Watching),
}

pin_project! {
    /// The body of an answer of the inner service, or of health's own.
    pub struct HealthBody<B> {
        #[pin]
        kind: EitherKind<B>,
    }
}

pin_project! {
    #[project = EitherProj]
    enum EitherKind<B> {
        Inner { #[pin] body: B },
        Probe { body: ProbeBody },
    }
}

impl ProbeBody {
    pub(super) fn full(bytes: Bytes) -> Self {
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    pub(super) const fn message(message: Bytes, trailers: HeaderMap) -> Self {
        Self(Kind::Message(Some(message), Some(trailers)))
    }

    pub(super) const fn watch(watching: Watching) -> Self {
        Self(Kind::Watch(watching))
    }
}

impl Body for ProbeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut self.0 {
            Kind::Full(bytes) => bytes.take().map(Frame::data),
            Kind::Message(message, trailers) => match message.take() {
                Some(message) => Some(Frame::data(message)),
                None => trailers.take().map(Frame::trailers),
            },
            Kind::Watch(watching) => std::task::ready!(watching.poll_frame(cx)),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Message(message, trailers) => message.is_none() && trailers.is_none(),
            Kind::Watch(watching) => watching.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Message(..) | Kind::Watch(_) => SizeHint::default(),
        }
    }
}

impl<B> HealthBody<B> {
    pub(super) const fn inner(body: B) -> Self {
        Self { kind: EitherKind::Inner { body } }
    }

    pub(super) const fn probe(body: ProbeBody) -> Self {
        Self { kind: EitherKind::Probe { body } }
    }
}

impl<B> Body for HealthBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            EitherProj::Inner { body } => body.poll_frame(cx),
            EitherProj::Probe { body } => {
                Pin::new(body).poll_frame(cx).map_err(|never| match never {})
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            EitherKind::Inner { body } => body.is_end_stream(),
            EitherKind::Probe { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            EitherKind::Inner { body } => body.size_hint(),
            EitherKind::Probe { body } => body.size_hint(),
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for HealthBody<B> {
    fn default() -> Self {
        Self::probe(ProbeBody::full(Bytes::new()))
    }
}

impl fmt::Debug for ProbeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Full(_) => "ProbeBody::Full(..)",
            Kind::Message(..) => "ProbeBody::Message(..)",
            Kind::Watch(_) => "ProbeBody::Watch(..)",
        })
    }
}

impl<B> fmt::Debug for HealthBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            EitherKind::Inner { .. } => "HealthBody::Inner(..)",
            EitherKind::Probe { .. } => "HealthBody::Probe(..)",
        })
    }
}
