//! From a tree to a type.
//!
//! serde's derived code can take a struct from a map, one name after the other, or from a sequence, one field after the
//! other. The second takes a third of the code, so that is what it gets: the fields are looked up by their names here.
//! One that is missing is read as nothing at all, which an `Option` takes; if its type does not, serde's
//! default for it is taken, or there is none and that is an error.

use std::borrow::Cow;
use std::cell::RefCell;
use std::slice;

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::{Json, JsonError, Unfit};
use crate::domain::text::clean_line;

/// Fields that the type does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    PassedOver,
    Refused,
}

pub(super) fn take<T: DeserializeOwned>(tree: &Json<'_>, others: Others) -> Result<T, JsonError> {
    let wrong = RefCell::new(None);
    let reader = Reader {
        value: Some(tree),
        others,
        wrong: &wrong,
    };
    T::deserialize(reader).map_err(|Unfit| wrong.take().unwrap_or(JsonError::Form(None)))
}

/// Where a value is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    /// `None` for a field that is not there.
    value: Option<&'a Json<'a>>,
    others: Others,
    /// What was wrong first: serde's code gives up at that.
    wrong: &'a RefCell<Option<JsonError>>,
}

impl<'a> Reader<'a> {
    fn at(self, value: Option<&'a Json<'a>>) -> Self {
        Self {
            value,
            others: Others::PassedOver,
            wrong: self.wrong,
        }
    }

    fn blame(self, error: JsonError) -> Unfit {
        self.wrong.borrow_mut().get_or_insert(error);
        Unfit
    }

    fn text(self) -> Result<&'a str, Unfit> {
        self.value.and_then(Json::as_str).ok_or(Unfit)
    }

    fn integer<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.value {
            Some(Json::Number(number)) => visitor.visit_u64(*number),
            Some(Json::Negative(number)) => visitor.visit_i64(*number),
            _ => Err(Unfit),
        }
    }

    fn values(self) -> Result<Values<'a>, Unfit> {
        match self.value {
            Some(Json::Array(values)) => Ok(Values {
                reader: self,
                rest: Rest::Items(values.iter()),
                field: None,
            }),
            _ => Err(Unfit),
        }
    }

    fn object(self) -> Result<&'a [(Cow<'a, str>, Json<'a>)], Unfit> {
        match self.value {
            Some(Json::Object(fields)) => Ok(fields),
            _ => Err(Unfit),
        }
    }

    fn fields(self, names: &'static [&'static str]) -> Result<Values<'a>, Unfit> {
        let fields = self.object()?;
        if self.others == Others::Refused {
            let mut found = fields.iter().map(|(name, _)| name);
            if let Some(other) = found.find(|name| !names.contains(&&***name)) {
                return Err(self.blame(JsonError::UnknownField(clean_line(other))));
            }
        }
        Ok(Values {
            reader: self,
            rest: Rest::Fields(names.iter()),
            field: None,
        })
    }

    /// The variant's place among these, and what is in it.
    fn variant(self, names: &'static [&'static str]) -> Result<Variant<'a>, Unfit> {
        let (name, content) = match self.value {
            Some(Json::Text(name)) => (name, None),
            Some(Json::Object(fields)) => match fields.as_slice() {
                [(name, content)] => (name, Some(content)),
                _ => return Err(Unfit),
            },
            _ => return Err(Unfit),
        };
        let place = names.iter().position(|known| known == name);
        Ok(Variant {
            place: place
                .and_then(|place| u32::try_from(place).ok())
                .ok_or(Unfit)?,
            content: self.at(content),
        })
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
            self.integer(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Unfit;

    integers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.value {
            Some(Json::Bool(value)) => visitor.visit_bool(*value),
            _ => Err(Unfit),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.value {
            None | Some(Json::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.value {
            Some(Json::Null) => visitor.visit_unit(),
            _ => Err(Unfit),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_seq(self.values()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let values = self.values()?;
        if values.len() != length {
            return Err(Unfit);
        }
        visitor.visit_seq(values)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_map(Entries {
            reader: self,
            rest: self.object()?.iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let mut values = self.fields(names)?;
        visitor
            .visit_seq(&mut values)
            .map_err(|Unfit| values.blame())
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        visitor.visit_enum(self.variant(names)?)
    }

    // A type that does not say what it is, a number with a fraction, bytes: there are none of these here.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unfit> {
        Err(Unfit)
    }

    serde::forward_to_deserialize_any! { f32 f64 char bytes byte_buf identifier ignored_any }
}

/// Values one after the other: of an array, or the fields of a struct in the order in which it has them.
struct Values<'a> {
    reader: Reader<'a>,
    rest: Rest<'a>,
    /// The last one that was asked for.
    field: Option<&'static str>,
}

enum Rest<'a> {
    Items(slice::Iter<'a, Json<'a>>),
    Fields(slice::Iter<'static, &'static str>),
}

impl<'a> Values<'a> {
    fn len(&self) -> usize {
        match &self.rest {
            Rest::Items(items) => items.len(),
            Rest::Fields(names) => names.len(),
        }
    }

    fn next(&mut self) -> Option<Reader<'a>> {
        let value = match &mut self.rest {
            Rest::Items(items) => Some(items.next()?),
            Rest::Fields(names) => {
                let name = *names.next()?;
                self.field = Some(name);
                self.reader.value.and_then(|object| object.get(name))
            }
        };
        Some(self.reader.at(value))
    }

    /// serde's code gave up, at the field that it asked for last.
    fn blame(&self) -> Unfit {
        self.reader.blame(JsonError::Form(self.field))
    }
}

impl<'de> SeqAccess<'de> for Values<'de> {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unfit> {
        let Some(reader) = self.next() else {
            return Ok(None);
        };
        match seed.deserialize(reader) {
            Ok(value) => Ok(Some(value)),
            Err(Unfit) if reader.value.is_none() => Ok(None),
            Err(Unfit) => Err(Unfit),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len())
    }
}

/// The entries of a map.
struct Entries<'a> {
    reader: Reader<'a>,
    rest: slice::Iter<'a, (Cow<'a, str>, Json<'a>)>,
    value: Option<&'a Json<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unfit> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let name: StrDeserializer<'_, Unfit> = (&**name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unfit> {
        seed.deserialize(self.reader.at(self.value))
    }
}

/// A variant: a text if nothing is in it, or else an object with it as the one field.
struct Variant<'a> {
    place: u32,
    content: Reader<'a>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Unfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unfit> {
        let place: U32Deserializer<Unfit> = self.place.into_deserializer();
        Ok((seed.deserialize(place)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Unfit;

    fn unit_variant(self) -> Result<(), Unfit> {
        match self.content.value {
            None | Some(Json::Null) => Ok(()),
            Some(_) => Err(Unfit),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unfit> {
        match self.content.value {
            Some(_) => seed.deserialize(self.content),
            None => Err(Unfit),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Unfit> {
        self.content.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.content.deserialize_struct("", names, visitor)
    }
}
