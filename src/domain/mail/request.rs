//! A request to a provider, made without sending it.

use std::fmt;

use serde::Serialize;

use crate::domain::json;

/// A `POST` of JSON. Its headers hold the key, so they are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// Names and values; all values are visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The same mail gives the same bytes.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &self.url)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

impl Request {
    pub(super) fn json(
        url: String,
        headers: Vec<(&'static str, String)>,
        body: &impl Serialize,
    ) -> Self {
        let common = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
            ("User-Agent", AGENT),
        ];
        let common = common.map(|(name, value)| (name, value.to_owned()));
        Self {
            url,
            headers: common.into_iter().chain(headers).collect(),
            // Texts alone always are JSON; a body without them would be refused, with an alarm.
            body: json::write(body).unwrap_or_default().into_bytes(),
        }
    }

    /// A header's value, by its name as it is written here.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A Worker names no client by itself, and providers refuse clients without a name.
const AGENT: &str = concat!("bookplate/", env!("CARGO_PKG_VERSION"));
