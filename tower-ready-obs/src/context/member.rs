//! The grammar of one member of `tracestate` (W3C Trace Context level 2, §3.3.1.3).

/// The longest key and the longest value.
const MAX_LEN: usize = 256;

/// Key and value of a member, if it is valid.
pub(super) fn split(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    (is_key(key) && is_value(value)).then_some((key, value))
}

/// `( lcalpha / DIGIT ) 0*255 ( keychar )`. Level 1 wanted more of a key with an `@`.
pub(super) fn is_key(key: &[u8]) -> bool {
    let Some((first, rest)) = key.split_first() else { return false };
    let may_start = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let may_follow =
        |byte: &u8| may_start(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MAX_LEN && may_start(first) && rest.iter().all(may_follow)
}

/// `0*255(chr) nblk-chr`: printable, without `,` and `=`, and not ending in a space.
pub(super) fn is_value(value: &[u8]) -> bool {
    let may_stand = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    matches!(value.len(), 1..=MAX_LEN) && !value.ends_with(b" ") && value.iter().all(may_stand)
}

/// The member without the white space around it (RFC 9110 §5.6.3).
pub(super) fn trim(member: &[u8]) -> &[u8] {
    let is_ink = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = member.iter().position(is_ink).unwrap_or(member.len());
    let end = member.iter().rposition(is_ink).map_or(start, |last| last + 1);
    &member[start..end]
}
