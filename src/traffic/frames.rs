//! Builds frames with correct lengths and checksums: Ethernet, IPv4 and IPv6 with fragments, TCP with the options of
//! common stacks, UDP, ICMP, ICMPv6.

use super::checksum::{fold, pseudo_sum, put, sum};
use super::payload::{self, Payload};
use super::rng::{Rng, mix};
use crate::base::{Addr, Mac};
use crate::capture::FrameDirection;

/// The largest IP packet that an Ethernet frame carries.
pub(crate) const MTU: usize = 1500;
/// The smallest Ethernet frame without FCS (IEEE 802.3): received frames are padded to this length.
pub(crate) const MIN_FRAME: usize = 60;
/// MAC address of the router: source of all frames from outside.
pub(crate) const GATEWAY: Mac = Mac([2, 0, 0, 0, 0, 1]);

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;
pub(crate) const URG: u8 = 32;
pub(crate) const ECE: u8 = 64;
pub(crate) const CWR: u8 = 128;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// Direction in which a packet crosses the edge of the inside networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Inward,
    Outward,
    /// Between inside hosts, or from one to a group.
    Internal,
}

impl Way {
    pub(crate) const fn reverse(self) -> Way {
        match self {
            Way::Inward => Way::Outward,
            Way::Outward => Way::Inward,
            Way::Internal => Way::Internal,
        }
    }
}

/// Where frames are captured, which determines their direction there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeenAs {
    /// On the uplink: frames from outside are ingress, frames of inside hosts are egress; between inside hosts the
    /// direction is unknown.
    #[default]
    Uplink,
    /// On the host's end of a guest's port: frames that the guest sends are ingress, frames that it receives are
    /// egress.
    Port,
    /// Every frame is ingress, whichever way it crosses the edge.
    Ingress,
    /// Every frame is egress, whichever way it crosses the edge.
    Egress,
    /// On a mirror port.
    Unknown,
}

impl SeenAs {
    pub(crate) const fn direction(self, way: Way) -> FrameDirection {
        match (self, way) {
            (SeenAs::Uplink, Way::Inward) | (SeenAs::Port, Way::Outward | Way::Internal) | (SeenAs::Ingress, _) => {
                FrameDirection::Ingress
            }
            (SeenAs::Uplink, Way::Outward) | (SeenAs::Port, Way::Inward) | (SeenAs::Egress, _) => {
                FrameDirection::Egress
            }
            (SeenAs::Uplink, Way::Internal) | (SeenAs::Unknown, _) => FrameDirection::Unknown,
        }
    }
}

/// Where a capture takes place: what its frames have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct CapturePoint {
    /// Number of the interface; of the first one if a model uses several.
    pub interface: u16,
    /// VLAN ID of all frames, 1 to 4094; `None`: untagged.
    pub vlan: Option<u16>,
    /// Determines the ingress or egress mark of each frame.
    pub seen_as: SeenAs,
}

/// Options of a TCP header in the layout of common stacks and tools.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TcpOptions {
    None,
    /// 4 octets, as nmap's SYN scan sends them.
    Mss(u16),
    /// 20 octets: MSS, SACK permitted, timestamps, NOP, window scale (Linux; also what Mirai's SYN flood imitates).
    Linux {
        mss: u16,
        value: u32,
        echo: u32,
    },
    /// 12 octets: MSS, NOP, window scale, NOP, NOP, SACK permitted.
    Windows {
        mss: u16,
    },
    /// 24 octets: as macOS and iOS send them.
    Mac {
        mss: u16,
        value: u32,
    },
    /// 12 octets: NOP, NOP, timestamps, in every TCP segment after the handshake (RFC 7323).
    Timestamps {
        value: u32,
        echo: u32,
    },
}

