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
    meaning: "a second socket, for operators: /problems, POST /drain",
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

pub(super) const LOG: Flag = Flag {
    name: "log",
    value: "text|json",
    default: Some("text"),
    meaning: "the form of the lines on stderr",
};
