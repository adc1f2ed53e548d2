//! Names of things: random ones from bytes that the caller drew, and the name of an order.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// 128 random bits: no two are alike, and none is guessed.
pub type RandomBytes = [u8; 16];

/// A random identifier in 22 characters of base64url (RFC 4648 §5): a `jti`, a lease, a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RandomId(String);

impl RandomId {
    /// From bytes that nobody can foresee.
    #[must_use]
    pub fn from_random(bytes: &RandomBytes) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// One of the identifiers that are made of this one, which nobody can foresee either; the first is itself.
    #[must_use]
    pub fn nth(&self, at: usize) -> Self {
        if at == 0 {
            return self.clone();
        }
        let digest = Sha256::digest(format!("{at}\n{}", self.0));
        let mut bytes = RandomBytes::default();
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(byte, from)| *byte = from);
        Self::from_random(&bytes)
    }

    /// The identifier in a text, if it is of its form.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let fits = raw.len() == 22
            && raw
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        fits.then(|| Self(raw.to_owned()))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes in hexadecimal, as Stripe writes them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String never fails.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A browser, as an order remembers it: a digest of its cookie, so that a leaked order opens no download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrowserId(String);

impl BrowserId {
    /// The browser that sent this cookie value.
    #[must_use]
    pub fn from_cookie(cookie: &RandomId) -> Self {
        let digest = Sha256::digest(cookie.as_str().as_bytes());
        Self(URL_SAFE_NO_PAD.encode(digest))
    }
}

/// The name of an order: a Stripe Checkout Session, or the reference of a purchase made elsewhere.
///
/// Elsewhere-references carry a prefix, so no reference can name another kind of object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(String);

const REFERENCE_PREFIX: &str = "ref:";

impl OrderId {
    /// An order by its Checkout Session id (`cs_test_…`, `cs_live_…`, at most 255 characters:
    /// <https://docs.stripe.com/upgrades#what-changes-does-stripe-consider-to-be-backwards-compatible>).
    #[must_use]
    pub fn from_session(raw: &str) -> Option<Self> {
        let fits = raw.strip_prefix("cs_").is_some_and(|rest| !rest.is_empty())
            && raw.len() <= 255
            && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then(|| Self(raw.to_owned()))
    }

    /// An order by the reference that another system gave it: 1 to 100 visible ASCII characters.
    #[must_use]
    pub fn from_reference(raw: &str) -> Option<Self> {
        let fits = !raw.is_empty() && raw.len() <= 100 && raw.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(format!("{REFERENCE_PREFIX}{raw}")))
    }

    /// The name of the order's object, and `sub` in its tokens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What to call it in front of people: the session id, or the reference without our prefix.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.0.strip_prefix(REFERENCE_PREFIX).unwrap_or(&self.0)
    }

    /// Whether Stripe knows this order.
    #[must_use]
    pub fn is_session(&self) -> bool {
        !self.0.starts_with(REFERENCE_PREFIX)
    }
}

impl TryFrom<String> for OrderId {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        match raw.strip_prefix(REFERENCE_PREFIX) {
            Some(reference) => Self::from_reference(reference),
            None => Self::from_session(&raw),
        }
        .ok_or("not the name of an order")
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_round_trip() {
        let id = RandomId::from_random(&[0xff; 16]);
        assert_eq!(id.as_str(), "_____________________w");
        assert_eq!(RandomId::parse(id.as_str()), Some(id));
        for bad in [
            "",
            "short",
            "_____________________w=",
            "____________________ww ",
            "é____________________",
        ] {
            assert_eq!(RandomId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sessions_and_references_never_meet() {
        let session = OrderId::from_session("cs_test_a1B2").unwrap();
        let reference = OrderId::from_reference("cs_test_a1B2").unwrap();
        assert_ne!(session, reference);
        assert_eq!(
            (session.shown(), reference.shown()),
            ("cs_test_a1B2", "cs_test_a1B2")
        );
        assert!(session.is_session() && !reference.is_session());
        for id in [session, reference] {
            assert_eq!(OrderId::try_from(String::from(id.clone())), Ok(id));
        }
    }

    #[test]
    fn what_is_no_order_has_no_name() {
        for bad in [
            "",
            "cs_",
            "pi_123",
            "cs_te st",
            "cs_é",
            "pi:pi_123",
            "../cs_test",
        ] {
            assert_eq!(OrderId::from_session(bad), None, "{bad:?}");
        }
        for bad in ["", "with space", "line\n", "é"] {
            assert_eq!(OrderId::from_reference(bad), None, "{bad:?}");
        }
        assert_eq!(OrderId::from_reference(&"x".repeat(101)), None);
        assert_eq!(
            OrderId::from_session(&format!("cs_{}", "x".repeat(253))),
            None
        );
    }
}
