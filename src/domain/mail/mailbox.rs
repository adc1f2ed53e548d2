//! Who a mail comes from: an address, and the name in front of it.

use serde::{Deserialize, Serialize};

use crate::domain::text;

/// The longest name in front of an address, in characters: with its address it stays far below the 998 octets
/// that a header line may have (RFC 5322 §2.1.1).
const MAX_NAME_CHARS: usize = 100;

/// An address and a name (RFC 5322 §3.4, `mailbox`). Neither has a line break or anything hidden, so neither
/// adds a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// As people read it, in any script; empty for none.
    pub name: String,
    /// As mail programs read it.
    pub address: String,
}

impl Mailbox {
    /// `shop@example.com`, `Shop <shop@example.com>` or `"Shop, Inc." <shop@example.com>`.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let (name, address) = match raw.strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<')?,
            None => ("", raw),
        };
        let name = unquoted(name.trim())?;
        let fits = name == text::clean_line(&name)
            && name.chars().count() <= MAX_NAME_CHARS
            && !name.contains(['<', '>']);
        let address = text::email(address)?;
        fits.then_some(Self { name, address })
    }

    /// A mailbox whose name is somebody's text: it is cut where it would be too long.
    #[must_use]
    pub fn new(name: &str, address: &str) -> Self {
        let name = text::clean_line(name).replace(['<', '>'], "");
        Self {
            name: name.chars().take(MAX_NAME_CHARS).collect(),
            address: address.to_owned(),
        }
    }

    /// As a header field has it, but for the script: the name is a quoted-string (RFC 5322 §3.2.4) in UTF-8
    /// (RFC 6532 §3.2). For programs that encode it themselves.
    #[must_use]
    pub fn quoted(&self) -> String {
        if self.name.is_empty() {
            return self.address.clone();
        }
        let name = self.name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{name}\" <{}>", self.address)
    }

    /// The name as it is, without what would have to be quoted. For programs that take no quotes.
    #[must_use]
    pub fn bare(&self) -> String {
        // RFC 5322 §3.2.3, `specials`.
        let specials = [
            '(', ')', '<', '>', '[', ']', ':', ';', '@', '\\', ',', '.', '"',
        ];
        let name = text::clean_line(&self.name.replace(specials, " "));
        if name.is_empty() {
            return self.address.clone();
        }
        format!("{name} <{}>", self.address)
    }
}

/// The text of a quoted-string, or the text as it is. `None` if a quote is not closed.
fn unquoted(name: &str) -> Option<String> {
    let Some(quoted) = name.strip_prefix('"') else {
        return (!name.contains('"')).then(|| name.to_owned());
    };
    let mut text = String::new();
    let mut chars = quoted.strip_suffix('"')?.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?),
            '"' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_a_name() {
        for (raw, name, address) in [
            ("shop@example.com", "", "shop@example.com"),
            (" Shop  <shop@example.com> ", "Shop", "shop@example.com"),
            (
                "\"Shop, Inc.\" <shop@example.com>",
                "Shop, Inc.",
                "shop@example.com",
            ),
            (r#""The \"Shop\"" <a@b>"#, r#"The "Shop""#, "a@b"),
            ("Größe & Söhne <a@b>", "Größe & Söhne", "a@b"),
            ("書店 <a@b>", "書店", "a@b"),
        ] {
            let mailbox = Mailbox::parse(raw).unwrap();
            assert_eq!(
                (mailbox.name.as_str(), mailbox.address.as_str()),
                (name, address)
            );
        }
        for bad in [
            "",
            "Shop",
            "Shop <>",
            "Shop <shop@example.com",
            "Shop <a@b>, Other <c@d>",
            "Shop\r\nBcc: x@y <a@b>",
            "Sh\u{202e}op <a@b>",
            "\"Shop <a@b>",
            "Sh\"op <a@b>",
            "\"Shop\" Inc. \" <a@b>",
        ] {
            assert_eq!(Mailbox::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Mailbox::parse(&format!("{} <a@b>", "x".repeat(101))), None);
    }

    #[test]
    fn what_is_quoted_reads_back_as_it_was() {
        for name in ["Shop", "Shop, Inc. (Ltd)", r#"a"b\c"#, "עברית", "a@b: c;"] {
            let mailbox = Mailbox::new(name, "shop@example.com");
            assert_eq!(Mailbox::parse(&mailbox.quoted()), Some(mailbox));
        }
        assert_eq!(Mailbox::new("", "a@b").quoted(), "a@b");
    }

    #[test]
    fn a_bare_name_needs_no_quotes() {
        for (name, bare) in [
            ("Shop, Inc.", "Shop Inc <a@b>"),
            ("\"Søren\" (books)", "Søren books <a@b>"),
            ("..", "a@b"),
            ("x@y.example", "x y example <a@b>"),
        ] {
            assert_eq!(Mailbox::new(name, "a@b").bare(), bare);
        }
    }

    #[test]
    fn a_shops_name_adds_no_header_and_no_other_address() {
        let mailbox = Mailbox::new("Shop\r\nBcc: all@example.com <x@y>", "a@b");
        assert_eq!(mailbox.name, "Shop Bcc: all@example.com x@y");
        assert!(!mailbox.bare().contains(['\r', '\n']) && mailbox.bare().matches('@').count() == 1);
        assert_eq!(
            Mailbox::new(&"ß".repeat(300), "a@b").name.chars().count(),
            100
        );
    }
}
