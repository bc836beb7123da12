//! Parameters of a part, and the complete settings that result from them and the defaults of the model.

use super::frames::{CapturePoint, GATEWAY, Macs, Way, mac_for};
use super::rng::{Rng, mix};
use super::schedule::{Burst, Hours};
use crate::base::{Addr, Direction, Mac};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Changes to the defaults of a model. A model ignores parameters that it does not use.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// Packets per second; sessions, queries or requests per second if the summary of the model says so.
    pub rate: Option<f64>,
    /// Mbit/s of bulk models, headers included.
    pub mbit: Option<f64>,
    /// The victim, or the host of a benign model. With a prefix, traffic is spread over its hosts.
    pub target: Option<IpNet>,
    /// Distinct hosts of `target`; 0 (the default): all of them.
    pub targets: Option<u64>,
    /// 0: a different one in every packet of a flood.
    pub target_port: Option<u16>,
    /// Distinct sources, reflectors, clients or peers; 0: a different one for every packet or session.
    pub sources: Option<u64>,
    /// Network of the sources, of the same address family as the target.
    pub source_network: Option<IpNet>,
    /// Octets of payload, if the model has a variable payload.
    pub payload: Option<usize>,
    /// `Inbound` (the default): the target is inside. `Outbound`: it is outside, and the sources are inside.
    pub direction: Option<Direction>,
    /// Pulses instead of steady traffic; the rate applies within a pulse.
    pub burst: Option<Burst>,
    /// The span is a day with these relative loads per hour; for models with a rate.
    pub hours: Option<Hours>,
    /// MAC addresses of the sources and of the target, instead of the gateway's or the derived ones.
    pub source_mac: Option<Mac>,
    /// MAC address of the target, instead of the gateway's or the derived one.
    pub target_mac: Option<Mac>,
    /// Interface, VLAN and direction of the captured frames.
    pub capture_point: CapturePoint,
    /// Other ports of the same bridge on which the frames are captured as well, the uplink first.
    pub bridged: Vec<u16>,
}

/// Values of a model for parameters that a part does not set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) rate: f64,
    pub(crate) mbit: f64,
    pub(crate) payload: usize,
    pub(crate) port: u16,
    pub(crate) sources: u64,
    pub(crate) network: Peers,
    pub(crate) target: Target,
    /// Whether the sources are always inside, regardless of `Params::direction`.
    pub(crate) outbound_only: bool,
}

impl Defaults {
    pub(crate) const ATTACK: Defaults = Defaults {
        rate: 5_000.0,
        mbit: 0.0,
        payload: 0,
        port: 80,
        sources: 2_000,
        network: Peers::Outside,
        target: Target::Host(7),
        outbound_only: false,
    };
}

/// Where sources come from by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Peers {
    /// 198.18.0.0/15 and 2001:db8:8000::/33.
    Outside,
    /// The whole unicast space, as with `--rand-source` of hping3; 2000::/3.
    Anywhere,
    /// 198.18.7.0/24 and 2001:db8:8000:7::/64: one broadcast domain.
    Neighbours,
    /// 16.0.0.0/4, which has 268 million distinct addresses; as `Anywhere` in IPv6.
    Wide,
}

/// Default target: in 203.0.113.0/24, or in 2001:db8:10::/48 if the sources are IPv6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    Host(u8),
    HostV6(u8),
    /// All of 203.0.113.0/24.
    Network,
    /// All of 172.16.0.0/12, a million hosts.
    WideNetwork,
    /// The group with this last octet in 239.1.1.0/24.
    Group(u8),
}

const INSIDE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 0);
const INSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0);
const INSIDE_WIDE_V4: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 0);
const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const OUTSIDE_WIDE_V4: Ipv4Addr = Ipv4Addr::new(16, 0, 0, 0);
const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x8000, 0, 0, 0, 0, 0);
/// The outside target of outbound parts.
const VICTIM_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// The inside host that sends an outbound attack.
const INSIDE_ATTACKER_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);

fn net4(address: Ipv4Addr, length: u8) -> IpNet {
    Ipv4Net::new(address, length).map_or(IpNet::default(), IpNet::V4)
}

fn net6(address: Ipv6Addr, length: u8) -> IpNet {
    Ipv6Net::new(address, length).map_or(IpNet::default(), IpNet::V6)
}

/// Host `number` of an IPv6 network.
fn host6(network: Ipv6Addr, number: u8) -> IpNet {
    net6(Ipv6Addr::from_bits(network.to_bits() | u128::from(number)), 128)
}

/// A set of hosts to draw from. Addresses are computed, not stored.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    base: Addr,
    host_bits: u32,
    /// Number of usable host numbers, before they are spread over larger IPv6 networks.
    usable: u64,
    /// First usable number: 1 if number 0 is the network address of an IPv4 network.
    first: u64,
    step: u64,
    offset: u64,
    /// 0: all.
    pub(crate) count: u64,
}

