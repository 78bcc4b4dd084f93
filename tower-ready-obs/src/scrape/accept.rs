//! Which format a scraper wants.

#[cfg(feature = "gzip")]
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, header::ACCEPT};

/// A format of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `text/plain` 0.0.4, which everybody reads.
    Text,
    /// `text/plain` 1.0.0: the same for names such as ours.
    Text1,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// OpenMetrics 0.0.1: the same.
    OpenMetrics0,
    /// Protocol buffers.
    Protobuf,
}

/// How names that are not plain would be written. Ours are, so it is only said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    AllowUtf8,
    Underscores,
    Dots,
    Values,
}

/// What was agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) format: Format,
    escaping: Option<Escaping>,
}

impl Agreed {
    /// The format that is wanted most. Where none of ours is wanted it is text, since a scraper
    /// that asked for something odd still wants numbers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut best = (0, Self { format: Format::Text, escaping: None });
        for (range, quality) in ranges(headers, &ACCEPT) {
            if quality > best.0
                && let Some(agreed) = Self::of_range(range)
            {
                best = (quality, agreed);
            }
        }
        best.1
    }

    fn of_range(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next()?;
        let (mut version, mut escaping, mut proto, mut encoding) = (None, None, None, None);
        for part in parts {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value),
                "escaping" => escaping = Escaping::of(value),
                "proto" => proto = Some(value),
                "encoding" => encoding = Some(value),
                _ => {}
            }
        }
        let format = match (media_type.to_ascii_lowercase().as_str(), version) {
            ("*/*" | "text/*", _) | ("text/plain", None | Some("0.0.4")) => Format::Text,
            ("text/plain", Some("1.0.0")) => Format::Text1,
            ("application/openmetrics-text", None | Some("0.0.1")) => Format::OpenMetrics0,
            ("application/openmetrics-text", Some("1.0.0")) => Format::OpenMetrics,
            ("application/vnd.google.protobuf", _)
                if proto == Some("io.prometheus.client.MetricFamily")
                    && matches!(encoding, None | Some("delimited")) =>
            {
                Format::Protobuf
            }
            _ => return None,
        };
        Some(Self { format, escaping })
    }

    pub(super) fn content_type(self) -> HeaderValue {
        use Escaping::{AllowUtf8, Dots, Underscores, Values};

        macro_rules! with {
            ($base:literal) => {
                match self.escaping {
                    None => concat!($base),
                    Some(AllowUtf8) => concat!($base, "; escaping=allow-utf-8"),
                    Some(Underscores) => concat!($base, "; escaping=underscores"),
                    Some(Dots) => concat!($base, "; escaping=dots"),
                    Some(Values) => concat!($base, "; escaping=values"),
                }
            };
        }
        HeaderValue::from_static(match self.format {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::Text1 => with!("text/plain; version=1.0.0; charset=utf-8"),
            Format::OpenMetrics => {
                with!("application/openmetrics-text; version=1.0.0; charset=utf-8")
            }
            Format::OpenMetrics0 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Format::Protobuf => with!(
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            ),
        })
    }
}

impl Escaping {
    fn of(value: &str) -> Option<Self> {
        Some(match value {
            "allow-utf-8" => Self::AllowUtf8,
            "underscores" => Self::Underscores,
            "dots" => Self::Dots,
            "values" => Self::Values,
            _ => return None,
        })
    }
}

/// Whether gzip is welcome (RFC 9110 §12.5.3). What is not mentioned is not asked for.
#[cfg(feature = "gzip")]
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let mut named = None;
    let mut any = false;
    for (coding, quality) in ranges(headers, &ACCEPT_ENCODING) {
        let coding = coding.split(';').next().unwrap_or_default().trim();
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            named = Some(quality > 0);
        } else if coding == "*" {
            any = quality > 0;
        }
    }
    named.unwrap_or(any)
}

/// The members of a list and their weights in thousandths (RFC 9110 §12.4.2), in order.
fn ranges<'a>(
    headers: &'a HeaderMap,
    name: &'a http::HeaderName,
) -> impl Iterator<Item = (&'a str, u16)> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|range| Some((range, quality(range)?)))
}

/// One without a weight weighs one; one whose weight is none counts for nothing.
fn quality(range: &str) -> Option<u16> {
    let mut parameters = range.split(';').skip(1).filter_map(|it| it.trim().split_once('='));
    match parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) {
        Some((_, weight)) => {
            let weight: f32 = weight.trim().parse().ok()?;
            (0.0..=1.0).contains(&weight).then_some((weight * 1000.0) as u16)
        }
        None => Some(1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(accept: &[&str]) -> Agreed {
        let value = |value: &&str| (ACCEPT, HeaderValue::from_str(value).unwrap());
        Agreed::of(&accept.iter().map(value).collect())
    }

    #[test]
    fn the_format_is_the_one_that_is_wanted_most() {
        const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for (accept, format) in [
            (&[][..], Format::Text),
            (&["*/*"], Format::Text),
            (&["text/html, application/xhtml+xml, */*;q=0.8"], Format::Text),
            (&["text/plain"], Format::Text),
            (&["text/plain;version=0.0.4;q=0.5, */*;q=0.1"], Format::Text),
            (&["text/plain;version=1.0.0"], Format::Text1),
            (&["text/plain;version=7.0"], Format::Text),
            (
                &[
                    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                ],
                Format::OpenMetrics,
            ),
            (&["application/openmetrics-text; version=0.0.1, text/plain"], Format::OpenMetrics0),
            (&["application/openmetrics-text; version=2.0.0, text/plain;q=0.1"], Format::Text),
            (
                &["text/plain;q=0.3", "Application/OpenMetrics-Text;Version=1.0.0;q=0.4"],
                Format::OpenMetrics,
            ),
            (&["application/openmetrics-text;version=1.0.0;q=0"], Format::Text),
            (
                &["application/openmetrics-text;version=1.0.0;q=nonsense, text/plain;q=0.1"],
                Format::Text,
            ),
            (&[PROTOBUF], Format::Protobuf),
            (&["application/vnd.google.protobuf"], Format::Text),
            (
                &[
                    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text, text/plain;q=0.2",
                ],
                Format::Text,
            ),
            (&["image/png"], Format::Text),
        ] {
            assert_eq!(agreed(accept).format, format, "{accept:?}");
        }
    }

    #[test]
    fn the_answer_says_again_what_was_asked_for() {
        for (accept, content_type) in [
            ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
            (
                "text/plain;version=1.0.0;escaping=underscores",
                "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6",
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=nonsense",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
        ] {
            assert_eq!(agreed(&[accept]).content_type(), content_type);
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn gzip_is_sent_to_those_who_ask_for_it() {
        for (accept, expected) in [
            ("gzip", true),
            ("GZIP;q=0.5, br", true),
            ("*", true),
            ("*, gzip;q=0", false),
            ("gzip;q=0", false),
            ("br", false),
            ("identity", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(accept);
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
            assert_eq!(gzip(&headers), expected, "{accept}");
        }
        assert!(!gzip(&HeaderMap::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_to_an_end(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = Agreed::of(&HeaderMap::from_iter([(ACCEPT, value)])).content_type();
            }
        }
    }
}
