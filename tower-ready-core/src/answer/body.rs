use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of an answer: the inner service's own, or bytes that a layer puts in its place.
    ///
    /// It asks nothing of the inner body, neither `Default` nor `From<Bytes>`, and keeps its error
    /// type, since bytes cannot fail. That is why a layer which answers with it fits axum, tonic
    /// and hyper alike, without a box.
    pub struct AnswerBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Full { bytes: Option<Bytes> },
    }
}

impl<B> AnswerBody<B> {
    /// The inner service's body, passed through untouched.
    pub const fn inner(body: B) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    /// A whole body of a layer's own.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        // An empty body has no frame at all, so that hosts can end the stream with the head.
        Self { kind: Kind::Full { bytes: (!bytes.is_empty()).then_some(bytes) } }
    }
}

impl<B> Body for AnswerBody<B>
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
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Full { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Full { bytes } => bytes.is_none(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Full { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for AnswerBody<B> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B> From<Bytes> for AnswerBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl<B> std::fmt::Debug for AnswerBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::Inner { .. } => f.write_str("AnswerBody::Inner(..)"),
            Kind::Full { bytes } => f.debug_tuple("AnswerBody::Full").field(bytes).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty, Full};

    use super::*;

    #[tokio::test]
    async fn full_bytes_are_one_frame_of_known_length() {
        let body = AnswerBody::<Empty<Bytes>>::full(Bytes::from_static(b"no"));
        assert_eq!(body.size_hint().exact(), Some(2));
        assert!(!body.is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "no");
    }

    #[test]
    fn an_empty_answer_is_over_at_once() {
        let body = AnswerBody::<Full<Bytes>>::default();
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }

    #[tokio::test]
    async fn an_inner_body_keeps_its_frames_trailers_and_hints() {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let expected = trailers.clone();
        let inner = Full::new(Bytes::from_static(b"yes"))
            .with_trailers(std::future::ready(Some(Ok(trailers))));
        let body = AnswerBody::inner(inner);
        assert_eq!(body.size_hint().lower(), 3);
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&expected));
        assert_eq!(collected.to_bytes(), "yes");
    }
}
