//! Secrets, and the keys that sign links.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The shortest key that signs a link, in bytes: as long as the hash (RFC 7518 §3.2).
pub const MIN_KEY_BYTES: usize = 32;

/// A text that never shows itself in a log or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this secret, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        // Both sides are hashed under one key: equal length, and `verify_slice` compares in constant time.
        let tag = hmac_sha256(b"bookplate compare", given.as_bytes());
        verify_hmac_sha256(b"bookplate compare", self.0.as_bytes(), &tag)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// A key and the name that tokens call it by (`kid`, RFC 7515 §4.1.4).
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    kid: String,
    bytes: Vec<u8>,
}

impl SigningKey {
    /// The key's name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// HMAC-SHA256 of `message` (RFC 2104).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.bytes, message)
    }

    /// Whether `tag` is the HMAC-SHA256 of `message`, compared in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        verify_hmac_sha256(&self.bytes, message, tag)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.kid)
    }
}

/// The keys in use: the first signs, all of them verify. So a key is replaced without breaking the
/// links that are in people's mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    first: SigningKey,
    older: Vec<SigningKey>,
}

impl KeyRing {
    /// Parses `kid:base64url,kid:base64url`.
    ///
    /// # Errors
    /// Says what is wrong in words for the operator, naming a `kid`, never a key.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let mut keys: Vec<SigningKey> = Vec::new();
        for part in raw
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let key = parse_key(part)?;
            if keys.iter().any(|known| known.kid == key.kid) {
                return Err(format!("names the key `{}` twice", key.kid));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys
            .next()
            .ok_or("is empty; it takes `kid:base64url` of 32 random bytes")?;
        Ok(Self {
            first,
            older: keys.collect(),
        })
    }

    /// The key that signs.
    #[must_use]
    pub fn signer(&self) -> &SigningKey {
        &self.first
    }

    /// The key of that name, if it is in use.
    #[must_use]
    pub fn by_kid(&self, kid: &str) -> Option<&SigningKey> {
        std::iter::once(&self.first)
            .chain(&self.older)
            .find(|key| key.kid == kid)
    }
}

/// HMAC-SHA256 (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    keyed(key)
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

/// Whether `tag` is the whole HMAC-SHA256 of `message`, compared in constant time.
#[must_use]
pub fn verify_hmac_sha256(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    keyed(key).chain_update(message).verify_slice(tag).is_ok()
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length (RFC 2104 §2)"
)]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any length")
}

fn parse_key(part: &str) -> Result<SigningKey, String> {
    let (kid, encoded) = part
        .split_once(':')
        .ok_or("has a key without a name; it takes `kid:base64url`")?;
    let named = !kid.is_empty()
        && kid.len() <= 32
        && kid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !named {
        return Err(
            "has a key name that is not 1 to 32 letters, digits, `-`, `_` or `.`".to_owned(),
        );
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded.trim_end_matches('='))
        .map_err(|_| format!("has a key `{kid}` that is not base64url"))?;
    if bytes.len() < MIN_KEY_BYTES {
        return Err(format!(
            "has a key `{kid}` of {} bytes; it takes at least {MIN_KEY_BYTES}",
            bytes.len()
        ));
    }
    if is_monotonous(&bytes) {
        return Err(format!("has a key `{kid}` that is not random"));
    }
    Ok(SigningKey {
        kid: kid.to_owned(),
        bytes,
    })
}

/// Fewer than eight different bytes in 32: random keys have that once in 10^40.
fn is_monotonous(bytes: &[u8]) -> bool {
    let mut different = Vec::new();
    for byte in bytes {
        if !different.contains(byte) {
            different.push(*byte);
        }
    }
    different.len() < 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const K1: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const K2: &str = "k2:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

    #[test]
    fn hmac_is_the_standard_one() {
        // RFC 4231 §4.3, test case 2.
        let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            crate::domain::id::hex(&tag),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let ring = KeyRing::parse(&format!("{K1}, {K2}")).unwrap();
        assert_eq!(ring.signer().kid(), "k1");
        assert_eq!(ring.by_kid("k2").map(SigningKey::kid), Some("k2"));
        assert!(ring.by_kid("k3").is_none());
        let tag = ring.signer().sign(b"message");
        assert!(ring.signer().verify(b"message", &tag));
        assert!(!ring.signer().verify(b"Message", &tag));
        assert!(!ring.signer().verify(b"message", &tag[..16]));
    }

    #[test]
    fn weak_keys_are_refused_in_words() {
        let zeros = format!("k1:{}", "A".repeat(43));
        for (raw, says) in [
            ("", "is empty"),
            ("AAEC", "without a name"),
            (":AAEC", "key name"),
            ("k1:not/base64", "not base64url"),
            ("k1:AAECAwQF", "6 bytes"),
            (zeros.as_str(), "not random"),
            (&format!("{K1},{K1}"), "twice"),
        ] {
            let error = KeyRing::parse(raw).unwrap_err();
            assert!(error.contains(says), "{raw}: {error}");
        }
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        let ring = KeyRing::parse(K1).unwrap();
        let shown = format!("{ring:?} {:?}", Secret::new("hunter2"));
        assert!(
            !shown.contains("hunter2") && !shown.contains("[0, 1") && shown.contains("redacted")
        );
    }

    #[test]
    fn a_secret_matches_itself_alone() {
        let secret = Secret::new("correct horse");
        assert!(secret.matches("correct horse"));
        for other in ["", "correct", "correct horsf", "correct horse "] {
            assert!(!secret.matches(other));
        }
    }
}
