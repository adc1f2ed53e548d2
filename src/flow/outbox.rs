//! The order's alarm rang: a mail is due, or a link's end is to be made known.

use crate::domain::address::AddressCommand;
use crate::domain::alarm::{Cause, Code};
use crate::domain::id::{OrderId, RandomId};
use crate::domain::mail::{self, Mail, MailItem, Outcome, Schedule};
use crate::domain::order::{Command, Ended, LinkView, MailReason, Reply};
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;

use super::failure::Failure;
use super::links::{link_origin, link_url};
use super::ports::{
    Addresses, Attempt, KnownAddresses, Mailer, Operator, Randomness, Referee, Tombstones,
    Unavailable,
};
use super::webhook::unexpected;

/// KV knows of a link's end for so long past the link's expiry, in seconds: longer than clocks differ.
const TOMBSTONE_MARGIN_SECS: i64 = 24 * 3_600;

/// KV takes no shorter time to live, in seconds: <https://developers.cloudflare.com/kv/api/write-key-value-pairs/>.
const MIN_TOMBSTONE_TTL_SECS: u64 = 60;

/// What an order's alarm works with.
pub struct Outbox<'a, R, M, K, A, O, N> {
    /// What the operator set.
    pub settings: &'a Settings,
    /// The order.
    pub referee: &'a R,
    /// The mail provider.
    pub mailer: &'a M,
    /// What is known of links and addresses everywhere.
    pub kv: &'a K,
    /// The buyer's address.
    pub addresses: &'a A,
    /// Who hears of what only a person can mend.
    pub operator: &'a O,
    /// Where names come from.
    pub random: &'a N,
}