impl TcpOptions {
    fn write(self, out: &mut Vec<u8>) {
        let mss = |out: &mut Vec<u8>, mss: u16| {
            out.extend([2, 4]);
            out.extend(mss.to_be_bytes());
        };
        let stamps = |out: &mut Vec<u8>, value: u32, echo: u32| {
            out.extend([8, 10]);
            out.extend(value.to_be_bytes());
            out.extend(echo.to_be_bytes());
        };
        match self {
            TcpOptions::None => {}
            TcpOptions::Mss(size) => mss(out, size),
            TcpOptions::Linux { mss: size, value, echo } => {
                mss(out, size);
                out.extend([4, 2]);
                stamps(out, value, echo);
                out.extend([1, 3, 3, 7]);
            }
            TcpOptions::Windows { mss: size } => {
                mss(out, size);
                out.extend([1, 3, 3, 8, 1, 1, 4, 2]);
            }
            TcpOptions::Mac { mss: size, value } => {
                mss(out, size);
                out.extend([1, 3, 3, 6, 1, 1]);
                stamps(out, value, 0);
                out.extend([4, 2, 0, 0]);
            }
            TcpOptions::Timestamps { value, echo } => {
                out.extend([1, 1]);
                stamps(out, value, echo);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    pub(crate) source_port: u16,
    pub(crate) target_port: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) options: TcpOptions,
}

/// What follows the IP header, or the Ethernet header for [`Body::Link`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    Tcp(Tcp),
    Udp {
        source_port: u16,
        target_port: u16,
    },
    /// Echo request or reply of ICMP or ICMPv6, depending on the address family.
    Echo {
        reply: bool,
        identifier: u16,
        sequence: u16,
    },
    /// Echo request behind `headers` IPv6 extension headers of one kind (RFC 8200 §4); without any over IPv4.
    HiddenEcho {
        header: u8,
        headers: u8,
        sequence: u16,
    },
    /// Payload of this IP protocol, without another header.
    Raw(u8),
    /// One fragment of a UDP datagram; the others may be missing. Offset in octets, a multiple of 8.
    LoneFragment {
        source_port: u16,
        target_port: u16,
        offset: u16,
        more: bool,
    },
    /// Destination MAC address and a function that writes the frame after both addresses, given the source and a random
    /// number.
    Link(Mac, fn(&mut Vec<u8>, Mac, u64)),
}

/// One packet before it is written. UDP and ICMP above the MTU are sent as fragments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) source: Addr,
    pub(crate) target: Addr,
    pub(crate) way: Way,
    pub(crate) ttl: u8,
    /// IPv4 identification; `None` counts up.
    pub(crate) id: Option<u16>,
    pub(crate) dont_fragment: bool,
    pub(crate) body: Body,
    pub(crate) payload: Payload,
    /// Octets of payload.
    pub(crate) length: u16,
}

impl Plan {
    /// A packet with the TTL that results from its stack and distance.
    pub(crate) const fn new(way: Way, source: Addr, target: Addr, body: Body) -> Plan {
        let ttl = if matches!(way, Way::Inward) { distant_ttl(source) } else { 64 };
        Plan { source, target, way, ttl, id: None, dont_fragment: true, body, payload: Payload::Random, length: 0 }
    }

    pub(crate) const fn udp(
        way: Way,
        source: (Addr, u16),
        target: (Addr, u16),
        payload: Payload,
        length: usize,
    ) -> Plan {
        let body = Body::Udp { source_port: source.1, target_port: target.1 };
        Plan::new(way, source.0, target.0, body).with_payload(payload, length)
    }

    pub(crate) const fn with_payload(self, payload: Payload, length: usize) -> Plan {
        // 65,507 octets is the largest UDP payload over IPv4.
        Plan { payload, length: if length > 65_507 { 65_507 } else { length as u16 }, ..self }
    }

    /// A packet of an attack tool with a raw socket: fixed initial TTL, as many hops away as the host `distance`.
    pub(crate) const fn raw(self, initial_ttl: u8, distance: Addr) -> Plan {
        let hops = if matches!(self.way, Way::Inward) { hops(distance) } else { 0 };
        Plan { ttl: initial_ttl.saturating_sub(hops), dont_fragment: false, ..self }
    }
}

/// A hash of an address, for properties of a host that must not change.
pub(crate) const fn address_hash(address: Addr) -> u64 {
    mix(address.bits() as u64 ^ (address.bits() >> 64) as u64)
}

/// Routers between an outside host and the edge: 5 to 24.
pub(crate) const fn hops(address: Addr) -> u8 {
    5 + (address_hash(address) >> 32) as u8 % 20
}

/// TTL on arrival: half start from 64, most others from 128, some network devices from 255.
pub(crate) const fn distant_ttl(address: Addr) -> u8 {
    let initial = match address_hash(address) % 10 {
        0..5 => 64,
        5..9 => 128,
        _ => 255,
    };
    initial - hops(address)
}

/// Round trip between the edge and an outside host, in nanoseconds: 5 to 80 ms.
pub(crate) const fn round_trip(address: Addr) -> u64 {
    5_000_000 + address_hash(address) % 75_000_000
}

/// MAC address of an inside host (02:00 and the low 32 bits of its address), or of a group (RFC 1112, RFC 2464).
pub(crate) const fn mac_for(address: Addr) -> Mac {
    let [.., a, b, c, d] = address.bits().to_be_bytes();
    if !address.is_group_or_none() {
        Mac([2, 0, a, b, c, d])
    } else if !address.is_v4() {
        Mac([0x33, 0x33, a, b, c, d])
    } else if address.bits() as u32 == u32::MAX {
        Mac::BROADCAST
    } else {
        Mac([1, 0, 0x5e, b & 0x7f, c, d])
    }
}

