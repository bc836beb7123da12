//! IPv6 extension headers (RFC 8200 §4): from the fixed header to what the packet carries.
//!
//! Receivers must accept them in any order and number but for hop-by-hop options, which attack tools repeat anyway: all are
//! stepped over, so that a flood behind them is named by what it carries. Each has eight octets or more, so the packet's
//! length bounds the walk.

use super::Anomaly;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// Where a chain of extension headers leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// What comes after the chain; the header that could not be read where it is `broken`.
    pub protocol: u8,
    /// Octets of the chain.
    pub length: usize,
    /// A fragment but the first: what follows is the middle of something.
    pub later_fragment: bool,
    /// More fragments follow. An atomic fragment (RFC 6946) is whole.
    pub first_fragment: bool,
    /// What ended the chain too early.
    pub broken: Option<Anomaly>,
}

/// Walks the chain that begins in `data` with a header of kind `protocol`.
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
            // Lengths are in units of eight octets beyond the first, of four octets less two (RFC 4302 §2.2).
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
