//! What a host must have before a detector can find anything there: each detector declares it, and the [gate](super::gate)
//! keeps it to that.

use super::exceeded::BURST_SHARE;
use super::settings::{Setting, Settings};
use crate::base::Direction;
use crate::inventory::GroupId;
use crate::meter::{HostDirection, PointWeights, Span};
use crate::packet::{App, Class};

/// A count of the last second in one direction of a host: at least as high as what a detector compares with its limit, in
/// packets unless it says otherwise. Packets of which the memory of conversations cannot tell, steady streams and packets that
/// were excused later are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    /// All packets.
    Packets,
    /// All bits.
    Bits,
    /// SYNs, whatever became of them.
    Syns,
    /// SYN-ACKs that were not asked for.
    SynAcks,
    /// ACKs, with or without data, that were not asked for.
    Acks,
    /// RSTs that were not asked for.
    Rsts,
    /// Data, ACKs, RSTs and FINs that were not asked for.
    Pages,
    /// FINs that were not asked for.
    Fins,
    /// Segments with flags that no stack sends.
    Abnormal,
    /// Segments of all flag patterns that belong to no connection: all SYNs and abnormal ones among them.
    Unmatched,
    /// UDP that was not asked for, and flows that were answered for the first time.
    Udp,
    /// The same of UDP port 443.
    Quic,
    /// Mere UDP that was not asked for.
    OneWayUdp,
    /// Replies of services that amplify which were not asked for: of services that also have honest uses.
    Replies,
    /// The same of services that no sound network uses across its edge.
    UnambiguousReplies,
    /// Replies of services that amplify, asked for or not: of services that also have honest uses.
    AllReplies,
    /// The same of services that no sound network uses across its edge.
    AllUnambiguousReplies,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// Echo replies, and echo requests to groups.
    EchoReplies,
    /// Later fragments that were not asked for.
    Fragments,
    /// GRE.
    Gre,
    /// Other IP protocols.
    OtherProtocols,
    /// Packets from an address and port to the same address and port.
    Land,
    /// HTTP requests, complete or not.
    HttpRequests,
    /// Signs of HTTP connections that are kept busy: incomplete requests, tiny segments, zero windows.
    SlowHttp,
    /// TLS handshake segments.
    TlsHandshakes,
    /// DNS queries.
    DnsQueries,
    /// SIP requests.
    SipRequests,
    /// Completed connections on which the client sent nothing.
    SilentConnections,
}

