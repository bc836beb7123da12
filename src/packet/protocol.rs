//! IP protocol numbers (IANA protocol-numbers).

pub(super) const ICMP: u8 = 1;
pub(super) const IPV4: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const GRE: u8 = 47;
pub(super) const ESP: u8 = 50;
pub(super) const ICMPV6: u8 = 58;
pub(super) const ETHERIP: u8 = 97;
/// PIM's register messages carry multicast packets to the rendezvous point (RFC 7761 §4.4).
pub(super) const PIM: u8 = 103;
pub(super) const L2TP: u8 = 115;
