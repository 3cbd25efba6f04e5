//! Who may talk to the page: a browser on this machine that was sent here by its user, and for actions only the page.
//!
//! Any web page can make a browser send a form to 127.0.0.1, and a name that suddenly leads to 127.0.0.1 (DNS rebinding)
//! makes it one origin with the sandbox. The first shows in `Origin` and `Sec-Fetch-Site`, the second in `Host`.

use std::net::IpAddr;

use crate::shared::{Reply, Request};

/// Whether the request names this machine's loopback as the host that it is for.
pub(crate) fn is_host_ours(request: &Request) -> bool {
    let mut hosts = request.headers.get_all("host").iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    hosts.next().is_none() && host.is_some_and(is_loopback_host)
}

/// The answer to any other host.
pub(crate) fn foreign_host() -> Reply {
    Reply::text(421, "refused: this host name is not loopback; use http://127.0.0.1:PORT/\n")
}

fn is_loopback_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port),
            None => return false,
        },
        None => host.split_once(':').map_or((host, ""), |(name, _)| (name, &host[name.len()..])),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    port.chars().all(|c| c.is_ascii_digit())
        && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

/// Whether a form was sent by the page itself; otherwise the reason why it does not count.
pub(super) fn is_from_the_page(request: &Request) -> Result<(), &'static str> {
    if request.header("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err("another site sent this (Sec-Fetch-Site)");
    }
    let host = request.header("host").unwrap_or_default();
    match request.header("origin") {
        Some(origin) if origin.eq_ignore_ascii_case(&format!("http://{host}")) => {}
        Some(_) => return Err("another origin sent this (Origin)"),
        None if request.header("sec-fetch-site").is_none() => {
            return Err(
                "no browser of today sent this: neither Origin nor Sec-Fetch-Site; programs use /control/",
            );
        }
        None => {}
    }
    let kind = request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err("send application/x-www-form-urlencoded");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Request::new(Method::POST, &"/page/say".parse().unwrap(), map, bytes::Bytes::new())
    }

    #[test]
    fn only_names_of_loopback_are_hosts() {
        for (host, expected) in [
            ("127.0.0.1:4000", true),
            ("127.0.0.1", true),
            ("localhost:80", true),
            ("LOCALHOST", true),
            ("[::1]:9", true),
            ("[::1]", true),
            ("evil.example:4000", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:1", false),
            ("127.0.0.1:1@evil.example", false),
            ("10.0.0.1", false),
            ("0.0.0.0:1", false),
            ("[::1", false),
            ("", false),
        ] {
            assert_eq!(is_host_ours(&request(&[("host", host)])), expected, "{host}");
        }
        assert!(!is_host_ours(&request(&[])));
        assert!(!is_host_ours(&request(&[("host", "127.0.0.1"), ("host", "evil.example")])));
    }

    #[test]
    fn only_the_pages_own_forms_count() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let host = ("host", "127.0.0.1:4000");
        for (headers, expected) in [
            (vec![("origin", "http://127.0.0.1:4000"), ("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "http://127.0.0.1:4000")], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "http://127.0.0.1:4001")], false),
            (vec![("origin", "http://localhost:4000")], false),
            (vec![("origin", "https://127.0.0.1:4000")], false),
            (vec![("origin", "null"), ("sec-fetch-site", "same-origin")], false),
            (vec![("origin", "http://127.0.0.1:4000"), ("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![], false),
        ] {
            let mut all = headers.clone();
            all.extend([host, form]);
            assert_eq!(is_from_the_page(&request(&all)).is_ok(), expected, "{headers:?}");
        }
        let json = [host, ("origin", "http://127.0.0.1:4000"), ("content-type", "application/json")];
        assert!(is_from_the_page(&request(&json)).is_err());
    }
}
