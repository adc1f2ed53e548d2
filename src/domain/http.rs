//! Small parts of HTTP that a download needs.

use std::fmt::Write as _;

use super::id::RandomId;

/// The cookie by which an order tells browsers apart. It says nothing but 'the same one as before'.
pub const BROWSER_COOKIE: &str = "bookplate_browser";

/// Longer than any link may live, in seconds, so that the browser stays the same one throughout.
const BROWSER_COOKIE_MAX_AGE_SECS: u32 = 8 * 24 * 3_600;

/// The browser's value in a `Cookie` header (RFC 6265 §4.2.1), if it is of our form.
#[must_use]
pub fn browser_cookie(header: Option<&str>) -> Option<RandomId> {
    header?
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == BROWSER_COOKIE)
        .find_map(|(_, value)| RandomId::parse(value))
}

/// The `Set-Cookie` header for it. `Lax`, since the click comes from a mail in another site's page.
#[must_use]
pub fn set_browser_cookie(value: &RandomId, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!(
        "{BROWSER_COOKIE}={}; Path=/download; Max-Age={BROWSER_COOKIE_MAX_AGE_SECS}; HttpOnly; SameSite=Lax{secure}",
        value.as_str()
    )
}

/// `Content-Disposition` for a download (RFC 6266 §5), with both forms of the name when it is not ASCII
/// (RFC 8187 §3.2).
#[must_use]
pub fn attachment(filename: &str) -> String {
    let plain: String = filename
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let quoted = plain.replace(['\\', '"'], "_");
    if filename.is_ascii() {
        return format!("attachment; filename=\"{quoted}\"");
    }
    format!(
        "attachment; filename=\"{quoted}\"; filename*=UTF-8''{}",
        percent_encode(filename)
    )
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3: fit for a path segment, a query
/// value, and RFC 8187.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The network of an address, for an audit trail that names no household: the first 24 bits of an IPv4 address, the first
/// 48 of an IPv6 address. `None` if it is neither.
#[must_use]
pub fn network(address: &str) -> Option<String> {
    match address.trim().parse().ok()? {
        std::net::IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        std::net::IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(format!(
                "{}/48",
                std::net::Ipv6Addr::from([a, b, c, 0, 0, 0, 0, 0])
            ))
        }
    }
}

/// Who shares an address, as far as can be told: the IPv4 address, or the first 64 bits of an IPv6 address, since one line
/// has all the addresses behind those (RFC 4291 §2.5.4).
#[must_use]
pub fn household(address: &str) -> String {
    match address.trim().parse() {
        Ok(std::net::IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{}/64", std::net::Ipv6Addr::from([a, b, c, d, 0, 0, 0, 0]))
        }
        Ok(std::net::IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_household_has_one_name_however_many_addresses_it_has() {
        for (address, shown) in [
            ("203.0.113.77", "203.0.113.77"),
            ("2001:db8:1234:5678::1", "2001:db8:1234:5678::/64"),
            ("2001:db8:1234:5678:9abc::2", "2001:db8:1234:5678::/64"),
            ("somewhere", ""),
        ] {
            assert_eq!(household(address), shown, "{address}");
        }
    }

    #[test]
    fn a_network_names_no_household() {
        for (address, shown) in [
            ("203.0.113.77", Some("203.0.113.0/24")),
            ("2001:db8:1234:5678::1", Some("2001:db8:1234::/48")),
            ("somewhere", None),
            ("", None),
        ] {
            assert_eq!(network(address).as_deref(), shown, "{address}");
        }
    }

    use super::*;

    #[test]
    fn the_cookie_comes_back_as_it_was_set() {
        let id = RandomId::from_random(&[7; 16]);
        let set = set_browser_cookie(&id, true);
        assert!(set.ends_with("; HttpOnly; SameSite=Lax; Secure"));
        assert!(!set_browser_cookie(&id, false).contains("Secure"));
        let pair = set.split(';').next().unwrap();
        for header in [
            pair.to_owned(),
            format!("a=b; {pair}; c=d"),
            format!("{BROWSER_COOKIE}=bad; {pair}"),
        ] {
            assert_eq!(browser_cookie(Some(&header)), Some(id.clone()), "{header}");
        }
        for header in [
            "",
            "bookplate_browser",
            "bookplate_browser=",
            "bookplate_browser=<script>",
            "x=y",
        ] {
            assert_eq!(browser_cookie(Some(header)), None);
        }
        assert_eq!(browser_cookie(None), None);
    }

    #[test]
    fn download_names_in_any_script() {
        for (name, header) in [
            ("demo.zip", "attachment; filename=\"demo.zip\""),
            ("a b.zip", "attachment; filename=\"a b.zip\""),
            (
                "Größe.zip",
                "attachment; filename=\"Gr__e.zip\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.zip",
            ),
        ] {
            assert_eq!(attachment(name), header);
        }
        assert!(!attachment("a\"\r\n.zip").contains('\r'));
    }

    #[test]
    fn path_segments() {
        assert_eq!(percent_encode("a b/ö~.zip"), "a%20b%2F%C3%B6~.zip");
    }
}
