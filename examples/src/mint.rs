//! The binary `token`: tokens and API keys to try the servers with.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use tower_ready_auth::MemoryKeys;
use tower_ready_core::RequestId;

use crate::{
    credentials::{AUDIENCE, Claims, ISSUER, Signer, api_keys, dev_signer, in_seconds},
    flags::{Flag, Refusal, Source, duration},
};

const SWITCHES: [&str; 2] = ["api-key", "jwks"];

/// What is to be minted.
struct Order {
    api_key: bool,
    jwks: bool,
    key: Option<PathBuf>,
    kid: Option<String>,
    owner: String,
    scopes: Vec<String>,
    roles: Vec<String>,
    plan: Option<String>,
    ttl: Option<i64>,
    iss: String,
    aud: String,
    sub: String,
    jti: Option<String>,
}

/// The binary `token`.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(lines) => {
            let _ = writeln!(io::stdout(), "{lines}");
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            let _ = writeln!(io::stderr(), "{refusal}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<String, Refusal> {
    // Not the environment, where `TOWER_READY_JWKS` is the server's.
    let mut source = Source::new(env::args_os().skip(1), |_| None, &SWITCHES)?;
    let order = Order::take(&mut source)?;
    match source.finish()? {
        Some(help) => Ok(help),
        None if order.api_key => order.api_key(),
        None if order.jwks => order.signer()?.jwks().map_err(|error| Refusal::new("--jwks", error)),
        None => order.token(),
    }
}

impl Order {
    fn take(source: &mut Source) -> Result<Self, Refusal> {
        let text = |name, value, default, meaning| Flag { name, value, default, meaning };
        let any = |text: &str| Ok(text.to_owned());
        Ok(Self {
            api_key: source
                .take_switch("api-key", "mints an API key, and prints its record too")?,
            jwks: source.take_switch("jwks", "prints the public keys, for --jwks of a server")?,
            key: source.take_optional(
                &text("key", "FILE", None, "signs with this private key, in PEM"),
                |path| Ok(PathBuf::from(path)),
            )?,
            kid: source
                .take_optional(&text("kid", "TEXT", None, "calls the key by this id"), any)?,
            owner: source.take(&text("owner", "TEXT", Some("dev"), "whose API key it is"), some)?,
            scopes: source.take(&text("scope", "WORDS", Some(""), "what it is good for"), words)?,
            roles: source.take(&text("role", "WORDS", Some(""), "what its owner is"), words)?,
            plan: source
                .take_optional(&text("plan", "TEXT", None, "what an owner has paid for"), any)?,
            ttl: source.take_optional(
                &text("ttl", "DURATION", None, "how long it is good; seconds without a unit"),
                seconds,
            )?,
            iss: source.take(&text("iss", "TEXT", Some(ISSUER), "who issued the token"), any)?,
            aud: source.take(&text("aud", "TEXT", Some(AUDIENCE), "whom it is for"), any)?,
            sub: source.take(&text("sub", "TEXT", Some("dev"), "whose token it is"), any)?,
            jti: source.take_optional(&text("jti", "TEXT", None, "its own id"), any)?,
        })
    }

    fn signer(&self) -> Result<Signer, Refusal> {
        let signer = match &self.key {
            Some(path) => {
                let refuse = |error: &dyn std::fmt::Display| {
                    Refusal::new("--key", format!("{}: {error}", path.display()))
                };
                let pem = fs::read_to_string(path).map_err(|error| refuse(&error))?;
                Signer::from_pem(&pem).map_err(|error| refuse(&error))?
            }
            None => dev_signer().map_err(|error| Refusal::new("--key", error))?,
        };
        Ok(match &self.kid {
            Some(id) => signer.id(id.clone()),
            None => signer,
        })
    }

    fn token(&self) -> Result<String, Refusal> {
        let claims = Claims {
            iss: self.iss.clone(),
            aud: self.aud.clone(),
            sub: self.sub.clone(),
            jti: self.jti.clone().unwrap_or_else(|| RequestId::generate().to_string()),
            iat: in_seconds(0),
            exp: in_seconds(self.ttl.unwrap_or(300)),
            scope: self.scopes.join(" "),
            roles: self.roles.clone(),
        };
        self.signer()?.sign(&claims).map_err(|error| Refusal::new("--key", error))
    }

    fn api_key(&self) -> Result<String, Refusal> {
        let refuse = |error| Refusal::new("--api-key", error);
        let keys = api_keys(MemoryKeys::new()).map_err(refuse)?;
        let (key, record) = keys.generate(&self.owner).map_err(refuse)?;
        let mut record = record.scopes(self.scopes.clone()).roles(self.roles.clone());
        if let Some(plan) = &self.plan {
            record = record.plan(plan);
        }
        if let Some(seconds) = self.ttl {
            record = record.lives(Duration::from_secs(seconds.max(0).unsigned_abs()));
        }
        Ok(format!("{}\n{}", key.as_str(), record.to_json()))
    }
}

fn some(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("is empty: write a name".to_owned()) } else { Ok(text.to_owned()) }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    Ok(words.map(str::to_owned).collect())
}

/// A time that is over already makes a token to be refused.
fn seconds(text: &str) -> Result<i64, String> {
    let period = || i64::try_from(duration(text)?.as_secs()).ok();
    text.parse().ok().or_else(period).ok_or_else(|| {
        format!("{text:?} is no time: write seconds, or digits and ms, s, m, h or d")
    })
}
