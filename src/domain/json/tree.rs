//! A JSON value, of any form.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::JsonError;

/// A JSON value. It borrows from the text that it was parsed from.
///
/// Not `serde_json::Value`: that owns all that it has, in maps, and can write fractions, which takes tables of 10 KB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from 0 on.
    Number(u64),
    /// An integer below 0.
    Negative(i64),
    /// Any other number: with a fraction, an exponent, or beyond 64 bits. Nobody here has a use for one, so which it was
    /// is not kept.
    Fraction,
    /// A text, without its quotes and escapes.
    Text(Cow<'a, str>),
    /// Values in their order.
    Array(Vec<Json<'a>>),
    /// Fields in their order. Of two of one name the last counts.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Parses a text.
    ///
    /// # Errors
    /// [`JsonError::Syntax`]; also for what is nested more than 127 deep.
    pub fn parse(text: &'a str) -> Result<Self, JsonError> {
        serde_json::from_str(text).map_err(|error| JsonError::Syntax {
            line: error.line(),
            column: error.column(),
        })
    }

    /// Parses bytes that should be UTF-8.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub fn parse_bytes(bytes: &'a [u8]) -> Result<Self, JsonError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let lines = || good.split(|byte| *byte == b'\n');
                Err(JsonError::Syntax {
                    line: lines().count(),
                    column: lines().next_back().map_or(0, <[u8]>::len) + 1,
                })
            }
        }
    }

    /// An object of these fields.
    #[must_use]
    pub fn object(fields: Vec<(&'static str, Self)>) -> Self {
        let fields = fields.into_iter();
        Self::Object(fields.map(|(name, value)| (name.into(), value)).collect())
    }

    /// A field of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => {
                let mut fields = fields.iter().rev();
                fields.find(|field| field.0 == name).map(|field| &field.1)
            }
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same, with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(number) => Json::Number(number),
            Self::Negative(number) => Json::Negative(number),
            Self::Fraction => Json::Fraction,
            Self::Text(text) => Json::Text(own(text)),
            Self::Array(values) => Json::Array(values.into_iter().map(Self::into_owned).collect()),
            Self::Object(fields) => {
                let fields = fields.into_iter();
                Json::Object(
                    fields
                        .map(|(name, value)| (own(name), value.into_owned()))
                        .collect(),
                )
            }
        }
    }

    /// As JSON, without any space. A fraction is `null`, as JavaScript writes what it can't.
    #[must_use]
    pub fn to_json(&self) -> String {
        super::write(self).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Parsed)
    }
}

/// Takes what `serde_json` finds.
struct Parsed;

impl<'de> Visitor<'de> for Parsed {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Json::Fraction)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        // A name is taken as any value is, so that it is borrowed where it can be.
        while let Some((name, value)) = entries.next_entry()? {
            let Json::Text(name) = name else {
                return Err(A::Error::custom("a name is a text"));
            };
            fields.push((name, value));
        }
        Ok(Json::Object(fields))
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null | Self::Fraction => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Negative(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Json<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u16> for Json<'_> {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Json<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Json<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Json<'_> {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Self::Negative(number), Self::Number)
    }
}

impl<'a, T: Into<Json<'a>>> From<Option<T>> for Json<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
