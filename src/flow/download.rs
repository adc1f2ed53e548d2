//! A buyer opens the link, presses the button, and the copy is streamed.

use std::ops::Range;
use std::pin::pin;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use crate::domain::copy::{self, Texts};
use crate::domain::http::percent_encode;
use crate::domain::id::{BrowserId, OrderId, RandomId};
use crate::domain::order::{
    Client, Command, LeaseKey, LeaseRefusal, LinkView, Reply, Request, Standing, Tombstone, Trail,
};
use crate::domain::page;
use crate::domain::settings::{Product, ProductId, Settings};
use crate::domain::time::Timestamp;
use crate::domain::token::{LeaseClaims, LinkClaims, TokenError};
use crate::domain::zip::{ArchiveIndex, IndexReader, Plan, Rejection};

use super::failure::Failure;
use super::ports::{
    ArchiveInfo, Archives, Memory, Orders, Randomness, Tombstones, Unavailable, Verdict, Verdicts,
};
use super::webhook::unexpected;

/// What a download needs of the world.
#[derive(Clone, Copy, Debug)]
pub struct World<'a, O, A, K, M> {
    /// The settings.
    pub settings: &'a Settings,
    /// The orders.
    pub orders: &'a O,
    /// The base archives.
    pub archives: &'a A,
    /// The links that ended, and the verdicts on archives.
    pub kv: &'a K,
    /// What was found out before.
    pub memory: &'a M,
}

/// A copy that can be made: every byte of it is determined.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Where each of its bytes comes from.
    pub plan: Plan,
    /// Of which product.
    pub product: ProductId,
    /// Its version, as buyers know it.
    pub version: String,
    /// The base archive's key.
    pub archive: String,
    /// The base archive's version.
    pub info: ArchiveInfo,
    /// What the download is called.
    pub filename: String,
}

/// A lease that holds, and the copy that it is for.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The order.
    pub order: OrderId,
    /// The lease, and whose it is.
    pub key: LeaseKey,
    /// The copy.
    pub copy: Copy,
    /// The tag of the copy that was first sent by this link, if any was.
    pub begun_etag: Option<String>,
}

/// A stream that the order knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its name.
    pub stream: RandomId,
    /// The byte before which the order is told that the copy is delivered.
    pub delivers_at: Option<u64>,
}

