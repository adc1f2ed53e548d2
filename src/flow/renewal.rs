//! A buyer wants another link: in the place of one that is over, or because the mail is lost. It goes to the
//! address on file, and to no other.

use crate::domain::address::{AddressCommand, AddressId, MAX_MAILED_AT_ONCE};
use crate::domain::id::RandomId;
use crate::domain::order::{Command, Reply, Standing};
use crate::domain::settings::Settings;
use crate::domain::text;
use crate::domain::time::Timestamp;
use crate::domain::token::{LinkClaims, TokenError};

use super::failure::Failure;
use super::ports::{Addresses, KnownAddresses, Orders, Randomness, Unavailable};
use super::webhook::unexpected;

/// What became of the wish for another link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It is on its way.
    WillMail {
        /// To this address, masked.
        to: String,
    },
    /// The old one still works.
    StillGood,
}

/// Has another link mailed in the place of one that is expired or used.
///
/// 1. The link is ours (404); its time may be over.
/// 2. The order agrees (409, 410): it is the newest one, nobody took it back, and not too many were asked for before.
///
/// # Errors
/// As above, and 503 if the order did not answer.
pub async fn renew(
    settings: &Settings,
    orders: &impl Orders,
    random: &impl Randomness,
    token: &str,
    now: Timestamp,
) -> Result<Renewed, Failure> {
    // 1. The link.
    let claims = match LinkClaims::verify(&settings.link_keys, token, now) {
        Ok(claims) => claims,
        Err(TokenError::Expired(claims)) => *claims,
        Err(TokenError::NotOurs(why)) => return Err(Failure::Link(why)),
    };
    // 2. The order.
    let fresh = RandomId::from_random(&random.draw());
    let command = Command::Renew {
        jti: claims.jti,
        fresh,
    };
    match orders.ask(&claims.sub, command).await? {
        Reply::WillMail { to } => Ok(Renewed::WillMail {
            to: text::masked(&to),
        }),
        Reply::Stands {
            standing: Standing::Ready | Standing::Yours,
            ..
        } => Ok(Renewed::StillGood),
        Reply::Stands { standing, .. } => Err(Failure::Standing(standing)),
        Reply::StillRuns { retry_after_secs } => Err(Failure::StillRuns { retry_after_secs }),
        Reply::Unknown => Err(Failure::OrderMissing),
        other => Err(unexpected(&other)),
    }
}

/// The address that somebody typed.
///
/// # Errors
/// It is none (400).
pub fn address_in(raw: &str) -> Result<AddressId, Failure> {
    text::email(raw)
        .map(|email| AddressId::of(&email))
        .ok_or_else(|| {
            Failure::BadRequest(
                "That is no e-mail address. Please type the one that you bought with.".to_owned(),
            )
        })
}

/// Has the links of an address mailed again. Nothing of what comes of it may be told to whoever asked, not by the time
/// that it takes either: so it is done after the answer.
///
/// 1. KV knows the address: what was never bought with costs one read.
/// 2. The address has some of its day's budget left, and names its orders.
/// 3. Each order mails what works, and renews what expired before it was used.
///
/// # Errors
/// Something did not answer: whoever asked will ask again.
pub async fn recover(
    orders: &impl Orders,
    addresses: &impl Addresses,
    known: &impl KnownAddresses,
    random: &impl Randomness,
    address: &AddressId,
) -> Result<(), Unavailable> {
    // 1. KV.
    if !known.is_known(address).await? {
        return Ok(());
    }
    // 2. The address.
    let named = addresses.ask(address, AddressCommand::Recover).await?;
    // 3. The orders. One that does not answer keeps no other from it.
    let (mut mailed, mut outcome) = (0, Ok(()));
    for order in named {
        let fresh = RandomId::from_random(&random.draw());
        match orders.ask(&order, Command::Recover { fresh }).await {
            Ok(Reply::WillMail { .. }) => mailed += 1,
            Ok(_) => {}
            Err(error) => outcome = Err(error),
        }
        if mailed == MAX_MAILED_AT_ONCE {
            break;
        }
    }
    if mailed == 0 && outcome.is_err() {
        addresses.ask(address, AddressCommand::GiveBack).await?;
    }
    outcome
}
