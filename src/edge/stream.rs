//! The stream of a copy: archive bytes go from R2 to the client natively, and never come in here.
//!
//! A `Base` segment is piped by the runtime into its own `FixedLengthStream`; an `Inline` segment, a few
//! hundred bytes of ours, is written. `worker::FixedLengthStream` and `ObjectBody::stream` would take every
//! byte through WASM, 25 times slower.

use std::ops::Range;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, ReadableStream, StreamPipeOptions, WritableStream};
use worker::worker_sys::FixedLengthStream;
use worker::{Context, Delay, Env, Headers, Response, ResponseBuilder};

use super::answer::log_line;
use super::bindings::{ArchiveBucket, OrderObjects, unavailable};
use crate::domain::order::{Command, Ending, Reply};
use crate::domain::zip::Segment;
use crate::flow::download::{Begun, Opened};
use crate::flow::failure::Failure;
use crate::flow::ports::{Orders, ReadError, Unavailable};

/// A stream that is about to deliver asks its order again after these pauses, before it gives up and breaks
/// off: an object that is moved is back in seconds. The client can go on; a copy that nobody counted can't be
/// taken back.
const HAND_OVER_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// What a response is made of, but for its body.
pub(super) struct Head {
    pub status: u16,
    pub headers: Headers,
}

/// Starts a stream of `range` of the copy, and answers with it.
///
/// 1. The first part is opened: what fails here is still told by a page.
/// 2. The pump is left to the runtime, beside the response.
pub(super) async fn respond(
    env: &Env,
    ctx: &Context,
    opened: Opened,
    begun: Begun,
    range: Range<u64>,
    heartbeat: Duration,
    head: Head,
) -> Result<Response, Failure> {
    let parts = parts(&opened, &begun, &range);
    let archives = ArchiveBucket(
        env.bucket("ARCHIVES")
            .map_err(|error| unavailable("ARCHIVES", &error))?,
    );
    let pump = Pump {
        env: env.clone(),
        archives,
        opened,
        begun,
        heartbeat,
    };
    // 1. The first part.
    let first = match parts.first().map(|part| &part.segment) {
        Some(Segment::Base(range)) => match pump.open(range.clone()).await {
            Ok(body) => Some(body),
            Err(error) => {
                pump.finish(Ending::NotBegun).await;
                return Err(Failure::reading(&pump.opened.copy.product, error));
            }
        },
        _ => None,
    };
    // 2. The pump.
    let stream = FixedLengthStream::new_big_int(js_sys::BigInt::from(range.end - range.start));
    let stream = stream.map_err(|error| Unavailable(js_words(&error)))?;
    ctx.wait_until(pump.run(parts, first, stream.writable()));
    Ok(ResponseBuilder::new()
        .with_status(head.status)
        .with_headers(head.headers)
        .stream(stream.readable()))
}

/// A segment, and whether the copy counts as delivered from its first byte on.
struct Part {
    segment: Segment,
    delivers: bool,
}

fn parts(opened: &Opened, begun: &Begun, range: &Range<u64>) -> Vec<Part> {
    let plan = &opened.copy.plan;
    let delivers_at = begun.delivers_at.unwrap_or(range.end);
    let before = plan.slice(range.start..delivers_at).into_iter();
    let after = plan.slice(delivers_at..range.end).into_iter().enumerate();
    before
        .map(|segment| Part {
            segment,
            delivers: false,
        })
        .chain(after.map(|(at, segment)| Part {
            segment,
            delivers: at == 0,
        }))
        .collect()
}

struct Pump {
    env: Env,
    archives: ArchiveBucket,
    opened: Opened,
    begun: Begun,
    heartbeat: Duration,
}

