//! Templates: what people read, with the blanks filled in.
//!
//! Pages and mails are ours: [`askama`] compiles them in, so a blank that nothing fills does not build. LICENSE.txt,
//! README.txt and `MAIL_SUBJECT` may be the operator's, and are read as the Worker runs: [`render_text`].

use askama::Template;

/// A text that can't be rendered: where, and what is wrong, for the operator. Never a buyer's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(pub String);

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Renders a page or a mail of ours. In files that end in `.html` all is escaped, in text nothing is.
#[must_use]
pub fn render(template: &impl Template) -> String {
    let mut text = String::new();
    // Only what it writes to can fail, and a String takes all.
    let _ = template.render_into(&mut text);
    // The last line break of a file is not part of its template.
    text.push('\n');
    text
}

/// What stands for a name in a text.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Words. None at all count as no.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
}

impl<'a> Value<'a> {
    fn shown(self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Flag(true) => "True",
            Self::Flag(false) => "False",
        }
    }

    fn holds(self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Flag(flag) => flag,
        }
    }
}

/// Renders a text that the operator may have written, in a small part of Jinja's language: [`ALLOWED`]. There is
/// nothing in it that repeats, so its work is bounded by its length.
///
/// White space is as with `trim_blocks`, `lstrip_blocks` and `keep_trailing_newline`: a tag or comment that stands alone in
/// its line leaves no line behind.
/// <https://jinja.palletsprojects.com/en/stable/templates/#whitespace-control>
///
/// # Errors
/// It is none, or names what `variables` has not, even where that is not reached: so whether a text is good does not
/// depend on whom it is rendered for. Each such name is told of, with the line where it stands first.
pub fn render_text(
    name: &str,
    source: &str,
    variables: &[(&'static str, Value<'_>)],
) -> Result<String, TemplateError> {
    let mut text = Text {
        source,
        at: 0,
        tag_at: 0,
        variables,
        rendered: String::new(),
        open: Vec::new(),
        unknown: Vec::new(),
    };
    let place = |at: usize| {
        let before = source.get(..at).unwrap_or_default();
        format!("line {}: ", before.matches('\n').count() + 1)
    };
    let wrong = match text.run() {
        Ok(()) if text.unknown.is_empty() => return Ok(text.rendered),
        Ok(()) => {
            let unknown = text.unknown.iter();
            let unknown = unknown.map(|(at, name)| place(*at) + "there is no variable `" + name);
            let known: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
            unknown.collect::<Vec<_>>().join("`, ") + "`; there are " + &known.join(", ")
        }
        Err(Fault { at, what }) => place(at) + &what + "; allowed are " + ALLOWED,
    };
    Err(TemplateError(format!("template {name}, {wrong}")))
}

/// The whole language of a text. A minus within a tag's brackets takes away the white space on that side, and a plus leaves
/// it all, as in Jinja.
pub const ALLOWED: &str = "`{{ name }}`, `{{ \"words\" }}`, `{{ name if other else \"words\" }}`, \
    `{% if name %}`, `{% if not name %}`, `{% elif name %}`, `{% else %}`, `{% endif %}`, `{# comment #}`";

/// So many unknown variables are told of: an error stays readable.
const MAX_UNKNOWN: usize = 50;

struct Text<'a> {
    source: &'a str,
    /// How far it is read.
    at: usize,
    /// Where the tag begins that is read.
    tag_at: usize,
    variables: &'a [(&'static str, Value<'a>)],
    rendered: String,
    /// The `{% if %}` around what is read.
    open: Vec<Open>,
    unknown: Vec<(usize, &'a str)>,
}

/// An `{% if %}` without its `{% endif %}` yet.
struct Open {
    at: usize,
    branch: Branch,
    /// Whether this branch is the last.
    last: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// Neither this one nor one before it.
    NotYet,
    /// This one is shown.
    Shown,
    /// One before it was, or what stands around it is not.
    Over,
}

/// What is wrong, and where.
struct Fault {
    at: usize,
    what: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Output,
    Block,
    Comment,
}

