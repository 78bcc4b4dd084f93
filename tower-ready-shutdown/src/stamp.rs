//! `Connection: close` on an answer.

use http::{HeaderValue, Response, StatusCode, header::CONNECTION};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Says that no answer comes after this one (RFC 9112 §9.6), so that the client sends its next
/// request elsewhere. What the answer says of its connection already stays.
pub(crate) fn stamp<B>(response: &mut Response<B>) {
    // An upgraded connection is HTTP's no longer.
    if response.status() != StatusCode::SWITCHING_PROTOCOLS && !says_close(response) {
        response.headers_mut().append(CONNECTION, CLOSE);
    }
}

fn says_close<B>(response: &Response<B>) -> bool {
    response.headers().get_all(CONNECTION).iter().any(|value| {
        let mut options = value.as_bytes().split(|byte| *byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(status: u16, given: &[&'static str]) -> Vec<String> {
        let mut response = Response::builder().status(status).body(()).unwrap();
        for value in given {
            response.headers_mut().append(CONNECTION, HeaderValue::from_static(value));
        }
        stamp(&mut response);
        let values = response.headers().get_all(CONNECTION);
        values.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn an_answer_says_close_once_and_keeps_what_it_says() {
        assert_eq!(stamped(200, &[]), ["close"]);
        assert_eq!(stamped(503, &["x-hop"]), ["x-hop", "close"]);
        assert_eq!(stamped(200, &["close"]), ["close"]);
        assert_eq!(stamped(200, &["x-hop, Close"]), ["x-hop, Close"]);
        assert_eq!(stamped(200, &["x-close"]), ["x-close", "close"]);
    }

    #[test]
    fn an_upgrade_is_left_alone() {
        assert_eq!(stamped(101, &["upgrade"]), ["upgrade"]);
    }
}
