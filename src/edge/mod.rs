//! The Worker: thin adapters between the runtime and the use cases.

mod answer;
mod bindings;
mod dev;
mod document;
mod download;
mod kv;
mod mail;
mod memory;
mod operator_object;
mod order_object;
mod payment_object;
mod renewal;
mod request;
mod routes;
mod stream;
mod stripe_api;
mod success;
mod watchdog;

use worker::{Context, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, event};

/// Every request to the service comes in here.
#[event(fetch)]
async fn fetch(request: Request, env: Env, ctx: Context) -> Result<Response> {
    routes::serve(request, &env, &ctx).await
}

/// The cron trigger rings here.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _ctx: ScheduleContext) {
    watchdog::run(&env).await;
}
