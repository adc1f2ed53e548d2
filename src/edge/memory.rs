//! What an isolate remembers from one request to the next.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use super::bindings::ArchiveBucket;
use crate::domain::copy::Texts;
use crate::domain::id::RandomId;
use crate::domain::order::LinkView;
use crate::domain::settings::ProductId;
use crate::domain::time::Timestamp;
use crate::flow::ports::{ArchiveInfo, Memory, Unavailable, Verdict};

/// For how long an isolate remembers the logo, in seconds.
const PICTURE_KEPT_SECS: i64 = 300;

/// An isolate remembers so many links that were looked at: long enough from the page to the button and the download.
const VIEWS_KEPT: usize = 200;

/// The indexes that an isolate keeps take so many bytes at most: an eighth of its memory.
const INDEX_CACHE_BYTES: usize = 16 * 1_024 * 1_024;

/// An isolate keeps a product's texts for so many seconds: a changed text is seen a minute later.
const TEXTS_KEPT_SECS: i64 = 60;

/// What an isolate remembers: nothing that is not read again, or on condition, or never changes. Of buyers, only the
/// last that came.
#[derive(Default)]
struct Remembered {
    archives: HashMap<String, ArchiveInfo>,
    verdicts: VecDeque<(String, Verdict)>,
    texts: HashMap<ProductId, (Timestamp, Texts)>,
    views: VecDeque<LinkView>,
    picture: Option<(Timestamp, String, Vec<u8>)>,
}

thread_local! {
    static REMEMBERED: RefCell<Remembered> = RefCell::default();
}

/// What this isolate remembers.
pub(super) struct IsolateMemory;

impl Memory for IsolateMemory {
    fn archive(&self, key: &str) -> Option<ArchiveInfo> {
        REMEMBERED.with_borrow(|known| known.archives.get(key).cloned())
    }

    fn keep_archive(&self, key: &str, info: Option<&ArchiveInfo>) {
        REMEMBERED.with_borrow_mut(|known| match info {
            Some(info) => drop(known.archives.insert(key.to_owned(), info.clone())),
            None => drop(known.archives.remove(key)),
        });
    }

    fn verdict(&self, etag: &str) -> Option<Verdict> {
        REMEMBERED.with_borrow(|known| {
            known
                .verdicts
                .iter()
                .find(|(tag, _)| tag == etag)
                .map(|(_, verdict)| verdict.clone())
        })
    }

    /// The oldest is forgotten first.
    fn keep_verdict(&self, etag: &str, verdict: &Verdict) {
        REMEMBERED.with_borrow_mut(|known| {
            known.verdicts.retain(|(tag, _)| tag != etag);
            known.verdicts.push_back((etag.to_owned(), verdict.clone()));
            let mut bytes: usize = known
                .verdicts
                .iter()
                .map(|(_, verdict)| bytes_of(verdict))
                .sum();
            while bytes > INDEX_CACHE_BYTES {
                let Some((_, oldest)) = known.verdicts.pop_front() else {
                    break;
                };
                bytes -= bytes_of(&oldest);
            }
        });
    }

    fn view(&self, jti: &RandomId) -> Option<LinkView> {
        REMEMBERED.with_borrow(|known| known.views.iter().find(|view| view.jti == *jti).cloned())
    }

    /// The oldest is forgotten first.
    fn keep_view(&self, view: &LinkView) {
        REMEMBERED.with_borrow_mut(|known| {
            known.views.retain(|other| other.jti != view.jti);
            known.views.push_back(view.clone());
            if known.views.len() > VIEWS_KEPT {
                known.views.pop_front();
            }
        });
    }

    fn texts(&self, product: &ProductId, now: Timestamp) -> Option<Texts> {
        REMEMBERED.with_borrow(|known| {
            let (kept_at, texts) = known.texts.get(product)?;
            (now.secs_since(*kept_at) < TEXTS_KEPT_SECS).then(|| texts.clone())
        })
    }

    fn keep_texts(&self, product: &ProductId, texts: &Texts, now: Timestamp) {
        REMEMBERED.with_borrow_mut(|known| {
            // Kept again is not read again: the first time counts.
            let fresh = known
                .texts
                .get(product)
                .is_some_and(|(kept_at, _)| now.secs_since(*kept_at) < TEXTS_KEPT_SECS);
            if !fresh {
                known.texts.insert(product.clone(), (now, texts.clone()));
            }
        });
    }
}

fn bytes_of(verdict: &Verdict) -> usize {
    // The row itself, and what it holds.
    512 + match verdict {
        Verdict::Fit(index) => index.size_in_memory_bytes(),
        Verdict::Unfit(why) => why.len(),
    }
}

/// The shop's logo, if it is there: every page shows it.
pub(super) async fn picture(
    archives: &ArchiveBucket,
    key: &str,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Unavailable> {
    let fresh = |(kept_at, known, _): &&(Timestamp, String, Vec<u8>)| {
        known == key && now.secs_since(*kept_at) < PICTURE_KEPT_SECS
    };
    let known = REMEMBERED.with_borrow(|known| known.picture.as_ref().filter(fresh).cloned());
    if let Some((_, _, bytes)) = known {
        return Ok(Some(bytes));
    }
    let bytes = archives.picture(key).await?;
    REMEMBERED.with_borrow_mut(|known| {
        known.picture = bytes.clone().map(|bytes| (now, key.to_owned(), bytes));
    });
    Ok(bytes)
}
