/// The version of HTTP, in the words of `network.protocol.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Version {
    Unknown,
    Http09,
    Http10,
    Http11,
    Http2,
    Http3,
}

impl Version {
    #[inline]
    pub(crate) fn of(version: http::Version) -> Self {
        match version {
            http::Version::HTTP_09 => Self::Http09,
            http::Version::HTTP_10 => Self::Http10,
            http::Version::HTTP_11 => Self::Http11,
            http::Version::HTTP_2 => Self::Http2,
            http::Version::HTTP_3 => Self::Http3,
            _ => Self::Unknown,
        }
    }

    pub(crate) const fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown => return None,
            Self::Http09 => "0.9",
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
            Self::Http3 => "3",
        })
    }
}
