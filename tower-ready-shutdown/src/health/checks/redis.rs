use std::{borrow::Cow, fmt};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::target::{Target, check, malformed};
use crate::health::{Check, check::BoxError};

/// The longest line that is read.
const MAX_LINE: usize = 512;

#[derive(Clone)]
struct Question {
    target: Target,
    /// What is said, in RESP.
    commands: Vec<Vec<u8>>,
}

impl Check {
    /// That Redis answers `PING`, at `redis://[[user]:password@]host[:port]`.
    ///
    /// It speaks for itself, on a connection of its own, so that it shows Redis and not the pool of
    /// a client. Redis that loads its data, or that refuses the password, fails.
    pub fn redis(name: impl Into<Cow<'static, str>>, url: impl AsRef<str>) -> Self {
        let name = name.into();
        let question = question(url.as_ref());
        let question =
            question.ok_or_else(|| malformed(&name, "the URL", "redis://:secret@cache:6379"));
        check(name, question, ask)
    }
}

fn question(url: &str) -> Option<Question> {
    let rest = url.strip_prefix("redis://")?;
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    let (login, host) =
        rest.rsplit_once('@').map_or((None, rest), |(login, host)| (Some(login), host));
    let target = Target::parse(host).or_else(|| Target::parse(&format!("{host}:6379")))?;
    let mut commands = Vec::new();
    if let Some(login) = login {
        let (user, password) = login.split_once(':')?;
        let (user, password) = (decoded(user)?, decoded(password)?);
        commands.push(if user.is_empty() {
            command(&[b"AUTH", &password])
        } else {
            command(&[b"AUTH", &user, &password])
        });
    }
    commands.push(command(&[b"PING"]));
    Some(Question { target, commands })
}

/// A command as RESP has it: a list of strings with their lengths.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        command.extend(format!("${}\r\n", word.len()).into_bytes());
        command.extend_from_slice(word);
        command.extend(b"\r\n");
    }
    command
}

/// RFC 3986 §2.1.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

async fn ask(question: Question) -> Result<(), BoxError> {
    let mut stream = question.target.connect().await?;
    for command in &question.commands {
        stream.write_all(command).await?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() >= MAX_LINE || stream.read_buf(&mut line).await? == 0 {
                return Err("the answer broke off".into());
            }
        }
        if line.first() != Some(&b'+') {
            // Its errors name no secret: `-NOAUTH Authentication required.`
            return Err(String::from_utf8_lossy(line.trim_ascii_end()).into());
        }
    }
    Ok(())
}

/// The commands may hold a password.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str) -> Option<(String, Vec<u8>)> {
        let question = question(url)?;
        Some((question.target.authority().to_owned(), question.commands.concat()))
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        let ping = "*1\r\n$4\r\nPING\r\n";
        for (url, authority, login) in [
            ("redis://cache", "cache:6379", ""),
            ("redis://cache:1/0", "cache:1", ""),
            ("redis://[::1]:7/?a=b", "[::1]:7", ""),
            ("redis://:p%40ss@cache", "cache:6379", "*2\r\n$4\r\nAUTH\r\n$4\r\np@ss\r\n"),
            ("redis://me:pw@cache", "cache:6379", "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n"),
        ] {
            let expected = (authority.to_owned(), format!("{login}{ping}").into_bytes());
            assert_eq!(said(url), Some(expected), "{url}");
        }
        for bad in ["cache:6379", "rediss://cache", "redis://", "redis://a%4@c", "redis://me@cache"]
        {
            assert!(said(bad).is_none(), "{bad}");
        }
    }
}
