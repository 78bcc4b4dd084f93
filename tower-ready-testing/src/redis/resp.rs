//! One command to Redis, in its wire protocol.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `command` over a connection of its own and returns the answer as text, or Redis's error.
pub(super) fn ask(port: u16, password: Option<&str>, command: &[&str]) -> Result<String, String> {
    match exchange(port, password, command) {
        Ok(answer) => answer,
        Err(error) => panic!("{command:?} got no answer from port {port}: {error}"),
    }
}

/// The outer result is that of the connection, the inner one Redis's.
fn exchange(
    port: u16,
    password: Option<&str>,
    command: &[&str],
) -> io::Result<Result<String, String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    if let Some(password) = password {
        stream.write_all(&request(&["AUTH", password]))?;
        if let Err(error) = read(&mut answers)? {
            return Ok(Err(error));
        }
    }
    stream.write_all(&request(command))?;
    read(&mut answers)
}

fn request(command: &[&str]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", command.len());
    for word in command {
        let _ = write!(request, "${}\r\n{word}\r\n", word.len());
    }
    request.into_bytes()
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Result<String, String>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.trim_end();
    let Some((kind, rest)) = line.split_at_checked(1) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    Ok(match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => Err(rest.to_owned()),
        "$" => match length(rest)? {
            Some(length) => Ok(bulk(stream, length)?),
            None => Ok("(nil)".to_owned()),
        },
        "*" => {
            let mut answers = Vec::new();
            for _ in 0..length(rest)?.unwrap_or_default() {
                answers.push(read(stream)?);
            }
            answers.into_iter().collect::<Result<Vec<_>, _>>().map(|lines| lines.join("\n"))
        }
        _ => return Err(io::Error::other(format!("not Redis: {line}"))),
    })
}

/// A length, or none for nil.
fn length(text: &str) -> io::Result<Option<usize>> {
    match text {
        "-1" => Ok(None),
        text => text.parse().map(Some).map_err(io::Error::other),
    }
}

fn bulk(stream: &mut impl Read, length: usize) -> io::Result<String> {
    let mut text = vec![0; length + "\r\n".len()];
    stream.read_exact(&mut text)?;
    text.truncate(length);
    Ok(String::from_utf8_lossy(&text).into_owned())
}
