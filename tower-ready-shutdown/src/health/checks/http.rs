use std::borrow::Cow;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::target::{Target, check, malformed};
use crate::health::{Check, check::BoxError};

/// The longest line of an answer that is read: version, status and a reason.
const MAX_LINE: usize = 256;

#[derive(Clone, Debug)]
struct Question {
    target: Target,
    request: String,
}

impl Check {
    /// That a `GET` of a plain `http://host[:port]/path` is answered with a status below 400.
    ///
    /// It speaks HTTP/1.1 over a connection of its own, without TLS. For `https`, for methods and
    /// for tokens, ask with the client that your service has already, in [`Check::new`].
    pub fn http(name: impl Into<Cow<'static, str>>, url: impl AsRef<str>) -> Self {
        let name = name.into();
        let question = question(url.as_ref());
        let question =
            question.ok_or_else(|| malformed(&name, "the URL", "http://prices:8080/readyz"));
        check(name, question, ask)
    }
}

fn question(url: &str) -> Option<Question> {
    let uri: http::Uri = url.parse().ok()?;
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let authority = uri.authority()?;
    let host = authority.as_str();
    let target = Target::parse(host).or_else(|| Target::parse(&format!("{host}:80")))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: tower-ready\r\naccept: */*\r\n\
         connection: close\r\n\r\n"
    );
    Some(Question { target, request })
}

async fn ask(question: Question) -> Result<(), BoxError> {
    let mut stream = question.target.connect().await?;
    stream.write_all(question.request.as_bytes()).await?;
    let mut line = Vec::with_capacity(MAX_LINE);
    let mut stream = stream.take(MAX_LINE as u64);
    while !line.contains(&b'\n') {
        if stream.read_buf(&mut line).await? == 0 {
            return Err("the answer broke off".into());
        }
    }
    match status(&line) {
        Some(200..400) => Ok(()),
        Some(status) => Err(format!("answered with status {status}").into()),
        None => Err("the answer is no HTTP".into()),
    }
}

/// The status in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let digits = rest.first_chunk::<3>()?;
    let is_over = matches!(rest.get(3), Some(b' ' | b'\r' | b'\n'));
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (is_over && digits.iter().all(u8::is_ascii_digit)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_urls_become_requests() {
        let plain = question("http://prices/readyz?verbose").unwrap();
        assert_eq!(plain.target.authority(), "prices:80");
        assert!(plain.request.starts_with("GET /readyz?verbose HTTP/1.1\r\nhost: prices\r\n"));
        assert_eq!(question("http://[::1]:8080").unwrap().target.authority(), "[::1]:8080");
        for bad in ["https://prices/", "prices:80", "/readyz", "http://user:pw@prices/", "http://"]
        {
            assert!(question(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_status_has_three_digits() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for bad in
            [&b"HTTP/2 200\r\n"[..], b"HTTP/1.1 20\r\n", b"HTTP/1.1 2000 OK", b"SSH-2.0", b""]
        {
            assert_eq!(status(bad), None);
        }
    }
}
