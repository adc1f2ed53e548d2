//! The world as the tests have it: it forgets nothing, and fails when told to.

mod mail;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::ops::Range;

pub(super) use mail::{FakeAlarmBook, FakeMailer, FakeOperator};

use super::download::World;
use super::failure::Failure;
use super::outbox::Outbox;
use super::ports::{
    Addresses, ArchiveInfo, Archives, KnownAddresses, Memory, Orders, Randomness, ReadError,
    Referee, Tombstones, Unavailable, Verdict, Verdicts, Work,
};
use super::ringing;
use crate::domain::address::{self, Address, AddressCommand, AddressId, Recovered};
use crate::domain::copy::Texts;
use crate::domain::id::{OrderId, RandomBytes, RandomId};
use crate::domain::json;
use crate::domain::order::{
    Command, Delivery, Ended, Link, LinkView, Note, Order, Progress, Reply, Tombstone, decide,
    fixtures,
};
use crate::domain::settings::{Limits, ProductId, Settings};
use crate::domain::time::Timestamp;

mod stripe;

pub(super) use stripe::{FakeNotebook, FakePayments, FakeStripe};

/// How something fails, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It was not done.
    NotDone,
    /// It was done, and reported as failed.
    DoneButFailed,
}

fn broken() -> Unavailable {
    Unavailable("broken on purpose".to_owned())
}

/// The order objects.
#[derive(Default)]
pub(super) struct FakeOrders {
    pub orders: RefCell<BTreeMap<String, Order>>,
    pub addresses: RefCell<BTreeMap<String, Address>>,
    pub trails: RefCell<BTreeMap<String, Vec<Delivery>>>,
    pub limits: Cell<Limits>,
    pub now: Cell<i64>,
    pub asked: Cell<u32>,
    pub faults: RefCell<VecDeque<Fault>>,
}

impl FakeOrders {
    pub(super) fn at(now: Timestamp) -> Self {
        let orders = Self::default();
        orders.now.set(now.as_secs());
        orders
    }

    pub(super) fn only(&self) -> Order {
        let orders = self.orders.borrow();
        assert_eq!(orders.len(), 1, "one order");
        orders.values().next().unwrap().clone()
    }

    fn decide(&self, name: &str, command: &Command, now: Timestamp) -> Reply {
        let mut orders = self.orders.borrow_mut();
        let limits = self.limits.get();
        let (after, reply) = decide(orders.remove(name), command.clone(), &limits, now);
        let note = after
            .as_ref()
            .and_then(|order| Note::of(command, order, &reply, now));
        if let Some(note) = note {
            let mut trails = self.trails.borrow_mut();
            let trail = trails.entry(name.to_owned()).or_default();
            match note {
                Note::Began(delivery) => trail.push(*delivery),
                Note::Went(stream, progress) => trail
                    .iter_mut()
                    .filter(|entry| entry.stream == stream)
                    .for_each(|entry| match progress {
                        Progress::Delivers { delivered_at } => {
                            entry.delivered_at = Some(delivered_at);
                        }
                        Progress::Ended { ended_at, ending } => {
                            (entry.ended_at, entry.ending) = (Some(ended_at), Some(ending));
                        }
                    }),
            }
        }
        orders.extend(after.map(|order| (name.to_owned(), order)));
        reply
    }
}

impl Addresses for FakeOrders {
    async fn ask(
        &self,
        address: &AddressId,
        command: AddressCommand,
    ) -> Result<Recovered, Unavailable> {
        let fault = self.faults.borrow_mut().pop_front();
        if fault == Some(Fault::NotDone) {
            return Err(broken());
        }
        let now = Timestamp::from_secs(self.now.get());
        let mut addresses = self.addresses.borrow_mut();
        let before = addresses.remove(address.as_str());
        let (after, recovered) = address::decide(before, command, &self.limits.get(), now);
        addresses.extend(after.map(|after| (address.as_str().to_owned(), after)));
        if fault.is_some() {
            Err(broken())
        } else {
            Ok(recovered)
        }
    }
}

impl Orders for FakeOrders {
    async fn ask(&self, order: &OrderId, command: Command) -> Result<Reply, Unavailable> {
        self.asked.set(self.asked.get() + 1);
        // As it goes over the wire.
        let command = json::read(&json::write(&command).unwrap()).unwrap();
        let now = Timestamp::from_secs(self.now.get());
        match self.faults.borrow_mut().pop_front() {
            Some(Fault::NotDone) => Err(broken()),
            Some(Fault::DoneButFailed) => {
                self.decide(order.as_str(), &command, now);
                Err(broken())
            }
            None => {
                let reply = self.decide(order.as_str(), &command, now);
                Ok(json::read(&json::write(&reply).unwrap()).unwrap())
            }
        }
    }
}

/// The storage of the only order.
pub(super) struct OnlyOrder<'a> {
    pub orders: &'a FakeOrders,
    /// Fails from this decision on, counted from 0: the object died.
    pub dies_at: Option<u32>,
    pub decisions: Cell<u32>,
}

