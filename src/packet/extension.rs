//! IPv6 extension headers (RFC 8200 §4): from the fixed header to the upper-layer protocol.
//!
//! Receivers must accept them in any order and number, except for hop-by-hop options, which attack tools repeat anyway.
//! All are skipped, so that a flood behind them is classified by its upper-layer protocol. Each has at least eight
//! octets, so the packet's length limits the number of steps.

use super::Anomaly;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// The result of following a chain of extension headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// The protocol after the chain; if it is `broken`, the header that could not be parsed.
    pub(super) protocol: u8,
    /// Octets of the chain.
    pub(super) length: usize,
    /// Whether this is a fragment other than the first: what follows is not a header.
    pub(super) later_fragment: bool,
    /// Whether this is the first of several fragments. An atomic fragment (RFC 6946) is complete and does not count.
    pub(super) first_fragment: bool,
    /// The anomaly that ended the chain early.
    pub(super) broken: Option<Anomaly>,
}

/// Follows the chain that begins in `data` with a header of type `protocol`.
pub(super) fn walk(protocol: u8, data: &[u8]) -> Chain {
    let mut chain = Chain { protocol, ..Chain::default() };
    loop {
        let rest = data.get(chain.length..).unwrap_or_default();
        let broken =
            if chain.protocol == AUTHENTICATION { Anomaly::AuthHeaderInvalid } else { Anomaly::Ipv6ExtensionInvalid };
        let length = match (chain.protocol, rest.first_chunk::<8>()) {
            (FRAGMENT, Some(&[_, _, o0, o1, ..])) => {
                let offset_more = u16::from_be_bytes([o0, o1]);
                chain.later_fragment = offset_more >> 3 != 0;
                chain.first_fragment |= offset_more & 1 != 0;
                8
            }
            // Lengths are in units of eight octets, not counting the first eight; of authentication headers in units of
            // four octets minus two (RFC 4302 §2.2).
            (HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS, Some(&[_, units, ..])) => (usize::from(units) + 1) * 8,
            (AUTHENTICATION, Some(&[_, units, ..])) if units >= 1 => (usize::from(units) + 2) * 4,
            (HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS, _) => {
                return Chain { broken: Some(broken), ..chain };
            }
            _ => return chain,
        };
        let Some(&next) = rest.get(..length).and_then(|header| header.first()) else {
            return Chain { broken: Some(broken), ..chain };
        };
        chain.length += length;
        chain.protocol = next;
        if chain.later_fragment {
            chain.first_fragment = false;
            return chain;
        }
    }
}
