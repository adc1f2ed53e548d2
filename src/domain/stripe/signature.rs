//! The `Stripe-Signature` header: <https://docs.stripe.com/webhooks#verify-manually>.

use crate::domain::keys::{Secret, verify_hmac_sha256};
use crate::domain::time::Timestamp;

/// How far the signature's time may be from ours, either way, in seconds (the official SDKs' default,
/// which they apply to the past alone).
pub const TOLERANCE_SECS: i64 = 300;

/// The most signatures that are tried: Stripe sends one per secret in use, two during a roll.
const MAX_SIGNATURES: usize = 8;

/// Why a body was not signed by Stripe, just now, for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// No header, or none of its form.
    Malformed,
    /// A signature of another time: a replay, or a clock that is wrong.
    Stale,
    /// No signature holds under any secret.
    Mismatch,
}

/// Verifies the raw body. Any `v1` under any secret will do; other schemes are ignored.
///
/// # Errors
/// See [`SignatureError`]. Staleness is told only of a signature that holds, so that it tells a stranger nothing.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let (at, signatures) = parse_header(header.ok_or(SignatureError::Malformed)?)?;
    let mut signed = at.as_bytes().to_vec();
    signed.push(b'.');
    signed.extend_from_slice(body);
    let holds = secrets.iter().any(|secret| {
        signatures
            .iter()
            .any(|tag| verify_hmac_sha256(secret.expose().as_bytes(), &signed, tag))
    });
    if !holds {
        return Err(SignatureError::Mismatch);
    }
    let at = Timestamp::from_secs(at.parse().map_err(|_| SignatureError::Malformed)?);
    if now.secs_since(at).saturating_abs() > TOLERANCE_SECS {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

/// `t=1700000000,v1=…,v1=…,v0=…` into the time, as it was signed, and the `v1`s.
fn parse_header(header: &str) -> Result<(&str, Vec<[u8; 32]>), SignatureError> {
    let mut at = None;
    let mut signatures = Vec::new();
    for (key, value) in header
        .split(',')
        .filter_map(|item| item.trim().split_once('='))
    {
        match key {
            // Two times would let one be signed and the other be checked.
            "t" if at.is_some() => return Err(SignatureError::Malformed),
            "t" => at = Some(value),
            "v1" if signatures.len() < MAX_SIGNATURES => signatures.extend(parse_hex(value)),
            _ => {}
        }
    }
    let at =
        at.filter(|at| !at.is_empty() && at.len() <= 15 && at.bytes().all(|b| b.is_ascii_digit()));
    match at {
        Some(at) if !signatures.is_empty() => Ok((at, signatures)),
        _ => Err(SignatureError::Malformed),
    }
}

fn parse_hex(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    if digits.len() == 64 {
        bytes.try_into().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with two official SDKs, which agree.
    const SECRET: &str = "whsec_test_secret";
    const BODY: &[u8] = b"{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    const V1: &str = "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150";
    const AT: i64 = 1_700_000_000;

    fn check(header: &str, body: &[u8], secrets: &[&str], now: i64) -> Result<(), SignatureError> {
        let secrets: Vec<Secret> = secrets.iter().map(|s| Secret::new(*s)).collect();
        verify(Some(header), body, &secrets, Timestamp::from_secs(now))
    }

    #[test]
    fn the_golden_vector_holds() {
        assert_eq!(
            check(&format!("t={AT},v1={V1}"), BODY, &[SECRET], AT),
            Ok(())
        );
    }

    #[test]
    fn any_v1_under_any_secret_will_do() {
        let other = "00".repeat(32);
        for header in [
            format!("t={AT},v1={other},v1={V1}"),
            format!("t={AT},v1={V1},v1={other}"),
            format!("v1={V1},t={AT}"),
            format!("t={AT},v0=ignored,v1={V1},v2=whatever,scheme"),
            format!("t={AT}, v1={V1}"),
        ] {
            assert_eq!(
                check(&header, BODY, &["whsec_other", SECRET], AT),
                Ok(()),
                "{header}"
            );
        }
    }

    #[test]
    fn tolerance_is_five_minutes_both_ways() {
        let header = format!("t={AT},v1={V1}");
        for (now, expected) in [
            (AT - 301, Err(SignatureError::Stale)),
            (AT - 300, Ok(())),
            (AT + 300, Ok(())),
            (AT + 301, Err(SignatureError::Stale)),
        ] {
            assert_eq!(check(&header, BODY, &[SECRET], now), expected, "{now}");
        }
    }

    #[test]
    fn what_is_not_signed_is_refused() {
        let good = format!("t={AT},v1={V1}");
        let mut longer = BODY.to_vec();
        longer.push(b'\n');
        for body in [longer.as_slice(), &BODY[1..], b""] {
            assert_eq!(
                check(&good, body, &[SECRET], AT),
                Err(SignatureError::Mismatch)
            );
        }
        assert_eq!(
            check(&good, BODY, &["whsec_test_secreT"], AT),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(check(&good, BODY, &[], AT), Err(SignatureError::Mismatch));
        let later = format!("t={},v1={V1}", AT + 1);
        assert_eq!(
            check(&later, BODY, &[SECRET], AT),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in [
            String::new(),
            "nonsense".to_owned(),
            format!("v1={V1}"),
            format!("t={AT}"),
            format!("t={AT},v0={V1}"),
            format!("t=,v1={V1}"),
            format!("t=-{AT},v1={V1}"),
            format!("t=99999999999999999999,v1={V1}"),
            format!("t={AT},t={AT},v1={V1}"),
            format!("t={AT},v1={}", &V1[..62]),
            format!("t={AT},v1={V1}00"),
            format!("t={AT},v1={}", V1.replace('4', "é")),
        ] {
            assert_eq!(
                check(&header, BODY, &[SECRET], AT),
                Err(SignatureError::Malformed),
                "{header}"
            );
        }
        assert_eq!(
            verify(None, BODY, &[Secret::new(SECRET)], Timestamp::from_secs(AT)),
            Err(SignatureError::Malformed)
        );
    }
}
