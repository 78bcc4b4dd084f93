//! The `RateLimit` field, as much of it as a client needs.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The longest `t` among the policies that have nothing left, `r=0`.
///
/// It reads the lists of RFC 9651 that the field is made of, and makes nothing of what is no such
/// list: a field is advice, and a client that cannot read it goes on as before.
pub(super) fn nothing_left(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(LIMIT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| Pieces { rest: line, by: ',' }).filter_map(spent).max()
}

fn spent(item: &str) -> Option<Duration> {
    let (mut left, mut seconds) = (None, None);
    for parameter in (Pieces { rest: item, by: ';' }).skip(1) {
        match parameter.trim().split_once('=') {
            Some(("r", value)) => left = Some(value.parse::<u64>().ok()?),
            Some(("t", value)) => seconds = Some(value.parse::<u64>().ok()?),
            _ => {}
        }
    }
    (left? == 0).then(|| seconds.map(Duration::from_secs)).flatten()
}

/// The pieces of a text between separators that stand in no string.
struct Pieces<'a> {
    rest: &'a str,
    by: char,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.find(|character| {
            let ends = character == self.by && !quoted;
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            ends
        });
        let (piece, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + self.by.len_utf8()..]),
            None => (self.rest, ""),
        };
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(LIMIT, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        nothing_left(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_longest_time_of_a_spent_policy_counts() {
        for (lines, expected) in [
            (&[r#""a";r=0;t=5"#][..], Some(5)),
            (&[r#""a";r=3;t=5"#], None),
            (&[r#""a";r=0;t=5, "b";r=0;t=7,"c";r=9;t=90"#], Some(7)),
            (&[r#""a";r=0;t=5"#, r#""b";t=8;r=0"#], Some(8)),
            (&[r#""a,b;r=0;t=9";r=1;t=4"#], None),
            (&[r#""a\",;r=0;t=9";r=0;t=4;pk=:YQ==:"#], Some(4)),
            (&[r#""a";r=0"#], None),
            (&[r#""a";r=-1;t=5"#], None),
            (&["", ",", ";", "\"", "a"], None),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_fields_are_survived(line in "[ -~]{0,80}") {
            let _ = read(&[&line]);
        }
    }
}
