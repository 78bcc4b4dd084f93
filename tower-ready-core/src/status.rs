use http::StatusCode;

/// The reason phrase of a status, as RFC 9110 §15 has it.
///
/// The `http` crate still has the older phrases of 413 and 422. A status without a phrase gets the
/// name of its class.
#[must_use]
pub fn reason_phrase(status: StatusCode) -> &'static str {
    match status.as_u16() {
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => status.canonical_reason().unwrap_or_else(|| match status.as_u16() / 100 {
            1 => "Informational",
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_those_of_rfc_9110() {
        for (status, phrase) in [
            (404, "Not Found"),
            (413, "Content Too Large"),
            (414, "URI Too Long"),
            (416, "Range Not Satisfiable"),
            (422, "Unprocessable Content"),
            (426, "Upgrade Required"),
            (499, "Client Error"),
            (599, "Server Error"),
        ] {
            assert_eq!(reason_phrase(StatusCode::from_u16(status).unwrap()), phrase);
        }
    }
}
