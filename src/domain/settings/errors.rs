//! What is wrong with the settings, collected.

use std::fmt;

/// Everything that is wrong with the settings, a sentence each, by name. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors(pub Vec<String>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[derive(Default)]
pub(super) struct Errors(pub(super) Vec<String>);

impl Errors {
    pub(super) fn say(&mut self, name: &str, what: &str) {
        self.0.push(format!("{name} {what}."));
    }

    pub(super) fn required<T>(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if read(name).is_none() {
            self.say(name, "is missing");
            return None;
        }
        self.optional(read, name, parse)
    }

    pub(super) fn optional<T>(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&read(name)?) {
            Ok(value) => Some(value),
            Err(what) => {
                self.say(name, &what);
                None
            }
        }
    }
}
