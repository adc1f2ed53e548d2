//! Buyers' text, made fit for a licence: one line, nothing that hides or turns other text around.

/// The longest line of a buyer's text that is kept, in characters. Stripe's own fields end far below.
pub const MAX_CHARS: usize = 200;

/// Cleans one line of text that somebody else typed.
///
/// - White space of any kind, line breaks included, becomes one space; none stays at the ends. So no buyer
///   adds a line to a licence.
/// - Control characters, and characters that are invisible or change the direction of what follows
///   (Unicode TR 36 §2.7, TR 9 §2), are dropped. So what is read is what stands there.
/// - More than [`MAX_CHARS`] characters are cut, with an ellipsis to show it.
#[must_use]
pub fn clean_line(raw: &str) -> String {
    let visible: String = raw
        .chars()
        .map(|c| if is_space(c) { ' ' } else { c })
        .filter(|c| !is_hidden(*c))
        .collect();
    let line = visible
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if line.chars().count() <= MAX_CHARS {
        return line;
    }
    let mut cut: String = line.chars().take(MAX_CHARS - 1).collect();
    cut.push('…');
    cut
}

/// Like [`clean_line`], but without a letter or a digit it is nothing: a licensee is to be read.
#[must_use]
pub fn clean_option(raw: Option<&str>) -> Option<String> {
    raw.map(clean_line)
        .filter(|line| line.chars().any(char::is_alphanumeric))
}

/// An e-mail address as mail providers take it: one `@`, no space, nothing hidden, at most 254 octets
/// (RFC 5321 §4.5.3.1.3). Whether it exists, only a mail tells.
#[must_use]
pub fn email(raw: &str) -> Option<String> {
    let trimmed = raw.trim();
    let (local, domain) = trimmed.rsplit_once('@')?;
    let fits = !local.is_empty()
        && !domain.is_empty()
        && trimmed.len() <= 254
        && !local.contains('@')
        && trimmed.chars().all(|c| {
            !c.is_whitespace() && !is_hidden(c) && !matches!(c, '<' | '>' | ',' | ';' | '"' | '\\')
        });
    fits.then(|| trimmed.to_owned())
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// An address as others may see it: `a•••@example.com`. Whoever wrote it recognises it.
#[must_use]
pub fn masked(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}•••@{domain}")
}

/// Format characters (category Cf, but for the joiners that some scripts need), noncharacters, and
/// fillers that show nothing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{180b}'..='\u{180f}' | '\u{200b}'
            | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clean_line() {
        for (raw, clean) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("  Ada\r\n\tLovelace\u{2028} ", "Ada Lovelace"),
            ("ACME\u{202e}gpj.exe", "ACMEgpj.exe"),
            ("Evil\u{0}\u{7}\u{1b}[31m Ltd", "Evil[31m Ltd"),
            ("عمر الخيام", "عمر الخيام"),
            ("O'Brien & \"Söhne\" <GmbH>", "O'Brien & \"Söhne\" <GmbH>"),
            ("नेहा क्\u{200d}ष", "नेहा क्\u{200d}ष"),
            ("\u{200b}\u{feff}\u{2066}", ""),
        ] {
            assert_eq!(clean_line(raw), clean, "{raw:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_show_it() {
        let long = clean_line(&"ß".repeat(300));
        assert_eq!(long.chars().count(), MAX_CHARS);
        assert!(long.ends_with('…'));
        assert_eq!(clean_line(&"x".repeat(MAX_CHARS)).len(), MAX_CHARS);
    }

    #[test]
    fn nothing_readable_is_nothing() {
        for unreadable in [" \u{200e}\n", "\u{2800}", "\u{34f}", "--", "\u{1d173}", ""] {
            assert_eq!(clean_option(Some(unreadable)), None, "{unreadable:?}");
        }
        assert_eq!(clean_option(None), None);
        assert_eq!(clean_option(Some(" x ")), Some("x".to_owned()));
    }

    #[test]
    fn a_masked_address_shows_its_first_letter_and_its_domain() {
        assert_eq!(masked("ada@example.com"), "a•••@example.com");
        assert_eq!(masked("\"x@y\"@example.com"), "\"•••@example.com");
        assert_eq!(masked("ü@example.com"), "ü•••@example.com");
    }

    #[test]
    fn addresses() {
        for good in [
            "a@b",
            "Ada.Lovelace+zip@example.co.uk",
            "用户@例子.广告",
            " a@b.example ",
        ] {
            assert_eq!(email(good).as_deref(), Some(good.trim()));
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b@c",
            "a@b\r\nBcc: c@d",
            "a@b,c@d",
            "<a@b>",
            "a\u{202e}@b",
        ] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
    }
}