impl Hosts {
    pub(crate) fn new(network: IpNet, count: u64, rng: &mut Rng) -> Hosts {
        let base = Addr::from(network.trunc().addr());
        let host_bits = u32::from(network.max_prefix_len() - network.prefix_len());
        let (first, usable) = match host_bits {
            2..=32 if base.is_v4() => (1, (1u64 << host_bits) - 2),
            0..=62 => (0, 1u64 << host_bits),
            _ => (0, 1u64 << 62),
        };
        let mut step = rng.between(usable / 3, usable).max(1);
        while gcd(step, usable) != 1 {
            step += 1;
        }
        Hosts { base, host_bits, usable, first, step, offset: rng.below(usable), count }
    }

    /// Host `index`. Indices below the number of usable addresses give distinct hosts.
    pub(crate) fn nth(&self, index: u64) -> Addr {
        if self.host_bits == 0 {
            return self.base;
        }
        let index = u128::from(index % self.usable) * u128::from(self.step) + u128::from(self.offset);
        let number = self.first + (index % u128::from(self.usable)) as u64;
        if self.base.is_v4() {
            Addr::from_v4_bits(unicast(self.base.bits() as u32 | number as u32, self.host_bits))
        } else if self.host_bits <= 62 {
            Addr::from_v6_bits(self.base.bits() | u128::from(number))
        } else {
            // Spread over the subnets: the number is the high host bits, a hash of it the low ones.
            let low = self.host_bits - 62;
            let hash = (u128::from(mix(number)) << 64 | u128::from(mix(!number))) & ((1 << low) - 1);
            Addr::from_v6_bits(self.base.bits() | u128::from(number) << low | hash)
        }
    }

    pub(crate) fn pick(&self, rng: &mut Rng) -> Addr {
        let index = rng.below(if self.count == 0 { self.usable } else { self.count });
        self.nth(index)
    }

    /// Number of distinct hosts.
    pub(crate) fn size(&self) -> u64 {
        if self.count == 0 { self.usable } else { self.count.min(self.usable) }
    }
}

/// Moves addresses from a very large network out of 0/8, 127/8 and 224/3.
const fn unicast(bits: u32, host_bits: u32) -> u32 {
    if host_bits <= 24 {
        return bits;
    }
    let octet = match bits >> 24 {
        0 | 127 => 1,
        high @ 224.. => (high - 128) % 126 + 1,
        octet => octet,
    };
    octet << 24 | bits & 0xff_ffff
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// When a part is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: u64,
    pub(crate) seconds: f64,
}

/// The complete settings of a part.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) rate: f64,
    pub(crate) mbit: f64,
    pub(crate) payload: usize,
    pub(crate) port: u16,
    pub(crate) sources: Hosts,
    pub(crate) targets: Hosts,
    /// From a source to the target.
    pub(crate) way: Way,
    pub(crate) macs: Macs,
    pub(crate) burst: Option<Burst>,
    pub(crate) hours: Option<Hours>,
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: u64,
    /// Length of the span.
    pub(crate) seconds: f64,
}