impl Referee for OnlyOrder<'_> {
    fn decide(&self, command: Command, now: Timestamp) -> Result<Reply, Unavailable> {
        let at = self.decisions.replace(self.decisions.get() + 1);
        if self.dies_at.is_some_and(|dies_at| at >= dies_at) {
            return Err(broken());
        }
        let name = self.orders.orders.borrow().keys().next().cloned();
        let name = name.unwrap_or_else(|| "cs_test_gone".to_owned());
        Ok(self.orders.decide(&name, &command, now))
    }

    fn unindexed_links(&self) -> Result<Option<(OrderId, Vec<Link>)>, Unavailable> {
        let order = self.orders.only();
        Ok(Some((
            order.purchase.order.clone(),
            order.unindexed_links(),
        )))
    }

    fn ended_links(&self, now: Timestamp) -> Result<Vec<Ended>, Unavailable> {
        Ok(self
            .orders
            .only()
            .ended_links(&self.orders.limits.get(), now))
    }

    fn work(&self) -> Result<Option<Work>, Unavailable> {
        let limits = self.orders.limits.get();
        Ok(Some(Work::of(&self.orders.only(), &limits)))
    }

    fn unknown_address(&self) -> Result<Option<(OrderId, AddressId)>, Unavailable> {
        let order = Some(self.orders.only()).filter(|order| !order.address_knows);
        Ok(order.map(|order| {
            let address = AddressId::of(&order.purchase.buyer.email);
            (order.purchase.order, address)
        }))
    }
}

/// The archives: key to version and bytes.
#[derive(Default)]
pub(super) struct FakeArchives {
    pub objects: RefCell<BTreeMap<String, (String, Vec<u8>)>>,
    pub reads: Cell<u32>,
    pub down: Cell<bool>,
}

impl FakeArchives {
    pub(super) fn put(&self, key: &str, etag: &str, bytes: Vec<u8>) {
        self.objects
            .borrow_mut()
            .insert(key.to_owned(), (etag.to_owned(), bytes));
    }
}

impl Archives for FakeArchives {
    async fn find(&self, key: &str) -> Result<Option<ArchiveInfo>, Unavailable> {
        self.reads.set(self.reads.get() + 1);
        if self.down.get() {
            return Err(broken());
        }
        Ok(self
            .objects
            .borrow()
            .get(key)
            .map(|(etag, bytes)| ArchiveInfo {
                size_bytes: bytes.len().try_into().unwrap(),
                etag: etag.clone(),
            }))
    }

    async fn text(&self, key: &str) -> Result<Option<String>, Unavailable> {
        self.reads.set(self.reads.get() + 1);
        Ok(self
            .objects
            .borrow()
            .get(key)
            .map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap()))
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        self.reads.set(self.reads.get() + 1);
        let objects = self.objects.borrow();
        let (_, bytes) = objects
            .get(key)
            .filter(|(tag, _)| tag == etag)
            .ok_or(ReadError::Changed)?;
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Ok(bytes[range].to_vec())
    }
}

/// KV.
#[derive(Default)]
pub(super) struct FakeKv {
    pub buried: RefCell<BTreeMap<String, (Tombstone, u64)>>,
    pub verdicts: RefCell<BTreeMap<String, Verdict>>,
    pub orders: RefCell<BTreeMap<String, OrderId>>,
    pub addresses: RefCell<BTreeSet<String>>,
    pub down: Cell<bool>,
    /// It never answers.
    pub slow: Cell<bool>,
}

impl FakeKv {
    async fn answers(&self) -> Result<(), Unavailable> {
        if self.slow.get() {
            std::future::pending::<()>().await;
        }
        if self.down.get() {
            Err(broken())
        } else {
            Ok(())
        }
    }
}

impl Tombstones for FakeKv {
    async fn find(&self, jti: &RandomId) -> Result<Option<Tombstone>, Unavailable> {
        self.answers().await?;
        Ok(self
            .buried
            .borrow()
            .get(jti.as_str())
            .map(|(tombstone, _)| *tombstone))
    }

    async fn patience(&self) {
        if !self.slow.get() {
            std::future::pending::<()>().await;
        }
    }

    async fn order_of(&self, jti: &RandomId) -> Result<Option<OrderId>, Unavailable> {
        self.answers().await?;
        Ok(self.orders.borrow().get(jti.as_str()).cloned())
    }

    async fn index(
        &self,
        jti: &RandomId,
        order: &OrderId,
        _ttl_secs: u64,
    ) -> Result<(), Unavailable> {
        self.answers().await?;
        self.orders
            .borrow_mut()
            .insert(jti.as_str().to_owned(), order.clone());
        Ok(())
    }

    async fn bury(
        &self,
        jti: &RandomId,
        tombstone: Tombstone,
        ttl_secs: u64,
    ) -> Result<(), Unavailable> {
        self.answers().await?;
        self.buried
            .borrow_mut()
            .insert(jti.as_str().to_owned(), (tombstone, ttl_secs));
        Ok(())
    }
}

impl KnownAddresses for FakeKv {
    async fn is_known(&self, address: &AddressId) -> Result<bool, Unavailable> {
        self.answers().await?;
        Ok(self.addresses.borrow().contains(address.as_str()))
    }

