//! Decodes one frame to one [`Packet`].

use super::link::Network;
use super::tunnel::{self, Carried, Labelled, Start};
use super::{Anomaly, Class, Packet, common, control, ip, link};
use crate::base::Timestamp;
use crate::capture::{Frame, FrameDirection, Vlan};

/// Which addresses a tunnelled packet is counted under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tunnels {
    /// Those of the outer header: the endpoints on this network.
    #[default]
    Outer,
    /// Those of the innermost header, through GRE (RFC 2784, 2890), ERSPAN, IP in IP (RFC 2003), 6in4 (RFC 4213), EtherIP
    /// (RFC 3378), VXLAN (RFC 7348) and VXLAN-GPE, Geneve (RFC 8926), GTP-U (3GPP TS 29.281), Ethernet pseudowires (RFC
    /// 4448) and provider backbone bridging: for mirror ports and monitoring tunnels. The length remains that of the
    /// whole frame.
    Inner,
}

/// Maximum nested tunnels that are followed.
const MAX_TUNNELS: usize = 4;

/// The headers around the innermost one, outermost first.
#[derive(Clone, Copy, Debug, Default)]
pub struct OuterHeaders {
    packets: [Packet; MAX_TUNNELS],
    count: usize,
}

impl OuterHeaders {
    /// The packets as their headers alone would be decoded.
    pub fn packets(&self) -> &[Packet] {
        self.packets.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, packet: Packet) {
        if let Some(slot) = self.packets.get_mut(self.count) {
            *slot = packet;
            self.count += 1;
        }
    }
}

/// Decodes frames to packets. It contains only configuration: the same frame always gives the same packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    /// Which addresses tunnelled packets are counted under.
    pub tunnels: Tunnels,
}

impl Decoder {
    /// Decodes one frame.
    #[inline]
    pub fn decode(&self, frame: &Frame<'_>) -> Packet {
        let mut packet = begin(frame);
        if !common::decode(frame, &mut packet) {
            self.decode_any(frame, &mut packet, &mut OuterHeaders::default(), true);
        }
        packet
    }

    /// Decodes one frame into an existing record, which saves a copy. Where that [is inside a tunnel](Packet::is_inner),
    /// `outer` contains the headers around it.
    #[inline]
    pub fn decode_into(&self, frame: &Frame<'_>, packet: &mut Packet, outer: &mut OuterHeaders) {
        if !common::decode(frame, packet) {
            self.decode_any(frame, packet, outer, true);
        }
    }

    fn decode_any(&self, frame: &Frame<'_>, packet: &mut Packet, outer: &mut OuterHeaders, fast_path: bool) {
        *packet = begin(frame);
        let reader = Reader { frame, cut: (frame.wire_len as usize).saturating_sub(frame.data.len()), fast_path };
        let contents = reader.read(link::open(frame.link, frame.data, packet), packet);
        let payload = match self.tunnels {
            Tunnels::Outer => {
                packet.unopened = contents.carried.ok().flatten().map(|carried| carried.kind);
                contents.payload
            }
            Tunnels::Inner => reader.follow(contents, packet, outer),
        };
        packet.payload_at = payload_start(frame.data, payload);
        // Inside a tunnel it is none of the LAN that the tunnel crosses.
        packet.is_control = !packet.is_inner && control::is_control(packet);
    }

    /// Decodes without the fast paths, for the test that compares both.
    #[doc(hidden)]
    pub fn decode_lax(&self, frame: &Frame<'_>) -> Packet {
        let mut packet = begin(frame);
        self.decode_any(frame, &mut packet, &mut OuterHeaders::default(), false);
        packet
    }
}

/// The packet that an ICMP error quotes: addresses, protocol and ports of what is there of it (RFC 792: 8 octets of its
/// payload; RFC 4443 §2.4: as much as fits). `None` if there is no IP header.
pub fn quoted(message: &[u8]) -> Option<Packet> {
    let mut packet = Packet::empty(Timestamp::ZERO, 0, 0, FrameDirection::Unknown);
    network(message, None, true, &mut packet);
    packet.has_ip.then_some(packet)
}

/// The packet with the frame's metadata only. A VLAN tag in the metadata is the outermost one: any tags in the octets
/// follow it.
#[inline]
fn begin(frame: &Frame<'_>) -> Packet {
    Packet {
        vlan: frame.vlan.map_or(0, Vlan::id),
        segments: frame.segments,
        ..Packet::empty(frame.time, frame.wire_len, frame.interface, frame.direction)
    }
}

/// Offset of the payload, a subslice of the frame; the frame's length if there is none. It is computed from the
/// addresses of the slices: padding may follow the payload, so its length does not give the offset.
#[inline]
fn payload_start(frame: &[u8], payload: Option<&[u8]>) -> u16 {
    let start = match payload {
        Some(payload) if !payload.is_empty() => payload.as_ptr().addr().wrapping_sub(frame.as_ptr().addr()),
        _ => frame.len(),
    };
    start.min(frame.len()).min(usize::from(u16::MAX)) as u16
}