/// MAC addresses of a part: of the router to the outside, and of inside hosts if not derived from their addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Macs {
    pub(crate) outside: Mac,
    pub(crate) inside: Option<Mac>,
}

impl Macs {
    /// Source and destination MAC of a packet.
    pub(crate) fn of(&self, plan: &Plan) -> (Mac, Mac) {
        let inside = |address| self.inside.unwrap_or(mac_for(address));
        match plan.way {
            _ if plan.target.is_group_or_none() => {
                let source = if plan.way == Way::Inward { self.outside } else { inside(plan.source) };
                (source, mac_for(plan.target))
            }
            Way::Inward => (self.outside, inside(plan.target)),
            Way::Outward => (inside(plan.source), self.outside),
            Way::Internal => (mac_for(plan.source), mac_for(plan.target)),
        }
    }
}

/// One frame under construction; the buffer is reused for the next.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) point: CapturePoint,
    /// Offset from the interface of the capture point.
    pub(crate) port: u16,
    pub(crate) direction: FrameDirection,
    pub(crate) data: Vec<u8>,
}

impl FrameBuffer {
    pub(crate) fn begin(&mut self, time: u64, way: Way, (source, target): (Mac, Mac)) {
        self.time = time;
        self.port = 0;
        self.direction = self.point.seen_as.direction(way);
        self.data.clear();
        self.data.extend(target.0);
        self.data.extend(source.0);
    }

    /// Pads a received frame to the minimum length; frames that an inside host sends to its virtual port are not
    /// padded.
    pub(crate) fn finish(&mut self) {
        if self.direction == FrameDirection::Ingress && self.data.len() < MIN_FRAME {
            self.data.resize(MIN_FRAME, 0);
        }
    }

    /// Writes EtherType and IP header of `plan` for `length` octets of content at `offset` of the datagram.
    pub(crate) fn ip(&mut self, plan: &Plan, protocol: u8, id: u16, length: usize, offset: usize, more: bool) {
        let fragment = more || offset > 0;
        let out = &mut self.data;
        if plan.source.is_v4() {
            out.extend([0x08, 0x00, 0x45, 0]);
            let at = out.len() - 2;
            out.extend(((length + 20) as u16).to_be_bytes());
            out.extend(id.to_be_bytes());
            let flags = if fragment { u16::from(more) << 13 } else { u16::from(plan.dont_fragment) << 14 };
            out.extend((flags | (offset / 8) as u16).to_be_bytes());
            out.extend([plan.ttl, protocol, 0, 0]);
            out.extend((plan.source.bits() as u32).to_be_bytes());
            out.extend((plan.target.bits() as u32).to_be_bytes());
            let sum = fold(sum(out.get(at..).unwrap_or_default()));
            put(out, at + 10, !sum);
        } else {
            let extra = if fragment { 8 } else { 0 };
            out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            out.extend(((length + extra) as u16).to_be_bytes());
            out.extend([if fragment { 44 } else { protocol }, plan.ttl]);
            out.extend(plan.source.bits().to_be_bytes());
            out.extend(plan.target.bits().to_be_bytes());
            if fragment {
                out.extend([protocol, 0]);
                out.extend((offset as u16 & !7 | u16::from(more)).to_be_bytes());
                out.extend([0, 0]);
                out.extend(id.to_be_bytes());
            }
        }
    }
}

