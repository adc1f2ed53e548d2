use super::*;
use crate::domain::order::fixtures;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const NOW: Timestamp = fixtures::PAID_AT;

fn claims() -> LinkClaims {
    let view = fixtures::view();
    LinkClaims::new(
        view.order,
        view.buyer.email,
        view.product,
        view.jti,
        NOW,
        NOW.plus_secs(3_600),
    )
}

fn token() -> String {
    claims().sign(&fixtures::keys()).unwrap()
}

fn verify(token: &str) -> Result<LinkClaims, TokenError> {
    LinkClaims::verify(&fixtures::keys(), token, NOW)
}

/// A token with any header and claims, signed with the right key.
fn signed(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let tag = fixtures::keys().signer().sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn header() -> Value {
    json!({ "alg": "HS256", "kid": "k1", "typ": "bookplate-link+jwt" })
}

fn claims_json() -> Value {
    serde_json::to_value(claims()).unwrap()
}

fn not_ours(error: JwtError) -> Result<LinkClaims, TokenError> {
    Err(TokenError::NotOurs(error))
}

#[test]
fn a_link_round_trips_and_repeats() {
    assert_eq!(verify(&token()), Ok(claims()));
    assert_eq!(token(), token());
    assert_eq!(verify(&signed(&header(), &claims_json())), Ok(claims()));
}

#[test]
fn link_format_unchanged() {
    let token = token();
    let [head, payload, _] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}")
    };
    let decode = |part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(
        decode(head),
        r#"{"alg":"HS256","kid":"k1","typ":"bookplate-link+jwt"}"#
    );
    assert_eq!(
        decode(payload),
        "{\"iss\":\"bookplate\",\"aud\":\"download\",\"sub\":\"cs_test_1\",\"email\":\"ada@example.com\",\"item\":\"demo\",\
         \"jti\":\"AQEBAQEBAQEBAQEBAQEBAQ\",\"iat\":1700000000,\"exp\":1700003600,\"once\":true}"
    );
}

#[test]
fn the_time_is_checked_last_and_to_the_second() {
    let keys = fixtures::keys();
    assert!(LinkClaims::verify(&keys, &token(), NOW.plus_secs(3_599)).is_ok());
    let expired = LinkClaims::verify(&keys, &token(), NOW.plus_secs(3_600));
    assert_eq!(expired, Err(TokenError::Expired(Box::new(claims()))));
    let forged = token().replacen("ey", "ez", 1);
    let forged = LinkClaims::verify(&keys, &forged, NOW.plus_secs(3_600));
    assert!(matches!(forged, Err(TokenError::NotOurs(_))));
}

#[test]
fn no_algorithm_but_ours() {
    for alg in [
        "none", "None", "NONE", "", "hs256", "HS384", "HS512", "RS256", "ES256",
    ] {
        let mut header = header();
        header["alg"] = json!(alg);
        assert_eq!(
            verify(&signed(&header, &claims_json())),
            not_ours(JwtError::Algorithm),
            "{alg}"
        );
    }
    let mut unsigned = header();
    unsigned["alg"] = json!("none");
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&unsigned), part(&claims_json()));
    assert_eq!(verify(&unsigned), not_ours(JwtError::Algorithm));
}

#[test]
fn no_other_key_kind_or_extension() {
    for (field, value, error) in [
        ("kid", json!("k2"), JwtError::UnknownKey),
        ("kid", json!(""), JwtError::UnknownKey),
        ("typ", json!("JWT"), JwtError::Type),
        ("typ", json!("bookplate-lease+jwt"), JwtError::Type),
        ("crit", json!(["exp"]), JwtError::Algorithm),
    ] {
        let mut header = header();
        header[field] = value;
        assert_eq!(
            verify(&signed(&header, &claims_json())),
            not_ours(error),
            "{field}"
        );
    }
}

#[test]
fn changed_claims_break_the_signature() {
    let token = token();
    let [head, _, tag] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}")
    };
    for (field, value) in [
        ("email", json!("eve@example.com")),
        ("exp", json!(9_999_999_999_i64)),
        ("item", json!("x")),
    ] {
        let mut claims = claims_json();
        claims[field] = value;
        let changed = format!(
            "{head}.{}.{tag}",
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        assert_eq!(verify(&changed), not_ours(JwtError::Signature), "{field}");
    }
}

#[test]
fn signed_for_somebody_else_is_not_for_us() {
    for (field, value) in [
        ("aud", json!("upload")),
        ("aud", json!(["download"])),
        ("iss", json!("other")),
        ("once", json!(false)),
        ("sub", json!("pi:pi_1")),
        ("exp", json!("tomorrow")),
        ("jti", Value::Null),
    ] {
        let mut claims = claims_json();
        claims[field] = value;
        assert_eq!(
            verify(&signed(&header(), &claims)),
            not_ours(JwtError::Claims),
            "{field}"
        );
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused() {
    let token = token();
    for end in 0..token.len() {
        assert!(verify(&token[..end]).is_err(), "{end}");
    }
    for at in 0..token.len() {
        for bit in [1, 2, 4, 8, 16, 32] {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= bit;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(verify(&changed).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn oversized_and_misshapen_tokens_are_refused_unread() {
    let long = format!("{}{}", token(), "A".repeat(2_048));
    for bad in [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        " ",
        "é.é.é",
        &format!("{}.x", token()),
        &long,
    ] {
        assert_eq!(verify(bad), not_ours(JwtError::Malformed), "{bad}");
    }
}

#[test]
fn an_older_key_verifies_and_the_first_signs() {
    let new = "k2:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA";
    let both = KeyRing::parse(&format!(
        "{new},k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    ))
    .unwrap();
    assert!(LinkClaims::verify(&both, &token(), NOW).is_ok());
    let renewed = claims().sign(&both).unwrap();
    assert_eq!(verify(&renewed), not_ours(JwtError::UnknownKey));
    let rotated = KeyRing::parse(new).unwrap();
    assert!(LinkClaims::verify(&rotated, &renewed, NOW).is_ok());
    assert_eq!(
        LinkClaims::verify(&rotated, &token(), NOW),
        not_ours(JwtError::UnknownKey)
    );
}

#[test]
fn a_lease_is_no_link_and_a_link_no_lease() {
    let view = fixtures::view();
    let lease = LeaseClaims {
        sub: view.order,
        jti: view.jti,
        lease: fixtures::id(2),
        iat: NOW,
    };
    let signed = lease.sign(&fixtures::keys()).unwrap();
    assert_eq!(LeaseClaims::verify(&fixtures::keys(), &signed), Ok(lease));
    assert_eq!(verify(&signed), not_ours(JwtError::Type));
    assert_eq!(
        LeaseClaims::verify(&fixtures::keys(), &token()),
        Err(JwtError::Type)
    );
}

#[test]
fn the_longest_buyer_still_fits() {
    let mut claims = claims();
    claims.email = format!("{}@example.com", "x".repeat(242));
    claims.sub = OrderId::from_session(&format!("cs_{}", "x".repeat(252))).unwrap();
    claims.item = ProductId::parse(&"x".repeat(64)).unwrap();
    let token = claims.sign(&fixtures::keys()).unwrap();
    assert!(token.len() < jwt::MAX_TOKEN_BYTES, "{}", token.len());
    assert_eq!(verify(&token), Ok(claims));
}
