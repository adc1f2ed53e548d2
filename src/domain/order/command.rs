//! What can be asked of an order, and what it answers: the words that cross to the Durable Object and back.

use serde::{Deserialize, Serialize};

use super::outbox::MailJob;
use super::{Ended, Ending, NewItem, Request, Standing, StripeCommand, StripeReply, Trail};
use crate::domain::id::{BrowserId, OrderId, RandomId};
use crate::domain::mail::{Mail, Outcome, Schedule};
use crate::domain::purchase::{Buyer, LicenseId, Purchase};
use crate::domain::settings::ProductId;
use crate::domain::time::Timestamp;

/// Which download a command is about. Every part comes from a signed lease, but for the browser, which
/// comes from its cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseKey {
    /// The link.
    pub jti: RandomId,
    /// The lease.
    pub lease: RandomId,
    /// Who asks.
    pub browser: BrowserId,
}

/// What can be asked of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Somebody paid. The second time, and every time after, nothing changes; but that an order which was stored without
    /// products gets them.
    Record {
        /// What for.
        purchase: Purchase,
        /// Where links lead.
        origin: String,
        /// One for each of the purchase's products; none if these are to be asked for.
        items: Vec<NewItem>,
        /// Whether to mail the links.
        mail: bool,
    },
    /// The operator asks for a link: the one that still works, or a new one in its place.
    Issue {
        /// For which item; an order of one item needs no name.
        product: Option<ProductId>,
        /// The new link's name, should one be needed.
        jti: RandomId,
    },
    /// The buyer asks for another link in the place of one that is expired or used.
    Renew {
        /// The old link.
        jti: RandomId,
        /// The new link's name, should there be one.
        fresh: RandomId,
    },
    /// Somebody who named the buyer's address has lost the mail.
    Recover {
        /// What the names of new links are made of, should some have expired.
        fresh: RandomId,
    },
    /// The buyer's address knows of this order.
    AddressKnows,
    /// The operator takes a link back, or all of them. A new one may be issued afterwards.
    Revoke {
        /// Which; without it all.
        jti: Option<RandomId>,
    },
    /// How does this link stand? Changes nothing.
    Look {
        /// The link.
        jti: RandomId,
        /// Who asks, if known.
        browser: Option<BrowserId>,
    },
    /// The button was pressed.
    Redeem {
        /// The link.
        jti: RandomId,
        /// Who pressed it.
        browser: BrowserId,
        /// The new lease's name, should one be needed.
        lease: RandomId,
    },
    /// Does this lease hold? Changes nothing.
    Open(LeaseKey),
    /// A stream is about to start.
    Begin {
        /// Of this download.
        key: LeaseKey,
        /// The stream's own name.
        stream: RandomId,
        /// What it will send.
        request: Request,
        /// What the audit trail is to know.
        trail: Trail,
    },
    /// A stream still runs.
    Heartbeat {
        /// Of this download.
        key: LeaseKey,
        /// The stream.
        stream: RandomId,
    },
    /// A stream is about to send the bytes that make the copy a delivered one.
    HandOver {
        /// Of this download.
        key: LeaseKey,
        /// The stream.
        stream: RandomId,
    },
    /// A stream is over.
    Finish {
        /// Of this download.
        key: LeaseKey,
        /// The stream.
        stream: RandomId,
        /// How.
        ending: Ending,
    },
    /// The outbox begins an attempt at the mail that is due.
    StartMail {
        /// What the names of new links are made of, should the old ones be about to end.
        fresh: RandomId,
        /// When mails are tried.
        schedule: Schedule,
    },
    /// These products can't be mailed yet: nobody has configured them.
    SetAside {
        /// Some or all of the pending mail's.
        products: Vec<ProductId>,
    },
    /// The mail's text, as it will be sent on every attempt.
    KeepMail {
        /// The text.
        mail: Mail,
    },
    /// An attempt has ended.
    MailTried {
        /// Which text it was that was tried.
        edition: u32,
        /// How it ended.
        outcome: Outcome,
        /// When mails are tried.
        schedule: Schedule,
    },
    /// The operator knows that a mail failed.
    MailFailureTold,
    /// KV knows which order these links belong to.
    Indexed {
        /// The links.
        jtis: Vec<RandomId>,
    },
    /// These links' tombstones are in KV.
    Buried {
        /// The links, and what KV was told of them.
        links: Vec<Ended>,
    },
    /// What is about Stripe.
    Stripe(StripeCommand),
}

/// What an order answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// There is no such order, or no such link in it.
    Unknown,
    /// The order is stored; `new` the first time.
    Recorded {
        /// Whether this was the first time.
        new: bool,
        /// What is stored, which the first time decided.
        purchase: Purchase,
    },
    /// A link that works.
    Issued(LinkView),
    /// So many links were taken back, or had been before.
    Revoked {
        /// How many.
        links: usize,
    },
    /// An order of several items was asked for a link without saying which; or it has no such item.
    NoSuchItem,
    /// How a link stands.
    Stands {
        /// So.
        standing: Standing,
        /// What it is for.
        view: LinkView,
    },
    /// The link was redeemed.
    Leased {
        /// The lease.
        lease: RandomId,
        /// Since when.
        issued_at: Timestamp,
        /// What it is for.
        view: LinkView,
    },
    /// The lease holds.
    Holds {
        /// What it is for.
        view: LinkView,
        /// For [`Command::Begin`]: the byte before which the stream says [`Command::HandOver`].
        delivers_at: Option<u64>,
        /// The tag of the copy that was first sent by this link, if any was.
        begun_etag: Option<String>,
    },
    /// A download by the old link still runs, so it is left alone.
    StillRuns {
        /// For so long at most, if nothing more is heard of it.
        retry_after_secs: i64,
    },
    /// A mail with a link goes to this address.
    WillMail {
        /// The buyer's.
        to: String,
    },
    /// The lease does not hold.
    Refused(LeaseRefusal),
    /// Noted.
    Done,
    /// The mail to send now, or to compose first.
    MailJob(Option<Box<MailJob>>),
    /// To [`Command::Stripe`].
    Stripe(StripeReply),
}

/// Why a lease opens nothing (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseRefusal {
    /// It was given to another browser.
    OtherBrowser,
    /// The browser did not say which one it is.
    NoCookie,
    /// It is over, or another one took its place: back to the link.
    Over,
    /// More requests than any download needs.
    TooManyRequests,
}

/// What a page, a token or a licence needs to know of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// The order.
    pub order: OrderId,
    /// The product.
    pub product: ProductId,
    /// The licence's number.
    pub license: LicenseId,
    /// Who bought it.
    pub buyer: Buyer,
    /// When.
    pub purchased_at: Timestamp,
    /// Where links lead.
    pub origin: String,
    /// The link.
    pub jti: RandomId,
    /// Since when the link is good.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}