impl<O: Orders, A: Archives, K: Tombstones + Verdicts, M: Memory> World<'_, O, A, K, M> {
    /// The page behind the link. Changes nothing, however often it is looked at.
    ///
    /// 1. The link is ours (404) and its time is not over (410).
    /// 2. KV does not know that it ended (410).
    /// 3. The order says how it stands (409, 410).
    /// 4. The copy can be made (503).
    ///
    /// # Errors
    /// As above, and 503 if the order or the archive's storage did not answer.
    pub async fn look(
        &self,
        token: &str,
        browser: Option<&BrowserId>,
        now: Timestamp,
    ) -> Result<String, Failure> {
        // 1. to 3.
        let (_, standing, view) = self.stand(token, browser, now).await?;
        // 4. The copy.
        let copy = self.copy(&view, Freshness::Now, now).await?;
        let product = self.product(&view)?;
        let begun = standing == Standing::Yours;
        Ok(page::download_page(
            &self.settings.shop,
            product,
            &view,
            token,
            Some(copy.plan.len()),
            begun,
        ))
    }

    /// The button was pressed: gives the address of the copy, for this browser alone.
    ///
    /// 1. The link is ours (404), and KV does not know that it ended (410).
    /// 2. The copy can be made (503): if not, the link is left alone.
    /// 3. The order redeems it (409, 410).
    ///
    /// # Errors
    /// As above, and 503 if the order or the archive's storage did not answer.
    pub async fn redeem(
        &self,
        token: &str,
        browser: BrowserId,
        random: &impl Randomness,
        now: Timestamp,
    ) -> Result<String, Failure> {
        // 1. The link. What it is for never changes, so only who was not here before is told by the order.
        let known = LinkClaims::verify(&self.settings.link_keys, token, now)
            .ok()
            .and_then(|claims| Some((self.memory.view(&claims.jti)?, claims)));
        let (claims, view) = match known {
            Some((view, claims)) => {
                self.refuse_ended(&claims.jti).await?;
                (claims, view)
            }
            None => {
                let (claims, _, view) = self.stand(token, Some(&browser), now).await?;
                (claims, view)
            }
        };
        // 2. The copy.
        self.copy(&view, Freshness::Now, now).await?;
        // 3. The order.
        let lease = RandomId::from_random(&random.draw());
        let command = Command::Redeem {
            jti: claims.jti.clone(),
            browser,
            lease,
        };
        let (lease, issued_at, view) = match self.orders.ask(&claims.sub, command).await? {
            Reply::Leased {
                lease,
                issued_at,
                view,
            } => {
                self.memory.keep_view(&view);
                (lease, issued_at, view)
            }
            Reply::Stands { standing, .. } => return Err(Failure::Standing(standing)),
            Reply::Unknown => return Err(Failure::OrderMissing),
            other => return Err(unexpected(&other)),
        };
        let filename = percent_encode(&self.product(&view)?.filename);
        let lease = LeaseClaims {
            sub: claims.sub,
            jti: claims.jti,
            lease,
            iat: issued_at,
        };
        let lease = lease
            .sign(&self.settings.link_keys)
            .map_err(Failure::Lease)?;
        Ok(format!("/download/{filename}?lease={lease}"))
    }

    /// Opens a leased copy, for HEAD and before a stream begins. Changes nothing. With
    /// [`Freshness::Remembered`] a new release may be missed; whoever then reads finds out.
    ///
    /// 1. The lease is ours (404), and this browser's (403).
    /// 2. The order holds it (410); it is not asked if all of a link that is remembered is about to be sent, since
    ///    [`World::begin`] asks it then.
    /// 3. The copy can be made (503).
    ///
    /// # Errors
    /// As above, and 503 if the order or the archive's storage did not answer.
    pub async fn open(
        &self,
        lease: &str,
        browser: Option<BrowserId>,
        freshness: Freshness,
        reads: Reads,
        now: Timestamp,
    ) -> Result<Opened, Failure> {
        // 1. The lease.
        let claims =
            LeaseClaims::verify(&self.settings.link_keys, lease).map_err(Failure::Lease)?;
        let browser = browser.ok_or(Failure::Refused(LeaseRefusal::NoCookie))?;
        // 2. The order.
        let key = LeaseKey {
            jti: claims.jti,
            lease: claims.lease,
            browser,
        };
        let known = self
            .memory
            .view(&key.jti)
            .filter(|_| reads == Reads::FromTheStart && freshness == Freshness::Remembered);
        let held = match known {
            Some(view) => Held {
                view,
                delivers_at: None,
                begun_etag: None,
            },
            None => self.hold(&claims.sub, Command::Open(key.clone())).await?,
        };
        self.memory.keep_view(&held.view);
        // 3. The copy.
        let copy = self.copy(&held.view, freshness, now).await?;
        Ok(Opened {
            order: claims.sub,
            key,
            copy,
            begun_etag: held.begun_etag,
        })
    }

    /// Tells the order that a stream of `range` begins.
    ///
    /// # Errors
    /// The lease does not hold any more (410), or asked too often (429); 503 if the order did not answer.
    pub async fn begin(
        &self,
        opened: &Opened,
        range: Range<u64>,
        open_ended: bool,
        client: Client,
        random: &impl Randomness,
    ) -> Result<Begun, Failure> {
        let stream = RandomId::from_random(&random.draw());
        let request = Request {
            range,
            open_ended,
            total: opened.copy.plan.len(),
            etag: opened.copy.plan.etag().to_owned(),
        };
        let command = Command::Begin {
            key: opened.key.clone(),
            stream: stream.clone(),
            request,
            trail: Trail {
                version: opened.copy.version.clone(),
                archive_etag: opened.copy.info.etag.clone(),
                client,
            },
        };
        let delivers_at = self.hold(&opened.order, command).await?.delivers_at;
        Ok(Begun {
            stream,
            delivers_at,
        })
    }

    async fn hold(&self, order: &OrderId, command: Command) -> Result<Held, Failure> {
        match self.orders.ask(order, command).await? {
            Reply::Holds {
                view,
                delivers_at,
                begun_etag,
            } => Ok(Held {
                view,
                delivers_at,
                begun_etag,
            }),
            Reply::Refused(refusal) => Err(Failure::Refused(refusal)),
            Reply::Unknown => Err(Failure::OrderMissing),
            other => Err(unexpected(&other)),
        }
    }

    /// A link that is good for this browser: [`Standing::Ready`] or [`Standing::Yours`].
    async fn stand(
        &self,
        token: &str,
        browser: Option<&BrowserId>,
        now: Timestamp,
    ) -> Result<(LinkClaims, Standing, LinkView), Failure> {
        // 1. The link. The order hears of an expired one, since a download that runs may outlive its link.
        let (claims, expired) = match LinkClaims::verify(&self.settings.link_keys, token, now) {
            Ok(claims) => (claims, false),
            Err(TokenError::Expired(claims)) => (*claims, true),
            Err(TokenError::NotOurs(why)) => return Err(Failure::Link(why)),
        };
        // 2. KV.
        self.refuse_ended(&claims.jti).await?;
        // 3. The order.
        let command = Command::Look {
            jti: claims.jti.clone(),
            browser: browser.cloned(),
        };
        match self.orders.ask(&claims.sub, command).await? {
            Reply::Stands {
                standing: Standing::Ready,
                ..
            } if expired => Err(Failure::Standing(Standing::Expired {
                // The clocks differ by a second, and the order has the last word on it.
                renewable: true,
            })),
            Reply::Stands {
                standing: standing @ (Standing::Ready | Standing::Yours),
                view,
            } => {
                self.memory.keep_view(&view);
                Ok((claims, standing, view))
            }
            Reply::Stands { standing, .. } => Err(Failure::Standing(standing)),
            Reply::Unknown => Err(Failure::OrderMissing),
            other => Err(unexpected(&other)),
        }
    }

    /// KV's no is final. Its silence is none, and neither is an answer that takes too long, a failure, or a yes: the order
    /// knows, and KV only spares it work.
    async fn refuse_ended(&self, jti: &RandomId) -> Result<(), Failure> {
        match self
            .heard_of_kv(self.kv.find(jti))
            .await
            .and_then(Result::ok)
            .flatten()
        {
            Some(Tombstone::Used { at, replaceable }) => {
                Err(Failure::Standing(Standing::Used { at, replaceable }))
            }
            Some(Tombstone::Superseded) => Err(Failure::Standing(Standing::Superseded)),
            Some(Tombstone::Revoked) => Err(Failure::Standing(Standing::Revoked)),
            None => Ok(()),
        }
    }

    /// What KV says, unless it takes so long that nobody is to wait for it.
    async fn heard_of_kv<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        match select(pin!(answer), pin!(self.kv.patience())).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    fn product(&self, view: &LinkView) -> Result<&Product, Failure> {
        self.settings
            .product(&view.product)
            .ok_or_else(|| Failure::ProductMissing(view.product.clone()))
    }

    /// Determines every byte of a copy, or fails: there is no copy without its licence.
    async fn copy(
        &self,
        view: &LinkView,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Copy, Failure> {
        let product = self.product(view)?;
        let texts = self.texts(product, now).await?;
        let files = copy::personal_files(&texts, &self.settings.shop, product, view)?;
        // Only texts that could be rendered are kept: a bad one is mended at once.
        self.memory.keep_texts(&product.id, &texts, now);
        let remembered = self
            .memory
            .archive(&product.archive)
            .filter(|_| freshness == Freshness::Remembered);
        let info = match remembered {
            Some(info) => info,
            None => self.find(product).await?,
        };
        let index = self.index(product, &info).await?;
        let plan = Plan::append(&index, &info.etag, &files)
            .map_err(|error| Failure::Plan(product.id.clone(), error))?;
        let (archive, filename) = (product.archive.clone(), product.filename.clone());
        Ok(Copy {
            plan,
            product: product.id.clone(),
            version: product.version.clone(),
            archive,
            info,
            filename,
        })
    }

    /// The archive that is there now.
    pub(super) async fn find(&self, product: &Product) -> Result<ArchiveInfo, Failure> {
        let found = self.archives.find(&product.archive).await?;
        self.memory.keep_archive(&product.archive, found.as_ref());
        found.ok_or_else(|| Failure::ArchiveMissing(product.id.clone()))
    }

    /// The product's own texts, where the operator gave it some.
    pub(super) async fn texts(&self, product: &Product, now: Timestamp) -> Result<Texts, Failure> {
        if let Some(texts) = self.memory.texts(&product.id, now) {
            return Ok(texts);
        }
        let mut texts = Texts::default();
        for (name, text) in copy::FILE_NAMES
            .into_iter()
            .zip([&mut texts.license, &mut texts.readme])
        {
            if let Some(own) = self
                .archives
                .text(&copy::text_key(&product.id, name))
                .await?
            {
                *text = own;
            }
        }
        Ok(texts)
    }

    /// The index of a product's archive, read once per version.
    pub(super) async fn index(
        &self,
        product: &Product,
        info: &ArchiveInfo,
    ) -> Result<ArchiveIndex, Failure> {
        let verdict = match self.memory.verdict(&info.etag) {
            Some(verdict) => verdict,
            None => {
                // In a box, so that what is rare is not part of what each click runs.
                let verdict = self.judge(product, info).boxed_local().await?;
                self.memory.keep_verdict(&info.etag, &verdict);
                verdict
            }
        };
        match verdict {
            Verdict::Fit(index) => Ok(index),
            Verdict::Unfit(why) => Err(Failure::Archive(product.id.clone(), why)),
        }
    }

    /// The verdict that was kept, or a new one. Without KV it is found out each time, which costs a read.
    async fn judge(&self, product: &Product, info: &ArchiveInfo) -> Result<Verdict, Failure> {
        if let Some(Ok(Some(verdict))) = self.heard_of_kv(self.kv.verdict_on(info)).await {
            return Ok(verdict);
        }
        let verdict = match self.read_index(product, info).await? {
            Ok(index) => Verdict::Fit(index),
            // The storage's fault, not the archive's.
            Err(Rejection::IncompleteRead { .. }) => {
                return Err(Failure::Unavailable(Unavailable(
                    "ARCHIVES: an incomplete read".to_owned(),
                )));
            }
            Err(rejection) => Verdict::Unfit(rejection.to_string()),
        };
        let _ = self.heard_of_kv(self.kv.keep(info, &verdict)).await;
        Ok(verdict)
    }

    async fn read_index(
        &self,
        product: &Product,
        info: &ArchiveInfo,
    ) -> Result<Result<ArchiveIndex, Rejection>, Failure> {
        let mut reader = match IndexReader::new(info.size_bytes, &copy::FILE_NAMES) {
            Ok(reader) => reader,
            Err(rejection) => return Ok(Err(rejection)),
        };
        while let Some(range) = reader.wants() {
            let bytes = self
                .archives
                .read(&product.archive, &info.etag, range)
                .await;
            let bytes = bytes.map_err(|error| Failure::reading(&product.id, error))?;
            if let Err(rejection) = reader.supply(&bytes) {
                return Ok(Err(rejection));
            }
        }
        Ok(reader.finish())
    }
}

/// A lease that holds.
struct Held {
    view: LinkView,
    delivers_at: Option<u64>,
    begun_etag: Option<String>,
}

/// What a request is about to read of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// All of it. What was sent before is of no interest then.
    FromTheStart,
    /// A part; or nothing but what the whole would be.
    Part,
}

/// Which version of an archive a copy is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The one that is there now.
    Now,
    /// The one that was last seen here, if any was.
    Remembered,
}
