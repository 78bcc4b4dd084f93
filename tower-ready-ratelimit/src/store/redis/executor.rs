//! The boundary to a client of Redis.

use std::{error::Error, fmt};

/// Runs scripts on Redis: all that [`RedisStore`](super::RedisStore) wants of a client.
///
/// [`RedisClient`](super::RedisClient) is one, by redis-rs. Another client takes two methods, each of
/// which sends one command. Three things hold:
///
/// - A command is sent once. Who tries again by itself may take twice.
/// - Nothing waits for a connection that is gone: an error at once is worth more.
/// - Under Redis Cluster a command goes to the node of its first key. All keys of a command share a
///   hash tag, unless Redis never said `CROSSSLOT`.
///
/// ```
/// use tower_ready_ratelimit::store::redis::{ExecuteError, Script, ScriptExecutor};
/// # struct MyClient;
/// # struct MyError { code: String, text: String }
/// # impl MyClient {
/// #     async fn send(&self, _: Vec<Vec<u8>>) -> Result<Vec<i64>, MyError> { Ok(vec![]) }
/// # }
///
/// /// `send` takes the words of a command and expects a list of integers.
/// struct Mine(MyClient);
///
/// impl Mine {
///     async fn run(&self, command: &str, script: &str, keys: &[Vec<u8>], args: &[Vec<u8>])
///         -> Result<Vec<i64>, ExecuteError>
///     {
///         let head = [command.into(), script.into(), keys.len().to_string().into_bytes()];
///         let words = head.into_iter().chain(keys.iter().chain(args).cloned()).collect();
///         self.0.send(words).await.map_err(|error| match error.code.as_str() {
///             "NOSCRIPT" => ExecuteError::UnknownScript,
///             "CROSSSLOT" => ExecuteError::CrossSlot,
///             _ => ExecuteError::failed(error.text),
///         })
///     }
/// }
///
/// impl ScriptExecutor for Mine {
///     async fn evalsha(&self, script: &Script, keys: &[Vec<u8>], args: &[Vec<u8>])
///         -> Result<Vec<i64>, ExecuteError>
///     {
///         self.run("EVALSHA", script.sha1(), keys, args).await
///     }
///
///     async fn eval(&self, script: &Script, keys: &[Vec<u8>], args: &[Vec<u8>])
///         -> Result<Vec<i64>, ExecuteError>
///     {
///         self.run("EVAL", script.source(), keys, args).await
///     }
/// }
/// ```
pub trait ScriptExecutor: Send + Sync + 'static {
    /// Runs a script by its digest: `EVALSHA`. Every script answers with integers.
    fn evalsha(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> impl Future<Output = Result<Vec<i64>, ExecuteError>> + Send;

    /// Runs a script by its source, and Redis remembers it: `EVAL`.
    fn eval(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> impl Future<Output = Result<Vec<i64>, ExecuteError>> + Send;
}

/// A Lua script.
#[derive(Debug)]
pub struct Script {
    source: &'static str,
    sha1: String,
}

/// Redis did not run a script.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExecuteError {
    /// It does not know the digest: `NOSCRIPT`.
    UnknownScript,
    /// The keys belong to different nodes of a cluster: `CROSSSLOT`.
    CrossSlot,
    /// It could not be asked, or failed.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Script {
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, sha1: redis::Script::new(source).get_hash().to_owned() }
    }

    /// The SHA-1 of the source in hexadecimal digits.
    #[must_use]
    pub fn sha1(&self) -> &str {
        &self.sha1
    }

    /// The source.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        self.source
    }
}

impl ExecuteError {
    /// Wraps what went wrong.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownScript => "Redis does not know the script",
            Self::CrossSlot => "the keys belong to different nodes",
            Self::Failed(_) => "Redis did not run the script",
        })
    }
}

impl Error for ExecuteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error.as_ref()),
            Self::UnknownScript | Self::CrossSlot => None,
        }
    }
}
