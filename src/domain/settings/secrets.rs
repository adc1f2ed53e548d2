//! The forms of the secrets.

use crate::domain::keys::Secret;

/// The fewest characters of an `ADMIN_TOKEN`.
const MIN_ADMIN_TOKEN_CHARS: usize = 24;

pub(super) fn parse_webhook_secrets(raw: &str) -> Result<Vec<Secret>, String> {
    let secrets: Vec<&str> = raw
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let strong = |secret: &&str| secret.starts_with("whsec_") && secret.len() >= 16;
    if secrets.is_empty() || !secrets.iter().all(strong) {
        return Err(
            "takes the endpoint's signing secret, `whsec_…`, or several with commas between"
                .to_owned(),
        );
    }
    Ok(secrets.into_iter().map(Secret::new).collect())
}

pub(super) fn parse_admin_token(raw: &str) -> Result<Secret, String> {
    if raw.chars().count() >= MIN_ADMIN_TOKEN_CHARS {
        return Ok(Secret::new(raw));
    }
    Err(format!(
        "is too short; it takes {MIN_ADMIN_TOKEN_CHARS} characters at least, drawn at random"
    ))
}
