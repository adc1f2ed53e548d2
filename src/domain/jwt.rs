//! JSON Web Tokens (RFC 7519), HS256 alone, by the advice of RFC 8725.
//!
//! The order of the checks is the point: shape and size, `kid`, `alg`, `typ`, signature. Nothing of the
//! payload is read before the signature held.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::json::{self, Json};
use super::keys::KeyRing;

/// The longest token that is looked at, in bytes. Ours stay below 1,000: an address has at most 254
/// bytes, a session id 255, and base64url adds a third.
pub const MAX_TOKEN_BYTES: usize = 2_048;

/// Why a token is not one of ours. Strangers are told no more than that it isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// Not three parts of base64url, or too long.
    Malformed,
    /// Signed by a key that is not (or no longer) in use.
    UnknownKey,
    /// Another algorithm than HS256, `none` included (RFC 8725 §3.1), or a critical extension.
    Algorithm,
    /// A token of another kind (RFC 8725 §3.11).
    Type,
    /// The signature does not hold.
    Signature,
    /// Signed by us, but with claims of another form: an older version's.
    Claims,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Signs `claims` with the ring's first key.
///
/// # Errors
/// [`JwtError::Claims`] if the claims have no JSON form.
pub fn sign<C: Serialize>(keys: &KeyRing, typ: &str, claims: &C) -> Result<String, JwtError> {
    let key = keys.signer();
    let header = Header {
        alg: "HS256".to_owned(),
        kid: key.kid().to_owned(),
        typ: typ.to_owned(),
    };
    let mut token = encode_json(&header)?;
    token.push('.');
    token.push_str(&encode_json(claims)?);
    let tag = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(tag));
    Ok(token)
}

/// Verifies a token of kind `typ` and returns its claims. Their meaning (audience, expiry) is the
/// caller's to check.
///
/// # Errors
/// The first check that failed, in the order of [`JwtError`]'s variants.
pub fn verify<C: DeserializeOwned>(keys: &KeyRing, typ: &str, token: &str) -> Result<C, JwtError> {
    // 1. Shape and size.
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwtError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwtError::Malformed)?;
    let header = decode(header)?;
    let fields = Json::parse_bytes(&header).map_err(|_| JwtError::Malformed)?;
    let header: Header = json::take(&fields).map_err(|_| JwtError::Malformed)?;
    let (payload, signature) = (decode(payload)?, decode(signature)?);
    // 2. The key, by its name alone.
    let key = keys.by_kid(&header.kid).ok_or(JwtError::UnknownKey)?;
    // 3. The algorithm is ours to say, not the token's. We understand no extension, so a token that needs one is refused
    //    (RFC 7515 §4.1.11).
    let needs_extension = fields.get("crit").is_some_and(|names| *names != Json::Null);
    if header.alg != "HS256" || needs_extension {
        return Err(JwtError::Algorithm);
    }
    // 4. A lease is no link.
    if header.typ != typ {
        return Err(JwtError::Type);
    }
    // 5. The signature, in constant time.
    if !key.verify(signed.as_bytes(), &signature) {
        return Err(JwtError::Signature);
    }
    json::read_bytes(&payload).map_err(|_| JwtError::Claims)
}

fn encode_json<T: Serialize>(value: &T) -> Result<String, JwtError> {
    json::write(value)
        .map(|json| URL_SAFE_NO_PAD.encode(json))
        .map_err(|_| JwtError::Claims)
}

fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwtError::Malformed)
}