impl<R, M, K, A, O, N> Outbox<'_, R, M, K, A, O, N>
where
    R: Referee,
    M: Mailer,
    K: Tombstones + KnownAddresses,
    A: Addresses,
    O: Operator,
    N: Randomness,
{
    /// Does what is due. Whatever fails is due again later: that was stored before it was tried. What will not pass
    /// by itself is told to the operator.
    ///
    /// # Errors
    /// What failed, for the log. A mail that fails does not keep a link's end from being made known, nor
    /// the other way round.
    pub async fn run(&self, now: Timestamp) -> Result<(), Failure> {
        let sent = self.send_mail(now).await;
        let told = self.tell_failure(now).await;
        let buried = bury_links(self.referee, self.kv, now).await;
        let indexed = index_links(self.referee, self.kv, now).await;
        let registered = register(self.referee, self.kv, self.addresses, now).await;
        let known = told.and(buried).and(indexed).and(registered);
        for failure in [sent.as_ref().err(), known.as_ref().err()] {
            self.raise_if_lasting(failure, now).await;
        }
        sent.and(known)
    }

    /// 1. The attempt is stored, and with it the next one.
    /// 2. The text is composed, and stored: every attempt sends the same bytes.
    /// 3. The provider gets it, under the same key each time.
    /// 4. What became of it is stored, and told if the operator has to know.
    async fn send_mail(&self, now: Timestamp) -> Result<(), Failure> {
        let schedule = Schedule::new(self.settings.mail.speedup);
        // 1. The attempt.
        let start = Command::StartMail {
            fresh: RandomId::from_random(&self.random.draw()),
            schedule,
        };
        let job = match self.referee.decide(start, now)? {
            Reply::MailJob(Some(job)) => *job,
            Reply::MailJob(None) | Reply::Unknown => return Ok(()),
            other => return Err(unexpected(&other)),
        };
        // 2. The text.
        let mail = match job.mail {
            Some(mail) => mail,
            None => {
                let order = job.links.first().map(|link| link.order.clone());
                let (links, missing): (Vec<_>, Vec<_>) = job
                    .links
                    .into_iter()
                    .partition(|link| self.settings.product(&link.product).is_some());
                let products: Vec<_> = missing.into_iter().map(|link| link.product).collect();
                for product in &products {
                    let order = order.as_ref().map(OrderId::as_str).unwrap_or_default();
                    let detail = format!("order {order}");
                    self.raise(Code::UnknownProduct, product.as_str(), &detail)
                        .await;
                }
                if let Some(product) = products.first().cloned() {
                    self.referee.decide(Command::SetAside { products }, now)?;
                    if links.is_empty() {
                        return Err(Failure::ProductMissing(product));
                    }
                }
                let mail = compose(self.settings, job.reason, &links)?;
                self.referee
                    .decide(Command::KeepMail { mail: mail.clone() }, now)?;
                mail
            }
        };
        // 3. The provider.
        let Attempt { outcome, ended_at } =
            self.mailer.send(&mail, &job.idempotency_key, now).await;
        // 4. The end of it.
        let tried = Command::MailTried {
            edition: job.edition,
            outcome: outcome.clone(),
            schedule,
        };
        self.referee.decide(tried, ended_at)?;
        let (why, refused) = match outcome {
            Outcome::Sent | Outcome::SentBefore => return Ok(()),
            Outcome::Never { why } => return Err(Failure::MailNotSent(why)),
            Outcome::Later { why, .. } => (why, false),
            Outcome::Refused { why, .. } => (why, true),
        };
        if refused {
            let provider = self.settings.mail.provider.name();
            self.raise(Code::MailRefused, provider, &why).await;
        }
        if job.waited_secs >= schedule.stuck_after_secs() {
            let order = self.referee.work()?.map(|work| work.order);
            let order = order.as_ref().map(OrderId::as_str).unwrap_or_default();
            self.raise(Code::MailStuck, order, &why).await;
        }
        Err(Failure::MailNotSent(why))
    }

    /// A mail that failed for good is told until the operator's object has it.
    async fn tell_failure(&self, now: Timestamp) -> Result<(), Failure> {
        let Some(work) = self.referee.work()? else {
            return Ok(());
        };
        let Some(failure) = work.untold_failure else {
            return Ok(());
        };
        let cause = Cause::new(Code::MailFailed, work.order.as_str(), &failure.why);
        self.operator.raise(cause).await?;
        self.referee.decide(Command::MailFailureTold, now)?;
        Ok(())
    }

    /// Tells the operator of what only they can mend, and of what does not pass by itself for hours.
    async fn raise_if_lasting(&self, failure: Option<&Failure>, now: Timestamp) {
        let Some(failure) = failure else {
            return;
        };
        let Ok(Some(work)) = self.referee.work() else {
            return;
        };
        let order = work.order.as_str();
        let detail = failure.log_detail().unwrap_or_default();
        let stuck_secs = Schedule::new(self.settings.mail.speedup).stuck_after_secs();
        let lasts = work
            .known_due_at
            .is_some_and(|due_at| now.secs_since(due_at) >= stuck_secs);
        match failure {
            // They are told where they are met.
            Failure::ProductMissing(_) | Failure::MailNotSent(_) => {}
            Failure::Unavailable(_) if !lasts => {}
            _ => self.raise(Code::OrderFailing, order, &detail).await,
        }
    }

    /// Raises it. Should that fail, what caused it will be there again at the next attempt.
    async fn raise(&self, code: Code, subject: &str, detail: &str) {
        let _ = self.operator.raise(Cause::new(code, subject, detail)).await;
    }
}

fn compose(settings: &Settings, reason: MailReason, links: &[LinkView]) -> Result<Mail, Failure> {
    let items = links
        .iter()
        .map(|link| {
            let product = settings
                .product(&link.product)
                .ok_or_else(|| Failure::ProductMissing(link.product.clone()))?;
            let url = link_url(settings, link).map_err(Failure::Link)?;
            let recover_url = format!("{}/recover", link_origin(settings, link));
            Ok(MailItem {
                product,
                link,
                url,
                recover_url,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    mail::compose(&settings.shop, &settings.mail, reason, &items)?
        .ok_or_else(|| Failure::Unavailable(Unavailable("an order without items".to_owned())))
}

async fn bury_links(
    referee: &impl Referee,
    tombstones: &impl Tombstones,
    now: Timestamp,
) -> Result<(), Failure> {
    let links = referee.ended_links(now)?;
    for Ended {
        jti,
        tombstone,
        expires_at,
    } in &links
    {
        tombstones
            .bury(jti, *tombstone, kept_secs(*expires_at, now))
            .await?;
    }
    if !links.is_empty() {
        referee.decide(Command::Buried { links }, now)?;
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
            .index(&link.jti, &order, kept_secs(link.expires_at, now))
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
fn kept_secs(expires_at: Timestamp, now: Timestamp) -> u64 {
    let lives_secs = expires_at.plus_secs(TOMBSTONE_MARGIN_SECS).secs_since(now);
    u64::try_from(lives_secs)
        .unwrap_or_default()
        .max(MIN_TOMBSTONE_TTL_SECS)
}
