//! From text to tree: the grammar of RFC 8259, and nothing beside it.

use std::borrow::Cow;

use super::{Json, JsonError};

/// Deeper than this nothing is read: each level is a frame on the stack. As `serde_json` has it.
const MAX_DEPTH: u8 = 128;

/// Goes through a text. Each step gives `None` where the text is no JSON, and stays there.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// §2: one value, with space around it.
    pub(super) fn whole(mut self) -> Result<Json<'a>, JsonError> {
        let value = self.value(MAX_DEPTH).filter(|_| {
            self.pass_space();
            self.peek().is_none()
        });
        value.ok_or_else(|| {
            let read = self.text.as_bytes().get(..self.at);
            syntax_error(read.unwrap_or_default())
        })
    }

    /// §3. Space before it is passed over.
    fn value(&mut self, depth: u8) -> Option<Json<'a>> {
        self.pass_space();
        match self.peek()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b'"' => self.string().map(Json::Text),
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            _ => self.number(),
        }
    }

    /// §4.
    fn object(&mut self, depth: u8) -> Option<Json<'a>> {
        let mut fields = Vec::new();
        self.at += 1;
        self.pass_space();
        if self.passes(b'}') {
            return Some(Json::Object(fields));
        }
        loop {
            self.pass_space();
            let name = self.string()?;
            self.pass_space();
            self.pass(b':')?;
            fields.push((name, self.value(depth)?));
            self.pass_space();
            if self.passes(b'}') {
                return Some(Json::Object(fields));
            }
            self.pass(b',')?;
        }
    }

    /// §5.
    fn array(&mut self, depth: u8) -> Option<Json<'a>> {
        let mut values = Vec::new();
        self.at += 1;
        self.pass_space();
        if self.passes(b']') {
            return Some(Json::Array(values));
        }
        loop {
            values.push(self.value(depth)?);
            self.pass_space();
            if self.passes(b']') {
                return Some(Json::Array(values));
            }
            self.pass(b',')?;
        }
    }

    /// §6.
    fn number(&mut self) -> Option<Json<'a>> {
        let from = self.at;
        self.passes(b'-');
        if !self.passes(b'0') {
            self.digits()?;
        }
        if self.passes(b'.') {
            self.digits()?;
        }
        if self.passes(b'e') || self.passes(b'E') {
            let _ = self.passes(b'+') || self.passes(b'-');
            self.digits()?;
        }
        let number = self.text.get(from..self.at)?;
        Some(Json::Number(Cow::Borrowed(number)))
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    /// §7. Most have no escape, and are borrowed.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.pass(b'"')?;
        let first = self.plain()?;
        if self.passes(b'"') {
            return Some(Cow::Borrowed(first));
        }
        let mut text = first.to_owned();
        while !self.passes(b'"') {
            text.push(self.escaped()?);
            text.push_str(self.plain()?);
        }
        Some(Cow::Owned(text))
    }

    /// Up to the next quote, escape, or control character, the last of which may not be there.
    fn plain(&mut self) -> Option<&'a str> {
        let from = self.at;
        let rest = self.text.as_bytes().get(from..)?;
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
        self.text.get(from..self.at)
    }

    fn escaped(&mut self) -> Option<char> {
        self.pass(b'\\')?;
        let character = match self.peek()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return None,
        };
        self.at += 1;
        Some(character)
    }

    /// Four hexadecimal digits, or twice four: a character beyond the first 65,536 is written as a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let unit = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&unit) {
            return char::from_u32(unit);
        }
        self.pass(b'\\')?;
        self.pass(b'u')?;
        let low = self.four_digits()?.checked_sub(0xdc00)?;
        let high = (unit - 0xd800) << 10;
        if low >= 0x400 {
            return None;
        }
        char::from_u32(0x1_0000 + high + low)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()?).to_digit(16)?;
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Some(unit)
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        let rest = self.text.get(self.at..)?;
        if !rest.starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(value)
    }

    fn pass_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn pass(&mut self, byte: u8) -> Option<()> {
        self.passes(byte).then_some(())
    }

    fn passes(&mut self, byte: u8) -> bool {
        let passes = self.peek() == Some(byte);
        self.at += usize::from(passes);
        passes
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// An error behind what could be read.
pub(super) fn syntax_error(read: &[u8]) -> JsonError {
    let lines = || read.split(|byte| *byte == b'\n');
    JsonError::Syntax {
        line: lines().count(),
        column: lines().next_back().map_or(0, <[u8]>::len) + 1,
    }
}