impl Setting {
    /// Completes `params` with `defaults`. A source network of another address family than the target is ignored
    /// (scenario files with one are rejected).
    pub(crate) fn resolve(params: &Params, defaults: &Defaults, attack: bool, span: Span, rng: &mut Rng) -> Setting {
        let inbound = params.direction != Some(Direction::Outbound) && !defaults.outbound_only;
        let v6_sources = matches!((params.target, params.source_network), (None, Some(IpNet::V6(_))));
        let target = params.target.unwrap_or_else(|| default_target(defaults.target, v6_sources, inbound));
        let v6 = matches!(target, IpNet::V6(_));
        let requested = params.source_network.filter(|network| matches!(network, IpNet::V6(_)) == v6);
        let network = requested.unwrap_or_else(|| match (inbound, v6, defaults.network) {
            (true, false, Peers::Outside) => net4(OUTSIDE_V4, 15),
            (true, false, Peers::Anywhere) => net4(Ipv4Addr::UNSPECIFIED, 0),
            (true, true, Peers::Outside) => net6(OUTSIDE_V6, 33),
            (true, false, Peers::Neighbours) => net4(Ipv4Addr::new(198, 18, 7, 0), 24),
            (true, true, Peers::Neighbours) => net6(Ipv6Addr::new(0x2001, 0xdb8, 0x8000, 7, 0, 0, 0, 0), 64),
            (true, false, Peers::Wide) => net4(OUTSIDE_WIDE_V4, 4),
            (true, true, Peers::Anywhere | Peers::Wide) => net6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3),
            (false, false, _) if attack => net4(INSIDE_ATTACKER_V4, 32),
            (false, true, _) if attack => host6(INSIDE_V6, 66),
            (false, false, _) => net4(INSIDE_V4, 24),
            (false, true, _) => net6(INSIDE_V6, 64),
        });
        let default_sources = if inbound { defaults.sources } else { u64::from(attack).max(defaults.sources.min(200)) };
        let sources = Hosts::new(network, params.sources.unwrap_or(default_sources), rng);
        let targets = Hosts::new(target, params.targets.unwrap_or(0), rng);
        let is_inside =
            |network: &IpNet| net4(INSIDE_V4, 24).contains(network) || net6(INSIDE_V6, 48).contains(network);
        let macs = if inbound {
            Macs { outside: params.source_mac.unwrap_or(GATEWAY), inside: params.target_mac }
        } else {
            // Outbound packets with spoofed sources still carry the MAC address of the one attacker.
            let attacker = mac_for(Addr::from(IpAddr::V4(INSIDE_ATTACKER_V4)));
            let spoofed = attack && !is_inside(&network);
            Macs {
                outside: params.target_mac.unwrap_or(GATEWAY),
                inside: params.source_mac.or(spoofed.then_some(attacker)),
            }
        };
        Setting {
            rate: params.rate.unwrap_or(defaults.rate),
            mbit: params.mbit.unwrap_or(defaults.mbit),
            payload: params.payload.unwrap_or(defaults.payload),
            port: params.target_port.unwrap_or(defaults.port),
            sources,
            targets,
            way: if inbound { Way::Inward } else { Way::Outward },
            macs,
            burst: params.burst.filter(|burst| burst.on > 0.0 && burst.off >= 0.0),
            hours: params
                .hours
                .filter(|hours| hours.iter().all(|share| *share >= 0.0) && hours.iter().sum::<f64>() > 0.0),
            start: span.start,
            seconds: span.seconds,
        }
    }

    /// The first target host.
    pub(crate) fn target(&self) -> Addr {
        self.targets.nth(0)
    }
}

fn default_target(target: Target, v6: bool, inbound: bool) -> IpNet {
    match target {
        Target::Group(number) => net4(Ipv4Addr::new(239, 1, 1, number), 32),
        Target::WideNetwork if inbound && !v6 => net4(INSIDE_WIDE_V4, 12),
        Target::Network | Target::WideNetwork if inbound && v6 => net6(INSIDE_V6, 64),
        Target::Network if inbound => net4(INSIDE_V4, 24),
        Target::Network | Target::WideNetwork if v6 => net6(OUTSIDE_V6, 64),
        Target::Network | Target::WideNetwork => net4(OUTSIDE_V4, 24),
        Target::HostV6(number) if inbound => host6(INSIDE_V6, number),
        Target::Host(number) if v6 && inbound => host6(INSIDE_V6, number),
        Target::Host(number) if inbound => net4(Ipv4Addr::from_bits(INSIDE_V4.to_bits() | u32::from(number)), 32),
        Target::HostV6(number) => host6(OUTSIDE_V6, number),
        Target::Host(number) if v6 => host6(OUTSIDE_V6, number),
        Target::Host(_) => net4(VICTIM_V4, 32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn hosts(network: &str, count: u64) -> Hosts {
        Hosts::new(network.parse().expect("network"), count, &mut Rng::new(9, 9))
    }

    #[test]
    fn hosts_are_distinct_and_inside_their_network() {
        for (network, count) in [
            ("198.18.0.0/15", 65_536),
            ("203.0.113.0/24", 254),
            ("10.0.0.0/30", 2),
            ("2001:db8::/32", 50_000),
            ("2001:db8::/64", 9_999),
            ("2001:db8::/120", 256),
        ] {
            let hosts = hosts(network, count);
            let net: IpNet = network.parse().expect("network");
            let all: HashSet<Addr> = (0..count).map(|i| hosts.nth(i)).collect();
            assert_eq!(all.len() as u64, count, "{network}");
            assert!(all.iter().all(|a| net.contains(&a.ip())), "{network}");
            assert!(net.max_prefix_len() != 32 || !all.contains(&Addr::from(net.network())));
        }
    }

    #[test]
    fn the_whole_space_is_unicast() {
        let hosts = hosts("0.0.0.0/0", 0);
        let mut rng = Rng::new(1, 1);
        for _ in 0..100_000 {
            let address = hosts.pick(&mut rng);
            assert!(!address.is_group_or_none() && address.bits() as u32 >> 24 != 127, "{address}");
        }
        assert_eq!(self::hosts("203.0.113.7/32", 0).pick(&mut rng).to_string(), "203.0.113.7");
    }
}
