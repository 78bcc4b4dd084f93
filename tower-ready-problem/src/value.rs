use std::borrow::Cow;

/// The value of an extension member.
///
/// Anything else that serializes comes through `Problem::with_json` under the feature `serde`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    Text(Cow<'static, str>),
    /// An integer.
    Integer(i64),
    /// An integer that is not negative.
    Unsigned(u64),
    /// A number; what is not finite is written as `null`, since JSON has no word for it.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// JSON that was serialized before.
    #[cfg(feature = "serde")]
    Json(JsonText),
}

/// JSON text, which only the serializer makes.
#[cfg(feature = "serde")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(pub(crate) Box<str>);

#[cfg(feature = "serde")]
impl JsonText {
    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    &'static str => Text, String => Text, Cow<'static, str> => Text,
    i8 => Integer, i16 => Integer, i32 => Integer, i64 => Integer,
    u8 => Unsigned, u16 => Unsigned, u32 => Unsigned, u64 => Unsigned,
    f32 => Number, f64 => Number, bool => Bool,
}
