use std::{fmt, future::Future, io};

use tokio::io::{AsyncRead, AsyncWrite};

/// What happens on a connection before HTTP does: TLS, or nothing.
pub trait Handshake<I>: Send + Sync + 'static {
    /// What HTTP is spoken on.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Shakes hands.
    fn handshake(&self, io: I) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// No TLS.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Plain;

/// TLS, or whatever else a function makes of a connection.
#[derive(Clone, Copy)]
pub struct Tls<F>(pub(super) F);

impl<I> Handshake<I> for Plain
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Io = I;

    async fn handshake(&self, io: I) -> io::Result<I> {
        Ok(io)
    }
}

impl<I, F, R, T> Handshake<I> for Tls<F>
where
    I: Send,
    F: Fn(I) -> R + Send + Sync + 'static,
    R: Future<Output = io::Result<T>> + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Io = T;

    fn handshake(&self, io: I) -> impl Future<Output = io::Result<T>> + Send {
        (self.0)(io)
    }
}

impl<F> fmt::Debug for Tls<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
