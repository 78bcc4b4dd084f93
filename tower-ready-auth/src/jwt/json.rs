//! JSON as JOSE wants it: no name twice, no great depth, nothing after the end.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// No header and no claims of any issuer come near this depth; serde_json alone goes to 128.
const MAX_DEPTH: u8 = 16;

/// A value that borrows from its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// An integer that fits.
    Integer(i128),
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Object<'a>),
}

/// Members in the order of the text, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

// === impl Json ===

impl<'a> Json<'a> {
    /// The value that this text is, all of it.
    ///
    /// serde_json refuses what RFC 8259 does not allow, invalid UTF-8 and a byte order mark; a name
    /// twice in one object and depth beyond the bound are refused here.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        // Once for all of it is cheaper than once for each text in it.
        let text = std::str::from_utf8(text).ok()?;
        let mut parser = serde_json::Deserializer::from_str(text);
        let value = Strict { depth: 0 }.deserialize(&mut parser).ok()?;
        parser.end().ok()?;
        Some(value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) const fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The texts of an array of nothing else.
    pub(crate) fn as_texts(&self) -> Option<impl Iterator<Item = &str>> {
        let items = self.as_array()?;
        let all = items.iter().all(|item| matches!(item, Self::Text(_)));
        all.then(|| items.iter().filter_map(Self::as_str))
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// The object that this text is.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        match Json::parse(text)? {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|it| (&*it.0, &it.1))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|it| it.0 == name).map(|it| &it.1)
    }

    /// A member of a member, by a path of names.
    pub(crate) fn at(&self, path: &[Box<str>]) -> Option<&Json<'a>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.get(first)?;
        for name in rest {
            value = value.as_object()?.get(name)?;
        }
        Some(value)
    }

    /// Whether a name stands here twice. Names are few, so pairs are compared; an attacker's
    /// thousands are sorted first.
    fn has_duplicates(&self) -> bool {
        let names = || self.0.iter().map(|it| &it.0);
        if self.0.len() <= 32 {
            return names()
                .enumerate()
                .any(|(n, name)| names().take(n).any(|earlier| earlier == name));
        }
        let mut sorted: Vec<_> = names().collect();
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl<'a> IntoIterator for Object<'a> {
    type Item = (Cow<'a, str>, Json<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

// === the parser ===

struct Strict {
    depth: u8,
}

impl Strict {
    fn deeper<E: Error>(&self) -> Result<u8, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Self { depth })? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut next = access.next_key_seed(Name)?;
        if next.as_deref() == Some(NUMBER) {
            return number(&access.next_value::<String>()?);
        }
        let depth = self.deeper()?;
        // One allocation for the claims of most tokens, none of which are deep.
        let mut members = Vec::with_capacity(if depth == 1 { 12 } else { 2 });
        while let Some(name) = next {
            members.push((name, access.next_value_seed(Self { depth })?));
            next = access.next_key_seed(Name)?;
        }
        let object = Object(members);
        if object.has_duplicates() {
            return Err(Error::custom("a name twice"));
        }
        Ok(Json::Object(object))
    }
}

/// Where any crate of a program turns on the feature `arbitrary_precision` of serde_json, each number
/// comes as an object whose one member has this name, and as its value the text of the number.
const NUMBER: &str = "$serde_json::private::Number";

fn number<'de, E: Error>(text: &str) -> Result<Json<'de>, E> {
    if let Ok(integer) = text.parse::<u64>() {
        return Ok(Json::Integer(integer.into()));
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Ok(Json::Integer(integer.into()));
    }
    // As without the feature: what is larger than all numbers is none.
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
    float.map(Json::Float).ok_or_else(|| E::custom("no number"))
}

/// The name of a member. An escaped one is unescaped before it is compared, so that `\u0061lg` is
/// `alg`.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
