//! Senders: the addresses that count as one client.

use std::net::{IpAddr, Ipv6Addr};

/// Returns the address that stands for all addresses of a sender. A client usually has an IPv6
/// network of 64 bits to itself. An IPv4 address is the same in either notation.
pub(crate) fn sender(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sender_is_a_network_of_ipv6_or_an_address_of_ipv4() {
        let sender = |text: &str| super::sender(text.parse().unwrap());
        assert_eq!(sender("2001:db8::1"), sender("2001:db8::ffff:0:0:2"));
        assert_ne!(sender("2001:db8:0:1::1"), sender("2001:db8::1"));
        assert_eq!(sender("::ffff:192.0.2.1"), sender("192.0.2.1"));
        assert_ne!(sender("192.0.2.1"), sender("192.0.2.2"));
    }
}
