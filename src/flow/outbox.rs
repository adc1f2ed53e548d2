//! The order's alarm rang: a mail is due, or a link's end is to be made known.

use crate::domain::address::AddressCommand;
use crate::domain::id::RandomId;
use crate::domain::mail::{self, Mail, MailItem, Outcome};
use crate::domain::order::{Command, Link, LinkView, Reply};
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;

use super::failure::Failure;
use super::links::link_url;
use super::ports::{
    Addresses, KnownAddresses, Mailer, Randomness, Referee, Tombstone, Tombstones, Unavailable,
};
use super::webhook::unexpected;

/// KV knows of a link's end for so long past the link's expiry, in seconds: longer than clocks differ.
const TOMBSTONE_MARGIN_SECS: i64 = 24 * 3_600;

/// KV takes no shorter time to live, in seconds: <https://developers.cloudflare.com/kv/api/write-key-value-pairs/>.
const MIN_TOMBSTONE_TTL_SECS: u64 = 60;

/// Does what is due. Whatever fails is due again later: that was stored before it was tried.
///
/// # Errors
/// What failed, for the log. A mail that fails does not keep a link's end from being made known, nor
/// the other way round.
pub async fn run(
    settings: &Settings,
    referee: &impl Referee,
    mailer: &impl Mailer,
    kv: &(impl Tombstones + KnownAddresses),
    addresses: &impl Addresses,
    random: &impl Randomness,
    now: Timestamp,
) -> Result<(), Failure> {
    let sent = send_mail(settings, referee, mailer, random, now).await;
    let buried = bury_links(referee, kv, now).await;
    let indexed = index_links(referee, kv, now).await;
    let registered = register(referee, kv, addresses, now).await;
    sent.and(buried).and(indexed).and(registered)
}

/// 1. The attempt is stored, and with it the next one.
/// 2. The text is composed, and stored: every attempt sends the same bytes.
/// 3. The provider gets it, under the same key each time.
/// 4. That it took it is stored.
async fn send_mail(
    settings: &Settings,
    referee: &impl Referee,
    mailer: &impl Mailer,
    random: &impl Randomness,
    now: Timestamp,
) -> Result<(), Failure> {
    // 1. The attempt.
    let start = Command::StartMail {
        fresh: RandomId::from_random(&random.draw()),
    };
    let job = match referee.decide(start, now)? {
        Reply::MailJob(Some(job)) => *job,
        Reply::MailJob(None) | Reply::Unknown => return Ok(()),
        other => return Err(unexpected(&other)),
    };
    // 2. The text.
    let mail = match job.mail {
        Some(mail) => mail,
        None => {
            let mail = compose(settings, &job.links)?;
            referee.decide(Command::KeepMail { mail: mail.clone() }, now)?;
            mail
        }
    };
    // 3. The provider.
    match mailer.send(&mail, &job.idempotency_key, now).await {
        Outcome::Sent | Outcome::SentBefore => {}
        Outcome::Later { why, .. } | Outcome::Refused { why, .. } | Outcome::Never { why } => {
            return Err(Failure::Unavailable(Unavailable(why)));
        }
    }
    // 4. The end of it.
    referee.decide(Command::MailSent, now)?;
    Ok(())
}

fn compose(settings: &Settings, links: &[LinkView]) -> Result<Mail, Failure> {
    let items = links
        .iter()
        .map(|link| {
            let product = settings
                .product(&link.product)
                .ok_or_else(|| Failure::ProductMissing(link.product.clone()))?;
            let url = link_url(settings, link).map_err(Failure::Link)?;
            Ok(MailItem { product, link, url })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    mail::compose(&settings.shop, &settings.mail, &items)?
        .ok_or_else(|| Failure::Unavailable(Unavailable("an order without items".to_owned())))
}

async fn bury_links(
    referee: &impl Referee,
    tombstones: &impl Tombstones,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut jtis = Vec::new();
    for (link, replaceable) in referee.ended_links(now)? {
        let tombstone = match (link.revoked_at, link.superseded_at, link.delivered_at) {
            (Some(_), _, _) => Tombstone::Revoked,
            (None, None, Some(at)) => Tombstone::Used { at, replaceable },
            _ => Tombstone::Superseded,
        };
        let ttl_secs = kept_secs(&link, now);
        tombstones.bury(&link.jti, tombstone, ttl_secs).await?;
        jtis.push(link.jti);
    }
    if !jtis.is_empty() {
        referee.decide(Command::Buried { jtis }, now)?;
    }
    Ok(())
}

async fn index_links(
    referee: &impl Referee,
    tombstones: &impl Tombstones,
    now: Timestamp,
) -> Result<(), Failure> {
    let Some((order, links)) = referee.unindexed_links()? else {
        return Ok(());
    };
    let mut jtis = Vec::new();
    for link in links {
        tombstones
            .index(&link.jti, &order, kept_secs(&link, now))
            .await?;
        jtis.push(link.jti);
    }
    if !jtis.is_empty() {
        referee.decide(Command::Indexed { jtis }, now)?;
    }
    Ok(())
}

/// Has the buyer's address know of the order. KV comes last: what it knows, the address must know.
async fn register(
    referee: &impl Referee,
    kv: &impl KnownAddresses,
    addresses: &impl Addresses,
    now: Timestamp,
) -> Result<(), Failure> {
    let Some((order, address)) = referee.unknown_address()? else {
        return Ok(());
    };
    addresses
        .ask(&address, AddressCommand::Register(order))
        .await?;
    kv.make_known(&address).await?;
    referee.decide(Command::AddressKnows, now)?;
    Ok(())
}

/// For how long KV keeps what it knows of a link, in seconds.
fn kept_secs(link: &Link, now: Timestamp) -> u64 {
    let lives_secs = link
        .expires_at
        .plus_secs(TOMBSTONE_MARGIN_SECS)
        .secs_since(now);
    u64::try_from(lives_secs)
        .unwrap_or_default()
        .max(MIN_TOMBSTONE_TTL_SECS)
}
