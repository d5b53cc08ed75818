//! Addresses by name, as scripts write them and transcripts show them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that scripts may name.
const NAMES: [(&str, IpAddr); 12] = [
    ("any4", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    ("lo", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ("lo2", IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))),
    ("any6", IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    ("lo6", IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ("m-any", IpAddr::V6(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped())),
    ("m-lo", IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped())),
    ("m-lo2", IpAddr::V6(Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped())),
    // RFC 5737 and RFC 3849: documentation networks, so no route in a namespace with only loopback.
    ("far4", IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1))),
    ("far6", IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
    ("m-far", IpAddr::V6(Ipv4Addr::new(203, 0, 113, 1).to_ipv6_mapped())),
    ("all4", IpAddr::V4(Ipv4Addr::BROADCAST)),
];

/// The address of that name.
pub(super) fn named(name: &str) -> Result<IpAddr, String> {
    NAMES.iter().find(|(n, _)| *n == name).map(|(_, a)| *a).ok_or_else(|| format!("no address is named `{name}`"))
}

/// A `sockaddr_in` or `sockaddr_in6`, as the kernel reads it.
pub(super) fn encode(address: IpAddr, port: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(28);
    match address {
        IpAddr::V4(a) => {
            bytes.extend((libc::AF_INET as u16).to_ne_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend(a.octets());
            bytes.extend([0; 8]);
        }
        IpAddr::V6(a) => {
            bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(a.octets());
            bytes.extend([0; 4]);
        }
    }
    bytes
}

/// The name of an address and its port, from what the kernel wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<(String, u16)> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let address = match family {
        libc::AF_INET => IpAddr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?),
        libc::AF_INET6 => IpAddr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?),
        _ => return None,
    };
    let name = NAMES.iter().find(|(_, a)| *a == address).map_or_else(|| address.to_string(), |(n, _)| (*n).to_owned());
    Some((name, port))
}
