use std::{error::Error, fmt, str, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{TraceContext, member};

/// What tracing systems add to a trace: keys and values, the newest first.
///
/// It is the text of the header, checked and in its shortest form, so that passing it on costs
/// nothing. It lies elsewhere, since few traces have one and all of them are moved about.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TraceState(Option<Arc<HeaderValue>>);

/// A key or a value that `tracestate` cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMember(());

impl TraceState {
    /// The most members (§3.3.1.1).
    pub const MAX_MEMBERS: usize = 32;

    /// The longest text that is passed on. The standard asks for at least 512 (§3.3.1.5).
    pub const MAX_LEN: usize = 2048;

    pub(super) const fn empty() -> Self {
        Self(None)
    }

    /// The state in these headers, which is empty when they are not valid.
    ///
    /// Several headers are one list (§3.3). A list with a member that is not valid, or with too many,
    /// is none at all (§3.3.1.3). Of two members with the same key the first, newer one is kept.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(TraceContext::TRACESTATE).iter();
        let Some(first) = values.next() else { return Self(None) };
        match values.next() {
            // What is in its shortest form already is shared instead of copied.
            None => match parse([first.as_bytes()]) {
                Some((members, true)) if !members.is_empty() => Self(Some(Arc::new(first.clone()))),
                Some((members, _)) => members.join(),
                None => Self(None),
            },
            Some(second) => {
                let values = [first, second].into_iter().chain(values);
                parse(values.map(HeaderValue::as_bytes))
                    .map_or(Self(None), |(members, _)| members.join())
            }
        }
    }

    /// Whether there are no members.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == key).map(|(_, value)| value)
    }

    /// The members, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter_map(|member| member.split_once('='))
    }

    /// Puts a member first, in place of one with the same key (§3.4). The last one goes when there are
    /// too many.
    ///
    /// # Errors
    ///
    /// When the key or the value is not valid.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), InvalidMember> {
        if !member::is_key(key.as_bytes()) || !member::is_value(value.as_bytes()) {
            return Err(InvalidMember(()));
        }
        let new = format!("{key}={value}");
        let others = self.texts().filter(|text| !has_key(text, key)).map(str::as_bytes);
        let members = std::iter::once(new.as_bytes()).chain(others).take(Self::MAX_MEMBERS);
        *self = join(&members.collect::<Vec<_>>());
        Ok(())
    }

    /// Takes a member out (§3.4).
    pub fn remove(&mut self, key: &str) {
        let others = self.texts().filter(|text| !has_key(text, key)).map(str::as_bytes);
        *self = join(&others.collect::<Vec<_>>());
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let text = self.0.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.split(',')
    }

    /// The value of the header, unless there are no members. What is too long loses whole members:
    /// those of more than 128 characters first, then the oldest (§3.3.1.5).
    #[must_use]
    pub fn header_value(&self) -> Option<HeaderValue> {
        let value = self.0.as_deref()?;
        if value.len() <= Self::MAX_LEN {
            return Some(value.clone());
        }
        let mut members: Vec<&[u8]> = value.as_bytes().split(|byte| *byte == b',').collect();
        let mut len = value.len();
        while len > Self::MAX_LEN {
            let last = members.iter().rposition(|member| member.len() > 128);
            let member = members.remove(last.unwrap_or(members.len() - 1));
            len -= member.len() + 1;
        }
        joined(&members)
    }
}

fn has_key(member: &str, key: &str) -> bool {
    member.split_once('=').is_some_and(|(own, _)| own == key)
}

/// Members with different keys, on the stack.
#[derive(Default)]
struct Members<'a> {
    texts: [&'a [u8]; TraceState::MAX_MEMBERS],
    keys: [&'a [u8]; TraceState::MAX_MEMBERS],
    len: usize,
}

impl<'a> Members<'a> {
    const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a member, unless its key is there.
    fn push(&mut self, text: &'a [u8], key: &'a [u8]) -> bool {
        if self.keys[..self.len].contains(&key) {
            return false;
        }
        self.texts[self.len] = text;
        self.keys[self.len] = key;
        self.len += 1;
        true
    }

    fn join(&self) -> TraceState {
        join(&self.texts[..self.len])
    }
}

/// The members of these headers, and whether they are in their shortest form; none when they are not
/// valid.
fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<(Members<'a>, bool)> {
    let mut members = Members::default();
    let mut is_shortest = true;
    let mut count = 0;
    for piece in values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
        let text = member::trim(piece);
        is_shortest &= text.len() == piece.len();
        // §3.3.1.2: empty members are allowed, since it is hard not to make any.
        if text.is_empty() {
            is_shortest = false;
            continue;
        }
        count += 1;
        let (key, _) = member::split(text)?;
        if count > TraceState::MAX_MEMBERS {
            return None;
        }
        is_shortest &= members.push(text, key);
    }
    Some((members, is_shortest))
}

fn join(members: &[&[u8]]) -> TraceState {
    TraceState(joined(members).map(Arc::new))
}

fn joined(members: &[&[u8]]) -> Option<HeaderValue> {
    if members.is_empty() {
        return None;
    }
    HeaderValue::from_maybe_shared(Bytes::from(members.join(&b','))).ok()
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default())
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for InvalidMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tracestate holds keys of [a-z0-9_-*/@] and printable values without , and =")
    }
}

impl Error for InvalidMember {}