impl<'a> Text<'a> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some((length, tag)) = first_tag(self.rest()) {
            self.tag_at = self.at + length;
            let before = self.rest().get(..length).unwrap_or_default();
            let begins_line = self.begins_line();
            self.at = self.tag_at + 2;
            let before = if self.takes("-") {
                before.trim_end()
            } else if self.takes("+") || tag == Tag::Output || !begins_line {
                before
            } else {
                before.trim_end_matches(BLANKS)
            };
            self.show(before);
            match tag {
                Tag::Output => self.output()?,
                Tag::Block => self.block()?,
                Tag::Comment => self.comment()?,
            }
        }
        self.show(self.rest());
        match self.open.last() {
            Some(open) => Err(fault(open.at, "this `{% if %}` has no `{% endif %}`")),
            None => Ok(()),
        }
    }

    fn output(&mut self) -> Result<(), Fault> {
        let mut value = self.value()?;
        if self.takes_word("if") {
            let holds = self.condition()?;
            let mut other = "";
            if self.takes_word("else") {
                other = self.value()?;
            }
            value = if holds { value } else { other };
        }
        self.show(value);
        self.close(Tag::Output)
    }

    fn block(&mut self) -> Result<(), Fault> {
        let (at, word) = self.word();
        match word {
            "if" => {
                let holds = self.condition()?;
                let branch = match self.is_shown() {
                    true if holds => Branch::Shown,
                    true => Branch::NotYet,
                    false => Branch::Over,
                };
                self.open.push(Open {
                    at: self.tag_at,
                    branch,
                    last: false,
                });
            }
            "elif" => {
                let holds = self.condition()?;
                self.branch(holds, false)?;
            }
            "else" => self.branch(true, true)?,
            "endif" => {
                if self.open.pop().is_none() {
                    return Err(self.homeless());
                }
            }
            _ => return Err(self.unexpected(at)),
        }
        self.close(Tag::Block)
    }

    /// Another branch of the innermost `{% if %}`.
    fn branch(&mut self, holds: bool, last: bool) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut().filter(|open| !open.last) else {
            return Err(self.homeless());
        };
        open.last = last;
        open.branch = match open.branch {
            Branch::NotYet if holds => Branch::Shown,
            Branch::NotYet => Branch::NotYet,
            Branch::Shown | Branch::Over => Branch::Over,
        };
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Fault> {
        let end = self.rest().split_once("#}");
        let (comment, _) = end.ok_or_else(|| fault(self.tag_at, "this comment has no end"))?;
        let sign = comment.ends_with(['-', '+']);
        self.at += comment.len() - usize::from(sign);
        self.close(Tag::Comment)
    }

    /// A variable, or words in quotes.
    fn value(&mut self) -> Result<&'a str, Fault> {
        self.skip_space();
        match self.takes_quote() {
            Some(quote) => self.words(quote),
            None => Ok(self.variable()?.shown()),
        }
    }

    /// Up to the next `quote`. There are no escapes: who needs one quote takes the other around it.
    fn words(&mut self, quote: char) -> Result<&'a str, Fault> {
        let end = self.rest().split_once(quote);
        let (words, _) =
            end.ok_or_else(|| fault(self.at, "these words have no quote at their end"))?;
        self.at += words.len() + 1;
        Ok(words)
    }

    fn condition(&mut self) -> Result<bool, Fault> {
        let negated = self.takes_word("not");
        Ok(self.variable()?.holds() != negated)
    }

    fn variable(&mut self) -> Result<Value<'a>, Fault> {
        let (at, word) = self.word();
        if word.is_empty() {
            return Err(self.unexpected(at));
        }
        let mut variables = self.variables.iter();
        if let Some((_, value)) = variables.find(|(name, _)| *name == word) {
            return Ok(*value);
        }
        let cut = word.char_indices().nth(MAX_SHOWN_CHARS);
        let word = cut.and_then(|(end, _)| word.get(..end)).unwrap_or(word);
        let is_new = self.unknown.iter().all(|(_, name)| *name != word);
        if is_new && self.unknown.len() < MAX_UNKNOWN {
            self.unknown.push((at, word));
        }
        Ok(Value::Flag(false))
    }

    /// The end of a tag, and the white space after it that goes along with it.
    fn close(&mut self, tag: Tag) -> Result<(), Fault> {
        self.skip_space();
        let at = self.at;
        let trims = self.takes("-");
        let keeps = !trims && self.takes("+");
        let end = match tag {
            Tag::Output => "}}",
            Tag::Block => "%}",
            Tag::Comment => "#}",
        };
        if !self.takes(end) {
            return Err(self.unexpected(at));
        }
        if trims {
            self.skip_space();
        } else if !keeps && tag != Tag::Output {
            self.takes("\r");
            self.takes("\n");
        }
        Ok(())
    }

    fn show(&mut self, text: &str) {
        if self.is_shown() {
            self.rendered.push_str(text);
        }
    }

    fn is_shown(&self) -> bool {
        self.open
            .last()
            .is_none_or(|open| open.branch == Branch::Shown)
    }

    /// Whether nothing but blanks stands before the tag in its line.
    fn begins_line(&self) -> bool {
        let before = self.source.get(..self.tag_at).unwrap_or_default();
        let before = before.trim_end_matches(BLANKS);
        before.is_empty() || before.ends_with('\n')
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn takes(&mut self, what: &str) -> bool {
        let is_there = self.rest().starts_with(what);
        self.at += if is_there { what.len() } else { 0 };
        is_there
    }

    fn takes_quote(&mut self) -> Option<char> {
        ['"', '\'']
            .into_iter()
            .find(|quote| self.takes(quote.encode_utf8(&mut [0; 4])))
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let before = self.at;
        let is_there = self.word().1 == wanted;
        if !is_there {
            self.at = before;
        }
        is_there
    }

    /// A word, and where it begins. It is empty where there is none.
    fn word(&mut self) -> (usize, &'a str) {
        self.skip_space();
        let (at, rest) = (self.at, self.rest());
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let word = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += word.len();
        (at, word)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Something that can't stand where it does.
    fn unexpected(&self, at: usize) -> Fault {
        let rest = self.source.get(at..).unwrap_or_default();
        let Some(word) = rest.split_whitespace().next() else {
            return fault(self.tag_at, "this tag has no end");
        };
        let word: String = word.chars().take(MAX_SHOWN_CHARS).collect();
        fault(self.tag_at, &format!("`{word}` can't stand in this tag"))
    }

    fn homeless(&self) -> Fault {
        fault(
            self.tag_at,
            "there is no `{% if %}` that this tag belongs to",
        )
    }
}

/// Indentation.
const BLANKS: [char; 2] = [' ', '\t'];

/// An error shows so much of what is wrong.
const MAX_SHOWN_CHARS: usize = 20;

fn first_tag(text: &str) -> Option<(usize, Tag)> {
    text.match_indices('{').find_map(|(at, _)| {
        let tag = match text.as_bytes().get(at + 1)? {
            b'{' => Tag::Output,
            b'%' => Tag::Block,
            b'#' => Tag::Comment,
            _ => return None,
        };
        Some((at, tag))
    })
}

fn fault(at: usize, what: &str) -> Fault {
    Fault {
        at,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
