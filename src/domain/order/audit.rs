//! The audit trail: what was sent by an order, to where, and how it ended. One entry per stream.
//!
//! It is kept beside the order, not in it: the order is read at every step, the trail only when somebody asks.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Command, Ending, Order, Reply};
use crate::domain::id::RandomId;
use crate::domain::purchase::LicenseId;
use crate::domain::settings::ProductId;
use crate::domain::time::Timestamp;

/// Who asked, as far as the trail remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The country, as Cloudflare sees it (ISO 3166-1 alpha-2, or `T1` for Tor).
    pub country: Option<String>,
    /// The network that the request came from: the address without its last part.
    pub network: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
}

/// What the trail wants to know of a stream that begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The base archive's version, as buyers know it.
    pub version: String,
    /// The base archive's tag.
    pub archive_etag: String,
    /// Who asked.
    pub client: Client,
}

/// An entry: one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The stream.
    pub stream: RandomId,
    /// By which link.
    pub jti: RandomId,
    /// Of which product.
    pub product: ProductId,
    /// The licence in the copy.
    pub license: LicenseId,
    /// As in [`Trail`].
    pub version: String,
    /// As in [`Trail`].
    pub archive_etag: String,
    /// As in [`Trail`].
    pub client: Client,
    /// The copy's tag.
    pub etag: String,
    /// The bytes that were asked for.
    pub range: Range<u64>,
    /// The whole copy's length, in bytes.
    pub total: u64,
    /// Since when it was sent.
    pub began_at: Timestamp,
    /// When it made the copy a delivered one.
    pub delivered_at: Option<Timestamp>,
    /// When it ended. Without it, it runs, or its end was lost.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
}

/// What a command adds to the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A stream began.
    Began(Box<Delivery>),
    /// More is known of one that did.
    Went(RandomId, Progress),
}

/// What becomes known of a stream after it began: an RFC 7396 merge patch of its [`Delivery`], so that storage can add
/// it without reading the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Progress {
    /// It delivers.
    Delivers {
        /// When.
        delivered_at: Timestamp,
    },
    /// It is over.
    Ended {
        /// When.
        ended_at: Timestamp,
        /// How.
        ending: Ending,
    },
}

impl Note {
    /// What this command, which was answered so by `order`, adds.
    #[must_use]
    pub fn of(command: &Command, order: &Order, reply: &Reply, now: Timestamp) -> Option<Self> {
        match (command, reply) {
            (
                Command::Begin {
                    key,
                    stream,
                    request,
                    trail,
                },
                Reply::Holds { .. },
            ) => {
                let (item, _) = order.find(&key.jti)?;
                Some(Self::Began(Box::new(Delivery {
                    stream: stream.clone(),
                    jti: key.jti.clone(),
                    product: item.product.clone(),
                    license: item.license.clone(),
                    version: trail.version.clone(),
                    archive_etag: trail.archive_etag.clone(),
                    client: trail.client.clone(),
                    etag: request.etag.clone(),
                    range: request.range.clone(),
                    total: request.total,
                    began_at: now,
                    delivered_at: None,
                    ended_at: None,
                    ending: None,
                })))
            }
            (Command::HandOver { stream, .. }, Reply::Holds { .. }) => Some(Self::Went(
                stream.clone(),
                Progress::Delivers { delivered_at: now },
            )),
            // Also if the lease is gone by now: what was sent was sent.
            (Command::Finish { stream, ending, .. }, _) => Some(Self::Went(
                stream.clone(),
                Progress::Ended {
                    ended_at: now,
                    ending: *ending,
                },
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;
    use serde_json::{Value, json};

    #[test]
    fn what_becomes_known_merges_into_an_entry() {
        let view = fixtures::view();
        let began = Delivery {
            stream: view.jti.clone(),
            jti: view.jti,
            product: view.product,
            license: view.license,
            version: "1.0.0".to_owned(),
            archive_etag: "abc".to_owned(),
            client: Client::default(),
            etag: "def".to_owned(),
            range: 0..10,
            total: 10,
            began_at: Timestamp::from_secs(1),
            delivered_at: None,
            ended_at: None,
            ending: None,
        };
        let delivers = Progress::Delivers {
            delivered_at: Timestamp::from_secs(2),
        };
        let ended = Progress::Ended {
            ended_at: Timestamp::from_secs(3),
            ending: Ending::Whole,
        };
        let mut entry = serde_json::to_value(&began).unwrap();
        for progress in [delivers, ended] {
            let Value::Object(patch) = serde_json::to_value(progress).unwrap() else {
                panic!("a patch is an object");
            };
            for (name, value) in patch {
                // A null would remove the field, and a name that is not there would be one that nobody reads.
                assert!(!value.is_null() && entry.get(&name).is_some(), "{name}");
                entry[name] = value;
            }
        }
        let known = Delivery {
            delivered_at: Some(Timestamp::from_secs(2)),
            ended_at: Some(Timestamp::from_secs(3)),
            ending: Some(Ending::Whole),
            ..began
        };
        assert_eq!(entry, json!(known));
    }
}
