//! Which form a caller wants.

use http::{HeaderMap, header::ACCEPT};

/// The forms in which health is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
    /// `application/health+json`, of draft-inadarei-api-health-check-05.
    Draft,
}

impl Format {
    /// What the caller likes best (RFC 9110 §12.5.1), and text if it does not care.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut best = (0, Self::Text);
        for (weight, format) in values.flat_map(|value| value.split(',')).filter_map(Self::range) {
            // Of two that are liked alike, the first.
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    fn range(range: &str) -> Option<(u16, Self)> {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?;
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let format = if is("application/health+json") {
            Self::Draft
        } else if is("application/json") || is("application/*") {
            Self::Json
        } else if is("text/plain") || is("text/*") || is("*/*") {
            Self::Text
        } else {
            return None;
        };
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("q").then(|| thousandths(value))
        });
        Some((weight.unwrap_or(1_000), format))
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Draft => "application/health+json",
        }
    }
}

/// A weight of RFC 9110 §12.4.2 as a whole number; what is none weighs nothing.
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = rest.bytes().chain(std::iter::repeat(b'0')).take(3);
    match whole {
        "0" => digits.fold(0, |sum, digit| sum * 10 + u16::from(digit.saturating_sub(b'0').min(9))),
        "1" => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_liked_best_is_told() {
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Text),
            ("application/json", Format::Json),
            ("Application/JSON ; charset=utf-8", Format::Json),
            ("application/health+json, application/json;q=0.9, */*;q=0.1", Format::Draft),
            ("application/json;q=0.5, application/health+json", Format::Draft),
            ("application/health+json;q=0, */*", Format::Text),
            ("application/health+json;q=0.001, text/plain;q=0", Format::Draft),
            ("image/png", Format::Text),
            ("application/json;q=banana, text/plain;q=0.2", Format::Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, http::HeaderValue::from_str(accept).unwrap());
            assert_eq!(Format::accepted(&headers), format, "{accept:?}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Text);
    }

    proptest::proptest! {
        #[test]
        fn hostile_headers_are_just_text_or_better(bytes: Vec<u8>) {
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(ACCEPT, value)]);
                let _ = Format::accepted(&headers);
            }
        }
    }
}