/// What follows the headers that were read.
struct Contents<'a> {
    /// The transport payload or the body of the frame, if there is one.
    payload: Option<&'a [u8]>,
    /// The packet inside this one, or what is wrong with the header of a tunnel.
    carried: Result<Option<Carried<'a>>, Anomaly>,
}

/// Reads an IP packet; returns its transport payload.
#[inline]
fn network<'a>(data: &'a [u8], announced: Option<u8>, fast_path: bool, packet: &mut Packet) -> Option<&'a [u8]> {
    let matches = announced.is_none_or(|version| data.first().is_some_and(|first| first >> 4 == version));
    let fast = if fast_path && matches { ip::fast(data, packet) } else { None };
    let payload = match fast {
        Some(payload) => Some(payload),
        None => ip::lax(data, announced, packet),
    };
    payload.map(|payload| ip::transport(payload, packet))
}

/// Reads the headers of one frame and of the packets inside it.
struct Reader<'f> {
    frame: &'f Frame<'f>,
    /// Octets at the end of the frame that were not captured.
    cut: usize,
    fast_path: bool,
}

impl<'f> Reader<'f> {
    /// Reads what follows a link-layer header.
    #[inline]
    fn read(&self, start: Network<'f>, packet: &mut Packet) -> Contents<'f> {
        let (data, announced) = match start {
            Network::Ip(data, announced) => (data, announced),
            other => match self.without_network(other, packet) {
                Ok(data) => (data, None),
                Err(contents) => return contents,
            },
        };
        let payload = network(data, announced, self.fast_path, packet);
        let carried = payload.map_or(Ok(None), |payload| tunnel::of_packet(packet, payload));
        Contents { payload, carried }
    }

    /// What has no network layer, or the IP packet behind labels.
    fn without_network(&self, start: Network<'f>, packet: &mut Packet) -> Result<&'f [u8], Contents<'f>> {
        let carried = match start {
            Network::Ip(data, _) => return Ok(data),
            Network::Done(rest) => return Err(Contents { payload: Some(rest), carried: Ok(None) }),
            Network::Labelled(data) => match tunnel::behind_labels(data, data.len().saturating_add(self.cut)) {
                Labelled::Ip => return Ok(data),
                Labelled::Carried(carried) => Some(carried),
                Labelled::Control => None,
            },
            Network::Carried(carried) => Some(carried),
        };
        packet.class = Class::L2Other;
        Err(Contents { payload: Some(&[]), carried: Ok(carried) })
    }

    /// Follows tunnels to the innermost packet; returns its payload. Keeps the outer packet if the inner one is not IP.
    fn follow(&self, mut contents: Contents<'f>, packet: &mut Packet, outer: &mut OuterHeaders) -> Option<&'f [u8]> {
        outer.count = 0;
        for _ in 0..MAX_TUNNELS {
            let carried = match contents.carried {
                Ok(Some(carried)) => carried,
                Ok(None) => return contents.payload,
                Err(anomaly) => {
                    packet.anomaly = packet.anomaly.or(Some(anomaly));
                    return contents.payload;
                }
            };
            let Some(start) = carried.start else {
                packet.unopened = Some(carried.kind);
                return contents.payload;
            };
            let mut inner = Packet::empty(packet.time, packet.wire_len, packet.interface, packet.direction);
            (inner.vlan, inner.segments) = (packet.vlan, packet.segments);
            let network = match start {
                Start::Ip => Network::Ip(carried.data, None),
                Start::Ethernet => link::ethernet(carried.data, &mut inner),
                Start::EtherType(ethertype) => link::by_ethertype(ethertype, carried.data, &mut inner),
            };
            let next = self.read(network, &mut inner);
            if inner.has_ip {
                packet.payload_at = payload_start(self.frame.data, contents.payload);
                if packet.has_ip {
                    outer.push(*packet);
                }
                // The stations remain those of this link.
                (inner.source_mac, inner.destination_mac) = (packet.source_mac, packet.destination_mac);
                inner.is_inner = true;
                *packet = inner;
                contents = next;
            } else if matches!(next.carried, Ok(Some(_))) {
                contents.carried = next.carried;
            } else {
                // ARP and other protocols of the link are understood: there is no host to count.
                packet.unopened = (inner.class == Class::Unparsed).then_some(carried.kind);
                return contents.payload;
            }
        }
        if let Ok(Some(carried)) = contents.carried {
            packet.unopened = Some(carried.kind);
            packet.anomaly = packet.anomaly.or(Some(Anomaly::EncapsulationTooDeep));
        }
        contents.payload
    }
}
