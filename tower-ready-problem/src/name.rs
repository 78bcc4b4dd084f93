//! The names within a problem: its extension members, and the machine code of a mere status.

/// RFC 9457 §3.2: a letter, then letters, digits and `_`, so that every format can carry the name.
pub(crate) fn is_extension(name: &str) -> bool {
    const STANDARD: [&str; 12] = [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "errors",
        "request_id",
        "trace_id",
        "error_id",
        "violated-policies",
        "internal",
    ];
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    name.len() <= 64
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.bytes().all(word)
        && !STANDARD.contains(&name)
}

/// `I'm a teapot` → `IM_A_TEAPOT`.
pub(crate) fn screaming(phrase: &str) -> String {
    let letters = phrase.chars().filter(|letter| *letter != '\'');
    let scream = |letter: char| match letter.to_ascii_uppercase() {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '_',
    };
    letters.map(scream).collect()
}