impl Pump {
    /// Sends all parts, with a heartbeat beside it, and tells the order how it ended.
    async fn run(self, parts: Vec<Part>, first: Option<ReadableStream>, to: WritableStream) {
        let stop = AbortController::new().ok();
        let signal = stop.as_ref().map(AbortController::signal);
        let mut sending = Box::pin(self.send(parts, first, &to, signal));
        let sent = loop {
            match select(sending, Delay::from(self.heartbeat)).await {
                Either::Left((sent, _)) => break sent,
                Either::Right(((), still_sending)) => {
                    sending = still_sending;
                    let (key, stream) = (self.opened.key.clone(), self.begun.stream.clone());
                    // One that is lost is followed by another. One that is refused ends the stream: its lease
                    // is over.
                    if let Ok(Reply::Refused(_)) =
                        self.tell(Command::Heartbeat { key, stream }).await
                    {
                        stop.iter().for_each(AbortController::abort);
                    }
                }
            }
        };
        if let Err(why) = &sent {
            // The client must see a broken body, not a short one that looks whole. If it is the client who
            // left, there is nothing to abort, and that is as good.
            let _ = JsFuture::from(to.abort_with_reason(&JsValue::from_str("broken off"))).await;
            log_line(vec![
                ("stream", "broken".into()),
                ("detail", why.as_str().into()),
            ]);
        }
        self.finish(if sent.is_ok() {
            Ending::Whole
        } else {
            Ending::Broken
        })
        .await;
    }

    /// A part's body is opened before the order is told that the part delivers the copy: what can't be sent
    /// must not count.
    async fn send(
        &self,
        parts: Vec<Part>,
        mut first: Option<ReadableStream>,
        to: &WritableStream,
        signal: Option<AbortSignal>,
    ) -> Result<(), String> {
        let options = StreamPipeOptions::new();
        options.set_prevent_close(true);
        if let Some(signal) = &signal {
            options.set_signal(signal);
        }
        for Part { segment, delivers } in parts {
            let body = match (&segment, first.take()) {
                (_, Some(body)) => Some(body),
                (Segment::Base(range), None) => {
                    Some(self.open(range.clone()).await.map_err(read_words)?)
                }
                (Segment::Inline(_), None) => None,
            };
            if delivers {
                self.hand_over().await?;
            }
            let sent = match (segment, body) {
                (_, Some(body)) => JsFuture::from(body.pipe_to_with_options(to, &options))
                    .await
                    .map(|_| ()),
                (Segment::Inline(bytes), None) => write(to, &bytes).await,
                (Segment::Base(_), None) => Ok(()),
            };
            sent.map_err(|error| js_words(&error))?;
        }
        close(to).await.map_err(|error| js_words(&error))
    }

    async fn open(&self, range: Range<u64>) -> Result<ReadableStream, ReadError> {
        let copy = &self.opened.copy;
        self.archives
            .open(&copy.archive, &copy.info.etag, range)
            .await
    }

    /// Tells the order before the bytes go out that make it a delivery.
    async fn hand_over(&self) -> Result<(), String> {
        let mut pauses = HAND_OVER_PAUSES.into_iter();
        loop {
            let (key, stream) = (self.opened.key.clone(), self.begun.stream.clone());
            match (
                self.tell(Command::HandOver { key, stream }).await,
                pauses.next(),
            ) {
                (Ok(Reply::Holds { .. }), _) => return Ok(()),
                (Ok(_), _) => return Err("the lease is over".to_owned()),
                (Err(_), Some(pause)) => Delay::from(pause).await,
                (Err(Unavailable(text)), None) => return Err(text),
            }
        }
    }

    /// A 'finish' that is lost heals by time.
    async fn finish(&self, ending: Ending) {
        let (key, stream) = (self.opened.key.clone(), self.begun.stream.clone());
        if let Err(Unavailable(text)) = self
            .tell(Command::Finish {
                key,
                stream,
                ending,
            })
            .await
        {
            log_line(vec![
                ("stream", "finish lost".into()),
                ("detail", text.into()),
            ]);
        }
    }

    async fn tell(&self, command: Command) -> Result<Reply, Unavailable> {
        OrderObjects(&self.env)
            .ask(&self.opened.order, command)
            .await
    }
}

async fn write(to: &WritableStream, bytes: &[u8]) -> Result<(), JsValue> {
    let writer = to.get_writer()?;
    let chunk = Uint8Array::from(bytes);
    let written = JsFuture::from(writer.write_with_chunk(chunk.unchecked_ref())).await;
    // Released before the next part: a pipe takes no locked stream.
    writer.release_lock();
    written.map(|_| ())
}

async fn close(to: &WritableStream) -> Result<(), JsValue> {
    JsFuture::from(to.get_writer()?.close()).await.map(|_| ())
}

fn read_words(error: ReadError) -> String {
    match error {
        ReadError::Changed => "a new release came out while this one was sent".to_owned(),
        ReadError::Unavailable(text) => text,
    }
}

fn js_words(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(
        || format!("{error:?}"),
        |error| String::from(error.message()),
    )
}
