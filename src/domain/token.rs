//! The two things we sign for buyers: the link in the mail, and the lease that the click turns it into.

use serde::{Deserialize, Serialize};

use super::id::{OrderId, RandomId};
use super::jwt::{self, JwtError};
use super::keys::KeyRing;
use super::settings::ProductId;
use super::time::Timestamp;

const ISSUER: &str = "bookplate";
const AUDIENCE: &str = "download";
const LINK_TYPE: &str = "bookplate-link+jwt";
const LEASE_TYPE: &str = "bookplate-lease+jwt";

/// Why a link or a lease opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Nothing that we signed, or signed by a key that is gone.
    NotOurs(JwtError),
    /// Ours, but past its time: its order may send a new one.
    Expired(Box<LinkClaims>),
}

/// What a link says (RFC 7519 §4.1 for the registered names).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkClaims {
    iss: String,
    aud: String,
    /// The order: a Checkout Session id, or `ref:` and a reference.
    pub sub: OrderId,
    /// The buyer's address.
    pub email: String,
    /// The product of the order that the link is for.
    pub item: ProductId,
    /// The link's own name.
    pub jti: RandomId,
    /// Signed at.
    pub iat: Timestamp,
    /// Good before this.
    pub exp: Timestamp,
    /// Good for one delivery. Always true: an older client that ignores it errs on the safe side.
    once: bool,
}

impl LinkClaims {
    /// The claims of one link.
    #[must_use]
    pub fn new(
        order: OrderId,
        email: String,
        item: ProductId,
        jti: RandomId,
        iat: Timestamp,
        exp: Timestamp,
    ) -> Self {
        let (iss, aud) = (ISSUER.to_owned(), AUDIENCE.to_owned());
        Self {
            iss,
            aud,
            sub: order,
            email,
            item,
            jti,
            iat,
            exp,
            once: true,
        }
    }

    /// The token: the same claims and keys give the same bytes.
    ///
    /// # Errors
    /// [`JwtError::Claims`] if they have no JSON form, which these have.
    pub fn sign(&self, keys: &KeyRing) -> Result<String, JwtError> {
        jwt::sign(keys, LINK_TYPE, self)
    }

    /// The claims of a token that we signed, for us, and that is still good at `now`.
    ///
    /// # Errors
    /// [`TokenError::Expired`] only for a token that holds in every other way.
    pub fn verify(keys: &KeyRing, token: &str, now: Timestamp) -> Result<Self, TokenError> {
        let claims: Self = jwt::verify(keys, LINK_TYPE, token).map_err(TokenError::NotOurs)?;
        if claims.iss != ISSUER || claims.aud != AUDIENCE || !claims.once {
            return Err(TokenError::NotOurs(JwtError::Claims));
        }
        if claims.exp <= now {
            return Err(TokenError::Expired(Box::new(claims)));
        }
        Ok(claims)
    }
}

/// What a lease says. It routes to its order without a look-up; whether it still holds, the order knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseClaims {
    /// The order.
    pub sub: OrderId,
    /// The link that was redeemed.
    pub jti: RandomId,
    /// The lease's own name.
    pub lease: RandomId,
    /// Redeemed at.
    pub iat: Timestamp,
}

impl LeaseClaims {
    /// The token: the same claims and keys give the same bytes.
    ///
    /// # Errors
    /// [`JwtError::Claims`] if they have no JSON form, which these have.
    pub fn sign(&self, keys: &KeyRing) -> Result<String, JwtError> {
        jwt::sign(keys, LEASE_TYPE, self)
    }

    /// The claims of a lease that we signed.
    ///
    /// # Errors
    /// As [`jwt::verify`].
    pub fn verify(keys: &KeyRing, token: &str) -> Result<Self, JwtError> {
        jwt::verify(keys, LEASE_TYPE, token)
    }
}

#[cfg(test)]
mod tests;
