//! Every flag of a server, as `--help` shows it.

use super::Flag;

pub(super) const fn listen(default: &'static str) -> Flag {
    Flag {
        name: "listen",
        value: "ADDR:PORT",
        default: Some(default),
        meaning: "the serving socket; port 0 picks a free one",
    }
}

pub(super) const ADMIN: Flag = Flag {
    name: "admin",
    value: "ADDR:PORT",
    default: None,
    meaning: "a second socket, for operators: /metrics, health in full, /problems, POST /drain",
};

pub(super) const JWKS: Flag = Flag {
    name: "jwks",
    value: "FILE|URL",
    default: None,
    meaning: "the keys that sign tokens, a JWK set; without it those of the binary `token`",
};

pub(super) const ISSUER: Flag = Flag {
    name: "issuer",
    value: "TEXT",
    default: Some("https://issuer.example"),
    meaning: "who has to have issued a token",
};

pub(super) const AUDIENCE: Flag = Flag {
    name: "audience",
    value: "TEXT",
    default: Some("orders"),
    meaning: "whom a token has to be for",
};

pub(super) const REVOCATIONS: Flag = Flag {
    name: "revocations",
    value: "FILE",
    default: None,
    meaning: "what is good no more, one value a line: jti, sub, key id, or the id of an API key",
};

pub(super) const API_KEYS: Flag = Flag {
    name: "api-keys",
    value: "FILE",
    default: None,
    meaning: "a JSON array of records of API keys; without it one key, which is printed",
};

pub(super) const AUTH_FAILURES: Flag = Flag {
    name: "auth-failures",
    value: "N/DURATION",
    default: Some("60/1m"),
    meaning: "how often one address may fail to say who it is",
};

pub(super) const REDIS: Flag = Flag {
    name: "redis",
    value: "URL",
    default: None,
    meaning: "counts in this Redis, for all instances together; without it in memory",
};

pub(super) const LIMIT_MODE: Flag = Flag {
    name: "limit-mode",
    value: "exact|leased",
    default: Some("exact"),
    meaning: "with --redis: asks it about every request, or holds units of busy callers",
};

pub(super) const REDIS_TIMEOUT: Flag = Flag {
    name: "redis-timeout",
    value: "DURATION",
    default: Some("100ms"),
    meaning: "with --redis: how long a request waits for it, up to 10s",
};

pub(super) const ON_STORE_ERROR: Flag = Flag {
    name: "on-store-error",
    value: "share|allow|deny",
    default: Some("share"),
    meaning: "with --redis: what holds while it cannot be asked; share is the quota by instances",
};

pub(super) const INSTANCES: Flag = Flag {
    name: "instances",
    value: "N",
    default: None,
    meaning: "with --redis: how many instances share; without it they are counted",
};

pub(super) const QUOTA: Flag = Flag {
    name: "quota",
    value: "N/DURATION[;burst=B]",
    default: Some("100/1s"),
    meaning: "what one principal may ask, by whatever token or key",
};

pub(super) const IP_QUOTA: Flag = Flag {
    name: "ip-quota",
    value: "N/DURATION[;burst=B]",
    default: Some("200/1s"),
    meaning: "what one client address may ask",
};

pub(super) const TRUST_PROXY: Flag = Flag {
    name: "trust-proxy",
    value: "CIDR[,CIDR…]",
    default: None,
    meaning: "the proxies whose forwarding header is believed",
};

pub(super) const TRUST_HEADER: Flag = Flag {
    name: "trust-header",
    value: "x-forwarded-for|forwarded",
    default: Some("x-forwarded-for"),
    meaning: "the only forwarding header that is read",
};

pub(super) const UPSTREAM: Flag = Flag {
    name: "upstream",
    value: "URL",
    default: None,
    meaning: "the service that GET /upstream/PATH calls",
};

pub(super) const UPSTREAM_TIMEOUT: Flag = Flag {
    name: "upstream-timeout",
    value: "DURATION",
    default: Some("1s"),
    meaning: "how long one attempt to call it may take",
};

pub(super) const BREAKER_OPEN: Flag = Flag {
    name: "breaker-open",
    value: "DURATION",
    default: Some("1s"),
    meaning: "how long it is left alone at first when it has failed; twice as long each time",
};

pub(super) const TIMEOUT: Flag = Flag {
    name: "timeout",
    value: "DURATION",
    default: Some("10s"),
    meaning: "how long a request may take, and the most that a caller may ask for",
};

pub(super) const MAX_IN_FLIGHT: Flag = Flag {
    name: "max-in-flight",
    value: "N",
    default: Some("512"),
    meaning: "how many requests are served at a time, to the ends of their bodies",
};

pub(super) const CORS_ORIGINS: Flag = Flag {
    name: "cors-origins",
    value: "ORIGIN[,ORIGIN…]|*",
    default: None,
    meaning: "whose pages a browser lets read the answers; without it nobody else's",
};

pub(super) const CORS_CREDENTIALS: Flag = Flag {
    name: "cors-credentials",
    value: "yes|no",
    default: Some("no"),
    meaning: "whether such pages come with cookies; never with *",
};

pub(super) const EDGE: Flag = Flag {
    name: "edge",
    value: "trusted|untrusted",
    default: Some("trusted"),
    meaning: "whether callers are believed about traces and request ids",
};

pub(super) const LAME_DUCK: Flag = Flag {
    name: "lame-duck",
    value: "DURATION",
    default: Some("8s"),
    meaning: "how long a server that leaves serves on, until everybody has noticed",
};

pub(super) const DRAIN: Flag = Flag {
    name: "drain",
    value: "DURATION",
    default: Some("14s"),
    meaning: "how long what is in flight may take after that",
};

pub(super) const OTLP: Flag = Flag {
    name: "otlp",
    value: "URL",
    default: None,
    meaning: "a collector of OTLP over HTTP, to which spans and metrics go",
};

pub(super) const LOG: Flag = Flag {
    name: "log",
    value: "text|json",
    default: Some("text"),
    meaning: "the form of the lines on stderr",
};
