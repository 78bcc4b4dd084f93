//! Where a check connects to.

use std::io;

use tokio::net::TcpStream;

use crate::health::{Check, ConfigError, ConfigErrorKind, check::BoxError};

/// A host and a port, which are looked up anew each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target(String);

impl Target {
    /// `host:port`, with an IPv6 address in brackets.
    pub(super) fn parse(authority: &str) -> Option<Self> {
        let (host, port) = authority.rsplit_once(':')?;
        let host = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
        let is_name = !host.is_empty() && host.bytes().all(plain);
        let port = port.parse::<u16>().ok().filter(|port| *port > 0);
        (is_name && port.is_some()).then(|| Self(authority.to_owned()))
    }

    #[cfg(test)]
    pub(super) fn authority(&self) -> &str {
        &self.0
    }

    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(&*self.0).await
    }
}

/// The error for a target that cannot be read. It shows nothing of it: there may be a password.
pub(super) fn malformed(check: &str, setting: &str, example: &str) -> ConfigError {
    let text = format!("check {check:?}: {setting} cannot be read: use one such as `{example}`");
    ConfigError::new(ConfigErrorKind::Target, text)
}

/// A check of something that may be malformed, with what it does.
pub(super) fn check<T, R>(
    name: std::borrow::Cow<'static, str>,
    target: Result<T, ConfigError>,
    look: impl Fn(T) -> R + Send + Sync + 'static,
) -> Check
where
    T: Clone + Send + Sync + 'static,
    R: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    match target {
        Ok(target) => Check::new(name, move || look(target.clone())),
        Err(error) => Check::of(name, Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_host_and_a_port() {
        for good in ["db:5432", "10.0.0.1:80", "[::1]:6379", "db.internal.:1", "a_b:65535"] {
            assert!(Target::parse(good).is_some(), "{good}");
        }
        for bad in
            ["", "db", ":80", "db:", "db:0", "db:65536", "db:http", "[::1:80", "a b:1", "a\r\n:1"]
        {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }
}
