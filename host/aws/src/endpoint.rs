//! The address of a service other than AWS's own.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::InvalidSetting;

/// The address of Kinesis or STS when it is not AWS's own: the `https://` address of a private
/// endpoint, or the address of an emulator. `http://` is accepted only for an address of this
/// machine, because it sends credentials and messages unencrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(String);

impl EndpointUrl {
    /// Checks and wraps an address.
    ///
    /// # Errors
    /// When the text is not such an address.
    pub fn new(text: &str) -> Result<Self, InvalidSetting> {
        let encrypted = text.strip_prefix("https://");
        let rest = encrypted.or_else(|| text.strip_prefix("http://"));
        let Some(host) = rest.and_then(host) else {
            return Err(InvalidSetting::new(
                text,
                "an endpoint",
                "write it as in `https://kinesis.example.com` or `http://127.0.0.1:5000`",
            ));
        };
        if encrypted.is_none() && !is_loopback(host) {
            return Err(InvalidSetting::new(
                text,
                "an encrypted endpoint",
                "use `https://`; `http://` is for this machine only, as in `http://127.0.0.1:5000`",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns true for an unencrypted address of this machine, where an emulator listens.
    #[must_use]
    pub fn is_emulator(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the host in the part of a URL after the scheme. Returns `None` if that part has no host,
/// or has more than a host and a port.
fn host(rest: &str) -> Option<&str> {
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let known = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        // An `@` is not accepted: the user name before it could be mistaken for a host.
        None => !host.is_empty() && host.bytes().all(named),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (known && port && path.bytes().all(|byte| byte.is_ascii_graphic())).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match address {
        Some(address) => address
            .parse()
            .is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => {
            host.eq_ignore_ascii_case("localhost")
                || host
                    .parse()
                    .is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_address_is_refused() {
        for right in [
            "https://kinesis.example.com",
            "https://10.0.0.5:8443/path?query",
            "https://[2001:db8::1]:443",
        ] {
            assert_eq!(EndpointUrl::new(right).unwrap().as_str(), right);
        }
        for wrong in [
            "localhost:5000",
            "ftp://127.0.0.1",
            "http://",
            "https://",
            "https:///path",
            "https://a b",
            "https://user@kinesis.example.com",
            "https://kinesis.example.com:port",
            "https://[::1",
            "https://a/b c",
        ] {
            let error = EndpointUrl::new(wrong).unwrap_err();
            assert_eq!(error.what, "an endpoint", "{wrong}");
        }
    }

    #[test]
    fn http_is_accepted_for_this_machine_only() {
        for right in [
            "http://127.0.0.1:5000",
            "http://127.8.9.10",
            "http://localhost:4566/",
            "http://LOCALHOST",
            "http://[::1]:4566",
        ] {
            assert!(EndpointUrl::new(right).is_ok(), "{right}");
        }
        for wrong in [
            "http://10.0.0.5:4566",
            "http://localstack:4566",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0:4566",
            "http://[::]:4566",
            "http://[2001:db8::1]",
        ] {
            let error = EndpointUrl::new(wrong).unwrap_err();
            assert_eq!(error.what, "an encrypted endpoint", "{wrong}");
        }
        for wrong in [
            "http://127.0.0.1@example.com",
            "http://127.0.0.1:5@example.com",
            "http://localhost\\@a",
        ] {
            assert!(EndpointUrl::new(wrong).is_err(), "{wrong}");
        }
    }
}
