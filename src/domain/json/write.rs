//! From a type to text.

use std::fmt::Write as _;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{JsonError, Unfit};

pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, JsonError> {
    let mut out = String::new();
    match value.serialize(Writer(&mut out)) {
        Ok(()) => Ok(out),
        Err(Unfit) => Err(JsonError::Form(None)),
    }
}

/// RFC 8259 §7: what has to be escaped is, and nothing else.
pub(super) fn text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f))
    {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        let byte = escaped.bytes().next().unwrap_or_default();
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                // A String takes all that is written to it.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        rest = escaped.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

/// Where a value is written.
struct Writer<'a>(&'a mut String);

impl<'a> Writer<'a> {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is what serde wants of each value"
    )]
    fn word(self, word: &str) -> Result<(), Unfit> {
        self.0.push_str(word);
        Ok(())
    }

    fn name(&mut self, name: &str) {
        text(self.0, name);
        self.0.push(':');
    }

    fn open(self, open: char, close: &'static str) -> Compound<'a> {
        self.0.push(open);
        Compound {
            out: self.0,
            empty: true,
            close,
        }
    }

    fn open_variant(mut self, variant: &str, open: char, close: &'static str) -> Compound<'a> {
        self.0.push('{');
        self.name(variant);
        self.open(open, close)
    }
}

macro_rules! integers {
    ($($method:ident $number:ty, $wide:ty;)*) => {$(
        fn $method(self, number: $number) -> Result<(), Unfit> {
            self.word(&<$wide>::from(number).to_string())
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    integers! {
        serialize_u8 u8, u64; serialize_u16 u16, u64; serialize_u32 u32, u64; serialize_u64 u64, u64;
        serialize_i8 i8, i64; serialize_i16 i16, i64; serialize_i32 i32, i64; serialize_i64 i64, i64;
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unfit> {
        self.word(if value { "true" } else { "false" })
    }

    fn serialize_str(self, value: &str) -> Result<(), Unfit> {
        text(self.0, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Unfit> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    // There is no number with a fraction here: to write one takes 20 KB of tables.
    fn serialize_f32(self, _: f32) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_none(self) -> Result<(), Unfit> {
        self.word("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unfit> {
        self.word("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unfit> {
        self.word("null")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unfit> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        self.0.push('{');
        self.name(variant);
        value.serialize(Writer(self.0))?;
        self.word("}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Unfit> {
        Ok(self.open('[', "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Unfit> {
        Ok(self.open('[', "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Unfit> {
        Ok(self.open('[', "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Unfit> {
        Ok(self.open_variant(variant, '[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Unfit> {
        Ok(self.open('{', "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Unfit> {
        Ok(self.open('{', "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Unfit> {
        Ok(self.open_variant(variant, '{', "}}"))
    }
}

/// An array or an object that is being written.
struct Compound<'a> {
    out: &'a mut String,
    empty: bool,
    close: &'static str,
}

impl Compound<'_> {
    fn next(&mut self) -> Writer<'_> {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        Writer(self.out)
    }

    fn field(&mut self, name: &str) -> Writer<'_> {
        let mut writer = self.next();
        writer.name(name);
        writer
    }

    fn close(self) -> Result<(), Unfit> {
        Writer(self.out).word(self.close)
    }
}

macro_rules! sequences {
    ($($kind:ident $method:ident),*) => {$(
        impl $kind for Compound<'_> {
            type Ok = ();
            type Error = Unfit;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
                value.serialize(self.next())
            }

            fn end(self) -> Result<(), Unfit> {
                self.close()
            }
        }
    )*};
}

sequences!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

macro_rules! structs {
    ($($kind:ident),*) => {$(
        impl $kind for Compound<'_> {
            type Ok = ();
            type Error = Unfit;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Unfit> {
                value.serialize(self.field(name))
            }

            fn end(self) -> Result<(), Unfit> {
                self.close()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        key.serialize(self.next())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        // Only a text is a name (§4).
        if !self.out.ends_with('"') {
            return Err(Unfit);
        }
        self.out.push(':');
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Unfit> {
        self.close()
    }
}
