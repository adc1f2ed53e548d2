//! The operator's alarm: what somebody has to look at.

use worker::Env;

use super::answer::log_line;
use crate::flow::failure::Cause;

/// Raises it: a log line with a stable code.
#[expect(
    clippy::unused_async,
    reason = "a mail that goes out with it will have to be awaited"
)]
pub(super) async fn raise(_env: &Env, cause: &Cause) {
    log_line(
        &serde_json::json!({ "alarm": "operator", "code": cause.code, "subject": cause.subject }),
    );
}
