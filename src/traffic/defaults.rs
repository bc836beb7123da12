//! Defaults that several models share.

use super::setting::{Defaults, Peers, Target};

pub(super) const ATTACK: Defaults = Defaults::ATTACK;
/// A different source address in every packet.
pub(super) const SPOOFED: Defaults = Defaults { sources: 0, network: Peers::Anywhere, ..ATTACK };
/// Reflectors; the attacker chooses the port of the victim.
pub(super) const REFLECTED: Defaults = Defaults { sources: 500, port: 0, rate: 2_000.0, ..ATTACK };
/// An inside host that is abused as a reflector against one victim.
pub(super) const ABUSED: Defaults = Defaults { sources: 1, target: Target::Host(66), rate: 50.0, ..ATTACK };
/// Benchmarks take the size of what they vary as a parameter.
pub(super) const BENCH: Defaults = Defaults { rate: 1_000_000.0, ..ATTACK };
/// A tool on a few machines, without spoofing.
pub(super) const TOOL: Defaults = Defaults { sources: 20, rate: 600.0, ..ATTACK };
/// One scanner.
pub(super) const SCAN: Defaults = Defaults { sources: 1, rate: 500.0, ..ATTACK };
/// A host with peers; port 443 is TLS and QUIC.
pub(super) const BENIGN: Defaults = Defaults { port: 443, rate: 100.0, mbit: 1_000.0, ..ATTACK };

/// A segment with `sources` hosts and one event per second.
pub(super) const SEGMENT: Defaults = Defaults { rate: 1.0, sources: 5, ..ATTACK };

pub(super) const fn host(number: u8, defaults: Defaults) -> Defaults {
    Defaults { target: Target::Host(number), ..defaults }
}
