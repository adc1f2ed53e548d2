//! The stream of a copy: archive bytes go from R2 to the client natively, and never come in here.
//!
//! A `Base` segment is piped by the runtime into its own `FixedLengthStream`; an `Inline` segment, a few
//! hundred bytes of ours, is written. `worker::FixedLengthStream` and `ObjectBody::stream` would take every
//! byte through WASM, 25 times slower.

use std::ops::Range;

use futures_util::future::{Either, select};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, StreamPipeOptions, WritableStream};
use worker::worker_sys::FixedLengthStream;
use worker::{Context, Delay, Env, Headers, Response, ResponseBuilder};

use super::answer::log_line;
use super::bindings::{ArchiveBucket, OrderObjects, unavailable};
use crate::domain::order::{Command, Reply};
use crate::domain::zip::Segment;
use crate::flow::download::{Begun, Opened};
use crate::flow::failure::Failure;
use crate::flow::ports::{Orders, ReadError, Unavailable};

/// A stream tells its order that it still runs so often. The order waits for more than two of these.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_mins(2);

/// A stream that is about to deliver asks its order so often, before it gives up and breaks off. The
/// client can go on; a copy that nobody counted can't be taken back.
const HAND_OVER_TRIES: u32 = 3;

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
    };
    // 1. The first part.
    let first = match parts.first() {
        Some(Part::Send(Segment::Base(range))) => match pump.open(range.clone()).await {
            Ok(body) => Some(body),
            Err(error) => {
                pump.finish(false).await;
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

enum Part {
    Send(Segment),
    /// From here on the copy counts as delivered.
    HandOver,
}

fn parts(opened: &Opened, begun: &Begun, range: &Range<u64>) -> Vec<Part> {
    let plan = &opened.copy.plan;
    let send = |range| plan.slice(range).into_iter().map(Part::Send);
    match begun.delivers_at {
        Some(byte) => send(range.start..byte)
            .chain([Part::HandOver])
            .chain(send(byte..range.end))
            .collect(),
        None => send(range.clone()).collect(),
    }
}

struct Pump {
    env: Env,
    archives: ArchiveBucket,
    opened: Opened,
    begun: Begun,
}

impl Pump {
    /// Sends all parts, with a heartbeat beside it, and tells the order how it ended.
    async fn run(self, parts: Vec<Part>, first: Option<ReadableStream>, to: WritableStream) {
        let mut sending = Box::pin(self.send(parts, first, &to));
        let sent = loop {
            match select(sending, Delay::from(HEARTBEAT)).await {
                Either::Left((sent, _)) => break sent,
                Either::Right(((), still_sending)) => {
                    sending = still_sending;
                    let (key, stream) = (self.opened.key.clone(), self.begun.stream.clone());
                    // One that is lost is followed by another.
                    let _ = self.tell(Command::Heartbeat { key, stream }).await;
                }
            }
        };
        if let Err(why) = &sent {
            // The client must see a broken body, not a short one that looks whole. If it is the client who
            // left, there is nothing to abort, and that is as good.
            let _ = JsFuture::from(to.abort_with_reason(&JsValue::from_str("broken off"))).await;
            log_line(&serde_json::json!({ "stream": "broken", "detail": why }));
        }
        self.finish(sent.is_ok()).await;
    }

    async fn send(
        &self,
        parts: Vec<Part>,
        mut first: Option<ReadableStream>,
        to: &WritableStream,
    ) -> Result<(), String> {
        for part in parts {
            match part {
                Part::Send(Segment::Base(range)) => {
                    let body = match first.take() {
                        Some(body) => body,
                        None => self.open(range).await.map_err(read_words)?,
                    };
                    let options = StreamPipeOptions::new();
                    options.set_prevent_close(true);
                    let piped = JsFuture::from(body.pipe_to_with_options(to, &options)).await;
                    piped.map_err(|error| js_words(&error))?;
                }
                Part::Send(Segment::Inline(bytes)) => {
                    write(to, &bytes).await.map_err(|error| js_words(&error))?;
                }
                Part::HandOver => self.hand_over().await?,
            }
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
        let mut last = String::new();
        for _ in 0..HAND_OVER_TRIES {
            let (key, stream) = (self.opened.key.clone(), self.begun.stream.clone());
            match self.tell(Command::HandOver { key, stream }).await {
                Ok(Reply::Holds { .. }) => return Ok(()),
                Ok(_) => return Err("the lease is over".to_owned()),
                Err(Unavailable(text)) => last = text,
            }
        }
        Err(last)
    }

    /// A 'finish' that is lost heals by time.
    async fn finish(&self, whole: bool) {
        let (key, stream) = (self.opened.key.clone(), self.begun.stream.clone());
        if let Err(Unavailable(text)) = self.tell(Command::Finish { key, stream, whole }).await {
            log_line(&serde_json::json!({ "stream": "finish lost", "detail": text }));
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