/// Each gauge is described once, by what it counts: reading it and giving points for it follow from that.
impl Gauge {
    /// The classes of which it counts all packets.
    fn classes(self) -> &'static [Class] {
        match self {
            Gauge::Syns => &[Class::TcpSyn],
            Gauge::Abnormal => &[Class::TcpNull, Class::TcpXmas, Class::TcpOther],
            Gauge::Unmatched => &[Class::TcpSyn, Class::TcpNull, Class::TcpXmas, Class::TcpOther],
            Gauge::Icmp => &[Class::IcmpEcho, Class::IcmpReply, Class::IcmpError, Class::IcmpOther],
            Gauge::Icmpv6 => {
                &[Class::Icmpv6Echo, Class::Icmpv6Reply, Class::Icmpv6Error, Class::Icmpv6Nd, Class::Icmpv6Other]
            }
            Gauge::EchoReplies => &[Class::IcmpEchoGroup, Class::IcmpReply, Class::Icmpv6Reply],
            Gauge::Gre => &[Class::Gre],
            Gauge::OtherProtocols => &[Class::IpOther, Class::IpTunnel],
            Gauge::Land => &[Class::Land],
            _ => &[],
        }
    }

    /// The classes of which it counts what was not asked for, as far as known. ACKs stand for data as well.
    fn unsolicited(self) -> &'static [Class] {
        match self {
            Gauge::SynAcks => &[Class::TcpSynAck],
            Gauge::Acks => &[Class::TcpAck],
            Gauge::Rsts => &[Class::TcpRst],
            Gauge::Fins => &[Class::TcpFin],
            Gauge::Pages => &[Class::TcpAck, Class::TcpRst, Class::TcpFin],
            Gauge::Unmatched => &[Class::TcpSynAck, Class::TcpAck, Class::TcpRst, Class::TcpFin],
            Gauge::Udp | Gauge::OneWayUdp => &[Class::Udp],
            Gauge::Quic => &[Class::Quic],
            Gauge::Fragments => &[Class::Fragment],
            _ => &[],
        }
    }

    /// The applications of which it counts all packets.
    fn apps(self) -> &'static [App] {
        match self {
            Gauge::HttpRequests => super::requests::HTTP_REQUESTS,
            Gauge::SlowHttp => &[App::HttpIncomplete, App::HttpAwaitingBody, App::TinySegment, App::ZeroWindow],
            Gauge::TlsHandshakes => &[App::TlsClientHello, App::TlsHandshake],
            Gauge::DnsQueries => &[App::DnsQuery],
            Gauge::SipRequests => &[App::SipRequest],
            _ => &[],
        }
    }

    /// Reads the gauge.
    pub(super) fn of(self, host: &HostDirection<'_>) -> u64 {
        let (forward, reverse) = (host.forward(Span::Second), host.reverse(Span::Second));
        let unsolicited = self.unsolicited().iter().map(|&class| forward.unsolicited_at_most(class)).sum::<u64>();
        let counted = match self.apps() {
            [] => forward.of_all(self.classes()).packets + unsolicited,
            apps => host.app_packets(Span::Second, apps),
        };
        match self {
            Gauge::Packets => forward.packets(),
            Gauge::Bits => forward.of_all(Class::ALL).bytes.saturating_mul(8),
            // Replies of services and the first answers to flows are judged as well.
            Gauge::Udp | Gauge::Quic => {
                let answers = self.unsolicited().iter().map(|&class| reverse.unsolicited_at_most(class)).sum::<u64>();
                let flows = forward.verdicts(self.unsolicited()).answered + answers;
                counted + host.replies(false).1 + host.replies(true).1 + flows
            }
            Gauge::Replies => host.replies(false).1,
            Gauge::UnambiguousReplies => host.replies(true).1,
            Gauge::AllReplies => host.replies(false).0,
            Gauge::AllUnambiguousReplies => host.replies(true).0,
            Gauge::SilentConnections => {
                let steps = host.client_steps(Span::Second);
                steps.completed.saturating_sub(steps.used).into()
            }
            _ => counted,
        }
    }

    /// Gives points to every packet that the gauge counts, so that a gauge at `floor` has all of them.
    pub(super) fn weigh(self, floor: u64, weights: &mut PointWeights) {
        weights.packets(self.classes(), floor);
        weights.unsolicited(self.unsolicited(), floor);
        weights.apps(self.apps(), floor);
        match self {
            Gauge::Packets | Gauge::Bits => weights.any_packet(),
            Gauge::Udp | Gauge::Quic => {
                weights.unsolicited_replies(false, floor);
                weights.unsolicited_replies(true, floor);
                weights.answered(self.unsolicited(), floor);
            }
            Gauge::Replies => weights.unsolicited_replies(false, floor),
            Gauge::UnambiguousReplies => weights.unsolicited_replies(true, floor),
            Gauge::AllReplies => weights.replies(false, floor),
            Gauge::AllUnambiguousReplies => weights.replies(true, floor),
            Gauge::SilentConnections => weights.silent_connections(floor),
            _ => {}
        }
    }
}

/// What a host must have before a detector can find anything there; of several needs, one suffices.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub(super) gauge: Gauge,
    /// The limits that it is compared with; the lowest floor counts. A limit of 0 is none.
    limits: &'static [Setting],
    /// The part of the limit that suffices.
    share: f64,
    /// Packets below which that part does not suffice, but the whole limit does.
    least: f64,
}

impl Need {
    /// What a rate above its limit takes (`exceeded.rs`): the limit in a second, or half of it in a burst of at least
    /// `least` packets.
    pub const fn exceeded(gauge: Gauge, limits: &'static [Setting], least: f64) -> Need {
        Need { gauge, limits, share: BURST_SHARE.value, least }
    }

    /// Half of the limit, whatever that is in packets.
    pub const fn half(gauge: Gauge, limits: &'static [Setting]) -> Need {
        Need { gauge, limits, share: 0.5, least: 0.0 }
    }

    /// Half of what a slow rule takes, which asks for `fraction` of the limit over ten seconds and for half of that in the last
    /// one (`exceeded.rs`).
    pub const fn lasting(gauge: Gauge, limits: &'static [Setting], fraction: f64) -> Need {
        Need { gauge, limits, share: fraction / 2.0, least: 0.0 }
    }

    /// A single one suffices.
    pub const fn any(gauge: Gauge) -> Need {
        Need { gauge, limits: &[], share: 0.0, least: 0.0 }
    }

    /// The least count that suffices; `None` where no limit is set.
    pub(super) fn floor(&self, settings: &Settings, group: Option<GroupId>, direction: Direction) -> Option<u64> {
        if self.limits.is_empty() {
            return Some(1);
        }
        // What is learned only raises a limit.
        let limits = self.limits.iter().map(|setting| settings.limit(setting).of(group, direction, |_| None).value);
        let floors = limits.filter(|limit| *limit > 0.0).map(|limit| (limit * self.share).max(self.least).min(limit));
        // A count is a whole number.
        floors.min_by(f64::total_cmp).map(|floor| floor.ceil() as u64)
    }
}