/// Writes what follows the IP header of `plan` into `out` and returns the protocol number.
pub(crate) fn transport(plan: &Plan, rng: &mut Rng, out: &mut Vec<u8>) -> u8 {
    out.clear();
    let v4 = plan.source.is_v4();
    let mut chain = 0;
    let (protocol, checksum_at) = match plan.body {
        Body::Tcp(tcp) => {
            out.extend(tcp.source_port.to_be_bytes());
            out.extend(tcp.target_port.to_be_bytes());
            out.extend(tcp.sequence.to_be_bytes());
            out.extend(tcp.acknowledged.to_be_bytes());
            out.extend([0, tcp.flags]);
            out.extend(tcp.window.to_be_bytes());
            out.extend([0; 4]);
            tcp.options.write(out);
            let words = (out.len() / 4) as u8;
            if let Some(octet) = out.get_mut(12) {
                *octet = words << 4;
            }
            (TCP, 16)
        }
        Body::Udp { source_port, target_port } | Body::LoneFragment { source_port, target_port, offset: 0, .. } => {
            out.extend(source_port.to_be_bytes());
            out.extend(target_port.to_be_bytes());
            out.extend([0; 4]);
            (UDP, 6)
        }
        Body::Echo { reply, identifier, sequence } => {
            let kind = match (v4, reply) {
                (true, false) => 8,
                (true, true) => 0,
                (false, false) => 128,
                (false, true) => 129,
            };
            out.extend([kind, 0, 0, 0]);
            out.extend(identifier.to_be_bytes());
            out.extend(sequence.to_be_bytes());
            (if v4 { 1 } else { 58 }, 2)
        }
        Body::HiddenEcho { header, headers, sequence } => {
            let (kind, protocol) = if v4 { (8, 1) } else { (128, 58) };
            for number in 1..=if v4 { 0 } else { headers } {
                extension(header, if number == headers { protocol } else { header }, out);
            }
            chain = out.len();
            out.extend([kind, 0, 0, 0, 0x12, 0x34]);
            out.extend(sequence.to_be_bytes());
            (protocol, chain + 2)
        }
        Body::Raw(protocol) => (protocol, 0),
        Body::LoneFragment { .. } | Body::Link(..) => (UDP, 0),
    };
    let header = out.len();
    payload::write(plan.payload, usize::from(plan.length), rng, out);
    if header == 0 {
        return protocol;
    }
    if protocol == UDP {
        // A first fragment states the length of the complete datagram.
        let announced = if matches!(plan.body, Body::LoneFragment { .. }) { 4_000 } else { out.len() as u16 };
        put(out, 4, announced);
    }
    let checked = out.get(chain..).unwrap_or_default();
    let pseudo = if protocol == 1 { 0 } else { pseudo_sum(plan.source, plan.target, protocol, checked.len()) };
    let checksum = match !fold(pseudo + sum(checked)) {
        // Zero would mean "none" in UDP (RFC 768).
        0 if protocol == UDP => 0xffff,
        checksum => checksum,
    };
    put(out, checksum_at, checksum);
    match plan.body {
        Body::HiddenEcho { header, headers: 1.., .. } if !v4 => header,
        _ => protocol,
    }
}

/// One extension header of `kind` before `next`: 16 octets of authentication (RFC 4302), a fragment header of a whole
/// packet (RFC 6946), or options that are all padding.
fn extension(kind: u8, next: u8, out: &mut Vec<u8>) {
    match kind {
        51 => out.extend([next, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
        44 => out.extend([next, 0, 0, 0, 0, 0, 0, 1]),
        _ => out.extend([next, 0, 1, 4, 0, 0, 0, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_and_groups() {
        let of = |text: &str| text.parse().map(|a: Addr| mac_for(a).to_string());
        assert_eq!(of("203.0.113.7"), Ok("02:00:cb:00:71:07".into()));
        assert_eq!(of("239.129.1.2"), Ok("01:00:5e:01:01:02".into()));
        assert_eq!(of("ff02::fb"), Ok("33:33:00:00:00:fb".into()));
        assert_eq!(of("255.255.255.255"), Ok("ff:ff:ff:ff:ff:ff".into()));
    }

    #[test]
    fn option_lengths_fill_words() {
        for (options, length) in [
            (TcpOptions::None, 0),
            (TcpOptions::Mss(1460), 4),
            (TcpOptions::Linux { mss: 1460, value: 1, echo: 0 }, 20),
            (TcpOptions::Windows { mss: 1460 }, 12),
            (TcpOptions::Mac { mss: 1460, value: 1 }, 24),
            (TcpOptions::Timestamps { value: 1, echo: 2 }, 12),
        ] {
            let mut out = Vec::new();
            options.write(&mut out);
            assert_eq!(out.len(), length, "{options:?}");
        }
    }

    #[test]
    fn ports_see_reversed_directions() {
        let directions = |seen: SeenAs| [Way::Inward, Way::Outward].map(|way| seen.direction(way));
        assert_eq!(directions(SeenAs::Uplink), [FrameDirection::Ingress, FrameDirection::Egress]);
        assert_eq!(directions(SeenAs::Port), [FrameDirection::Egress, FrameDirection::Ingress]);
        assert_eq!(directions(SeenAs::Egress), [FrameDirection::Egress; 2]);
        assert_eq!(SeenAs::default().direction(Way::Internal), FrameDirection::Unknown);
    }

    #[test]
    fn only_received_frames_are_padded() {
        let mut frame = FrameBuffer::default();
        frame.begin(0, Way::Inward, (GATEWAY, Mac::BROADCAST));
        frame.finish();
        assert_eq!(frame.data.len(), MIN_FRAME);
        frame.begin(0, Way::Outward, (GATEWAY, Mac::ZERO));
        frame.finish();
        assert_eq!(frame.data.len(), 12);
    }
}