    async fn make_known(&self, address: &AddressId) -> Result<(), Unavailable> {
        self.answers().await?;
        self.addresses
            .borrow_mut()
            .insert(address.as_str().to_owned());
        Ok(())
    }
}

impl Verdicts for FakeKv {
    async fn verdict_on(&self, info: &ArchiveInfo) -> Result<Option<Verdict>, Unavailable> {
        self.answers().await?;
        Ok(self.verdicts.borrow().get(&info.etag).cloned())
    }

    async fn keep(&self, info: &ArchiveInfo, verdict: &Verdict) -> Result<(), Unavailable> {
        self.answers().await?;
        self.verdicts
            .borrow_mut()
            .insert(info.etag.clone(), verdict.clone());
        Ok(())
    }
}

/// What an isolate remembers, without ever forgetting.
#[derive(Default)]
pub(super) struct FakeMemory {
    archives: RefCell<BTreeMap<String, ArchiveInfo>>,
    verdicts: RefCell<BTreeMap<String, Verdict>>,
    texts: RefCell<BTreeMap<ProductId, Texts>>,
    views: RefCell<BTreeMap<RandomId, LinkView>>,
}

impl Memory for FakeMemory {
    fn archive(&self, key: &str) -> Option<ArchiveInfo> {
        self.archives.borrow().get(key).cloned()
    }

    fn keep_archive(&self, key: &str, info: Option<&ArchiveInfo>) {
        self.archives.borrow_mut().remove(key);
        self.archives
            .borrow_mut()
            .extend(info.map(|info| (key.to_owned(), info.clone())));
    }

    fn verdict(&self, etag: &str) -> Option<Verdict> {
        self.verdicts.borrow().get(etag).cloned()
    }

    fn keep_verdict(&self, etag: &str, verdict: &Verdict) {
        self.verdicts
            .borrow_mut()
            .insert(etag.to_owned(), verdict.clone());
    }

    fn view(&self, jti: &RandomId) -> Option<LinkView> {
        self.views.borrow().get(jti).cloned()
    }

    fn keep_view(&self, view: &LinkView) {
        self.views
            .borrow_mut()
            .insert(view.jti.clone(), view.clone());
    }

    fn texts(&self, product: &ProductId, _now: Timestamp) -> Option<Texts> {
        self.texts.borrow().get(product).cloned()
    }

    fn keep_texts(&self, product: &ProductId, texts: &Texts, _now: Timestamp) {
        self.texts
            .borrow_mut()
            .insert(product.clone(), texts.clone());
    }
}

/// Bytes that are new each time.
#[derive(Default)]
pub(super) struct Counter(Cell<u128>);

impl Randomness for Counter {
    fn draw(&self) -> RandomBytes {
        self.0.set(self.0.get() + 1);
        self.0.get().to_be_bytes()
    }
}

/// A shop with one product, whose archive is there.
pub(super) struct Town {
    pub settings: Settings,
    pub orders: FakeOrders,
    pub archives: FakeArchives,
    pub kv: FakeKv,
    pub memory: FakeMemory,
    pub mailer: FakeMailer,
    pub payments: FakePayments,
    pub stripe: FakeStripe,
    pub operator: FakeOperator,
    pub random: Counter,
}

impl Town {
    pub(super) fn new() -> Self {
        let archives = FakeArchives::default();
        archives.put(
            "demo.zip",
            "v1",
            archive(&[("demo/a.txt", "alpha"), ("demo/b.txt", "beta")]),
        );
        Self {
            settings: settings(),
            orders: FakeOrders::at(fixtures::PAID_AT),
            archives,
            kv: FakeKv::default(),
            memory: FakeMemory::default(),
            mailer: FakeMailer::default(),
            payments: FakePayments::default(),
            stripe: FakeStripe::default(),
            operator: FakeOperator::default(),
            random: Counter::default(),
        }
    }

    pub(super) fn world(&self) -> World<'_, FakeOrders, FakeArchives, FakeKv, FakeMemory> {
        World {
            settings: &self.settings,
            orders: &self.orders,
            archives: &self.archives,
            kv: &self.kv,
            memory: &self.memory,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.orders.now.get())
    }

    /// The alarm rings; the object dies at the `dies_at`-th time that it stores something.
    pub(super) fn ring(&self, dies_at: Option<u32>) -> Result<(), Failure> {
        let referee = OnlyOrder {
            orders: &self.orders,
            dies_at,
            decisions: Cell::new(0),
        };
        let outbox = Outbox {
            settings: &self.settings,
            referee: &referee,
            mailer: &self.mailer,
            kv: &self.kv,
            addresses: &self.orders,
            operator: &self.operator,
            random: &self.random,
        };
        let ringing = ringing::ring(&outbox, &self.payments, &self.stripe, self.now());
        pollster::block_on(ringing).map(|_| ())
    }

    pub(super) fn wait(&self, secs: i64) {
        self.orders.now.set(self.orders.now.get() + secs);
    }
}

pub(super) fn settings() -> Settings {
    Settings::parse(fixtures::setting).unwrap()
}

/// An archive made by the `zip` crate.
pub(super) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, contents) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(contents.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
