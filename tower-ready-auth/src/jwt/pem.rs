//! PEM (RFC 7468), of one public key.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The first block of a text, as its label and its content.
pub(super) fn first(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (content, end) = rest.split_once("-----END ")?;
    end.strip_prefix(label)?.strip_prefix("-----")?;
    let mut content = content.as_bytes().to_vec();
    content.retain(|byte| !byte.is_ascii_whitespace());
    Some((label, STANDARD.decode(content).ok()?))
}

/// Whether a text means to be PEM, however it is indented.
pub(super) fn is_meant(text: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN ";
    text.windows(MARK.len()).any(|window| window == MARK)
}
