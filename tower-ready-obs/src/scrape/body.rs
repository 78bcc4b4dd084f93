use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

#[cfg(feature = "gzip")]
use super::gzip::Gzip;
use super::pages::Pages;

/// The answer to a scrape, written as it is read.
pub struct ScrapeBody {
    pages: Option<Pages>,
    #[cfg(feature = "gzip")]
    gzip: Option<Gzip>,
}

impl ScrapeBody {
    pub(super) const fn empty() -> Self {
        Self {
            pages: None,
            #[cfg(feature = "gzip")]
            gzip: None,
        }
    }

    pub(super) const fn plain(pages: Pages) -> Self {
        Self {
            pages: Some(pages),
            #[cfg(feature = "gzip")]
            gzip: None,
        }
    }

    #[cfg(feature = "gzip")]
    pub(super) fn gzip(pages: Pages) -> Self {
        Self { pages: Some(pages), gzip: Some(Gzip::new()) }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let pages = self.pages.as_mut()?;
        loop {
            if pages.is_over() {
                self.pages = None;
                return None;
            }
            let page = pages.turn();
            #[cfg(feature = "gzip")]
            let page = match &mut self.gzip {
                Some(gzip) => gzip.page(&page, pages.is_over()),
                None => page,
            };
            // Some pages are swallowed until there is more of them to compress.
            if !page.is_empty() {
                return Some(page);
            }
        }
    }
}

impl Body for ScrapeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|page| Ok(Frame::data(page.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.pages.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.pages.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

impl fmt::Debug for ScrapeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScrapeBody(..)")
    }
}
